"""The functions with the template's own tables, topic, queues and bucket in moto, behind a stand-in for the API."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models.dynamo_type import LimitedSizeDict

from driftguard.organizations.tables import ApiKeys, Role
from driftguard.platform import aws, dynamodb
from sandbox import stack
from sandbox.gateway import Answer, Gateway


@dataclass
class Stack:
    """A deployed stack with one organization, which has a key of each role."""

    gateway: Gateway
    organization_id: str
    variables: dict[str, str]

    def call(self, method: str, path: str, body: Any = None, *, role: str = "admin", **options: Any) -> Answer:
        """Send a request with the organization's key of this role."""
        return self.gateway.call(method, path, body, key_id=f"{self.organization_id}-{role}", **options)


def add_organization(organization_id: str) -> None:
    """Store an organization with a key of each role. A key's id is `<organization>-<role>`."""
    now = datetime.now(UTC)
    ApiKeys.add_organization(organization_id, f"Organization {organization_id}", now)
    organization = ApiKeys.organization(organization_id)
    assert organization is not None
    roles: tuple[Role, ...] = ("admin", "ingest", "viewer")
    for role in roles:
        ApiKeys.add_key(organization, f"{organization_id}-{role}", role, role, now)


count_all = LimitedSizeDict.__setitem__


def count_new(item: LimitedSizeDict, name: str, value: Any) -> None:
    """Set an attribute of an item. Moto counts the old and the new value, and DynamoDB only the new value."""
    count_all(LimitedSizeDict({other: item[other] for other in item if other != name}), name, value)
    dict.__setitem__(item, name, value)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The whole stack in moto, with one organization and no models."""
    with mock_aws():
        dynamodb.disconnect()
        aws.client.cache_clear()
        monkeypatch.setattr(LimitedSizeDict, "__setitem__", count_new)
        variables = {**stack.deploy_tables(), **stack.deploy_messaging(), **stack.deploy_bucket()}
        rule = boto3.client("events").put_rule(Name="schedule", ScheduleExpression="rate(15 minutes)")
        assert rule["RuleArn"]
        fixed = {"SCHEDULE_RULE_NAME": "schedule", "PUBLIC_URL": "https://drift.example.com", "VERSION": "1.2.3"}
        variables.update(fixed)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        gateway = Gateway()
        dynamodb.connect(gateway.settings)
        add_organization("acme")
        yield Stack(gateway, "acme", variables)
        dynamodb.disconnect()
        aws.client.cache_clear()


@pytest.fixture
def published(deployed: Stack) -> list[dict[str, Any]]:
    """The events on the alert topic, those of one message one after another.

    `refresh()` reads new ones from a queue that subscribes to the topic.
    """
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = deployed.variables["ALERTS_TOPIC_ARN"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    class Listener(list[dict[str, Any]]):
        def refresh(self) -> "Listener":
            while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    news = json.loads(message["Body"])
                    self.extend(news.get("events", [news]))
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return self

    return Listener()
