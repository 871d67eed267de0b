"""What `make deploy` does with a stack of an earlier version before it updates the stack."""

from types import SimpleNamespace
from typing import Any

from rules.house import RULES, check
from rules.stack import Stack
from rules.template import load
from sandbox.stack import TEMPLATE
from scripts.operate.aliases import with_aliases
from scripts.operate.keys import TAG, tag_keys


def test_a_release_without_aliases_gets_them() -> None:
    """It then keeps the rule about aliases. Before, it breaks the rule in many places."""
    released = load(TEMPLATE)
    del released["Globals"]["Function"]["AutoPublishAlias"], released["Globals"]["Function"]["DeploymentPreference"]
    del released["Globals"]["Function"]["VersionDeletionPolicy"], released["Outputs"]["ManageOrganizationsFunction"]
    for resource in released["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            del properties["VersionDescription"], properties["AutoPublishAliasAllProperties"]
        elif resource["Type"] == "AWS::Events::Rule":
            for to in properties["Targets"]:
                to["Arn"] = {"Fn::GetAtt": [to["Arn"]["Ref"].removesuffix(".Alias"), "Arn"]}
        elif resource["Type"] == "AWS::Lambda::Permission":
            properties["FunctionName"] = {"Ref": properties["FunctionName"]["Ref"].removesuffix(".Alias")}
    before = check(Stack(released), {"aliases": RULES["aliases-are-called"]})
    between = with_aliases(released)
    assert between is not None
    assert len(before) > 20
    assert check(Stack(between), {"aliases": RULES["aliases-are-called"]}) == []


def test_a_stack_with_aliases_and_no_stack_at_all_need_nothing() -> None:
    """The extra update happens once in the life of a stack."""
    assert with_aliases(load(TEMPLATE)) is None
    assert with_aliases({}) is None


class Gateway:
    """API Gateway's keys with their tags, since moto tags APIs alone."""

    def __init__(self) -> None:
        self.meta = SimpleNamespace(region_name="eu-west-1")
        self.tags: dict[str, dict[str, str]] = {"own": {}, "tagged": {TAG: "mine"}, "foreign": {}}

    def get_paginator(self, _operation: str) -> Any:
        pages = {"plan": [{"items": [{"id": "own"}]}, {"items": [{"id": "tagged"}]}]}
        return SimpleNamespace(paginate=lambda **options: pages[options["usagePlanId"]])

    def get_api_key(self, **options: str) -> Any:
        return {"tags": self.tags[options["apiKey"]]}

    def tag_resource(self, **options: Any) -> None:
        prefix, _, key = options["resourceArn"].rpartition("/")
        assert prefix == "arn:aws:apigateway:eu-west-1::/apikeys"
        self.tags[key] |= options["tags"]


def test_keys_of_earlier_versions_are_tagged_once() -> None:
    """Only keys of the stack's own usage plan are tagged, and those with a tag are left alone."""
    gateway = Gateway()
    session: Any = SimpleNamespace(client=lambda _service: gateway, get_partition_for_region=lambda _region: "aws")
    assert [tag_keys(session, "mine", ["plan"]) for _ in range(2)] == [1, 0]
    assert gateway.tags == {"own": {TAG: "mine"}, "tagged": {TAG: "mine"}, "foreign": {}}
