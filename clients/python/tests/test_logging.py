"""Rules 1 to 3: log() never raises, blocks, loses, doubles or misdates."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftguard_client import DriftGuard, DroppedError, Model, RejectedError
from testing.service import Service

ROW = {"age": 41.5, "plan": "basic", "active": True, "income": None}


def client(service: Service, **options: Any) -> tuple[DriftGuard, Model]:
    dg = DriftGuard(service.url, service.key, **{"flush_interval": 0.05, **options})
    return dg, dg.model("churn")


def test_a_row_arrives_as_it_was_logged(service: Service) -> None:
    """Features, prediction, score, probabilities, label, id and time arrive, in gzip columns under the model's name."""
    dg, model = client(service)
    at = datetime(2026, 11, 6, 7, 26, 10, 123456, tzinfo=UTC)
    assert model.log(ROW, 0.7, 0.6, [0.4, 0.6], 1, prediction_id="a", timestamp=at) == "a"
    assert dg.flush()
    assert service.rows == [
        {
            "model": "churn",
            "prediction_id": "a",
            "timestamp": "2026-11-06T07:26:10.123Z",
            "features": ROW,
            "prediction": 0.7,
            "score": 0.6,
            "probabilities": [0.4, 0.6],
            "label": 1,
        }
    ]
    for _ in range(200):
        model.log(ROW, 0.7)
    assert dg.flush()
    assert service.requests[-1].headers["content-encoding"] == "gzip"


def test_rows_are_sent_by_time_and_by_number(service: Service) -> None:
    """A single row goes out after the flush interval; 500 rows go out at once, long before it."""
    _, model = client(service, flush_interval=0.3)
    began = time.monotonic()
    model.log(ROW, 1)
    service.wait_for(1)
    assert 0.2 < time.monotonic() - began < 3
    _, model = client(service, flush_interval=600)
    for _ in range(500):
        model.log(ROW, 1)
    service.wait_for(501, seconds=5)


@pytest.mark.parametrize("fault", ["fail_after_storing", "close_after_storing", "fail", "close", "garbage", "throttle"])
def test_retries_count_each_row_once(service: Service, fault: Any) -> None:
    """Whatever way the first attempts fail, each row is stored once, and its time is that of log()."""
    service.fault = lambda number: fault if number < 2 else None
    dg, model = client(service)
    before = datetime.now(UTC)
    ids = [model.log(ROW, index) for index in range(20)]
    after = datetime.now(UTC)
    assert dg.flush(timeout=20)
    assert sorted(service.ids) == sorted(ids)
    assert {len(service.batches)} == {1}
    for row in service.rows:
        assert before - timedelta(seconds=1) < datetime.fromisoformat(row["timestamp"]) <= after
    stats = dg.stats()
    assert (stats["sent"], stats["retries"], stats["dropped"], stats["queued"]) == (20, 2, 0, 0)


def test_a_time_out_is_retried_with_the_same_batch(service: Service) -> None:
    """A batch that was stored but not answered in time is stored once."""
    service.fault = lambda number: "hang" if number == 0 else None
    service.hang_seconds = 1.0
    dg, model = client(service, timeout=0.3)
    ids = [model.log(ROW, index) for index in range(5)]
    assert dg.flush(timeout=20)
    assert service.ids == ids


def test_retry_after_is_waited_for(service: Service) -> None:
    """The service's Retry-After of one second is the least pause, also when somebody flushes."""
    service.fault = lambda number: "throttle" if number == 0 else None
    dg, model = client(service)
    model.log(ROW, 1)
    assert dg.flush(timeout=20)
    first, second = service.requests
    assert second.at - first.at >= 0.95


def test_other_4xx_are_not_retried(service: Service) -> None:
    """A wrong key is tried once; the rows are counted as dropped, and the error names the key."""
    errors: list[Exception] = []
    dg = DriftGuard(service.url, "wrong", flush_interval=0.05, on_error=errors.append)
    dg.model("churn").log(ROW, 1)
    assert dg.flush()
    time.sleep(0.3)
    stats = dg.stats()
    assert len(service.requests) == 1
    assert (stats["dropped"], stats["retries"]) == (1, 0)
    assert "API key" in str(errors[0])


def test_retries_end_after_max_retry_s(service: Service) -> None:
    """A batch that never gets through is dropped and counted after max_retry_s."""
    service.fault = lambda _number: "fail"
    dg, model = client(service, max_retry_s=1.0)
    model.log(ROW, 1)
    began = time.monotonic()
    assert dg.flush(timeout=10)
    assert time.monotonic() - began < 3
    assert dg.stats()["dropped"] == 1


def test_rows_that_the_service_rejects_are_counted(service: Service) -> None:
    """Rejected rows are in stats(), and on_error gets the reason."""
    service.reject = lambda row: "is more than 21 days old" if row["prediction"] == 3 else None
    errors: list[Exception] = []
    dg, model = client(service, on_error=errors.append)
    for index in range(5):
        model.log(ROW, index)
    assert dg.flush()
    assert (dg.stats()["sent"], dg.stats()["rejected"]) == (4, 1)
    assert "21 days old" in str(errors[-1])


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.log({"age": float("inf")}, 1),
        lambda model: model.log({"age": [1, 2]}, 1),
        lambda model: model.log({"age": object()}, 1),
        lambda model: model.log("no mapping", 1),
        lambda model: model.log(None),
        lambda model: model.log({"": 1}, 1),
        lambda model: model.log({"a\n": 1}, 1),
        lambda model: model.log({str(index): 1 for index in range(501)}, 1),
        lambda model: model.log({"age": 1}, 1, timestamp=datetime(2026, 1, 1)),  # noqa: DTZ001
        lambda model: model.log({"age": 1}, 1, timestamp=12345),
        lambda model: model.log({"age": 1}, 1, prediction_id=3.5),
        lambda model: model.log({"age": 1}, 1, prediction_id="x" * 129),
        lambda model: model.log({"age": 10**400}, 1),
        lambda model: model.log({"age": b"bytes"}, 1),
        lambda model: model.log({"age": "\ud800"}, 1),
    ],
)
def test_a_bad_row_is_reported_and_never_raised(service: Service, call: Callable[[Model], str]) -> None:
    """A row that cannot be logged gets an id all the same; strict=True raises instead."""
    errors: list[Exception] = []
    dg, model = client(service, on_error=errors.append)
    assert isinstance(call(model), str)
    assert dg.stats()["rejected"] == 1
    assert len(errors) == 1
    assert isinstance(errors[0], RejectedError)
    _, strict = client(service, strict=True)
    with pytest.raises(RejectedError):
        call(strict)


def test_a_failing_callback_hurts_nobody(service: Service) -> None:
    """An on_error that raises does not reach the caller, nor end the sending."""

    def explode(_error: Exception) -> None:
        raise RuntimeError

    dg, model = client(service, on_error=explode)
    model.log({"age": float("inf")}, 1)
    model.log(ROW, 1)
    assert dg.flush()
    assert len(service.rows) == 1


def test_a_wrong_configuration_does_not_hurt_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a URL, log() still returns an id; the reason is in stats() and once on stderr."""
    dg = DriftGuard()
    ids = {dg.model("churn").log(ROW, 1) for _ in range(3)}
    assert len(ids) == 3
    assert dg.stats()["dropped"] == 3
    assert "DRIFTGUARD_URL" in str(dg.stats()["last_error"])
    printed = capsys.readouterr().err
    assert printed.count("No URL of a DriftGuard service") == 2  # when it was made, and with the first lost row
    assert not dg.flush()


def test_a_full_queue_drops_the_newest_rows_and_says_so_once_a_minute(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows beyond max_queue are counted; the warning comes once."""
    service.fault = lambda _number: "fail"
    dg, model = client(service, max_queue=10)
    kept = [model.log(ROW, index) for index in range(10)]
    for index in range(90):
        model.log(ROW, index)
    assert dg.stats()["dropped"] == 90
    assert capsys.readouterr().err.count("not logged") == 1
    service.fault = lambda _number: None
    assert dg.flush(timeout=40)
    assert sorted(service.ids) == sorted(kept)
    strict, _ = client(service, max_queue=10, strict=True, flush_interval=600)
    for index in range(9):
        strict.model(f"m{index}").log(ROW)
    strict.model("m9").log(ROW)
    with pytest.raises(DroppedError):
        strict.model("m10").log(ROW)


def test_a_full_queue_can_block(service: Service) -> None:
    """With when_full="block", log() waits for room and loses nothing."""
    dg, model = client(service, max_queue=10, batch_rows=5, when_full="block")
    ids = [model.log(ROW, index) for index in range(200)]
    assert dg.flush()
    assert sorted(service.ids) == sorted(ids)
    assert dg.stats()["dropped"] == 0


def test_many_threads_lose_and_double_nothing(service: Service) -> None:
    """Sixteen threads that log to three models through one client, while a third of the answers fail."""
    numbers = itertools.count()
    service.fault = lambda _number: "fail_after_storing" if next(numbers) % 3 == 0 else None
    dg, _ = client(service, max_queue=100_000)
    ids: list[list[str]] = [[] for _ in range(16)]

    def work(mine: list[str], name: str) -> None:
        model = dg.model(name)
        mine.extend(model.log(ROW, index) for index in range(500))

    threads = [threading.Thread(target=work, args=(mine, f"model {i % 3}")) for i, mine in enumerate(ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dg.flush(timeout=60)
    assert sorted(service.ids) == sorted(itertools.chain.from_iterable(ids))
    assert dg.stats()["sent"] == 8000


def test_rows_with_many_names_and_long_texts_are_split_into_requests_that_fit(service: Service) -> None:
    """Rows with different names, and rows with megabytes of text, arrive whole in bodies below the service's limits."""
    dg, model = client(service, flush_interval=600)
    ids = [model.log({f"feature {index} {name}": 1 for name in range(300)}, 1) for index in range(4)]
    ids += [model.log({f"text {name}": "é" * 256 for name in range(100)}, 1) for _ in range(200)]
    assert dg.flush(timeout=30)
    assert sorted(service.ids) == sorted(ids)
    for request in service.requests:
        assert len(request.body["columns"]) <= 500
        assert len(json.dumps(request.body, ensure_ascii=False).encode()) < 4_000_000


def test_a_connection_that_the_service_closed_meanwhile_is_replaced_at_once(service: Service) -> None:
    """The first request on a stale connection is repeated without a pause and without a retry in stats()."""
    dg, model = client(service)
    model.log(ROW, 1)
    assert dg.flush()
    service.fault = lambda number: "close" if number == 1 else None
    model.log(ROW, 2)
    assert dg.flush()
    assert len(service.rows) == 2
    assert dg.stats()["retries"] == 0


def test_a_gateway_without_gzip_gets_plain_bodies(service: Service) -> None:
    """After 415 for a compressed body the same body is sent plain, and later ones too."""
    plain = Service.handle

    def refuse(self: Service, handler: Any, method: str) -> None:
        if handler.headers.get("content-encoding") == "gzip":
            handler.rfile.read(int(handler.headers["content-length"]))
            self._answer(handler, 415, {"message": "Unsupported Media Type"})
            return
        plain(self, handler, method)

    service.handle = refuse.__get__(service)  # type: ignore[method-assign]
    dg, model = client(service)
    ids = [model.log(ROW, index) for index in range(100)]
    assert dg.flush()
    assert sorted(service.ids) == sorted(ids)
    assert dg.stats()["retries"] == 0
