"""The documented maxima, each as a function's event on the tables that it needs."""

import bz2
import json
import os
import random
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from typing import Any

import boto3
import numpy as np

from bench.limits import wide
from bench.limits.run import ORGANIZATION, Case, Prepared
from driftguard.alerts.events import news_of
from driftguard.alerts.tables import Alerts
from driftguard.api.bodies import MAX_BODY_BYTES
from driftguard.baselines import versions
from driftguard.baselines.labelled import MOST_ROWS, LabelledRows, pack_labelled
from driftguard.baselines.schemas import NewUpload
from driftguard.checks import reports
from driftguard.checks.messages import JoinMessage
from driftguard.checks.tables import Runs
from driftguard.distributions.baseline import build
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.task import MAX_CLASSES
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.example import example
from driftguard.notifications.messages import ChannelNotice, Retry
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from driftguard.performance.counts import Counts
from driftguard.performance.intake import log_labels
from driftguard.performance.joining import ROWS_A_STEP
from driftguard.performance.label_rows import MAX_OUTCOMES, UNDATED
from driftguard.performance.loading import MAX_LABELS
from driftguard.performance.schemas import LabelsOfModel, NewLabelUpload
from driftguard.performance.tables import DAYS_KEPT, Joined
from driftguard.performance.tally import Tally
from driftguard.platform.ids import new_id
from driftguard.platform.s3 import Bucket
from driftguard.platform.times import hour_of, hour_start, iso
from driftguard.predictions import intake
from driftguard.predictions.schemas import MAX_ROWS, BatchBody
from driftguard.rows.examples import Examples
from driftguard.rows.file_format import TableFormat
from driftguard.rows.labelled import labelled_row
from driftguard.uploads import announcing
from driftguard.uploads.keys import key as key_of
from driftguard.uploads.tables import Kind
from sandbox.gateway import LambdaContext, function

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def api_event(method: str, resource: str, body: Any = None, **ids: str) -> dict[str, Any]:
    """Return the event of a request through API Gateway."""
    path = resource.format(**ids)
    headers = {"Content-Type": "application/json"}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": ids or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "00000000-0000-0000-0000-000000000000",
            "stage": "v1",
            "path": f"/v1{path}",
            "resourcePath": resource,
            "httpMethod": method,
            "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
            "identity": {"sourceIp": "127.0.0.1", "apiKeyId": f"{ORGANIZATION}-admin"},
        },
        "body": None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }


def answered(status: int) -> Any:
    """Return a check that the API answered with this status."""

    def check(answer: Any) -> None:
        if answer["statusCode"] != status:
            raise AssertionError(f"status {answer['statusCode']}: {answer['body'][:500]}")

    return check


def float_batches(features: int, rows: int, count: int, over: timedelta) -> list[bytes]:
    """Return batches of random doubles, which hardly compress."""
    rng = np.random.default_rng(1)
    return [
        wide.batch(
            [
                dict(zip(map(str, range(features)), row, strict=True))
                for row in rng.normal(size=(rows, features)).tolist()
            ],
            over,
        )
        for _ in range(count)
    ]


def float_baseline(distinct: int) -> Any:
    """Return a baseline of doubles. 256 distinct values make the most bins."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(wide.FEATURES, distinct))
    return build({str(number): row * 2 for number, row in enumerate(values.tolist())}, days=7)


def checked(model_id: str, rows: int) -> Any:
    """Return a check that the model's check ended and that its window has this many rows."""

    def check(answer: Any) -> None:
        if answer != {"batchItemFailures": []} or not Runs.ended(ORGANIZATION, "limits", model_id):
            raise AssertionError(f"the check did not end: {answer}")
        found = reports.last(registry.find(ORGANIZATION, model_id))["n_window"]
        if found < rows:
            raise AssertionError(f"{found} of {rows} rows are in the window")

    return check


def floats_in_order() -> Prepared:
    """500 float features: as many batches as one step reads, in order of time, and some that came just now."""
    now = wide.now()
    model = wide.add_model(float_baseline(2_000), now - 20 * wide.DAY)
    rows, count = 400, 125
    payloads = float_batches(wide.FEATURES, rows, 2, HOUR)
    begin = now - 6 * wide.DAY
    wide.logged(model, payloads, rows, count, lambda n: (begin + n * HOUR, begin + (n + 1) * HOUR), HOUR)
    wide.logged(model, payloads, rows, 8, lambda _n: (now - HOUR - MINUTE, now - MINUTE), HOUR)
    return Prepared(wide.check_event(model), checked(model.model_id, rows * (count + 8)))


def recount() -> Prepared:
    """500 float features: batches that arrive in one day, each with rows of 21 days."""
    now = wide.now()
    model = wide.add_model(float_baseline(256), now - 20 * wide.DAY)
    rows, count, over = 400, 110, 21 * wide.DAY - HOUR
    payloads = float_batches(wide.FEATURES, rows, 2, over)
    begin = now - wide.DAY
    wide.logged(
        model,
        payloads,
        rows,
        count,
        lambda n: (begin + n * 10 * MINUTE - over, begin + n * 10 * MINUTE),
        over,
    )
    return Prepared(wide.check_event(model), checked(model.model_id, rows * count // 4))


def long_categories() -> Prepared:
    """500 categorical features with the longest names, 100 of the longest categories each, and values that are new."""
    now = wide.now()
    texts = [wide.text(f"known {number}", wide.TEXT_LENGTH) for number in range(100)]
    names = wide.names()
    columns = {name: [f"{text[:-3]}{number:03}" for text in texts] for number, name in enumerate(names)}
    model = wide.add_model(build(columns, days=7), now - 20 * wide.DAY, rule="p_value", min_samples=5)
    rng = random.Random(3)
    new = [wide.text(f"new {number}", wide.TEXT_LENGTH) for number in range(500)]
    payloads = [wide.batch([{name: rng.choice(new) for name in names} for _row in range(8)], HOUR) for _ in range(3)]
    begin = now - 3 * wide.DAY
    wide.logged(model, payloads, 8, 24, lambda n: (begin + n * HOUR, begin + (n + 1) * HOUR), HOUR)
    wide.logged(model, payloads, 8, 2, lambda _n: (now - HOUR - MINUTE, now - MINUTE), HOUR)
    return Prepared(wide.check_event(model), checked(model.model_id, 26 * 8))


def simulation() -> Prepared:
    """500 float features with the most bins, 28 days, and predictions that are not folded yet."""
    now = wide.now()
    model = wide.add_model(float_baseline(256), now - 60 * wide.DAY)
    wide.store_counts(model, 44, now, 400)
    payloads = float_batches(wide.FEATURES, 400, 1, 2 * HOUR)
    wide.logged(model, payloads, 400, 4, lambda _n: (now - 2 * HOUR - MINUTE, now - MINUTE), 2 * HOUR)
    body = {"settings": {"rule": "p_value", "window_days": 14}, "days": 28}
    event = api_event("POST", "/drift/models/{model_id}/simulate", body, model_id=model.model_id)
    return Prepared(event, answered(200))


def upload(model_id: str, content: bytes, about: TableFormat, kind: Kind = "baseline") -> Prepared:
    """Return the event of an uploaded file."""
    client, bucket = boto3.client("s3"), os.environ["UPLOADS_BUCKET"]
    model = registry.find(ORGANIZATION, model_id)
    made = announcing.create(model, about, kind, bucket=Bucket(client, bucket), now=wide.now(), actor=registry.SYSTEM)
    key = key_of(ORGANIZATION, model_id, made.upload_id, kind)
    etag = client.put_object(Bucket=bucket, Key=key, Body=content)["ETag"].strip('"')
    event = {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": len(content), "etag": etag}},
    }

    def check(answer: Any) -> None:
        if answer != {"outcome": "done"}:
            status = announcing.progress(announcing.find(model, made.upload_id, kind), wide.now())
            raise AssertionError(f"{answer}: {status}")

    return Prepared(event, check)


def many_labels() -> Prepared:
    """As many labels as a file may have, each with its times and two outcomes."""
    model = registry.create(ORGANIZATION, labelled("labels"), partitions=4, now=wide.now())
    time = iso(wide.now() - HOUR)
    lines = ["prediction_id,label,timestamp,labelled_at,outcome:revenue,outcome:cost"]
    lines += [f"order-{number:08},{number % 2},{time},{time},{number}.25,{number % 97}" for number in range(MAX_LABELS)]
    return upload(model.id, "\n".join(lines).encode(), NewLabelUpload(format="csv"), "labels")


def join_of_a_step() -> Prepared:
    """One day: as many predictions and as many labels as a step takes at once."""
    now = wide.now()
    made = registry.create(ORGANIZATION, labelled("joined"), partitions=4, now=now - wide.DAY)
    model = registry.find(ORGANIZATION, made.id)
    begin = now - 12 * HOUR
    times = [iso(begin + timedelta(milliseconds=row)) for row in range(MAX_ROWS)]
    columns = {f"feature_{name}": [(row * 31 + name) % 977 for row in range(MAX_ROWS)] for name in range(30)}
    scores = [row % 1000 / 1000 for row in range(MAX_ROWS)]
    for number in range(ROWS_A_STEP // MAX_ROWS):
        arrived, ids = begin + number * MINUTE, [f"order-{number}-{row}" for row in range(MAX_ROWS)]
        rows = {"prediction_ids": ids, "timestamps": times, "scores": scores}
        body = BatchBody.model_validate({"model_id": made.id, "columns": columns, **rows})
        intake.log_batch(ORGANIZATION, body, now=arrived)
        outcomes = [{f"outcome {name}": row * 1.5 + name for name in range(MAX_OUTCOMES)} for row in range(MAX_ROWS)]
        labels = {"prediction_id": ids, "timestamp": times, "label": [row % 2 for row in range(MAX_ROWS)]}
        log_labels(model, LabelsOfModel(columns={**labels, "outcomes": outcomes}), now=arrived)

    def check(answer: Any) -> None:
        joined = sum(Counts.decode(item.counts).tally.labelled for item in Joined.days(made.id, 0, UNDATED))
        if answer != {"batchItemFailures": []} or joined != ROWS_A_STEP:
            raise AssertionError(f"{joined:,} labels were joined: {answer}")

    message = JoinMessage(organization_id=ORGANIZATION, model_id=made.id)
    return Prepared(wide.queue_event(message.model_dump_json(), made.id), check)


def join_against_reference() -> Prepared:
    """A few labels, judged by as many labelled rows as a reference keeps, which the join counts first."""
    now = wide.now()
    made = registry.create(ORGANIZATION, labelled("referred"), partitions=4, now=now - wide.DAY)
    model = registry.find(ORGANIZATION, made.id)
    rng = random.Random(10)
    every = (labelled_row(None, row % 2, rng.random()) for row in range(MOST_ROWS))
    reference = LabelledRows(pack_labelled([row for row in every if row is not None]), MOST_ROWS)
    versions.store(
        model,
        build({"a": [1.5, 2.5] * 50}, days=7),
        Examples(),
        labelled=reference,
        source="limits",
        publish=lambda _news: None,
        now=now,
        actor=registry.SYSTEM,
    )
    scored = {"score": 0.25, "features": {"a": 1.5}, "timestamp": iso(now - 2 * HOUR)}
    rows_of_day = [{"prediction_id": str(number), **scored} for number in range(200)]
    body = BatchBody.model_validate({"model_id": made.id, "predictions": rows_of_day})
    intake.log_batch(ORGANIZATION, body, now=now - 2 * HOUR)
    known = {"label": 1, "timestamp": scored["timestamp"]}
    labels = [{"prediction_id": row["prediction_id"], **known} for row in rows_of_day]
    log_labels(model, LabelsOfModel(labels=[*labels, {"prediction_id": "lost", "label": 1}]), now=now - HOUR)

    def check(answer: Any) -> None:
        stored = Joined.report(made.id)
        found = None if stored is None else json.loads(bz2.decompress(stored))["report"]["reference"]
        if answer != {"batchItemFailures": []} or found is None or found["n"] != MOST_ROWS:
            raise AssertionError(f"the reference is {found}: {answer}")

    message = JoinMessage(organization_id=ORGANIZATION, model_id=made.id, request="limits")
    return Prepared(wide.queue_event(message.model_dump_json(), made.id), check)


def longest_reference() -> Prepared:
    """As many mature days as are kept, of a task with as many classes as there may be."""
    task = {"type": "multiclass", "classes": [wide.text(number, 64) for number in range(MAX_CLASSES)]}
    new = NewModel.model_validate({"name": "classes", "settings": {"task": task}})
    model_id = registry.create(ORGANIZATION, new, partitions=4, now=wide.now()).id
    today = hour_of(wide.now()) // 24
    rng = np.random.default_rng(9)
    counts = Counts.empty(MAX_CLASSES)
    counts.confusion[:] = rng.integers(1, 1_000_000, counts.confusion.shape)
    counts.delays[:] = rng.integers(1, 1_000_000, counts.delays.shape)
    rows = int(counts.confusion.sum())
    data = replace(counts, tally=Tally(predictions=rows, labelled=rows)).encode()
    for day in range(today - DAYS_KEPT, today):
        Joined.open_day(model_id, day, 4, wide.DAY, data).mature(wide.now())
    period = {"start": iso(hour_start((today - DAYS_KEPT) * 24)), "end": iso(hour_start(today * 24))}
    path = "/models/{model_id}/baseline/performance"
    return Prepared(api_event("PUT", path, {"from_predictions": period}, model_id=model_id), answered(200))


def labelled(name: str) -> NewModel:
    """Return a new model with a binary task."""
    return NewModel.model_validate({"name": name, "settings": {"task": {"type": "binary", "positive": 1}}})


def empty_model() -> str:
    """Create a model without a baseline and return its id."""
    return registry.create(ORGANIZATION, NewModel(name="empty"), partitions=4, now=wide.now()).id


def labelled_csv() -> Prepared:
    """As many rows with labels and scores as a reference keeps, and more texts than are kept by name."""
    rng = random.Random(11)
    model_id = registry.create(ORGANIZATION, labelled("labelled"), partitions=4, now=wide.now()).id
    lines = ["user,score,label"]
    lines += [f"user-{row % 200_000},{rng.random()},{row % 2}" for row in range(MOST_ROWS)]
    about = NewUpload(format="csv", label_column="label", score_column="score")
    return upload(model_id, "\n".join(lines).encode(), about)


def wide_csv() -> Prepared:
    """500 columns of doubles."""
    rng = np.random.default_rng(4)
    lines = [",".join(map(str, range(wide.FEATURES)))]
    lines += [",".join(map(repr, row)) for row in rng.normal(size=(4_500, wide.FEATURES)).tolist()]
    return upload(empty_model(), "\n".join(lines).encode(), NewUpload(format="csv"))


def sparse_lines() -> Prepared:
    """A million rows, each with one of 500 features."""
    lines = [f'{{"features":{{"f{number % 500}":{number}.5}}}}' for number in range(1_000_000)]
    return upload(empty_model(), "\n".join(lines).encode(), NewUpload(format="jsonl"))


def lines_of_ids() -> Prepared:
    """Ten features whose values all differ, with letters that make Python keep four bytes for each character."""
    start = "x" * 240 + "\U00020000"
    lines = [
        json.dumps({"features": {str(name): f"{start}{row * 10 + name:012}" for name in range(10)}}, ensure_ascii=False)
        for row in range(40_000)
    ]
    return upload(empty_model(), "\n".join(lines).encode(), NewUpload(format="jsonl"))


def logged_request(rows: list[dict[str, Any]]) -> Prepared:
    """Return a request that logs as many of these rows as fit in a body."""
    sizes = accumulate(len(json.dumps(row, ensure_ascii=False).encode()) for row in rows)
    kept = sum(1 for size in sizes if size < MAX_BODY_BYTES - 1_000)
    body = {"model_id": empty_model(), "predictions": rows[:kept]}
    return Prepared(api_event("POST", "/predictions/batch", body), answered(202))


def log_wide() -> Prepared:
    """Rows of 500 doubles."""
    rng = np.random.default_rng(5)
    names = list(map(str, range(wide.FEATURES)))
    return logged_request(
        [{"features": dict(zip(names, row, strict=True))} for row in rng.normal(size=(450, wide.FEATURES)).tolist()]
    )


def log_names() -> Prepared:
    """5,000 rows whose names differ from row to row."""
    return logged_request([{"features": {f"{row}.{name}": name for name in range(68)}} for row in range(5_000)])


def log_texts() -> Prepared:
    """Rows of 500 texts, in which every character takes four bytes."""
    texts = [wide.text(number, wide.TEXT_LENGTH) for number in range(1_000)]
    rng = random.Random(6)
    return logged_request([{"features": {str(name): rng.choice(texts) for name in range(50)}} for _row in range(200)])


def log_columns() -> Prepared:
    """Columns of doubles."""
    columns = {str(name): row for name, row in enumerate(np.random.default_rng(7).normal(size=(500, 385)).tolist())}
    body = {"model_id": empty_model(), "columns": columns}
    return Prepared(api_event("POST", "/predictions/batch", body), answered(202))


def put_columns() -> Prepared:
    """Columns of doubles with times in a body of 4 MB, with some texts where numbers belong."""
    columns: dict[str, list[Any]] = {
        str(name): row for name, row in enumerate(np.random.default_rng(7).normal(size=(500, 380)).tolist())
    }
    now = wide.now()
    times = [iso(now - 30 * wide.DAY + number * HOUR) for number in range(380)]
    for name, column in columns.items():
        column[:4] = [f"{name} {number}" for number in range(4)]
    path = "/models/{model_id}/baseline"
    body = {"columns": columns, "timestamps": times}
    return Prepared(api_event("PUT", path, body, model_id=empty_model()), answered(200))


def put_rows() -> Prepared:
    """Rows of texts of four-byte letters in a body of 4 MB."""
    texts = [wide.text(number, wide.TEXT_LENGTH) for number in range(2_000)]
    rng = random.Random(8)
    rows = [{"features": {str(name): rng.choice(texts) for name in range(38)}} for _row in range(100)]
    path = "/models/{model_id}/baseline"
    return Prepared(api_event("PUT", path, {"rows": rows}, model_id=empty_model()), answered(200))


def put_logged() -> Prepared:
    """A baseline of 4,000,000 logged doubles."""
    now = wide.now()
    model_id = empty_model()
    model = registry.find(ORGANIZATION, model_id)
    payloads = float_batches(100, 2_000, 1, HOUR)
    wide.logged(model, payloads, 2_000, 20, lambda n: (now - 30 * HOUR + n * HOUR, now - 29 * HOUR + n * HOUR), HOUR)
    period = {"start": iso(now - 40 * HOUR), "end": iso(now)}
    path = "/models/{model_id}/baseline"
    return Prepared(api_event("PUT", path, {"from_predictions": period}, model_id=model_id), answered(200))


def log_one() -> Prepared:
    """One prediction with an id and 500 long-named features, after requests without an id or with a key."""
    model_id = empty_model()
    spread = {"action": "spread_model", "organization_id": ORGANIZATION, "model_id": model_id, "partitions": 8}
    function("manage_organizations").handler(spread, LambdaContext())
    for headers in ({}, {"idempotency-key": ["k" * 255]}):
        event = api_event("POST", "/predictions/batch", {"model_id": model_id, "predictions": [{"features": {"a": 1}}]})
        event["multiValueHeaders"] |= headers
        answered(202)(function("log_predictions").handler(event, LambdaContext()))
    body = {
        "model_id": model_id,
        "prediction_id": wide.text("id", wide.NAME_LENGTH),
        "features": {name: wide.text(name, wide.TEXT_LENGTH) for name in wide.names()},
    }
    return Prepared(api_event("POST", "/predictions", body), answered(202))


def refused_settings() -> Prepared:
    """Wrong overrides of 330,000 features."""
    overrides = {f"{number:06}": 1 for number in range(330_000)}
    return Prepared(api_event("POST", "/models", {"name": "a", "settings": {"features": overrides}}), answered(422))


def all_settings() -> Prepared:
    """As many overrides of long-named features as are accepted beside 50 labels and the longest description."""
    now = wide.now()
    names = wide.names()
    model = wide.add_model(build({name: ["a", "b"] * 5 for name in names}, days=7), now - wide.DAY)
    override = {"rule": "p_value", "alpha": 0.0123456789, "min_drift_score": 0.0123456789, "min_samples": 123_456_789}
    body = {
        "name": wide.text("name", wide.NAME_LENGTH),
        "description": wide.text("description", 2_000),
        "labels": {wide.text(number, wide.NAME_LENGTH): wide.text(-number, 256) for number in range(50)},
        "settings": {
            "features": dict.fromkeys(names[:460], override | {"sudden_score": 0.0123456789, "enabled": True})
        },
    }
    return Prepared(api_event("PATCH", "/models/{model_id}", body, model_id=model.model_id), answered(200))


def all_addresses() -> Prepared:
    """A channel of 50 long addresses."""
    host = f"{'b' * 60}.{'c' * 60}.{'d' * 60}.example.com"
    body = {
        "type": "email",
        "name": wide.text("name", wide.NAME_LENGTH),
        "to": [f"{number:02}{'a' * 50}@{host}" for number in range(50)],
    }
    return Prepared(api_event("POST", "/alert-channels", body), answered(201))


def longest_note() -> Prepared:
    """The longest note to the largest alert, 500 long-named features that are all bad."""
    model_id = _all_bad()
    alert = next(iter(Alerts.of_model(registry.find(ORGANIZATION, model_id))))
    body = {"note": wide.text("note", 2_000)}
    path = "/drift/alerts/{alert_id}/acknowledge"
    return Prepared(api_event("POST", path, body, alert_id=alert.sk), answered(200))


def notice() -> Prepared:
    """The longest notice that another channel does not work."""
    now = wide.now()
    settings = NEW_CHANNEL.validate_python({"type": "email", "to": ["team@example.com"]})
    Channels.add(StoredChannel("C1", ORGANIZATION, settings, now, now))
    sent = ChannelNotice(
        organization_id=ORGANIZATION,
        channel_id="C2",
        channel_name=wide.text("name", wide.NAME_LENGTH),
        channel_type="slack",
        reason=wide.text("reason", 300),
        since=now,
    )
    event = wide.queue_event(Retry(event=sent, channel_id="C1", attempt=1).model_dump_json(), "C1")

    def check(answer: Any) -> None:
        if answer != {"batchItemFailures": []}:
            raise AssertionError(f"the notice was not delivered: {answer}")

    return Prepared(event, check)


def message(kind: str) -> Prepared:
    """The largest message about alerts, to a channel of this type."""
    event = example(ORGANIZATION, wide.now())
    alert = event.alert
    feature = alert.features[0].model_copy(update={"name": wide.text("feature", wide.NAME_LENGTH)})
    events = []
    for number in range(8):
        longer = alert.model_copy(update={"id": new_id(wide.now()), "features": [feature] * 20, "features_total": 500})
        news = {"event_id": f"{longer.id}-0001", "kind": "opened", "alert": longer, "severity": "HIGH"}
        events.append(event.model_copy(update={**news, "model_id": f"m{number}", "note": wide.text(number, 1_000)}))
    sent = news_of(events).model_dump_json()
    settings = {
        "email": {"type": "email", "to": [f"team{number}@example.com" for number in range(10)]},
        "slack": {"type": "slack", "webhook_url": "https://hooks.slack.com/services/T1/B1/secret"},
        "webhook": {"type": "webhook", "url": "https://hooks.example/in", "secret": "webhook-secret"},
    }[kind]
    now = wide.now()
    Channels.add(StoredChannel("C1", ORGANIZATION, NEW_CHANNEL.validate_python(settings), now, now))
    record = {"EventSource": "aws:sns", "Sns": {"Message": sent, "MessageId": "m"}}

    def check(_answer: Any) -> None:
        records = Deliveries.of(events[0].alert.id)
        if [record.outcome for record in records] != ["delivered"]:
            raise AssertionError(f"the message was not delivered: {records}")

    return Prepared({"Records": [record]}, check)


def shown(resource: str) -> Prepared:
    """A request about a model of 500 long-named features that are all bad."""
    return Prepared(api_event("GET", resource, model_id=_all_bad()), answered(200))


def _all_bad() -> str:
    """Check a model of 500 long-named features that are all bad. Return its id."""
    now = wide.now()
    names = wide.names()
    baseline = build({name: [f"{number}-{row % 2}" for row in range(200)] for number, name in enumerate(names)}, days=7)
    model = wide.add_model(baseline, now - wide.DAY, rule="p_value", min_samples=5)
    bad = [wide.text(number, 64) for number in range(12)]
    rows = [dict.fromkeys(names, (bad[row], None, 1.5)[row % 3]) for row in range(12)]
    packed = wide.batch(rows, HOUR)
    wide.logged(model, [packed], 12, 8, lambda n: (now - (n + 2) * HOUR, now - (n + 1) * HOUR), HOUR)
    answer = function("check_drift").handler(wide.check_event(model), LambdaContext(seconds_left=300))
    checked(model.model_id, 96)(answer)
    return model.model_id


CASES = [
    Case("numbers", "check_drift", "500 features of doubles, 53,200 new rows in order of time", floats_in_order),
    Case("categories", "check_drift", "500 features, 100 texts of 256 characters each", long_categories),
    Case("recount", "check_drift", "500 features, 44,000 rows, each batch spread over 21 days", recount),
    Case("simulation", "check_drift", "simulation of 28 days, 500 features", simulation),
    Case("csv", "build_baseline", "CSV with 500 columns, 43 MB", wide_csv),
    Case("sparse", "build_baseline", "1,000,000 JSON Lines with one of 500 features each", sparse_lines),
    Case("ids", "build_baseline", "JSON Lines with 400,000 different texts of 253 characters", lines_of_ids),
    Case("labelled", "build_baseline", f"CSV of {MOST_ROWS:,} labelled rows, 200,000 texts", labelled_csv),
    Case("labels", "load_labels", f"file of {MAX_LABELS:,} labels with two outcomes each", many_labels),
    Case("join", "join_labels", f"{ROWS_A_STEP:,} predictions and as many labels of one day at once", join_of_a_step),
    Case("reference", "join_labels", f"labels judged by a reference of {MOST_ROWS:,} rows", join_against_reference),
    Case("batch of numbers", "log_predictions", "4 MB, 500 features per row", log_wide),
    Case("batch of columns", "log_predictions", "4 MB of columns, 500 features", log_columns),
    Case("batch of names", "log_predictions", "4 MB, 5,000 rows whose names all differ", log_names),
    Case("batch of texts", "log_predictions", "4 MB of texts", log_texts),
    Case("one prediction", "log_predictions", "one prediction of 500 long-named texts", log_one),
    Case("refused settings", "manage_models", "330,000 wrong overrides, refused", refused_settings),
    Case("settings", "manage_models", "overrides of 460 long-named features, 50 labels", all_settings),
    Case("addresses", "manage_channels", "e-mail to 50 long addresses", all_addresses),
    Case("note", "manage_alerts", "the longest note to the largest alert", longest_note),
    Case("notice", "notify_email", "the longest notice of a channel that fails", notice),
    Case("columns", "manage_baselines", "baseline in a request, 4 MB of columns", put_columns),
    Case("rows", "manage_baselines", "baseline in a request, 4 MB of texts in rows", put_rows),
    Case("logged", "manage_baselines", "baseline of 4,000,000 logged values", put_logged),
    Case("days", "manage_baselines", f"reference of {DAYS_KEPT} days, {MAX_CLASSES} classes", longest_reference),
    Case("e-mail", "notify_email", "the largest message to 10 addresses", lambda: message("email")),
    Case("Slack", "notify_slack", "the largest message", lambda: message("slack")),
    Case("webhook", "notify_webhook", "the largest message", lambda: message("webhook")),
    Case(
        "report", "query_drift", "report of 500 long-named features", lambda: shown("/drift/models/{model_id}/report")
    ),
    Case(
        "alerts", "query_drift", "alerts of 500 long-named features", lambda: shown("/drift/models/{model_id}/alerts")
    ),
]
