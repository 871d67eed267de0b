"""The rule about parameters."""

import json
from collections.abc import Iterator

from rules.stack import Breach, Stack


def parameters(stack: Stack) -> Iterator[Breach]:
    """Every parameter has a description, a default, bounds and one group for the console, and is used."""
    described = stack.source.get("Parameters", {})
    interface = stack.source.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    grouped = [name for group in interface.get("ParameterGroups", []) for name in group["Parameters"]]
    rest = json.dumps({key: part for key, part in stack.source.items() if key not in ("Parameters", "Metadata")})
    for name, parameter in described.items():
        if not parameter.get("Description"):
            yield name, "has no description"
        if "Default" not in parameter:
            yield name, "has no default"
        if parameter["Type"] == "Number" and not {"MinValue", "AllowedValues"} & set(parameter):
            yield name, "has no bounds"
        if grouped.count(name) != 1:
            yield name, "is not in exactly one parameter group"
        if f'{{"Ref": "{name}"}}' not in rest and f"${{{name}}}" not in rest:
            yield name, "is not used"
    for name in sorted(set(grouped) - set(described)):
        yield name, "is in a parameter group but does not exist"
