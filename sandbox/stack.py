"""The template's own tables, topic and queues, deployed into moto. Call inside `mock_aws()`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from rules.template import Template, load, resolve, transform

TEMPLATE = Path(__file__).parents[1] / "template.yaml"

DEPLOYED: dict[str, str] = {}
"""Logical ids by what `Ref` gave for them, of all that was deployed."""


@cache
def source() -> Template:
    """template.yaml as it is written. Shared: copy before changing."""
    return load(TEMPLATE)


@cache
def transformed() -> Template:
    """template.yaml as SAM transforms it, parameters and conditions still open. Shared: copy before changing."""
    return transform(source())


def resolved(**parameters: str) -> Template:
    """template.yaml transformed, with these parameters and the defaults of the others."""
    return resolve(transformed(), {"EmailFrom": "drift@example.com", **parameters})


def deploy_tables(**parameters: str) -> dict[str, str]:
    """Make every table; returns the functions' variables that name them (`MODELS_TABLE` …)."""
    made = _deploy(("AWS::DynamoDB::Table",), parameters)
    return {f"{name.removesuffix('Table').upper()}_TABLE": table for name, table in made.items()}


def deploy_messaging(**parameters: str) -> dict[str, str]:
    """Make every queue and the topic; returns `ALERTS_TOPIC_ARN` and `CHECK_QUEUE_URL`, `EMAIL_RETRY_QUEUE_URL` …"""
    made = _deploy(("AWS::SQS::Queue", "AWS::SNS::Topic"), {"Alarms": "false", **parameters})
    return {_variable(name): value for name, value in made.items()}


def deploy_bucket(**parameters: str) -> dict[str, str]:
    """Make the bucket; returns `UPLOADS_BUCKET`."""
    return {_variable(name): value for name, value in _deploy(("AWS::S3::Bucket",), parameters).items()}


def _deploy(types: tuple[str, ...], parameters: Mapping[str, str]) -> dict[str, str]:
    resources = {
        name: {key: part for key, part in resource.items() if key in ("Type", "Properties")}
        for name, resource in resolve(source(), parameters)["Resources"].items()
        if resource["Type"] in types
    }
    for name, resource in resources.items():
        properties = resource["Properties"]
        properties.pop("DeletionProtectionEnabled", None)  # moto takes the text "false" for true
        if properties.get("FifoQueue"):
            properties["QueueName"] = f"{name}.fifo"  # moto makes no such name by itself, AWS does
    body: dict[str, Any] = {
        "Resources": resources,
        "Outputs": {name: {"Value": {"Ref": name}} for name in resources},
    }
    client = boto3.client("cloudformation")
    stack = client.create_stack(StackName=types[0].split("::")[1].lower(), TemplateBody=json.dumps(body))["StackId"]
    outputs = client.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    made = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    DEPLOYED.update({physical: name for name, physical in made.items()})
    return made


def _variable(name: str) -> str:
    if name == "DriftAlertsTopic":
        return "ALERTS_TOPIC_ARN"
    if name == "UploadsBucket":
        return "UPLOADS_BUCKET"
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_")
    return f"{words}_URL".upper()
