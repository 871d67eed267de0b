"""The house rules hold for the template, and each finds what it is for."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.__main__ import main
from rules.deployments import DEPLOYMENTS
from rules.house import RULES, check
from rules.stack import Stack
from rules.template import Template, loader
from sandbox.stack import TEMPLATE, source

FIXTURES = Path(__file__).parent / "fixtures"
ON_THE_TEMPLATE = {"gateway-answers"}
"""Rules whose fixtures are the template itself and small changes to it, being too long to write out."""
INTRINSIC = {"Ref", "Fn::GetAtt", "Fn::Sub"}


def fixtures(kind: str) -> list[Any]:
    """The templates that must pass, or those that must fail: a passing one with a small change."""
    made = []
    for path in sorted(FIXTURES.glob("*.yaml")):
        fixture = yaml.load(path.read_text(), Loader=loader())
        if kind == "passes":
            cases = [(template, "") for template in fixture["passes"]]
        else:
            cases = [(changed(fixture["passes"][0], fail["with"]), fail["finds"]) for fail in fixture["fails"]]
        made += [pytest.param(path.stem, *case, id=f"{path.stem}-{number}") for number, case in enumerate(cases)]
    return made


def changed(template: Template, change: Template) -> Template:
    """A copy of `template` with `change` laid over it; null takes away."""
    result = copy.deepcopy(template)
    for key, value in change.items():
        if value is None:
            del result[key]
        elif isinstance(value, dict) and isinstance(result.get(key), dict) and not value.keys() & INTRINSIC:
            result[key] = changed(result[key], value)
        else:
            result[key] = value
    return result


@pytest.mark.parametrize(("rule", "template", "_"), fixtures("passes"))
def test_rule_finds_nothing_where_nothing_is_wrong(rule: str, template: Template, _: str) -> None:
    """A template that keeps the rule has no finding."""
    assert check(Stack(template), {rule: RULES[rule]}) == []


@pytest.mark.parametrize(("rule", "template", "finds"), fixtures("fails"))
def test_rule_finds_the_one_thing_that_is_wrong(rule: str, template: Template, finds: str) -> None:
    """A template that breaks the rule in one place has exactly that finding."""
    found = [f"{finding.resource}: {finding.message}" for finding in check(Stack(template), {rule: RULES[rule]})]
    assert len(found) == 1
    assert found[0].startswith(finds)


def test_every_rule_has_a_fixture_that_passes_and_one_that_fails() -> None:
    """No rule is trusted that was never seen to find anything."""
    for kind in ("passes", "fails"):
        assert {parameter.values[0] for parameter in fixtures(kind)} | ON_THE_TEMPLATE == set(RULES)


def answer_text(status: int, detail: str, message: str) -> str:
    """The template of one of the gateway's own answers."""
    return json.dumps({"type": "about:blank", "title": "", "status": status, "detail": detail, "message": message})


@pytest.mark.parametrize("parameters", DEPLOYMENTS, ids=lambda each: ",".join(each) or "defaults")
def test_template_keeps_every_rule(parameters: dict[str, str]) -> None:
    """However the conditions are decided, nothing in the template breaks a rule."""
    assert [str(finding) for finding in check(Stack(source(), parameters))] == []


@pytest.mark.parametrize(
    ("answer", "change", "found"),
    [
        ("THROTTLED", None, "THROTTLED is missing"),
        ("INVALID_API_KEY", {"StatusCode": 401}, "INVALID_API_KEY must have the status 403"),
        ("THROTTLED", {"ResponseParameters": {"Headers": {"Retry-After": None}}}, "THROTTLED lacks Retry-After"),
        (
            "DEFAULT_5XX",
            {"ResponseParameters": {"Headers": {"Access-Control-Allow-Origin": None}}},
            "DEFAULT_5XX lacks the CORS header",
        ),
        (
            "DEFAULT_4XX",
            {"ResponseParameters": {"Headers": {"Content-Type": None}}},
            "DEFAULT_4XX lacks a header of the contract",
        ),
        (
            "RESOURCE_NOT_FOUND",
            {"ResponseTemplates": {"application/json": '{"status": 404, "message": "No such route"}'}},
            "RESOURCE_NOT_FOUND lacks a member of the error shape",
        ),
        (
            "REQUEST_TOO_LARGE",
            {"ResponseTemplates": {"application/json": answer_text(413, "Send smaller batches.", "Too large")}},
            "REQUEST_TOO_LARGE has another message than the contract",
        ),
        (
            "INVALID_API_KEY",
            {"ResponseTemplates": {"application/json": answer_text(403, "Send x-api-key.", "Send x-api-key.")}},
            "INVALID_API_KEY has another message than the contract",
        ),
        (
            "ACCESS_DENIED",
            {"ResponseTemplates": {"application/json": answer_text(403, "Forbidden", "Forbidden")}},
            "ACCESS_DENIED does not say where to send the key",
        ),
    ],
)
def test_gateway_answers_are_held_to_the_contract(answer: str, change: Template | None, found: str) -> None:
    """One of the gateway's own answers missing, or with another status, shape or header, is found."""
    answers = {"GatewayResponses": {answer: change}}
    template = changed(source(), {"Resources": {"Api": {"Properties": answers}}})
    findings = check(Stack(template), {"gateway-answers": RULES["gateway-answers"]})
    assert len(findings) == 1
    assert found in findings[0].message


@pytest.mark.parametrize("answer", sorted(source()["Resources"]["Api"]["Properties"]["GatewayResponses"]))
def test_no_gateway_answer_of_the_template_can_be_left_out(answer: str) -> None:
    """Every answer that the template names differs from the default of its class, so its loss is found."""
    answers = {"GatewayResponses": {answer: None}}
    template = changed(source(), {"Resources": {"Api": {"Properties": answers}}})
    findings = check(Stack(template), {"gateway-answers": RULES["gateway-answers"]})
    assert len(findings) == 1
    assert findings[0].message.startswith(f"{answer} is missing")


def test_command_says_what_is_broken_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m rules` names rule, resource and breach, and its exit status stops a build."""
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("Action: [sns:Publish]", 'Action: "sns:*"'))
    assert main(TEMPLATE) == 0
    assert main(broken) == 1
    assert "least-privilege: ManageAlertsRole: allows sns:*" in capsys.readouterr().out
