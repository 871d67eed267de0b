"""Finds out since when a model gets no labels although predictions wait for them."""

from collections.abc import Iterator
from datetime import datetime

from driftguard.performance.partitions import Watched
from driftguard.performance.tables import Joined
from driftguard.platform.times import iso, parse
from driftguard.predictions.keys import labels_of
from driftguard.predictions.tables import Predictions
from driftguard.verdicts.performance import label_limit
from driftguard.verdicts.performance_findings import Labelling


def labelling_of(model: Watched, state: Joined | None, p90: float | None, now: datetime) -> Labelling:
    """Return what is known of the arrival of labels.

    state: how far the model is joined. p90: the 90 % quantile of the delay in hours.
    The predictions after the last label are looked up only if that label is older than the limit.
    """
    if state is None:
        return Labelling(None, None, p90)
    progress = state.progress
    last = _time_of(progress.last_label) if progress.last_label else None
    since = last or (parse(progress.started) if progress.started else now)
    if now - since <= label_limit(p90):
        return Labelling(last, None, p90)
    unsettled = next(_arrivals(labels_of(model.model_id), model.partitions, str(state.labels_reached), now), None)
    if unsettled is not None:
        return Labelling(_time_of(unsettled), None, p90)
    first = next(_arrivals(model.model_id, model.partitions, progress.last_label or iso(since), now), None)
    return Labelling(last, _time_of(first) if first is not None else None, p90)


def _arrivals(owner: str, partitions: int, after: str, now: datetime) -> Iterator[str]:
    return (head.arrived_at for head in Predictions.arrivals(owner, partitions, after=after, until=iso(now)))


def _time_of(arrived_at: str) -> datetime:
    return parse(arrived_at.partition("#")[0])
