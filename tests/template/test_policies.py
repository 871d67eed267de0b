"""The policies that docs/infrastructure.md offers for a deployment fit the template and the calls that are made."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from bench.environments import ROOT
from sandbox import stack

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
    "AWS::IAM::Role": ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/path/driftguard-Role-1"),
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
    "AWS::Route53::RecordSet": ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1"),
    "AWS::S3::Bucket": ("s3:CreateBucket", "arn:aws:s3:::driftguard-uploads-1"),
    "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy", "arn:aws:s3:::driftguard-uploads-1"),
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


def allows(name: str, action: str, resource: str) -> bool:
    """Whether a policy allows an action on a resource, conditions aside."""
    return any(
        any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(one["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(one["Resource"]))
        for one in policy(name)
    )


def test_cloudformation_may_create_every_type_of_the_template() -> None:
    """A new type in the template needs a line here, and so a right in the policy."""
    types = {resource["Type"] for resource in stack.transformed()["Resources"].values()}
    assert types <= set(CREATED)
    for kind, (action, resource) in CREATED.items():
        assert allows("cloudformation", action, resource), kind


def test_cloudformation_may_not_touch_what_belongs_to_others() -> None:
    """Other applications' tables, functions, roles and keys stay closed."""
    for action, resource in (
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{PLACE}:table/payments"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{PLACE}:function:payments"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("s3:DeleteBucket", "arn:aws:s3:::payments"),
        ("apigateway:GET", f"{PARTS}/apikeys/k1"),
    ):
        assert not allows("cloudformation", action, resource), action


@pytest.mark.parametrize("name", ["cloudformation", "pipeline"])
def test_every_action_of_a_policy_exists(name: str) -> None:
    """A literal action is an operation of its service. IAM's own names of actions are listed."""
    own = {"apigateway": {"DELETE", "GET", "PATCH", "POST", "PUT", "SetWebACL"}, "iam": {"PassRole"}}
    own["s3"] = {"ListBucket", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration", "PutLifecycleConfiguration"}
    session = boto3.Session()
    for statement in policy(name):
        for action in listed(statement["Action"]):
            service, _, operation = action.partition(":")
            known = set(session.client(service, region_name="eu-west-1").meta.service_model.operation_names)
            if operation not in own.get(service, ()) and "*" not in operation:
                assert operation in known, action


def test_the_pipeline_may_do_what_its_command_does() -> None:
    """The calls of `make deploy` to AWS, before and by SAM, and nothing that reads data."""
    own = f"arn:aws:cloudformation:{PLACE}:stack/driftguard-prod/1"
    for operation in ("DescribeStacks", "GetTemplate", "ListStackResources", "CreateChangeSet", "ExecuteChangeSet"):
        assert allows("pipeline", f"cloudformation:{operation}", own), operation
    assert allows("pipeline", "lambda:GetAccountSettings", "*")
    assert allows("pipeline", "s3:PutObject", "arn:aws:s3:::aws-sam-cli-managed-default-bucket-1/driftguard/1")
    assert not allows("pipeline", "dynamodb:GetItem", f"arn:aws:dynamodb:{PLACE}:table/driftguard-Models-1")
    assert not allows("pipeline", "lambda:InvokeFunction", f"arn:aws:lambda:{PLACE}:function:driftguard-F-1")


def test_the_page_names_the_placeholders_of_the_policies() -> None:
    """One sed command puts in account, region and name, so no other account or region may be in a policy."""
    for path in FOLDER.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\b\d{12}\b", text)) == {ACCOUNT}
        assert set(re.findall(r"\b[a-z]{2}-[a-z]+-\d\b", text)) == {"eu-west-1"}
