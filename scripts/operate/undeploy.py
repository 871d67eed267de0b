"""Deletes a deployed stack with all its data: `make undeploy CONFIG=default`.

CloudFormation alone is not enough. A function created the API keys, so no stack owns them. CloudFormation also refuses
to delete a bucket that contains files.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.operate.session import SAM, region_of, settings_of

BUCKET: Final = "AWS::S3::Bucket"
PLAN: Final = "AWS::ApiGateway::UsagePlan"
TABLE: Final = "AWS::DynamoDB::Table"


def main() -> int:
    """Ask for confirmation and delete the stack. Return 1 if the stack was not deleted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--region", default="", help="region; otherwise samconfig.toml, AWS_REGION or the profile")
    given = parser.parse_args()
    settings = settings_of(given.config)
    stack: str = settings["global"]["parameters"]["stack_name"]
    session = boto3.Session(region_name=region_of(settings, given.region))
    try:
        return undeploy(session, stack, given.config, asks=not given.yes)
    except (BotoCoreError, ClientError) as error:
        return _refuse(str(error))


def undeploy(session: boto3.Session, stack: str, config: str, *, asks: bool) -> int:
    """Delete keys, files and the stack after confirmation. Return the exit status.

    Nothing is deleted if deletion protection is on for a table.
    """
    resources = find(session.client("cloudformation"), stack)
    if held := protected(session.client("dynamodb"), resources.get(TABLE, [])):
        return _refuse(
            f"deletion protection is on for {', '.join(held)}. To switch it off:\n"
            f"  make deploy CONFIG={config} PARAMETERS=DeletionProtection=false\n"
            "If the first deployment failed, there is no stack to update. Then run this for each table:\n"
            "  aws dynamodb update-table --no-deletion-protection-enabled --table-name …"
        )
    account = session.client("sts").get_caller_identity()["Account"]
    print(f"This deletes the stack {stack} of account {account} in {session.region_name}: all models, predictions,")
    print("counts, history, organizations and API keys. This cannot be undone.", flush=True)
    if asks and _typed(f"Type {stack} to continue: ") != stack:
        return _refuse("nothing was deleted")
    # Keys are deleted first, so that clients can no longer log predictions or start uploads.
    print(f"{delete_keys(session.client('apigateway'), resources.get(PLAN, []))} API keys deleted")
    print(f"{empty(session.client('s3'), resources.get(BUCKET, []))} uploaded files deleted", flush=True)
    command = [str(SAM), "delete", "--no-prompts", "--stack-name", stack, "--region", session.region_name]
    return subprocess.run(command, check=False).returncode


def find(cloudformation: Any, stack: str) -> dict[str, list[str]]:
    """Return the physical ids of the stack's resources by type."""
    found: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            if one["ResourceStatus"] != "DELETE_COMPLETE":
                found.setdefault(one["ResourceType"], []).append(one["PhysicalResourceId"])
    return found


def protected(dynamodb: Any, tables: Iterable[str]) -> list[str]:
    """Return the tables that have deletion protection."""
    return [
        name for name in tables if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled")
    ]


def delete_keys(gateway: Any, plans: Iterable[str]) -> int:
    """Delete all keys of the usage plans. Return their number."""
    pages = gateway.get_paginator("get_usage_plan_keys")
    keys = [key["id"] for plan in plans for page in pages.paginate(usagePlanId=plan) for key in page["items"]]
    for key in keys:
        gateway.delete_api_key(apiKey=key)
    return len(keys)


def empty(s3: Any, buckets: Iterable[str]) -> int:
    """Delete all files in the buckets. Return their number."""
    count = 0
    for bucket in buckets:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for file in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=file["Key"])
                count += 1
    return count


def _typed(question: str) -> str:
    """Return the typed answer, or an empty text if there is no terminal."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def _refuse(message: str) -> int:
    print(f"undeploy: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
