"""Rules 4 and 5: exits, forks, web servers with workers, and Lambda."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testing.processes import python, variables
from testing.service import Service

LOGS_AND_ENDS = """
    import sys
    from driftguard_client import DriftGuard

    model = DriftGuard(sys.argv[1], "secret").model("churn")
    for number in range(int(sys.argv[2])):
        model.log({"age": number}, 0.5, prediction_id=f"row-{number}")
    """


def test_an_exit_sends_what_is_queued(service: Service) -> None:
    """A script that logs and ends needs no flush."""
    process = python(LOGS_AND_ENDS, service.url, "1234")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert sorted(service.ids) == sorted(f"row-{number}" for number in range(1234))


def test_an_exit_never_hangs(service: Service) -> None:
    """With a service that hangs, the process ends after about two seconds and says how many rows are lost."""
    service.fault = lambda _number: "hang"
    service.hang_seconds = 30
    began = time.monotonic()
    process = python(LOGS_AND_ENDS, service.url, "10")
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert process.returncode == 0
    assert b"10 rows were not logged" in errors


def test_rows_of_an_exit_handler_are_sent(service: Service) -> None:
    """A first log() during the exit, when no thread can start any more, is sent all the same."""
    process = python(
        """
        import atexit, sys
        from driftguard_client import DriftGuard

        dg = DriftGuard(sys.argv[1], "secret")
        atexit.register(lambda: dg.model("churn").log({"age": 1}, 0.5, prediction_id="late"))
        """,
        service.url,
    )
    process.communicate(timeout=20)
    assert service.ids == ["late"]


def test_forks_lose_and_double_nothing(service: Service) -> None:
    """Parent and children log before, while and after forking, with queued rows at the moment of the fork."""
    process = python(
        """
        import os, sys
        from driftguard_client import DriftGuard

        dg = DriftGuard(sys.argv[1], "secret", flush_interval=0.2)
        model = dg.model("churn")
        for number in range(100):
            model.log({"age": number}, 0.5, prediction_id=f"before-{number}")
        children = []
        for child in range(4):
            pid = os.fork()
            if not pid:
                for number in range(100):
                    model.log({"age": number}, 0.5, prediction_id=f"child {child}-{number}")
                sys.exit(0)
            children.append(pid)
            model.log({"age": 1}, 0.5, prediction_id=f"between-{child}")
        for pid in children:
            os.waitpid(pid, 0)
        """,
        service.url,
    )
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    expected = [f"before-{number}" for number in range(100)] + [f"between-{child}" for child in range(4)]
    expected += [f"child {child}-{number}" for child in range(4) for number in range(100)]
    assert sorted(service.ids) == sorted(expected)


def test_the_thread_that_sends_imports_nothing(service: Service) -> None:
    """A fork in the middle of an import would leave the child unable to import, so all is imported before."""
    process = python(
        """
        import sys, threading
        from driftguard_client import DriftGuard

        class Watch:
            def find_spec(self, name, *_):
                if threading.current_thread() is not threading.main_thread():
                    print(name, flush=True)

        model = DriftGuard(sys.argv[1], "secret", flush_interval=0.01, max_retry_s=20).model("churn")
        sys.meta_path.insert(0, Watch())
        model.log({"age": 1.0}, 0.5)
        model.client.flush(timeout=15)
        DriftGuard("http://nobody.invalid:1", "secret").model("churn").log({"age": 1.0}, 0.5)
        """,
        service.url,
    )
    service.fault = lambda number: "throttle" if number == 0 else "close" if number == 1 else None
    out, errors = process.communicate(timeout=30)
    assert (out, len(service.rows)) == (b"", 1), errors


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_send_their_rows(service: Service, method: str, tmp_path: Path) -> None:
    """They end without atexit, yet what they logged arrives."""
    script = tmp_path / "pool.py"
    script.write_text(
        f"""
import multiprocessing
from driftguard_client import DriftGuard

model = DriftGuard({service.url!r}, "secret", flush_interval=30).model("churn")

def work(child):
    for number in range(50):
        model.log({{"age": number}}, 0.5, prediction_id=f"{{child}}-{{number}}")

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    children = [context.Process(target=work, args=(child,)) for child in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""
    )
    run = subprocess.run([sys.executable, script], env=variables(), capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert sorted(service.ids) == sorted(f"{child}-{number}" for child in range(3) for number in range(50))


APPLICATION = """
import itertools, json, os
from driftguard_client import DriftGuard

dg = DriftGuard(flush_interval=0.3, spool_dir=os.environ.get("SPOOL"))
model = dg.model("churn")
model.log({"age": 0}, 0.5, prediction_id="master")          # in the master, before it forks

def application(environ, start_response):
    number = environ["QUERY_STRING"]
    model.log({"age": float(number)}, 0.5, prediction_id=f"request-{number}")
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps({"worker": os.getpid()}).encode()]
"""


@pytest.mark.parametrize("with_spool", [False, True])
def test_gunicorn_with_preload_and_four_workers_loses_nothing(
    service: Service, tmp_path: Path, with_spool: bool
) -> None:
    """Each request's row arrives once, also those that are queued when the workers are told to stop."""
    (tmp_path / "served.py").write_text(APPLICATION)
    port = _free_port()
    more = {"DRIFTGUARD_URL": service.url, "DRIFTGUARD_API_KEY": service.key}
    if with_spool:
        more["SPOOL"] = str(tmp_path / "spool")
    environment = variables(more)
    environment["PYTHONPATH"] += f"{os.pathsep}{tmp_path}"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        [*command, "served:application"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _await_port(port, server)
        with ThreadPoolExecutor(16) as pool:
            workers = list(pool.map(lambda number: _get(f"http://127.0.0.1:{port}/?{number}"), range(1000)))
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    finally:
        server.kill()
        server.communicate()
    assert len({answer["worker"] for answer in workers}) == 4
    assert sorted(service.ids) == sorted(["master", *(f"request-{number}" for number in range(1000))])


LAMBDA = """
    import os, signal, sys
    from driftguard_client import DriftGuard

    dg = DriftGuard(sys.argv[1], "secret", flush_interval=0.05)
    model = dg.model("churn")

    class Context:
        def get_remaining_time_in_millis(self):
            return 3000

    @dg.lambda_handler
    def handler(event, context):
        for number in range(30):
            model.log({"age": number}, 0.5, prediction_id=f"{event}-{number}")
        if event == 2:
            raise ValueError("the handler's own error")
        return {"statusCode": 200}

    for event in range(5):
        try:
            handler(event, Context())
        except ValueError:
            pass
        os.write(1, b"returned\\n")
        os.kill(os.getpid(), signal.SIGSTOP)        # Lambda freezes the process the moment the handler has returned
    """


def test_lambda_has_sent_its_rows_when_it_is_frozen(service: Service) -> None:
    """A process that is stopped right after each invocation has sent all rows before; then it is never continued."""
    process = python(LAMBDA, service.url)
    assert process.stdout is not None
    try:
        for event in range(5):
            assert process.stdout.readline() == b"returned\n"
            os.waitpid(process.pid, os.WUNTRACED)
            expected = [f"{one}-{number}" for one in range(event + 1) for number in range(30)]
            assert sorted(service.ids) == sorted(expected)
            if event < 4:
                os.kill(process.pid, signal.SIGCONT)
    finally:
        process.kill()
        process.communicate()


def test_lambda_keeps_what_it_could_not_send_for_the_next_invocation(service: Service) -> None:
    """While the service is down an invocation is delayed by seconds only; the next one sends the rows, once each."""
    service.fault = lambda number: "fail_after_storing" if number < 3 else None
    process = python(LAMBDA.replace("return 3000", "return 700"), service.url)
    assert process.stdout is not None
    try:
        for event in range(5):
            began = time.monotonic()
            assert process.stdout.readline() == b"returned\n"
            os.waitpid(process.pid, os.WUNTRACED)
            assert time.monotonic() - began < 5
            if event < 4:
                os.kill(process.pid, signal.SIGCONT)
    finally:
        process.kill()
        process.communicate()
    assert sorted(service.ids) == sorted(f"{event}-{number}" for event in range(5) for number in range(30))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _await_port(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert server.poll() is None, server.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def _get(url: str) -> dict[str, int]:
    with urllib.request.urlopen(url, timeout=20) as response:
        answer: dict[str, int] = json.load(response)
        return answer
