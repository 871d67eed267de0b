"""Uploads the built code and the template that names it: `make package BUCKET=…`. Prints the template's URL."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rules.template import load
from scripts.operate.deploy import BUILT
from scripts.operate.session import ROOT, SAM, region_of, settings_of

PACKAGED: Final = ROOT / ".aws-sam" / "packaged.yaml"


def command(template: Path, bucket: str, prefix: str, region: str, output: Path) -> list[str]:
    """Return the command line of SAM that uploads the code."""
    where = ["--s3-bucket", bucket, "--s3-prefix", prefix, "--region", region]
    return [str(SAM), "package", "--template-file", str(template), *where, "--output-template-file", str(output)]


def upload(s3: Any, packaged: Path, bucket: str, prefix: str, version: str) -> str:
    """Upload the template. Returns its URL."""
    key = f"{prefix}/template-{version}.yaml"
    s3.put_object(Bucket=bucket, Key=key, Body=packaged.read_bytes(), ContentType="application/yaml")
    # A plus sign in a URL would be read as a space.
    return f"https://{bucket}.s3.{s3.meta.region_name}.amazonaws.com/{key.replace('+', '%2B')}"


def main() -> int:
    """Package and print the URL. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bucket", required=True, help="bucket in the stack's region")
    parser.add_argument("--prefix", default="driftguard", help="folder in the bucket")
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--region", default="", help="region; otherwise samconfig.toml, AWS_REGION or the profile")
    parser.add_argument("--template", type=Path, default=BUILT, help="built template (sam build)")
    given = parser.parse_args()
    region = region_of(settings_of(given.config), given.region)
    status = subprocess.run(
        command(given.template, given.bucket, given.prefix, region, PACKAGED), check=False
    ).returncode
    if status:
        return status
    function = load(given.template)["Resources"]["ServeStatusFunction"]["Properties"]
    version = str(function["Environment"]["Variables"]["VERSION"])
    try:
        s3 = boto3.Session(region_name=region).client("s3")
        print(upload(s3, PACKAGED, given.bucket, given.prefix, version))
    except (BotoCoreError, ClientError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
