"""The resource types that AWS checks for each action. A grant that lacks one may be denied in some accounts only."""

import json
import re
from collections.abc import Iterator

from rules.stack import Breach, Stack, listed, statements_of, target
from rules.template import Template

TABLE, INDEX = "AWS::DynamoDB::Table", "AWS::DynamoDB::Table/index"

ALWAYS: dict[str, set[str]] = {
    "cloudwatch:DescribeAlarms": {"*"},
    "dynamodb:BatchGetItem": {TABLE},
    "dynamodb:BatchWriteItem": {TABLE},
    "dynamodb:ConditionCheckItem": {TABLE},
    "dynamodb:DeleteItem": {TABLE},
    "dynamodb:GetItem": {TABLE},
    "dynamodb:PutItem": {TABLE},
    "dynamodb:UpdateItem": {TABLE},
    "events:DescribeRule": {"AWS::Events::Rule"},
    "kms:Decrypt": {"kms:key"},
    "kms:GenerateDataKey": {"kms:key"},
    "lambda:GetAlias": {"lambda:function"},
    "lambda:GetProvisionedConcurrencyConfig": {"lambda:function"},
    "lambda:InvokeFunction": {"lambda:function"},
    "lambda:UpdateAlias": {"lambda:function"},
    "logs:CreateLogStream": {"AWS::Logs::LogGroup"},
    "logs:PutLogEvents": {"AWS::Logs::LogGroup"},
    "s3:DeleteObject": {"AWS::S3::Bucket/*"},
    "s3:GetObject": {"AWS::S3::Bucket/*"},
    "s3:ListBucket": {"AWS::S3::Bucket"},
    "s3:PutObject": {"AWS::S3::Bucket/*"},
    "secretsmanager:GetSecretValue": {"secretsmanager:secret"},
    # The configuration set is checked when the identity or the account has a default one.
    "ses:SendEmail": {"ses:identity", "ses:configuration-set"},
    "ses:SendRawEmail": {"ses:identity", "ses:configuration-set"},
    "sns:Publish": {"AWS::SNS::Topic"},
    "sqs:ChangeMessageVisibility": {"AWS::SQS::Queue"},
    "sqs:DeleteMessage": {"AWS::SQS::Queue"},
    "sqs:GetQueueAttributes": {"AWS::SQS::Queue"},
    "sqs:ReceiveMessage": {"AWS::SQS::Queue"},
    "sqs:SendMessage": {"AWS::SQS::Queue"},
    "xray:PutTelemetryRecords": {"*"},
    "xray:PutTraceSegments": {"*"},
}
"""Every type is checked in each call (AWS's Service Authorization Reference)."""

EITHER: dict[str, set[str]] = {
    "apigateway:DELETE": {"apigateway:apikeys"},
    "apigateway:GET": {"apigateway:usageplans"},
    "apigateway:PATCH": {"apigateway:apikeys"},
    "apigateway:POST": {"apigateway:apikeys", "apigateway:usageplans"},
    "apigateway:PUT": {"apigateway:tags"},
    "dynamodb:Query": {TABLE, INDEX},
}
"""One of these types is checked, depending on what the call names."""


def grants_name_what_aws_checks(stack: Stack) -> Iterator[Breach]:
    """Each action is granted on every resource type that AWS checks for it, and on no other type."""
    holders = {name: role.get("Policies", []) for name, role in stack.of("AWS::IAM::Role").items()}
    holders |= {name: [policy] for name, policy in stack.of("AWS::IAM::ManagedPolicy").items()}
    for name, policies in holders.items():
        granted: dict[str, set[str]] = {}
        for statement in (each for policy in policies for each in statements_of(policy)):
            for action in listed(statement["Action"]):
                kinds = {_kind(stack, resource) for resource in listed(statement["Resource"])}
                granted.setdefault(action, set()).update(kinds)
        for action, kinds in sorted(granted.items()):
            known = ALWAYS.get(action) or EITHER.get(action)
            if known is None:
                yield name, f"allows {action}, whose resource types are not in rules/checked.py"
                continue
            if kinds - known:
                yield name, f"allows {action} on {', '.join(sorted(kinds - known))}, which AWS does not check for it"
            if action in ALWAYS and known - kinds:
                yield name, f"lacks {action} on {', '.join(sorted(known - kinds))}, which AWS checks"


def _kind(stack: Stack, resource: Template | str) -> str:
    """The type of a resource: a type of CloudFormation, or service and type of an ARN."""
    written = str(resource.get("Fn::Sub", "")) if isinstance(resource, dict) else str(resource)
    if rest := re.search(r"::/(apikeys|usageplans|tags)\b", written):
        return f"apigateway:{rest[1]}"
    arn = re.match(r"arn:[^:]+:([^:]+):[^:]*:[^:]*:([a-z-]+)[:/]", written)
    if arn:
        return f"{arn[1]}:{arn[2]}"
    type_ = stack.deployed["Resources"].get(target(resource), {}).get("Type")
    if type_ is None:
        return written or json.dumps(resource)
    if type_ == "AWS::Lambda::Function":
        return "lambda:function"
    _, _, below = written.partition("/")
    return f"{type_}/{below.partition('/')[0]}" if below else str(type_)
