"""The alerts of a model whose checks are replayed, in a simulation or a backtest. Nothing is stored or sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from driftguard.alerts import lifecycle
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Finding, Memory, Occasion
from driftguard.alerts.schemas import Alert, AlertType


@dataclass
class ReplayedAlerts:
    """open: the open alert of each type. memory: what is kept of each type. seen: each alert as it is now, by id.

    events: the events that would have been published, oldest first.
    """

    open: dict[AlertType, Alert] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    seen: dict[str, Alert] = field(default_factory=dict)
    events: list[AlertEvent] = field(default_factory=list)

    def apply(self, findings: Iterable[Finding], occasion: Occasion) -> list[Alert]:
        """Apply the findings of one check. Returns the alerts that this check opened."""
        opened = []
        for finding in findings:
            kind = finding.alert_type
            outcome = lifecycle.apply(finding, self.open.get(kind), self.memory_of(kind), occasion)
            self.memory[kind] = outcome.memory
            self.events += outcome.events
            for alert in outcome.alerts:
                if alert.id not in self.seen:
                    opened.append(alert)
                self.seen[alert.id] = alert
                if alert.is_open:
                    self.open[kind] = alert
                else:
                    self.open.pop(kind, None)
        return opened

    def memory_of(self, kind: str) -> Memory:
        """Return what is kept of one type of alert."""
        return self.memory.get(kind, Memory())

    @property
    def messages(self) -> int:
        """The number of events that a channel for every severity would have received."""
        return sum(event.seen_from("LOW") is not None for event in self.events)
