"""The demo's client, its command line and its bars."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from demo.__main__ import ALL_WEEKS, main
from demo.api import Api, DemoError, RefusedError
from demo.history import WEEKS, History
from demo.screen import Screen, bar, probability, spark
from demo.story import Months

STACK = {
    "url": "http://stack.test",
    "api_keys": {"admin": "secret", "ingest": "i", "viewer": "v"},
    "organization_id": "org",
    "aws_endpoint": "http://aws.test",
    "region": "eu-west-1",
    "resources": {},
}


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    """A client whose every request gets this answer."""
    keys = {"admin": "a", "ingest": "i", "viewer": "v"}
    return Api("http://stack.test/", keys, transport=httpx.MockTransport(answer))  # type: ignore[arg-type]


def test_a_refusal_is_told_with_its_reason() -> None:
    """The status, the API's own message and the places of its errors are in the error."""
    body = {"message": "Invalid", "errors": [{"loc": ["body", "name"], "msg": "too long"}]}
    with pytest.raises(RefusedError, match=r"POST /models answered 422: Invalid; body\.name: too long"):
        client(lambda _request: httpx.Response(422, json=body)).post("/models", {})


def test_nothing_at_the_address_is_told_in_a_sentence() -> None:
    """A refused connection names the address and what to do."""

    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(DemoError, match=r"nothing answers at http://stack\.test"):
        client(refuse).get("/health")


def test_each_call_carries_the_key_of_its_role_and_lists_go_on() -> None:
    """Reading takes the viewer's key, changes the admin's, logging the ingest key; a list follows its Link."""
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["x-api-key"])
        more = {"link": '<http://stack.test/models?cursor=x>; rel="next"'} if len(keys) == 1 else {}
        return httpx.Response(200, json=[len(keys)], headers=more)

    api = client(answer)
    assert list(api.every("/models")) == [1, 2]
    api.post("/models", {})
    assert keys == ["v", "v", "a"]
    assert api.client("ingest").connection.api_key == "i"


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        (httpx.Response(200, html="<p>here</p>"), True),
        (httpx.Response(200, json={}), False),
        (httpx.Response(404, json={"message": "Not Found"}), False),
    ],
)
def test_a_page_opens_only_as_html(answer: httpx.Response, opens: bool) -> None:
    """The dashboard's address counts only when a browser would show something there."""
    assert client(lambda _request: answer).serves_page("/dashboard") is opens


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no stack runs here"),
        ("{", "is not the file of a stack"),
        (json.dumps({**STACK, "api_keys": {"admin": "a", "viewer": "v"}}), "lacks api_keys.ingest"),
        (json.dumps({name: value for name, value in STACK.items() if name != "resources"}), "lacks resources"),
    ],
)
def test_without_a_stack_the_demo_ends_with_one_line(
    content: str | None, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A missing, a broken and an old stack file are no traceback but a sentence and exit status 1."""
    file = tmp_path / "stack.json"
    if content is not None:
        file.write_text(content)
    assert main(["--stack", str(file)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("problems", "status"), [([], 0), (["the moon is missing"], 1)])
def test_whatever_is_missing_ends_the_demo_with_an_error(
    problems: list[str],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The exit status is 0 only when nothing is missing. What is missing is printed, and the link with the key."""
    (tmp_path / "stack.json").write_text(json.dumps(STACK))
    monkeypatch.setattr("demo.service.Service.of", lambda _stack, _credentials: None)
    monkeypatch.setattr("demo.story.Story.tell", lambda _story: problems)
    assert main(["--stack", str(tmp_path / "stack.json")]) == status
    printed = capsys.readouterr().out
    assert all(problem in printed for problem in problems)
    assert ("Everything came out as it must" in printed) is (status == 0)
    assert "http://stack.test/dashboard#/?key=secret" in printed


def test_all_weeks_are_replayed_unless_fewer_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The command's default is the whole history, and a number of weeks too small for the story is refused."""
    assert ALL_WEEKS == WEEKS
    with pytest.raises(SystemExit):
        main(["--weeks", "3"])
    assert "--weeks" in capsys.readouterr().err


def test_each_month_has_a_bar_that_fills(capsys: pytest.CaptureFixture[str]) -> None:
    """Away from a terminal each month is one line, written when it is over."""
    history = object.__new__(History)
    moments = [
        datetime(2013, 5, 31, 18, tzinfo=UTC),
        datetime(2013, 6, 1, tzinfo=UTC),
        datetime(2013, 6, 1, 6, tzinfo=UTC),
    ]
    history.moments = lambda: moments  # type: ignore[method-assign]
    with Months(Screen(sys.stdout), history) as months:
        for at in moments:
            months.reach(at)
    lines = capsys.readouterr().out.splitlines()
    assert ["May" in lines[0], "2 of 2 checks" in lines[0], "June" in lines[1], "1 of 1 checks" in lines[1]] == [
        True
    ] * 4
    assert len(lines) == 2


def test_a_sparkline_has_a_column_for_each_score() -> None:
    """Columns grow with the score up to 0.5, and a part without a check is blank."""
    assert spark([0.0, 0.25, 0.5, 1.0, None]) == "▁▅██ "


@pytest.mark.parametrize(
    ("share", "mark", "drawn"),
    [
        (0, None, "    "),
        (1, None, "████"),
        (0.5, 0.75, "██ │"),
        (0.53125, 0.25, "█│▏ "),
        (2, 3, "███│"),
        (0.25, 1, "█  │"),
    ],
)
def test_bars_show_share_and_mark(share: float, mark: float | None, drawn: str) -> None:
    """A bar fills in eighths, is never longer than its width, and the mark is always seen."""
    assert bar(share, mark, 4) == drawn


@pytest.mark.parametrize(("value", "shown"), [(0.0, "<1e-300"), (1.3e-112, "1.3e-112"), (0.1416, "0.142")])
def test_probabilities_are_short(value: float, shown: str) -> None:
    """Tiny p-values keep their exponent, zero is not shown as if it were one."""
    assert probability(value) == shown
