"""An account of the emulator: the project's own commands run against it, and all that is in it."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx

from tests.local.launched import ROOT

MACHINE = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
SECONDS = 400.0
"""For a deployment or a deletion: generous, since whoever runs the tests may have a busy machine."""

type Things = dict[str, Any]
"""What there is, by kind and name: `table driftguard-ModelsTable-…`."""


@dataclass
class Account:
    """An account, by its endpoint; `home` keeps what the commands write out of the tester's own."""

    endpoint: str
    home: Path
    clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the commands find: nothing that leads to a real account."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",  # of five seconds: here nothing takes that long
        }

    def deploy(self, template: Path, *parameters: str, config: str = "default") -> subprocess.CompletedProcess[str]:
        """What `make deploy` runs once it has built; its question is answered with yes."""
        words = ["--config", config, "--architecture", MACHINE, "--template", str(template)]
        return self._run("scripts.operate.deploy", *words, *parameters, typed="y\n")

    def undeploy(self, typed: str, config: str = "default") -> subprocess.CompletedProcess[str]:
        """What `make undeploy` runs; its question is answered with `typed`."""
        return self._run("scripts.operate.undeploy", "--config", config, typed=f"{typed}\n")

    def backup(self, action: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """What `make backup` (`export`) and `make restore` (`restore`) run."""
        return self._run("scripts.operate.backup", action, str(folder), typed="")

    def _run(self, module: str, *words: str, typed: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            input=typed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )

    def aws(self, service: str) -> Any:
        if service not in self.clients:
            credentials: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            self.clients[service] = boto3.client(
                service, endpoint_url=self.endpoint, region_name="eu-west-1", **credentials
            )
        return self.clients[service]

    def stack(self, name: str) -> Any:
        return self.aws("cloudformation").describe_stacks(StackName=name)["Stacks"][0]

    def resources(self, name: str) -> dict[str, str]:
        """Physical ids by logical ids."""
        pages = self.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
        }

    def outputs(self, name: str) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self.stack(name)["Outputs"]}

    def invoke(self, function: str, payload: Any) -> Any:
        answer = self.aws("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
        return json.load(answer["Payload"])

    def http(self, method: str, url: str, **options: Any) -> httpx.Response:
        """A call of the address that a deployment put out, as far as it can be called here: by API id and stage."""
        address = httpx.URL(url)
        api_id = address.host.partition(".")[0]
        here = f"{self.endpoint}/_aws/execute-api/{api_id}{address.raw_path.decode()}"
        return httpx.request(method, here, **{"timeout": 130.0, **options})

    def things(self) -> Things:
        """All that is in the account and could be left over, each with what a deployment can change about it."""
        found: Things = {}
        for list_all in (_data, _messaging, _code, _access, _gateway, _watching):
            found |= dict(list_all(self.aws))
        return found


def differences(before: Things, after: Things) -> Things:
    """What is told otherwise after than before, both ways; None for what is not there."""
    names = sorted(before.keys() | after.keys())
    return {
        name: (before.get(name), after.get(name))
        for name in names
        if (name in before) != (name in after) or before.get(name) != after.get(name)
    }


type Aws = Callable[[str], Any]
type Found = Iterator[tuple[str, Any]]


def _data(aws: Aws) -> Found:
    for name in aws("dynamodb").list_tables()["TableNames"]:
        table = aws("dynamodb").describe_table(TableName=name)["Table"]
        pages = aws("dynamodb").get_paginator("scan").paginate(TableName=name)
        yield (
            f"table {name}",
            {
                "id": table["TableId"],
                "keys": table["KeySchema"],
                "protected": table["DeletionProtectionEnabled"],
                "items": sorted((item for page in pages for item in page["Items"]), key=str),
            },
        )
    for bucket in aws("s3").list_buckets()["Buckets"]:
        yield f"bucket {bucket['Name']}", None


def _messaging(aws: Aws) -> Found:
    for url in aws("sqs").list_queues().get("QueueUrls", []):
        attributes = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        moving = ("ApproximateNumber", "LastModified")
        yield f"queue {url}", {key: value for key, value in attributes.items() if not key.startswith(moving)}
    for topic in _all(aws("sns"), "list_topics", "Topics"):
        yield f"topic {topic['TopicArn']}", None
    for one in _all(aws("sns"), "list_subscriptions", "Subscriptions"):
        arn = one["SubscriptionArn"]
        yield f"subscription {arn}", one | aws("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    for rule in _all(aws("events"), "list_rules", "Rules"):
        yield f"rule {rule['Name']}", [rule, aws("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]]


def _code(aws: Aws) -> Found:
    told = ("CodeSha256", "Environment", "Layers", "Role", "Timeout", "MemorySize", "TracingConfig", "LoggingConfig")
    for one in _all(aws("lambda"), "list_functions", "Functions"):
        yield f"function {one['FunctionName']}", {key: one.get(key) for key in told}
    for layer in _all(aws("lambda"), "list_layers", "Layers"):
        for one in aws("lambda").list_layer_versions(LayerName=layer["LayerName"])["LayerVersions"]:
            yield f"layer {one['LayerVersionArn']}", None
    about = ("EventSourceArn", "FunctionArn", "State", "BatchSize", "ScalingConfig")
    for one in _all(aws("lambda"), "list_event_source_mappings", "EventSourceMappings"):
        yield f"event source mapping {one['UUID']}", {key: one.get(key) for key in about}


def _access(aws: Aws) -> Found:
    iam = aws("iam")
    for role in _all(iam, "list_roles", "Roles"):
        name = role["RoleName"]
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in policies]
        yield f"role {name}", [documents, iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
    for policy in iam.get_paginator("list_policies").paginate(Scope="Local").search("Policies[]"):
        yield f"policy {policy['PolicyName']}", policy["DefaultVersionId"]


def _gateway(aws: Aws) -> Found:
    gateway = aws("apigateway")
    for api in _all(gateway, "get_rest_apis", "items"):
        resources = _all(gateway, "get_resources", "items", restApiId=api["id"])
        stages = gateway.get_stages(restApiId=api["id"])["item"]
        told = ("stageName", "deploymentId", "methodSettings", "accessLogSettings", "tracingEnabled")
        routes = sorted(f"{method} {one['path']}" for one in resources for method in one.get("resourceMethods", {}))
        yield f"API {api['id']}", [routes, [{key: stage.get(key) for key in told} for stage in stages]]
    for plan in _all(gateway, "get_usage_plans", "items"):
        yield f"usage plan {plan['id']}", {key: plan.get(key) for key in ("apiStages", "throttle", "quota")}
    for key in _all(gateway, "get_api_keys", "items"):
        yield f"API key {key['id']}", key["enabled"]
    yield "API account", gateway.get_account().get("cloudwatchRoleArn")


def _watching(aws: Aws) -> Found:
    for group in _all(aws("logs"), "describe_log_groups", "logGroups"):
        yield f"log group {group['logGroupName']}", group.get("retentionInDays")
    told = ("Threshold", "Dimensions", "AlarmActions", "OKActions", "TreatMissingData")
    for alarm in _all(aws("cloudwatch"), "describe_alarms", "MetricAlarms"):
        yield f"alarm {alarm['AlarmName']}", {key: alarm.get(key) for key in told}


def _all(client: Any, call: str, key: str, **arguments: Any) -> list[Any]:
    return [one for page in client.get_paginator(call).paginate(**arguments) for one in page.get(key, [])]
