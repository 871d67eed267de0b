"""The timeline of an alert: every change of it, and who made the change."""

from datetime import datetime

from driftguard.alerts.schemas import SCHEDULE, Alert, TimelineEntry, TimelineEvent

TIMELINE_ENTRIES = 500
"""Maximum length of a timeline. A longer timeline keeps its first entry and the latest entries."""


def with_entry(
    alert: Alert, at: datetime, event: TimelineEvent, note: str | None = None, *, actor: str = SCHEDULE
) -> Alert:
    """Return the alert with one more entry. A timeline that is too long loses entries from its middle."""
    timeline = [*alert.timeline, TimelineEntry(at=at, event=event, note=note, actor=actor)]
    left_out = max(0, len(timeline) - TIMELINE_ENTRIES)
    if left_out:
        timeline = [timeline[0], *timeline[left_out + 1 :]]
    return alert.model_copy(update={"timeline": timeline, "timeline_left_out": alert.timeline_left_out + left_out})
