"""Every number that is shown, on real data: the report, the alert and the messages against pandas and scipy.

The data sets are the flights of the demo, and iris, wine, breast cancer and diabetes from scikit-learn. The rows take
the way of the product: packed, unpacked, counted, judged, turned into an alert and rendered. What is expected comes
from the rows alone.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn import datasets

from demo.flights import FEATURES, PREDICTION, STORMS, Flights
from driftguard.alerts import lifecycle
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Memory, Occasion
from driftguard.alerts.schemas import Window
from driftguard.checks import reports
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.distributions.baseline import build
from driftguard.models.settings import ModelSettings
from driftguard.notifications.providers import email, slack, teams
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns
from driftguard.verdicts.judging import judge

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLIC = "https://drift.example.com/v1"
CHANNEL = StoredChannel(
    "C1", "org", NEW_CHANNEL.validate_python({"type": "email", "to": ["ops@example.com"], "name": "Ops"}), NOW, NOW
)
MOST_OWN = 256
"""A numeric feature with at most this many distinct values in the baseline has a bin for each."""

SETS = ("flights", "iris", "wine", "breast_cancer", "diabetes")


def of_sklearn(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A sample of all rows, and a biased one: the upper 60 % by the first column, with holes and one odd type."""
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    table = loaded.frame.copy()
    if hasattr(loaded, "target_names"):
        table["target"] = [str(loaded.target_names[number]) for number in table.target]
    random = np.random.default_rng(len(table))
    before = table.sample(3000, replace=True, random_state=1).reset_index(drop=True)
    upper = table[table.iloc[:, 0] >= table.iloc[:, 0].quantile(0.4)]
    after = upper.sample(1200, replace=True, random_state=2).reset_index(drop=True).astype(object)
    holes, odd = random.random(len(after)) < 0.15, random.random(len(after)) < 0.05
    after.loc[holes, after.columns[1]] = None
    after.loc[odd, after.columns[2]] = "n/a?"
    return before, after.rename(columns={"target": PREDICTION}, errors="ignore").rename(columns=str)


@cache
def rows_of(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the baseline and of the window of a data set, with the prediction as a column."""
    if name == "flights":
        flights = Flights.load()
        wanted = [*FEATURES, PREDICTION]
        before, after = flights.baseline[wanted], flights.between(*STORMS)[wanted]
    else:
        before, after = of_sklearn(name)
        before = before.rename(columns={"target": PREDICTION})
    return tuple(pd.DataFrame({c: pd.Series(values_of(t[c]), dtype=object) for c in t}) for t in (before, after))  # type: ignore[return-value]


def values_of(column: "pd.Series[Any]") -> list[Any]:
    """A column's values as JSON has them: None for a missing one."""
    return [None if value is None or value != value else value for value in column]  # noqa: PLR0124  NaN is not itself


@cache
def shown(name: str) -> tuple[dict[str, Any], dict[str, tuple[dict[str, Any], AlertEvent]]]:
    """The stored report and, by alert type, the alert as the API returns it with the event that is sent."""
    before, after = rows_of(name)
    features = [str(column) for column in before if column != PREDICTION]
    baseline = build({column: list(before[column]) for column in features}, list(before[PREDICTION]), days=30)
    start = NOW - timedelta(days=6)
    step = 6 * 86_400 / len(after)
    rows = [
        Row(start.timestamp() + number * step, dict(zip(features, values, strict=True)), predicted, None)
        for number, (predicted, *values) in enumerate(after[[PREDICTION, *features]].itertuples(index=False))
    ]
    batches = [columns(pack(rows[first : first + 500])) for first in range(0, len(rows), 500)]
    window = Counts.empty(baseline)
    for counts in count(baseline, batches).values():
        window = window + Counts.decode(baseline, {0: counts.encode(0)})
    occasion = Occasion(
        NOW, "org", "M1", name, ModelSettings(), 3, baseline.rows, window.rows,
        Window(start=NOW - timedelta(days=7), end=NOW), False, False, False, lambda _now: "A1",
    )  # fmt: skip
    verdict = judge(baseline, window, None, occasion)
    report = json.loads(json.dumps(reports.unpack(reports.pack(verdict.report)), allow_nan=False))
    alerts: dict[str, tuple[dict[str, Any], AlertEvent]] = {}
    for finding in verdict.findings:
        outcome = lifecycle.apply(finding, None, Memory(), occasion)
        if outcome.alerts:
            detail = outcome.alerts[0].detail(PUBLIC, []).model_dump(mode="json")
            alerts[finding.alert_type] = (detail, outcome.events[0])
    return report, alerts


def numbers(name: str, column: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The numbers of a numeric column in the baseline and in the window; other types are left out."""
    first, second = (
        np.array([value for value in table[column] if isinstance(value, (int, float)) and not isinstance(value, bool)])
        for table in rows_of(name)
    )
    return first.astype(float), second.astype(float)


def texts(name: str, column: str) -> tuple["pd.Series[Any]", "pd.Series[Any]"]:
    """The texts of a categorical column in the baseline and in the window."""
    first, second = (table[column][[isinstance(value, str) for value in table[column]]] for table in rows_of(name))
    return first, second


def role_of(column: str) -> str:
    """The role of a column."""
    return "prediction" if column == PREDICTION else "feature"


def is_numeric(name: str, column: str) -> bool:
    """Whether most of the baseline's values are numbers."""
    first, _second = numbers(name, column)
    return 2 * len(first) > rows_of(name)[0][column].notna().sum()


def entries(name: str) -> dict[str, dict[str, Any]]:
    """The report's entries by column."""
    return {feature["name"]: feature for feature in shown(name)[0]["features"]}


@pytest.mark.parametrize("name", SETS)
def test_counts_and_missing_shares_are_those_of_the_rows(name: str) -> None:
    """Rows, values and missing shares of baseline and window are what pandas counts."""
    before, after = rows_of(name)
    report = shown(name)[0]
    assert (report["n_baseline"], report["n_window"]) == (len(before), len(after))
    found = entries(name)
    assert set(found) == set(before.columns)
    for column, entry in found.items():
        numeric = is_numeric(name, column)
        counted = [len(values) for values in (numbers(name, column) if numeric else texts(name, column))]
        assert [entry["n_baseline"], entry["n_window"]] == counted
        missing = {"baseline": before[column].isna().mean(), "window": after[column].isna().mean()}
        assert entry["missing"] == pytest.approx(missing, abs=1e-12)
        assert (entry["type"], entry["role"]) == ("numeric" if numeric else "categorical", role_of(column))


@pytest.mark.parametrize("name", SETS)
def test_numbers_of_numeric_features_are_those_of_scipy(name: str) -> None:
    """D, its place with both shares, p, means and extremes equal those of the rows, D within its bound."""
    for column, entry in entries(name).items():
        if entry["type"] != "numeric" or len(set(numbers(name, column)[0])) == 2:
            continue
        before, now = numbers(name, column)
        exact = scipy.stats.ks_2samp(before, now, method="asymp")
        assert -1e-12 <= exact.statistic - entry["drift_score"] <= entry["score_error_bound"] + 1e-12 <= 1 / 256 + 1e-9
        if len(set(before)) <= MOST_OWN:
            assert entry["drift_score"] == pytest.approx(exact.statistic, abs=1e-12)
            assert entry["p_value"] == pytest.approx(exact.pvalue, rel=1e-6, abs=1e-300)
        place = entry["at"]
        shares = [(values <= place["value"]).mean() for values in (before, now)]
        assert [place["baseline"], place["window"]] == pytest.approx(shares, abs=1e-12)
        assert abs(shares[0] - shares[1]) == pytest.approx(entry["drift_score"], abs=1e-12)
        assert entry["mean"] == pytest.approx({"baseline": before.mean(), "window": now.mean()}, rel=1e-9)
        assert entry["range"] == {"baseline": [before.min(), before.max()], "window": [now.min(), now.max()]}
        higher, lower = (
            scipy.stats.ks_2samp(before, now, alternative=side, method="asymp").statistic
            for side in ("greater", "less")
        )
        if entry["direction"] == "towards higher values":
            assert higher > lower
        elif entry["direction"] == "towards lower values":
            assert lower > higher
        if np.all(before == before.round()) and np.all(now == now.round()):
            assert place["value"].is_integer()


@pytest.mark.parametrize("name", SETS)
def test_psi_and_wasserstein_are_those_of_the_rows(name: str) -> None:
    """PSI is that of tenths of the baseline where each value has a bin of its own. Wasserstein-1 is scipy's: there
    exactly, else within its bound, and within 2 % for what moved in the flights."""
    shown_wide = 0
    for column, entry in entries(name).items():
        if entry["type"] != "numeric":
            continue
        before, now = numbers(name, column)
        exact = scipy.stats.wasserstein_distance(before, now)
        if len(set(before)) <= MOST_OWN:
            assert entry["psi"] == pytest.approx(psi_of(before, now), rel=1e-9)
        if len(set(before)) <= MOST_OWN and set(now) <= set(before):
            assert entry["wasserstein"] == pytest.approx(exact, rel=1e-9, abs=1e-12)
        elif entry["wasserstein"] is not None:
            shown_wide += 1
            assert abs(entry["wasserstein"] - exact) <= entry["wasserstein_error_bound"] * (1 + 1e-9) + 1e-12
            if name == "flights" and entry["drifted"]:
                assert entry["wasserstein"] == pytest.approx(exact, rel=0.02)
    if name in ("flights", "breast_cancer"):
        assert shown_wide >= 4


def psi_of(before: "np.ndarray[Any, Any]", now: "np.ndarray[Any, Any]") -> float:
    """PSI over tenths: a value belongs to the tenth in which the middle of its baseline rows lies."""
    ordered = np.sort(before)
    tenths = [
        [
            min(
                9, int((np.searchsorted(ordered, v, "left") + np.searchsorted(ordered, v, "right")) * 5 // len(ordered))
            )
            for v in values
        ]
        for values in (before, now)
    ]
    counts = np.array([np.bincount(groups, minlength=10) for groups in tenths])
    used = counts.sum(axis=0) > 0
    p, q = ((row[used] + 0.5) / (row[used] + 0.5).sum() for row in counts)
    return float(((q - p) * np.log(q / p)).sum())


@pytest.mark.parametrize("name", SETS)
def test_numbers_of_categories_are_those_of_scipy(name: str) -> None:
    """Total variation is half the sum of the differences of shares, and p is that of scipy's chi-square test."""
    for column, entry in entries(name).items():
        if entry["type"] != "categorical":
            continue
        before, now = (one.value_counts() for one in texts(name, column))
        table = pd.DataFrame({"before": before, "now": now}).fillna(0)
        shares = table / table.sum()
        assert entry["drift_score"] == pytest.approx((shares.before - shares.now).abs().sum() / 2, abs=1e-12)
        test = scipy.stats.chi2_contingency(table.T, correction=False)
        if test.expected_freq.min() >= 5:
            assert entry["p_value"] == pytest.approx(test.pvalue, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("name", SETS)
def test_data_quality_is_that_of_the_rows(name: str) -> None:
    """Shares of missing, out-of-range, wrongly typed and new values, their rise and Fisher's exact p."""
    before, after = rows_of(name)
    for column, entry in entries(name).items():
        numeric = is_numeric(name, column)
        first, second = numbers(name, column) if numeric else texts(name, column)
        filled = [table[column].notna().sum() for table in (before, after)]
        new = 0 if numeric else (~second.isin(set(first))).sum()  # type: ignore[union-attr]
        outside = ((second < first.min()) | (second > first.max())).sum() if numeric else 0
        wanted = {
            "missing": (after[column].isna().sum(), len(after), before[column].isna().sum(), len(before)),
            "wrong_type": (filled[1] - len(second), filled[1], filled[0] - len(first), filled[0]),
            "out_of_range": (outside, len(second), 0, len(first)),
            "new_categories": (new, len(second), 0, len(first)),
        }
        for test in entry["data_quality"]:
            a, n, b, m = (int(value) for value in wanted[test["kind"]])
            assert (test["window"], test["baseline"]) == pytest.approx((a / n, b / m), abs=1e-12)
            assert test["drift_score"] == pytest.approx(a / n - b / m, abs=1e-12)
            if test["kind"] != "new_categories":
                exact = scipy.stats.fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue
                assert test["p_value"] == pytest.approx(exact, rel=1e-6, abs=1e-300)
            assert test["fired"] == (test["drift_score"] >= 0.02 and test["p_value"] < test["p_threshold"])


@pytest.mark.parametrize("name", SETS)
def test_an_alert_repeats_the_numbers_of_the_report(name: str) -> None:
    """The alert has the report's score, p-value, limit, sizes and features, and fires where the limit says so."""
    report, alerts = shown(name)
    assert "data_drift" in alerts
    found = entries(name)
    for kind, (alert, _event) in alerts.items():
        assert (alert["n_baseline"], alert["n_window"]) == (report["n_baseline"], report["n_window"])
        first = alert["features"][0]
        entry = found[first["name"]]
        limit = alert["limit"]
        if kind == "data_quality":
            (test,) = [one for one in entry["data_quality"] if one["kind"] == first["kind"]]
            assert (alert["drift_score"], alert["p_value"]) == (test["drift_score"], test["p_value"])
            assert limit == {"score": test["threshold"], "p_value": test["p_threshold"]}
            assert first["shares"] == {"baseline": test["baseline"], "window": test["window"]}
        else:
            firing = [
                one for one in found.values() if one["drifted"] and (kind == "data_drift") == (one["role"] == "feature")
            ]
            strongest = max(firing, key=lambda one: one["drift_score"])
            assert (alert["drift_score"], alert["p_value"]) == (strongest["drift_score"], strongest["p_value"])
            by_chance = 0 if strongest["test"] == "ks" else strongest["expected_by_chance"]
            assert limit["score"] == pytest.approx(strongest["threshold"] + by_chance)
            assert limit["p_value"] == strongest["p_threshold"]
            assert {one["name"] for one in alert["features"] if one["drifted"]} == {one["name"] for one in firing}
            for one in alert["features"]:
                for field in ("drift_score", "p_value", "threshold", "direction", "at", "missing"):
                    assert one[field] == found[one["name"]][field]
        decides = [alert["drift_score"] >= (limit["score"] or 0), alert["p_value"] < (limit["p_value"] or 2)]
        assert decides == [True, True]


def texts_of(event: AlertEvent) -> dict[str, str]:
    """All that a message says, by channel type."""
    made = email.render(event, CHANNEL, "ops@example.com", sender="drift@example.com", public_url=PUBLIC)
    plain, html = (made.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    return {
        "text": plain.get_content(),
        "html": re.sub(r"<[^>]+>", " ", html.get_content()),
        "slack": "\n".join(strings(slack.render(event, public_url=PUBLIC))),
        "teams": "\n".join(strings(teams.render(event, public_url=PUBLIC))),
    }


def strings(part: Any) -> list[str]:
    """All texts in a JSON value."""
    if isinstance(part, str):
        return [part]
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for value in values for text in strings(value)]


def digits(value: float) -> str:
    """A number as a message shows it: three significant digits."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}" if value else "0"


def tiny(value: float) -> str:
    """A p-value as a message shows it."""
    return digits(value) if value else "under 1e-300"


def percent(value: float) -> str:
    """A share as a message shows it."""
    return "0%" if value == 0 else "under 0.1%" if value < 0.001 else f"{100 * value:.1f}%"


@pytest.mark.parametrize("channel", ["text", "html", "slack", "teams"])
@pytest.mark.parametrize("name", SETS)
def test_a_message_shows_the_numbers_of_the_rows(name: str, channel: str) -> None:
    """Scores, p-values, limits, sizes, shares and the place of D in each message are those of the rows."""
    before, after = rows_of(name)
    for kind, (alert, event) in shown(name)[1].items():
        said = re.sub(r"\s+", " ", texts_of(event)[channel].replace("&#39;", "'").replace("&gt;", ">"))
        assert f"Version 3, {len(before):,} rows" in said
        assert f"{len(after):,}" in said
        for value in (digits(alert["drift_score"]), tiny(alert["p_value"]), digits(alert["limit"]["score"] or 0)):
            assert value in said
        if alert["limit"]["p_value"] is not None:
            assert f"p below {tiny(alert['limit']['p_value'])}" in said
        for feature in [one for one in alert["features"] if one["drifted"]][:3]:
            for value in SHOWN[kind == "data_quality"](name, feature):
                assert value in said, (feature["name"], value)


def of_drift(name: str, feature: dict[str, Any]) -> list[str]:
    """What a message must say of a drifted feature, from the rows."""
    if feature["type"] == "numeric":
        before, now = numbers(name, feature["name"])
        place = feature["at"]
        shares = [percent((values <= place["value"]).mean()) for values in (before, now)]
        return [
            digits(feature["drift_score"]),
            tiny(feature["p_value"]),
            f"{place['words']}: {shares[0]} → {shares[1]}",
        ]
    first, second = (one.value_counts(normalize=True) for one in texts(name, feature["name"]))
    changes = second.sub(first, fill_value=0)
    most = changes.abs().idxmax()
    return [digits(changes.abs().sum() / 2), f"from {percent(first.get(most, 0))} to {percent(second.get(most, 0))}"]


def of_quality(name: str, feature: dict[str, Any]) -> list[str]:
    """What a message must say of a feature with bad values, from the rows."""
    before, after = (table[feature["name"]] for table in rows_of(name))
    if feature["kind"] == "missing":
        return [f"missing values, {percent(before.isna().mean())} → {percent(after.isna().mean())}"]
    if feature["kind"] == "wrong_type":
        share = sum(isinstance(value, str) for value in after) / after.notna().sum()
        return [f"0% → {percent(share)}", "numbers in the baseline, texts such as “n/a?” now"]
    return [f"{percent(feature['shares']['baseline'])} → {percent(feature['shares']['window'])}"]


SHOWN: dict[bool, Callable[[str, dict[str, Any]], list[str]]] = {False: of_drift, True: of_quality}
