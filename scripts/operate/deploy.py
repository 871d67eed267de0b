"""Runs `sam deploy` on the built template: `make deploy PARAMETERS="EmailFrom=drift@example.com"`.

SAM ignores all parameters of samconfig.toml if the command line has any. So this script joins both first.
"""

import argparse
import os
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
SAM: Final = ROOT / ".venv-sam" / "bin" / "sam"
BUILT: Final = ROOT / ".aws-sam" / "deploy" / "template.yaml"


def command(environment: str, architecture: str, parameters: list[str], template: Path = BUILT) -> list[str]:
    """Return SAM's command line. `parameters` override those of samconfig.toml."""
    settings = settings_of(environment)
    configured = settings.get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    joined = dict(one.split("=", 1) for one in (*configured, *parameters)) | {"Architecture": architecture}
    # SAM would look for samconfig.toml beside the template.
    files = ["--template-file", str(template), "--config-file", str(ROOT / "samconfig.toml")]
    overrides = [f"{name}={value}" for name, value in joined.items()]
    return [str(SAM), "deploy", *files, "--config-env", environment, "--parameter-overrides", *overrides]


def settings_of(environment: str) -> dict[str, Any]:
    """Return an environment of samconfig.toml. Exits the program if there is none of that name."""
    known = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if not isinstance(known.get(environment), dict):
        names = ", ".join(name for name, value in known.items() if isinstance(value, dict))
        sys.exit(f"samconfig.toml has no environment {environment!r}. Use one of: {names}")
    settings: dict[str, Any] = known[environment]
    return settings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64"])
    parser.add_argument("--template", type=Path, default=BUILT, help="built template (sam build)")
    parser.add_argument("parameters", nargs="*", metavar="Name=Value", help="parameters of the template")
    given = parser.parse_args()
    arguments = command(given.config, given.architecture, given.parameters, given.template.resolve())
    os.chdir(ROOT)
    print(" ".join(arguments), flush=True)
    os.execv(arguments[0], [*arguments])  # noqa: S606 - the project's own SAM
