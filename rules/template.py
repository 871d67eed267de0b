"""Reads a template as CloudFormation does: short tags, SAM's transform, parameters and conditions."""

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

type Template = dict[str, Any]

NOTHING = object()
"""The value of AWS::NoValue. Keys and items with it are left out."""

INPUTS = ("Parameters", "Mappings", "Conditions", "Rules", "Metadata")
"""Sections that a template no longer needs once parameters and conditions are decided."""

PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": "123456789012",
    "AWS::NoValue": NOTHING,
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/a-stack/1c2fa620-982a-11e3-aff7-50e2416294e0",
    "AWS::StackName": "a-stack",
    "AWS::URLSuffix": "amazonaws.com",
}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags. Dates stay strings."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> Template:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def loader() -> type[yaml.SafeLoader]:
    """The PyYAML loader that knows CloudFormation's short tags."""
    return _Loader


def load(path: Path) -> Template:
    """The template in this file, with its short tags as `Fn::` functions."""
    return cast("Template", yaml.load(path.read_text(), Loader=_Loader))  # noqa: S506 - a SafeLoader with more tags


def transform(source: Template, parameters: Mapping[str, str] | None = None) -> Template:
    """A new template of plain CloudFormation, as SAM transforms `source` with these parameters.

    A stand-in replaces local code paths.
    """
    from samtranslator.parser.parser import Parser  # noqa: PLC0415 - the import takes a second
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    source = copy.deepcopy(source)
    globals_ = source.get("Globals", {}).get("Function", {})
    for resource in source["Resources"].values():
        properties = resource.setdefault("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and "InlineCode" not in {**globals_, **properties}:
            properties["CodeUri"] = "s3://bucket/code.zip"
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = "s3://bucket/layer.zip"
    # The translator derives the partition from the region.
    os.environ.setdefault("AWS_DEFAULT_REGION", PSEUDO["AWS::Region"])
    translator = Translator(managed_policy_map={}, sam_parser=Parser())
    return cast("Template", translator.translate(source, {**_defaults(source), **(parameters or {})}))


def resolve(template: Template, parameters: Mapping[str, str] | None = None) -> Template:
    """`template` with its parameters filled in, without the resources and outputs whose conditions are false.

    References to resources and their attributes stay `Ref` and `Fn::GetAtt`, because only AWS knows their values.
    Raises KeyError for a parameter or condition that the template lacks.
    """
    unknown = set(parameters or {}) - set(template.get("Parameters", {}))
    if unknown:
        raise KeyError(f"the template has no parameter {', '.join(sorted(unknown))}")
    values = {**PSEUDO, **_defaults(template), **(parameters or {})}
    conditions = template.get("Conditions", {})
    made = {
        name: resource
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or _decide(conditions[resource["Condition"]], values, conditions)
    }
    resolved = {
        **{section: content for section, content in template.items() if section not in INPUTS},
        "Resources": {name: _resolve(resource, values, conditions) for name, resource in made.items()},
    }
    for resource in resolved["Resources"].values():
        resource.pop("Condition", None)
        depends = resource.get("DependsOn", [])
        resource["DependsOn"] = [name for name in ([depends] if isinstance(depends, str) else depends) if name in made]
    if "Outputs" in template:
        resolved["Outputs"] = {
            name: {key: part for key, part in _resolve(output, values, conditions).items() if key != "Condition"}
            for name, output in template["Outputs"].items()
            if "Condition" not in output or _decide(conditions[output["Condition"]], values, conditions)
        }
    return resolved


def refusals(template: Template, parameters: Mapping[str, str]) -> list[str]:
    """The messages of the template's own rules that refuse these parameters. Other parameters have their defaults."""
    values = {**PSEUDO, **_defaults(template), **parameters}
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if "RuleCondition" not in rule or _decide(rule["RuleCondition"], values, {})
        for assertion in rule["Assertions"]
        if not _decide(assertion["Assert"], values, {})
    ]


def _defaults(template: Template) -> dict[str, str]:
    return {
        name: str(parameter["Default"])
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }


def _decide(condition: Any, values: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    ((function, argument),) = condition.items()
    match function:
        case "Condition":
            return _decide(conditions[argument], values, conditions)
        case "Fn::Not":
            return not _decide(argument[0], values, conditions)
        case "Fn::And":
            return all(_decide(part, values, conditions) for part in argument)
        case "Fn::Or":
            return any(_decide(part, values, conditions) for part in argument)
        case "Fn::Equals":
            left, right = (_resolve(part, values, conditions) for part in argument)
            return str(left) == str(right)
    raise ValueError(f"not a condition: {json.dumps(condition)}")


def _resolve(node: Any, values: Mapping[str, Any], conditions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        parts = [_resolve(part, values, conditions) for part in node]
        return [part for part in parts if part is not NOTHING]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((key, argument),) = node.items()
        if key == "Ref" and argument in values:
            return values[argument]
        if key == "Fn::If":
            name, yes, no = argument
            return _resolve(yes if _decide(conditions[name], values, conditions) else no, values, conditions)
        if key == "Fn::Sub" and isinstance(argument, str):
            for name, value in values.items():
                if value is not NOTHING:
                    argument = argument.replace(f"${{{name}}}", str(value))
            return argument if "${" not in argument else {key: argument}
        if key in ("Fn::Select", "Fn::Split", "Fn::Join"):
            return _text(key, _resolve(argument, values, conditions))
    resolved = {name: _resolve(part, values, conditions) for name, part in node.items()}
    return {name: part for name, part in resolved.items() if part is not NOTHING}


def _text(function: str, argument: Any) -> Any:
    first, rest = argument
    if function == "Fn::Split" and isinstance(rest, str):
        return rest.split(first)
    if function == "Fn::Select" and isinstance(rest, list):
        return rest[int(first)]
    if function == "Fn::Join" and isinstance(rest, list) and all(isinstance(part, str) for part in rest):
        return str(first).join(rest)
    return {function: argument}
