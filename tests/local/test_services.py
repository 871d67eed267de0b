"""Tables, queues, topics, rules and roles as AWS has them: each test fails without its change in local/patches."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.launched import Launched, until

pytestmark = pytest.mark.stack


def test_time_to_live_and_recovery_are_as_the_template_says(small: Launched) -> None:
    """Both are set by CloudFormation (tables.py)."""
    dynamodb, table = small.aws("dynamodb"), small.resources["Table"]
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_groups_of_a_fifo_queue_run_side_by_side_and_each_in_order(small: Launched) -> None:
    """Two groups overlap in time; the second message of a group waits for the first (events.py)."""
    sqs, queue = small.aws("sqs"), small.resources["WorkQueue"]
    for number, group in enumerate(("left", "right", "left")):
        sqs.send_message(
            QueueUrl=queue,
            MessageBody='{"sleep": 6}',  # longer than a second environment needs to start on a busy machine
            MessageGroupId=group,
            MessageDeduplicationId=f"{time.time()}{number}",
        )

    def noted() -> list[tuple[str, float, float]]:
        items = small.aws("dynamodb").scan(TableName=small.resources["Table"])["Items"]
        times = [
            (item["pk"]["S"], float(item["began"]["N"]), float(item["ended"]["N"])) for item in items if "began" in item
        ]
        return sorted((one for one in times if one[0] in ("left", "right")), key=lambda one: one[1])

    until(lambda: len(noted()) == 3)
    left = [one for one in noted() if one[0] == "left"]
    right = next(one for one in noted() if one[0] == "right")
    assert left[1][1] >= left[0][2]
    assert right[1] < left[0][2]
    assert left[0][1] < right[2]


def test_a_failing_function_of_the_schedule_is_repeated_and_dead_lettered(small: Launched) -> None:
    """The schedule's call is an asynchronous invocation, and `POST /_local/schedule` waits for its end (events.py)."""
    answer = small.http("POST", "/_local/schedule").json()
    assert answer["ended"] is True
    dead = _dead_letter(small, lambda payload: payload.get("id") == answer["event_id"], seconds=0)
    assert dead["detail-type"] == "Scheduled Event"


def test_a_failing_function_of_a_topic_is_repeated_and_dead_lettered(small: Launched) -> None:
    """So is a topic's call (events.py)."""
    small.aws("sns").publish(TopicArn=small.resources["Topic"], Message="to nobody")
    dead = _dead_letter(small, lambda payload: "Records" in payload)
    assert dead["Records"][0]["Sns"]["Message"] == "to nobody"


def test_a_rules_own_target_is_called_like_that(small: Launched) -> None:
    """An event that a rule matches, not only the schedule's, is dead-lettered when its function fails (events.py)."""
    events, function = small.aws("events"), small.resources["FailingFunction"]
    arn = small.aws("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    events.put_rule(Name="by-pattern", EventPattern='{"source": ["test"]}')
    events.put_targets(Rule="by-pattern", Targets=[{"Id": "failing", "Arn": arn}])
    events.put_events(Entries=[{"Source": "test", "DetailType": "a test", "Detail": '{"number": 1}'}])
    dead = _dead_letter(small, lambda payload: payload.get("detail-type") == "a test")
    assert dead["detail"] == {"number": 1}


def test_a_role_allows_what_its_policy_says_and_nothing_else(small: Launched) -> None:
    """A batch needs the single call's permission, a rule goes without its bus, mail is sent as a
    certain address (permissions.py); a Scan is denied."""
    for address in ("sender@example.com", "other@example.com"):
        small.aws("sesv2").create_email_identity(EmailIdentity=address)
    assert small.invoke("WorkerFunction", {}) == {
        "send a batch": True,
        "describe the rule": True,
        "scan the table": False,
        "send as itself": True,
        "send as another": False,
    }


def _dead_letter(small: Launched, wanted: Callable[[Any], bool], seconds: float = 20) -> Any:
    """The payload of the dead letter that is wanted. The schedule may have fired by itself meanwhile, so that its
    letters are left out."""
    sqs, queue = small.aws("sqs"), small.resources["DeadLetterQueue"]

    def found() -> Any:
        while messages := sqs.receive_message(QueueUrl=queue).get("Messages"):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"])
            payload = json.loads(messages[0]["Body"])["requestPayload"]
            if wanted(payload):
                return payload
        return None

    return until(found, seconds)
