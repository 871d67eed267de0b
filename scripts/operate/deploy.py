"""Runs `sam deploy` on the built template: `make deploy PARAMETERS="EmailFrom=drift@example.com"`.

Before that it prints the parameters that it sends, those that the stack keeps, and the defaults that changed.
What follows `--` goes to SAM unchanged: `make deploy OPTIONS="--tags team=ml --role-arn …"`. Without `--tags`, SAM
would remove all tags from the stack and its resources, so the stack's own tags are sent again.

SAM ignores all parameters of samconfig.toml if the command line has any. So this script joins both first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from rules.template import load, loader
from scripts.operate.aliases import with_aliases
from scripts.operate.keys import tag_keys
from scripts.operate.plan import concurrency_warning, lines, name_warning, plan
from scripts.operate.session import ROOT, SAM, region_of, settings_of
from scripts.operate.undeploy import PLAN, find

BUILT: Final = ROOT / ".aws-sam" / "deploy" / "template.yaml"


@dataclass(frozen=True)
class Deployment:
    """One deployment: the environment of samconfig.toml, what the command line adds, and the built template.

    options: passed on to SAM. confirms: whether SAM asks before it changes anything.
    """

    environment: str
    region: str
    parameters: Mapping[str, str]
    template: Path = BUILT
    options: Sequence[str] = ()
    confirms: bool = True

    @property
    def stack(self) -> str:
        """The stack's name in samconfig.toml."""
        return str(settings_of(self.environment)["global"]["parameters"]["stack_name"])

    @property
    def sent(self) -> dict[str, str]:
        """The parameters of samconfig.toml and those of the command line, which override them."""
        settings = settings_of(self.environment)
        configured = settings.get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
        return dict(one.split("=", 1) for one in configured) | dict(self.parameters)

    @property
    def command(self) -> list[str]:
        """SAM's command line."""
        # SAM would look for samconfig.toml beside the template.
        files = ["--template-file", str(self.template), "--config-file", str(ROOT / "samconfig.toml")]
        where = ["--config-env", self.environment, "--region", self.region]
        asks = [] if self.confirms else ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
        overrides = [f"{name}={value}" for name, value in self.sent.items()]
        return [str(SAM), "deploy", *files, *where, *asks, *self.options, "--parameter-overrides", *overrides]


def with_tags(deployment: Deployment, session: boto3.Session) -> Deployment:
    """Return the deployment with the stack's present tags, unless its options name tags."""
    if any(option == "--tags" or option.startswith("--tags=") for option in deployment.options):
        return deployment
    found = _stack(session.client("cloudformation"), deployment.stack)
    tags = [f'"{one["Key"]}"="{one["Value"]}"' for one in (found or {}).get("Tags", [])]
    return replace(deployment, options=[*deployment.options, "--tags", *tags]) if tags else deployment


def announce(deployment: Deployment, session: boto3.Session) -> None:
    """Print what the deployment does with parameters, and what may surprise."""
    template = load(deployment.template)
    declared = template["Parameters"]
    stack = deployment.stack
    values, before = deployed(session.client("cloudformation"), stack)
    found = plan(deployment.sent, declared, values, before.get("Parameters", {}))
    print(f"Stack {stack} in {deployment.region}", *lines(found, declared, is_update=values is not None), sep="\n")
    queues = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::SQS::Queue"]
    if warning := name_warning(stack, queues, found.values):
        print(warning)
    try:
        limit = session.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except (BotoCoreError, ClientError) as error:
        print(f"The account's limit of concurrent executions is unknown: {error}")
        return
    if warning := concurrency_warning(int(limit), found.values):
        print(warning)


def prepare(deployment: Deployment) -> None:
    """Give a stack of an earlier version what an update needs: tags on its keys, and aliases for its functions.

    A stack without aliases is updated to its own template with aliases, so that no call sees half of the next update.
    SAM sends the stack's own parameters again. Exits the program if SAM fails.
    """
    session = boto3.Session(region_name=deployment.region)
    stack = deployment.stack
    values, template = deployed(session.client("cloudformation"), stack)
    if values is None:
        return
    _tag_old_keys(session, stack)
    if not (between := with_aliases(template)):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.json"
        path.write_text(json.dumps(between))
        first = replace(deployment, template=path, parameters={}, confirms=False)
        command = first.command[: first.command.index("--parameter-overrides")]
        print(
            "This stack has no aliases yet. It gets them first, so that no request fails during the update.", flush=True
        )
        if status := subprocess.run(command, check=False).returncode:
            sys.exit(status)


def _tag_old_keys(session: boto3.Session, stack: str) -> None:
    """Tag the keys of earlier versions. The deployment goes on without, because an account may forbid to read keys."""
    try:
        tagged = tag_keys(session, stack, find(session.client("cloudformation"), stack).get(PLAN, []))
    except ClientError as error:
        print(f"Keys of earlier versions were not tagged, so they cannot be revoked or rotated until they are: {error}")
        return
    if tagged:
        print(f"{tagged} API keys of earlier versions were tagged with the name of the stack.")


def deployed(cloudformation: Any, stack: str) -> tuple[dict[str, str] | None, dict[str, Any]]:
    """Return the stack's parameters and its template. None and an empty template if there is no stack."""
    found = _stack(cloudformation, stack)
    if found is None:
        return None, {}
    body = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    values = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    template = body if isinstance(body, dict) else yaml.load(body, Loader=loader())  # noqa: S506 - a SafeLoader that knows CloudFormation's tags
    return values, template


def _stack(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return what CloudFormation says of the stack; None if there is no stack."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return dict(found)


def parsed(words: Sequence[str]) -> Deployment:
    """Return the deployment that a command line asks for. Exits the program if the command line is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64"])
    parser.add_argument("--template", type=Path, default=BUILT, help="built template (sam build)")
    parser.add_argument("--region", default="", help="region; otherwise samconfig.toml, AWS_REGION or the profile")
    parser.add_argument("--no-confirm", action="store_true", help="do not ask, for example in CI")
    parser.add_argument("parameters", nargs="*", metavar="Name=Value", help="parameters of the template")
    own, options = list(words), []
    if "--" in own:
        place = own.index("--")
        own, options = own[:place], own[place + 1 :]
    given = parser.parse_args(own)
    if wrong := [one for one in given.parameters if "=" not in one]:
        parser.error(f"{', '.join(wrong)}: write parameters as Name=Value")
    return Deployment(
        environment=given.config,
        region=region_of(settings_of(given.config), given.region),
        parameters=dict(one.split("=", 1) for one in given.parameters) | {"Architecture": given.architecture},
        template=given.template.resolve(),
        options=options,
        confirms=not given.no_confirm,
    )


def main() -> None:
    """Print the plan and become SAM."""
    deployment = parsed(sys.argv[1:])
    os.chdir(ROOT)
    try:
        session = boto3.Session(region_name=deployment.region)
        deployment = with_tags(deployment, session)
        announce(deployment, session)
        prepare(deployment)
    except (BotoCoreError, ClientError) as error:  # a role that may only deploy cannot read the stack
        print(f"The stack could not be compared with the deployment, or prepared for it: {error}")
    print(" ".join(deployment.command), flush=True)
    os.execv(deployment.command[0], deployment.command)  # noqa: S606 - the project's own SAM


if __name__ == "__main__":
    main()
