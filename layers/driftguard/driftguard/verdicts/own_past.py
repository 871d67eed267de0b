"""The sudden part in a check: its limits, and what it says about features that are in an open alert or not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np

from driftguard.alerts.schemas import QualityKind
from driftguard.counting.knowledge import sizes_of
from driftguard.counting.layout import Layout
from driftguard.counting.profiles import FLAWS, HOURS, Profile
from driftguard.statistics.arrays import Flags, Floats
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.parts import PartTests
from driftguard.verdicts.quality import QualityTest, knows_its_values
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.standing import Standing
from driftguard.verdicts.sudden import FIRES_BELOW, Findings, SuddenRules, SuddenTests, sudden_tests


def past_tests(layout: Layout, comparison: Comparison | None, rules: Rules, standing: Standing) -> SuddenTests | None:
    """Test the last hours against the model's own past. Returns None if nothing is known of the past."""
    if comparison is None or comparison.knowledge is None or not rules.sudden.any():
        return None
    return sudden_tests(
        layout,
        comparison.knowledge,
        comparison.profiles,
        comparison.now_hour,
        SuddenRules(
            enabled=rules.enabled & rules.sudden,
            alpha=rules.alpha,
            score=rules.sudden_score,
            share=rules.min_share_change,
            flaws=_flaws(layout),
        ),
        standing.taken,
        standing.starts,
    )


def drift_part(tests: SuddenTests, rules: Rules, held_by_past: Flags) -> PartTests:
    """Return what the sudden part says about values.

    held_by_past: (F,), the features in an open alert that the sudden part may hold.
    """
    fired, holding = _now(tests, rules.alpha, rules.sudden_score, held_by_past)
    return PartTests(
        tested=tests.tested,
        fired=fired,
        holding=holding,
        score=tests.score,
        graded=tests.score,
        limit=rules.sudden_score,
        hours=tests.window_hours,
    )


def quality_part(
    comparison: Comparison, tests: SuddenTests, rules: Rules, held_by_past: Flags
) -> Iterator[QualityTest]:
    """Yield the flaws whose share rose within hours. held_by_past: (F,), as in `drift_part`, for data quality."""
    alpha, share = rules.alpha[:, None], rules.min_share_change[:, None]
    fired, holding = _now(tests.flaws, alpha, share, held_by_past[:, None])
    for index, flaw in zip(*(places.tolist() for places in np.nonzero(holding)), strict=True):
        score, hours = float(tests.flaws.score[index, flaw]), int(tests.flaws.window_hours[index, flaw])
        first = int(tests.flaws.onset[index, flaw])
        window = _share(comparison.profiles, first, comparison.now_hour, index, flaw)
        yield QualityTest(
            index=index,
            kind=cast("QualityKind", FLAWS[flaw]),
            baseline=max(window - score, 0.0),
            window=window,
            score=score,
            p_value=None,
            p_threshold=None,
            fired=bool(fired[index, flaw]),
            holding=True,
            hours=hours,
            surprise=float(tests.flaws.surprise[index, flaw]),
        )


def joined(week: Sequence[QualityTest], sudden: Sequence[QualityTest]) -> list[QualityTest]:
    """Return one test per feature and kind: the one that fired, else the one with the larger rise."""
    best: dict[tuple[int, QualityKind], QualityTest] = {}
    for test in (*week, *sudden):
        place = (test.index, test.kind)
        other = best.get(place)
        if other is None or (test.fired, test.holding, test.score) > (other.fired, other.holding, other.score):
            best[place] = test
    return list(best.values())


def _now(tests: Findings, alpha: Floats, least: Floats, held_by_past: Flags) -> tuple[Flags, Flags]:
    """Return what fired, also for features in an open alert, and what fired or holds an alert."""
    held = tests.holding & held_by_past
    fired = tests.fired | held & (tests.surprise < FIRES_BELOW * alpha) & (tests.score >= least)
    return fired, fired | held


def _flaws(layout: Layout) -> Flags:
    """Return which kinds of flaws are tested of each feature, in the order of FLAWS: (F, Q)."""
    possible: dict[str, Flags] = {
        "missing": np.ones(len(layout.features), np.bool_),
        "wrong_type": layout.present > 0,
        "out_of_range": layout.numeric,
        "new_categories": knows_its_values(layout),
    }
    return np.stack([possible[kind] for kind in FLAWS], axis=1)


def _share(profiles: Mapping[int, Profile], first: int, last: int, index: int, flaw: int) -> float:
    """Return the share of a feature's values with a flaw in the hours from `first` to `last`."""
    part = slice(index, index + 1)
    flawed, values = 0.0, 0.0
    for day in range(first // HOURS, last // HOURS + 1):
        if day in profiles:
            hours = slice(max(first - day * HOURS, 0), last - day * HOURS + 1)
            flaws = profiles[day].flaws[hours, part].astype(np.float64)
            flawed += float(flaws[..., flaw].sum())
            present = profiles[day].groups[hours, part].sum(axis=-1).astype(np.float64)
            values += float(sizes_of(present, flaws)[..., flaw].sum())
    return flawed / max(values, 1.0)
