"""The same client for asyncio. Methods that wait for the network run in a thread, so the event loop never blocks."""

from __future__ import annotations

from asyncio import to_thread as _in_thread
from typing import TYPE_CHECKING, Any

from driftguard_client.client import DriftGuard
from driftguard_client.model import Model

if TYPE_CHECKING:
    from driftguard_client.results import (
        Alert,
        BaselineInfo,
        HistoryRow,
        LabelsResult,
        LabelsStatus,
        LabelUpload,
        LogResult,
        ModelInfo,
        Performance,
        Report,
        Results,
        Simulation,
    )


class AsyncModel:
    """A model whose methods are coroutines. They have the arguments and results of `Model`."""

    def __init__(self, model: Model) -> None:
        self.sync = model
        self.name = model.name

    async def id(self) -> str:
        """Return the id of the model."""
        return await _in_thread(lambda: self.sync.id)

    async def log(self, features: Any, prediction: Any = None, *arguments: Any, **named: Any) -> str:
        """Log one prediction in the background and return its id at once."""
        if self.sync.client._options.when_full == "block":
            return await _in_thread(self.sync.log, features, prediction, *arguments, **named)
        return self.sync.log(features, prediction, *arguments, **named)

    async def log_frame(self, frame: Any, **options: Any) -> LogResult:
        """Log all rows of a frame."""
        return await _in_thread(self.sync.log_frame, frame, **options)

    async def log_label(self, prediction_id: Any, label: Any = None, **named: Any) -> None:
        """Send one label in the background."""
        if self.sync.client._options.when_full == "block":
            return await _in_thread(self.sync.log_label, prediction_id, label, **named)
        return self.sync.log_label(prediction_id, label, **named)

    async def log_labels(self, frame: Any, **options: Any) -> LabelsResult:
        """Send the labels of all rows of a frame."""
        return await _in_thread(self.sync.log_labels, frame, **options)

    async def upload_labels(self, path: Any, **options: Any) -> LabelUpload:
        """Upload a file of labels."""
        return await _in_thread(self.sync.upload_labels, path, **options)

    async def labels(self) -> LabelsStatus:
        """Return what became of the labels."""
        return await _in_thread(self.sync.labels)

    async def performance(self, days: int | None = None, metric: str | None = None) -> Performance:
        """Return how well the model predicts."""
        return await _in_thread(self.sync.performance, days, metric)

    async def set_baseline(self, data: Any, **options: Any) -> BaselineInfo:
        """Make a new baseline version."""
        return await _in_thread(self.sync.set_baseline, data, **options)

    async def baseline(self) -> BaselineInfo:
        """Return the current baseline."""
        return await _in_thread(self.sync.baseline)

    async def baselines(self) -> Results[BaselineInfo]:
        """Return all baseline versions."""
        return await _in_thread(self.sync.baselines)

    async def restore_baseline(self, version: int) -> dict[str, Any]:
        """Make an earlier baseline version the current one."""
        return await _in_thread(self.sync.restore_baseline, version)

    async def check(self, **options: Any) -> Report:
        """Run a check now and return its report."""
        return await _in_thread(self.sync.check, **options)

    async def report(self) -> Report:
        """Return the report of the last check."""
        return await _in_thread(self.sync.report)

    async def history(self, **options: Any) -> Results[HistoryRow]:
        """Return the summaries of past checks."""
        return await _in_thread(self.sync.history, **options)

    async def alerts(self, **filters: Any) -> Results[Alert]:
        """Return the alerts of this model."""
        return await _in_thread(self.sync.alerts, **filters)

    async def simulate(self, settings: Any = None, days: int = 7) -> Simulation:
        """Return the alerts that other settings would have opened."""
        return await _in_thread(self.sync.simulate, settings, days)

    async def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the settings of the model, after the changes."""
        return await _in_thread(self.sync.settings, **changes)


class AsyncDriftGuard:
    """A client whose methods are coroutines. They have the arguments and results of `DriftGuard`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.sync = DriftGuard(*arguments, **options)

    async def __aenter__(self) -> AsyncDriftGuard:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def model(self, name: str, **options: Any) -> AsyncModel:
        """Return the model of this name."""
        if options.get("create"):
            return AsyncModel(await _in_thread(self.sync.model, name, **options))
        return AsyncModel(self.sync.model(name))

    async def models(self) -> Results[ModelInfo]:
        """Return all models."""
        return await _in_thread(self.sync.models)

    async def alerts(self, **filters: Any) -> Results[Alert]:
        """Return alerts of all models."""
        return await _in_thread(self.sync.alerts, **filters)

    async def acknowledge(self, alert_id: str, note: str | None = None) -> Alert:
        """Acknowledge an alert."""
        return await _in_thread(self.sync.acknowledge, alert_id, note)

    async def snooze(self, alert_id: str, until: Any, note: str | None = None) -> Alert:
        """Silence an alert until a time."""
        return await _in_thread(self.sync.snooze, alert_id, until, note)

    async def resolve(self, alert_id: str, note: str | None = None) -> Alert:
        """Resolve an alert."""
        return await _in_thread(self.sync.resolve, alert_id, note)

    async def channels(self) -> list[dict[str, Any]]:
        """Return the alert channels."""
        return await _in_thread(self.sync.channels)

    async def flush(self, timeout: float = 5.0) -> bool:
        """Send the queued rows now."""
        return await _in_thread(self.sync.flush, timeout)

    def stats(self) -> dict[str, Any]:
        """Return what became of the rows."""
        return self.sync.stats()

    async def close(self, timeout: float = 5.0) -> bool:
        """Send the queued rows and stop."""
        return await _in_thread(self.sync.close, timeout)
