"""One model of a service."""

from __future__ import annotations

from driftguard_client.errors import DriftGuardError, UnknownModelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from driftguard_client.client import DriftGuard
    from driftguard_client.results import (
        Alert,
        BaselineInfo,
        HistoryRow,
        LabelsResult,
        LabelsStatus,
        LabelUpload,
        LogResult,
        Performance,
        Report,
        Results,
        Simulation,
    )

CHECK_SECONDS = 300.0


class Model:
    """A model. `DriftGuard.model(name)` returns it."""

    def __init__(self, client: DriftGuard, name: str) -> None:
        self.client = client
        self.name = name
        self._reference = {"model": name}
        self._id: str | None = None

    def __repr__(self) -> str:
        return f"Model({self.name!r})"

    @property
    def id(self) -> str:
        """The id of the model, asked once from the service. Needs a key with the role viewer or admin."""
        if self._id is None:
            names = []
            for one in self.client.listed("/models?limit=500"):
                if one["name"] == self.name:
                    self._id = str(one["id"])
                    return self._id
                names.append(one["name"])
            raise UnknownModelError(self.name, names)
        return self._id

    def log(
        self,
        features: Mapping[str, Any],
        prediction: Any = None,
        score: Any = None,
        probabilities: Any = None,
        label: Any = None,
        prediction_id: Any = None,
        timestamp: Any = None,
    ) -> str:
        """Log one prediction in the background and return its id at once. Never raises, unless the client is strict.

        features: the value of each feature. NaN, NA and None are missing values.
        score: the probability of the positive class. probabilities: a row of predict_proba, or a number for each class.
        label: the true value, if it is known already. prediction_id: your id; a new one is made if it is left out.
        timestamp: the time of the prediction, with a time zone; now if it is left out.
        """
        return self.client.log_row(
            self._reference, features, prediction, score, probabilities, label, prediction_id, timestamp
        )

    def log_frame(
        self,
        frame: Any,
        *,
        features: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        prediction: str | None = None,
        score: str | None = None,
        probabilities: Sequence[str] | Mapping[str, Any] | None = None,
        label: str | None = None,
        prediction_id: str | None = None,
        timestamp: str | None = None,
        batch_id: str | None = None,
        chunk_rows: int = 5_000,
        parallel: int = 4,
        progress: Callable[[int, int], object] | None = None,
    ) -> LogResult:
        """Log all rows of a frame and wait for the answers. Rows that are not stored are in `errors` of the result.

        frame: a DataFrame of pandas or polars, a pyarrow Table, a dictionary of columns, or a list of dictionaries.
        prediction, score, label, prediction_id, timestamp: names of columns. Every other column is a feature, unless
          `features` names them or `exclude` leaves them out. Both take a list, or one name.
        probabilities: the columns of the classes, or a class for each column.
        batch_id: your id of this frame. If you log the same frame again under it, its rows are stored once. Without
          `timestamp`, the rows get the time of the first arrival then.
        progress: called with the number of finished rows and of all rows.
        A column whose texts look like ids or dates is a Python warning, and in `warnings` of the result.
        Raises ArgumentError if the frame lacks a column, has times as a feature, or cannot be read.
        """
        from driftguard_client.frames import Frame, Roles, Table
        from driftguard_client.framing import log_frame

        read = Frame(frame)
        roles = Roles(
            read,
            features=features,
            exclude=exclude,
            prediction=prediction,
            score=score,
            probabilities=probabilities,
            label=label,
            prediction_id=prediction_id,
            timestamp=timestamp,
        )
        table = Table(read, roles)
        _warn(table.warnings)
        return log_frame(
            self,
            table,
            batch_id=batch_id,
            chunk_rows=chunk_rows,
            parallel=parallel,
            progress=progress,
        )

    def log_label(
        self,
        prediction_id: Any,
        label: Any = None,
        *,
        timestamp: Any = None,
        labelled_at: Any = None,
        outcomes: Mapping[str, Any] | None = None,
        withdraw: bool = False,
    ) -> None:
        """Send one label in the background. Never raises, unless the client is strict. A missing label is skipped.

        prediction_id: the id that `log` returned or got. label: the true value.
        timestamp: the time of the prediction, with a time zone. Pass it if you know it: the label is found faster then.
        labelled_at: when the truth was known; now if it is left out. The latest label of a prediction counts.
        outcomes: named numbers, such as `{"revenue": 12.5}`. withdraw: take an earlier label back.
        """
        self.client.log_label_row(self._reference, prediction_id, label, timestamp, labelled_at, outcomes, withdraw)

    def log_labels(
        self,
        frame: Any,
        *,
        prediction_id: str = "prediction_id",
        label: str = "label",
        timestamp: str | None = None,
        labelled_at: str | None = None,
        withdraw: str | None = None,
        outcomes: Sequence[str] | Mapping[str, str] = (),
        batch_id: str | None = None,
        chunk_rows: int = 5_000,
        parallel: int = 4,
        progress: Callable[[int, int], object] | None = None,
    ) -> LabelsResult:
        """Send the labels of all rows of a frame and wait for the answers. Rows that are not stored are in `errors`.

        frame: as for `log_frame`. prediction_id, label, timestamp, labelled_at, withdraw: names of columns.
        outcomes: columns of numbers, such as a revenue; or a name for each column.
        batch_id: your id of this frame. If you send the same frame again under it, its labels are stored once.
        Rows whose label is missing are counted as `unlabelled`; so you may send a frame again when more is known.
        """
        from driftguard_client.frames import Frame, LabelTable
        from driftguard_client.framing import log_labels

        table = LabelTable(
            Frame(frame),
            prediction_id=prediction_id,
            label=label,
            timestamp=timestamp,
            labelled_at=labelled_at,
            withdraw=withdraw,
            outcomes=outcomes,
        )
        return log_labels(self, table, batch_id=batch_id, chunk_rows=chunk_rows, parallel=parallel, progress=progress)

    def upload_labels(self, path: Any, *, progress: Callable[[str, int, int], object] | bool = True) -> LabelUpload:
        """Upload a file of labels and wait until it is stored: CSV or JSON Lines, plain or gzip. Needs an admin key.

        Its columns are `prediction_id`, `label`, `timestamp`, `labelled_at`, `withdraw` and `outcome:<name>`.
        """
        from driftguard_client.baselines import upload_labels

        return upload_labels(self, path, progress=progress)

    def labels(self) -> LabelsStatus:
        """Return what became of the labels, as of the last join."""
        from driftguard_client.results import LabelsStatus

        return LabelsStatus.from_answer(self.client.request("GET", f"/models/{self.id}/labels/status").json())

    def performance(self, days: int | None = None, metric: str | None = None) -> Performance:
        """Return how well the model predicts, as of the last join. metric: of the days; the headline if left out."""
        from driftguard_client.pages import with_query
        from driftguard_client.results import Performance

        path = with_query(f"/models/{self.id}/performance", {"days": days, "metric": metric})
        return Performance.from_answer(self.client.request("GET", path).json())

    def set_baseline(
        self,
        data: Any,
        *,
        features: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        prediction: str | None = None,
        score: str | None = None,
        label: str | None = None,
        timestamp: str | None = None,
        days: int | None = None,
        replace: bool = False,
        progress: Callable[[str, int, int], object] | bool = True,
    ) -> BaselineInfo:
        """Make a new baseline version out of training or validation data. Needs an admin key.

        data: a frame as for `log_frame`, or the path of a CSV or JSON Lines file, plain or gzip.
        prediction, score, label, timestamp: names of columns. Every other column is a feature, unless `features` names
          them or `exclude` leaves them out. Both take a list, or one name. With `label`, the performance in production
          is compared with that of these rows.
        days: the number of days that the rows come from; counted from `timestamp` if left out.
        replace: accept data that shares no feature with the current baseline.
        progress: True prints the progress of uploads to a terminal; or a function of a phase, done and total.
        Small frames are sent in one request. Large frames and files are uploaded, and the call waits for the result.
        A column whose texts look like ids or dates is a Python warning, and in `warnings` of the result.
        Raises ArgumentError if the frame lacks a column, has times as a feature, or cannot be read.
        """
        from driftguard_client.baselines import set_baseline

        made = set_baseline(
            self,
            data,
            features=features,
            exclude=exclude,
            prediction=prediction,
            score=score,
            label=label,
            timestamp=timestamp,
            days=days,
            replace=replace,
            progress=progress,
        )
        _warn(made.warnings)
        return made

    def baseline(self) -> BaselineInfo:
        """Return the current baseline with its features."""
        from driftguard_client.results import BaselineInfo

        return BaselineInfo.from_answer(self.client.request("GET", f"/models/{self.id}/baseline").json())

    def baselines(self) -> Results[BaselineInfo]:
        """Return all baseline versions, newest first."""
        from driftguard_client.results import BaselineInfo, Results

        found = [BaselineInfo.from_answer(one) for one in self.client.listed(f"/models/{self.id}/baselines?limit=500")]
        return Results(found, ["version", "rows", "created_at", "source", "current"])

    def restore_baseline(self, version: int) -> dict[str, Any]:
        """Make an earlier baseline version the current one."""
        answer: dict[str, Any] = self.client.request(
            "POST", f"/models/{self.id}/baselines/{version}/restore", {}
        ).json()
        return answer

    def check(self, timeout: float = CHECK_SECONDS) -> Report:
        """Run a check now and return its report. Waits if another check of the model runs."""
        import time

        from driftguard_client.results import Report

        deadline = time.monotonic() + timeout
        before = self._last_checked()
        path = f"/drift/models/{self.id}/check"
        while True:
            response = self.client.request("POST", path, {}, accept=(409,), timeout=timeout)
            if response.status == 200:
                return Report.from_answer(response.json())
            if response.status == 202:  # the check continues in the background
                while self._last_checked() == before and time.monotonic() < deadline:
                    time.sleep(1.0)
                if self._last_checked() != before:
                    return self.report()
            if time.monotonic() >= deadline:
                raise DriftGuardError(f"The check did not end within {timeout:g} s. Read it later with report().")
            time.sleep(1.0)

    def report(self) -> Report:
        """Return the report of the last check."""
        from driftguard_client.results import Report

        return Report.from_answer(self.client.request("GET", f"/drift/models/{self.id}/report").json())

    def history(self, days: int | None = None, limit: int | None = None) -> Results[HistoryRow]:
        """Return the summaries of past checks, newest first."""
        from driftguard_client.pages import with_query
        from driftguard_client.results import HistoryRow, Results

        path = with_query(f"/drift/models/{self.id}/history", {"days": days, "limit": min(limit or 500, 500)})
        found = [HistoryRow.from_answer(one) for one in self.client.listed(path, limit)]
        return Results(found, ["checked_at", "status", "drift_score", "p_value", "n_window", "drifted_features"])

    def alerts(self, **filters: Any) -> Results[Alert]:
        """Return the alerts of this model. Filters: limit, days, status, severity, alert_type."""
        return self.client._alerts(f"/drift/models/{self.id}/alerts", filters)

    def simulate(self, settings: Mapping[str, Any] | None = None, days: int = 7) -> Simulation:
        """Return the alerts that other settings would have opened in the past days."""
        from driftguard_client.results import Simulation

        body = {"settings": dict(settings or {}), "days": days}
        return Simulation.from_answer(
            self.client.request("POST", f"/drift/models/{self.id}/simulate", body, timeout=CHECK_SECONDS).json()
        )

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the settings of the model, after the changes. None restores a default."""
        path = f"/models/{self.id}"
        answer = (
            self.client.request("PATCH", path, {"settings": changes}) if changes else self.client.request("GET", path)
        )
        settings: dict[str, Any] = answer.json()["settings"]
        return settings

    def _set_task(self, task: Mapping[str, Any]) -> None:
        """Give the task to a model that exists, unless it has the task."""
        current = self.settings().get("task") or {}
        if any(current.get(name) != value for name, value in task.items()):
            self.settings(task=dict(task))

    def _last_checked(self) -> str | None:
        response = self.client.request("GET", f"/models/{self.id}")
        checked: str | None = response.json().get("last_checked_at")
        return checked


def _warn(texts: Iterable[str]) -> None:
    """Show warnings at the line that called a method of Model."""
    import warnings

    for text in texts:
        warnings.warn(text, stacklevel=3)
