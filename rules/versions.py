"""Rules about versions: whoever calls a function names its alias, and every change of a function is published."""

import json
import re
from collections.abc import Iterator
from typing import Any

from rules.stack import Breach, Stack, listed, statements, target
from rules.template import Template

ALIAS = "live"
"""The alias of every function. It leads to the version whose code, layers and variables belong together."""

UNPUBLISHED = {"ReservedConcurrentExecutions"}
"""Properties of a function that apply to all of its versions, so that a change need not be published."""


def aliases_are_called(stack: Stack) -> Iterator[Breach]:
    """Every function has the alias, and events, permissions, queues, routes, variables and outputs name it."""
    aliases = stack.of("AWS::Lambda::Alias")
    functions = stack.of("AWS::Lambda::Function")
    for name in functions.keys() - {target(alias["FunctionName"]) for alias in aliases.values()}:
        yield name, "has no alias; set AutoPublishAlias"
    for name, value in _calls(stack):
        if stack.behind(value) in functions and target(value) not in aliases:
            yield name, f"leads to {target(value)}, which may be half updated; name its alias"
    for name, called in _names(stack):
        if not str(called).endswith(f":{ALIAS}"):
            yield name, f"names a function without :{ALIAS}"


def _calls(stack: Stack) -> Iterator[tuple[str, Any]]:
    """Every reference through which a function is called, with the logical id of its resource."""
    for kind, key in (
        ("AWS::SNS::Subscription", "Endpoint"),
        ("AWS::Lambda::Permission", "FunctionName"),
        ("AWS::Lambda::EventSourceMapping", "FunctionName"),
    ):
        yield from ((name, each[key]) for name, each in stack.of(kind).items())
    for name, rule in stack.of("AWS::Events::Rule").items():
        yield from ((name, each["Arn"]) for each in rule.get("Targets", []))
    for name, api in stack.of("AWS::ApiGateway::RestApi").items():
        for called in re.findall(r"\$\{(\w+)(?:\.Arn)?\}/invocations", json.dumps(api.get("Body", {}))):
            yield name, {"Ref": called}
    for name, output in stack.deployed.get("Outputs", {}).items():
        yield name, output["Value"]


def _names(stack: Stack) -> Iterator[tuple[str, Any]]:
    """Every name of a function that is not a reference, with the logical id of its resource."""
    for name, config in stack.of("AWS::Lambda::EventInvokeConfig").items():
        yield name, f":{config.get('Qualifier')}"
    for name, function in stack.of("AWS::Lambda::Function").items():
        variables = function.get("Environment", {}).get("Variables", {})
        yield from ((name, value) for key, value in variables.items() if key.endswith("_FUNCTION"))
    for name, role in stack.of("AWS::IAM::Role").items():
        for statement in statements(stack, role):
            if "lambda:InvokeFunction" in listed(statement["Action"]):
                yield from ((name, resource) for resource in listed(statement["Resource"]))


def changes_are_published(stack: Stack) -> Iterator[Breach]:
    """A function is published when a property, a layer or a parameter changes.

    SAM compares the text of a function's properties. The version's description has the number of every layer, and the
    texts of a layer have every parameter that a function uses.
    """
    resources = stack.source["Resources"]
    everywhere = stack.source.get("Globals", {}).get("Function", {})
    layers = {name: each for name, each in resources.items() if each["Type"] == "AWS::Serverless::LayerVersion"}
    texts = [[each["Properties"].get(key) for key in ("Description", "LicenseInfo")] for each in layers.values()]
    published = _references(texts)
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        if properties.get("AutoPublishAliasAllProperties") is not True:
            yield name, "is published for a change of its code alone; set AutoPublishAliasAllProperties"
        mine = {target(each) for each in [*everywhere.get("Layers", []), *properties.get("Layers", [])]}
        for layer in sorted(mine - _references(properties.get("VersionDescription"))):
            yield name, f"is not published when {layer} changes; put its number into VersionDescription"
        used = _parameters(stack.source, {**everywhere, **properties})
        for parameter in sorted(used - published):
            yield name, f"is not published when {parameter} changes; put it into the text of a layer"


def _parameters(source: Template, properties: Template) -> set[str]:
    """The parameters that the properties of a function depend on, also through conditions."""
    own = {
        key: value for key, value in properties.items() if key not in UNPUBLISHED | {"Events", "DeploymentPreference"}
    }
    names: set[str] = _references(own)
    seen: set[str] = set()
    while conditions := {name for name in names & source.get("Conditions", {}).keys() if name not in seen}:
        seen |= conditions
        for name in conditions:
            names |= _references(source["Conditions"][name])
    return {name for name in names if name in source.get("Parameters", {})}


def _references(value: Any) -> set[str]:
    """The names in a value: of `Ref`, in `Fn::Sub`, and of conditions."""
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(_references, value.values()))
    for key in ("Ref", "Condition"):
        if isinstance(value.get(key), str):
            found.add(value[key])
    if isinstance(value.get("Fn::If"), list):
        found.add(value["Fn::If"][0])
    if "Fn::Sub" in value:
        found |= set(re.findall(r"\$\{(\w+)\}", json.dumps(value["Fn::Sub"])))
    return found
