"""template.yaml is what the files in template/ make."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.template import loader
from sandbox.stack import source
from scripts.generate import template

PARTS = template.parts()
SHARED = {"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Globals"}


def read(text: str) -> dict[str, Any]:
    """A part as YAML."""
    content: dict[str, Any] = yaml.load(text, Loader=loader())
    return content


def test_the_joined_parts_are_the_committed_template() -> None:
    """Joining the parts gives template.yaml, byte by byte."""
    assert template.join(PARTS) == template.TARGET.read_text()


def test_the_template_says_that_it_is_generated_and_lists_its_parts() -> None:
    """The first line names the source and the command, and the lines below name every part."""
    head = template.TARGET.read_text().split("\n\n", 1)[0]
    assert "`make template`" in head.splitlines()[0]
    assert re.findall(r"template/(\w+\.yaml): ", head) == list(PARTS)


def test_the_template_holds_what_its_parts_hold() -> None:
    """Read as YAML, every section of the template is the union of the parts' sections."""
    union: dict[str, Any] = {}
    for text in PARTS.values():
        for section, content in read(text).items():
            if isinstance(content, dict):
                union.setdefault(section, {}).update(content)
            else:
                union[section] = content
    assert union == source()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_yaml_with_sections_of_its_own(part: str) -> None:
    """Every part has resources; only the part for the whole stack has sections that are not split."""
    sections = set(read(PARTS[part]))
    assert "Resources" in sections
    assert (sections & SHARED == SHARED) if part == template.FIRST else not sections & SHARED


@pytest.mark.parametrize("part", PARTS)
def test_every_line_of_a_part_is_kept(part: str) -> None:
    """Comments reach the template, too."""
    lines = [line for line in PARTS[part].splitlines()[1:] if line]
    joined = iter(template.TARGET.read_text().splitlines())
    sections = {f"{section}:" for section in template.SECTIONS}
    assert [line for line in lines if line not in sections and line not in joined] == []


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            {"a.yaml": "# A.\n\nResources:\n  One: {}\n", "b.yaml": "# B.\n\nResources:\n  One: {}\n"},
            "template/b.yaml: Resources One is also in template/a.yaml",
        ),
        (
            {"a.yaml": "# A.\n\nOutputs:\n  One: {}\n  One: {}\n"},
            "template/a.yaml: Outputs One is also in template/a.yaml",
        ),
        (
            {"a.yaml": "# A.\n\nTransform: X\n", "b.yaml": "# B.\n\nTransform: X\n"},
            "Transform is also in template/a.yaml",
        ),
        ({"a.yaml": "# A.\n\nResource:\n  One: {}\n"}, "Resource is no section"),
        ({"a.yaml": "# A.\n\nResources: {One: {}}\n"}, "give each name of Resources its own line"),
    ],
)
def test_parts_that_cannot_be_joined_are_refused(texts: dict[str, str], said: str) -> None:
    """The error names the part and what is wrong in it."""
    with pytest.raises(ValueError, match=re.escape(said)):
        template.join(texts)


def test_the_same_name_may_stand_in_two_sections() -> None:
    """An output may be named after its resource."""
    joined = template.join({"a.yaml": "# A.\n\nResources:\n  One: {}\n", "b.yaml": "# B.\n\nOutputs:\n  One: {}\n"})
    assert read(joined) == {"Resources": {"One": {}}, "Outputs": {"One": {}}}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, working on a copy of the parts and the template."""
    shutil.copytree(template.ROOT / "template", tmp_path / "template")
    shutil.copy(template.TARGET, tmp_path)
    monkeypatch.setattr(template, "ROOT", tmp_path)
    monkeypatch.setattr(template, "TARGET", tmp_path / "template.yaml")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["template", *arguments])
        return template.main()

    return run


def test_the_check_fails_until_a_changed_part_is_joined(tmp_path: Path, copied: Callable[..., int]) -> None:
    """`--check` writes nothing and fails on a template that is out of date; the command itself brings it up to date."""
    assert copied("--check") == 0
    part = tmp_path / "template/stack.yaml"
    part.write_text(part.read_text().replace("Default: arm64", "Default: x86_64"))
    before = (tmp_path / "template.yaml").read_text()
    assert copied("--check") == 1
    assert (tmp_path / "template.yaml").read_text() == before
    assert copied() == 0
    assert copied("--check") == 0
    assert "Default: x86_64" in (tmp_path / "template.yaml").read_text()
