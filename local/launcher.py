"""The order in which the stack comes up, serves, and goes down."""

import asyncio
import contextlib
import json
import os
import platform
import shlex
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from ministack.core.lambda_runtime import execution_credentials
from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from local import patches, settings, stack
from local.front import Front
from local.functions.host import FunctionHost
from local.outbox import Outbox
from local.patches import events
from local.persistence import Store


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the launcher."""
        yield


class Launcher:
    """One stack on one folder of data, behind two sockets that are bound already: the API's and AWS's."""

    def __init__(self, state: Path, template: Path, api: socket.socket, aws: socket.socket) -> None:
        self._state = state
        self._template = template
        self._sockets = [api, aws]
        port = api.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        self._endpoint = f"http://127.0.0.1:{aws.getsockname()[1]}"
        self._file = state / "stack.json"
        self._stop = asyncio.Event()
        patches.install()
        self._store = Store(state / "services")
        self._store.install()
        self._host = FunctionHost(
            state,
            settings.RUNTIME,
            self._endpoint,
            credentials=execution_credentials,
            layer=lambda_svc._resolve_layer_zip,
        )
        lambda_svc._execute_function_warm = self._host.execute
        self._front = Front(port, Outbox(self._store))

    async def serve(self, command: str | None, environment: Mapping[str, str]) -> int:
        """Serve until a signal, or while `command` runs; returns the exit status."""
        began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        _say(f"starting the stack (AWS at {self._endpoint})")
        server = _Server(
            uvicorn.Config(
                self._front,
                log_level="error",
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=3,
            )
        )
        serving = asyncio.create_task(server.serve(self._sockets))
        status = 1
        try:
            deploying = asyncio.create_task(asyncio.to_thread(self._deploy))
            if await self._before_stop(deploying):
                deployed = deploying.result()
                _say(f"ready after {time.monotonic() - began:.1f} s: {self._url}")
                _say(f"keys in {_shown(self._file)}, the functions' logs in {_shown(self._host.logs)}")
                warming = asyncio.create_task(asyncio.to_thread(self._warm, deployed))
                status = await self._run(command, environment)
                await warming
        except stack.DeploymentFailed as error:
            _say(f"the stack could not be deployed: {error}")
            _say(f"If what an earlier run left is in the way, `rm -r {_shown(self._state)}` forgets it.")
        finally:
            self._stop.set()
            self._file.unlink(missing_ok=True)
            _say("stopping")
            server.should_exit = True
            with contextlib.suppress(Exception):
                await serving
            await asyncio.to_thread(self._host.stop)
            await asyncio.to_thread(self._store.stop)
        return status

    def _deploy(self) -> stack.Stack:
        # The first call waits in the listening socket until MiniStack has come up.
        _say("deploying the template through CloudFormation")
        deployed, changed = stack.deploy(
            self._template, self._state, self._endpoint, self._parameters(), self._store.save
        )
        functions = len(deployed.named("AWS::Lambda::Function"))
        what = "deployed" if changed else "nothing to deploy"
        _say(f"{what}: {len(deployed.resources)} resources, {functions} functions")
        self._store.start()
        organization = stack.organization(deployed, self._state)
        self._front.api_id = deployed.api_id
        self._front.schedule = lambda: stack.fire_schedule(deployed, events.running)
        self._write(deployed, organization)
        return deployed

    def _parameters(self) -> dict[str, str]:
        return {
            "Architecture": "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64",
            "PublicUrl": self._url,
            "OutgoingEndpoint": f"{self._url}/_local/outgoing",
            "EmailTransport": "ses",
            "EmailFrom": stack.SENDER,
            "Alarms": "none",
            "Dashboard": "false",
            "ApiLogging": "none",
            "Tracing": "PassThrough",
            # The machine is the limit, not the usage plan.
            "ThrottleRate": "10000",
            "ThrottleBurst": "10000",
        }

    def _warm(self, deployed: stack.Stack) -> None:
        with request_scope(settings.ACCOUNT, settings.REGION):
            for logical_id in deployed.named("AWS::Lambda::Function"):
                if self._stop.is_set():
                    return
                record, config, _name = lambda_svc._get_func_record_for_ref(deployed.callable_name(logical_id))
                if failure := self._host.warm(lambda_svc._execution_record_for_config(record, config)):
                    _say(f"{logical_id} does not start: {failure.payload}")

    def _write(self, deployed: stack.Stack, organization: Mapping[str, Any]) -> None:
        content = {
            "url": self._url,
            "pid": os.getpid(),
            **organization,
            "aws_endpoint": self._endpoint,
            "region": settings.REGION,
            "stack_name": settings.STACK,
            "logs": str(self._host.logs),
            "resources": deployed.resources,
        }
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps(content, indent=2), encoding="utf-8")
        unfinished.replace(self._file)

    async def _before_stop(self, task: asyncio.Task[Any]) -> bool:
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return task.done()

    async def _run(self, command: str | None, environment: Mapping[str, str]) -> int:
        if command is None:
            _say("Ctrl-C stops it")
            await self._stop.wait()
            return 0
        variables = {**environment, "DRIFTGUARD_STACK": str(self._file)}
        process = await asyncio.create_subprocess_exec(*shlex.split(command), env=variables)
        ended = asyncio.create_task(process.wait())
        if await self._before_stop(ended):
            return ended.result()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await ended
        return 130


def _say(message: str) -> None:
    print(message, flush=True)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
