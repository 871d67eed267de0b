"""Rules about functions and layers."""

from collections.abc import Iterator

from rules.stack import Breach, Stack, granted, listed, statements, target

SLOW_API_FUNCTIONS = {"CheckDriftFunction"}
"""Functions behind the API that may run on after the gateway gave up: the check also serves the queue."""


def own_log_group(stack: Stack) -> Iterator[Breach]:
    """Every function writes to a log group of its own, which forgets."""
    groups = stack.of("AWS::Logs::LogGroup")
    users: dict[str, str] = {}
    for name, function in stack.of("AWS::Lambda::Function").items():
        group = target(function.get("LoggingConfig", {}).get("LogGroup"))
        if group not in groups:
            yield name, "has no log group of its own, and the one that Lambda makes keeps everything"
        elif group in users:
            yield name, f"shares {group} with {users[group]}"
        elif ("logs:PutLogEvents", group) not in set(granted(stack, function)):
            yield name, f"may not write to {group}"
        users.setdefault(group, name)
    for name, properties in groups.items():
        if "RetentionInDays" not in properties:
            yield name, "keeps everything for ever"


def api_functions_answer_in_time(stack: Stack) -> Iterator[Breach]:
    """A function behind the API ends before the gateway gives up after 29 seconds."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        behind_api = any(
            permission["Principal"] == "apigateway.amazonaws.com" and target(permission["FunctionName"]) == name
            for permission in stack.of("AWS::Lambda::Permission").values()
        )
        if behind_api and name not in SLOW_API_FUNCTIONS and int(function["Timeout"]) > 28:
            yield name, "may answer after the gateway gave up"


def traces(stack: Stack) -> Iterator[Breach]:
    """Functions and API follow Tracing, and a function that is traced may send its traces."""
    traced = stack.value("Tracing") == "Active"
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.get("TracingConfig", {}).get("Mode") != stack.value("Tracing"):
            yield name, "does not follow Tracing"
        role = stack.of("AWS::IAM::Role").get(target(function.get("Role")), {})
        allowed = {action for statement in statements(stack, role) for action in listed(statement["Action"])}
        if ("xray:PutTraceSegments" in allowed) != traced:
            yield name, "may not send its traces" if traced else "may send traces that nobody asked for"
    for name, stage in stack.of("AWS::ApiGateway::Stage").items():
        if stage.get("TracingEnabled") is not traced:
            yield name, "does not follow Tracing"


def reservations(stack: Stack) -> Iterator[Breach]:
    """Only the check reserves concurrency, only when asked (new accounts have none), more than its queue uses."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        if "ReservedConcurrentExecutions" not in function:
            continue
        reserved = int(function["ReservedConcurrentExecutions"])
        if name != "CheckDriftFunction" or stack.value("CheckReservedConcurrency") in ("", "0"):
            yield name, "reserves concurrency unasked, which a new account refuses"
        for mapping in stack.of("AWS::Lambda::EventSourceMapping").values():
            most = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0))
            if target(mapping["FunctionName"]) == name and most >= reserved:
                yield name, f"reserves {reserved} and leaves nothing beside the {most} that its queue may use"


def one_architecture(stack: Stack) -> Iterator[Breach]:
    """Functions and layers follow the parameter, in the build (which Globals do not reach) as well as on AWS."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.get("Architectures") != [stack.parameters.get("Architecture", "arm64")]:
            yield name, "does not follow Architecture"
    for name, resource in stack.source["Resources"].items():
        if resource["Type"] != "AWS::Serverless::LayerVersion":
            continue
        if resource.get("Metadata", {}).get("BuildArchitecture") != {"Ref": "Architecture"}:
            yield name, "is built for x86_64 whatever Architecture says"
        if resource["Properties"].get("CompatibleArchitectures") != [{"Ref": "Architecture"}]:
            yield name, "does not declare its architecture"
