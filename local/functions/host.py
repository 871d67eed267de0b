"""Runs functions as Lambda does. Each concurrent invocation has its own process, and the process is kept warm.

A function has at most `limit` environments. Further invocations wait until one is free.
"""

import functools
import hashlib
import io
import json
import os
import secrets
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from local.functions.environment import Answer, Environment
from local.functions.pool import INIT_SECONDS, Pool

POINTER: Final = ".directory"
"""The only file in the archive of a local layer. It contains the path of the layer's folder (see packaging.py)."""
INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE")
"""Variables of this process that functions receive too."""
SIGNATURE: Final = ("CodeSha256", "Handler", "Environment", "Layers", "Role", "MemorySize", "Version")
"""Parts of a function's configuration. When one of them changes, the function gets new environments."""
LATEST: Final = "$LATEST"
LOG_LIMIT: Final = 5 * 1024 * 1024
"""The size in bytes at which a function's log file is rotated."""

type Config = Mapping[str, Any]


class FunctionHost:
    """The execution environments of all functions. MiniStack calls `execute` to run a function."""

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
        self._pools: dict[tuple[str, str], Pool] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._trim, daemon=True).start()

    def execute(self, function: Mapping[str, Any], event: Any, request_id: str = "") -> dict[str, Any]:
        """Run an event. `function` is MiniStack's record of a function. Returns MiniStack's form of a result."""
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
        """Start one environment of a function, so that its first event need not wait. Return the error if it fails."""
        pool = self._pool(function)
        environment = pool.lease(INIT_SECONDS)
        if isinstance(environment, Answer):
            return environment
        pool.give_back(environment)
        return None

    def stop(self) -> None:
        """Stop every environment."""
        self._stopped.set()
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, function: Mapping[str, Any]) -> Pool:
        config: Config = function.get("config") or function
        name, version = config.get("FunctionName", "function"), str(config.get("Version", LATEST))
        signature = json.dumps([config.get(key) for key in SIGNATURE], sort_keys=True, default=str)
        with self._lock:
            pool = self._pools.get((name, version))
            if pool and pool.signature == signature:
                return pool
            # $LATEST may serve beside one published version. An alias has left the others.
            left = [
                key for key in self._pools if key[0] == name and (key[1] == version or LATEST not in (version, key[1]))
            ]
            closing = [self._pools.pop(key) for key in left]
            start = functools.partial(self._start, name, config, function["code_zip"])
            fresh = self._pools[name, version] = Pool(signature, start, self._limit)
        for each in closing:
            each.close()
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
            # Lambda unpacks all layers into one folder, so a later layer replaces the files of an earlier one.
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
