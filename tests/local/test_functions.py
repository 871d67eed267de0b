"""Functions in execution environments like Lambda's."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.launched import Launched, until

pytestmark = pytest.mark.stack


def test_a_function_sees_its_layers_and_lambdas_packages_only(small: Launched) -> None:
    """What the project's environment has besides stays out, so that a missing layer is found here."""
    about = small.http("GET", "/open").json()
    assert about["modules"] == ["in_layer", "boto3"]


def test_a_function_sees_lambdas_variables_and_its_own_only(small: Launched) -> None:
    """No variable of the launcher's comes through."""
    variables = set(small.http("GET", "/open").json()["variables"])
    assert {"OUTGOING_ENDPOINT", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID"} <= variables
    assert not {"AUTH", "STATE_DIR", "GATEWAY_PORT", "VIRTUAL_ENV"} & variables


def test_a_function_has_awss_own_context(small: Launched) -> None:
    """Time left and request id come from the Runtime API."""
    about = small.http("GET", "/open").json()
    assert 15_000 < about["milliseconds_left"] <= 20_000
    assert about["request_id"]


def test_an_environment_is_used_again(small: Launched) -> None:
    """Calls one after the other share processes; on a busy machine one may not be free again for the very next call."""
    pids = [small.http("GET", "/open").json()["pid"] for _ in range(12)]
    assert len(set(pids)) <= 3


def test_calls_at_once_run_in_environments_of_their_own(small: Launched) -> None:
    """Three slow calls at once take no longer than one, in three processes."""
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: small.http("GET", "/any/sleeps/1.2").json(), range(3)))
    assert len({answer["pid"] for answer in answers}) == 3


def test_more_calls_than_environments_all_end(small: Launched) -> None:
    """Beyond the most environments of one function, calls wait for their turn."""
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: small.http("GET", "/any/sleeps/0.1").status_code, range(48)))
    assert statuses == [200] * 48


def test_a_function_over_its_time_is_ended_and_started_anew(small: Launched) -> None:
    """The error is Lambda's, and the next call is served."""
    began = time.monotonic()
    error = small.invoke("HastyFunction", {"sleep": 5})
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert time.monotonic() - began < 4
    following = small.invoke("HastyFunction", {})
    assert following.get("statusCode") == 200, following


def test_an_exception_is_reported_as_lambda_does(small: Launched) -> None:
    """A direct invocation names type, message and stack."""
    error = small.invoke("EchoFunction", {"path": "/any/raises"})
    assert (error["errorType"], error["errorMessage"]) == ("RuntimeError", "on purpose")
    assert error["stackTrace"]


def test_what_a_function_prints_goes_to_a_file(small: Launched) -> None:
    """And nothing of an invocation stays in the memory of the log service, however many there are (events.py)."""
    small.http("GET", "/any/printed")
    log = Path(small.stack["logs"], f"{small.resources['EchoFunction']}.log")
    assert "called with printed" in log.read_text()
    logs = small.aws("logs")
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"] == []
    assert small.aws("cloudwatch").list_metrics(Namespace="AWS/Lambda")["Metrics"] == []


def test_new_code_is_served_at_once(small: Launched) -> None:
    """A changed function's environments are replaced."""
    functions, name = small.aws("lambda"), small.resources["HastyFunction"]
    before = small.invoke("HastyFunction", {})
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"CHANGED": "1"}})
    until(lambda: "CHANGED" in small.invoke("HastyFunction", {})["body"])
    assert "CHANGED" not in before["body"]
