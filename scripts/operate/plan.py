"""What a deployment will do with the template's parameters, and what may surprise: compared before SAM is run."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

HIDDEN: Final = "****"
QUEUE_NAME: Final = 80
"""Most characters of a queue's name."""
ADDED: Final = len("-") + len("-ABCDEF123456") + len(".fifo")
"""What CloudFormation adds to the stack's name and the logical id."""
RESERVE: Final = 5
"""Executions that stay free for the API."""


@dataclass(frozen=True)
class Plan:
    """The parameters of one deployment by name.

    sent: given on the command line or in samconfig.toml. kept: values that the stack has and nobody gives.
    new: defaults of parameters that the stack does not have yet. changed: old and new default of parameters that keep
    their value, because CloudFormation does not apply a new default to an existing stack.
    """

    sent: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, str]:
        """All values that the stack will have."""
        return {**self.new, **self.kept, **self.sent}


def plan(
    sent: Mapping[str, str],
    declared: Mapping[str, Mapping[str, Any]],
    stack: Mapping[str, str] | None,
    before: Mapping[str, Mapping[str, Any]],
) -> Plan:
    """Compare a deployment with the stack.

    sent: parameters with values. declared, before: parameters of the new and of the deployed template.
    stack: the stack's values, None if there is no stack.
    """
    unsent = [name for name in declared if name not in sent]
    kept = {name: stack[name] for name in unsent if stack is not None and name in stack}
    defaults = {name: str(declared[name].get("Default", "")) for name in unsent}
    old = {name: str(before.get(name, {}).get("Default", "")) for name in kept}
    return Plan(
        sent,
        kept,
        {name: value for name, value in defaults.items() if name not in kept},
        {name: (old[name], defaults[name]) for name in kept if defaults[name] not in (old[name], kept[name])},
    )


def lines(found: Plan, declared: Mapping[str, Mapping[str, Any]], *, is_update: bool) -> Iterator[str]:
    """Yield the plan as lines of text. Values of parameters with NoEcho are hidden."""

    def shown(name: str, value: str) -> str:
        hidden = str(declared.get(name, {}).get("NoEcho", "")).lower() == "true"
        return HIDDEN if hidden and value else value or '""'

    def listed(title: str, values: Mapping[str, str]) -> Iterator[str]:
        if values:
            yield title
            yield from (f"  {name}={shown(name, value)}" for name, value in sorted(values.items()))

    yield from listed("Parameters that are sent:", found.sent)
    yield from listed("Parameters that keep the stack's value:", found.kept)
    yield from listed("New parameters, with their defaults:" if is_update else "Defaults:", found.new)
    if found.changed:
        yield "Defaults that changed. The stack keeps its value until you send another one:"
        for name, (old, new) in sorted(found.changed.items()):
            kept = shown(name, found.kept[name])
            yield f"  {name}: {shown(name, old)} became {shown(name, new)}. The stack keeps {kept}."
    unknown = sorted(set(found.sent) - set(declared))
    if unknown:
        yield f"The template has no parameter {', '.join(unknown)}. CloudFormation will refuse the deployment."


def name_warning(stack: str, queues: Iterable[str], values: Mapping[str, str]) -> str | None:
    """Return a warning if the stack's name is too long for the key policy, or None.

    CloudFormation shortens the stack's name in names of queues. The policy of a key of your own finds the queues by the
    whole name. queues: the logical ids of the queues.
    """
    most = QUEUE_NAME - max((len(queue) for queue in queues), default=0) - ADDED
    if not values.get("KeyArn") or len(stack) <= most:
        return None
    return f"The stack name has {len(stack)} characters. With KeyArn it may have at most {most}: choose a shorter name."


def concurrency_warning(limit: int, values: Mapping[str, str]) -> str | None:
    """Return a warning if checks and joins may use up the account's concurrent executions, or None.

    limit: executions that the account may run at once.
    """
    checks, joins = int(values.get("CheckConcurrency") or 0), int(values.get("JoinConcurrency") or 0)
    if checks + joins + RESERVE <= limit:
        return None
    joining = max(2, min(joins, limit // 5))
    checking = max(2, limit - joining - RESERVE)
    return (
        f"This account may run {limit} functions at once in this region. CheckConcurrency={checks} and "
        f"JoinConcurrency={joins} leave too little for the API.\n"
        f"  Send CheckConcurrency={checking} JoinConcurrency={joining}, or ask AWS for a higher quota "
        "(Service Quotas, Lambda, Concurrent executions)."
    )
