"""The load driver's own pieces: what it refuses, what it sends, what it notices, what it writes."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.__main__ import main
from bench.load.bodies import FEATURES, MARKER, ROWS, Bodies
from bench.load.fleet import Client, Model, Organization, Seen, look
from bench.load.ingest import Phase
from bench.load.inprocess import Handled
from bench.load.plan import Kind, Ledger, Plan, Target
from bench.load.processes import Cpu, Snapshot, machine_seconds, times_of
from bench.load.report import POISON, Measured, document, held
from bench.load.serving import LoadError, loopback, read
from bench.load.tick import Depths, Tick


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "http://api.example.com",
        "http://10.0.0.7:3000",
        "http://127.0.0.1.example.com:3000",
        "http://127.0.0.1@example.com:3000",
        "http://user@127.0.0.1:3000",
        "https://127.0.0.1:3000",
        "http://0.0.0.0:3000",
        "127.0.0.1:3000",
        "",
    ],
)
def test_only_this_machine_is_loaded(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Any address but a plain one on this machine is refused, before anything is started or sent."""
    with pytest.raises(LoadError, match="not on this machine"):
        loopback(url)
    if url:
        assert main(["load", "--url", url]) == 1
        assert "not on this machine" in capsys.readouterr().out


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "http://localhost:3000/", "http://[::1]:3000", "http://127.8.8.8"]
)
def test_this_machine_has_several_addresses(url: str) -> None:
    """Loopback addresses are taken, without a trailing slash."""
    assert loopback(url) == url.rstrip("/")


def test_a_stack_must_serve_where_it_is_said_to(tmp_path: Path) -> None:
    """A missing description, one of another address, and one whose AWS end is elsewhere are refused."""
    path = tmp_path / "stack.json"
    with pytest.raises(LoadError, match="no stack serves"):
        read(path, "http://127.0.0.1:3000")
    served = {"url": "http://127.0.0.1:3000", "pid": 7, "logs": "logs", "resources": {"CheckQueue": "q"}}
    path.write_text(json.dumps({**served, "aws_endpoint": "http://127.0.0.1:4000"}))
    assert read(path, "http://127.0.0.1:3000").aws.resources == {"CheckQueue": "q"}
    with pytest.raises(LoadError, match="describes a stack at"):
        read(path, "http://127.0.0.1:3001")
    path.write_text(json.dumps({**served, "aws_endpoint": "https://sqs.eu-west-1.amazonaws.com"}))
    with pytest.raises(LoadError, match="not on this machine"):
        read(path, "http://127.0.0.1:3000")


@pytest.mark.parametrize("options", [["--users", "1000"], ["--seconds", "0"], ["--models", "1"], ["--minutes", "600"]])
def test_a_run_is_bounded(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What would take without end is no option."""
    with pytest.raises(SystemExit):
        main(["load", *options])
    assert "must be from" in capsys.readouterr().err


def test_more_organizations_than_models_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    """Every organization needs a model."""
    assert main(["load", "--organizations", "3", "--models", "2"]) == 1
    assert "as many models" in capsys.readouterr().out


def test_a_request_sent_again_is_the_same() -> None:
    """A body follows from its number: two senders make the same, and no two numbers share an id."""
    one, other = Bodies(), Bodies()
    for number in (0, 5, 40):
        assert one.batch("run", number, "m", 3) == other.batch("run", number, "m", 3)
        assert one.single("run", number, "m", 3) == other.single("run", number, "m", 3)
    batch, single = json.loads(one.batch("run", 17, "m", 3)), json.loads(one.single("run", 17, "m", 3))
    assert (batch["model_id"], batch["batch_id"], single["prediction_id"]) == ("m", "run-17", "run-17")
    assert len(batch["columns"]) == len(single["features"]) == FEATURES
    assert {len(values) for values in [*batch["columns"].values(), batch["predictions"]]} == {ROWS}
    assert set(batch["columns"][MARKER]) == {single["features"][MARKER]} == {3}
    assert json.loads(one.baseline(9))["rows"][0]["features"][MARKER] == 9


def test_plan_and_ledger_survive_the_way_to_locust(tmp_path: Path) -> None:
    """What one side writes the other reads."""
    path = tmp_path / "file.json"
    plan = Plan("http://127.0.0.1", "batch", "run", 8, 400, [Target("key", "m", 1)], 10, "answer")
    plan.write(path)
    assert Plan.read(path) == plan
    ledger = Ledger(seconds=2.0, requests=3, accepted={"m": 500}, unanswered=[2], errors={"503": 1})
    ledger.write(path)
    assert Ledger.read(path) == ledger


def test_processor_time_is_split_between_whoever_used_it() -> None:
    """By function, those that ended meanwhile included, the rest of the machine apart."""
    before = Snapshot(10.0, 5.0, {1: ("Log", 2.0), 2: ("Check", 4.0)}, 1.0, busy=100.0, idle=50.0)
    later = Snapshot(13.0, 10.0, {1: ("Log", 3.5), 3: ("Log", 0.5)}, 2.0, busy=110.0, idle=52.0)
    cpu = before.until(later)
    # Of process 2, 4 seconds were known; it ended with 5.
    assert cpu.functions == {"Log": 2.0, "ended": 1.0}
    assert (cpu.emulator, cpu.driver, cpu.serving, cpu.idle) == (3.0, 1.0, 6.0, 2.0)
    assert cpu.others == pytest.approx(10.0 - 3.0 - 1.0 - 3.0)


def test_proc_files_are_read_by_their_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process's name may hold brackets and blanks; waiting for a disk is idle time."""
    monkeypatch.setattr("bench.load.processes.TICKS", 100)
    stat = "42 (a ) name) S 7 1 1 0 -1 0 0 0 0 0 150 50 1000 200 20 0 1 0 0"
    assert times_of(stat) == (7, 2.0, 12.0)
    assert machine_seconds("cpu  100 100 200 500 300 0 50 50 0 0\ncpu0 1 1 1 1") == (5.0, 8.0)


def test_the_queue_is_followed_until_it_is_empty() -> None:
    """Deepest, when, most taken at once, and when nothing was left; empty before it filled does not count."""
    depths = Depths([(1.0, 0, 0), (2.0, 900, 50), (3.0, 940, 60), (4.0, 10, 5), (5.0, 0, 0), (6.0, 0, 0)])
    assert (depths.deepest, depths.filled, depths.in_flight, depths.emptied) == (1000, 3.0, 60, 5.0)
    assert Depths([(1.0, 3, 0)]).emptied is None


ACME, BELL = Organization("acme", "acme-admin", "acme-ingest"), Organization("bell", "bell-admin", "bell-ingest")
MODELS = [Model("a", 0, ACME), Model("b", 1, BELL), Model("c", 2, ACME)]


class Api:
    """An API with two organizations' models; `wrong` names what it does wrong."""

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong

    def __call__(self, request: httpx.Request) -> httpx.Response:
        owner = request.headers["x-api-key"].partition("-")[0]
        own = [model for model in MODELS if model.organization.id == owner]
        path = request.url.path
        if path == "/models":
            shown = own[1:] if self.wrong == "hidden" and owner == "acme" else own
            return httpx.Response(200, json=[{"id": model.id} for model in shown])
        model_id = json.loads(request.content)["model_id"] if request.method == "POST" else path.split("/")[-2]
        model_id = path.split("/")[-1] if path.count("/") == 2 and request.method == "GET" else model_id
        model = next((model for model in own if model.id == model_id), None)
        if model is None:
            return httpx.Response(200 if self.wrong == "open" else 404, json=[])
        if path.endswith("/report"):
            return httpx.Response(200, json={"n_window": 2 if self.wrong == "lost" and model.id == "c" else 3})
        return httpx.Response(200, json=self._rows(model), headers={})

    def _rows(self, model: Model) -> list[dict[str, Any]]:
        rows = [{"prediction_id": str(number), "features": {MARKER: model.number}} for number in range(3)]
        if self.wrong == "crossed" and model.id == "a":
            rows[1]["features"] = {MARKER: 1}
        if self.wrong == "twice" and model.id == "b":
            rows[1]["prediction_id"] = "0"
        return rows


def looked(wrong: str = "") -> Seen:
    """What the organizations see of an API that does something wrong."""
    rows = {model.id: 3 for model in MODELS}
    with Client("http://127.0.0.1", transport=httpx.MockTransport(Api(wrong))) as client:
        return look(client, MODELS, rows, damaged=MODELS[1])


def test_what_is_right_has_no_deviations() -> None:
    """Every model but the damaged one is counted, one an organization is read back, every stranger is refused."""
    assert looked() == Seen(2, 3, rows_counted=6, rows_listed=6, refused=6, problems=[])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("hidden", "acme sees 1 models, not its own 2"),
        ("lost", "c counts 2 rows, not 3"),
        ("crossed", "a lists 3 rows, not 3, and 1 of another model"),
        ("twice", "b lists 2 rows, not 3, and 0 of another model"),
        ("open", "acme is answered 200 for GET /models/b of another's model"),
    ],
)
def test_what_is_lost_or_crosses_over_is_noticed(wrong: str, said: str) -> None:
    """A missing model, a lost row, another model's row, a row less than sent, a door that is open."""
    assert said in looked(wrong).problems


def phase(kind: Kind, requests: int, rows: int, function: str) -> Phase:
    """A phase of ten seconds."""
    ledger = Ledger(10.0, requests, 20.0, 40.0, 60.0, repeated=1, accepted={"a": rows} if rows else {})
    return Phase(kind, 8, ledger, Cpu(emulator=2.0, functions={function: 4.0} if function else {}, driver=1.0))


def measured() -> Measured:
    """A run in which everything held."""
    return Measured(
        organizations=2,
        models=1000,
        phases=[
            phase("preflight", 4000, 0, ""),
            phase("health", 1000, 0, "ServeStatusFunction"),
            phase("single", 500, 500, "LogPredictionsFunction"),
            phase("batch", 200, 100_000, "LogPredictionsFunction"),
        ],
        handled={"single": Handled(1.5, 3, 2, 1.5, 1), "batch": Handled(16.0, 3, 28, 1.5, 500)},
        tick=Tick(
            models=1000,
            seconds=80.0,
            outcomes=Counter(checked=999, failed=1),
            told=Counter(checked=999, skipped=0, failed=1),
            failures=[("b", POISON)],
            depths=Depths([(1.0, 950, 50), (80.0, 0, 0)]),
            dead=0,
            milliseconds=[200] * 999,
            cpu=Cpu(30.0, {"CheckDriftFunction": 50.0, "ScheduleChecksFunction": 0.25}, 1.0),
        ),
        rows={"a": 101_000, "b": 500},
        damaged="b",
        seen=Seen(2, 1000, 101_000, 1000, 6, []),
        whole=Cpu(100.0, {"CheckDriftFunction": 100.0}, 50.0, others=200.0, idle=50.0),
        cores=2,
        minutes=6.0,
        load=(1.0, 2.0),
        nice=0,
        own_stack=True,
    )


def test_the_page_says_what_was_measured() -> None:
    """Rates, rates a core, ratios, the tick and the first bottleneck, and that everything holds."""
    run = measured()
    text = document(run)
    assert held(run)
    assert "**missed**" not in text
    assert "| POST /predictions/batch, 500 × 20 | 200 | 20.0 | 10,000 | 20.0 | 40.0 | 60.0 | 0 |" in text
    # 200 batches: 10 ms of the emulator, 20 of the function, 5 of locust each.
    assert "| POST /predictions/batch, 500 × 20 | 10.0 | 20.0 | 5.00 | 33.3 | 16,667 | 25,000 |" in text
    assert "| a batch in the function's process over the handler by itself | 20.0 ms / 16.0 ms = 1.2 |" in text
    assert "| a prediction alone over one in a batch of 500, function only | 200 |" in text
    assert "| models checked · skipped · failed, by the run records | 999 · 0 · 1 |" in text
    assert "`b`, ValueError: a baseline of unknown format" in text
    words = " ".join(text.split())
    assert "used 50% of the processors' time, other work 40%, and 10% was idle" in words
    assert "`check_drift`, 50.0 ms under this load" in words
    # 0.25 ms of a processor are 0.86 at 512 MB; with 0.6 of calls beside them 300 s are enough for 204,950.
    assert "0.86 ms" in words
    assert "about 200,000 models in the 300 s" in words


@pytest.mark.parametrize(
    "change",
    [
        {"seen": Seen(2, 1000, 101_000, 1000, 6, ["a counts 2 rows, not 3"])},
        {"seen": Seen(2, 1000, 100_999, 1000, 6, [])},
        {"damaged": "a"},
        {"minutes": 16.0},
    ],
)
def test_a_run_that_fell_short_says_so(change: dict[str, Any]) -> None:
    """A deviation, a lost row, another model failing or too long a run is a miss, on the page and in the status."""
    run = replace(measured(), **change)
    assert not held(run)
    assert "**missed**" in document(run)


@pytest.mark.parametrize(
    "change",
    [
        {"outcomes": Counter(checked=998, failed=2)},
        {"told": Counter(checked=998, skipped=1, failed=1)},
        {"failures": [("b", "KeyError: 'x'")]},
        {"dead": 1},
        {"seconds": 901.0},
    ],
)
def test_a_tick_that_fell_short_says_so(change: dict[str, Any]) -> None:
    """Another outcome, told otherwise, another reason, a dead letter, or longer than until the next tick."""
    run = measured()
    assert not held(replace(run, tick=replace(run.tick, **change)))
