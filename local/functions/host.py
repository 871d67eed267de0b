"""Runs functions as Lambda does: a process per execution environment, on AWS's runtime client and its Runtime API.

Lambda gives each concurrent invocation an environment of its own and keeps it warm; so does this, up to `limit`
environments a function, beyond which an invocation waits for the next that is free.
"""

import functools
import hashlib
import io
import json
import os
import queue
import secrets
import signal
import subprocess
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

POINTER: Final = (
    ".directory"  # in an archive of this one file, it names the folder that holds the layer (see packaging.py)
)
INIT_SECONDS: Final = 60.0
SPARE_SECONDS: Final = 120.0
ANSWER_LIMIT: Final = 6 * 1024 * 1024
INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE")
# A function of which one of these changed is started anew.
SIGNATURE: Final = ("CodeSha256", "Handler", "Environment", "Layers", "Role", "MemorySize", "Version")
LOG_LIMIT: Final = 5 * 1024 * 1024

type Config = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What an invocation came to: the function's own payload, or the error Lambda would report."""

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
        self._server = _runtime_api(self)
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
                start_new_session=True,  # Ctrl-C on the terminal is for the launcher, which stops these in order
            )
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._stopping and self._failure is None and self._process.poll() is None

    def wait_ready(self, seconds: float) -> Answer | None:
        """Wait for the function's imports to end; the error when they fail."""
        if not self._ready.wait(seconds):
            self.stop()
            return Answer.error("Sandbox.Timedout", f"{self.name} did not start within {seconds:.0f} seconds")
        return self._failure

    def invoke(self, request_id: str, arn: str, event: bytes, seconds: float) -> Answer:
        """Run one event; the caller holds this environment alone."""
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
        """End the process and its Runtime API."""
        self._stopping = True  # a killed process takes a moment to be gone
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

    # What the Runtime API's requests do.

    def next_event(self) -> _Invocation | None:
        self._ready.set()
        return self._next.get()

    def finish(self, request_id: str, payload: bytes, *, failed: bool) -> bool:
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
        self._fail(Answer(_loads(payload), failed=True))


def _loads(payload: bytes) -> Any:
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload.decode("utf-8", "replace")


def _runtime_api(environment: Environment) -> ThreadingHTTPServer:  # noqa: C901 - a server in a few small methods
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet for head and body

        def do_GET(self) -> None:
            invocation = environment.next_event()
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
                environment.fail_init(body)
                self._send(202, b"{}")
            elif parts[-1] in ("response", "error") and environment.finish(
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

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a killed process drops its connection

    return Server(("127.0.0.1", 0), Handler)


class _Pool:
    """The environments of one version of one function."""

    def __init__(self, signature: str, start: Callable[[], Environment], limit: int) -> None:
        self.signature = signature
        self._start = start
        self._limit = limit
        self._free: list[Environment] = []
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def lease(self, seconds: float) -> Environment | Answer:
        with self._changed:
            deadline = time.monotonic() + seconds
            while not self._free and self._count >= self._limit:
                if not self._changed.wait(deadline - time.monotonic()):
                    return Answer.error("Sandbox.Timedout", "no execution environment was free in time")
            while self._free:
                environment = self._free.pop()
                if environment.alive:
                    return environment
                self._count -= 1
            self._count += 1
        environment = self._start()
        if failure := environment.wait_ready(INIT_SECONDS):
            self._forget(environment)
            return failure
        return environment

    def give_back(self, environment: Environment) -> None:
        with self._changed:
            if environment.alive and not self._closed:
                self._free.append(environment)
                self._changed.notify()
                return
        self._forget(environment)

    def _forget(self, environment: Environment) -> None:
        environment.stop()
        with self._changed:
            self._count -= 1
            self._changed.notify()

    def trim(self) -> None:
        """Stop the spares that had nothing to do for a while; one stays warm."""
        with self._changed:
            idle = [one for one in self._free[:-1] if time.monotonic() - one.last_used > SPARE_SECONDS]
            for one in idle:
                self._free.remove(one)
        for one in idle:
            self._forget(one)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            free, self._free = self._free, []
            self._count -= len(free)
            self._changed.notify_all()
        for one in free:
            one.stop()


class FunctionHost:
    """Execution environments of all functions, and what MiniStack calls to run one."""

    def __init__(
        self,
        folder: Path,
        python: Path,
        endpoint: str,
        *,
        credentials: Callable[[Config], Mapping[str, str]],
        layer: Callable[[Any], bytes | None],
        limit: int | None = None,
    ) -> None:
        self._folder = folder
        self._python = python
        self._endpoint = endpoint
        self._credentials = credentials
        self._layer = layer
        self._limit = limit or max(4, 2 * (os.cpu_count() or 1))
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._trim, daemon=True).start()

    def execute(self, function: Mapping[str, Any], event: Any, request_id: str = "") -> dict[str, Any]:
        """Run an event: MiniStack's record of a function in, its shape of a result out."""
        config: Config = function.get("config") or function
        seconds = float(config.get("Timeout") or 3)
        pool = self._pool(function)
        environment = pool.lease(seconds)
        if isinstance(environment, Answer):
            answer = environment
        else:
            try:
                answer = environment.invoke(
                    request_id or str(uuid.uuid4()),
                    config.get("FunctionArn", ""),
                    json.dumps(event, ensure_ascii=False).encode(),
                    seconds,
                )
            finally:
                pool.give_back(environment)
        result: dict[str, Any] = {"body": answer.payload, "log": ""}
        if answer.failed:
            result |= {"error": True, "function_error": "Unhandled"}
        return result

    def warm(self, function: Mapping[str, Any]) -> Answer | None:
        """Have one environment of a function started and waiting; the error when it does not start."""
        pool = self._pool(function)
        environment = pool.lease(INIT_SECONDS)
        if isinstance(environment, Answer):
            return environment
        pool.give_back(environment)
        return None

    def stop(self) -> None:
        """End every environment."""
        self._stopped.set()
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, function: Mapping[str, Any]) -> _Pool:
        config: Config = function.get("config") or function
        name = config.get("FunctionName", "function")
        signature = json.dumps([config.get(key) for key in SIGNATURE], sort_keys=True, default=str)
        with self._lock:
            pool = self._pools.get(name)
            if pool and pool.signature == signature:
                return pool
            start = functools.partial(self._start, name, config, function["code_zip"])
            fresh = self._pools[name] = _Pool(signature, start, self._limit)
        if pool:
            pool.close()
        return fresh

    def _start(self, name: str, config: Config, code: bytes) -> Environment:
        folder = self._unpack(code)
        layers = [self._unpack(data) / "python" for ref in config.get("Layers") or [] if (data := self._layer(ref))]
        log = self.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        region = str(config.get("FunctionArn", ":::us-east-1")).split(":")[3]
        variables = {key: os.environ[key] for key in INHERITED if key in os.environ}
        variables |= (config.get("Environment") or {}).get("Variables") or {}
        variables |= {
            **self._credentials(config),
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_TASK_ROOT": str(folder),
            "LAMBDA_RUNTIME_DIR": str(folder),
            "_HANDLER": str(config.get("Handler", "")),
            # Lambda unpacks layers over each other into one folder: of two files, the later layer's stays.
            "PYTHONPATH": os.pathsep.join(map(str, [folder, *reversed(layers)])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "TZ": ":UTC",
        }
        command = [str(self._python), "-m", "awslambdaric", variables["_HANDLER"]]
        return Environment(name, command, folder, variables, log)

    def _unpack(self, archive: bytes) -> Path:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            if files.namelist() == [POINTER]:
                return Path(files.read(POINTER).decode())
            folder = self._folder / "code" / hashlib.sha256(archive).hexdigest()[:24]
            if not folder.is_dir():
                unfinished = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
                files.extractall(unfinished)
                try:
                    unfinished.rename(folder)
                except OSError:
                    if not folder.is_dir():
                        raise
        return folder

    def _trim(self) -> None:
        while not self._stopped.wait(30):
            with self._lock:
                pools = list(self._pools.values())
            for pool in pools:
                pool.trim()
