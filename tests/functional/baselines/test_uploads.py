"""Baselines out of uploaded files: from the request through S3's event to a version in use, once, whatever breaks."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from driftguard.baselines import building, uploads
from driftguard.baselines.tables import Baselines
from driftguard.models.tables import Models
from driftguard.platform.retries import ConditionFailed
from driftguard.rows import chunks
from driftguard.rows import files as baseline_files
from driftguard.uploads import processing
from driftguard.uploads.schemas import UploadedObject
from driftguard.uploads.tables import Uploads
from sandbox.gateway import Answer, LambdaContext, function
from sandbox.roles import under_role
from tests.functional import uploading
from tests.functional.conftest import Stack, add_organization
from tests.functional.models import log, make_model, records, rows
from tests.functional.uploading import Clock, Killed, deliver, dying, files, key_of, put, worker

CSV = b"age,plan,prediction\n" + b"41,gold,0.5\n,silver,\n" * 50


@pytest.fixture
def model(deployed: Stack) -> str:
    """The path of a new model."""
    return f"/models/{deployed.call('POST', '/models', {'name': 'churn'}).body['id']}"


def announce(deployed: Stack, model: str, **body: Any) -> dict[str, Any]:
    """A new upload."""
    return uploading.announce(deployed, f"{model}/baseline/uploads", **body)


def build(deployed: Stack, event: dict[str, Any], clock: Clock, owner: str) -> str:
    """Build as the function does, by another clock."""
    file = UploadedObject.model_validate(event["detail"]["object"])
    return building.build(file, worker(deployed, clock, owner), lambda _event: None)


def status(deployed: Stack, model: str, upload: dict[str, Any]) -> dict[str, Any]:
    """How far an upload has come."""
    answer = deployed.call("GET", f"{model}/baseline/uploads/{upload['upload_id']}", role="viewer")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.body
    return found


def versions(deployed: Stack, model: str) -> list[tuple[int, bool]]:
    """The model's baseline versions, newest first, and which is current."""
    return [(each["version"], each["current"]) for each in deployed.call("GET", f"{model}/baselines").body]


def test_an_upload_leads_to_its_own_place_for_an_hour(deployed: Stack, model: str) -> None:
    """The key starts with organization and model; method, Content-Type and expiry are bound by the signature."""
    before = datetime.now(UTC)
    upload = announce(deployed, model)
    assert key_of(upload) == f"acme/{model.removeprefix('/models/')}/{upload['upload_id']}"
    assert (upload["method"], upload["headers"]) == ("PUT", {"Content-Type": "text/csv"})
    assert timedelta(minutes=59) < datetime.fromisoformat(upload["expires_at"]) - before < timedelta(minutes=61)
    url = urlsplit(upload["url"])
    assert url.netloc == f"{deployed.variables['UPLOADS_BUCKET']}.s3.eu-west-1.amazonaws.com"
    query = parse_qs(url.query)
    assert query["X-Amz-SignedHeaders"] == ["content-type;host"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert announce(deployed, model, format="jsonl")["headers"] == {"Content-Type": "application/x-ndjson"}
    assert announce(deployed, model, compression="gzip")["headers"] == {"Content-Type": "application/gzip"}
    assert status(deployed, model, upload)["status"] == "pending"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_becomes_the_baseline_in_use(deployed: Stack, model: str, form: str, *, compressed: bool) -> None:
    """Both formats, plain or gzipped, make the baseline that the same rows make inline; the file is gone then."""
    sent: list[dict[str, Any]] = [
        {"features": {"age": float(n), "plan": "ab"[n % 2], "new": n % 3 == 0}, "prediction": n / 100}
        for n in range(90)
    ]
    content = "".join(json.dumps(row) + "\n" for row in sent)
    if form == "csv":
        cells = [[*row["features"].values(), row["prediction"]] for row in sent]
        content = "age,plan,new,prediction\n" + "".join(",".join(map(str, row)) + "\n" for row in cells)
    data = gzip.compress(content.encode()) if compressed else content.encode()
    upload = announce(deployed, model, format=form, **({"compression": "gzip"} if compressed else {}))
    assert deliver(put(deployed, upload, data)) == "done"
    told = status(deployed, model, upload)
    assert (told["status"], told["baseline_version"], told["rows_read"]) == ("done", 1, 90)
    assert told["bytes_read"] == told["size"] == len(data)
    assert (told["reason"], told["line"], told["errors"]) == (None, None, [])
    made = deployed.call("GET", f"{model}/baseline").body
    assert made["source"] == f"upload {upload['upload_id']}"
    inline = deployed.call("PUT", f"{model}/baseline", {"rows": sent}).body
    assert made["features"] == inline["features"]
    assert files(deployed) == []


def test_days_are_given_or_those_of_the_rows(deployed: Stack, model: str) -> None:
    """As with rows in a request."""
    content = b"a,timestamp\n1,2019-05-01T23:59:00Z\n2,2019-05-02T00:01:00Z\n3,\n"
    for given, wanted in (({}, 2), ({"days": 30}, 30), ({"timestamp_column": None}, None)):
        assert deliver(put(deployed, announce(deployed, model, **given), content)) == "done"
        assert deployed.call("GET", f"{model}/baseline").body["days"] == wanted


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_times_of_a_file_give_the_hours_of_the_week(deployed: Stack, model: str, form: str) -> None:
    """A file stores the same hours of the week as the same rows inline, also where rows lack values."""
    rows: list[dict[str, Any]] = [
        {
            "features": {"a": number % 9, "b": "xyz"[number % 3]},
            "timestamp": f"2026-03-0{2 + number // 24}T{number % 24:02}:30:00Z",
        }
        for number in range(50)
    ]
    del rows[7]["features"]["b"]
    lines = [f"{row['features']['a']},{row['features'].get('b', '')},{row['timestamp']}" for row in rows]
    content = "\n".join(["a,b,timestamp", *lines] if form == "csv" else map(json.dumps, rows))
    upload = announce(deployed, model, format=form)
    assert deliver(put(deployed, upload, content.encode())) == "done"
    inline = deployed.call("PUT", f"{model}/baseline", {"rows": rows})
    assert inline.body["hours_of_week"] == 50
    stored = [Baselines.head(model.removeprefix("/models/"), version) for version in (1, 2)]
    assert stored[0] is not None
    assert stored[1] is not None
    assert stored[0].week() == stored[1].week() != b""
    assert stored[0].hours_of_week == 50


def test_a_bad_line_refuses_the_whole_file(deployed: Stack, model: str) -> None:
    """The status names the lines and the reason; there is no version, and no file."""
    upload = announce(deployed, model)
    assert deliver(put(deployed, upload, b"age\n1\ninf\n3,4\n")) == "failed"
    told = status(deployed, model, upload)
    assert told["status"] == "failed"
    assert told["reason"].startswith("line 3, age: must be a finite number")
    assert [(error["line"], error["loc"]) for error in told["errors"]] == [(3, ["age"]), (4, [])]
    assert told["line"] == 3
    assert told["baseline_version"] is None
    assert versions(deployed, model) == []
    assert files(deployed) == []


def test_a_lying_file_is_refused(deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No gzip, one cut off, a file too large, and one that takes too long to read: failed, with the reason."""
    monkeypatch.setattr(processing, "MAX_FILE_BYTES", 2000)
    for content, body, says in (
        (CSV, {"compression": "gzip"}, "not valid gzip"),
        (gzip.compress(CSV)[:-5], {"compression": "gzip"}, "too early"),
        (CSV * 2, {}, "2,000 at most"),
    ):
        upload = announce(deployed, model, **body)
        assert deliver(put(deployed, upload, content)) == "failed"
        assert says in status(deployed, model, upload)["reason"]
    monkeypatch.setattr(chunks, "CHUNK_CELLS", 3)
    monkeypatch.setattr("driftguard.platform.s3.PART_BYTES", 100)
    monkeypatch.setattr("driftguard.rows.files._BLOCK", 10)
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    context = LambdaContext(aws_request_id="r1", seconds_left=100.0)
    assert function("build_baseline").handler(event, context) == {"outcome": "failed"}
    assert "could be read in the time limit" in status(deployed, model, upload)["reason"]
    assert files(deployed) == []


def test_an_upload_says_how_its_columns_were_read(deployed: Stack, model: str) -> None:
    """Type, missing and invalid counts with examples, and what was left out; the baseline shows the same."""
    content = b",age,plan,prediction\n0,41,gold,1\n1,NA,7,0\n2,many,silver,1\n3,43,gold,?\n"
    upload = announce(deployed, model, na_values=["?"])
    assert status(deployed, model, upload)["columns"] is None
    assert deliver(put(deployed, upload, content)) == "done"
    told = status(deployed, model, upload)
    assert told["columns"] == [
        {"name": "age", "role": "feature", "type": "numeric", "missing": 1, "invalid": 1, "examples": ["many"]},
        {"name": "plan", "role": "feature", "type": "categorical", "missing": 0, "invalid": 1, "examples": ["7"]},
        {"name": "prediction", "role": "prediction", "type": "numeric", "missing": 1, "invalid": 0, "examples": []},
    ]
    assert told["warnings"] == [
        "The first column has no name. It was read as the index of the rows and left out.",
        "age: 25.0% of the values are not numeric, such as many. List texts that mean a missing value in na_values.",
        "plan: 25.0% of the values are not categorical, such as 7. List texts that mean a missing value in na_values.",
    ]
    shown = deployed.call("GET", f"{model}/baseline").body["features"]
    assert [(each["missing_share"], each["invalid_share"], each["examples"]) for each in shown] == [
        (0.25, 0.25, ["many"]),
        (0.0, 0.25, ["7"]),
        (0.25, 0.0, []),
    ]


def test_an_unknown_mark_of_missing_values_is_pointed_out(deployed: Stack, model: str) -> None:
    """A column that is mostly `?` is read as text, so the warning asks whether the mark means a missing value."""
    upload = announce(deployed, model)
    assert deliver(put(deployed, upload, b"bonus,n\n?,1\n?,2\n7.5,3\n")) == "done"
    (warning,) = status(deployed, model, upload)["warnings"]
    assert warning.startswith("bonus: 33.3% of the values are not categorical, such as 7.5.")
    assert warning.endswith("List texts that mean a missing value in na_values, if '?' is one.")


def test_a_file_of_another_model_is_refused(deployed: Stack, model: str) -> None:
    """A file without a feature of the current baseline or the logged rows fails, unless it replaces the baseline."""
    assert deliver(put(deployed, announce(deployed, model), b"weight\n1\n2\n")) == "done"
    upload = announce(deployed, model)
    assert deliver(put(deployed, upload, CSV)) == "failed"
    reason = status(deployed, model, upload)["reason"]
    assert reason.startswith(
        "the file shares no feature with the current baseline (weight): its features are age, plan"
    )
    assert '"replace": true' in reason
    assert versions(deployed, model) == [(1, True)]
    assert deliver(put(deployed, announce(deployed, model, replace=True), CSV)) == "done"
    assert versions(deployed, model) == [(2, True), (1, False)]
    batch = {"model_id": model.removeprefix("/models/"), "predictions": [{"features": {"height": 1}}]}
    assert deployed.call("POST", "/predictions/batch", batch).status == 202
    assert deliver(put(deployed, announce(deployed, model), b"height\n1\n2\n")) == "done"


def test_a_file_that_unpacks_to_blank_lines_runs_out_of_time(deployed: Stack, model: str) -> None:
    """The time is looked at by bytes, so that a file without rows ends with a reason and not with the function."""
    upload = announce(deployed, model, compression="gzip")
    event = put(deployed, upload, gzip.compress(b"a\n" + b"\n" * 5_000_000))
    context = LambdaContext(aws_request_id="r1", seconds_left=100.0)
    assert function("build_baseline").handler(event, context) == {"outcome": "failed"}
    assert "only 0 rows could be read in the time limit" in status(deployed, model, upload)["reason"]


def test_an_event_that_comes_again_changes_nothing(deployed: Stack, model: str) -> None:
    """Neither after success, even when the file was put once more, nor after a failure."""
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    assert [deliver(event), deliver(event), deliver(event, "r2")] == ["done", "ignored", "ignored"]
    assert deliver(put(deployed, upload, b"a\n1\n"), "r3") == "ignored"
    assert versions(deployed, model) == [(1, True)]
    assert files(deployed) == []
    failed = announce(deployed, model)
    assert [deliver(put(deployed, failed, b"")), deliver(put(deployed, failed, CSV), "r4")] == ["failed", "ignored"]
    assert status(deployed, model, failed)["reason"] == "the file has no rows; send at least one row"


def test_a_file_replaced_before_it_was_read_is_no_baseline(deployed: Stack, model: str) -> None:
    """What one event announced is not mixed with what another put in its place."""
    upload = announce(deployed, model)
    first = put(deployed, upload, CSV)
    put(deployed, upload, b"b\n1\n")
    assert deliver(first) == "failed"
    assert "replaced" in status(deployed, model, upload)["reason"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_builder_killed_anywhere_leaves_one_version(deployed: Stack, model: str, *, after: bool) -> None:
    """Killed before or after any of its calls, and repeated by Lambda: one new version, in use, and no file left."""
    with dying() as die_at:
        kill_everywhere(deployed, model, die_at, after=after)


def kill_everywhere(deployed: Stack, model: str, die_at: Callable[[int, bool], list[str]], *, after: bool) -> None:
    """Kill a builder at each of its calls, and repeat it."""
    assert deliver(put(deployed, announce(deployed, model), CSV)) == "done"
    event = put(deployed, announce(deployed, model), CSV)
    calls = die_at(-1, after)
    assert deliver(event) == "done"
    count = len(calls)
    assert count > 8
    for number in range(count):
        upload = announce(deployed, model)
        event = put(deployed, upload, CSV)
        die_at(number, after)
        with pytest.raises(Killed):
            deliver(event)
        die_at(-1, after)
        # Killed after its last word, the upload is done, and the repetition only finds that.
        assert deliver(event) in ("done", "ignored")
        told = status(deployed, model, upload)
        assert (told["status"], told["rows_read"]) == ("done", 100)
        current = deployed.call("GET", f"{model}/baseline").body
        assert current["source"] == f"upload {upload['upload_id']}"
        assert len(versions(deployed, model)) == number + 3
        assert files(deployed) == []


def during(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have `act` done in the middle of the next reading."""
    original = baseline_files.read
    left = [act]

    def read(*arguments: Any, **options: Any) -> Iterator[chunks.Chunk]:
        for chunk in original(*arguments, **options):
            if left:
                left.pop()()
            yield chunk

    monkeypatch.setattr(building, "read", read)


def test_two_builders_at_once_make_one_version(deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second sees the first still give signs after a while, and leaves the work to it, and the file too."""
    slept: list[float] = []
    monkeypatch.setattr(function("build_baseline").time, "sleep", slept.append)
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    outcomes: list[str] = []
    during(monkeypatch, lambda: outcomes.append(deliver(event, "r2")))
    assert (deliver(event, "r1"), outcomes) == ("done", ["ignored"])
    assert [50 < seconds < 62 for seconds in slept] == [True]
    assert versions(deployed, model) == [(1, True)]


def test_a_builder_that_died_unseen_is_succeeded(deployed: Stack, model: str) -> None:
    """An event that S3 sent twice takes over once the first builder has given no sign for the length of its lease."""
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    clock = Clock()
    item = Uploads.one(model.removeprefix("/models/"), upload["upload_id"], "baseline")
    assert item is not None
    item.start("dead", len(CSV), processing.LEASE, clock())
    assert build(deployed, event, clock, "r2") == "done"
    assert clock.slept == pytest.approx(61, abs=1)
    assert versions(deployed, model) == [(1, True)]


def test_a_builder_that_was_given_up_stores_nothing(
    deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hung until its lease ran out, and whose work another has done, ends without a trace."""
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)

    def overtake() -> None:
        item = Uploads.one(model.removeprefix("/models/"), upload["upload_id"], "baseline")
        assert item is not None
        item.update(actions=[Uploads.lease_until.set("2020-01-01T00:00:00.000000Z")])
        assert deliver(event, "r2") == "done"

    during(monkeypatch, overtake)
    assert deliver(event, "r1") == "ignored"
    assert versions(deployed, model) == [(1, True)]
    assert status(deployed, model, upload)["status"] == "done"


def test_a_model_deleted_meanwhile_gets_no_baseline(
    deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted and erased while the file is read, or before it came: nothing of it is left anywhere."""
    model_id = model.removeprefix("/models/")
    upload, late = announce(deployed, model), announce(deployed, model)
    event = put(deployed, upload, CSV)

    def delete() -> None:
        assert deployed.call("DELETE", model).status == 204
        with under_role("erase_model"):
            body = json.dumps({"organization_id": "acme", "model_id": model_id})
            assert function("erase_model").handler(records(body), LambdaContext()) == {"batchItemFailures": []}

    during(monkeypatch, delete)
    assert function("build_baseline").handler(event, LambdaContext()) == {"outcome": "ignored"}
    assert deliver(put(deployed, late, CSV)) == "ignored"
    assert files(deployed) == []
    client = boto3.client("dynamodb")
    for variable, table in deployed.variables.items():
        if variable.endswith("_TABLE"):
            # The record of who changed what stays with the organization.
            kept = [item for item in client.scan(TableName=table)["Items"] if "#activity" not in item["pk"]["S"]]
            assert [item for item in kept if model_id in json.dumps(item, default=str)] == [], variable
    assert deployed.call("GET", f"{model}/baseline/uploads/{upload['upload_id']}").status == 404


def test_erasing_a_model_deletes_its_files_and_no_others(deployed: Stack, model: str) -> None:
    """A file that was put and not yet built goes with its model, not after a day."""
    other = f"/models/{deployed.call('POST', '/models', {'name': 'other'}).body['id']}"
    kept = announce(deployed, other)
    put(deployed, announce(deployed, model), CSV)
    put(deployed, kept, CSV)
    deployed.call("DELETE", model)
    with under_role("erase_model"):
        body = json.dumps({"organization_id": "acme", "model_id": model.removeprefix("/models/")})
        assert function("erase_model").handler(records(body), LambdaContext()) == {"batchItemFailures": []}
    assert files(deployed) == [key_of(kept)]


def test_progress_is_told_every_few_seconds(deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is read: rows and bytes so far, written once in three seconds however many chunks there are."""
    monkeypatch.setattr(chunks, "CHUNK_CELLS", 3)
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    told: list[dict[str, Any]] = []
    original = Uploads.progress

    def progress(item: Uploads, *arguments: Any) -> None:
        original(item, *arguments)
        told.append(status(deployed, model, upload))

    monkeypatch.setattr(Uploads, "progress", progress)
    assert build(deployed, event, Clock(), "r1") == "done"
    assert [each["status"] for each in told] == ["processing"] * len(told)
    assert 4 <= len(told) <= 12
    read = [each["rows_read"] for each in told]
    assert read == sorted(read)
    assert (read[0] < 30, read[-1]) == (True, 100)
    assert told[-1]["bytes_read"] == told[-1]["size"] == len(CSV)


def test_a_conflict_with_another_write_is_tried_again(
    deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the model at the very moment the baseline is made current does not lose the baseline."""
    original = Uploads.finish
    conflicts = [ConditionFailed(), ConditionFailed()]

    def finish(item: Uploads, *arguments: Any) -> None:
        if conflicts:
            raise conflicts.pop()
        original(item, *arguments)

    monkeypatch.setattr(Uploads, "finish", finish)
    upload = announce(deployed, model)
    assert deliver(put(deployed, upload, CSV)) == "done"
    assert versions(deployed, model) == [(1, True)]


def test_what_never_came_or_broke_off_is_told_as_failed(deployed: Stack, model: str) -> None:
    """A day after a file was announced, and a quarter of an hour after the last sign of a builder."""
    found = Models.one("acme", model.removeprefix("/models/"))
    assert found is not None
    upload_id = announce(deployed, model)["upload_id"]
    now = datetime.now(UTC)
    assert uploads.status(found, upload_id, now=now + timedelta(hours=23)).status == "pending"
    late = uploads.status(found, upload_id, now=now + timedelta(hours=25))
    assert (late.status, late.reason) == ("failed", "no file arrived within a day; create a new upload")
    item = Uploads.one(found.model_id, upload_id, "baseline")
    assert item is not None
    item.start("r1", 10, timedelta(minutes=1), now)
    assert uploads.status(found, upload_id, now=now + timedelta(minutes=15)).status == "processing"
    dead = uploads.status(found, upload_id, now=now + timedelta(minutes=17))
    assert dead.status == "failed"
    assert "create a new upload" in str(dead.reason)


def test_a_new_baseline_resolves_what_is_open(deployed: Stack) -> None:
    """An alert of the old baseline is resolved by the upload, and the next check uses the new version."""
    model_id = make_model(deployed)
    model = f"/models/{model_id}"
    shifted = rows(2, 2.0)
    log(deployed, model_id, shifted)
    assert deployed.call("POST", f"/drift{model}/check").body["status"] == "drift"
    assert {alert["status"] for alert in deployed.call("GET", f"/drift{model}/alerts").body} == {"firing"}
    sample = [{"features": row["features"], "prediction": row["prediction"]} for row in rows(3, 2.0, count=2000)]
    content = "".join(json.dumps(row) + "\n" for row in sample)
    assert deliver(put(deployed, announce(deployed, model, format="jsonl", days=14), content.encode())) == "done"
    assert {alert["status"] for alert in deployed.call("GET", f"/drift{model}/alerts").body} == {"resolved"}
    report = deployed.call("POST", f"/drift{model}/check").body
    assert (report["status"], report["baseline_version"]) == ("ok", 2)


def test_uploads_are_of_their_model_and_for_admins(deployed: Stack, model: str) -> None:
    """Another organization, another model and a viewer get nothing to put; unknown ids are 404, nonsense is 422."""
    add_organization("other")
    upload = announce(deployed, model)
    path = f"{model}/baseline/uploads"
    other = f"/models/{deployed.call('POST', '/models', {'name': 'second'}).body['id']}"

    def foreign(method: str, at: str, body: Any = None) -> Answer:
        return deployed.gateway.call(method, at, body, key_id="other-admin")

    assert foreign("POST", path, {"format": "csv"}).status == 404
    assert foreign("GET", f"{path}/{upload['upload_id']}").status == 404
    assert deployed.call("GET", f"{other}/baseline/uploads/{upload['upload_id']}").status == 404
    assert deployed.call("GET", f"{path}/{'x' * 2000}").status == 404
    assert deployed.call("POST", path, {"format": "csv"}, role="viewer").status == 403
    assert deployed.call("POST", path, {"format": "xls"}).status == 422
    assert deployed.call("POST", path, {"format": "jsonl", "text_columns": ["a"]}).status == 422
