"""A template with its deployment, findings about it, and lookups that several rules share."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.template import Template, resolve, transform


@dataclass(frozen=True)
class BrokenRule:
    """One breach of one rule."""

    rule: str
    resource: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.resource}: {self.message}"


@dataclass(frozen=True)
class Stack:
    """A template as written, and as deployed with `parameters`."""

    source: Template
    parameters: Mapping[str, str] = field(default_factory=dict)
    deployed: Template = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "deployed", resolve(transform(self.source, self.parameters), self.parameters))

    def value(self, parameter: str) -> str:
        """The deployed value of a parameter. Empty for a parameter that the template lacks."""
        default = self.source.get("Parameters", {}).get(parameter, {}).get("Default", "")
        return self.parameters.get(parameter, str(default))

    def of(self, type_: str) -> dict[str, Template]:
        """The properties of all deployed resources of this type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.deployed["Resources"].items()
            if resource["Type"] == type_
        }

    def behind(self, reference: Any) -> str:
        """The logical id of the function that a reference leads to, directly or through its alias."""
        alias = self.of("AWS::Lambda::Alias").get(target(reference))
        return target(alias["FunctionName"]) if alias else target(reference)


type Breach = tuple[str, str]
"""A logical id, and what is wrong with that resource."""

type Rule = Callable[[Stack], Iterator[Breach]]


def target(value: Any) -> str:
    """The logical id in a `Ref`, a `Fn::GetAtt` or a `Fn::Sub` with one reference. Empty for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, argument),) = value.items()
        if key == "Ref":
            return str(argument)
        if key == "Fn::GetAtt":
            return str(argument[0] if isinstance(argument, list) else argument.split(".")[0])
        if key == "Fn::Sub" and isinstance(argument, str):
            names = {name.split(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", argument)}
            return names.pop() if len(names) == 1 else ""
    return ""


def listed(value: Any) -> list[Any]:
    """A list. AWS allows a single value instead of a list of one."""
    return value if isinstance(value, list) else [value]


def statements(stack: Stack, role: Template) -> list[Template]:
    """The statements of a role's own policies and of the policies of this stack that it attaches."""
    managed = stack.of("AWS::IAM::ManagedPolicy")
    attached = [managed[name] for name in map(target, role.get("ManagedPolicyArns", [])) if name in managed]
    return [statement for policy in [*role.get("Policies", []), *attached] for statement in statements_of(policy)]


def statements_of(policy: Template) -> list[Template]:
    """The statements of one policy."""
    return listed(policy["PolicyDocument"]["Statement"])


def granted(stack: Stack, function: Template) -> Iterator[tuple[str, str]]:
    """What a function's role allows, as pairs of action and logical id."""
    role = stack.of("AWS::IAM::Role").get(target(function.get("Role")), {})
    for statement in statements(stack, role):
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, target(resource)


def policy_of(stack: Stack, name: str) -> list[Template]:
    """The statements of all policies of a queue or topic."""
    return [
        statement
        for kind, held in (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::SNS::TopicPolicy", "Topics"))
        for policy in stack.of(kind).values()
        if name in map(target, policy[held])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def failure_queues(stack: Stack, function: str) -> set[str]:
    """The OnFailure queues of a function."""
    return {
        target(config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        for config in stack.of("AWS::Lambda::EventInvokeConfig").values()
        if target(config.get("FunctionName")) == function
    }
