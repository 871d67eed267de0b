"""The client of one service."""

from __future__ import annotations

import os
import sys

from driftguard_client.batches import LABELS
from driftguard_client.configuration import find_connection
from driftguard_client.errors import ArgumentError, ConfigurationError, DriftGuardError, DroppedError, RejectedError
from driftguard_client.ids import is_sampled, ulid
from driftguard_client.model import Model
from driftguard_client.options import Options
from driftguard_client.problems import Problems
from driftguard_client.values import (
    Cuts,
    is_missing,
    milliseconds,
    plain_features,
    prediction_id,
    probabilities,
    scalar,
)
from driftguard_client.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeVar

    from driftguard_client.options import WhenFull
    from driftguard_client.results import Alert, ModelInfo, Results
    from driftguard_client.sending import Sender
    from driftguard_client.spool import Spool
    from driftguard_client.transport import Response, Transport

    F = TypeVar("F", bound=Callable[..., Any])

FOREGROUND_SECONDS = 60.0
"""The time-out of requests whose caller waits for the answer."""
TRIES = 4
BUSY = frozenset({429, 502, 503, 504})


class DriftGuard:
    """Logs predictions in the background, and manages models, baselines, checks and alerts.

    url, api_key: the service; otherwise DRIFTGUARD_URL and DRIFTGUARD_API_KEY, otherwise the configuration file that
      `driftguard login` writes. profile: the section of that file.
    on_error: called with a DriftGuardError for each problem of logging. strict: raise such problems instead.
    max_queue: rows that wait in memory at most. when_full: what happens to a row then: `drop_newest` counts and drops
      the row, `block` waits, `spool` keeps the row on disk only.
    flush_interval: seconds until rows are sent. batch_rows: rows that are sent at once, even before that.
    max_retry_s: seconds for which a batch is retried. timeout: seconds for one attempt.
    spool_dir: a folder that keeps rows until they are sent, so that a killed process loses none.
      spool_bytes: its maximum size.
    sample: the share of predictions to log, chosen by a hash of the prediction_id.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        profile: str | None = None,
        on_error: Callable[[DriftGuardError], object] | None = None,
        strict: bool = False,
        max_queue: int = 10_000,
        flush_interval: float = 2.0,
        batch_rows: int = 500,
        when_full: WhenFull | None = None,
        max_retry_s: float = 300.0,
        timeout: float = 10.0,
        spool_dir: str | os.PathLike[str] | None = None,
        spool_bytes: int = 1_000_000_000,
        sample: float = 1.0,
    ) -> None:
        self._options = Options(
            max_queue=max_queue,
            flush_interval=flush_interval,
            batch_rows=batch_rows,
            when_full=when_full or ("spool" if spool_dir is not None else "drop_newest"),
            max_retry_s=max_retry_s,
            timeout=timeout,
            sample=sample,
            strict=strict,
        )
        self._problems = Problems(on_error)
        self._cuts = Cuts()
        self._known_names: set[str] = set()
        self._rejected = self._unsent = self._sampled_out = 0
        self.connection = find_connection(url, api_key, profile)
        self._transport: Transport | None = None
        self._sender: Sender | None = None
        self._spool: Spool | None = None
        self._problem: ConfigurationError | None = None
        try:
            self._set_up(spool_dir, spool_bytes)
        except ConfigurationError as error:
            if strict:
                raise
            # The process that logs must start, even if its monitoring is misconfigured.
            self._problem = error
            self._problems.report(error, "configuration")

    def _set_up(self, spool_dir: str | os.PathLike[str] | None, spool_bytes: int) -> None:
        problem = self._options.problem(has_spool=spool_dir is not None)
        if problem is not None:
            raise problem
        if self.connection.problem:
            raise ConfigurationError(self.connection.problem)
        from driftguard_client.sending import Sender
        from driftguard_client.transport import Transport

        version = ".".join(map(str, sys.version_info[:2]))
        self._transport = Transport(
            self.connection.url or "",
            self.connection.api_key or "",
            self._options.timeout,
            f"driftguard-client/{__version__} python/{version}",
        )
        if spool_dir is not None:
            from driftguard_client.spool import Spool

            self._spool = Spool(os.fspath(spool_dir), spool_bytes)
        self._sender = Sender(self._transport, self._options, self._spool, self._problems)

    def model(
        self,
        name: str,
        *,
        create: bool = False,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        task: Mapping[str, Any] | None = None,
    ) -> Model:
        """Return the model of this name. Without `create` no request is made, so a key with the role ingest is enough.

        create: create the model if there is none, with `description`, `labels` and `settings`. Needs an admin key.
        task: what the model predicts, such as `{"type": "binary", "positive": 1}`, so that labels can be compared. A
          model that exists gets the task, too.
        """
        model = Model(self, name)
        if task is not None and not create:
            raise ArgumentError("task goes with create=True. For a model that exists: model.settings(task={…}).")
        if create:
            if task is not None:
                settings = {**(settings or {}), "task": dict(task)}
            extra = {"description": description, "labels": labels, "settings": settings}
            body = {"name": name, **{key: value for key, value in extra.items() if value is not None}}
            response = self.request("POST", "/models", body, accept=(409,))
            if response.is_success:
                model._id = str(response.json()["id"])
            elif task is not None:
                model._set_task(task)
        return model

    def models(self) -> Results[ModelInfo]:
        """Return all models of the organization, newest first."""
        from driftguard_client.results import ModelInfo, Results

        found = [ModelInfo.from_answer(one) for one in self.listed("/models?limit=500")]
        return Results(found, ["name", "state", "drift_score", "open_alerts", "last_checked_at", "id"])

    def alerts(self, **filters: Any) -> Results[Alert]:
        """Return alerts of all models. Filters: limit, days, status, severity, alert_type."""
        return self._alerts("/drift/alerts", filters)

    def acknowledge(self, alert_id: str, note: str | None = None) -> Alert:
        """Acknowledge an alert."""
        return self._change_alert(alert_id, "acknowledge", {"note": note})

    def snooze(self, alert_id: str, until: Any, note: str | None = None) -> Alert:
        """Silence an alert until a time: a datetime with a time zone, or RFC 3339 text."""
        from driftguard_client.values import rfc3339

        return self._change_alert(alert_id, "snooze", {"until": rfc3339(milliseconds(until)), "note": note})

    def resolve(self, alert_id: str, note: str | None = None) -> Alert:
        """Resolve an alert."""
        return self._change_alert(alert_id, "resolve", {"note": note})

    def channels(self) -> list[dict[str, Any]]:
        """Return the alert channels. Their secrets are masked."""
        return list(self.listed("/alert-channels?limit=500"))

    def flush(self, timeout: float = 5.0) -> bool:
        """Send the queued rows now. Return whether none is left. With `strict`, raise instead of returning False."""
        if self._sender is None:
            return False
        is_sent = self._sender.flush(timeout)
        if not is_sent and self._options.strict:
            raise DriftGuardError(f"Not all rows were sent within {timeout:g} s. Last error: {self._problems.last}")
        return is_sent

    def stats(self) -> dict[str, Any]:
        """Return what became of the rows since this process started.

        queued: rows in memory. sent: rows that the service stored. dropped: rows that were lost. spooled: rows on disk
        that are not sent yet. retries: attempts after the first. rejected: rows that are not valid, found by the client
        or by the service. sampled_out: rows that `sample` left out. cut: texts that were longer than 256 characters.
        """
        numbers = {"queued": 0, "sent": 0, "dropped": 0, "spooled": 0, "retries": 0, "rejected": 0, "last_error": None}
        if self._sender is not None:
            numbers = self._sender.stats()
        return {
            **numbers,
            "dropped": numbers["dropped"] + self._unsent,  # type: ignore[operator]  # the values are numbers here
            "rejected": numbers["rejected"] + self._rejected,  # type: ignore[operator]
            "sampled_out": self._sampled_out,
            "cut": self._cuts.count,
            "last_error": self._problems.last,
        }

    def close(self, timeout: float = 5.0) -> bool:
        """Send the queued rows and stop. Return whether none is left. An exit of the process does the same in 2 s."""
        is_sent = self._sender is None or self._sender.close(timeout)
        if self._transport is not None:
            self._transport.close()
        return is_sent

    def __enter__(self) -> DriftGuard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Wrappers.

    def watch(self, estimator: Any, model: Model | str, **options: Any) -> Any:
        """Return an estimator that logs what `predict` and `predict_proba` get and return. See `wrappers.watching`."""
        from driftguard_client.wrappers.watching import Watched

        return Watched(estimator, self.model(model) if isinstance(model, str) else model, **options)

    def lambda_handler(self, handler: F) -> F:
        """Decorate a handler of AWS Lambda: rows are sent before it returns. See `wrappers.serverless`."""
        from driftguard_client.wrappers.serverless import flushing

        wrapped: F = flushing(self, handler)
        return wrapped

    # Requests, also used by the other modules of this package.

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: tuple[int, ...] = (),
        timeout: float = FOREGROUND_SECONDS,
        content: bytes | None = None,
    ) -> Response:
        """Send a request and wait for its response. Raises DriftGuardError unless the status is 2xx or accepted.

        Busy answers are retried. A broken connection is retried where a repetition does no harm: GET, PUT and DELETE.
        """
        import json
        import time

        if self._transport is None:
            raise self._problem or ConfigurationError("The client is not configured.")
        if body is not None:
            content = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        for attempt in range(1, TRIES + 1):
            try:
                response = self._transport.request(
                    method, path, content, timeout=timeout, repeatable=method in {"GET", "PUT", "DELETE"}
                )
            except DriftGuardError:
                if attempt == TRIES or method not in {"GET", "PUT", "DELETE"}:
                    raise
                time.sleep(0.3 * 2**attempt)
                continue
            if response.is_success or response.status in accept:
                return response
            if response.status not in BUSY or attempt == TRIES:
                raise response.error(f"{method} {path.partition('?')[0]}")
            time.sleep(min(10.0, response.retry_after or 0.3 * 2**attempt))
        raise AssertionError  # the last attempt returns or raises

    def listed(self, path: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, page by page."""
        from driftguard_client.pages import next_page

        count = 0
        following: str | None = path
        while following:
            response = self.request("GET", following)
            for one in response.json():
                yield one
                count += 1
                if count == limit:
                    return
            following = next_page(response)

    def _alerts(self, path: str, filters: Mapping[str, Any]) -> Results[Alert]:
        from driftguard_client.pages import with_query
        from driftguard_client.results import Alert, Results

        known = {"limit", "days", "status", "severity", "alert_type"}
        unknown = filters.keys() - known
        if unknown:
            raise ArgumentError(f"Unknown filter {sorted(unknown)[0]!r}. There are: {', '.join(sorted(known))}.")
        limit = filters.get("limit")
        query = {**filters, "limit": min(limit or 500, 500)}
        found = [Alert.from_answer(one) for one in self.listed(with_query(path, query), limit)]
        return Results(found, ["model_name", "alert_type", "severity", "status", "drift_score", "detected_at", "id"])

    def _change_alert(self, alert_id: str, change: str, body: Mapping[str, Any]) -> Alert:
        from driftguard_client.pages import quoted
        from driftguard_client.results import Alert

        sent = {key: value for key, value in body.items() if value is not None}
        return Alert.from_answer(self.request("POST", f"/drift/alerts/{quoted(alert_id)}/{change}", sent).json())

    def log_row(
        self,
        model: dict[str, str],
        features: Mapping[str, Any],
        prediction: Any,
        score: Any,
        class_probabilities: Any,
        label: Any,
        own_id: Any,
        timestamp: Any,
    ) -> str:
        """Queue one row and return its id. `Model.log` describes the arguments."""
        try:
            at = milliseconds(timestamp)
            # An id that starts with the row's own time lets the service find the row for a label without a time.
            row_id = ulid(at) if own_id is None else (prediction_id(own_id) or ulid(at))
            if self._options.sample < 1.0 and not is_sampled(row_id, self._options.sample):
                self._sampled_out += 1
                return row_id
            cuts = self._cuts
            row = [
                row_id,
                at,
                plain_features(features, cuts, self._known_names),
                None if prediction is None else scalar(prediction, "prediction", cuts),
                None if score is None else scalar(score, "score", cuts),
                None if class_probabilities is None else probabilities(class_probabilities, cuts),
                None if label is None or is_missing(label) else scalar(label, "label", cuts),
            ]
            reason = self._sender.add(model, row) if self._sender is not None else self._unconfigured()
            if reason and self._options.strict:
                raise DroppedError(reason)
            return row_id
        except Exception as error:
            if self._options.strict:
                raise
            self._refused(error)
            return str(own_id) if own_id is not None else ulid()

    def log_label(
        self,
        model: dict[str, str],
        own_id: Any,
        label: Any,
        timestamp: Any,
        labelled_at: Any,
        outcomes: Mapping[str, Any] | None,
        withdraw: bool,
    ) -> None:
        """Queue one label. `Model.log_label` describes the arguments."""
        try:
            row_id = prediction_id(own_id)
            if row_id is None:
                raise RejectedError("prediction_id", "is missing. Pass the id that log() returned.")
            cuts = self._cuts
            value = scalar(label, "label", cuts)
            if withdraw and value is not None:
                raise RejectedError("withdraw", "takes a label back. Send it without `label`.")
            if value in (None, "") and not withdraw:
                return
            if not is_sampled(row_id, self._options.sample):
                self._sampled_out += 1
                return
            row = [
                row_id,
                value,
                None if timestamp is None else milliseconds(timestamp),
                milliseconds(labelled_at),
                None
                if outcomes is None
                else {str(name): scalar(one, str(name), cuts) for name, one in outcomes.items()},
                withdraw or None,
            ]
            reason = self._sender.add(model, row, LABELS) if self._sender is not None else self._unconfigured()
            if reason and self._options.strict:
                raise DroppedError(reason)
        except Exception as error:
            if self._options.strict:
                raise
            self._refused(error)

    def _refused(self, error: Exception) -> None:
        """Report a row that cannot be sent."""
        self._rejected += 1
        if not isinstance(error, DriftGuardError):
            error = RejectedError("row", f"{type(error).__name__}: {error}")
        self._problems.report(error, f"row {getattr(error, 'column', '')}")

    def _spool_busy(self) -> int:
        """Return how many files of the spool belong to other processes that still run."""
        return self._spool.busy() if self._spool is not None else 0

    def _unconfigured(self) -> str:
        self._unsent += 1
        reason = str(self._problem)
        self._problems.report_lost(DroppedError(reason), 1)
        return reason
