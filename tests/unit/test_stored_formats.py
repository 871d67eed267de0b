"""Data that a deployment stored with the code of commit 6b020ce is read by today's code.

The fixtures in tests/stored were written by that commit. What must come out of them is stated as the rows, requests and
settings that went in. A failure here means that existing deployments lose data: mend the reader, not the fixture.
"""

import base64
import json
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from driftguard.alerts.events import ALERT_NEWS, AlertEvent, AlertMessage, changes_in
from driftguard.alerts.findings import Memory
from driftguard.alerts.tables import Alerts, Outbox
from driftguard.alerts.transitions import lapse
from driftguard.baselines.tables import Baselines
from driftguard.baselines.uploads import status as upload_status
from driftguard.checks.messages import CheckMessage
from driftguard.checks.reports import history, last, unpack
from driftguard.checks.tables import History, Runs
from driftguard.checks.window import load_series
from driftguard.counting.counts import Counts
from driftguard.counting.folding import load_state
from driftguard.counting.layout import layout_of
from driftguard.counting.series import Series, read_days, read_hours
from driftguard.counting.tables import StoredCounts
from driftguard.distributions import encoding
from driftguard.distributions.baseline import FeatureBaseline
from driftguard.distributions.categories import Categories, digest
from driftguard.distributions.numbers import Numbers
from driftguard.models.schemas import EraseMessage
from driftguard.models.settings import ModelSettings
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.delivery import undelivered
from driftguard.notifications.messages import ChannelNotice, Retry
from driftguard.notifications.tables import Channels
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.dynamodb import Table, connect, disconnect
from driftguard.platform.environment import Environment
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import hour_of, parse
from driftguard.predictions.intake import log_batch, log_one
from driftguard.predictions.schemas import BatchBody, PredictionBody
from driftguard.predictions.tables import Predictions
from driftguard.rows.columns import Row, values_of
from driftguard.rows.unpacking import columns, unpack_rows
from driftguard.uploads.tables import Uploads
from sandbox import stack

STORED = Path(__file__).parents[1] / "stored"
BATCHES = sorted(path.stem for path in (STORED / "batches").glob("*.bin"))
TABLES = sorted(path.stem for path in (STORED / "items").glob("*.json"))
KINDS = {int: "number", float: "number", str: "string", bool: "boolean"}
NAMED = 100
"""A baseline counts this many categories by name."""


@cache
def fixture(name: str) -> Any:
    """The content of one JSON file, shared: do not change."""
    return json.loads((STORED / name).read_text())


def expected(name: str) -> Any:
    """What the tables must give back."""
    return fixture("expected.json")[name]


def moment(name: str) -> datetime:
    """A time that the fixtures were written at: `now`, or `later` by two days."""
    return parse(expected(name))


def raw_items(table: str) -> list[dict[str, Any]]:
    """The items of a table as DynamoDB holds them."""
    return [
        {
            name: {kind: base64.b64decode(value) if kind == "B" else value for kind, value in attribute.items()}
            for name, attribute in item.items()
        }
        for item in fixture(f"items/{table}.json")
    ]


@pytest.fixture(scope="module")
def store() -> Iterator[None]:
    """The template's tables in moto, with every stored item."""
    with mock_aws():
        disconnect()
        names = stack.deploy_tables()
        client = boto3.client("dynamodb")
        for table in TABLES:
            for item in raw_items(table):
                client.put_item(TableName=names[f"{table.upper()}_TABLE"], Item=item)
        connect(Environment(names))
        yield
        disconnect()


def assert_holds(found: Any, wanted: Any) -> None:
    """`found` is `wanted`, but objects may have further keys, which later versions add."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            assert name in found
            assert_holds(found[name], value)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_holds(one, other)
    else:
        assert type(found) is type(wanted)
        assert found == wanted


# Packed batches.


def typed(value: Any) -> tuple[Any, Any]:
    """A value with its kind: true is not 1, and 1 is 1.0."""
    return KINDS.get(type(value)), value


def comparable(rows: Sequence[Row]) -> list[Any]:
    """Rows as what must come back."""
    return [
        (
            round(row.event_time * 1000),
            {name: typed(value) for name, value in row.features.items() if value is not None},
            typed(row.prediction),
            row.prediction_id,
        )
        for row in rows
    ]


@pytest.mark.parametrize("name", BATCHES)
def test_a_stored_batch_gives_back_its_rows(name: str) -> None:
    """Times, values with their kinds, predictions, ids and rejected rows are those that were logged."""
    wanted = fixture(f"batches/{name}.json")
    rows, rejected = unpack_rows((STORED / "batches" / f"{name}.bin").read_bytes())
    given = [Row(at / 1000, features, prediction, key) for at, features, prediction, key in wanted["rows"]]
    assert comparable(rows) == comparable(given)
    assert rejected == wanted["rejected"]


@pytest.mark.parametrize("name", BATCHES)
def test_a_stored_batch_gives_back_its_columns(name: str) -> None:
    """Each column has its encodings, and its buffers hold the logged values as float64."""
    wanted = fixture(f"batches/{name}.json")
    rows = wanted["rows"]
    view = columns((STORED / "batches" / f"{name}.bin").read_bytes())
    assert array("q", view.times).tolist() == [row[0] for row in rows]
    for feature, encodings in wanted["encodings"].items():
        assert [[part.kind, part.encoding] for part in view.feature(feature)] == encodings
        assert typed_column(view.feature(feature), len(rows)) == [as_double(row[1].get(feature)) for row in rows]
    assert typed_column(view.prediction, len(rows)) == [as_double(row[2]) for row in rows]
    sent = {feature for row in rows for feature, value in row[1].items() if value is not None}
    assert {feature for feature in view.names if view.feature(feature)} == sent
    assert sent <= wanted["encodings"].keys()


def as_double(value: Any) -> tuple[Any, Any]:
    """A value with its kind, a number as the float64 that counting reads."""
    return typed(float(value) if type(value) in (int, float) else value)


def typed_column(parts: Any, rows: int) -> list[Any]:
    """The values of a column's parts by row."""
    found: list[Any] = [(None, None)] * rows
    for part in parts:
        values = values_of(part)
        assert len(values) == part.count
        where = range(rows) if part.mask is None else compress(range(rows), part.mask)
        for row, value in zip(where, values, strict=True):
            assert found[row] == (None, None)
            assert KINDS[type(value)] == part.kind
            found[row] = as_double(value)
    return found


# Baselines.


def check_feature(feature: FeatureBaseline, given: Sequence[Any]) -> None:
    """A feature is the distribution of the values that were given."""
    kind = {"numeric": "number", "categorical": "string", "boolean": "boolean"}[feature.type]
    present = [value for value in given if KINDS.get(type(value)) == kind]
    missing = sum(value is None for value in given)
    assert (feature.rows, feature.missing) == (len(given), missing)
    assert feature.invalid == len(given) - missing - len(present)
    if isinstance(feature.values, Numbers):
        check_numbers(feature.values, [float(value) for value in present])
    else:
        names = [value if kind == "string" else str(value).lower() for value in present]
        check_categories(feature.values, Counter(names))


def check_numbers(numbers: Numbers, given: list[float]) -> None:
    """Bins, quantiles and sums are those of the given numbers."""
    if not given:
        assert [len(part) for part in (numbers.cuts, numbers.own, numbers.counts, numbers.quantiles)] == [0] * 4
        return
    ordered = sorted(given)
    ends = [-math.inf, *numbers.cuts]
    assert all(low < high for low, high in pairwise(ends))
    assert set(numbers.cuts) <= set(given)
    bins = [[value for value in given if low < value <= high] for low, high in pairwise(ends)]
    assert list(numbers.counts) == [len(held) for held in bins]
    assert sum(numbers.counts) == len(given)
    for own, held in zip(numbers.own, bins, strict=True):
        assert len(set(held)) == 1 if own else len(held) <= len(given) / 256
    shares = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    assert list(numbers.quantiles) == [ordered[max(0, math.ceil(share * len(given)) - 1)] for share in shares]
    check_sum(numbers.total, given)
    check_sum(numbers.squares, [value * value for value in given])


def check_sum(found: float, terms: list[float]) -> None:
    """Their last bits depend on the order of adding; sums that overflow are infinite or NaN."""
    try:
        wanted = math.fsum(terms)
    except OverflowError:
        wanted = math.inf
    if math.isfinite(wanted):
        assert found == pytest.approx(wanted, rel=1e-12)
    else:
        assert not math.isfinite(found)


def check_categories(found: Categories, seen: Counter[str]) -> None:
    """The named categories, the rare ones and their digests are those that were seen."""
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    assert list(zip(found.names, found.counts, strict=True)) == ranked[:NAMED]
    assert found.rare == sum(count for _name, count in ranked[NAMED:])
    assert found.known == frozenset(digest(name) for name, _count in ranked[NAMED:])


@pytest.mark.parametrize("name", ["inline", "unknown_days", "large"])
def test_a_stored_baseline_is_the_distribution_of_its_rows(name: str) -> None:
    """Bins, quantiles, sums, categories and rare digests are those of the rows, built at once or from a large file."""
    about = fixture(f"baselines/{name}.json")
    rows = fixture(f"baselines/{about.get('same_rows_as', name)}.json")
    baseline = encoding.decode((STORED / "baselines" / f"{name}.bin").read_bytes())
    assert (baseline.rows, baseline.days) == (about["rows"], about["days"])
    shown = [[feature.name, feature.role, feature.type] for feature in baseline.features]
    assert shown == [[feature["name"], feature["role"], feature["type"]] for feature in about["features"]]
    assert [name for name, role, _type in shown if role == "feature"] == list(rows["columns"])
    for feature, described in zip(baseline.features, about["features"], strict=True):
        check_feature(feature, rows["predictions"] if feature.role == "prediction" else rows["columns"][feature.name])
        if isinstance(feature.values, Numbers):
            assert feature.values.own.hex() == described["own"]
            assert [feature.values.total.hex(), feature.values.squares.hex()] == described["sums"]


def test_a_stored_baseline_remembers_that_it_forgot_categories() -> None:
    """A baseline with more rare categories than it keeps has their number and no digests."""
    given = fixture("baselines/forgotten.json")
    baseline = encoding.decode((STORED / "baselines" / "forgotten.bin").read_bytes())
    (feature,) = baseline.features
    assert (baseline.rows, baseline.days) == (given["rows"], given["days"])
    assert (feature.name, feature.type, feature.rows, feature.missing) == ("code", "categorical", 20_000, 1_000)
    assert isinstance(feature.values, Categories)
    ranked = sorted(given["seen"].items(), key=lambda item: (-item[1], item[0]))
    assert list(zip(feature.values.names, feature.values.counts, strict=True)) == [tuple(one) for one in ranked[:NAMED]]
    assert feature.values.rare == sum(count for _name, count in ranked[NAMED:]) + given["forgotten"]
    assert feature.values.known is None


# Reports.


def as_read(report: dict[str, Any]) -> dict[str, Any]:
    """A report of version 0.1 as today's code reads it: the same values, and defaults for the fields that it lacked."""
    lacking: dict[str, Any] = {"direction": None, "at": None, "mean": None, "range": None, "new_categories": []}
    lacking |= {"expected_by_chance": None, "wasserstein_error_bound": None}
    lacking |= {"part": None, "sudden": None, "matched": None, "window_start": None}
    features = [
        {
            **lacking,
            **feature,
            "histogram": {"edges": None, "categories": None, **feature["histogram"]},
            "data_quality": [
                {"threshold": None, "hours": None, "surprise": None, **test} for test in feature.get("data_quality", [])
            ],
        }
        for feature in report["features"]
    ]
    added: dict[str, Any] = {"unwatched": None, "unwatched_more": None, "notes": [], "histograms_left_out": 0}
    return {**added, **report, "features": features, "reference": None}


def test_a_stored_report_comes_back_bit_by_bit() -> None:
    """Pictures of even bars, of uneven bars and of categories are as they were packed, and so is the rest."""
    assert unpack((STORED / "reports" / "pictures.bin").read_bytes()) == as_read(fixture("reports/pictures.json"))


def test_reports_in_items_come_back_bit_by_bit(store: None) -> None:
    """The last report lies in several items and is the one that the check made; the one before is in the other slot."""
    model = churn()
    first, second = (check["report"] for check in expected("checks"))
    status = Statuses.one("acme", model.model_id)
    assert int(status.report_chunks) > 1
    assert last(model) == as_read(second)
    assert (status.report_slot, status.state, status.preliminary) == ("b", second["status"], second["preliminary"])
    chunks = [item for item in raw_items("history") if item["sk"]["S"].startswith("report#a#")]
    data = History.report(model.model_id, "a", str(status.report_spare), len(chunks))
    assert data is not None
    assert unpack(data) == as_read(first)


def test_history_rows_say_what_the_checks_found(store: None) -> None:
    """Each check has one row, newest first, with the values of its report."""
    found = history(churn(), days=30, cursor=None, limit=10, now=moment("later")).items
    reports = [check["report"] for check in reversed(expected("checks"))]
    copied = ("checked_at", "status", "preliminary", "drift_score", "p_value", "drifted_features", "n_window",
              "baseline_version")  # fmt: skip
    assert len(found) == len(reports)
    for entry, report in zip(found, reports, strict=True):
        row: dict[str, Any] = {**entry}
        assert {name: row[name] for name in copied} == {name: report[name] for name in copied}
        assert row["feature_scores"] == {feature["name"]: feature["drift_score"] for feature in report["features"]}
        assert (row["features_left_out"], row["replayed"]) == (0, False)


# Counts.


def counted_series() -> Series:
    """The model whose predictions are folded into two groups of features."""
    model = Models.one("acme", fixture("counted.json")["model_id"])
    assert model is not None
    return load_series(model)


def counted_columns() -> dict[str, Sequence[Any]]:
    """What the model's baseline was made of: 100 constant features, and three others."""
    given = fixture("counted.json")
    constant: dict[str, Sequence[Any]] = {f"f{number:03d}": [number] * 300 for number in range(100)}
    return {**constant, **given["columns"], "prediction": given["predictions"]}


def test_a_baseline_in_chunks_is_the_distribution_of_its_rows(store: None) -> None:
    """A baseline that lies in several items is put together, and one in a single item is read."""
    model_id = fixture("counted.json")["model_id"]
    head = Baselines.head(model_id, 1)
    assert head is not None
    assert int(head.chunk_count) > 1
    assert (int(head.version), int(head.rows), int(head.days), head.source) == (1, 300, 7, "inline")
    given = counted_columns()
    baseline = encoding.decode(head.payload())
    assert [feature.name for feature in baseline.features] == list(given)
    for feature in baseline.features:
        check_feature(feature, given[feature.name])
    (single,) = Baselines.newest(expected("uploads")["model_id"], None, 5)
    assert int(single.chunk_count) == 1
    (feature,) = encoding.decode(single.payload()).features
    check_feature(feature, [1.0, 2.0])


def test_the_layout_of_stored_counts_stays_the_same(store: None) -> None:
    """Counts are stored without their bins, so each bin must stay where it was and hold the same values."""
    layout = layout_of(counted_series().baseline)
    for name, values in fixture("counted.json")["layout"].items():
        assert getattr(layout, name).tolist() == values, name


def test_stored_hours_and_days_hold_their_rows(store: None) -> None:
    """Every hour and the day that was rolled up have the counts of exactly the rows logged then, in both groups."""
    series = counted_series()
    assert series.groups == 2
    by_hour: dict[int, list[Any]] = {}
    for row in fixture("counted.json")["rows"]:
        by_hour.setdefault(hour_of(parse(row["timestamp"])), []).append(row)
    assert sorted(by_hour) == expected("counted")["hours"]
    hours = dict(read_hours(series, min(by_hour), max(by_hour)))
    assert hours.keys() == by_hour.keys()
    for hour, rows in by_hour.items():
        check_counts(hours[hour], rows)
    day = min(by_hour) // 24
    days = read_days(series, day - 3, day + 3)
    assert list(days) == [day]
    check_counts(days[day], [row for hour, rows in by_hour.items() if hour // 24 == day for row in rows])
    assert max(len(rows) for rows in by_hour.values()) > 255, "some counts must need a second byte"


def check_counts(counts: Counts, rows: list[Any]) -> None:
    """Counts are those of the rows, feature by feature."""
    assert counts.rows == len(rows)
    baseline = counted_columns()
    for index, feature in enumerate(counts.layout.features):
        prediction = feature.role == "prediction"
        values = [row["prediction"] if prediction else row["features"].get(feature.name) for row in rows]
        kinds = Counter(KINDS.get(type(value)) for value in values)
        own = {"numeric": "number", "categorical": "string", "boolean": "boolean"}[feature.type]
        assert counts.missing[index] == kinds[None]
        invalid = [0 if kind == own else kinds[kind] for kind in ("number", "string", "boolean")]
        assert counts.invalid[index].tolist() == invalid
        present = [value for value in values if KINDS.get(type(value)) == own]
        bins = counts.bins[counts.layout.span(index)].tolist()
        if feature.type == "numeric":
            span = counts.layout.span(index)
            ends = list(zip(counts.layout.lows[span].tolist(), counts.layout.highs[span].tolist(), strict=True))
            assert bins == [sum(low < value <= high for value in present) for low, high in ends]
            check_moments(counts, index, present, (ends[0][1], ends[-1][0]))
        else:
            check_named(counts, index, [str(one).lower() if own == "boolean" else one for one in present], bins)
            if feature.name == "plan":
                check_recent(counts, index, rows, set(baseline["plan"]))


def check_moments(counts: Counts, index: int, present: list[float], known: tuple[float, float]) -> None:
    """Sums and extremes are exact, since the values are quarters; `known` is the range of the baseline."""
    assert counts.total[index] == sum(present)
    assert counts.squares[index] == sum(value * value for value in present)
    assert counts.least[index] == min(present, default=math.inf)
    assert counts.greatest[index] == max(present, default=-math.inf)
    distances = [max(known[0] - value, value - known[1], 0) for value in present]
    assert counts.beyond[index] == pytest.approx(sum(distances), rel=1e-12)


def check_named(counts: Counts, index: int, present: list[str], bins: list[int]) -> None:
    """Each named category has its bin, and two more hold rare and new ones."""
    given = [str(value).lower() if isinstance(value, bool) else value for value in baseline_values(counts, index)]
    names = [name for name, _count in sorted(Counter(given).items(), key=lambda item: (-item[1], item[0]))]
    seen = Counter(present)
    rare = sum(seen[name] for name in names[NAMED:])
    new = sum(count for name, count in seen.items() if name not in names)
    assert bins == [*(seen[name] for name in names[:NAMED]), rare, new]


def baseline_values(counts: Counts, index: int) -> Sequence[Any]:
    """What the baseline of a feature was made of."""
    return counted_columns()[counts.layout.features[index].name]


def check_recent(counts: Counts, index: int, rows: list[Any], known: set[str]) -> None:
    """The five new categories that were seen last have the times of their last row."""
    latest: dict[str, int] = {}
    for row in rows:
        name = row["features"]["plan"]
        if isinstance(name, str) and name not in known:
            latest[name] = max(latest.get(name, 0), round(parse(row["timestamp"]).timestamp() * 1000))
    wanted = sorted(latest.items(), key=lambda item: (-item[1], item[0]))[:5]
    assert sorted(counts.recent.get(index, {}).items(), key=lambda item: (-item[1], item[0])) == wanted


def test_a_stored_fold_goes_on_where_it_stopped(store: None) -> None:
    """The state of a fold has its cursor, its first hour and the day up to which days are rolled up."""
    series, hours = counted_series(), expected("counted")["hours"]
    state = load_state(series, moment("now"))
    assert state.stored
    assert state.cursor == state.last_arrival == expected("counted")["cursor"]
    assert (state.first_hour, state.rolled_before) == (hours[0], hour_of(moment("now")) // 24)
    assert state.rolled_at == expected("now")
    marks = [item.watermark for item in StoredCounts.hours(series.model_id, 1, hours[0], hours[-1])]
    assert max(marks) == state.cursor


# Logged predictions.


def test_a_request_logged_before_gets_its_first_answer(store: None) -> None:
    """A retry under each kind of id finds what is stored, answers as it did then, and stores nothing."""
    logged = fixture("logged.json")
    before = sum(1 for _item in Predictions.scan())
    for request in logged["requests"]:
        key = request.get("idempotency_key")
        if not key and not {"prediction_id", "batch_id"} & request["body"].keys() and not has_ids(request["body"]):
            continue
        now = moment("now") + timedelta(hours=3)
        if request["kind"] == "one":
            one = PredictionBody(model_id=logged["model_id"], **request["body"])
            answer: Any = log_one("acme", one, idempotency_key=key, now=now)
        else:
            several = BatchBody(model_id=logged["model_id"], **request["body"])
            answer = log_batch("acme", several, idempotency_key=key, now=now)
        assert_holds(answer.model_dump(mode="json"), request["answer"])
    assert sum(1 for _item in Predictions.scan()) == before


def has_ids(body: Any) -> bool:
    """Whether each row brings its own id."""
    return all("prediction_id" in row for row in body.get("predictions", [{}]) if isinstance(row, dict))


def test_stored_batches_are_read_in_the_order_of_their_arrival(store: None) -> None:
    """Every batch gives its rows, whether its head holds them or chunks do."""
    logged = fixture("logged.json")
    heads = list(Predictions.arrivals(logged["model_id"], 2))
    found = [(head, *unpack_rows(data)) for head, data in Predictions.payloads(heads)]
    assert len(found) == len(logged["requests"])
    for (head, rows, rejected), request in zip(found, logged["requests"], strict=True):
        given = request["body"].get("predictions", [request["body"]])
        good = [row for row in given if isinstance(row.get("features"), dict)]
        assert head.rows == len(rows) == len(good)
        assert rejected == request["answer"].get("errors", [])
        for row, sent in zip(rows, good, strict=True):
            assert row.features == sent["features"]
            assert row.prediction == sent.get("prediction")
            assert row.prediction_id == sent.get("prediction_id")
            assert row.event_time == parse(sent["timestamp"]).timestamp()
        times = [round(row.event_time * 1000) for row in rows]
        assert (head.first_event, head.last_event) == (min(times), max(times))
    chunked = [item for item in Predictions.scan() if item.chunks]
    assert [int(item.chunks) > 1 for item in chunked] == [True]


# Models and what the schedule did with them.


def churn() -> Models:
    """The model that was checked."""
    model = Models.one("acme", expected("model")["id"])
    assert model is not None
    return model


def test_a_stored_model_has_what_its_owner_gave(store: None) -> None:
    """Name, description, labels and every setting come back; a name that is in use stays so."""
    given, model = expected("model"), churn()
    assert (model.name, model.description, model.labels) == (given["name"], given["description"], given["labels"])
    assert_holds(model.settings.model_dump(mode="json", exclude_unset=True), given["settings"])
    assert (model.baseline_version, model.baselines_made, model.partition_count) == (1, 1, 2)
    assert parse(model.created_at) == moment("now") - timedelta(days=10)
    again = Models("acme", "model#other", organization_id="acme", model_id="other", name="churn", created_at="")
    with pytest.raises(ConditionFailed):
        Models.add(again)


def test_stored_models_without_settings_have_the_defaults(store: None) -> None:
    """A model keeps only what its owner set; a paused one keeps that it is paused, and its further partitions."""
    ids = expected("models")
    idle, paused = Models.one("acme", ids["idle"]), Models.one("acme", ids["paused"])
    assert idle is not None
    assert paused is not None
    assert idle.settings == ModelSettings()
    assert paused.settings == ModelSettings(enabled=False)
    assert (paused.partitions, paused.partition_count) == ([2, 8], 8)
    listed = {model.name for model in Models.newest("acme", None, 20)}
    assert listed == {"wide", "logged", "churn", "paused", "idle", "failing", "uploaded"}


def test_the_schedule_finds_stored_models_and_what_is_to_be_erased(store: None) -> None:
    """Every model is due but the paused one, and a deleted model is still to be erased."""
    due = {model.model_id: bool(model.erasing) for model in Models.to_check(0)}
    ids = expected("models")
    assert due.pop(ids["gone"]) is True
    assert set(due.values()) == {False}
    all_models = {model.model_id for model in Models.newest("acme", None, 20)}
    assert due.keys() == all_models - {ids["paused"]}
    assert Models.one("acme", ids["gone"]) is None
    mark = Models.find("acme", f"erase#{ids['gone']}")
    assert mark is not None
    assert (mark.partition_count, parse(mark.created_at)) == (2, moment("later"))


def test_a_stored_status_knows_the_alerts_and_what_to_remember(store: None) -> None:
    """Open alerts, the hush after a resolving by hand, recent scores and the request come back."""
    status = Statuses.one("acme", churn().model_id)
    opened = expected("opened")
    assert status.open_alerts == {kind: key for kind, key in opened.items() if kind != "prediction_drift"}
    memory = Memory.load(status.memory["prediction_drift"])
    assert memory.hushed_until == parse(expected("hushed_until"))
    assert memory.hushed_baseline == 1
    assert status.memory["data_drift"] == {"preliminary_told": 1}, "a field of version 0.1 that nothing reads"
    assert Memory.load(status.memory["data_drift"]) == Memory()
    reports = [check["report"] for check in expected("checks")]
    assert status.recent == [[report["checked_at"][:10], report["drift_score"]] for report in reports]
    assert (status.checked_at, status.drift_score) == (reports[1]["checked_at"], reports[1]["drift_score"])
    assert status.lease_owner is None


def test_a_stored_lease_still_holds(store: None) -> None:
    """A lease that a check took before an update keeps others away until it ends."""
    idle = expected("models")["idle"]
    ends = moment("later") + timedelta(minutes=2)
    assert Statuses.lease_ends("acme", idle) == ends
    with pytest.raises(ConditionFailed):
        Statuses.lease("acme", idle, "another", ends - timedelta(seconds=1), timedelta(minutes=1))


def test_stored_runs_say_how_the_last_tick_ended(store: None) -> None:
    """The last tick, and of each model how its check ended."""
    tick = Runs.last()
    assert tick is not None
    # The messages were written last, under a tick of their own.
    assert (tick.tick, tick.started_at) == ("tick-9", expected("later"))
    assert_holds(Runs.outcomes("acme", "tick-2"), {"checked": 1, "skipped": 1, "failed": 1})
    assert Runs.ended("acme", "tick-2", churn().model_id)
    assert not Runs.ended("acme", "tick-2", expected("models")["failing"])


# Alerts.


def test_stored_alerts_come_back_whole(store: None) -> None:
    """An alert that fires, an acknowledged, a snoozed and a resolved one are as they were before they were stored."""
    wanted = expected("alerts")
    assert {alert["status"] for alert in wanted.values()} == {"firing", "acknowledged", "snoozed", "resolved"}
    for alert_id, alert in wanted.items():
        found = Alerts.one("acme", alert_id)
        assert found is not None
        assert_holds(found.model_dump(mode="json"), alert)
    assert Alerts.several("acme", wanted).keys() == wanted.keys()


@pytest.mark.parametrize(
    ("filters", "kinds"),
    [
        ({}, ["no_data", "data_quality", "prediction_drift", "data_drift"]),
        ({"status": "firing"}, ["data_quality"]),
        ({"status": "acknowledged"}, ["data_drift"]),
        ({"status": "snoozed"}, ["no_data"]),
        ({"status": "resolved"}, ["prediction_drift"]),
        ({"alert_type": "data_drift"}, ["data_drift"]),
        ({"severity": "MEDIUM", "status": "snoozed"}, ["no_data"]),
    ],
)
@pytest.mark.parametrize("of_model", [True, False])
def test_lists_find_stored_alerts(store: None, filters: dict[str, str], kinds: list[str], of_model: bool) -> None:
    """Lists of a model and of the organization find stored alerts by status, severity and type."""
    then = moment("later") + timedelta(hours=2)
    wanted = {"status": None, "severity": None, "alert_type": None, **filters}
    found, following = Alerts.newest(
        "acme",
        model_id=churn().model_id if of_model else None,
        since_id=None,
        before=None,
        limit=50,
        as_of=lambda alert: lapse(alert, then),
        **wanted,
    )
    assert [alert.alert_type for alert in found] == kinds
    assert following is None


def test_stored_events_wait_in_the_outbox(store: None) -> None:
    """Events that SNS did not take before an update are still to be published, and are complete."""
    pending = {event.event_id: event.model_dump(mode="json") for _item, event in Outbox.pending(churn().model_id)}
    wanted = {key: event for key, event in expected("events").items() if event["kind"] in ("acknowledged", "resolved")}
    assert len(wanted) == 2
    assert_holds(pending, wanted)
    assert pending.keys() == wanted.keys()


# Channels and deliveries.


def test_stored_channels_have_what_their_owner_gave(store: None) -> None:
    """A channel of each type comes back with its secrets, its times and its health."""
    wanted = expected("channels")
    found = {channel.id: channel for channel in Channels.of("acme")}
    assert list(found) == [channel["id"] for channel in wanted]
    assert [channel["given"]["type"] for channel in wanted] == ["email", "slack", "webhook", "pagerduty", "teams"]
    for number, channel in enumerate(wanted):
        stored = found[channel["id"]]
        given = stored.settings.model_dump(mode="json", exclude_unset=True)
        assert_holds(given, channel["given"])
        assert given.keys() == channel["given"].keys()
        assert stored.created_at == stored.updated_at == moment("now") + timedelta(hours=number)
        assert Channels.one("acme", stored.id) == stored
    *working, teams = found.values()
    assert [channel.health.status for channel in working] == ["ok"] * 4
    assert (teams.health.status, teams.health.reason) == ("unhealthy", "410: the workflow is gone")
    assert teams.health.since == moment("later")
    assert Channels.mark_unhealthy(teams, "again", moment("later") + timedelta(hours=1)) is None


def test_stored_deliveries_say_what_became_of_an_event(store: None) -> None:
    """Deliveries that arrived, wait for a retry or are under way have their attempts."""
    alert_id = expected("delivered_alert")
    email, slack, _webhook, pagerduty, teams = [channel["id"] for channel in expected("channels")]
    accepted = "accepted for a@example.com, accepted for b@example.com"
    found = {(record.channel_id, record.type, record.outcome, record.detail) for record in Deliveries.of(alert_id)}
    assert found == {
        (email, "email", "delivered", accepted),
        (slack, "slack", "retrying", "429: slow down"),
        (pagerduty, "pagerduty", "sending", None),
        (teams, "teams", "retrying", "410: the workflow is gone"),
    }
    records = Deliveries.of(alert_id)
    assert {(record.event, record.attempt, record.at) for record in records} == {("opened", 1, moment("later"))}
    item = Deliveries.find(alert_id, f"{alert_id}-0001#{email}")
    assert item is not None
    assert item.done == {f"{name}@example.com": f"accepted for {name}@example.com" for name in "ab"}
    (notice,) = Deliveries.of(f"channel#{teams}")
    assert (notice.channel_id, notice.event, notice.outcome) == (email, "channel_unhealthy", "delivered")


def test_a_stored_delivery_is_not_made_again(store: None) -> None:
    """An event that comes again after an update goes to no channel that has it."""
    email = Channels.one("acme", expected("channels")[0]["id"])
    assert email is not None
    event = AlertEvent.model_validate(expected("events")[f"{expected('delivered_alert')}-0001"])
    now = moment("later") + timedelta(hours=1)
    claimed = Deliveries.claim(event, email, 6, now=now, lease=timedelta(seconds=90), keep_days=400)
    assert claimed is None


# Uploads.


def test_stored_uploads_say_how_far_they_are(store: None) -> None:
    """An upload in each state has its request, its progress, and what came of it."""
    given = expected("uploads")
    model = Models.one("acme", given["model_id"])
    assert model is not None
    found = {
        name: upload_status(model, name, now=moment("now")).model_dump(mode="json")
        for name in ("pending", "processing", "done", "failed")
    }
    shared = {"created_at": "2026-11-20T12:00:00Z", "expires_at": "2026-11-20T13:00:00Z"}
    csv = {**shared, "format": "csv", "compression": "gzip"}
    progress = {"size": 12_345_678, "bytes_read": 4_000_000, "rows_read": 50_000}
    errors = [{"line": 2, "loc": ["x"], "msg": "is no number"}, {"line": 3, "loc": [], "msg": "is too long"}]
    nothing: dict[str, Any] = {"baseline_version": None, "reason": None, "line": None, "errors": []}
    wanted = {
        "pending": {**csv, **nothing, "size": None, "bytes_read": 0, "rows_read": 0},
        "processing": {**shared, **progress, **nothing, "format": "jsonl", "compression": None},
        "done": {**csv, **progress, **nothing, "baseline_version": 1},
        "failed": {**csv, **progress, **nothing, "reason": "2 lines are wrong", "line": 2, "errors": errors},
    }
    assert_holds(found, {name: {**about, "upload_id": name, "status": name} for name, about in wanted.items()})
    for name in ("pending", "done", "failed"):
        upload = Uploads.one(model.model_id, name, "baseline")
        assert upload is not None
        assert (upload.organization_id, upload.request) == ("acme", given["request"])
    processing = Uploads.one(model.model_id, "processing", "baseline")
    assert processing is not None
    assert (processing.owner, parse(processing.lease_until)) == (
        "owner-processing",
        moment("now") + timedelta(minutes=1),
    )


# Organizations and keys.


def test_stored_keys_open_what_they_opened(store: None) -> None:
    """A key has its organization and role, a revoked one stays revoked, and a closing organization stays closing."""
    now = moment("now")
    wanted = {
        "key-admin": ("acme", "Acme Größe", "admin", "Anna", now, None),
        "key-ingest": ("acme", "Acme Größe", "ingest", "Service", now + timedelta(hours=1), None),
        "key-viewer": ("acme", "Acme Größe", "viewer", "Wall", now + timedelta(hours=2), now + timedelta(hours=3)),
        "key-left": ("leaving", "Leaving", "admin", "Left", now, None),
    }
    for key_id, about in wanted.items():
        key = ApiKeys.of(key_id)
        assert key is not None
        assert key_fields(key) == about
    assert {key.key_id: key_fields(key) for key in ApiKeys.keys("acme")} == {
        key_id: about for key_id, about in wanted.items() if about[0] == "acme"
    }
    acme, leaving = ApiKeys.organization("acme"), ApiKeys.organization("leaving")
    assert acme is not None
    assert leaving is not None
    assert acme.organization_name == "Acme Größe"
    assert acme.revoked_at is None
    assert parse(str(leaving.revoked_at)) == now + timedelta(hours=4)


def key_fields(key: ApiKeys) -> tuple[Any, ...]:
    """What a key says, times parsed."""
    revoked = parse(key.revoked_at) if key.revoked_at else None
    return key.organization_id, key.organization_name, key.role, key.name, parse(key.created_at), revoked


# Messages.


@pytest.mark.parametrize(
    ("kind", "message"),
    [("checks", CheckMessage), ("erasures", EraseMessage), ("retries", Retry), ("events", AlertEvent)],
)
def test_messages_that_wait_during_an_update_are_understood(kind: str, message: Any) -> None:
    """Every field of every message in the queues is read under its name."""
    bodies = fixture("messages.json")[kind]
    assert bodies
    for body in bodies:
        assert_holds(json.loads(message.model_validate_json(body).model_dump_json()), json.loads(body))


def test_checks_of_a_tick_and_by_hand_wait_in_the_queue() -> None:
    """The rest of a check by hand has its request, and a check of the schedule its tick."""
    found = [CheckMessage.model_validate_json(body) for body in fixture("messages.json")["checks"]]
    *scheduled, by_hand = found
    assert {message.tick for message in scheduled} == {"tick-9"}
    assert (by_hand.tick, by_hand.request, by_hand.model_id) == (None, "01K0REQUEST", "01K0MODEL")


def test_a_waiting_retry_is_of_an_event_or_a_notice() -> None:
    """Two retries are of an alert's event and one is of a channel that does not work."""
    found = [Retry.model_validate_json(body) for body in fixture("messages.json")["retries"]]
    assert [(type(retry.event), retry.attempt) for retry in found] == [
        (AlertEvent, 2),
        (AlertEvent, 6),
        (ChannelNotice, 1),
    ]
    email, slack, _webhook, _pagerduty, teams = [channel["id"] for channel in expected("channels")]
    assert [retry.channel_id for retry in found] == [slack, teams, email]
    assert [retry.event.event_id for retry in found if not isinstance(retry.event, AlertMessage)] == [
        *[f"{expected('delivered_alert')}-0001"] * 2,
        expected("later"),
    ]


def test_a_dead_letter_still_holds_its_event() -> None:
    """An event that SNS put into a dead-letter queue before an update can be delivered after it."""
    for body in fixture("messages.json")["dead_letters"]:
        (event,) = undelivered(body)
        assert isinstance(event, AlertEvent)
        assert_holds(event.model_dump(mode="json"), expected("events")[event.event_id])


def test_messages_of_several_alerts_are_understood() -> None:
    """Version 2 of a message, in the topic, in a retry queue and in a dead-letter queue, gives back its events."""
    stored = fixture("messages-2.json")
    (body,) = stored["news"]
    news = ALERT_NEWS.validate_json(body)
    assert_holds(json.loads(news.model_dump_json()), json.loads(body))
    assert [(event.alert.alert_type, event.kind) for event in changes_in(news)] == [
        ("data_quality", "escalated"),
        ("data_drift", "opened"),
        ("no_data", "resolved"),
    ]
    (retry,) = map(Retry.model_validate_json, stored["retries"])
    assert (retry.event, retry.attempt, retry.event.organization_id) == (news, 3, "acme")
    for letter in stored["dead_letters"]:
        assert undelivered(letter) == [news]


# Every attribute of every item.


def model_of(table: str, item: dict[str, Any]) -> type[Table]:
    """The class that reads an item."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    match table:
        case "models" if sk.startswith("status#"):
            return Statuses
        case "models":
            return Runs if sk == "last" or pk.endswith("#run") else Models
        case "baselines":
            return Uploads if sk.startswith("upload#") else Baselines
        case "alerts":
            return Outbox if pk.endswith("#outbox") else Alerts
    others: dict[str, type[Table]] = {
        "channels": Channels,
        "counts": StoredCounts,
        "deliveries": Deliveries,
        "history": History,
        "organizations": ApiKeys,
        "predictions": Predictions,
    }
    return others[table]


@pytest.mark.parametrize("table", TABLES)
def test_no_attribute_of_a_stored_item_is_lost(store: None, table: str) -> None:
    """An item that is read and written again keeps every attribute under its name, in its type and with its value."""
    items = raw_items(table)
    assert items
    for item in items:
        found = model_of(table, item).find(item["pk"]["S"], item["sk"]["S"])
        assert found is not None
        written: Any = found.serialize()
        assert {name: written.get(name) for name in item} == item
