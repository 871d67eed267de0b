"""Gives a stack that was deployed without aliases its aliases, before its code changes.

Events of such a stack call the functions themselves. Lambda changes a function's code and its layers in two steps, so
these calls would fail for up to a minute. After this update the events call versions of the old code. The next update
then breaks none of them.
"""

import copy
from typing import Any, Final

type Template = dict[str, Any]

ALIAS: Final = "live"


def with_aliases(template: Template) -> Template | None:
    """The template with an alias for every function, and events that call it. None if there is nothing to do."""
    defaults = template.get("Globals", {}).get("Function", {})
    if "AutoPublishAlias" in defaults:
        return None
    result = copy.deepcopy(template)
    result.setdefault("Globals", {}).setdefault("Function", {})["AutoPublishAlias"] = ALIAS
    functions = {name for name, each in result["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}
    for resource in result["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Events::Rule":
            for to in properties.get("Targets", []):
                to["Arn"] = _alias(to["Arn"], functions)
        elif resource["Type"] == "AWS::Lambda::Permission":
            properties["FunctionName"] = _alias(properties["FunctionName"], functions)
    return result


def _alias(reference: Any, functions: set[str]) -> Any:
    """A reference to the alias of a function. Anything else is returned as it is."""
    (key, argument), *_ = reference.items() if isinstance(reference, dict) else [("", "")]
    name = argument[0] if isinstance(argument, list) else str(argument).removesuffix(".Arn")
    return {"Ref": f"{name}.Alias"} if key in ("Ref", "Fn::GetAtt") and name in functions else reference
