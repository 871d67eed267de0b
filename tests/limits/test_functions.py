"""Every function at its documented maximum, within its memory and its time."""

import pytest

from bench.limits import report
from bench.limits.cases import CASES
from bench.limits.run import KEPT, Case, OutOfMemory, limits_of, measure
from sandbox.kinds import KINDS

MOST_ITEM_BYTES = 400 * 1024
MOST_ANSWER_BYTES = 6 * 1024**2
TOLERANCE = 0.25
"""By which a peak may differ from the page. Python, numpy and the machine's C library change it."""


UNMEASURED = {"a chunk of a performance report"}
"""Kinds that no row of the page shows. A report is cut into chunks before it is stored."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.function} {case.name}")
def test_a_function_stays_within_its_memory_and_time_at_its_maximum(case: Case) -> None:
    """With 80 % of its memory a function does its largest work in its time. Items and answer fit AWS's limits."""
    result = measure(case)
    memory, timeout = limits_of(case.function)
    assert result.peak <= KEPT * memory
    assert result.cpu < timeout
    assert result.answer < MOST_ANSWER_BYTES
    assert max(result.items.values(), default=0) < MOST_ITEM_BYTES
    shown = report.item_rows()
    for kind, size in result.items.items():
        assert size / 1000 <= shown[kind] * (1 + TOLERANCE) + 1, f"{kind}: run `make limits`"
    row = report.row_of(case)
    assert row is not None, "docs/limits.md lacks this maximum; run `make limits`"
    assert row.memory == round(memory / report.MEGABYTE)
    assert row.peak == pytest.approx(result.peak / report.MEGABYTE, rel=TOLERANCE), "run `make limits`"


def test_the_page_has_no_other_maximum() -> None:
    """Each measured row of docs/limits.md belongs to a case."""
    assert set(report.rows()) == {(case.function, case.maximum) for case in CASES}


def test_the_page_shows_every_kind_of_stored_item() -> None:
    """docs/limits.md has the largest item of each kind that a case writes, and each is under 400 kB."""
    shown = report.item_rows()
    assert set(KINDS) - set(shown) <= UNMEASURED
    assert max(shown.values()) < MOST_ITEM_BYTES / 1000


def test_what_a_case_stored_before_is_counted_in_every_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page once lacked all items that a case prepares, because another module had set another region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    case = next(case for case in CASES if case.name == "addresses")
    assert {"an organization", "one of its keys", "a channel"} <= set(measure(case).items)


def test_a_function_that_needs_more_memory_than_it_may_use_fails() -> None:
    """The limit of a measured process is real: the builder does not even start in a twentieth of its memory."""
    with pytest.raises(OutOfMemory, match=r"MemoryError|annot allocate|Memory allocation"):
        measure(next(case for case in CASES if case.function == "build_baseline"), share=0.05)
