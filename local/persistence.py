"""Keeps the stack's data in a folder while it runs, so that even `kill -9` loses at most the last seconds.

MiniStack writes its state only when it stops cleanly, each service as one JSON file. That suits what changes rarely.
Items of tables and the outbox go to SQLite instead, one row each as they change, because writing all of them again and
again would stop the world.
"""

import copy
import json
import logging
import sqlite3
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from ministack import app
from ministack.core import persistence
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

EVERY_SECONDS: Final = 1.0
# What requests change, and so is written while the stack runs; the others change only when it is deployed.
LIVE: Final = ("apigateway_v1", "eventbridge", "s3", "secretsmanager", "sns", "sqs", "ssm")
# Lines and numbers about the stack that no run after this one asks for.
LEFT_OUT: Final = ("cloudtrail", "cloudwatch_logs")

ABOUT_TABLES: Final = ("tags", "ttl_settings", "pitr_settings")

logger = logging.getLogger(__name__)

type Key = tuple[str, str, str]  # table id, partition key, sort key


class Store:
    """One folder's data; `start` before MiniStack loads its state, `stop` after it has served its last request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "items.sqlite", check_same_thread=False)
        self._database.executescript(
            """
            pragma journal_mode = wal; pragma synchronous = normal;
            create table if not exists items (
                table_id text, pk text, sk text, item text not null, primary key (table_id, pk, sk)) without rowid;
            create table if not exists sent (at real not null, message text not null);
            """
        )
        self._lock = threading.Lock()
        self._changed: deque[tuple[dict[str, Any], str, str]] = deque()
        self._saved: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="persistence")

    def install(self) -> None:
        """Take over from MiniStack's own persistence, which saves once, when it stops, whatever there is by then."""
        app.save_all = lambda _states: None
        original_set, original_remove = dynamodb._set_item, dynamodb._remove_item
        original_replaced = dynamodb._items_replaced
        original_load = dynamodb.load_persisted_state

        def set_item(table: dict[str, Any], pk: Any, sk: Any, item: Any) -> Any:
            old = original_set(table, pk, sk, item)
            self._mark(table, pk, sk)
            return old

        def remove_item(table: dict[str, Any], pk: Any, sk: Any) -> Any:
            old = original_remove(table, pk, sk)
            self._mark(table, pk, sk)
            return old

        def items_replaced(table: dict[str, Any]) -> None:
            original_replaced(table)
            for pk, sort_keys in list(table["items"].items()):
                for sk in list(sort_keys):
                    self._mark(table, pk, sk)

        def get_state() -> dict[str, Any]:
            tables = AccountRegionScopedDict()
            for (account, region, name), table in dynamodb._tables.all_items():
                bare = {key: value for key, value in table.items() if key not in ("items", dynamodb._INDEX_MEMBERS)}
                tables.set_scoped(account, region, name, copy.deepcopy({**bare, "items": {}}))
            return {"tables": tables, **{name: copy.deepcopy(getattr(dynamodb, f"_{name}")) for name in ABOUT_TABLES}}

        def load(state: Any) -> None:
            original_load(state)
            self._load_items()

        dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced = set_item, remove_item, items_replaced
        dynamodb.get_state, dynamodb.load_persisted_state = get_state, load

    def start(self) -> None:
        """Begin to write what changes, once the stack is whole."""
        self._thread.start()

    def stop(self) -> None:
        """Write all of it and close; nothing, where writing had not begun."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(30)
            self.save()
        with self._lock:
            self._database.close()

    def save(self) -> None:
        """Write everything now."""
        self._write_items()
        self._write_services(name for name in app._build_persistence_save_dict() if name not in LEFT_OUT)

    def add_sent(self, message: dict[str, Any], at: float) -> None:
        """Keep a message of the outbox."""
        with self._lock, self._database:
            self._database.execute("insert into sent values (?, ?)", (at, json.dumps(message, ensure_ascii=False)))

    def sent(self) -> list[dict[str, Any]]:
        """The outbox, newest first."""
        with self._lock:
            rows = self._database.execute("select message from sent order by at desc, rowid desc").fetchall()
        return [json.loads(row[0]) for row in rows]

    def _mark(self, table: dict[str, Any], pk: Any, sk: Any) -> None:
        self._changed.append((table, pk, sk))

    def _write_items(self) -> None:
        changed: dict[Key, Any] = {}
        while self._changed:
            table, pk, sk = self._changed.popleft()
            changed[table["TableId"], pk, sk] = table
        rows = []
        for (table_id, pk, sk), table in changed.items():
            item = table["items"].get(pk, {}).get(sk)
            rows.append(
                (table_id, pk, sk, None if item is None else json.dumps(item, default=persistence._json_default))
            )
        with self._lock, self._database:
            self._database.executemany(
                "delete from items where (table_id, pk, sk) = (?, ?, ?)", [row[:3] for row in rows if row[3] is None]
            )
            self._database.executemany(
                "insert or replace into items values (?, ?, ?, ?)", [row for row in rows if row[3] is not None]
            )

    def _load_items(self) -> None:
        tables = {table["TableId"]: table for table in dynamodb._tables.all_values()}
        for table in tables.values():
            table["items"] = defaultdict(dict)
        unknown = set()
        with self._lock, self._database:
            for table_id, pk, sk, item in self._database.execute("select * from items"):
                if table_id in tables:
                    tables[table_id]["items"][pk][sk] = json.loads(item, object_hook=persistence._json_object_hook)
                else:
                    unknown.add((table_id,))  # of a table that was replaced or deleted
            self._database.executemany("delete from items where table_id = ?", unknown)
        for table in tables.values():
            dynamodb._items_replaced(table)
        self._changed.clear()

    def _write_services(self, names: Iterable[str]) -> None:
        states: dict[str, Callable[[], Any]] = app._build_persistence_save_dict()
        for name in names:
            if name not in states:
                continue
            try:
                state = json.dumps(states[name](), default=persistence._json_default)
            except RuntimeError:  # it changed while it was read; the next round takes it
                continue
            if self._saved.get(name) == state:
                continue
            text = f'{{"__ministack_format__": {persistence._state_format_version(name)}, "payload": {state}}}'
            path = self._folder / f"{name}.json"
            unfinished = path.with_suffix(".new")
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
            self._saved[name] = state

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_SECONDS):
            began = time.monotonic()
            try:
                self._write_items()
                self._write_services(LIVE)
            except Exception:
                logger.exception("the data could not be written")
            # At most a tenth of the time goes into this, however much there is.
            if self._stopped.wait(9 * (time.monotonic() - began)):
                break
