"""`login`, `doctor` and `sync`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from driftguard_client.cli.common import OK, WRONG, add_command, client, is_terminal, show
from driftguard_client.client import DriftGuard
from driftguard_client.configuration import find_connection, save_connection
from driftguard_client.errors import ConfigurationError, DriftGuardError
from driftguard_client.progress import Progress

if TYPE_CHECKING:
    import argparse

    from driftguard_client.cli.common import Commands
    from driftguard_client.transport import Response

CLOCK_SECONDS = 60.0
"""A clock that is wrong by more is a problem: rows could get into the wrong hour."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    add_command(
        commands,
        "login",
        "check a URL and a key, and store them in the configuration file",
        "driftguard login --url https://abc.execute-api.eu-west-1.amazonaws.com/v1",
        login,
    )
    doctor_parser = add_command(
        commands,
        "doctor",
        "find out why rows do not arrive: reachability, key and role, clock, a dry-run row",
        "driftguard doctor --spool-dir /var/spool/driftguard",
        doctor,
    )
    doctor_parser.add_argument("--spool-dir", metavar="FOLDER", help="also look at this spool folder")
    sync_parser = add_command(
        commands,
        "sync",
        "send the rows that ended processes left in a spool folder",
        "driftguard sync /var/spool/driftguard",
        sync,
    )
    sync_parser.add_argument("folder", metavar="FOLDER", help="the spool_dir of the client")


def login(arguments: argparse.Namespace) -> int:
    """Ask for what is missing, check it against the service, and store it."""
    found = find_connection(arguments.url, arguments.api_key, arguments.profile)
    url = arguments.url or _ask("URL of the service", found.url)
    key = arguments.api_key or _ask_secret()
    with DriftGuard(url, key, strict=True, timeout=15.0) as dg:
        role, organization = _who(dg)
    path = save_connection(url.rstrip("/"), key, arguments.profile or "default")
    show(
        arguments,
        {"url": url, "role": role, "organization": organization, "path": path},
        f"Logged in{f' to {organization}' if organization else ''} with the role {role}. Stored in {path}.",
    )
    return OK


def doctor(arguments: argparse.Namespace) -> int:
    """Check one thing after the other, and say what to do about the first that is wrong."""
    checks: list[dict[str, Any]] = []

    def note(name: str, problem: str | None, detail: str) -> bool:
        checks.append({"check": name, "ok": problem is None, "detail": problem or detail})
        return problem is None

    found = find_connection(arguments.url, arguments.api_key, arguments.profile)
    where = f"{found.url} from {found.url_from}, key from {found.key_from}"
    if note("configuration", found.problem, where):
        dg = DriftGuard(found.url, found.api_key, strict=True, timeout=10.0)
        health = _try(note, "reachable", lambda: _health(dg))
        if health is not None:
            note("clock", *_clock(health))
            role = _try(note, "key", lambda: _role(dg))
            if role is not None:
                _try(note, "dry-run row", lambda: _dry_run(dg))
        dg.close()
    if arguments.spool_dir:
        _try(note, "spool", lambda: _spool(arguments.spool_dir))
    is_fine = all(one["ok"] for one in checks)
    lines = [f"{'ok   ' if one['ok'] else 'WRONG'}  {one['check']}: {one['detail']}" for one in checks]
    show(arguments, {"ok": is_fine, "checks": checks}, "\n".join(lines))
    return OK if is_fine else WRONG


def sync(arguments: argparse.Namespace) -> int:
    """Send what ended processes left."""
    import os

    if not os.path.isdir(arguments.folder):
        raise DriftGuardError(f"There is no folder {arguments.folder}.")
    shown = Progress(unit=" batches")
    dg = client(arguments, spool_dir=arguments.folder)
    assert dg._sender is not None, "strict has raised otherwise"  # noqa: S101  for the type checker
    try:
        is_done = dg._sender.sync(lambda done, total: shown("Sending", done, total))
    finally:
        shown.end()
    stats = dg.stats()
    busy = dg._spool_busy()
    dg.close()
    left = stats["spooled"]
    text = f"{stats['sent']} rows sent, {stats['rejected']} rejected, {left} left."
    if busy:
        text += f" {busy} files belong to processes that still run; those send them."
    if left and stats["last_error"]:
        text += f" Last error: {stats['last_error']}"
    show(arguments, {**stats, "files_of_running_processes": busy}, text)
    return OK if is_done else WRONG


def _ask(what: str, default: str | None) -> str:
    if not is_terminal():
        if default:
            return default
        raise ConfigurationError("Pass --url and --api-key: there is no terminal to ask on.")
    sys.stderr.write(f"{what}{f' [{default}]' if default else ''}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() or default or _missing(what)


def _ask_secret() -> str:
    if not is_terminal():
        raise ConfigurationError("Pass --api-key: there is no terminal to ask on.")
    import getpass

    return getpass.getpass("API key (not shown): ", stream=sys.stderr).strip() or _missing("API key")


def _missing(what: str) -> str:
    raise ConfigurationError(f"{what}: nothing was entered.")


def _who(dg: DriftGuard) -> tuple[str, str | None]:
    """Return the role of the key and the name of its organization, as far as the key may know them."""
    response = dg.request("GET", "/me", accept=(403, 404))
    if response.is_success:
        content = response.json()
        return str(content["role"]), content.get("organization", {}).get("name")
    if response.status == 403 and response.json().get("message") != "Forbidden":
        return "ingest", None  # an ingest key may log and nothing else
    raise response.error("GET /me")


def _try(note: Any, name: str, check: Any) -> Any:
    """Run a check that returns a result and a sentence. Note the sentence or the error; return the result or None."""
    try:
        result, detail = check()
    except DriftGuardError as error:
        note(name, str(error), "")
        return None
    note(name, None, detail)
    return result


def _health(dg: DriftGuard) -> tuple[Response, str]:
    began = time.monotonic()
    response = dg.request("GET", "/health")
    version = response.json().get("version")
    return response, f"version {version} answers in {1000 * (time.monotonic() - began):.0f} ms"


def _clock(response: Response) -> tuple[str | None, str]:
    from email.utils import parsedate_to_datetime

    try:
        ahead = time.time() - parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return None, "the service does not tell its time"
    if abs(ahead) <= CLOCK_SECONDS:
        return None, "agrees with the service"
    way = "ahead" if ahead > 0 else "behind"
    return f"this machine is {abs(ahead):.0f} s {way}. Set its clock, or rows get into the wrong hour.", ""


def _role(dg: DriftGuard) -> tuple[str, str]:
    role, organization = _who(dg)
    may = {
        "ingest": "may log only",
        "viewer": "may read only: rows need a key with the role ingest",
        "admin": "may do all",
    }
    return role, f"role {role}{f' of {organization}' if organization else ''}: {may.get(role, '')}"


def _dry_run(dg: DriftGuard) -> tuple[bool, str]:
    """Send a row that the service reads and then refuses, because its model does not exist."""
    from driftguard_client.ids import ulid

    name = f"driftguard doctor {ulid()}"
    body = {"model": name, "batch_id": name, "columns": {"dry_run": [1.0]}, "prediction_ids": [name]}
    response = dg.request("POST", "/predictions/batch", body, accept=(404,))
    if response.status != 404:
        raise DriftGuardError(f"the service answered {response.status} for a model that does not exist")
    return True, "a row in columns is read; it was refused because its model does not exist, so nothing was stored"


def _spool(folder: str) -> tuple[bool, str]:
    import os

    from driftguard_client.spool import Spool

    if not os.path.isdir(folder):
        raise DriftGuardError(f"there is no folder {folder}")
    spool = Spool(folder, 10**9)
    waiting = spool.adopt()
    busy = spool.busy()
    spool.close()
    if waiting:
        raise DriftGuardError(f"{len(waiting)} files of ended processes wait. Run `driftguard sync {folder}`.")
    return True, f"nothing waits; {busy} files belong to running processes"
