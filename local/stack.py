"""The stack itself: deployed through CloudFormation, with an organization to use it, and its schedule fired by hand."""

import contextlib
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.packaging import drop_other_copies, package
from local.settings import ACCOUNT, CREDENTIALS, REGION, STACK

BUCKET: Final = "local-artifacts"
ROLES: Final = ("admin", "ingest", "viewer")
SENDER: Final = "driftguard@example.com"
# Erasing waits a minute on purpose and is neither a check nor a delivery.
NOT_WAITED_FOR: Final = ("EraseQueue",)
WAIT_SECONDS: Final = 120.0  # for something to change
LONGEST_SECONDS: Final = 840.0  # in all: after 900 the rule fires again
QUIET_SECONDS: Final = 0.25


class DeploymentFailed(Exception):
    """CloudFormation could not make or change the stack; the message tells which resource and why."""


@dataclass(frozen=True)
class Stack:
    """What was deployed."""

    endpoint: str
    resources: dict[str, str]  # logical id → physical id
    kinds: dict[str, str]  # logical id → type

    def client(self, service: str) -> Any:
        return client(service, self.endpoint)

    def named(self, kind: str) -> dict[str, str]:
        """Physical ids of one type by their logical ids."""
        return {logical: self.resources[logical] for logical, one in self.kinds.items() if one == kind}

    def callable_name(self, logical_id: str) -> str:
        """What to call a function by: the ARN of its alias, or its name in a stack without aliases."""
        return self.resources.get(f"{logical_id}Aliaslive", self.resources[logical_id])

    @property
    def api_id(self) -> str:
        return next(iter(self.named("AWS::ApiGateway::RestApi").values()))


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of the local endpoint, as its root user."""
    config = Config(retries={"max_attempts": 2}, read_timeout=310, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=endpoint, config=config, **CREDENTIALS)


def deploy(
    template: Path, state: Path, endpoint: str, parameters: dict[str, str], save: Callable[[], None]
) -> tuple[Stack, bool]:
    """Bring the stack to what the built template says; also tells whether anything had changed."""
    s3, cloudformation = client("s3", endpoint), client("cloudformation", endpoint)
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def upload(key: str, content: bytes) -> str:
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    document, copies = package(template, state / "layers", upload)
    declared = document.get("Parameters", {})
    values = {name: value for name, value in parameters.items() if name in declared}
    text = json.dumps(document)
    digest = hashlib.sha256(json.dumps([text, values], sort_keys=True).encode()).hexdigest()
    mark = state / "deployed"
    exists = _status(cloudformation)
    changed = not exists or not mark.exists() or mark.read_text() != digest
    if changed:
        mark.unlink(missing_ok=True)
        upload("template.json", text.encode())
        call = cloudformation.update_stack if exists else cloudformation.create_stack
        request = {
            "StackName": STACK,
            "TemplateURL": f"{endpoint}/{BUCKET}/template.json",
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        try:
            call(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise DeploymentFailed(str(error)) from error
        _wait(cloudformation)
        save()
        mark.write_text(digest)
        if copies:
            drop_other_copies(state / "layers", copies)
    summaries = [
        one
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        for one in page["StackResourceSummaries"]
    ]
    stack = Stack(
        endpoint,
        {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in summaries},
        {one["LogicalResourceId"]: one["ResourceType"] for one in summaries},
    )
    if not exists:
        stack.client("sesv2").create_email_identity(EmailIdentity=SENDER)
    return stack, changed


def _status(cloudformation: Any) -> str | None:
    try:
        status: str = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except ClientError:
        return None
    return status


def _wait(cloudformation: Any) -> None:
    while (status := _status(cloudformation)) and status.endswith("IN_PROGRESS"):
        time.sleep(0.1)
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [one for one in events if "FAILED" in one["ResourceStatus"]]
    reasons = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in failed]
    raise DeploymentFailed(f"{status}\n" + "\n".join(reversed(reasons)))


def organization(stack: Stack, state: Path) -> dict[str, Any]:
    """An organization and a key of each role: those of an earlier run where there are any."""
    path = state / "organization.json"
    if path.exists():
        known: dict[str, Any] = json.loads(path.read_text())
        return known

    def call(**payload: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke(stack, "ManageOrganizationsFunction", payload)
        return answer

    organization_id = call(action="create_organization", name="Local")["organization_id"]
    keys = {
        role: call(action="issue_key", organization_id=organization_id, role=role, name=f"Local {role}")["api_key"]
        for role in ROLES
    }
    made = {"organization_id": organization_id, "api_keys": keys}
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(made))
    unfinished.replace(path)
    return made


def invoke(stack: Stack, logical_id: str, payload: Any) -> Any:
    """Call a function and wait; its error as an exception."""
    answer = stack.client("lambda").invoke(FunctionName=stack.callable_name(logical_id), Payload=json.dumps(payload))
    content = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise RuntimeError(f"{logical_id}: {content}")
    return content


def fire_schedule(stack: Stack, running: Callable[[], int]) -> dict[str, Any]:
    """Send the schedule's event to its rule's targets now; returns when all checks and deliveries it led to have ended,
    or when nothing has changed for WAIT_SECONDS.

    `running` counts the asynchronous invocations that run or will be repeated.
    """
    events, functions, queues = stack.client("events"), stack.client("lambda"), stack.client("sqs")
    event_id = str(uuid.uuid4())
    began = time.monotonic()
    for name in stack.named("AWS::Events::Rule").values():
        rule = events.describe_rule(Name=name.rsplit("/", 1)[-1])
        if not rule.get("ScheduleExpression"):
            continue
        event = {
            "version": "0",
            "id": event_id,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "region": REGION,
            "resources": [rule["Arn"]],
            "detail": {"by_hand": True},  # joins the labels of all models, not only of those that are due
        }
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            payload = target.get("Input") or json.dumps(event)
            functions.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=payload)

    watched = _watched_queues(stack, functions)
    quiet_since: float | None = None
    waiting: dict[str, int] = {}
    before: dict[str, int] | None = None
    changed = now = began
    while now - changed < WAIT_SECONDS and now - began < LONGEST_SECONDS:
        waiting = {name: count for name, url in watched.items() if (count := _messages(queues, url))}
        if count := running():
            waiting["invocations"] = count
        now = time.monotonic()
        if waiting != before:
            before, changed = waiting, now
        quiet_since = None if waiting else quiet_since or now
        if quiet_since and now - quiet_since >= QUIET_SECONDS:
            return {"ended": True, "event_id": event_id, "seconds": round(now - began, 2)}
        # Asking takes the emulator's time from what is waited for: the longer it takes, the less often.
        time.sleep(min(1.0, max(0.05, (now - began) / 50)))
    return {"ended": False, "event_id": event_id, "seconds": round(now - began, 2), "waiting_for": waiting}


def _watched_queues(stack: Stack, functions: Any) -> dict[str, str]:
    pages = functions.get_paginator("list_event_source_mappings").paginate()
    sources = {one["EventSourceArn"].rsplit(":", 1)[-1] for page in pages for one in page["EventSourceMappings"]}
    queues = stack.named("AWS::SQS::Queue")
    return {
        name: url for name, url in queues.items() if name not in NOT_WAITED_FOR and url.rsplit("/", 1)[-1] in sources
    }


def _messages(queues: Any, url: str) -> int:
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)
