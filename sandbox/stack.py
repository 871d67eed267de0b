"""Deploys the template's own tables, topic, queues and bucket into moto. Call these functions inside `mock_aws()`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from rules.template import Template, load, resolve, transform

TEMPLATE = Path(__file__).parents[1] / "template.yaml"

DEPLOYED: dict[str, str] = {}
"""The logical id of each deployed resource, by the value of its `Ref`."""


@cache
def source() -> Template:
    """Return template.yaml as written. The object is shared, so copy it before you change it."""
    return load(TEMPLATE)


SAM_DECIDES = ("DeploymentPreference", "VpcEndpointIds")
"""Parameters whose values SAM itself puts into the template. CloudFormation resolves all others."""


@cache
def transformed(**decided: str) -> Template:
    """Return template.yaml after SAM's transform, parameters and conditions unresolved. Copy before you change it."""
    return transform(source(), decided)


def resolved(**parameters: str) -> Template:
    """Return the transformed template with these parameters, and the defaults of the others."""
    template = transformed(**{name: parameters[name] for name in SAM_DECIDES if name in parameters})
    return resolve(template, {"EmailFrom": "drift@example.com", **parameters})


def deploy_tables(**parameters: str) -> dict[str, str]:
    """Create every table. Return the environment variables that name them, such as `MODELS_TABLE`."""
    made = _deploy(("AWS::DynamoDB::Table",), parameters)
    return {f"{name.removesuffix('Table').upper()}_TABLE": table for name, table in made.items()}


def deploy_messaging(**parameters: str) -> dict[str, str]:
    """Create the topic and every queue. Return the variables `ALERTS_TOPIC_ARN`, `CHECK_QUEUE_URL` and so on."""
    made = _deploy(("AWS::SQS::Queue", "AWS::SNS::Topic"), {"Alarms": "false", **parameters})
    return {_variable(name): value for name, value in made.items()}


def deploy_bucket(**parameters: str) -> dict[str, str]:
    """Create the bucket. Return `UPLOADS_BUCKET`."""
    return {_variable(name): value for name, value in _deploy(("AWS::S3::Bucket",), parameters).items()}


def _deploy(types: tuple[str, ...], parameters: Mapping[str, str]) -> dict[str, str]:
    resources = {
        name: {key: part for key, part in resource.items() if key in ("Type", "Properties")}
        for name, resource in resolve(source(), parameters)["Resources"].items()
        if resource["Type"] in types
    }
    for name, resource in resources.items():
        properties = resource["Properties"]
        properties.pop("DeletionProtectionEnabled", None)  # moto reads the text "false" as true
        if properties.get("FifoQueue"):
            properties["QueueName"] = f"{name}.fifo"  # AWS generates such a name, moto does not
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
