"""Rules about roles, policies and the customer's KMS key."""

import json
from collections.abc import Iterator

from rules.stack import Breach, Stack, failure_queues, granted, listed, statements, statements_of, target
from rules.template import Template

ANYWHERE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "cloudwatch:DescribeAlarms"}
"""Actions that AWS allows only on all resources."""

OPEN_ENDED = {
    "apigateway:DELETE",
    "apigateway:PATCH",
    "apigateway:PUT",
    "lambda:GetAlias",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:UpdateAlias",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:PutObject",
    "ses:SendEmail",
    "ses:SendRawEmail",
}
"""Actions on resources that do not exist or are not known at deployment: API keys, S3 objects, SES identities.
CodeDeploy moves the aliases of all functions of this stack, which are named after it."""

MANAGED_POLICIES = {"ApiLogRole": "service-role/AmazonAPIGatewayPushToCloudWatchLogs"}
"""AWS's own managed policies, by the only role that may attach each of them."""

DECRYPTS = {
    "dynamodb": ("dynamodb:",),
    "sqs": ("sqs:SendMessage", "sqs:ReceiveMessage"),
    "sns": ("sns:Publish",),
    "s3": ("s3:GetObject",),
    "secretsmanager": ("secretsmanager:GetSecretValue",),
}
"""Actions for which a service decrypts with the customer's key in the name of the role. SQS and SNS also decrypt for
senders, because they reuse data keys."""

GENERATES_KEYS = {"sqs": ("sqs:SendMessage",), "sns": ("sns:Publish",), "s3": ("s3:PutObject",)}
"""Actions for which a service generates a data key with the customer's key: sending, publishing and uploading."""


def own_role(stack: Stack) -> Iterator[Breach]:
    """Every function has its own role, and the role is in the template."""
    users: dict[str, str] = {}
    for name, function in stack.of("AWS::Lambda::Function").items():
        role = target(function.get("Role"))
        source = stack.source["Resources"].get(role, {})
        if source.get("Type") != "AWS::IAM::Role":
            yield name, "has no role in this template; the role that SAM creates allows too much"
        elif role in users:
            yield name, f"shares {role} with {users[role]}"
        users.setdefault(role, name)


def least_privilege(stack: Stack) -> Iterator[Breach]:
    """Roles and policies name their actions and resources."""
    roles = stack.of("AWS::IAM::Role")
    policies = {name: role.get("Policies", []) for name, role in roles.items()}
    policies |= {name: [policy] for name, policy in stack.of("AWS::IAM::ManagedPolicy").items()}
    for name, written in policies.items():
        for arn in roles.get(name, {}).get("ManagedPolicyArns", []):
            if not target(arn) and not str(arn).endswith(MANAGED_POLICIES.get(name, "\n")):
                yield name, f"attaches {arn}, which AWS may change and which allows more than the role uses"
        for statement in (each for policy in written for each in statements_of(policy)):
            actions = set(listed(statement["Action"]))
            for action in sorted(actions):
                if "*" in action:
                    yield name, f"allows {action}"
                if action in ("dynamodb:Scan", "dynamodb:PartiQLSelect"):
                    yield name, f"allows {action}, which reads across tenants"
            for resource in listed(statement["Resource"]):
                if resource == "*" and not actions <= ANYWHERE:
                    yield name, f"allows {', '.join(sorted(actions - ANYWHERE))} on every resource"
                elif resource != "*" and "*" in json.dumps(resource) and not actions <= OPEN_ENDED:
                    yield name, f"allows {', '.join(sorted(actions - OPEN_ENDED))} on {json.dumps(resource)}"


def grants_match_variables(stack: Stack) -> Iterator[Breach]:
    """A function has a variable for every table, queue, topic and bucket that it may use, and for no other."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        variables = function.get("Environment", {}).get("Variables", {})
        told = {
            target(value)
            for key, value in variables.items()
            if key.endswith(("_TABLE", "_QUEUE_URL", "_TOPIC_ARN", "_BUCKET"))
        }
        uses = {
            resource
            for action, resource in granted(stack, function)
            if action.startswith(("dynamodb:", "s3:")) or action in ("sqs:SendMessage", "sns:Publish")
        } - failure_queues(stack, name)
        for resource in sorted(told - uses):
            yield name, f"has a variable for {resource} but no permission to use it"
        for resource in sorted(uses - told):
            yield name, f"may use {resource} but has no variable for it"


def customer_key(stack: Stack) -> Iterator[Breach]:
    """KeyArn encrypts everything that is stored. A role may use the key only through the services that it needs."""
    key = stack.value("KeyArn")
    for name, resource in stack.deployed["Resources"].items():
        used = _key_of(resource["Type"], resource.get("Properties", {}))
        if used is None:
            continue
        if key and used != key:
            yield name, "is not encrypted with KeyArn"
        elif not key and used and not used.startswith("alias/aws/"):
            yield name, "is encrypted with a customer's key although KeyArn is empty"
    for name, role in stack.of("AWS::IAM::Role").items():
        about_keys = [each for each in statements(stack, role) if "kms:" in str(each["Action"])]
        found = {
            (action, str(service).split(".")[0])
            for statement in about_keys
            for action in listed(statement["Action"])
            for service in listed(
                statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", "any service")
            )
        }
        if any(statement["Resource"] != key for statement in about_keys):
            yield name, "may use another key than KeyArn"
        wanted = _uses_of_key(stack, role) if key else set()
        for action, service in sorted(wanted - found):
            yield name, f"lacks {action} through {service}"
        for action, service in sorted(found - wanted):
            yield name, f"may use {action} through {service} but does nothing that needs it"


def _key_of(type_: str, properties: Template) -> str | None:
    """The key that encrypts a resource: empty for AWS's own key, None for a resource that stores nothing."""
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


def _uses_of_key(stack: Stack, role: Template) -> set[tuple[str, str]]:
    actions = [action for statement in statements(stack, role) for action in listed(statement["Action"])]
    return {
        (kms, service)
        for kms, uses in (("kms:Decrypt", DECRYPTS), ("kms:GenerateDataKey", GENERATES_KEYS))
        for service, prefixes in uses.items()
        if any(action.startswith(prefixes) for action in actions)
    }
