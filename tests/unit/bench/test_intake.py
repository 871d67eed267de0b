"""The section about rows and columns is put where it belongs, and says whether the limits hold."""

from bench.speed.intake import Form, Intake
from bench.speed.report import INTAKE, intake_section, replaced

GOOD = Intake("good", Form(300_000, 0.020), Form(90_000, 0.0095))
BAD = Intake("bad", Form(300_000, 0.020), Form(110_000, 0.0101))
PAGE = "# What a check costs\n\n## Read units\n\nUnits.\n\n## Targets\n\nLimits.\n"


def test_the_section_judges_the_worst_case() -> None:
    """Each limit is met only if all cases meet it."""
    assert intake_section([GOOD]).count("| met |") == 2
    assert intake_section([GOOD, BAD]).count("| **missed** |") == 2


def test_the_section_is_written_once_and_nothing_else_changes() -> None:
    """A first run puts it in front of the last section, and another run replaces it."""
    first = replaced(PAGE, intake_section([GOOD]))
    again = replaced(first, intake_section([BAD]))
    for page, case in ((first, GOOD), (again, BAD)):
        before, after = page.split(intake_section([case]) + "\n")
        assert before + after == PAGE
        assert page.count(INTAKE) == 1
