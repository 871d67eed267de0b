"""The command line: help, errors and exit status. tests/local runs its commands against the real service."""

import gzip
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from driftguard_client.cli.main import _parser, main
from driftguard_client.client import DriftGuard
from testing.processes import variables
from testing.service import Service

COMMANDS = [
    "login",
    "models",
    "baseline put",
    "baseline list",
    "baseline restore",
    "log",
    "labels",
    "check",
    "report",
    "performance",
    "alerts list",
    "alerts ack",
    "alerts snooze",
    "alerts resolve",
    "channels",
    "simulate",
    "sync",
    "doctor",
    "compare",
    "backtest",
]


@pytest.fixture
def configured(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that the environment names."""
    monkeypatch.setenv("DRIFTGUARD_URL", service.url)
    monkeypatch.setenv("DRIFTGUARD_API_KEY", service.key)
    return service


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` shows the command as somebody would type it."""
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"driftguard {command}" in text.partition("example")[2]
    assert "--json" in text or "--format" in text


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """And the command alone shows it, with the status of a mistake."""
    assert main([]) == 2
    text = capsys.readouterr().out
    assert {command.split()[0] for command in COMMANDS} <= set(re.findall(r"^    (\w+)", text, re.MULTILINE))
    assert _parser(["models"]).prog == "driftguard"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("missing.csv", None, "No such file"),
        ("empty.csv", b"", "the file is empty"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "line 3: 3 cells, but the header has 2"),
        ("binary.csv", b"\xff\xfe\x00\x01", "not a readable CSV file in UTF-8"),
        ("twice.csv", b"a,a\n1,2\n", "has a name twice"),
        ("broken.csv.gz", b"no gzip", "not a readable CSV file"),
        ("broken.jsonl", b'{"a": 1}\n{"a": \n', "line 2: not valid JSON"),
        ("list.jsonl", b"[1, 2]\n", "line 1: must be an object"),
        ("empty.jsonl", b"\n", "has no rows"),
        ("broken.parquet", b"PAR1 no", "not a readable Parquet file"),
        ("table.xlsx", b"PK", "the name must end with .csv"),
        ("folder.csv", "folder", "Is a directory"),
    ],
)
def test_a_broken_file_is_exit_status_2_with_a_sentence(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: Any, text: str
) -> None:
    """Never 1, never a traceback, and the line where it is known."""
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert main(["log", "churn", str(path)]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.startswith("driftguard: ")
    assert "Traceback" not in error
    assert not configured.rows


def test_a_csv_file_is_logged_with_its_types(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers, booleans, texts and missing values are read as the service reads uploads; --json has the answer."""
    path = tmp_path / "today.csv.gz"
    text = "\ufeffid;age;count;plan;active;gap;pred\na;41.5;3;basic;true;NA;0.5\nb;;-4;1_000;False;x;1e-3\n"
    path.write_bytes(gzip.compress(text.encode()))
    assert main(["log", "churn", str(path), "--prediction", "pred", "--prediction-id", "id", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["accepted"], answer["prediction_ids"]) == (2, ["a", "b"])
    assert [row["features"] for row in configured.rows] == [
        {"age": 41.5, "count": 3, "plan": "basic", "active": True, "gap": None},
        {"age": None, "count": -4, "plan": "1_000", "active": False, "gap": "x"},
    ]
    assert [row["prediction"] for row in configured.rows] == [0.5, 0.001]


def test_a_column_of_ids_is_a_warning_until_it_is_excluded(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The warning is in the output once, and the excluded column is not logged."""
    path = tmp_path / "today.csv"
    path.write_text("age,order\n" + "".join(f"{number},order-{number}\n" for number in range(100)))
    assert main(["log", "churn", str(path)]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("--exclude order") == 1
    assert shown.err == ""
    assert main(["log", "churn", str(path), "--exclude", "order"]) == 0
    assert "warning" not in capsys.readouterr().out
    assert set(configured.rows[-1]["features"]) == {"age"}


def test_json_lines_and_parquet_are_logged(configured: Service, tmp_path: Path) -> None:
    """Flat rows, rows as the API has them, and Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "rows.jsonl").write_text('{"age": 1}\n\n{"features": {"age": 2}, "prediction": 0.5}\n')
    assert main(["log", "churn", str(tmp_path / "rows.jsonl")]) == 0
    pq.write_table(pa.table({"age": [3]}), tmp_path / "rows.parquet")
    assert main(["log", "churn", str(tmp_path / "rows.parquet")]) == 0
    assert [row["features"]["age"] for row in configured.rows] == [1, 2, 3]


def test_a_wrong_column_names_the_near_ones(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is sent."""
    (tmp_path / "today.csv").write_text("age,pred\n1,2\n")
    assert main(["log", "churn", str(tmp_path / "today.csv"), "--prediction", "perd"]) == 2
    assert "Did you mean 'pred'?" in capsys.readouterr().err


def test_rejected_rows_are_status_1_only_with_strict(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --strict the answer lists them."""
    configured.reject = lambda row: "is too old" if row["features"]["age"] == 2 else None
    (tmp_path / "today.csv").write_text("age\n1\n2\n")
    assert main(["log", "churn", str(tmp_path / "today.csv")]) == 0
    assert "row 1, age: is too old" in capsys.readouterr().out
    assert main(["log", "churn", str(tmp_path / "today.csv"), "--strict"]) == 1


@pytest.mark.parametrize("command", [["models"], ["check", "churn"], ["channels"], ["alerts", "list"]])
def test_without_a_url_a_command_says_what_to_set(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one sentence."""
    assert main(command) == 2
    assert "DRIFTGUARD_URL" in capsys.readouterr().err


def test_doctor_finds_what_is_wrong(
    configured: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A dead service, a page that is no DriftGuard, a wrong clock, a wrong key, and rows that wait in a spool."""
    monkeypatch.setenv("DRIFTGUARD_URL", "http://127.0.0.1:1")
    assert main(["doctor"]) == 2
    assert "WRONG  reachable: http://127.0.0.1:1: the connection was refused" in capsys.readouterr().out
    monkeypatch.setenv("DRIFTGUARD_URL", "https://")
    assert main(["doctor", "--json"]) == 2
    capsys.readouterr()
    monkeypatch.setenv("DRIFTGUARD_URL", configured.url)
    configured.routes["GET", "/health"] = lambda _body: (200, {"version": "0.1.0"})
    configured.routes["GET", "/me"] = lambda _body: (200, {"role": "viewer", "organization": {"name": "Acme"}})
    configured.routes["POST", "/predictions/batch"] = lambda _body: (404, {"message": "There is no such model."})
    dg = DriftGuard("http://127.0.0.1:1", "k", spool_dir=tmp_path)
    dg.model("churn").log({"age": 1})
    dg.close(timeout=0.0)
    assert main(["doctor", "--spool-dir", str(tmp_path)]) == 2
    text = capsys.readouterr().out
    assert "ok     key: role viewer of Acme" in text
    assert f"driftguard sync {tmp_path}" in text
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: "Fri, 06 Nov 2020 07:26:10 GMT")
    assert main(["doctor", "--json"]) == 2
    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert "s ahead. Set its clock" in checks["clock"]["detail"]
    monkeypatch.setenv("DRIFTGUARD_API_KEY", "wrong")
    configured.routes["GET", "/health"] = lambda _body: (200, {})
    assert main(["doctor"]) == 2


def test_sync_sends_what_a_process_left(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of a client that could not send; then nothing is left, and a second time is fine, too."""
    configured.fault = lambda _number: "fail"
    dg = DriftGuard(configured.url, configured.key, spool_dir=tmp_path, max_retry_s=0.2)
    ids = [dg.model("churn").log({"age": index}) for index in range(700)]
    dg.flush(timeout=2)
    dg.close(timeout=0.0)
    configured.fault = lambda _number: None
    assert main(["sync", str(tmp_path)]) == 0
    assert "700 rows sent, 0 rejected, 0 left" in capsys.readouterr().out
    assert sorted(configured.ids) == sorted(ids)
    assert main(["sync", str(tmp_path), "--json"]) == 0
    assert main(["sync", str(tmp_path / "nothing")]) == 2


def test_on_a_terminal_login_asks_hides_the_key_and_stores_it(service: Service, tmp_path: Path) -> None:
    """The file is readable by its owner only, and the next command uses it."""
    service.routes["GET", "/me"] = lambda _body: (200, {"role": "admin", "organization": {"name": "Acme"}})
    service.routes["GET", "/models?limit=500"] = lambda _body: (200, [])
    environment = variables({"DRIFTGUARD_CONFIG": str(tmp_path / "driftguard.ini")})
    shown = _typed(["login"], environment, [(b"URL of the service", service.url), (b"API key", service.key)])
    assert "Logged in to Acme with the role admin" in shown
    assert service.key not in shown
    assert (tmp_path / "driftguard.ini").stat().st_mode & 0o077 == 0
    command = [sys.executable, "-m", "driftguard_client.cli.main", "models"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert "There are no models" in done.stdout


def test_progress_is_shown_on_a_terminal_only(service: Service, tmp_path: Path) -> None:
    """A line with the share on a terminal; nothing in a pipe."""
    (tmp_path / "today.csv").write_text("age\n" + "1\n" * 30_000)
    environment = variables({"DRIFTGUARD_URL": service.url, "DRIFTGUARD_API_KEY": service.key})
    shown = _typed(["log", "churn", str(tmp_path / "today.csv")], environment, [])
    assert re.search(r"Sending \d+% \([\d,]+ of 30,000 rows\)", shown)
    assert "30000 of 30000 rows logged" in shown
    command = [sys.executable, "-m", "driftguard_client.cli.main", "log", "churn", str(tmp_path / "today.csv")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_a_reader_that_ends_early_is_no_traceback(service: Service) -> None:
    """As with `driftguard models | head -1`."""
    models = [{"id": str(index), "name": "x" * 100, "state": "ok", "open_alerts": 0} for index in range(5000)]
    service.routes["GET", "/models?limit=500"] = lambda _body: (200, models)
    environment = variables({"DRIFTGUARD_URL": service.url, "DRIFTGUARD_API_KEY": service.key})
    command = f"{sys.executable} -m driftguard_client.cli.main models | head -1"
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("name")
    assert done.stderr == ""


def _typed(arguments: list[str], environment: dict[str, str], answers: list[tuple[bytes, str]]) -> str:
    """Run the command on a pseudo-terminal, give the answers to its questions, and return what the terminal showed."""
    child, terminal = pty.fork()
    if not child:
        os.execve(sys.executable, [sys.executable, "-m", "driftguard_client.cli.main", *arguments], environment)
    shown = b""
    waiting = list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            block = os.read(terminal, 4096)
        except OSError:  # the child has ended
            break
        shown += block
        if waiting and waiting[0][0] in shown:
            time.sleep(0.2)  # getpass turns the echo off after it has asked
            os.write(terminal, waiting.pop(0)[1].encode() + b"\n")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown.decode()
    return shown.decode()
