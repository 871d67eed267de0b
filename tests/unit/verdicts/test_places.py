"""Where baseline and window differ most, and names that the baseline lacks, against the rows themselves."""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from driftguard.alerts import lifecycle, transitions, words
from driftguard.alerts.advice import recommend
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Memory, Occasion
from driftguard.alerts.schemas import Window
from driftguard.checks import reports
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.distributions.baseline import Baseline, build, key_of
from driftguard.models.settings import ModelSettings
from driftguard.platform.serialization import Scalar
from driftguard.rows.columns import Row, columns_of
from driftguard.verdicts.judging import Verdict, judge
from driftguard.verdicts.unwatched import _nearest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = (NOW - timedelta(days=3)).timestamp()

WHOLE = st.lists(st.integers(-20, 20), min_size=1, max_size=60)
FRACTIONS = st.lists(
    st.one_of(st.sampled_from([0.0, 0.5, 0.1, 1e-300, -1e300]), st.floats(-3, 3, allow_nan=False)),
    min_size=1,
    max_size=60,
)


def verdict_of(
    baseline: Baseline, columns: Mapping[str, Sequence[Scalar]], predictions: Sequence[Scalar] = (), **settings: Any
) -> Verdict:
    """The verdict on a window of columns."""
    many = max(map(len, columns.values()), default=len(predictions))
    made = [
        Row(
            START + number,
            {name: values[number] for name, values in columns.items()},
            predictions[number] if predictions else None,
            None,
        )
        for number in range(many)
    ]
    window = sum(count(baseline, [columns_of(made)]).values(), Counts.empty(baseline))
    occasion = Occasion(
        NOW, "acme", "m", "churn", ModelSettings(**settings), 3, baseline.rows, window.rows,
        Window(start=NOW - timedelta(days=7), end=NOW), False, False, False, lambda _now: "A1",
    )  # fmt: skip
    return judge(baseline, window, None, occasion)


def row_of(verdict: Verdict, name: str = "x") -> dict[str, Any]:
    """The report's entry of one feature, as JSON holds it."""
    features = json.loads(json.dumps(verdict.report["features"], allow_nan=False))
    found: dict[str, Any] = next(feature for feature in features if feature["name"] == name)
    return found


def share_upto(values: Sequence[float], end: float) -> float:
    """The share of values that are at most `end`."""
    return float((np.array(values, np.float64) <= end).mean())


@pytest.mark.parametrize("values", [WHOLE, FRACTIONS], ids=["whole", "fractions"])
@given(data=st.data())
def test_the_place_of_d_is_where_the_rows_have_it(values: Any, data: st.DataObject) -> None:
    """The shares at the shown value are those of the rows, and their difference is D."""
    before, now = data.draw(values), data.draw(values)
    row = row_of(verdict_of(build({"x": before}), {"x": now}, min_samples=1))
    exact = max(abs(share_upto(before, end) - share_upto(now, end)) for end in [*before, *now])
    place = row["at"]
    if place is None:
        assert exact == 0
        return
    assert place["baseline"] == pytest.approx(share_upto(before, place["value"]), abs=1e-12)
    assert place["window"] == pytest.approx(share_upto(now, place["value"]), abs=1e-12)
    assert abs(place["baseline"] - place["window"]) == pytest.approx(exact, abs=1e-12)
    if values is WHOLE:
        assert place["value"].is_integer()
        assert place["words"] == f"{place['value']:.0f} or less"


def test_the_place_of_d_with_many_values_is_within_the_bound() -> None:
    """With more than 256 distinct values D and its shares at the shown value are within the stated bound."""
    random = np.random.default_rng(5)
    before, now = random.normal(0, 1, 5000).round(3), random.normal(0.3, 1.2, 4000).round(3)
    row = row_of(verdict_of(build({"x": before.tolist()}), {"x": now.tolist()}))
    place = row["at"]
    assert place["baseline"] == pytest.approx(share_upto(before.tolist(), place["value"]), abs=1e-12)
    assert place["window"] == pytest.approx(share_upto(now.tolist(), place["value"]), abs=1e-12)
    exact = scipy.stats.ks_2samp(before, now, method="asymp").statistic
    assert 0 <= exact - row["drift_score"] <= row["score_error_bound"] <= 1 / 256
    assert row["direction"] == "towards higher values"


@pytest.mark.parametrize(
    ("before", "now", "words_", "direction"),
    [
        ([1, 2, 3, 4] * 50, [3, 4, 5, 6] * 50, "2 or less", "towards higher values"),
        ([0, 10] * 100, [-3, -2] * 100, "-2 or less", "towards lower values"),
        ([0.5, 1.5] * 100, [0.25, 0.5, 1.5, 1.5] * 50, "less than 0.5", "the shape changed"),
        ([8.25, 9.5] * 100, [8.0, 9.5, 9.5, 8.1] * 50, "less than 8.25", "towards lower values"),
        ([0.0] * 200, [-1.0, 0.5] * 100, "less than 0", "the shape changed"),
        ([1_793_000_000 + k for k in range(200)], [1_793_000_100 + k for k in range(200)], "1,793,000,099 or less",
         "towards higher values"),
        ([0.1, 0.2] * 100, [0.1, 0.2] * 100, None, "the shape changed"),
    ],
)  # fmt: skip
def test_the_place_of_d_is_named_in_words(
    before: list[float], now: list[float], words_: str | None, direction: str
) -> None:
    """Whole numbers are shown as such, no value is a double's neighbour, and no difference has no place."""
    row = row_of(verdict_of(build({"x": before}), {"x": now}))
    assert (row["at"] and row["at"]["words"]) == words_
    if words_ is not None and direction != "the shape changed":
        assert row["direction"] == direction


def test_categories_name_the_value_that_changed_most_of_all() -> None:
    """The shift is told from all categories, also where the picture shows only the first 30."""
    names = [f"c{number:02d}" for number in range(60)]
    before = [name for number, name in enumerate(names) for _ in range(100 - number)]
    now = [*before, *["c55"] * 1000]
    row = row_of(verdict_of(build({"x": before}), {"x": now}))
    shares = [f"{100 * values.count('c55') / len(values):.1f}%" for values in (before, now)]
    assert row["direction"] == f"“c55” rose from {shares[0]} to {shares[1]}"
    assert row["at"] is None


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_both_ends_of_a_range_can_be_told_apart(one: float, other: float) -> None:
    """Different ends have different labels as far as 15 digits can tell, and each is near its number."""
    low, high = sorted((one, other))
    first, second = words.span(low, high)
    if high - low > 1e-12 * max(abs(low), abs(high)) and math.isfinite(high - low) and max(-low, high) < words.LONGEST:
        assert first != second
        assert float(first.replace(",", "")) == pytest.approx(low, abs=(high - low) / 50)
        assert float(second.replace(",", "")) == pytest.approx(high, abs=(high - low) / 50)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.0, 86.0, ("0", "86")),
        (1_793_000_000.0, 1_796_600_000.0, ("1,793,000,000", "1,796,600,000")),
        (1_793_000_000.0, 1_793_000_005.0, ("1,793,000,000", "1,793,000,005")),
        (2020.0, 2024.0, ("2,020", "2,024")),
        (0.0001234, 0.0005678, ("0.000123", "0.000568")),
        (-0.001, 1000.0, ("0", "1,000")),
        (1e-300, 2e-300, ("1e-300", "2e-300")),
        (5.0, 5.0, ("5", "5")),
    ],
)
def test_ranges_are_shown_with_sensible_ends(low: float, high: float, shown: tuple[str, str]) -> None:
    """The labels of a picture have the digits that tell them apart, and no more."""
    assert words.span(low, high) == shown


@given(st.floats(-1e300, 1e300))
def test_an_exact_number_keeps_whole_numbers_whole(value: float) -> None:
    """A whole number below 1e15 has all its digits, and another one at least six significant digits or three."""
    shown = words.exact(value).replace(",", "")
    if value.is_integer() and abs(value) < words.LONGEST:
        assert float(shown) == value
    else:
        assert float(shown) == pytest.approx(value, rel=0.006)


@given(st.sets(st.tuples(st.sampled_from(["feature", "prediction"]), st.text(max_size=5)), max_size=5))
def test_no_two_keys_are_equal(named: set[tuple[Any, str]]) -> None:
    """The prediction and features of any names have different keys, prefixed names included."""
    names = ["prediction", "feature:prediction", "feature:feature:prediction", "feature:", "feature:x", "x"]
    every = {("prediction", "prediction"), *(("feature", name) for name in names)}
    every |= {("feature", name) for _role, name in named}
    keys = {key_of(name, role) for role, name in every}  # type: ignore[arg-type]
    assert len(keys) == len(every)
    assert key_of("prediction", "prediction") == "prediction"
    assert key_of("prediction", "feature") == "feature:prediction"
    assert key_of("age", "feature") == "age"


def test_a_feature_called_prediction_has_scores_and_settings_of_its_own() -> None:
    """History, drifted features and settings tell a feature of that name from the prediction."""
    random = np.random.default_rng(3)
    values = random.normal(0, 1, 500).tolist()
    moved = random.normal(2, 1, 500).tolist()
    baseline = build({"prediction": values, "x": values}, values)
    verdict = verdict_of(baseline, {"prediction": moved, "x": values}, moved)
    assert verdict.report["drifted_features"] == ["feature:prediction", "prediction"]
    assert "feature:prediction (" in str(verdict.report["reason"])
    row = json.loads(zlib.decompress(reports.pack_row(reports.row_of(verdict.report))))
    assert set(row["feature_scores"]) == {"feature:prediction", "x", "prediction"}
    off = verdict_of(
        baseline, {"prediction": moved, "x": values}, moved, features={"feature:prediction": {"enabled": False}}
    )
    assert [(one["name"], one["role"]) for one in off.report["features"]] == [
        ("x", "feature"),
        ("prediction", "prediction"),
    ]


def quality(verdict: Verdict) -> Any:
    """The finding on data quality."""
    return next(one for one in verdict.findings if one.alert_type == "data_quality")


def test_what_the_baseline_lacks_is_reported() -> None:
    """Names and a prediction that the baseline lacks are listed with their share of rows, and alone the model is ok."""
    ages = [float(20 + number % 40) for number in range(400)]
    verdict = verdict_of(
        build({"age": ages}), {"age": ages, "income": [1.0, None] * 200, "typo": [1, *[None] * 399]}, [0.1] * 400
    )
    assert verdict.report["unwatched"] == [
        {"name": "prediction", "role": "prediction", "share": 1.0, "renamed_from": None},
        {"name": "income", "role": "feature", "share": 0.5, "renamed_from": None},
        {"name": "typo", "role": "feature", "share": 1 / 400, "renamed_from": None},
    ]
    assert verdict.report["unwatched_more"] == 0
    assert verdict.report["status"] == "ok"
    assert verdict.report["reason"] == (
        "prediction, income are logged but not in the baseline. A new baseline would watch them."
    )
    found = quality(verdict)
    assert (found.testable, found.firing, found.holding, found.unexpected) == (True, False, False, True)
    assert [(one.name, one.kind, one.shares["window"]) for one in found.features] == [
        ("prediction", "unexpected_feature", 1.0),
        ("income", "unexpected_feature", 0.5),
    ]
    assert found.severity == "LOW"


@pytest.mark.parametrize(
    ("new", "suggested"),
    [("Age", "age"), ("customer_age", "age"), ("age_years", "age"), ("income", None), ("ag", "age")],
)
def test_a_renamed_feature_is_suggested(new: str, suggested: str | None) -> None:
    """A new name that resembles a feature whose values are gone is suggested to be that feature."""
    ages = [float(20 + number % 40) for number in range(400)]
    verdict = verdict_of(build({"age": ages, "page": ages}), {new: ages, "page": ages})
    (one,) = verdict.report["unwatched"] or []
    assert one["renamed_from"] == suggested
    actions = "\n".join(recommend("data_quality", quality(verdict).features))
    assert (f"renamed “age” to “{new}”" in actions) == (suggested is not None)
    kept = verdict_of(build({"age": ages, "page": ages}), {new: ages, "age": ages, "page": ages})
    assert [entry["renamed_from"] for entry in kept.report["unwatched"] or []] == [None]


def test_unexpected_features_open_one_low_alert_per_baseline() -> None:
    """The alert opens LOW once, sends no reminders, and does not come back after it was resolved by hand."""
    ages = [float(20 + number % 40) for number in range(400)]
    verdict = verdict_of(build({"age": ages}), {"age": ages, "income": ages})
    memory, alert = Memory(), None
    events: list[AlertEvent] = []
    for hours in range(0, 24 * 7, 6):
        occasion = Occasion(**{**vars(verdict.occasion), "now": NOW + timedelta(hours=hours)})
        outcome = lifecycle.apply(quality(verdict), alert, memory, occasion)
        memory, events = outcome.memory, [*events, *outcome.events]
        alert = outcome.alerts[-1] if outcome.alerts else alert
    assert alert is not None
    assert (alert.status, alert.severity, alert.drift_score) == ("firing", "LOW", None)
    assert [event.kind for event in events] == ["opened"]
    later = NOW + timedelta(days=8)
    closed = transitions.resolve(alert, memory, renotify_hours=24, now=later, actor="ops")
    for version, opens in ((3, False), (4, True)):
        occasion = Occasion(**{**vars(verdict.occasion), "now": later + timedelta(days=2), "baseline_version": version})
        outcome = lifecycle.apply(quality(verdict), None, Memory.load(closed.memory.dump()), occasion)
        assert bool(outcome.alerts) == opens


def test_an_alert_of_other_causes_ends_while_unexpected_features_go_on() -> None:
    """When missing values are back to normal their alert resolves, although an unexpected feature is still logged."""
    ages = [float(20 + number % 40) for number in range(400)]
    baseline = build({"age": ages})
    bad = verdict_of(baseline, {"age": [*ages[:200], *[None] * 200], "income": ages})
    good = verdict_of(baseline, {"age": ages, "income": ages})
    memory, alert = Memory(), None
    kinds: list[str] = []
    for hours in range(0, 49, 6):
        verdict = bad if hours == 0 else good
        occasion = Occasion(**{**vars(verdict.occasion), "now": NOW + timedelta(hours=hours)})
        outcome = lifecycle.apply(quality(verdict), alert, memory, occasion)
        memory = outcome.memory
        kinds += [event.kind for event in outcome.events]
        alert = outcome.alerts[-1] if outcome.alerts else alert
    assert alert is not None
    assert alert.status == "resolved"
    assert kinds == ["opened", "resolved"]


def test_an_alert_of_drift_says_what_decided() -> None:
    """The limit is that of the feature with the highest score: a score, or under `p_value` a p-value."""
    random = np.random.default_rng(1)
    before, now = random.normal(0, 1, 1000).tolist(), random.normal(1, 1, 1000).tolist()
    for settings, decides in (({}, "score"), ({"rule": "p_value"}, "p_value")):
        verdict = verdict_of(build({"x": before, "y": before}), {"x": now, "y": before}, **settings)
        found = next(one for one in verdict.findings if one.alert_type == "data_drift")
        row = row_of(verdict)
        assert found.limit is not None
        assert found.limit.model_dump() == {"score": row["threshold"], "p_value": row["p_threshold"]}
        assert [name for name, value in found.limit.model_dump().items() if value is not None] == [decides]
        assert found.features[0].at is not None
        assert found.features[0].at == row["at"]


def test_many_long_names_are_compared_at_once() -> None:
    """The exact comparison of a name with 500 similar names takes seconds. The nearest name is found all the same."""
    gone = tuple(f"{'feature of the model ':x<120}{number:03}" for number in range(500))
    begun = process_time()
    found = [_nearest(f"{'feature of the model ':x<120}{number:03}_vv", gone) for number in range(10)]
    assert process_time() - begun < 5
    assert found == list(gone[:10])
