"""Runs `sam deploy` on the built template: `make deploy PARAMETERS="EmailFrom=drift@example.com"`.

Before that it prints the parameters that it sends, those that the stack keeps, and the defaults that changed.
What follows `--` goes to SAM unchanged: `make deploy OPTIONS="--tags team=ml --role-arn …"`.

SAM ignores all parameters of samconfig.toml if the command line has any. So this script joins both first.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from rules.template import load, loader
from scripts.operate.plan import concurrency_warning, lines, name_warning, plan
from scripts.operate.session import ROOT, SAM, region_of, settings_of

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


def announce(deployment: Deployment, session: boto3.Session) -> None:
    """Print what the deployment does with parameters, and what may surprise. Errors of AWS do not stop it."""
    template = load(deployment.template)
    declared = template["Parameters"]
    stack = settings_of(deployment.environment)["global"]["parameters"]["stack_name"]
    values, before = _deployed(session.client("cloudformation"), stack)
    found = plan(deployment.sent, declared, values, before)
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


def _deployed(cloudformation: Any, stack: str) -> tuple[dict[str, str] | None, Mapping[str, Mapping[str, Any]]]:
    """Return the stack's parameters and those that its template declares. None if there is no stack."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        body = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    except ClientError:
        return None, {}
    values = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    template = body if isinstance(body, dict) else yaml.load(body, Loader=loader())  # noqa: S506 - a SafeLoader that knows CloudFormation's tags
    return values, template.get("Parameters", {})


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
    """Print the plan and become SAM. Exits the program if AWS cannot be asked for the stack."""
    deployment = parsed(sys.argv[1:])
    os.chdir(ROOT)
    try:
        announce(deployment, boto3.Session(region_name=deployment.region))
    except BotoCoreError as error:
        sys.exit(f"deploy: {error}")
    print(" ".join(deployment.command), flush=True)
    os.execv(deployment.command[0], deployment.command)  # noqa: S606 - the project's own SAM


if __name__ == "__main__":
    main()
