"""The hours of a baseline, a profile and knowledge of format 1, as the code that introduced them stored them.

The fixtures are never written again. A failure here means that existing deployments lose data: mend the reader.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftguard.counting.knowledge import Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.profiles import FLAWS, Profile, Table
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline
from driftguard.distributions.weeks import Weeks

STORED = Path(__file__).parents[1] / "stored" / "past"
MONDAY = 20_773
NAMES = ("amount", "city", "paid")


def rows(kind: str) -> list[dict[str, Any]]:
    """The rows of the baseline, or those that were logged."""
    found: list[dict[str, Any]] = json.loads((STORED / "rows.json").read_text())[kind]
    return found


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """The stored baseline."""
    return encoding.decode((STORED / "baseline.bin").read_bytes())


def groups(some: list[dict[str, Any]], name: str) -> list[int]:
    """The number of values of a category in each group: the nine most frequent of the baseline, and the rest."""
    known = Counter(str(row[name]).lower() for row in rows("baseline"))
    ranked = sorted(known, key=lambda one: (-known[one], one))[:9]
    wanted = str if name == "city" else bool
    found = Counter(str(row[name]).lower() for row in some if type(row[name]) is wanted)
    return [
        *(found[one] for one in ranked),
        *[0] * (9 - len(ranked)),
        sum(found.values()) - sum(found[one] for one in ranked),
    ]


def test_a_stored_baseline_has_its_hours_of_the_week(baseline: Baseline) -> None:
    """Each hour of the week has the values of its rows, in their groups, and each weekday its two days."""
    weeks = Weeks.decode((STORED / "weeks.bin").read_bytes())
    assert (weeks.days, weeks.features, weeks.hours) == ((2,) * 7, 3, 168)
    table = Table.of(weeks)
    assert table.weeks.tolist() == [2] * 7
    for weekday, hour in ((0, 0), (2, 13), (5, 7), (6, 23)):
        some = [
            row for row in rows("baseline") if row["hour"] % 24 == hour and (row["hour"] // 24 - MONDAY) % 7 == weekday
        ]
        assert len(some) == 6
        for place in (1, 2):
            assert table.groups[weekday, hour, place].tolist() == groups(some, NAMES[place])
    assert np.abs(table.groups[:, :, 0].sum(axis=(0, 1)) - len(rows("baseline")) / 10).max() <= 4
    spread = table.groups[:, :, 0].sum(axis=0)
    assert spread[:3].sum(axis=0).argmax() < 3
    assert spread[-3:].sum(axis=0).argmax() > 6


def test_a_stored_profile_has_the_rows_of_its_day(baseline: Baseline) -> None:
    """Rows, groups and flaws by hour are those of the rows that were logged on this day."""
    layout = layout_of(baseline)
    profile = Profile.decode(layout, MONDAY + 9, {0: (STORED / "profile.bin").read_bytes()})
    known = {name: {row[name] for row in rows("baseline")} for name in NAMES}
    for hour in range(24):
        some = [row for row in rows("logged") if row["hour"] == (MONDAY + 9) * 24 + hour]
        assert profile.rows[hour] == len(some) == 5
        for place in (1, 2):
            assert profile.groups[hour, place].tolist() == groups(some, NAMES[place])
        amounts = [row["amount"] for row in some]
        numbers = [value for value in amounts if type(value) is float]
        cities = [row["city"] for row in some if type(row["city"]) is str]
        assert profile.groups[hour, 0].sum() == len(numbers)
        outside = sum(not min(known["amount"]) <= value <= max(known["amount"]) for value in numbers)
        missing, wrong = amounts.count(None), len(amounts) - len(numbers) - amounts.count(None)
        assert dict(zip(FLAWS, profile.flaws[hour, 0].tolist(), strict=True)) == {
            "missing": missing,
            "wrong_type": wrong,
            "out_of_range": outside,
            "new_categories": 0,
        }
        assert profile.flaws[hour, 1, 3] == sum(city not in known["city"] for city in cities)


def test_stored_knowledge_comes_back_as_it_was(baseline: Baseline) -> None:
    """Every array is what it was before it was stored."""
    layout = layout_of(baseline)
    known = Knowledge.decode(layout, MONDAY + 10, {0: (STORED / "knowledge.bin").read_bytes()})
    expected = json.loads((STORED / "knowledge.json").read_text())
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(known, name), np.array(values), err_msg=name)
    assert known.k[-1, :, 0].tolist() == [known.own_days[0] + 2] * 3
