"""Turns the results of the tests into one finding per alert type, and into what the next checks must remember."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from driftguard.alerts.episodes import HELD_BY_PAST, Episodes, Sight
from driftguard.alerts.findings import Finding
from driftguard.alerts.schemas import AlertFeature, AlertType, Limit, Severity
from driftguard.platform.times import hour_start
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.drift import DriftTests
from driftguard.verdicts.features import alert_feature, onset_of
from driftguard.verdicts.parts import PARTS
from driftguard.verdicts.shapes import ReportFeature
from driftguard.verdicts.testing import Tests

LOW_BELOW, MEDIUM_BELOW = 0.1, 0.2

QUALITY_LOW_BELOW, QUALITY_MEDIUM_BELOW = 0.05, 0.15
"""Rises of a share, of which 8 % missing values must reach the default channel."""

WEEK, SUDDEN = PARTS.index("week"), PARTS.index("sudden")


def severity_of(score: float | None) -> Severity:
    """Return LOW for a score below 0.1 or None, MEDIUM below 0.2, and HIGH from 0.2."""
    return _graded(score, LOW_BELOW, MEDIUM_BELOW)


def quality_severity_of(rise: float | None) -> Severity:
    """Return LOW for a share that rose by less than 0.05 or None, MEDIUM below 0.15, and HIGH from 0.15."""
    return _graded(rise, QUALITY_LOW_BELOW, QUALITY_MEDIUM_BELOW)


def _graded(value: float | None, low_below: float, medium_below: float) -> Severity:
    if value is None or value < low_below:
        return "LOW"
    return "MEDIUM" if value < medium_below else "HIGH"


def strongest(tests: DriftTests, among: Flags) -> tuple[float | None, float | None]:
    """Return the largest score of the window among the given features, and the p-value of the same feature."""
    if not among.any():
        return None, None
    index = int(np.argmax(np.where(among, tests.score, -1.0)))
    return float(tests.score[index]), float(tests.p_value[index])


def drift_finding(
    alert_type: AlertType, tests: Tests, rows: Mapping[int, ReportFeature], sights: list[Sight]
) -> Finding:
    """Return the finding on the features in `rows`. sights: of these features."""
    found = tests.combined
    of_type = np.zeros(len(found.tested), np.bool_)
    of_type[list(rows)] = True
    fired, holding, tested = found.fired & of_type, found.holding & of_type, found.tested & of_type
    among = fired if fired.any() else holding
    shown = sorted(np.flatnonzero(holding).tolist(), key=lambda index: (not fired[index], -found.graded[index]))
    features = [alert_feature(tests, index, rows[index]) for index in shown]
    score, p_value = strongest(tests.week, tests.week.testable & of_type)
    graded: float | None = float(tests.week.graded[tests.week.testable & of_type].max()) if score is not None else None
    if features:
        score, p_value = features[0].drift_score, features[0].p_value
        graded = float(found.graded[among].max())
    onsets = [sight.onset for sight in sights if sight.fired]
    return Finding(
        alert_type=alert_type,
        # If every feature is disabled, the finding counts as tested, so that an open alert can resolve.
        testable=bool(tested.any()) or not rows,
        firing=bool(fired.any()),
        holding=bool(holding.any()),
        drift_score=score,
        p_value=p_value,
        severity=severity_of(graded),
        features=features,
        limit=_drift_limit(rows[shown[0]], tests, shown[0]) if shown else None,
        onset=hour_start(min(onsets)) if onsets else None,
        settled=any(sight.settled for sight in sights),
    )


def _drift_limit(row: ReportFeature, tests: Tests, index: int) -> Limit:
    """Return what decides about a feature. A graded score leaves out what chance alone would add."""
    if tests.combined.part[index] != WEEK:
        return Limit(score=float(tests.combined.limit[index]))
    by_chance = float(tests.week.score[index] - tests.week.graded[index])
    threshold = row["threshold"]
    return Limit(score=None if threshold is None else threshold + by_chance, p_value=row["p_threshold"])


def quality_finding(
    tests: Tests,
    rows: Mapping[int, ReportFeature],
    news: Sequence[AlertFeature],
    min_change: float,
    sights: list[Sight],
) -> Finding:
    """Return the finding on data quality. news: features that the baseline lacks. sights: of data quality."""
    quality = [test for test in tests.quality if test.holding and test.index in rows]
    shown = sorted(quality, key=lambda test: (not test.fired, -test.score))
    first = shown[0] if shown else None
    score = first.score if first else None
    onsets = [sight.onset for sight in sights if sight.fired]
    return Finding(
        alert_type="data_quality",
        testable=tests.quality_testable or not rows or bool(news),
        firing=any(test.fired for test in shown),
        holding=bool(shown),
        drift_score=score,
        p_value=first.p_value if first else None,
        severity=quality_severity_of(score),
        features=[*(alert_feature(tests, test.index, rows[test.index], test, min_change) for test in shown), *news],
        limit=Limit(score=min_change, p_value=first.p_threshold if first else None) if shown or news else None,
        unexpected=bool(news),
        onset=hour_start(min(onsets)) if onsets else None,
        settled=any(sight.settled for sight in sights),
    )


def no_data_finding(silent: bool) -> Finding:
    """Return the finding on silence."""
    return Finding(
        alert_type="no_data",
        testable=True,
        firing=silent,
        holding=silent,
        drift_score=None,
        p_value=None,
        severity="MEDIUM",
    )


def drift_sights(
    alert_type: AlertType, tests: Tests, rows: Mapping[int, ReportFeature], episodes: Episodes
) -> Iterator[Sight]:
    """Yield what the next checks must know of the features in `rows` that fired or are in an open alert."""
    found, sudden = tests.combined, tests.sudden
    for index in rows:
        episode = episodes.current.get((alert_type, index))
        if episode is None and not (found.fired[index] and tests.budget[index]):
            continue
        part = int(found.part[index])
        changed = sudden is not None and bool(sudden.holding[index])
        old = episode is not None and tests.now_hour - episode.onset >= HELD_BY_PAST
        yield Sight(
            feature=index,
            part=PARTS[part],
            onset=onset_of(tests, index),
            fired=bool(found.fired[index]),
            holding=bool(found.holding[index]),
            tested=bool(found.tested[index]),
            settled=old and changed and bool(tests.week_part.tested[index]) and not found.holding[index],
            changed=changed,
        )


def quality_sights(tests: Tests, rows: Mapping[int, ReportFeature], episodes: Episodes) -> Iterator[Sight]:
    """Yield what the next checks must know of features whose flaws rose suddenly or are in an episode."""
    if tests.sudden is None:
        return
    flaws = tests.sudden.flaws
    for index in rows:
        episode = episodes.current.get(("data_quality", index))
        own = [test for test in tests.quality if test.index == index]
        fired = any(test.fired and test.hours is not None for test in own)
        if episode is None and not fired:
            continue
        holding = any(test.holding for test in own)
        changed = bool(flaws.holding[index].any())
        old = episode is not None and tests.now_hour - episode.onset >= HELD_BY_PAST
        onsets = flaws.onset[index][flaws.fired[index]]
        yield Sight(
            feature=index,
            part="sudden",
            onset=int(onsets.min()) if len(onsets) else tests.now_hour,
            fired=fired,
            holding=holding,
            tested=tests.quality_testable,
            settled=old and changed and not holding,
            changed=changed,
        )
