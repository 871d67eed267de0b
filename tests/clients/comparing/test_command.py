"""The commands `compare` and `backtest`: their exit status, output, errors and progress."""

import argparse
import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from driftguard_client.cli import backtest, compare
from driftguard_client.cli.main import main
from driftguard_client.comparing import comparison
from driftguard_client.comparing.available import problem
from tests.clients.comparing.conftest import columns

HOSTILE = '<img src=x onerror="alert(1)">&"\x1b[31m\u202e'


def parser() -> argparse.ArgumentParser:
    """A command line with both commands."""
    found = argparse.ArgumentParser(prog="driftguard")
    commands = found.add_subparsers(required=True)
    compare.add_parser(commands)
    backtest.add_parser(commands)
    return found


def run(*arguments: object) -> int:
    """The exit status of a command."""
    given = parser().parse_args([str(argument) for argument in arguments])
    status: int = given.run(given)
    return status


@pytest.fixture
def files(tmp_path: Path, train: dict[str, Any], current: dict[str, Any]) -> dict[str, Path]:
    """Files of the same rows, of rows that drifted, of rows of poor quality, and of few rows."""
    samples = {
        "train": train,
        "same": columns(5),
        "drifted": current,
        "flawed": {**train, "age": [None] * 400 + train["age"][400:]},
        "few": {name: values[:20] for name, values in train.items()},
    }
    found = {}
    for name, sample in samples.items():
        found[name] = tmp_path / f"{name}.csv"
        pd.DataFrame(sample).to_csv(found[name], index=False)
    return found


@pytest.mark.parametrize(
    ("window", "options", "status"),
    [
        ("same", ["--fail-on", "data_quality", "--strict"], 0),
        ("drifted", [], 0),
        ("drifted", ["--fail-on", "none"], 0),
        ("drifted", ["--fail-on", "drift"], 1),
        ("drifted", ["--fail-on", "data_quality"], 1),
        ("flawed", ["--fail-on", "drift"], 0),
        ("flawed", ["--fail-on", "data_quality"], 1),
        ("few", ["--fail-on", "data_quality"], 0),
        ("few", ["--fail-on", "data_quality", "--strict"], 2),
        ("drifted", ["--exclude", "amount", "--exclude", "country", "--fail-on", "drift"], 0),
        ("drifted", ["--prediction", "amount", "--fail-on", "drift"], 1),
        ("drifted", ["--prediction", "nothing"], 2),
        ("drifted", ["--config", "nothing.toml"], 2),
        ("nothing", [], 2),
    ],
)
def test_the_exit_status(
    window: str, options: list[str], status: int, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is 0 without a finding at the level, 1 with one, and 2 for an error or, if asked, for too few rows."""
    assert run("compare", files["train"], files.get(window, "nothing.csv"), *options) == status
    printed = capsys.readouterr()
    assert bool(printed.out) == (status != 2 or "--strict" in options)
    assert bool(printed.err) == (status == 2 and "--strict" not in options)


def test_a_crash_is_no_finding(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error has status 2 and one line that asks to report it, without a traceback."""

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(comparison, "judge", broken)
    assert run("compare", files["train"], files["same"], "--fail-on", "drift") == 2
    assert capsys.readouterr().err == (
        "driftguard compare: unexpected ZeroDivisionError: division. This is a fault of DriftGuard: please report it.\n"
    )


@pytest.mark.parametrize("arguments", [["--looks", "0"], ["--looks", "x"], ["--format", "pdf"], ["--fail-on", "all"]])
def test_a_wrong_option_is_an_error_of_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong value of an option has status 2."""
    with pytest.raises(SystemExit) as ended:
        run("compare", "a.csv", "b.csv", *arguments)
    assert ended.value.code == 2
    assert "usage: driftguard compare" in capsys.readouterr().err


def test_an_unwritable_result_is_an_error(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """A path that cannot be written has status 2 and names the path."""
    assert run("compare", files["train"], files["same"], "--out", "/no/such/folder/out.txt") == 2
    assert "/no/such/folder/out.txt: No such file or directory" in capsys.readouterr().err


def test_json(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON format prints the whole result."""
    run("compare", files["train"], files["drifted"], "--format", "json", "--looks", 2880)
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "drift"
    assert found["looks"] == 2880
    assert found["drifted_features"] == ["amount", "country"]
    assert found["window"]["rows"] == 3000


def test_text_names_the_changes(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The text names what drifted, by how much and the limit, and no line of the table is longer than the terminal."""
    run("compare", files["train"], files["drifted"])
    text = capsys.readouterr().out
    assert text.startswith("Drift: 2 of 6 features drifted: amount")
    assert "country: 12.5% in new categories (baseline under 0.1%): 'ZZ'." in text or "in new categories" in text
    assert "age: 2" in text
    narrow = comparison.compare(files["train"], files["drifted"]).to_text(70).splitlines()
    table = narrow[narrow.index("") + 1 : narrow.index("", narrow.index("") + 1)]
    assert len(table) == 7
    assert max(map(len, table)) == 70


def test_markdown_is_a_table(files: dict[str, Path], tmp_path: Path) -> None:
    """The Markdown format is a table whose cells no name can break."""
    sample = pd.read_csv(files["train"]).rename(columns={"amount": "a|b*c"})
    sample.to_csv(tmp_path / "one.csv", index=False)
    sample["a|b*c"] += 1
    sample.to_csv(tmp_path / "two.csv", index=False)
    out = tmp_path / "out.md"
    assert run("compare", tmp_path / "one.csv", tmp_path / "two.csv", "--format", "markdown", "--out", out) == 0
    rows = [line for line in out.read_text().splitlines() if line.startswith("| a")]
    assert rows[0].startswith(r"| a\|b\*c | drift |")
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 7


@pytest.mark.parametrize(("level", "failures"), [("none", 0), ("drift", 2), ("data_quality", 3)])
def test_junit_has_a_test_for_each_feature(level: str, failures: int, files: dict[str, Path], tmp_path: Path) -> None:
    """The JUnit file has a test for each feature, and what --fail-on asks for is a failure."""
    out = tmp_path / "out.xml"
    run("compare", files["train"], files["drifted"], "--format", "junit", "--out", out, "--fail-on", level)
    suite = ElementTree.fromstring(out.read_text())[0]
    assert suite.attrib["tests"] == "6"
    assert suite.attrib["failures"] == str(failures) == str(len(suite.findall(".//failure")))


class Page(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_page_of_500_features(tmp_path: Path) -> None:
    """A page of 500 drifted features is below 200 kB, has no script, and loads nothing."""
    chance = np.random.default_rng(1)
    for name, shift in (("one", 0.0), ("two", 0.5)):
        sample: dict[str, Any] = {
            f"a feature with a rather long name {number:03}": chance.normal(shift, 1, 1000) for number in range(400)
        }
        sample |= {
            f"category {number}": chance.choice(list("abcdefgh" if shift else "abcd"), 1000) for number in range(100)
        }
        pd.DataFrame(sample).to_parquet(tmp_path / f"{name}.parquet")
    out = tmp_path / "out.html"
    run("compare", tmp_path / "one.parquet", tmp_path / "two.parquet", "--format", "html", "--out", out)
    assert 50_000 < out.stat().st_size < 200_000
    page = Page()
    page.feed(out.read_text())
    names = {tag for tag, _attributes in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object"}
    assert {"svg", "table"} <= names
    assert not [value for _tag, attributes in page.tags for value in attributes.values() if value and "//" in value]
    assert sum(text.startswith("a feature with") for text in page.texts) >= 400


def test_names_and_values_cannot_break_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name or a value with markup, colours or a change of direction is shown as text in every format."""
    base = {"a": list(range(500)), HOSTILE.replace("\x1b", "").replace("\u202e", ""): ["x"] * 500}
    name = [*base][1]
    pd.DataFrame(base).to_csv(tmp_path / "one.csv", index=False)
    pd.DataFrame({"a": base["a"], name: [HOSTILE] * 500}).to_parquet(tmp_path / "two.parquet")
    for form in ("text", "html", "markdown", "junit", "json"):
        assert run("compare", tmp_path / "one.csv", tmp_path / "two.parquet", "--format", form) == 0
        printed = capsys.readouterr().out
        assert "\x1b" not in printed
        if form in ("text", "html", "markdown"):
            assert "\u202e" not in printed
        if form == "html":
            page = Page()
            page.feed(printed)
            assert "img" not in {tag for tag, _attributes in page.tags}
        if form == "junit":
            assert ElementTree.fromstring(printed)[0].attrib["tests"] == "2"


def test_a_notebook_shows_the_page(train: dict[str, Any], current: dict[str, Any]) -> None:
    """The result has a form for notebooks, without a document around it."""
    shown = comparison.compare(train, current)._repr_html_()
    assert "<svg" in shown
    assert "<html" not in shown


def command(*arguments: object) -> list[str]:
    """The command line in a process of its own."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from tests.clients.comparing.test_command import run\nsys.exit(run(*sys.argv[1:]))"
    )
    return [sys.executable, "-c", code, *map(str, arguments)]


def in_terminal(*arguments: object) -> tuple[str, int]:
    """What a command writes to a terminal of 60 columns, and its exit status."""
    leader, follower = pty.openpty()
    started = subprocess.Popen(
        command(*arguments), stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "COLUMNS": "60"}
    )
    os.close(follower)
    found = b""
    while True:
        try:
            block = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        found += block
    os.close(leader)
    return found.decode(), started.wait()


def test_progress_is_shown_on_a_terminal_alone(tmp_path: Path) -> None:
    """Long work tells its progress on a terminal and takes it away at the end; a pipe sees the result alone."""
    sample = pd.DataFrame(columns(1, 200_000))
    sample.to_csv(tmp_path / "big.csv", index=False)
    shown, status = in_terminal("compare", tmp_path / "big.csv", tmp_path / "big.csv")
    assert status == 0
    assert re.search(r"\r\x1b\[KReading big\.csv: [\d,]+ rows", shown)
    result = shown.split("\r\x1b[K")[-1]
    assert result.startswith("No drift")
    assert max(len(line.rstrip()) for line in result.splitlines()[4:8]) <= 60
    done = subprocess.run(
        command("compare", tmp_path / "big.csv", tmp_path / "big.csv"), capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("No drift")
    assert done.stderr == ""


def test_a_closed_pipe_is_no_traceback(files: dict[str, Path]) -> None:
    """If the reader of the output has gone, the command ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command("compare", files["train"], files["drifted"]),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("name", ["compare", "backtest"])
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of each command has an example and says what the exit status means."""
    with pytest.raises(SystemExit) as ended:
        run(name, "--help")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"example:\n  driftguard {name} " in shown
    assert "exit status:" in shown


def test_a_configuration_is_used(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings, columns and options of CSV files come from the file, and the command line goes before it."""
    path = tmp_path / "driftguard.toml"
    path.write_text(
        "[settings]\nmin_drift_score = 0.3\n[columns]\nprediction = 'age'\nexclude = ['country']\n"
        "[csv]\ntext_columns = ['visits']\n"
    )
    run("compare", files["train"], files["drifted"], "--config", path, "--format", "json", "--prediction", "amount")
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["type"] for one in found["features"]} == {
        "age": "numeric",
        "visits": "categorical",
        "member": "boolean",
        "prediction": "numeric",
    }
    assert found["settings"] == {"min_drift_score": 0.3}


def test_backtest_prints_alerts_and_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The backtest prints when alerts would have opened and ended, as text, JSON and a page, and exits with 0."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    chance = np.random.default_rng(3)
    rows = 15_000
    hours = np.sort(chance.uniform(0, 40 * 24, rows))
    drifting = (hours > 15 * 24) & (hours < 24 * 24)
    history = pd.DataFrame(
        {
            "a": chance.normal(size=rows) + drifting,
            "b": chance.choice(list("xyz"), rows),
            "ts": [start + timedelta(hours=hour) for hour in hours],
        }
    )
    history.to_parquet(tmp_path / "history.parquet")
    pd.DataFrame({"a": chance.normal(size=3000), "b": chance.choice(list("xyz"), 3000)}).to_csv(
        tmp_path / "train.csv", index=False
    )
    given = ("backtest", tmp_path / "train.csv", tmp_path / "history.parquet", "--timestamp", "ts", "--every", "6h")
    assert run(*given) == 0
    text = capsys.readouterr().out
    assert text.startswith("1 alert and ")
    assert re.search(
        r"2026-01-2\d \d\d:00 UTC – 2026-02-0\d \d\d:00 UTC \(1\d days\)  Data drift HIGH, peak score 0\.\d+: a", text
    )
    assert run(*given, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [alert["features"] for alert in found["alerts"]] == [["a"]]
    assert [change["kind"] for message in found["messages"] for change in message["changes"]][0::100] == ["opened"]
    assert found["messages"][-1]["changes"][0]["kind"] == "resolved"
    assert run(*given, "--format", "html", "--out", tmp_path / "out.html") == 0
    page = Page()
    page.feed((tmp_path / "out.html").read_text())
    assert "script" not in {tag for tag, _attributes in page.tags}
    assert sum(attributes.get("class") == "a" for _tag, attributes in page.tags) == 1


def test_csv_options_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error about a column or the delimiter names the option that mends it, and the option does."""
    path = tmp_path / "one.csv"
    path.write_text("rate;zip\n" + "".join(f"{place % 9}%;{place}\n" for place in range(300)))
    assert run("compare", path, path) == 2
    assert "--delimiter CHAR" in capsys.readouterr().err
    assert run("compare", path, path, "--delimiter", ";") == 2
    assert "--text-column NAME" in capsys.readouterr().err
    given = ("--delimiter", ";", "--text-column", "rate", "--text-column", "zip")
    assert run("compare", path, path, *given, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["type"] for one in found["features"]} == {"rate": "categorical", "zip": "categorical"}


@pytest.mark.parametrize(
    ("version", "missing", "text"),
    [
        ((3, 11, 7), ["pyarrow"], "You run Python 3.11.7; compare and backtest need Python 3.12 or newer."),
        ((3, 10, 0), [], "python3.12 -m venv .venv && .venv/bin/pip install 'driftguard-client[compare]'"),
        ((3, 12, 0), ["scipy", "pyarrow"], "need scipy, pyarrow. Install them with: pip install 'driftguard-client["),
    ],
)
def test_an_old_python_is_named_before_a_missing_package(
    version: tuple[int, int, int], missing: list[str], text: str
) -> None:
    """Installing the extra again would not help."""
    found = problem(version, missing)
    assert found is not None
    assert text in found
    assert ("Install them with" in found) == (version >= (3, 12))
    assert problem((3, 13, 1), []) is None


def test_log_says_about_a_binary_file_what_compare_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`log` cannot use the engine, which has the sentence."""
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    assert main(["compare", str(path), str(path)]) == 2
    said = capsys.readouterr().err.removeprefix("driftguard compare: ")
    assert "the file is binary" in said
    assert main(["log", "churn", str(path), "--url", "http://127.0.0.1:1", "--api-key", "k"]) == 2
    assert capsys.readouterr().err == f"driftguard: {said}"


@pytest.mark.parametrize("kind", ["text", "markdown", "html"])
def test_a_small_difference_that_is_no_chance_says_which_limit_it_does_not_reach(tmp_path: Path, kind: str) -> None:
    """The p-value is below its limit, so the row alone would look like drift."""
    for name, share in (("before", 0.50), ("now", 0.53)):
        pd.DataFrame({"member": np.arange(40_000) < share * 40_000}).to_csv(tmp_path / f"{name}.csv", index=False)
    out = tmp_path / "out"
    assert run("compare", tmp_path / "before.csv", tmp_path / "now.csv", "--format", kind, "--out", out) == 0
    text = unescape(out.read_text()).replace("\\", "")
    assert re.search(r"too small \(0\.02\d+ above chance < 0\.05\)", text)
    assert "too small" not in comparison.compare({"a": [True, False] * 500}, {"a": [True, False] * 500}).to_text()


def test_a_pipe_and_a_file_get_whole_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a terminal cuts. The shares come before the words, so that the words are cut first."""
    plan = "the plan that the customer had last"
    pd.DataFrame({"plan": [plan, plan, "basic", "pro"] * 500}).to_csv(tmp_path / "before.csv", index=False)
    pd.DataFrame({"plan": [*[plan] * 6, "basic", "pro"] * 250}).to_csv(tmp_path / "now.csv", index=False)
    files = (tmp_path / "before.csv", tmp_path / "now.csv")
    assert run("compare", *files) == 0
    shown = capsys.readouterr().out
    line = next(line for line in shown.splitlines() if line.startswith("  plan"))
    assert len(line) > 100
    assert line.endswith(f"  50.0% → 75.0%: “{plan}” rose")
    assert run("compare", *files, "--out", tmp_path / "out.txt") == 0
    assert (tmp_path / "out.txt").read_text() == shown
    result = comparison.compare(*files)
    assert str(result) == shown
    cut = next(line for line in result.to_text(80).splitlines() if line.startswith("  plan"))
    assert len(cut) == 80
    assert line.startswith(cut[:-1])
