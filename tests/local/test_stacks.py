"""CloudFormation as AWS has it, on stacks of a resource or two: each test fails without its change in local/patches."""

import json
from typing import Any

import pytest

from tests.local.launched import Launched, until

pytestmark = pytest.mark.stack

KEY = [{"AttributeName": "pk", "KeyType": "HASH"}]
OTHER_KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
ITEM = {"pk": {"S": "kept"}}


class Stack:
    """A stack of these resources, which is gone after the test."""

    def __init__(self, small: Launched, name: str) -> None:
        self.name = name
        self.aws = small.aws
        self._cloudformation = small.aws("cloudformation")

    def create(self, **resources: Any) -> str:
        body = json.dumps({"Resources": resources})
        self.id = self._cloudformation.create_stack(StackName=self.name, TemplateBody=body)["StackId"]
        return self._ended()

    def update(self, **resources: Any) -> str:
        self._cloudformation.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        return self._ended()

    def delete(self) -> str:
        self._cloudformation.delete_stack(StackName=self.name)
        return self._ended()

    def physical(self, logical_id: str) -> str:
        told = self._cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        physical: str = told["StackResourceDetail"]["PhysicalResourceId"]
        return physical

    def _told(self) -> Any:
        return self._cloudformation.describe_stacks(StackName=self.id)["Stacks"][0]

    def _ended(self) -> str:
        status: str = until(lambda: (one := self._told()["StackStatus"]).endswith("_IN_PROGRESS") or one)
        return status


@pytest.fixture
def stack(small: Launched, request: pytest.FixtureRequest) -> Stack:
    """A stack with a name of its own."""
    return Stack(small, request.node.name.replace("_", "-")[:60])


def table(key: list[dict[str, str]], **attributes: Any) -> dict[str, Any]:
    """A table with this key."""
    names = [{"AttributeName": one["AttributeName"], "AttributeType": "S"} for one in key]
    properties = {"BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": names, "KeySchema": key}
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties} | attributes


def test_an_alarm_on_an_expression_is_made(stack: Stack) -> None:
    """With its threshold and what it calls (alarms.py)."""
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": "f"}]}
    properties = {
        "Metrics": [
            {"Id": "errors", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}},
            {"Id": "total", "Expression": "FILL(errors, 0)"},
        ],
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "AlarmActions": ["arn:aws:sns:eu-west-1:000000000000:somebody"],
    }
    assert stack.create(Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": properties}) == "CREATE_COMPLETE"
    told = stack.aws("cloudwatch").describe_alarms(AlarmNames=[stack.physical("Alarm")])["MetricAlarms"]
    assert [(one["Threshold"], one["EvaluationPeriods"], one["AlarmActions"]) for one in told] == [
        (1.0, 3, properties["AlarmActions"])
    ]
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_bucket_that_holds_something_is_not_deleted(stack: Stack) -> None:
    """The stack stays until the bucket is empty (buckets.py)."""
    stack.create(Bucket={"Type": "AWS::S3::Bucket"})
    s3, bucket = stack.aws("s3"), stack.physical("Bucket")
    s3.put_object(Bucket=bucket, Key="file", Body=b"kept")
    assert stack.delete() == "DELETE_FAILED"
    assert s3.get_object(Bucket=bucket, Key="file")["Body"].read() == b"kept"
    s3.delete_object(Bucket=bucket, Key="file")
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_protected_table_is_not_deleted(stack: Stack) -> None:
    """The stack stays until its table may be deleted; a parameter's text is taken for what it says (tables.py)."""
    protected, free = table(KEY), table(KEY)
    protected["Properties"]["DeletionProtectionEnabled"] = "true"
    free["Properties"]["DeletionProtectionEnabled"] = "false"
    stack.create(Table=protected)
    name = stack.physical("Table")
    assert stack.delete() == "DELETE_FAILED"
    assert stack.aws("dynamodb").describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"] is True
    stack.aws("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    assert stack.delete() == "DELETE_COMPLETE"
    stack.create(Table=free)
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_table_with_another_key_is_another_table(stack: Stack) -> None:
    """The old one is kept with its items where the template retains it (tables.py)."""
    stack.create(Table=table(KEY))
    dynamodb, name = stack.aws("dynamodb"), stack.physical("Table")
    dynamodb.put_item(TableName=name, Item=ITEM)
    assert stack.update(Table=table(OTHER_KEY, UpdateReplacePolicy="Retain")) == "UPDATE_COMPLETE"
    assert stack.physical("Table") != name
    assert dynamodb.scan(TableName=name)["Items"] == [ITEM]
    second = stack.physical("Table")
    assert stack.update(Table=table(KEY)) == "UPDATE_COMPLETE"
    assert second not in dynamodb.list_tables()["TableNames"]
    assert stack.delete() == "DELETE_COMPLETE"
    dynamodb.delete_table(TableName=name)


def test_a_rollback_brings_back_a_table_that_was_to_be_replaced(stack: Stack) -> None:
    """It never was away, and the one that should have taken its place is gone (tables.py)."""
    stack.create(Table=table(KEY))
    dynamodb, name = stack.aws("dynamodb"), stack.physical("Table")
    dynamodb.put_item(TableName=name, Item=ITEM)
    before = dynamodb.list_tables()["TableNames"]
    redrive = {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:000000000000:missing", "maxReceiveCount": 3}
    queue = {"Type": "AWS::SQS::Queue", "DependsOn": "Table", "Properties": {"RedrivePolicy": redrive}}
    assert stack.update(Table=table(OTHER_KEY), Queue=queue) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.physical("Table") == name
    assert dynamodb.list_tables()["TableNames"] == before
    assert dynamodb.scan(TableName=name)["Items"] == [ITEM]
    assert stack.delete() == "DELETE_COMPLETE"


def test_sam_sees_the_values_of_parameters(small: Launched) -> None:
    """SAM puts them into the text of a layer, and names the layer after its text."""
    cloudformation = small.aws("cloudformation")
    layer = {"ContentUri": "s3://none/none.zip", "LayerName": "told", "Description": {"Ref": "Word"}}
    body = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"Word": {"Type": "String", "Default": "default"}},
        "Resources": {"Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": layer}},
    }
    given = [{"ParameterKey": "Word", "ParameterValue": "given"}]
    capabilities = ["CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_stack(
        StackName="told", TemplateBody=json.dumps(body), Parameters=given, Capabilities=capabilities
    )
    until(lambda: cloudformation.describe_stacks(StackName="told")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    (version,) = small.aws("lambda").list_layer_versions(LayerName="told")["LayerVersions"]
    assert version["Description"] == "given"
    cloudformation.delete_stack(StackName="told")
