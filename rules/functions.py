"""Rules about functions and layers."""

from collections.abc import Iterator

from rules.stack import Breach, Stack, granted, listed, statements, target

SLOW_API_FUNCTIONS = {"CheckDriftFunction"}
"""Functions behind the API that may run longer than the gateway waits. The check also serves the queue."""


def own_log_group(stack: Stack) -> Iterator[Breach]:
    """Every function writes to its own log group, and every log group has a retention time."""
    groups = stack.of("AWS::Logs::LogGroup")
    users: dict[str, str] = {}
    for name, function in stack.of("AWS::Lambda::Function").items():
        group = target(function.get("LoggingConfig", {}).get("LogGroup"))
        if group not in groups:
            yield name, "has no log group in this template; the group that Lambda creates never expires"
        elif group in users:
            yield name, f"shares {group} with {users[group]}"
        elif ("logs:PutLogEvents", group) not in set(granted(stack, function)):
            yield name, f"has no permission to write to {group}"
        users.setdefault(group, name)
    for name, properties in groups.items():
        if "RetentionInDays" not in properties:
            yield name, "has no RetentionInDays"


def api_functions_answer_in_time(stack: Stack) -> Iterator[Breach]:
    """A function behind the API has a timeout below the gateway's 29 seconds."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        behind_api = any(
            permission["Principal"] == "apigateway.amazonaws.com" and stack.behind(permission["FunctionName"]) == name
            for permission in stack.of("AWS::Lambda::Permission").values()
        )
        if behind_api and name not in SLOW_API_FUNCTIONS and int(function["Timeout"]) > 28:
            yield name, "has a Timeout above 28 seconds; API Gateway waits 29 seconds"


def traces(stack: Stack) -> Iterator[Breach]:
    """Functions and API follow Tracing. A function may send traces exactly when Tracing is on."""
    traced = stack.value("Tracing") == "Active"
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.get("TracingConfig", {}).get("Mode") != stack.value("Tracing"):
            yield name, "does not follow Tracing"
        role = stack.of("AWS::IAM::Role").get(target(function.get("Role")), {})
        allowed = {action for statement in statements(stack, role) for action in listed(statement["Action"])}
        if ("xray:PutTraceSegments" in allowed) != traced:
            yield name, "has no permission to send traces" if traced else "may send traces although Tracing is off"
    for name, stage in stack.of("AWS::ApiGateway::Stage").items():
        if stage.get("TracingEnabled") is not traced:
            yield name, "does not follow Tracing"


def reservations(stack: Stack) -> Iterator[Breach]:
    """Only the check reserves concurrency, only on request, and more than its queue uses.

    New accounts have no concurrency to reserve.
    """
    for name, function in stack.of("AWS::Lambda::Function").items():
        if "ReservedConcurrentExecutions" not in function:
            continue
        reserved = int(function["ReservedConcurrentExecutions"])
        if name != "CheckDriftFunction" or stack.value("CheckReservedConcurrency") in ("", "0"):
            yield name, "reserves concurrency that CheckReservedConcurrency does not ask for"
        for mapping in stack.of("AWS::Lambda::EventSourceMapping").values():
            most = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0))
            if stack.behind(mapping["FunctionName"]) == name and most >= reserved:
                yield name, f"reserves {reserved} executions, and its queue alone may use {most}"


def one_architecture(stack: Stack) -> Iterator[Breach]:
    """Functions and layers follow Architecture on AWS and in the build. Globals do not apply to the build."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.get("Architectures") != [stack.parameters.get("Architecture", "arm64")]:
            yield name, "does not follow Architecture"
    for name, resource in stack.source["Resources"].items():
        if resource["Type"] != "AWS::Serverless::LayerVersion":
            continue
        if resource.get("Metadata", {}).get("BuildArchitecture") != {"Ref": "Architecture"}:
            yield name, "has a BuildArchitecture that does not follow Architecture"
        if resource["Properties"].get("CompatibleArchitectures") != [{"Ref": "Architecture"}]:
            yield name, "has CompatibleArchitectures that do not follow Architecture"
