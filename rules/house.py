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
    ("AWS/Lambda", "ConcurrentExecutions"): (frozenset({"FunctionName"}),),
    ("AWS/ApiGateway", "4XXError"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "5XXError"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "Latency"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "IntegrationLatency"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "Count"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    **{
        ("AWS/DynamoDB", name): (frozenset({"TableName"}), frozenset({"TableName", "GlobalSecondaryIndexName"}))
        for name in (
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        )
    },
}
"""Metrics that an alarm or a dashboard may watch, with the sets of dimensions under which AWS publishes them: under
others there is never a value."""

OWN_NAMESPACE = "DriftGuard/"
"""Where the functions' own metrics are, under the one dimension that Powertools gives them."""

MOST_METRICS = 10

MEASURED = {"Latency", "IntegrationLatency", "Duration", "ApproximateAgeOfOldestMessage", "CheckDuration"}
"""Metrics of which a percentile means something; of a count it is 1 or nothing."""

NAMES = (
    ("AWS::CloudWatch::Alarm", "AlarmName"),
    ("AWS::CloudWatch::Dashboard", "DashboardName"),
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
    ("AWS::WAFv2::WebACL", "Name"),
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

DECRYPTS = {
    "dynamodb": ("dynamodb:",),
    "sqs": ("sqs:SendMessage", "sqs:ReceiveMessage"),
    "sns": ("sns:Publish",),
    "s3": ("s3:GetObject",),
    "secretsmanager": ("secretsmanager:GetSecretValue",),
}
"""What a role does through a service that then decrypts with the customer's key in its name. SQS and SNS do so for
who sends, too: they decrypt the data key that was made before."""

GENERATES_KEYS = {"sqs": ("sqs:SendMessage",), "sns": ("sns:Publish",), "s3": ("s3:PutObject",)}
"""The same for data keys that are made: whatever is written into a queue, a topic or a bucket."""

LOOKS_INTO_BODIES = {
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"},
}
"""The rules of AWS's groups that look into bodies. These hold what a model saw, and must not be refused for it."""


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

    def value(self, parameter: str) -> str:
        """What this parameter is deployed with; empty for one that the template lacks."""
        default = self.source.get("Parameters", {}).get(parameter, {}).get("Default", "")
        return self.parameters.get(parameter, str(default))

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


def customer_key(stack: Stack) -> Iterator[Breach]:
    """With KeyArn all that is stored is encrypted with it; a role uses it through the services that it needs alone."""
    key = stack.value("KeyArn")
    for name, resource in stack.deployed["Resources"].items():
        used = _key_of(resource["Type"], resource.get("Properties", {}))
        if used is None:
            continue
        if key and used != key:
            yield name, "is not encrypted with KeyArn"
        elif not key and used and not used.startswith("alias/aws/"):
            yield name, "is encrypted with a key that was not given"
    for name, role in stack.of("AWS::IAM::Role").items():
        statements = [each for each in _statements(role) if str(each["Action"]).find("kms:") >= 0]
        found = {
            (action, str(service).split(".")[0])
            for statement in statements
            for action in _list(statement["Action"])
            for service in _list(
                statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", "anybody")
            )
        }
        if any(statement["Resource"] != key for statement in statements):
            yield name, "may use another key than KeyArn"
        wanted = _uses_of_key(role) if key else set()
        for action, service in sorted(wanted - found):
            yield name, f"lacks {action} through {service}"
        for action, service in sorted(found - wanted):
            yield name, f"has no use for {action} through {service}"


def _key_of(type_: str, properties: Template) -> str | None:
    """The key that encrypts a resource, empty for AWS's own; None for what holds nothing."""
    match type_:
        case "AWS::DynamoDB::Table":
            return str(properties.get("SSESpecification", {}).get("KMSMasterKeyId", ""))
        case "AWS::SQS::Queue" | "AWS::SNS::Topic":
            return str(properties.get("KmsMasterKeyId", ""))
        case "AWS::Logs::LogGroup":
            return str(properties.get("KmsKeyId", ""))
        case "AWS::Lambda::Function":
            return str(properties.get("KmsKeyArn", ""))
        case "AWS::S3::Bucket":
            (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            return str(rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID", ""))
    return None


def _uses_of_key(role: Template) -> set[tuple[str, str]]:
    actions = [action for statement in _statements(role) for action in _list(statement["Action"])]
    return {
        (kms, service)
        for kms, uses in (("kms:Decrypt", DECRYPTS), ("kms:GenerateDataKey", GENERATES_KEYS))
        for service, prefixes in uses.items()
        if any(action.startswith(prefixes) for action in actions)
    }


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
    for statement in _policy_of(stack, queue):
        condition = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn")
        if (
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": service}
            and target(condition) == source
        ):
            return
    yield queue, f"takes no messages from {source}"


def _policy_of(stack: Stack, name: str) -> list[Template]:
    """What the policies of a queue or a topic say."""
    return [
        statement
        for kind, held in (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::SNS::TopicPolicy", "Topics"))
        for policy in stack.of(kind).values()
        if name in map(target, policy[held])
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
    table = dimensions.get("TableName")
    if table is not None and target(table) not in stack.of("AWS::DynamoDB::Table"):
        yield name, "names a table that this stack lacks"
    api = dimensions.get("ApiName")
    if api is not None and api not in [rest.get("Name") for rest in stack.of("AWS::ApiGateway::RestApi").values()]:
        yield name, "needs the API's name; its Ref is an id"


def alarms_are_heard(stack: Stack) -> Iterator[Breach]:
    """All alarms and budgets tell one topic, which lets CloudWatch and Budgets of this account publish."""
    told: dict[str, set[str]] = {}
    for alarm in stack.of("AWS::CloudWatch::Alarm").values():
        for to in [*alarm.get("AlarmActions", []), *alarm.get("OKActions", [])]:
            told.setdefault(target(to), set()).add("cloudwatch.amazonaws.com")
    for name, budget in stack.of("AWS::Budgets::Budget").items():
        notifications = budget.get("NotificationsWithSubscribers", [])
        if not notifications:
            yield name, "tells nobody"
        for notification in notifications:
            for subscriber in notification["Subscribers"]:
                told.setdefault(target(subscriber["Address"]), set()).add("budgets.amazonaws.com")
    if len(told) > 1:
        yield sorted(told)[-1], f"is told of some alarms, and {sorted(told)[0]} of others"
    for topic, services in told.items():
        for service in sorted(services):
            if not any(_lets_publish(statement, service) for statement in _policy_of(stack, topic)):
                yield topic, f"takes no messages from {service} of this account alone"


def _lets_publish(statement: Template, service: str) -> bool:
    account = statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
    return bool(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": service}
        and statement["Action"] == "sns:Publish"
        and account == PSEUDO["AWS::AccountId"]
    )


def dashboards(stack: Stack) -> Iterator[Breach]:
    """A dashboard shows metrics that exist, of this region, and leaves out no function, table or dead-letter queue."""
    for name, dashboard in stack.of("AWS::CloudWatch::Dashboard").items():
        shown: set[tuple[str, str]] = set()
        for widget in _widgets(dashboard["DashboardBody"]):
            properties = widget["properties"]
            if properties.get("region") != PSEUDO["AWS::Region"]:
                yield name, f"{properties['title']} does not say of which region"
            for metric, statistic in _metrics_of(properties):
                yield from _metric(stack, f"{name}: {properties['title']}", metric, statistic)
                shown |= {(metric["MetricName"], target(each["Value"])) for each in metric["Dimensions"]}
        wanted = {
            *(("Errors", each) for each in stack.of("AWS::Lambda::Function")),
            *(("Throttles", each) for each in stack.of("AWS::Lambda::Function")),
            *(("Duration", each) for each in stack.of("AWS::Lambda::Function")),
            *(("WriteThrottleEvents", each) for each in stack.of("AWS::DynamoDB::Table")),
            *(("ConsumedWriteCapacityUnits", each) for each in stack.of("AWS::DynamoDB::Table")),
            *(("ApproximateNumberOfMessagesVisible", each) for each in stack.of("AWS::SQS::Queue") if "Dead" in each),
        }
        for metric_name, resource in sorted(wanted - shown):
            yield name, f"does not show {metric_name} of {resource}"


def _widgets(body: Any) -> list[Template]:
    """The widgets of a dashboard's body, as it is or inside `Fn::Sub`."""
    widgets: list[Template] = json.loads(body["Fn::Sub"] if isinstance(body, dict) else body)["widgets"]
    return widgets


def _metrics_of(properties: Template) -> Iterator[tuple[Template, str]]:
    """The metrics of a widget in the shape that alarms have, each with its statistic."""
    for line in properties["metrics"]:
        options = line[-1] if isinstance(line[-1], dict) else {}
        namespace, metric, *words = [word for word in line if isinstance(word, str)]
        dimensions = [
            {"Name": key, "Value": _reference(value)} for key, value in zip(words[::2], words[1::2], strict=True)
        ]
        yield (
            {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
            str(options.get("stat", properties["stat"])),
        )


def _reference(text: str) -> Any:
    """What a word of an `Fn::Sub` stands for, as `Ref` or `Fn::GetAtt`; the word itself where it names nothing."""
    match = re.fullmatch(r"\$\{(\w+)(?:\.(\w+))?\}", text)
    if match is None:
        return text
    return {"Fn::GetAtt": [match[1], match[2]]} if match[2] else {"Ref": match[1]}


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


def traces(stack: Stack) -> Iterator[Breach]:
    """Functions and API follow Tracing, and a function that is traced may send its traces."""
    traced = stack.value("Tracing") == "Active"
    policies = stack.of("AWS::IAM::ManagedPolicy")
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.get("TracingConfig", {}).get("Mode") != stack.value("Tracing"):
            yield name, "does not follow Tracing"
        role = stack.of("AWS::IAM::Role").get(target(function.get("Role")), {})
        allowed = {
            action
            for arn in role.get("ManagedPolicyArns", [])
            for statement in policies.get(target(arn), {}).get("PolicyDocument", {}).get("Statement", [])
            for action in statement["Action"]
        }
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


# ---------------------------------------------------------------------------------------------------------------------
# Data
# ---------------------------------------------------------------------------------------------------------------------


def tables(stack: Stack) -> Iterator[Breach]:
    """Tables are encrypted, on demand, recoverable and protected by parameter, and forget what has ended."""
    for name, table in stack.of("AWS::DynamoDB::Table").items():
        if table.get("BillingMode") != "PAY_PER_REQUEST":
            yield name, "costs something when idle"
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
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
        if not any(map(_refuses_plain_text, _policy_of(stack, name))):
            yield name, "takes messages without TLS"
    for name in stack.of("AWS::SNS::Topic"):
        if not any(map(_refuses_plain_text, _policy_of(stack, name))):
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
    for name, budget in stack.of("AWS::Budgets::Budget").items():
        if "BudgetName" in budget["Budget"]:
            yield name, f"has the fixed BudgetName {budget['Budget']['BudgetName']}"


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


def custom_domain(stack: Stack) -> Iterator[Breach]:
    """A domain name speaks TLS 1.2 at least, in this region, has the stage at its root, and its record points at it."""
    mappings = stack.of("AWS::ApiGateway::BasePathMapping").values()
    for name, domain in stack.of("AWS::ApiGateway::DomainName").items():
        if domain.get("SecurityPolicy") != "TLS_1_2":
            yield name, "takes older TLS than 1.2"
        if domain.get("EndpointConfiguration") != {"Types": ["REGIONAL"]} or "RegionalCertificateArn" not in domain:
            yield name, "is not of this region"
        own = [each for each in mappings if target(each["DomainName"]) == name]
        if not any("Stage" in each and target(each.get("RestApiId")) for each in own):
            yield name, "leads nowhere"
        if any("BasePath" in each for each in own):
            yield name, "has the API below a path"
    for name, record in stack.of("AWS::Route53::RecordSet").items():
        if target(record.get("AliasTarget", {}).get("DNSName")) not in stack.of("AWS::ApiGateway::DomainName"):
            yield name, "points at something else than the domain name"


def web_acl(stack: Stack) -> Iterator[Breach]:
    """A web ACL limits each address, refuses no body for what a model saw, and keeps no key."""
    guarded = {target(each["WebACLArn"]) for each in stack.of("AWS::WAFv2::WebACLAssociation").values()}
    for name, acl in stack.of("AWS::WAFv2::WebACL").items():
        if name not in guarded:
            yield name, "is in front of nothing"
        for at in [acl, *acl["Rules"]]:
            if at["VisibilityConfig"]["SampledRequestsEnabled"]:
                yield name, f"keeps samples of requests, with their keys ({at.get('Name', 'by default')})"
            if PSEUDO["AWS::StackName"] not in at["VisibilityConfig"]["MetricName"]:
                yield name, f"counts together with other stacks ({at.get('Name', 'by default')})"
        protected = [each["Field"] for each in acl.get("DataProtectionConfig", {}).get("DataProtections", [])]
        if {"FieldType": "SINGLE_HEADER", "FieldKeys": ["x-api-key"]} not in protected:
            yield name, "writes keys into logs"
        if not any("RateBasedStatement" in rule["Statement"] for rule in acl["Rules"]):
            yield name, "lets an address ask without end"
        for rule in acl["Rules"]:
            group = rule["Statement"].get("ManagedRuleGroupStatement")
            if group is not None:
                yield from _bodies_are_counted(name, group)


def _bodies_are_counted(name: str, group: Template) -> Iterator[Breach]:
    counted = {each["Name"] for each in group.get("RuleActionOverrides", []) if each["ActionToUse"].keys() == {"Count"}}
    if group["Name"] not in LOOKS_INTO_BODIES:
        yield name, f"uses {group['Name']}, of which no rule knows what looks into bodies"
    for rule in sorted(LOOKS_INTO_BODIES.get(group["Name"], set()) - counted):
        yield name, f"may refuse a body for {rule}"


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
        customer_key,
        asynchronous_invocations,
        queues_behind_functions,
        dead_letters_are_seen,
        alarms_can_fire,
        alarms_are_heard,
        dashboards,
        a_missed_schedule_is_seen,
        own_log_group,
        api_functions_answer_in_time,
        traces,
        reservations,
        one_architecture,
        tables,
        in_transit_and_at_rest,
        no_fixed_names,
        keys_are_asked_for,
        gateway_answers,
        limits_and_access_logs,
        custom_domain,
        web_acl,
        parameters,
    )
}
