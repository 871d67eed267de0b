"""One execution environment of a function: a process on AWS's runtime client, and the Runtime API that feeds it."""

import json
import queue
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

ANSWER_LIMIT: Final = 6 * 1024 * 1024
"""The largest payload that a function may return, in bytes."""


@dataclass(frozen=True)
class Answer:
    """The result of an invocation: the function's payload, or the error that Lambda would report."""

    payload: Any
    failed: bool = False

    @classmethod
    def error(cls, kind: str, message: str) -> Self:
        return cls({"errorType": kind, "errorMessage": message}, failed=True)


@dataclass
class _Invocation:
    request_id: str
    arn: str
    event: bytes
    deadline: float
    answer: Answer | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def settle(self, answer: Answer) -> None:
        if self.answer is None:
            self.answer = answer
            self.done.set()


class Environment:
    """One execution environment: a process on the runtime client, and the Runtime API that feeds it."""

    def __init__(self, name: str, command: list[str], folder: Path, variables: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.last_used = time.monotonic()
        self._stopping = False
        self._ready = threading.Event()
        self._failure: Answer | None = None
        self._next: queue.Queue[_Invocation | None] = queue.Queue()
        self._current: _Invocation | None = None
        self._server = _RuntimeApi(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True).start()
        host, port = self._server.server_address[:2]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**variables, "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C stops the launcher, which stops these processes in order
            )
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._stopping and self._failure is None and self._process.poll() is None

    def wait_ready(self, seconds: float) -> Answer | None:
        """Wait until the function has been imported. Return the error if the import fails or takes too long."""
        if not self._ready.wait(seconds):
            self.stop()
            return Answer.error("Sandbox.Timedout", f"{self.name} did not start within {seconds:.0f} seconds")
        return self._failure

    def invoke(self, request_id: str, arn: str, event: bytes, seconds: float) -> Answer:
        """Run one event. Only the caller that leased this environment may call this."""
        invocation = _Invocation(request_id, arn, event, time.time() + seconds)
        self._current = invocation
        if self._failure:
            invocation.settle(self._failure)
        self._next.put(invocation)
        if not invocation.done.wait(seconds):
            message = f"{request_id} Task timed out after {seconds:.2f} seconds"
            invocation.settle(Answer.error("Sandbox.Timedout", message))
            self.stop()
        self._current = None
        self.last_used = time.monotonic()
        return invocation.answer or Answer.error("Runtime.Unknown", "no answer")

    def stop(self) -> None:
        """Stop the process and its Runtime API."""
        self._stopping = True  # `poll` still reports a killed process as running for a moment
        if self._process.poll() is None:
            self._process.kill()
        self._next.put(None)

    def _watch(self) -> None:
        code = self._process.wait()
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        self._fail(Answer.error("Runtime.ExitError", f"Runtime exited without providing a reason: {reason}"))
        self._server.shutdown()
        self._server.server_close()

    def _fail(self, answer: Answer) -> None:
        self._failure = self._failure or answer
        self._ready.set()
        if self._current:
            self._current.settle(self._failure)

    def next_event(self) -> _Invocation | None:
        """Wait for the next invocation. Return None when this environment stops. Called by the Runtime API."""
        self._ready.set()
        return self._next.get()

    def finish(self, request_id: str, payload: bytes, *, failed: bool) -> bool:
        """Answer the current invocation. Return False if the request id is another one's."""
        current = self._current
        if current is None or current.request_id != request_id:
            return False
        if len(payload) > ANSWER_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({ANSWER_LIMIT} bytes)."
            current.settle(Answer.error("Function.ResponseSizeTooLarge", message))
        else:
            current.settle(Answer(_loads(payload), failed=failed))
        return True

    def fail_init(self, payload: bytes) -> None:
        """Record that the function could not be imported."""
        self._fail(Answer(_loads(payload), failed=True))


def _loads(payload: bytes) -> Any:
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload.decode("utf-8", "replace")


class _RuntimeApi(ThreadingHTTPServer):
    """Lambda's Runtime API, for one environment."""

    daemon_threads = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.environment = environment

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a killed process closes its connection, which is expected


class _Request(BaseHTTPRequestHandler):
    server: _RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # sends head and body in one packet

    def do_GET(self) -> None:
        invocation = self.server.environment.next_event()
        if invocation is None:
            self._send(410, b"{}")
            return
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
        self._send(
            200,
            invocation.event,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                "Lambda-Runtime-Trace-Id": trace,
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        parts = self.path.strip("/").split("/")
        if parts[-2:] == ["init", "error"]:
            self.server.environment.fail_init(body)
            self._send(202, b"{}")
        elif parts[-1] in ("response", "error") and self.server.environment.finish(
            parts[-2], body, failed=parts[-1] == "error"
        ):
            self._send(202, b"{}")
        else:
            self._send(400, b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        pass
