"""Starts the stack: `python -m local [--port 3000] [--state .local] [--fresh] [--run "command"]`."""

import argparse
import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from local import settings


def main() -> int:
    """Serve until stopped, or until the command given with --run has ended, whose exit status is then ours."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Serve DriftGuard's whole stack here.")
    parser.add_argument("--port", type=int, default=3000, help="port of the API (0: any that is free)")
    parser.add_argument("--state", type=Path, default=settings.STATE, help="folder of the data that outlives a run")
    parser.add_argument("--template", type=Path, default=settings.BUILT, help="built template (sam build)")
    parser.add_argument("--fresh", action="store_true", help="forget the data of earlier runs first")
    parser.add_argument("--run", metavar="COMMAND", help="run this against the stack, and stop when it has ended")
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
        (state / "stack.json").unlink(missing_ok=True)  # of a run that was killed: it tells where nothing serves
        if arguments.fresh:
            _forget(state)
        environment = dict(os.environ)  # the command's: it is no part of the stack
        settings.configure(state, f"http://127.0.0.1:{aws.getsockname()[1]}")
        from local.launcher import Launcher  # noqa: PLC0415 - MiniStack reads the environment when it is imported

        launcher = Launcher(state, arguments.template, api, aws)
        return asyncio.run(launcher.serve(arguments.run, environment))


def _refuse(message: str) -> int:
    print(f"local: {message}", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[TextIO]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OSError(f"another stack runs on the data in {state}: stop it, or name another with --state") from None
        yield lock


def _listen(port: int) -> socket.socket:
    # With its protocol named, because asyncio turns Nagle's delay off only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise OSError(f"port {port} cannot be had ({reason}): name another, as in `make local PORT=3001`") from None
    return listener


def _forget(state: Path) -> None:
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
