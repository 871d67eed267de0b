"""The plan that `make deploy` prints, the command that it runs, and the region that both commands use."""

import ast
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from rules.template import load
from scripts.operate.deploy import deployed, parsed, with_tags
from scripts.operate.package import command, upload
from scripts.operate.plan import concurrency_warning, lines, name_warning, plan
from scripts.operate.session import ROOT, SAM, region_of, settings_of

OLD: dict[str, dict[str, Any]] = {"A": {"Default": "1"}, "B": {"Default": "x"}, "Secret": {"NoEcho": True}, "Gone": {}}
NEW: dict[str, dict[str, Any]] = {
    "A": {"Default": "2"},
    "B": {"Default": "y"},
    "C": {"Default": 3},
    "Secret": {"NoEcho": True, "Default": ""},
    "Sent": {},
}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of the tester names a region."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def test_an_update_keeps_values_and_names_changed_defaults() -> None:
    """A kept value whose default changed is named. One that somebody chose, or that equals the new default, is not."""
    found = plan({"Sent": "s"}, NEW, {"A": "1", "B": "y", "Secret": "word", "Gone": "g"}, OLD)
    assert found.kept == {"A": "1", "B": "y", "Secret": "word"}
    assert found.new == {"C": "3"}
    assert found.changed == {"A": ("1", "2")}
    assert found.values == {"Sent": "s", "A": "1", "B": "y", "Secret": "word", "C": "3"}
    assert list(lines(found, NEW, is_update=True)) == [
        "Parameters that are sent:",
        "  Sent=s",
        "Parameters that keep the stack's value:",
        "  A=1",
        "  B=y",
        "  Secret=****",
        "New parameters, with their defaults:",
        "  C=3",
        "Defaults that changed. The stack keeps its value until you send another one:",
        "  A: 1 became 2. The stack keeps 1.",
    ]


def test_a_first_deployment_lists_defaults_and_unknown_names() -> None:
    """There is nothing to keep. A parameter that the template lacks is named."""
    found = plan({"Sent": "s", "Emial": "e"}, NEW, None, {})
    assert (found.kept, found.changed) == ({}, {})
    text = list(lines(found, NEW, is_update=False))
    assert "Defaults:" in text
    assert '  Secret=""' in text
    assert text[-1].startswith("The template has no parameter Emial.")


@pytest.mark.parametrize(
    ("limit", "checks", "joins", "warns"), [(1000, 50, 10, False), (10, 50, 10, True), (10, 3, 2, False)]
)
def test_a_small_account_is_warned_of_checks(limit: int, checks: int, joins: int, warns: bool) -> None:
    """Checks that would take every execution of the account leave none for the API. The proposal does not."""
    found = concurrency_warning(limit, {"CheckConcurrency": str(checks), "JoinConcurrency": str(joins)})
    assert (found is not None) == warns
    if found is not None:
        proposed = dict(word.split("=") for word in found.splitlines()[1].replace(",", "").split() if "=" in word)
        assert concurrency_warning(limit, proposed) is None


def test_a_name_that_is_too_long_for_a_key_policy_is_named() -> None:
    """CloudFormation would shorten it in the names of queues, so that the policy no longer fits. Other stacks may."""
    queues = [
        name for name, one in load(ROOT / "template.yaml")["Resources"].items() if one["Type"] == "AWS::SQS::Queue"
    ]
    longest = max(map(len, queues))
    most = 80 - len("-") - longest - len("-ABCDEF123456.fifo")
    key = {"KeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1"}
    assert name_warning("s" * most, queues, key) is None
    assert f"at most {most}:" in (name_warning("s" * (most + 1), queues, key) or "")
    assert name_warning("s" * 128, queues, {"KeyArn": ""}) is None


def test_the_template_has_the_parameters_that_the_warning_names() -> None:
    """A renamed parameter would silence the warning."""
    declared = load(ROOT / "template.yaml")["Parameters"]
    assert all(int(declared[name]["MinValue"]) <= 2 for name in ("CheckConcurrency", "JoinConcurrency"))


def test_options_after_the_dashes_go_to_sam() -> None:
    """They stay what they are, also where they look like parameters. Parameters of the command line win."""
    words = ["--config", "prod", "--region", "eu-north-1", "--no-confirm", "LogRetentionDays=7"]
    made = parsed([*words, "--", "--tags", "team=ml", "--role-arn", "arn:aws:iam::1:role/x"])
    whole = made.command
    place = whole.index("--parameter-overrides")
    before, overrides = whole[:place], whole[place:]
    assert before[-4:] == ["--tags", "team=ml", "--role-arn", "arn:aws:iam::1:role/x"]
    assert before[before.index("--region") + 1] == "eu-north-1"
    assert "--no-confirm-changeset" in before
    assert {"LogRetentionDays=7", "DeletionProtection=true", "Architecture=arm64"} <= set(overrides)
    assert "--no-confirm-changeset" not in parsed(["--region", "eu-north-1"]).command


def test_the_tags_of_the_stack_are_sent_again_unless_others_are_given() -> None:
    """SAM would remove them. What is sent is what SAM's own parser reads as the same tags."""
    tags = {"team": "ml", "cost center": "4 2", "a:b": "x=y@z"}
    plain = parsed(["--region", "eu-west-1", "--no-confirm"])
    with mock_aws():
        session = boto3.Session("none", "none", region_name="eu-west-1")
        assert with_tags(plain, session) == plain
        session.client("cloudformation").create_stack(
            StackName="driftguard",
            TemplateBody='{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}',
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        kept = with_tags(plain, session)
        chosen = parsed(["--region", "eu-west-1", "--", "--tags", "team=risk"])
        assert with_tags(chosen, session) == chosen
    assert kept.options[0] == "--tags"
    code = "import sys; from samcli.cli.types import CfnTags; print(CfnTags().convert(sys.argv[1:], None, None))"
    python = SAM.with_name("python")
    read = subprocess.run([python, "-c", code, *kept.options[1:]], capture_output=True, text=True, check=True)
    assert ast.literal_eval(read.stdout) == tags


def test_a_parameter_without_a_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the word and the form."""
    with pytest.raises(SystemExit):
        parsed(["--region", "eu-north-1", "EmailFrom"])
    assert "EmailFrom: write parameters as Name=Value" in capsys.readouterr().err


def test_the_region_comes_from_the_nearest_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Option, samconfig.toml, AWS_REGION, AWS_DEFAULT_REGION: deploy and undeploy look there in this order."""
    settings = settings_of("default")
    with pytest.raises(SystemExit, match="No region is set"):
        region_of(settings, "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert region_of(settings, "") == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert region_of(settings, "") == "eu-west-2"
    configured = {**settings, "deploy": {"parameters": {"region": "eu-west-3"}}}
    assert region_of(configured, "") == "eu-west-3"
    assert region_of(configured, "eu-central-1") == "eu-central-1"


def test_make_passes_everything_on() -> None:
    """`make -n` shows the commands that `make deploy` and `make undeploy` run in CI."""

    def shown(target: str, *variables: str) -> str:
        line = ["make", "-n", target, *variables]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    both = ("CONFIRM=no", "REGION=eu-north-1", "CONFIG=prod")
    deploy = shown("deploy", *both, "PARAMETERS=EmailFrom=a@b.de", "OPTIONS=--tags team=ml")
    assert "--config prod --architecture arm64 --region eu-north-1 --no-confirm EmailFrom=a@b.de" in deploy
    assert "-- --tags team=ml" in deploy
    assert "--config prod --region eu-north-1 --yes" in shown("undeploy", *both)


def test_a_package_needs_a_bucket() -> None:
    """Without one the command says how to call it."""
    run = subprocess.run(["make", "package", "BUCKET="], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "package: name a bucket of the stack's region: make package BUCKET=my-artifacts" in run.stderr


def test_the_packaged_template_is_uploaded_under_its_version(tmp_path: Path) -> None:
    """The URL is the one that CloudFormation reads: a plus sign is escaped."""
    packaged = tmp_path / "packaged.yaml"
    packaged.write_text("Resources: {}\n")
    words = command(tmp_path / "t.yaml", "artifacts", "apps", "eu-north-1", packaged)
    assert " ".join(words[1:]).startswith(f"package --template-file {tmp_path / 't.yaml'} --s3-bucket artifacts")
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-north-1")
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
        url = upload(s3, packaged, "artifacts", "apps", "0.1.0+abc")
        assert url == "https://artifacts.s3.eu-north-1.amazonaws.com/apps/template-0.1.0%2Babc.yaml"
        stored = s3.get_object(Bucket="artifacts", Key="apps/template-0.1.0+abc.yaml")["Body"].read()
    assert stored == packaged.read_bytes()


class Refusing:
    """A CloudFormation that answers with this error."""

    def __init__(self, code: str) -> None:
        self._error = ClientError({"Error": {"Code": code, "Message": "words"}}, "DescribeStacks")

    def describe_stacks(self, **_names: str) -> Any:
        raise self._error


def test_a_stack_that_cannot_be_read_is_not_a_missing_one() -> None:
    """Only a stack that does not exist has nothing to keep. Other errors are shown."""
    assert deployed(Refusing("ValidationError"), "driftguard") == (None, {})
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed(Refusing("AccessDenied"), "driftguard")
