"""The house rules. Each looks at one thing in the template and yields what breaks it.

A rule sees the template as written and as SAM transforms it, with parameters and conditions decided. What one
exception needs is named here with its reason, so that a second one is a decision and not a slip.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.template import PSEUDO, Template, resolve, transform

NO_KEY = {"/health", "/openapi.json", "/docs", "/dashboard", "/dashboard/{proxy+}"}
"""Paths that answer without an API key; api.md names them."""

SLOW_API_FUNCTIONS = {"CheckDriftFunction"}
"""Functions behind the API that may run on after the gateway gave up: the check also serves the queue."""

TABLES_WITHOUT_EXPIRY = {"OrganizationsTable"}
"""Tables nothing in which ever ends by itself."""

ANYWHERE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""Actions for which AWS knows no resource."""

OPEN_ENDED = {
    "apigateway:DELETE",
    "apigateway:PATCH",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:PutObject",
    "ses:SendEmail",
    "ses:SendRawEmail",
}
"""Actions on what is not known when deploying: API keys and objects made later, and whichever identity covers the
sender."""

MANAGED_POLICIES = {"ApiLogRole": "service-role/AmazonAPIGatewayPushToCloudWatchLogs"}
"""AWS's own policies, by the one role that has to have it."""

METRICS: Mapping[tuple[str, str], tuple[frozenset[str], ...]] = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): (frozenset({"QueueName"}),),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): (frozenset({"QueueName"}),),
    ("AWS/Lambda", "Invocations"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "Errors"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "Throttles"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "Duration"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/ApiGateway", "4XXError"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "5XXError"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "Latency"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "Count"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
}
"""Metrics that an alarm may watch, with the sets of dimensions under which AWS publishes them: no other ever fires."""

OWN_NAMESPACE = "DriftGuard/"
"""Where the functions' own metrics are, under the one dimension that Powertools gives them."""

MOST_METRICS = 10

MEASURED = {"Latency", "Duration", "ApproximateAgeOfOldestMessage"}
"""Metrics of which a percentile means something; of a count it is 1 or nothing."""

NAMES = (
    ("AWS::CloudWatch::Alarm", "AlarmName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::Lambda::LayerVersion", "LayerName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::ApiGateway::RestApi", "Name"),
    ("AWS::ApiGateway::UsagePlan", "UsagePlanName"),
)

GATEWAY_ANSWERS = {
    "ACCESS_DENIED": 403,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": 400,
    "DEFAULT_5XX": 500,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 502,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 403,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
"""The gateway's own answers and the status each must have. DEFAULT_4XX fixes the status of every one not named."""

NO_PUBLIC_ACCESS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")

A_FORTNIGHT = 14 * 24 * 3600


@dataclass(frozen=True)
class Finding:
    """One breach of one rule."""

    rule: str
    resource: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.resource}: {self.message}"


@dataclass(frozen=True)
class Stack:
    """A template as written, and as it is deployed with `parameters`."""

    source: Template
    parameters: Mapping[str, str] = field(default_factory=dict)
    deployed: Template = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "deployed", resolve(transform(self.source), self.parameters))

    def of(self, type_: str) -> dict[str, Template]:
        """The properties of all deployed resources of this type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.deployed["Resources"].items()
            if resource["Type"] == type_
        }


type Breach = tuple[str, str]
type Rule = Callable[[Stack], Iterator[Breach]]


def check(stack: Stack, rules: Mapping[str, Rule] | None = None) -> list[Finding]:
    """Every breach of the rules, of all of them unless some are given."""
    return [
        Finding(name, resource, message)
        for name, rule in (RULES if rules is None else rules).items()
        for resource, message in rule(stack)
    ]


def target(value: Any) -> str:
    """The logical id that a `Ref`, `Fn::GetAtt` or one-reference `Fn::Sub` points at; empty for anything else."""
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


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(role: Template) -> list[Template]:
    return [
        statement for policy in role.get("Policies", []) for statement in _list(policy["PolicyDocument"]["Statement"])
    ]


def _granted(stack: Stack, function: Template) -> Iterator[tuple[str, str]]:
    """What a function's role allows, as (action, logical id of the resource)."""
    role = stack.of("AWS::IAM::Role").get(target(function.get("Role")), {})
    for statement in _statements(role):
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                yield action, target(resource)


# ---------------------------------------------------------------------------------------------------------------------
# Permissions
# ---------------------------------------------------------------------------------------------------------------------


def own_role(stack: Stack) -> Iterator[Breach]:
    """Every function has a role of its own, written out here."""
    users: dict[str, str] = {}
    for name, function in stack.of("AWS::Lambda::Function").items():
        role = target(function.get("Role"))
        source = stack.source["Resources"].get(role, {})
        if source.get("Type") != "AWS::IAM::Role":
            yield name, "has no role of its own; SAM's brings AWSLambdaBasicExecutionRole and its wildcards"
        elif role in users:
            yield name, f"shares {role} with {users[role]}"
        users.setdefault(role, name)


def least_privilege(stack: Stack) -> Iterator[Breach]:
    """Roles name their actions and resources."""
    policies = stack.of("AWS::IAM::Role") | {
        name: {"Policies": [policy]} for name, policy in stack.of("AWS::IAM::ManagedPolicy").items()
    }
    for name, role in policies.items():
        for arn in role.get("ManagedPolicyArns", []):
            if not target(arn) and not str(arn).endswith(MANAGED_POLICIES.get(name, "\n")):
                yield name, f"takes over {arn}, which may change and grants more than is used"
        for statement in _statements(role):
            actions = set(_list(statement["Action"]))
            for action in sorted(actions):
                if "*" in action:
                    yield name, f"allows {action}"
                if action in ("dynamodb:Scan", "dynamodb:PartiQLSelect"):
                    yield name, f"allows {action}, which reads across tenants"
            for resource in _list(statement["Resource"]):
                if resource == "*" and not actions <= ANYWHERE:
                    yield name, f"allows {', '.join(sorted(actions - ANYWHERE))} on everything"
                elif resource != "*" and "*" in json.dumps(resource) and not actions <= OPEN_ENDED:
                    yield name, f"allows {', '.join(sorted(actions - OPEN_ENDED))} on {json.dumps(resource)}"


def grants_match_variables(stack: Stack) -> Iterator[Breach]:
    """A function is told of the tables, queues, topics and buckets it may use, and of no others."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        variables = function.get("Environment", {}).get("Variables", {})
        told = {
            target(value)
            for key, value in variables.items()
            if key.endswith(("_TABLE", "_QUEUE_URL", "_TOPIC_ARN", "_BUCKET"))
        }
        uses = {
            resource
            for action, resource in _granted(stack, function)
            if action.startswith(("dynamodb:", "s3:")) or action in ("sqs:SendMessage", "sns:Publish")
        } - _failure_queues(stack, name)
        for resource in sorted(told - uses):
            yield name, f"is told of {resource} and may not use it"
        for resource in sorted(uses - told):
            yield name, f"may use {resource} and is not told of it"


def _failure_queues(stack: Stack, function: str) -> set[str]:
    return {
        target(config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        for config in stack.of("AWS::Lambda::EventInvokeConfig").values()
        if target(config.get("FunctionName")) == function
    }


# ---------------------------------------------------------------------------------------------------------------------
# Asynchronous edges
# ---------------------------------------------------------------------------------------------------------------------


def asynchronous_invocations(stack: Stack) -> Iterator[Breach]:
    """What invokes a function without waiting has a dead-letter queue, and so has the function."""
    for name, subscription in stack.of("AWS::SNS::Subscription").items():
        if subscription["Protocol"] != "lambda":
            continue
        queue = target(subscription.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        yield from _dead_letters(stack, name, queue, "sns.amazonaws.com", target(subscription["TopicArn"]))
        yield from _on_failure(stack, target(subscription["Endpoint"]))
    for name, rule in stack.of("AWS::Events::Rule").items():
        for to in rule.get("Targets", []):
            if not to.get("RetryPolicy"):
                yield name, "leaves the number of retries to chance"
            yield from _dead_letters(
                stack, name, target(to.get("DeadLetterConfig", {}).get("Arn")), "events.amazonaws.com", name
            )
            yield from _on_failure(stack, target(to["Arn"]))


def _on_failure(stack: Stack, function: str) -> Iterator[Breach]:
    queues = _failure_queues(stack, function) & set(stack.of("AWS::SQS::Queue"))
    if not queues:
        yield function, "is invoked asynchronously without an OnFailure queue"
    granted = set(_granted(stack, stack.of("AWS::Lambda::Function").get(function, {})))
    for queue in sorted(queues):
        if ("sqs:SendMessage", queue) not in granted:
            yield function, f"may not send its failures to {queue}"


def _dead_letters(stack: Stack, edge: str, queue: str, service: str, source: str) -> Iterator[Breach]:
    if queue not in stack.of("AWS::SQS::Queue"):
        yield edge, "has no dead-letter queue"
        return
    for statement in _queue_statements(stack, queue):
        condition = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn")
        if (
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": service}
            and target(condition) == source
        ):
            return
    yield queue, f"takes no messages from {source}"


def _queue_statements(stack: Stack, queue: str) -> list[Template]:
    return [
        statement
        for policy in stack.of("AWS::SQS::QueuePolicy").values()
        if queue in map(target, policy["Queues"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def queues_behind_functions(stack: Stack) -> Iterator[Breach]:
    """A queue that feeds a function outlasts it, tells failures one by one and ends in dead letters of its kind."""
    queues = stack.of("AWS::SQS::Queue")
    for name, mapping in stack.of("AWS::Lambda::EventSourceMapping").items():
        source = target(mapping["EventSourceArn"])
        queue = queues.get(source)
        if queue is None:
            continue
        if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
            yield name, "repeats a whole batch for one message"
        timeout = int(stack.of("AWS::Lambda::Function")[target(mapping["FunctionName"])]["Timeout"])
        if int(queue.get("VisibilityTimeout", 30)) < timeout:
            yield source, "shows a message again while it is worked on"
        redrive = queue.get("RedrivePolicy", {})
        dead = target(redrive.get("deadLetterTargetArn"))
        if dead not in queues:
            yield source, "has no dead-letter queue"
            continue
        kept = int(queue.get("MessageRetentionPeriod", 4 * 24 * 3600))
        if int(queue.get("VisibilityTimeout", 30)) * int(redrive["maxReceiveCount"]) >= kept:
            yield source, "forgets a message before it is dead"
        if queues[dead].get("FifoQueue") != queue.get("FifoQueue"):
            yield dead, f"is not of the same kind as {source}"


def dead_letters_are_seen(stack: Stack) -> Iterator[Breach]:
    """Every dead-letter queue keeps its messages for a fortnight and has an alarm on the first one."""
    watched = {
        target(dimension["Value"])
        for alarm in stack.of("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible" and float(alarm["Threshold"]) <= 1
        for dimension in alarm["Dimensions"]
    }
    queues = stack.of("AWS::SQS::Queue")
    dead = {target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) for queue in queues.values()} - {""}
    for name in sorted(dead | {name for name in queues if "DeadLetter" in name}):
        if name not in watched:
            yield name, "has no alarm on visible messages"
        if int(queues.get(name, {}).get("MessageRetentionPeriod", 0)) < A_FORTNIGHT:
            yield name, "forgets its messages before somebody is back from a holiday"


# ---------------------------------------------------------------------------------------------------------------------
# Alarms
# ---------------------------------------------------------------------------------------------------------------------


def alarms_can_fire(stack: Stack) -> Iterator[Breach]:
    """An alarm watches a metric that exists, under the dimensions it has, and tells somebody."""
    topics = stack.of("AWS::SNS::Topic")
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        if not alarm.get("AlarmActions") or not all(target(to) in topics for to in alarm["AlarmActions"]):
            yield name, "tells nobody"
        if "TreatMissingData" not in alarm:
            yield name, "does not say what missing data mean"
        if "Metrics" in alarm:
            yield from _sum(stack, name, alarm["Metrics"])
        else:
            statistic = alarm.get("ExtendedStatistic", alarm.get("Statistic"))
            yield from _metric(stack, name, alarm, str(statistic))


def _sum(stack: Stack, name: str, metrics: list[Template]) -> Iterator[Breach]:
    if sum(metric.get("ReturnData", True) for metric in metrics) != 1:
        yield name, "must return exactly one of its metrics"
    if sum("MetricStat" in metric for metric in metrics) > MOST_METRICS:
        yield name, f"watches more than the {MOST_METRICS} metrics that CloudWatch takes"
    expressions = " ".join(metric.get("Expression", "") for metric in metrics)
    for metric in metrics:
        if "MetricStat" not in metric:
            continue
        if f"FILL({metric['Id']}, 0)" not in expressions:
            yield name, f"has no value as long as {metric['Id']} has none (FILL)"
        yield from _metric(stack, name, metric["MetricStat"]["Metric"], metric["MetricStat"]["Stat"])


def _metric(stack: Stack, name: str, metric: Template, statistic: str) -> Iterator[Breach]:
    which = (metric["Namespace"], metric["MetricName"])
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    own = stack.of("AWS::Lambda::Function").values()
    if which[0].startswith(OWN_NAMESPACE):
        yield from _own_metric(name, which, dimensions, own)
    elif which not in METRICS:
        yield name, f"watches {'/'.join(which)}, which no rule knows"
    elif frozenset(dimensions) not in METRICS[which]:
        yield name, f"watches {'/'.join(which)} by {', '.join(sorted(dimensions)) or 'nothing'}, as AWS never counts it"
    if statistic.startswith("p") and which[1] not in MEASURED:
        yield name, f"takes a percentile of {which[1]}, which is a count"
    queue = dimensions.get("QueueName")
    if queue is not None and (not isinstance(queue, dict) or queue.get("Fn::GetAtt", ["", ""])[1] != "QueueName"):
        yield name, "needs the queue's QueueName; its Ref is an address"
    function = dimensions.get("FunctionName")
    if function is not None and target(function) not in stack.of("AWS::Lambda::Function"):
        yield name, "names a function that this stack lacks"
    api = dimensions.get("ApiName")
    if api is not None and api not in [rest.get("Name") for rest in stack.of("AWS::ApiGateway::RestApi").values()]:
        yield name, "needs the API's name; its Ref is an id"


def _own_metric(
    name: str, which: tuple[str, str], dimensions: Mapping[str, Any], functions: Iterable[Template]
) -> Iterator[Breach]:
    for function in functions:
        variables = function.get("Environment", {}).get("Variables", {})
        said = (variables.get("POWERTOOLS_METRICS_NAMESPACE"), {"service": variables.get("POWERTOOLS_SERVICE_NAME")})
        if said == (which[0], dimensions):
            return
    yield name, f"watches {'/'.join(which)}, which no function writes like this"


def a_missed_schedule_is_seen(stack: Stack) -> Iterator[Breach]:
    """The function of every schedule has an alarm that also fires when there are no data at all."""
    alarms = stack.of("AWS::CloudWatch::Alarm").values()
    for name, rule in stack.of("AWS::Events::Rule").items():
        for to in rule.get("Targets", []):
            if "ScheduleExpression" in rule and not any(
                alarm.get("MetricName") == "Invocations"
                and alarm["TreatMissingData"] == "breaching"
                and alarm["ComparisonOperator"].startswith("LessThan")
                and target(alarm["Dimensions"][0]["Value"]) == target(to["Arn"])
                for alarm in alarms
            ):
                yield name, "could stop and nobody would know"


# ---------------------------------------------------------------------------------------------------------------------
# Functions and layers
# ---------------------------------------------------------------------------------------------------------------------


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
        elif ("logs:PutLogEvents", group) not in set(_granted(stack, function)):
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


# ---------------------------------------------------------------------------------------------------------------------
# Data
# ---------------------------------------------------------------------------------------------------------------------


def tables(stack: Stack) -> Iterator[Breach]:
    """Tables are encrypted, on demand, recoverable and protected by parameter, and forget what has ended."""
    for name, table in stack.of("AWS::DynamoDB::Table").items():
        if table.get("BillingMode") != "PAY_PER_REQUEST":
            yield name, "costs something when idle"
        if table.get("SSESpecification") != {"SSEEnabled": True}:
            yield name, "is not encrypted with a key of the account"
        if (table.get("TimeToLiveSpecification") is None) != (name in TABLES_WITHOUT_EXPIRY):
            yield name, "has no expiry" if name not in TABLES_WITHOUT_EXPIRY else "has an expiry that nothing uses"
        source = stack.source["Resources"][name]
        recovery = source["Properties"].get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled") != {"Ref": "PointInTimeRecovery"}:
            yield name, "does not follow PointInTimeRecovery"
        if source["Properties"].get("DeletionProtectionEnabled") != {"Ref": "DeletionProtection"}:
            yield name, "does not follow DeletionProtection"
        if source.get("DeletionPolicy") != "Delete" or source.get("UpdateReplacePolicy") != "Retain":
            yield name, "must go with the stack and never with an update"


def in_transit_and_at_rest(stack: Stack) -> Iterator[Breach]:
    """Queues and buckets are encrypted; queues, topics and buckets refuse what comes without TLS."""
    for name, queue in stack.of("AWS::SQS::Queue").items():
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield name, "is not encrypted"
        if not any(map(_refuses_plain_text, _queue_statements(stack, name))):
            yield name, "takes messages without TLS"
    for name in stack.of("AWS::SNS::Topic"):
        statements = [
            statement
            for policy in stack.of("AWS::SNS::TopicPolicy").values()
            if name in map(target, policy["Topics"])
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        if not any(map(_refuses_plain_text, statements)):
            yield name, "takes messages without TLS"

    for name, bucket in stack.of("AWS::S3::Bucket").items():
        statements = [
            statement
            for policy in stack.of("AWS::S3::BucketPolicy").values()
            if target(policy["Bucket"]) == name
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        if not any(map(_refuses_plain_text, statements)):
            yield name, "takes objects without TLS"
        if "BucketEncryption" not in bucket:
            yield name, "is not encrypted"
        if bucket.get("PublicAccessBlockConfiguration") != dict.fromkeys(NO_PUBLIC_ACCESS, True):
            yield name, "may be opened to the public"
        if not bucket.get("LifecycleConfiguration"):
            yield name, "keeps its objects for ever"


def _refuses_plain_text(statement: Template) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    )


def no_fixed_names(stack: Stack) -> Iterator[Breach]:
    """Two stacks live in one account: a name that is given at all comes from the stack."""
    own = (PSEUDO["AWS::StackName"], PSEUDO["AWS::StackId"].rpartition("/")[2])
    for type_, key in NAMES:
        for name, properties in stack.of(type_).items():
            if key in properties and not any(part in str(properties[key]) for part in own):
                yield name, f"has the fixed {key} {properties[key]}"


# ---------------------------------------------------------------------------------------------------------------------
# API
# ---------------------------------------------------------------------------------------------------------------------


def keys_are_asked_for(stack: Stack) -> Iterator[Breach]:
    """Every route asks for an API key but those that must not, and so does no preflight."""
    for name, api in stack.of("AWS::ApiGateway::RestApi").items():
        for path, item in api["Body"]["paths"].items():
            for method, operation in item.items():
                asks = {"api_key": []} in operation.get("security", [])
                wanted = method != "options" and path not in NO_KEY
                if asks != wanted:
                    yield name, f"{method.upper()} {path} {'asks for' if asks else 'does without'} a key"
            if "options" not in item:
                yield name, f"{path} answers no preflight"


def gateway_answers(stack: Stack) -> Iterator[Breach]:
    """The gateway's own answers have the contract's shape, their right status, and can be read by a browser."""
    for name, api in stack.of("AWS::ApiGateway::RestApi").items():
        answers = api["Body"].get("x-amazon-apigateway-gateway-responses", {})
        for answer, status in GATEWAY_ANSWERS.items():
            if answer not in answers:
                yield name, f"{answer} is not in the contract's shape"
                continue
            headers = {
                key.removeprefix("gatewayresponse.header.").lower(): value
                for key, value in answers[answer].get("responseParameters", {}).items()
            }
            # AWS fills this variable in with its quotes
            text = answers[answer].get("responseTemplates", {}).get("application/json", "{}")
            body = json.loads(text.replace("$context.error.messageString", '"words"'))
            if int(answers[answer].get("statusCode", 0)) != status or body.get("status") != status:
                yield name, f"{answer} must be {status}"
            if {"type", "title", "detail", "message"} - set(body) or body["detail"] != body["message"]:
                yield name, f"{answer} lacks a part of the error shape"
            if headers.get("content-type") != "'application/problem+json'" or "x-request-id" not in headers:
                yield name, f"{answer} lacks a header of the contract"
            if headers.get("access-control-allow-origin") != "'*'":
                yield name, f"{answer} cannot be read by a browser"
            if status == 429 and "retry-after" not in headers:
                yield name, f"{answer} does not say when to come back"


def limits_and_access_logs(stack: Stack) -> Iterator[Breach]:
    """The API and every key are throttled; access logs are lines of JSON that hold no key."""
    plans = stack.of("AWS::ApiGateway::UsagePlan")
    for name, stage in stack.of("AWS::ApiGateway::Stage").items():
        settings = [each for each in stage.get("MethodSettings", []) if each["ResourcePath"] == "/*"]
        if not any("ThrottlingRateLimit" in each and "ThrottlingBurstLimit" in each for each in settings):
            yield name, "is not throttled"
        if not any(plan.get("Throttle") for plan in plans.values()):
            yield name, "throttles no key"
        if "AccessLogSetting" not in stage:
            if stack.parameters.get("ApiLogging") != "none":
                yield name, "writes no access log"
            continue
        line = stage["AccessLogSetting"]["Format"]
        if re.search(r"identity\.apiKey(?!Id)|header|querystring", line):
            yield name, "writes keys into the access log"
        if not isinstance(json.loads(line), dict):
            yield name, "writes an access log that is not JSON"


# ---------------------------------------------------------------------------------------------------------------------
# Parameters
# ---------------------------------------------------------------------------------------------------------------------


def parameters(stack: Stack) -> Iterator[Breach]:
    """Every parameter is described, bounded, grouped for the console, used, and may be left out."""
    described = stack.source.get("Parameters", {})
    interface = stack.source.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    grouped = [name for group in interface.get("ParameterGroups", []) for name in group["Parameters"]]
    rest = json.dumps({key: part for key, part in stack.source.items() if key not in ("Parameters", "Metadata")})
    for name, parameter in described.items():
        if not parameter.get("Description"):
            yield name, "is not described"
        if "Default" not in parameter:
            yield name, "has no default"
        if parameter["Type"] == "Number" and not {"MinValue", "AllowedValues"} & set(parameter):
            yield name, "has no bounds"
        if grouped.count(name) != 1:
            yield name, "is in no group, or in two"
        if f'{{"Ref": "{name}"}}' not in rest and f"${{{name}}}" not in rest:
            yield name, "does nothing"
    for name in sorted(set(grouped) - set(described)):
        yield name, "is grouped and does not exist"


RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        own_role,
        least_privilege,
        grants_match_variables,
        asynchronous_invocations,
        queues_behind_functions,
        dead_letters_are_seen,
        alarms_can_fire,
        a_missed_schedule_is_seen,
        own_log_group,
        api_functions_answer_in_time,
        one_architecture,
        tables,
        in_transit_and_at_rest,
        no_fixed_names,
        keys_are_asked_for,
        gateway_answers,
        limits_and_access_logs,
        parameters,
    )
}
