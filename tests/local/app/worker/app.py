"""Notes when it began and ended with each message of its queue; called directly, tells what its role lets it do."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

dynamodb, sqs, events = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("events")
ses = boto3.client("sesv2")


def handler(event: dict[str, Any], context: Any) -> Any:
    if "Records" not in event:
        return permissions()
    for record in event["Records"]:
        began = time.time()
        time.sleep(json.loads(record["body"]).get("sleep", 0))
        item = {"pk": record["attributes"]["MessageGroupId"], "sk": record["messageId"]}
        times = {"began": {"N": str(began)}, "ended": {"N": str(time.time())}}
        dynamodb.put_item(
            TableName=os.environ["TABLE"], Item={name: {"S": value} for name, value in item.items()} | times
        )
    return None


def permissions() -> dict[str, bool]:
    """Tries one call of each kind."""
    queue, rule = os.environ["QUEUE_URL"], os.environ["RULE"]
    entry = {
        "Id": "1",
        "MessageBody": "{}",
        "MessageGroupId": "permissions",
        "MessageDeduplicationId": str(time.time()),
    }
    return {
        "send a batch": allowed(lambda: sqs.send_message_batch(QueueUrl=queue, Entries=[entry])),
        "describe the rule": allowed(lambda: events.describe_rule(Name=rule)),
        "scan the table": allowed(lambda: dynamodb.scan(TableName=os.environ["TABLE"])),
        "send as itself": allowed(lambda: send_email("Worker <sender@example.com>")),
        "send as another": allowed(lambda: send_email("Worker <other@example.com>")),
    }


def send_email(sender: str) -> None:
    ses.send_email(
        FromEmailAddress=sender,
        Destination={"ToAddresses": ["someone@example.com"]},
        Content={"Simple": {"Subject": {"Data": "A test"}, "Body": {"Text": {"Data": "A test"}}}},
    )


def allowed(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        if "AccessDenied" not in str(error):
            raise
        return False
    return True
