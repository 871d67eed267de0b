"""Writes the template as plain CloudFormation, for tools that do not know SAM.

One file has unresolved parameters and conditions. Each deployment of `rules.DEPLOYMENTS` has a file with its own
parameters. Usage: `python -m scripts.generate.transform FOLDER [TEMPLATE]`.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Final

from rules.deployments import DEPLOYMENTS, EVERYTHING
from rules.template import Template, load, resolve, transform

NAMES: Final = {(): "defaults", tuple(EVERYTHING): "everything"}


def write(template: Path, folder: Path) -> None:
    """Write `transformed.json`, `defaults.json`, `everything.json` and a file for each other deployment."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()

    def save(name: str, content: Template) -> None:
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1))

    transformed = transform(load(template))
    save("transformed", transformed)
    for number, parameters in enumerate(DEPLOYMENTS):
        decided = resolve(transform(load(template), parameters), parameters)
        save(NAMES.get(tuple(parameters), f"deployment-{number}"), decided)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # SAM's translator logs warnings about its own metrics
    write(Path(sys.argv[2] if len(sys.argv) > 2 else "template.yaml"), Path(sys.argv[1]))
