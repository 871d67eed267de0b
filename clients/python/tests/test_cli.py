"""The command line: help, errors and exit status. tests/local runs its commands against the real service."""

import contextlib
import gzip
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import threading
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
        ("header.csv", b"age,pred\n", "the file has no rows"),
        (
            "binary.csv",
            b"\x89PNG\r\n\x1a\n\x00\x00",
            "the file is binary; export the table as CSV or JSON Lines and send",
        ),
        ("binary.jsonl", b"\x00\x01", "the file is binary; export the table as CSV or JSON Lines and send"),
        ("utf16.csv", "age\n1\n".encode("utf-16"), "the file is in UTF-16. Save it as UTF-8."),
        ("latin.csv", b"age\n\xe4\n", "the file is not valid UTF-8. Save it as UTF-8."),
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
    for command in ("log", "labels"):
        assert main([command, "churn", str(path)]) == 2
        error = capsys.readouterr().err
        assert text in error
        assert error.startswith("driftguard: ")
        assert "Traceback" not in error
    assert not configured.requests


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


def known(service: Service, features: list[str]) -> None:
    """Give the service a model `churn` with these features."""
    described = [{"name": name, "role": "feature", "type": "numeric"} for name in features]
    described.append({"name": "prediction", "role": "prediction", "type": "numeric"})
    service.routes["GET", "/models?limit=500"] = lambda _body: (200, [{"id": "m1", "name": "churn"}])
    service.routes["GET", "/models/m1/baseline"] = lambda _body: (200, {"version": 1, "features": described})


def test_an_unknown_model_is_one_error_with_the_near_ones(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with the command that creates the model. Nothing is sent."""
    known(configured, ["age"])
    (tmp_path / "today.csv").write_text("age\n1\n2\n")
    (tmp_path / "labels.csv").write_text("prediction_id,label\na,1\nb,0\n")
    for command in (
        ["log", "chrun", str(tmp_path / "today.csv")],
        ["labels", "chrun", str(tmp_path / "labels.csv")],
        ["report", "chrun"],
    ):
        assert main(command) == 2
        assert capsys.readouterr().err == (
            "driftguard: There is no model 'chrun'. Did you mean 'churn'? "
            "`driftguard models --create chrun` creates it.\n"
        )
    assert {request.method for request in configured.requests} == {"GET"}


def test_a_file_without_a_feature_of_the_baseline_is_not_logged(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns of another role are no features; one column of the baseline is enough."""
    known(configured, ["age", "pred", "ts"])
    (tmp_path / "wrong.csv").write_text("Age;pred;ts\n1;2;2026-11-06T07:26:10Z\n")
    roles = ["--prediction", "pred", "--timestamp", "ts"]
    assert main(["log", "churn", str(tmp_path / "wrong.csv"), *roles]) == 2
    error = capsys.readouterr().err
    assert "no column is a feature of the baseline of 'churn', so nothing was logged. The file has: 'Age'." in error
    assert "The baseline has: 'age', 'pred', 'ts'." in error
    assert not configured.rows
    (tmp_path / "right.csv").write_text("age;more\n1;2\n")
    assert main(["log", "churn", str(tmp_path / "right.csv")]) == 0
    assert main(["log", "churn", str(tmp_path / "right.csv"), "--feature", "more"]) == 2
    assert main(["log", "churn", str(tmp_path / "right.csv"), "--exclude", "age"]) == 2
    assert len(configured.rows) == 1


def test_a_key_that_may_only_log_logs(configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Although it may not ask for models and baselines. For an unknown model it gets one error with the next step."""
    configured.routes["GET", "/models?limit=500"] = lambda _body: (403, {"message": "may not do this"})
    (tmp_path / "today.csv").write_text("age\n1\n")
    assert main(["log", "churn", str(tmp_path / "today.csv")]) == 0
    assert len(configured.rows) == 1
    capsys.readouterr()
    unknown = {"message": "There is no model named 'a b'."}
    configured.routes["POST", "/predictions/batch"] = lambda _body: (404, unknown)
    (tmp_path / "today.csv").write_text("age\n1\n2\n")
    assert main(["log", "a b", str(tmp_path / "today.csv")]) == 2
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  2 rows (0, 1): Logging predictions: 404 There is no model named 'a b'.",
        "  Check the name, or create the model with an admin key: `driftguard models --create 'a b'`.",
    ]


def test_rows_that_are_too_old_are_one_line_with_the_command_for_them(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the number of the rows."""
    configured.reject = lambda _row: "is more than 21 days old; or send them with PUT /models/{model_id}/baseline"
    (tmp_path / "today.csv").write_text("age\n" + "1\n" * 30)
    assert main(["log", "churn", str(tmp_path / "today.csv")]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "0 of 30 rows logged, 30 rejected",
        "  30 rows (0, 1, 2, …), age: is more than 21 days old; or send them with `driftguard baseline put`",
    ]


@pytest.mark.parametrize(
    ("method", "role"), [(["report", "churn"], "viewer or admin"), (["models", "--create", "x"], "admin")]
)
def test_a_key_of_another_role_says_which_role_is_needed(
    configured: Service, capsys: pytest.CaptureFixture[str], method: list[str], role: str
) -> None:
    """The service says only that the role is wrong."""
    refused = {"message": "A key with the role ingest may not do this. Use a key with another role."}
    for route in (("GET", "/models?limit=500"), ("POST", "/models")):
        configured.routes[route] = lambda _body: (403, refused)
    assert main(method) == 2
    assert capsys.readouterr().err.endswith(f"may not do this. Use a key with the role {role}.\n")


def test_rows_that_a_role_may_not_log_name_the_role(
    configured: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line for all rows."""
    refused = {"message": "A key with the role viewer may not do this. Use a key with another role."}
    configured.routes["POST", "/predictions/batch"] = lambda _body: (403, refused)
    (tmp_path / "today.csv").write_text("age\n1\n2\n")
    assert main(["log", "churn", str(tmp_path / "today.csv")]) == 2
    (_, line) = capsys.readouterr().out.splitlines()
    assert line.startswith("  2 rows (0, 1): Logging predictions: 403")
    assert line.endswith("Use a key with the role ingest or admin.")


@pytest.mark.parametrize(
    "page", ["dashboard", "dashboard/", "dashboard/index.html#/models/1", "docs?x=1", "openapi.json"]
)
def test_the_url_of_a_page_is_refused_with_the_base_url(
    configured: Service, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    """People copy it from their browser."""
    assert main(["models", "--url", f"{configured.url}/v1/{page}"]) == 2
    error = capsys.readouterr().err
    assert "is that of a page. Use it without /" in error
    assert error.endswith(f": {configured.url}/v1\n")
    assert not configured.requests


def test_https_to_a_server_that_speaks_http_says_to_try_http(capsys: pytest.CaptureFixture[str]) -> None:
    """As for a local stack. The server answers the first bytes in plain text."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.recv(100)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        assert main(["models", "--url", f"https://{host}", "--api-key", "k"]) == 2
        assert f"the server speaks http, not https. Try http://{host}." in capsys.readouterr().err
        listening.shutdown(socket.SHUT_RDWR)


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
