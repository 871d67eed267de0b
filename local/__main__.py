"""Starts the stack: `python -m local [--port 3000] [--state .local] [--fresh] [--run "command"]`."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import platform
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import uvicorn

from local import settings


def main() -> int:
    """Serve until stopped, or until the command given with --run has ended, whose exit status is then ours."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Serve DriftGuard's whole stack on this machine.")
    parser.add_argument("--port", type=int, default=3000, help="port of the API (0: any that is free)")
    parser.add_argument("--state", type=Path, default=settings.STATE, help="folder of the data that outlives a run")
    parser.add_argument("--template", type=Path, default=settings.BUILT, help="built template (sam build)")
    parser.add_argument("--fresh", action="store_true", help="forget the data of earlier runs first")
    parser.add_argument("--run", help="command to run against the stack, which ends with it")
    arguments = parser.parse_args()
    state = arguments.state.resolve()
    if not arguments.template.exists():
        return _refuse(f"{arguments.template} is missing: run `make build` first")
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_alone(state))
            api = held.enter_context(_listen(arguments.port))
            aws = held.enter_context(_listen(0))
        except OSError as error:
            return _refuse(str(error))
        if arguments.fresh:
            _forget(state)
        return asyncio.run(_Launcher(state, arguments.template, api, aws, arguments.run).serve())


def _refuse(message: str) -> int:
    print(f"local: {message}", file=sys.stderr)
    return 1


def _say(message: str) -> None:
    print(message, flush=True)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[TextIO]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OSError(f"another stack runs on the data in {state}: stop it first, or name another folder with --state") from None
        yield lock


def _listen(port: int) -> socket.socket:
    # With its protocol named, because asyncio turns Nagle's delay off only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise OSError(f"port {port} of 127.0.0.1 cannot be had ({error.strerror}): name another, as in `make local PORT=3001`") from None
    return listener


def _forget(state: Path) -> None:
    for path in state.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the launcher."""
        yield


class _Launcher:
    def __init__(self, state: Path, template: Path, api: socket.socket, aws: socket.socket, command: str | None) -> None:
        self._state = state
        self._template = template
        self._sockets = [api, aws]
        self._port: int = api.getsockname()[1]
        self._url = f"http://127.0.0.1:{self._port}"
        self._endpoint = f"http://127.0.0.1:{aws.getsockname()[1]}"
        self._command = command
        self._file = state / "stack.json"
        self._environment = dict(os.environ)  # of the command, which is no part of the stack
        self._stop = asyncio.Event()

    async def serve(self) -> int:
        began = time.monotonic()
        self._file.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        _say(f"starting the stack (AWS at {self._endpoint})")
        settings.configure(self._state, self._endpoint)
        # From here on: MiniStack reads the environment when it is imported.
        from local import functions, patches, stack
        from local.front import Front
        from local.outbox import Outbox
        from local.patches import events
        from local.persistence import Store
        from ministack.core import lambda_runtime
        from ministack.services import lambda_svc

        patches.install()
        store = Store(self._state / "services")
        store.install()
        host = functions.FunctionHost(
            self._state,
            settings.RUNTIME,
            self._endpoint,
            credentials=lambda_runtime.execution_credentials,
            layer=lambda_svc._resolve_layer_zip,
        )
        lambda_svc._execute_function_warm = host.execute
        front = Front(self._port, Outbox(store))
        server = _Server(
            uvicorn.Config(front, log_level="error", access_log=False, server_header=False, timeout_keep_alive=75, timeout_graceful_shutdown=3)
        )
        serving = asyncio.create_task(server.serve(self._sockets))
        status = 1
        try:
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            ready = asyncio.create_task(asyncio.to_thread(self._deploy, stack, store))
            if await self._unless_stopped(ready):
                deployed, organization = ready.result()
                front.api_id = deployed.api_id
                front.schedule = lambda: stack.fire_schedule(deployed, events.running)
                self._write(deployed, organization)
                _say(f"ready after {time.monotonic() - began:.1f} s: {self._url}   (keys in {_shown(self._file)}, logs in {_shown(host.logs)})")
                warming = asyncio.create_task(asyncio.to_thread(self._warm, host, lambda_svc, deployed))
                status = await self._until_stopped()
                warming.cancel()
        except stack.DeploymentFailed as error:
            _refuse(f"the stack could not be deployed: {error}\nWhat an earlier run left may be in the way: `rm -r {_shown(self._state)}` forgets it.")
        finally:
            self._file.unlink(missing_ok=True)
            _say("stopping")
            server.should_exit = True
            with contextlib.suppress(Exception):
                await serving
            await asyncio.to_thread(host.stop)
            await asyncio.to_thread(store.stop)
        return status

    def _deploy(self, stack: ModuleType, store: Any) -> tuple[Any, dict[str, Any]]:
        _say("deploying the template through CloudFormation")
        deployed, changed = stack.deploy(self._template, self._state, self._endpoint, self._parameters(), store.save)
        kinds = [kind for kind in deployed.kinds.values() if kind == "AWS::Lambda::Function"]
        _say(f"{'deployed' if changed else 'nothing to deploy'}: {len(deployed.resources)} resources, {len(kinds)} functions")
        store.start()
        return deployed, stack.organization(deployed, self._state)

    def _parameters(self) -> dict[str, str]:
        machine = platform.machine().lower()
        return {
            "Architecture": "arm64" if machine in ("arm64", "aarch64") else "x86_64",
            "PublicUrl": self._url,
            "OutgoingEndpoint": f"{self._url}/_local/outgoing",
            "EmailTransport": "ses",
            "EmailFrom": "driftguard@example.com",
            "Alarms": "false",
            "ApiLogging": "none",
            "Tracing": "PassThrough",
            # The machine is the limit, not the usage plan.
            "ThrottleRate": "10000",
            "ThrottleBurst": "10000",
        }

    def _warm(self, host: Any, lambda_svc: Any, deployed: Any) -> None:
        from ministack.core.responses import request_scope

        with request_scope(settings.ACCOUNT, settings.REGION):
            for name in deployed.named("AWS::Lambda::Function").values():
                if self._stop.is_set():
                    return
                if failure := host.warm(lambda_svc._functions[name]):
                    _say(f"{name} does not start: {failure.payload}")

    def _write(self, deployed: Any, organization: dict[str, Any]) -> None:
        content = {
            "url": self._url,
            **organization,
            "aws_endpoint": self._endpoint,
            "region": settings.REGION,
            "stack_name": settings.STACK,
            "resources": deployed.resources,
        }
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps(content, indent=2))
        unfinished.replace(self._file)

    async def _unless_stopped(self, task: asyncio.Task[Any]) -> bool:
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return task.done()

    async def _until_stopped(self) -> int:
        if self._command is None:
            _say("Ctrl-C stops it")
            await self._stop.wait()
            return 0
        process = await asyncio.create_subprocess_exec(
            *shlex.split(self._command), env={**self._environment, "DRIFTGUARD_STACK": str(self._file)}
        )
        ended = asyncio.create_task(process.wait())
        if not await self._unless_stopped(ended):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await ended
            return 130
        return ended.result()


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
