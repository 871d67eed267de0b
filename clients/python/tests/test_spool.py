"""Rule 4: rows in the spool survive whatever happens to the process."""

import errno
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from driftguard_client import DriftGuard
from driftguard_client.spool import read
from testing.processes import python
from testing.service import Fault, Service

ROW = {"age": 41.5, "plan": "basic"}
LOGS_UNTIL_KILLED = """
    import os, sys, time
    from driftguard_client import DriftGuard

    url, folder, notes = sys.argv[1:]
    notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    dg = DriftGuard(url, "secret", spool_dir=folder, flush_interval=0.05, batch_rows=20, timeout=0.5)
    model = dg.model("churn")
    os.write(1, b"ready\\n")
    for number in range(100_000):
        own_id = f"{os.getpid()}-{number}"
        os.write(notes, f"begun {own_id}\\n".encode())
        model.log({"age": number, "plan": "basic"}, 0.5, prediction_id=own_id)
        os.write(notes, f"returned {own_id}\\n".encode())
        time.sleep(0.0005)
    """


def sync(service: Service, folder: Path) -> bool:
    """Send what ended processes left."""
    dg = DriftGuard(service.url, service.key, spool_dir=folder)
    assert dg._sender is not None
    try:
        return dg._sender.sync(lambda _done, _total: None)
    finally:
        dg.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.rows"))


def test_killed_at_twenty_moments_nothing_is_lost_or_doubled(service: Service, tmp_path: Path) -> None:
    """With 30 % failures after storing and 10 % time-outs, the service has exactly the rows whose log() returned.

    A row whose log() was interrupted by the kill may or may not have been written; there is at most one per kill.
    """
    rng = random.Random(13)

    def fault(_number: int) -> Fault | None:
        draw = rng.random()
        return "fail_after_storing" if draw < 0.3 else "hang" if draw < 0.4 else None

    service.fault = fault
    service.hang_seconds = 0.8
    spool, notes = tmp_path / "spool", tmp_path / "notes"
    for _ in range(20):
        process = python(LOGS_UNTIL_KILLED, service.url, str(spool), str(notes))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.005, 0.6))
        process.kill()
        process.communicate()
    service.fault = lambda _number: None
    time.sleep(1.0)  # requests of killed clients that the service still works on
    assert sync(service, spool)
    lines = notes.read_text().split("\n")[:-1]
    returned = {line.partition(" ")[2] for line in lines if line.startswith("returned")}
    begun = {line.partition(" ")[2] for line in lines if line.startswith("begun")}
    stored = service.ids
    assert len(returned) > 1000
    assert len(stored) == len(set(stored))
    assert returned <= set(stored) <= begun
    assert len(set(stored) - returned) <= 20
    assert not files(spool)
    assert not list(spool.iterdir())


def test_a_row_is_on_disk_when_log_returns(tmp_path: Path, service: Service) -> None:
    """With the service dead, the file of the batch has the row right after log()."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path)
    own_id = dg.model("churn").log(ROW, 1)
    (path,) = files(tmp_path)
    stored = read(str(path))
    assert [row[0] for row in stored.rows] == [own_id]
    assert (stored.url, stored.model) == ("http://127.0.0.1:1", {"model": "churn"})
    assert path.stat().st_mode & 0o077 == 0
    assert dg.stats()["spooled"] == 1
    assert "secret" not in path.read_text()


def test_what_is_sent_leaves_the_disk(tmp_path: Path, service: Service) -> None:
    """After a flush neither files nor folders are left by a client that is closed."""
    dg = DriftGuard(service.url, service.key, spool_dir=tmp_path, batch_rows=10)
    ids = [dg.model("churn").log(ROW, index) for index in range(95)]
    assert dg.flush()
    assert sorted(service.ids) == sorted(ids)
    assert dg.stats()["spooled"] == 0
    assert not files(tmp_path)
    dg.close()
    assert not list(tmp_path.iterdir())


def test_more_rows_than_the_queue_holds_stay_on_disk(tmp_path: Path, service: Service) -> None:
    """While the service is down, memory holds max_queue rows and the spool the others. All arrive in the end."""
    service.fault = lambda _number: "fail"
    dg = DriftGuard(service.url, service.key, spool_dir=tmp_path, max_queue=100, batch_rows=50, flush_interval=0.05)
    ids = [dg.model("churn").log(ROW, index) for index in range(1000)]
    stats = dg.stats()
    assert stats["dropped"] == 0
    assert stats["queued"] <= 150
    assert stats["spooled"] == 1000
    service.fault = lambda _number: None
    assert dg.flush(timeout=60)
    assert sorted(service.ids) == sorted(ids)


def test_the_spool_has_a_limit(tmp_path: Path) -> None:
    """Beyond spool_bytes rows are kept in memory, then dropped and counted; the folder stays below the limit."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path, spool_bytes=20_000, max_queue=50)
    for index in range(1000):
        dg.model("churn").log(ROW, index)
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 20_200
    stats = dg.stats()
    assert stats["dropped"] > 0
    assert stats["dropped"] + stats["spooled"] + 50 >= 1000


def test_a_batch_that_was_given_up_is_sent_by_the_next_process(tmp_path: Path, service: Service) -> None:
    """After max_retry_s, and after a refused key, the rows stay in the spool for a later client."""
    service.fault = lambda _number: "fail"
    first = DriftGuard(service.url, service.key, spool_dir=tmp_path, max_retry_s=0.5)
    ids = [first.model("churn").log(ROW, 1)]
    assert not first.flush(timeout=5)
    first.close(timeout=0.1)
    service.fault = lambda _number: None
    wrong = DriftGuard(service.url, "wrong", spool_dir=tmp_path)
    ids.append(wrong.model("churn").log(ROW, 2))
    assert not wrong.flush(timeout=5)
    assert wrong.stats()["spooled"] == 2
    wrong.close(timeout=0.1)
    assert sync(service, tmp_path)
    assert sorted(service.ids) == sorted(ids)


def test_a_running_process_keeps_its_files(tmp_path: Path, service: Service) -> None:
    """The files of a client that runs are not sent by another one, nor are those of another service."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path)
    dg.model("churn").log(ROW, 1)
    sync(service, tmp_path)
    assert len(files(tmp_path)) == 1
    dg.close(timeout=0.0)
    sync(service, tmp_path)
    assert not service.rows
    assert len(files(tmp_path)) == 1


def test_a_torn_last_line_is_no_row(tmp_path: Path, service: Service) -> None:
    """A line without an end belongs to a log() that did not return; the rows before it are sent."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path)
    own_id = dg.model("churn").log(ROW, 1)
    dg.close(timeout=0.0)
    (path,) = files(tmp_path)
    text = path.read_text().replace("http://127.0.0.1:1", service.url)
    path.write_text(text + '["torn",1700000')
    assert sync(service, tmp_path)
    assert service.ids == [own_id]


def test_a_full_disk_loses_nothing_that_memory_can_hold(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk takes no more bytes, neither mapped nor written, rows are sent from memory."""
    write = os.write

    def no_room(_descriptor: int, _start: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def full(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:5]) if data.startswith(b'["') else write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    errors: list[Any] = []
    dg = DriftGuard(service.url, service.key, spool_dir=tmp_path, on_error=errors.append)
    ids = [dg.model("churn").log(ROW, index) for index in range(3)]
    assert dg.flush()
    assert sorted(service.ids) == sorted(ids)


def test_rows_go_on_by_writes_where_files_cannot_be_mapped(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If mapping fails in the middle of a file, the next rows are written behind the last one."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path)
    model = dg.model("churn")
    ids = [model.log(ROW, 1)]

    def refused(_descriptor: int, _start: int, _length: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refused)
    ids += [model.log({"long": "x" * 250, **ROW}, index) for index in range(450)]
    (path,) = files(tmp_path)
    while path.stat().st_size > 0 and b"\0" in path.read_bytes():
        ids += [model.log({f"name {number}": "x" * 256 for number in range(100)}, 1)]
    assert [row[0] for row in read(str(path)).rows] == ids
    dg.close(timeout=0.0)


@pytest.mark.parametrize("content", [b"", bytes(4096), b'{"url": "http'], ids=["empty", "zeros", "half a line"])
def test_a_file_without_a_line_is_removed(tmp_path: Path, service: Service, content: bytes) -> None:
    """A process that was killed while it created a file has stored nothing, so nothing is kept or reported."""
    folder = tmp_path / "01M8QJ8EJSP81MV9QY1C0VN6BG-1"
    folder.mkdir()
    (folder / "lock").touch()
    (folder / "01M8QJ8EQ6SDA9K4F1W3YPP3P7.rows").write_bytes(content)
    assert sync(service, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_kept(tmp_path: Path, service: Service) -> None:
    """A file whose first line is damaged may hold rows, so it stays for whoever can repair it."""
    folder = tmp_path / "01M8QJ8EJSP81MV9QY1C0VN6BG-1"
    folder.mkdir()
    (folder / "lock").touch()
    path = folder / "01M8QJ8EQ6SDA9K4F1W3YPP3P7.rows"
    path.write_bytes(bytes(100) + b'["a", 1]\n')
    sync(service, tmp_path)
    assert path.exists()


def test_a_line_that_a_kill_interrupted_is_no_row(tmp_path: Path) -> None:
    """In a mapping, such a line begins with a zero; so does what no row has reached yet."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path)
    own_id = dg.model("churn").log(ROW, 1)
    (path,) = files(tmp_path)
    content = path.read_bytes()
    assert content.endswith(b"\0")
    line = content.rstrip(b"\0").split(b"\n")[1] + b"\n"
    torn = content.replace(line, line + b"\0" + line[1:])
    copy = tmp_path / path.name
    copy.write_bytes(torn)
    assert [row[0] for row in read(str(copy)).rows] == [own_id]
    dg.close(timeout=0.0)
    assert not path.read_bytes().endswith(b"\0")


def test_a_folder_that_cannot_be_written_is_a_reported_mistake(tmp_path: Path) -> None:
    """A file in place of the folder: log() still returns, and stats() says what is wrong."""
    (tmp_path / "spool").write_text("a file")
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path / "spool")
    assert dg.model("churn").log(ROW, 1)
    assert "spool_dir" in str(dg.stats()["last_error"])
