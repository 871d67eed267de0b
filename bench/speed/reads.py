"""The read units of a check, as DynamoDB counts them, on the template's own tables."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.columns import baseline, names
from bench.cost.measure import tables
from bench.speed.costs import FEATURES, ROWS_AN_HOUR, drawn
from driftguard.baselines.tables import Baselines
from driftguard.checks.check import check
from driftguard.checks.task import Task
from driftguard.counting.counts import Counts
from driftguard.counting.tables import StoredCounts, day_key, hour_key
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.settings import SettingsPatch
from driftguard.models.tables import Models
from driftguard.platform.times import hour_of, iso
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from sandbox.meter import metered

ORGANIZATION = "measured"
TICK = timedelta(minutes=15)
HISTORY = 15
"""Days of counts before the check."""
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
TIMES = (0.25, 6, 12, 18, 23.75)
"""Hours of the day at which a check is looked at: how many single hours lie beside the window's whole days does not
change with it, how far the current day has come does. The first one rolls the day before up."""

LOWEST, HIGHEST = 100_000, 1_000_000


def by_time(window_days: int = 7) -> list[tuple[float, float]]:
    """Read units of a scheduled check by the hour of the day: FEATURES features of six-digit numbers, ROWS_AN_HOUR rows
    an hour that arrive as one batch a quarter of an hour."""
    rng = np.random.default_rng(3)
    reference = baseline(rng.integers(LOWEST, HIGHEST, (FEATURES, 10_000)).astype(np.float64), 14)
    return [(hours, _units(reference, MIDNIGHT + timedelta(hours=hours), window_days)) for hours in TIMES]


def _units(reference: Baseline, tick: datetime, window_days: int) -> float:
    with tables():
        before = tick - TICK
        model = _model(reference, before - timedelta(days=HISTORY), window_days)
        _count(model, reference, before)
        _log(model, before - timedelta(minutes=6))
        _check(model, before)
        _log(model, tick - timedelta(minutes=6))
        with metered() as usage:
            _check(model, tick)
        return usage.read_units


def _model(reference: Baseline, now: datetime, window_days: int) -> Models:
    settings = SettingsPatch.model_validate({"window_days": window_days})
    made = registry.create(ORGANIZATION, NewModel(name="Measured", settings=settings), partitions=4, now=now)
    model = registry.find(ORGANIZATION, made.id)
    version = model.next_baseline_version()
    Baselines.add(
        made.id, version, encoding.encode(reference), rows=reference.rows, days=reference.days, source="rows", now=now
    )
    model.use_baseline(version)
    return model


def _count(model: Models, reference: Baseline, until: datetime) -> None:
    """What folding would have left of ROWS_AN_HOUR rows in each hour up to `until`."""
    rng = np.random.default_rng(4)
    version, last = int(model.baseline_version), hour_of(until)
    watermark = iso(until - timedelta(minutes=20))
    first_day, today = last // 24 - HISTORY, last // 24
    for day in range(first_day, today + 1):
        total = Counts.empty(reference)
        for hour in range(day * 24, min(day * 24 + 24, last)):
            counts = drawn(reference, rng, ROWS_AN_HOUR)
            total = total + counts
            key = hour_key(version, hour, 0)
            StoredCounts.put(model.model_id, key, counts.encode(0), watermark, read=None, now=until)
        if day < today:
            key = day_key(version, day, 0)
            StoredCounts.put(model.model_id, key, total.encode(0), watermark, read=None, now=until)
    StoredCounts.advance(
        model.model_id,
        version,
        read=None,
        cursor=watermark,
        first_hour=first_day * 24,
        rolled_before=today,
        last_arrival=watermark,
        rolled_at=iso(until - timedelta(days=1)),
    )


def _log(model: Models, now: datetime) -> None:
    rng = random.Random(now.timestamp())
    rows = [
        {"features": {name: rng.randrange(LOWEST, HIGHEST) for name in names(FEATURES)}, "timestamp": iso(now)}
        for _row in range(ROWS_AN_HOUR // 4)
    ]
    intake.log_batch(ORGANIZATION, BatchBody(model_id=model.model_id, predictions=rows), now=now)


def _check(model: Models, now: datetime) -> None:
    current = registry.find(ORGANIZATION, model.model_id)
    time_left, keep = timedelta(minutes=1), timedelta(days=400)
    result = check(Task(current, now, iso(now), lambda: time_left, lambda _message: None, keep))
    if result.report is None or result.report["n_window"] < ROWS_AN_HOUR * 24:
        raise RuntimeError("the check did not see what was counted")
