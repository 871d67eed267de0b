"""Takes a deployed stack away with all that it holds: `make undeploy CONFIG=default`.

CloudFormation alone would not do: API Gateway's keys were made by a function, so no stack owns them, and a bucket that
holds a file is not deleted.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.operate.deploy import SAM, settings_of

BUCKET: Final = "AWS::S3::Bucket"
PLAN: Final = "AWS::ApiGateway::UsagePlan"
TABLE: Final = "AWS::DynamoDB::Table"


def main() -> int:
    """Ask, take away what stands in CloudFormation's way, and have SAM delete the stack; 1 where it still stands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    given = parser.parse_args()
    stack: str = settings_of(given.config)["global"]["parameters"]["stack_name"]
    try:
        return undeploy(boto3.Session(), stack, given.config, asks=not given.yes)
    except (BotoCoreError, ClientError) as error:
        return _refuse(str(error))


def undeploy(session: boto3.Session, stack: str, config: str, *, asks: bool) -> int:
    """Delete the stack; the exit status. Nothing is touched unless all may be deleted and somebody has said so."""
    resources = find(session.client("cloudformation"), stack)
    if held := protected(session.client("dynamodb"), resources.get(TABLE, [])):
        return _refuse(
            f"deletion protection is on for {', '.join(held)}. To switch it off:\n"
            f"  make deploy CONFIG={config} PARAMETERS=DeletionProtection=false\n"
            "and where a first deployment failed, so that there is nothing to update, for each of them:\n"
            "  aws dynamodb update-table --no-deletion-protection-enabled --table-name …"
        )
    account = session.client("sts").get_caller_identity()["Account"]
    print(f"This deletes the stack {stack} of account {account} in {session.region_name}: its models, their")
    print("predictions, counts and history, its organizations and their keys. Nothing brings them back.", flush=True)
    if asks and _typed(f"Type {stack} to go on: ") != stack:
        return _refuse("nothing was deleted")
    # Keys first: from here on nobody can log, or ask for another address to upload to.
    print(f"{delete_keys(session.client('apigateway'), resources.get(PLAN, []))} API keys deleted")
    print(f"{empty(session.client('s3'), resources.get(BUCKET, []))} uploaded files deleted", flush=True)
    command = [str(SAM), "delete", "--no-prompts", "--stack-name", stack, "--region", session.region_name]
    return subprocess.run(command, check=False).returncode


def find(cloudformation: Any, stack: str) -> dict[str, list[str]]:
    """Physical ids of what the stack holds, by type."""
    found: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            if one["ResourceStatus"] != "DELETE_COMPLETE":
                found.setdefault(one["ResourceType"], []).append(one["PhysicalResourceId"])
    return found


def protected(dynamodb: Any, tables: Iterable[str]) -> list[str]:
    """Those of the tables that refuse to be deleted: told before anything else is gone."""
    return [
        name for name in tables if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled")
    ]


def delete_keys(gateway: Any, plans: Iterable[str]) -> int:
    """Delete all keys of the usage plans; tells how many there were."""
    pages = gateway.get_paginator("get_usage_plan_keys")
    keys = [key["id"] for plan in plans for page in pages.paginate(usagePlanId=plan) for key in page["items"]]
    for key in keys:
        gateway.delete_api_key(apiKey=key)
    return len(keys)


def empty(s3: Any, buckets: Iterable[str]) -> int:
    """Delete all that the buckets hold; tells how many files there were."""
    count = 0
    for bucket in buckets:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for file in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=file["Key"])
                count += 1
    return count


def _typed(question: str) -> str:
    """What somebody typed; nothing where there is nobody."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def _refuse(message: str) -> int:
    print(f"undeploy: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
