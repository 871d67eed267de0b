"""The policies that docs/infrastructure.md offers for a deployment fit the template and the calls that are made."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from bench.environments import ROOT
from sandbox import stack

NAMES = ("boundary", "cloudformation", "operator", "pipeline")
FOLDER = ROOT / "docs" / "policies"
ACCOUNT = "111122223333"
PLACE = f"eu-west-1:{ACCOUNT}"
PARTS = "arn:aws:apigateway:eu-west-1::"

CREATED: dict[str, tuple[str, str]] = {
    "AWS::ApiGateway::Account": ("apigateway:PATCH", f"{PARTS}/account"),
    "AWS::ApiGateway::BasePathMapping": ("apigateway:POST", f"{PARTS}/domainnames/drift.example.com/basepathmappings"),
    "AWS::ApiGateway::Deployment": ("apigateway:POST", f"{PARTS}/restapis/a1/deployments"),
    "AWS::ApiGateway::DomainName": ("apigateway:POST", f"{PARTS}/domainnames"),
    "AWS::ApiGateway::RestApi": ("apigateway:POST", f"{PARTS}/restapis"),
    "AWS::ApiGateway::Stage": ("apigateway:POST", f"{PARTS}/restapis/a1/stages"),
    "AWS::ApiGateway::UsagePlan": ("apigateway:POST", f"{PARTS}/usageplans"),
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm", f"arn:aws:cloudwatch:{PLACE}:alarm:driftguard-A-1"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/driftguard"),
    "AWS::CodeDeploy::Application": (
        "codedeploy:CreateApplication",
        f"arn:aws:codedeploy:{PLACE}:application:driftguard-A",
    ),
    "AWS::CodeDeploy::DeploymentGroup": (
        "codedeploy:CreateDeploymentGroup",
        f"arn:aws:codedeploy:{PLACE}:deploymentgroup:driftguard-A/driftguard-G",
    ),
    "AWS::DynamoDB::Table": ("dynamodb:CreateTable", f"arn:aws:dynamodb:{PLACE}:table/driftguard-Models-1"),
    "AWS::Events::Rule": ("events:PutRule", f"arn:aws:events:{PLACE}:rule/driftguard-Rule-1"),
    "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy", f"arn:aws:iam::{ACCOUNT}:policy/driftguard-Policy-1"),
    "AWS::IAM::Role": ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/driftguard-Role-1"),
    "AWS::Lambda::Alias": ("lambda:CreateAlias", f"arn:aws:lambda:{PLACE}:function:driftguard-F-1"),
    "AWS::Lambda::EventInvokeConfig": (
        "lambda:PutFunctionEventInvokeConfig",
        f"arn:aws:lambda:{PLACE}:function:driftguard-F-1",
    ),
    "AWS::Lambda::EventSourceMapping": (
        "lambda:CreateEventSourceMapping",
        f"arn:aws:lambda:{PLACE}:event-source-mapping:1",
    ),
    "AWS::Lambda::Function": ("lambda:CreateFunction", f"arn:aws:lambda:{PLACE}:function:driftguard-notify-email-1"),
    "AWS::Lambda::LayerVersion": ("lambda:PublishLayerVersion", f"arn:aws:lambda:{PLACE}:layer:driftguard-layer"),
    "AWS::Lambda::Permission": ("lambda:AddPermission", f"arn:aws:lambda:{PLACE}:function:driftguard-F-1:live"),
    "AWS::Lambda::Version": ("lambda:PublishVersion", f"arn:aws:lambda:{PLACE}:function:driftguard-F-1"),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", f"arn:aws:logs:{PLACE}:log-group:/aws/lambda/driftguard-F-1"),
    "AWS::Route53::RecordSet": ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/ZONE-ID"),
    "AWS::S3::Bucket": ("s3:CreateBucket", "arn:aws:s3:::driftguard-uploadsbucket-1"),
    "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy", "arn:aws:s3:::driftguard-uploadsbucket-1"),
    "AWS::SNS::Subscription": ("sns:Subscribe", f"arn:aws:sns:{PLACE}:driftguard-Topic-1"),
    "AWS::SNS::Topic": ("sns:CreateTopic", f"arn:aws:sns:{PLACE}:driftguard-Topic-1"),
    "AWS::SNS::TopicPolicy": ("sns:SetTopicAttributes", f"arn:aws:sns:{PLACE}:driftguard-Topic-1"),
    "AWS::SQS::Queue": ("sqs:CreateQueue", f"arn:aws:sqs:{PLACE}:driftguard-Queue-1"),
    "AWS::SQS::QueuePolicy": ("sqs:SetQueueAttributes", f"arn:aws:sqs:{PLACE}:driftguard-Queue-1"),
    "AWS::WAFv2::WebACL": ("wafv2:CreateWebACL", f"arn:aws:wafv2:{PLACE}:regional/webacl/driftguard/1"),
    "AWS::WAFv2::WebACLAssociation": ("wafv2:AssociateWebACL", f"{PARTS}/restapis/a1/stages/v1"),
}
"""The call that creates a resource of each type of the template, and what AWS calls the resource."""


def policy(name: str) -> list[dict[str, Any]]:
    """The statements of a policy."""
    statements: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["Statement"]
    return statements


def listed(value: Any) -> list[str]:
    """One or several texts as a list."""
    return value if isinstance(value, list) else [value]


def matches(action: str, patterns: Any) -> bool:
    """Whether an action is one of these, wildcards included."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(patterns))


def allows(name: str, action: str, resource: str) -> bool:
    """Whether a policy allows an action on a resource and does not deny it, conditions aside."""
    effects = {
        one["Effect"]
        for one in policy(name)
        if matches(action, one["Action"]) and any(fnmatchcase(resource, own) for own in listed(one["Resource"]))
    }
    return effects == {"Allow"}


NOT_NEEDED = {
    "iam:CreateServiceLinkedRole": "replicas of a table",
    "iam:AttachGroupPolicy": "groups",
    "iam:AttachUserPolicy": "users",
    "iam:DeleteRolePermissionsBoundary": "a boundary that is taken away, which the policy forbids on purpose",
    "iam:DetachGroupPolicy": "groups",
    "iam:DetachUserPolicy": "users",
    "kms:ListAliases": "the template names a key by its ARN",
    "kms:RevokeGrant": "replicas of a table",
    "logs:CreateLogDelivery": "deliveries of logs",
    "logs:DescribeResourcePolicies": "policies of log groups",
    "logs:PutResourcePolicy": "policies of log groups",
    "s3:GetObjectMetadata": "imports of a table",
}
"""What AWS's handlers do for properties that the template does not have."""

FOREIGN = {
    *("amplify", "apprunner", "appsync", "bedrock-agentcore", "cognito-idp", "elasticfilesystem"),
    *("elasticloadbalancing", "firehose", "kinesis", "payments", "s3files", "s3tables"),
}
"""Services that the handlers of these types serve, too."""


def test_the_policy_has_every_right_that_the_types_of_the_template_need() -> None:
    """AWS's schemas list the rights of each handler. They lack only what the template's properties never need."""
    types = {resource["Type"] for resource in stack.transformed()["Resources"].values()}
    missing: dict[str, set[str]] = {}
    seen = 0
    for kind in types:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema.get("handlers", {})
        for name in ("create", "read", "update", "delete"):
            for action in handlers.get(name, {}).get("permissions", []):
                service = action.partition(":")[0]
                if service in FOREIGN or action in NOT_NEEDED or "VerifiedAccess" in action:
                    continue
                seen += 1
                if not any(
                    matches(action, one["Action"]) for one in policy("cloudformation") if one["Effect"] == "Allow"
                ):
                    missing.setdefault(kind, set()).add(action)
    assert not missing
    assert seen > 200


def test_cloudformation_may_create_every_type_of_the_template() -> None:
    """A new type in the template needs a line here, and so a right in the policy on a resource of this name."""
    types = {resource["Type"] for resource in stack.transformed()["Resources"].values()}
    assert types <= set(CREATED)
    for kind, (action, resource) in CREATED.items():
        assert allows("cloudformation", action, resource), kind


def test_cloudformation_may_not_touch_what_belongs_to_others() -> None:
    """Other applications' tables, functions and roles stay closed, and so do its own role and the boundary."""
    for action, resource in (
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{PLACE}:table/payments"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{PLACE}:function:payments"),
        ("s3:DeleteBucket", "arn:aws:s3:::payments"),
        ("apigateway:GET", f"{PARTS}/apikeys/k1"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/deployment/driftguard-cloudformation"),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/deployment/driftguard-boundary"),
        ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/driftguard-Role-1"),
    ):
        assert not allows("cloudformation", action, resource), action


def test_a_role_gets_rights_only_inside_the_boundary() -> None:
    """Whatever adds to a role's rights has the condition that the role has the boundary."""
    adding = {"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
    for one in policy("cloudformation"):
        if one["Effect"] == "Allow" and adding & set(listed(one["Action"])):
            boundary = f"arn:aws:iam::{ACCOUNT}:policy/deployment/driftguard-boundary"
            assert one["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": boundary}}
            adding -= set(listed(one["Action"]))
    assert not adding


def test_the_boundary_allows_what_the_roles_of_the_template_allow() -> None:
    """Each action of each role and policy is in the boundary, and nothing that only an administrator does."""
    within = {action for one in policy("boundary") for action in listed(one["Action"])}
    resources = stack.transformed()["Resources"].values()
    granted = {
        action
        for resource in resources
        if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
        for action in actions(resource["Properties"])
    }
    assert len(granted) > 30
    assert granted <= within
    assert not [action for action in within if action.startswith(("iam:", "sts:")) or "*" in action]


def actions(part: Any) -> Iterator[str]:
    """Every action of the statements that are somewhere in a part of the template."""
    if isinstance(part, dict):
        if part.get("Effect") == "Allow" and "Resource" in part:
            yield from listed(part["Action"])
        for value in part.values():
            yield from actions(value)
    elif isinstance(part, list):
        for value in part:
            yield from actions(value)


@pytest.mark.parametrize("name", NAMES)
def test_every_action_of_a_policy_exists(name: str) -> None:
    """A literal action is an operation of its service. IAM's own names of actions are listed."""
    own = {
        "apigateway": {"DELETE", "GET", "PATCH", "POST", "PUT", "SetWebACL", "UpdateRestApiPolicy"},
        "cloudformation": {"TagResource"},
        "dynamodb": {"ConditionCheckItem"},
        "ec2": set(),
        "iam": {"PassRole"},
        "lambda": {"InvokeFunction"},
        "s3": {
            *("GetObjectVersion", "ListBucket", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration"),
            "PutLifecycleConfiguration",
        },
    }
    session = boto3.Session()
    for statement in policy(name):
        for action in listed(statement["Action"]):
            service, _, operation = action.partition(":")
            if operation in own.get(service, ()) or "*" in operation:
                continue
            known = session.client(service, region_name="eu-west-1").meta.service_model.operation_names
            assert operation in known, action


def test_the_pipeline_may_do_what_its_command_does() -> None:
    """The calls of `make deploy` to AWS, before and by SAM, and nothing that reads data or keys."""
    own = f"arn:aws:cloudformation:{PLACE}:stack/driftguard-prod/1"
    for operation in ("DescribeStacks", "GetTemplate", "ListStackResources", "CreateChangeSet", "ExecuteChangeSet"):
        assert allows("pipeline", f"cloudformation:{operation}", own), operation
    assert allows("pipeline", "lambda:GetAccountSettings", "*")
    assert allows("pipeline", "s3:PutObject", "arn:aws:s3:::aws-sam-cli-managed-default-bucket-1/driftguard/1")
    assert not allows("pipeline", "dynamodb:GetItem", f"arn:aws:dynamodb:{PLACE}:table/driftguard-Models-1")
    assert not allows("pipeline", "lambda:InvokeFunction", f"arn:aws:lambda:{PLACE}:function:driftguard-F-1")
    assert not allows("pipeline", "apigateway:GET", f"{PARTS}/apikeys/k1")


def test_the_operator_may_do_what_the_commands_do() -> None:
    """The calls of `make undeploy`, `make backup` and `make restore`, and no change of code or roles."""
    table = f"arn:aws:dynamodb:{PLACE}:table/driftguard-ModelsTable-1"
    for operation in ("DescribeTable", "Scan", "BatchWriteItem", "RestoreTableToPointInTime", "UpdateTable"):
        assert allows("operator", f"dynamodb:{operation}", table), operation
    for operation in ("DescribeRule", "DisableRule", "EnableRule"):
        assert allows("operator", f"events:{operation}", f"arn:aws:events:{PLACE}:rule/driftguard-ScheduleRule-1")
    for method, place in (
        ("GET", "/usageplans/p1/keys"),
        ("GET", "/apikeys/k1"),
        ("DELETE", "/apikeys/k1"),
        ("POST", "/apikeys"),
        ("POST", "/usageplans/p1/keys"),
        ("PUT", "/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Fapikeys%2Fk1"),
    ):
        assert allows("operator", f"apigateway:{method}", f"{PARTS}{place}"), place
    function = f"arn:aws:lambda:{PLACE}:function:driftguard-ManageOrganizationsFunction-1:live"
    assert allows("operator", "lambda:InvokeFunction", function)
    assert not allows("operator", "lambda:UpdateFunctionCode", function)
    assert not allows("operator", "iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/driftguard-Role-1")


def test_the_page_names_the_placeholders_of_the_policies() -> None:
    """One sed command puts in account and region, so no other account or region may be in a policy."""
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)
    for path in FOLDER.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\b\d{12}\b", text)) <= {ACCOUNT}
        assert set(re.findall(r"\b[a-z]{2}-[a-z]+-\d\b", text)) <= {"eu-west-1"}
