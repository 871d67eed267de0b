"""The settings of samconfig.toml and the region that `make deploy` and `make undeploy` share."""

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3

ROOT: Final = Path(__file__).resolve().parents[2]
SAM: Final = ROOT / ".venv-sam" / "bin" / "sam"


def settings_of(environment: str) -> dict[str, Any]:
    """Return an environment of samconfig.toml. Exits the program if there is none of that name."""
    known = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if not isinstance(known.get(environment), dict):
        names = ", ".join(name for name, value in known.items() if isinstance(value, dict))
        sys.exit(f"samconfig.toml has no environment {environment!r}. Use one of: {names}")
    settings: dict[str, Any] = known[environment]
    return settings


def region_of(settings: Mapping[str, Any], given: str) -> str:
    """Return the region that both commands use. Exits the program if no region is set.

    The first of these counts: the option, samconfig.toml, AWS_REGION, AWS_DEFAULT_REGION, the profile.
    """
    places = (settings.get("deploy", {}), settings["global"])
    configured = next(filter(None, (place.get("parameters", {}).get("region") for place in places)), None)
    found = given or configured or os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not found:
        sys.exit("No region is set. Add REGION=eu-west-1 to the command, or set AWS_REGION.")
    return str(found)
