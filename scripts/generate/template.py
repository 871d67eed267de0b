"""Joins template/*.yaml into template.yaml, or with --check says whether template.yaml is up to date.

The parts are joined as text, section by section, so that their comments stay.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from rules.template import loader
from scripts.generate.written import write_or_check

ROOT: Final = Path(__file__).resolve().parents[2]
TARGET: Final = ROOT / "template.yaml"
SECTIONS: Final = (
    *("AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules", "Mappings"),
    *("Conditions", "Globals", "Resources", "Outputs"),
)
FIRST: Final = "stack.yaml"
HEADER: Final = "# Generated from the files in template/ by `make template`. Edit those files, not this one."


def main() -> int:
    """Write or check the template; returns the exit code."""
    return write_or_check(TARGET, join(parts()), about=__doc__, make="template")


def parts() -> dict[str, str]:
    """The text of every part by its file name. The part for the whole stack comes first, the others by name."""
    paths = sorted((ROOT / "template").glob("*.yaml"), key=lambda path: (path.name != FIRST, path.name))
    return {path.name: path.read_text() for path in paths}


def join(texts: Mapping[str, str]) -> str:
    """The template that these parts make. Raises ValueError for an unknown section and for a name given twice."""
    merged: dict[str, str] = {}
    owners: dict[str, str] = {}
    contents = [HEADER, "#"]
    for part, text in texts.items():
        summary, *pieces = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
        contents.append(f"#   template/{part}: {summary.strip().removeprefix('# ')}")
        loaded = yaml.load(text, Loader=loader())  # noqa: S506 - a SafeLoader that knows CloudFormation's tags
        for piece in pieces:
            head, _, body = piece.partition("\n")
            section = head.partition(":")[0]
            names = re.findall(r"^  ([\w:-]+):", body, re.MULTILINE)
            if section not in SECTIONS:
                raise ValueError(f"template/{part}: {section} is no section of a template; use one of {SECTIONS}")
            if isinstance(loaded[section], dict) and set(names) != set(loaded[section]):
                raise ValueError(f"template/{part}: give each name of {section} its own line, indented by two spaces")
            for name in [f"{section} {name}" for name in names] or [section]:
                if name in owners:
                    raise ValueError(f"template/{part}: {name} is also in template/{owners[name]}; remove one of them")
                owners[name] = part
            if names:
                body = f"  # template/{part}\n\n" * (section == "Resources") + body.strip("\n")
                merged[section] = f"{merged[section]}\n\n{body}" if section in merged else f"{head}\n{body}"
            else:
                merged[section] = piece.strip("\n")
    return "\n\n".join(["\n".join(contents), *(merged[section] for section in SECTIONS if section in merged)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
