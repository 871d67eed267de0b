"""What the product's own steps cost: the parts of a check, checks of ever larger windows, folding, and bytes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from bench.columns import baseline, names
from bench.speed.compare import draw
from bench.stored import Stored, check, decided, moments, series, settled
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout, layout_of
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline, build
from driftguard.platform.serialization import Scalar
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns

FEATURES = 50
JUDGED = "counts and past decoded, window summed, tested, judged"
"""The part of a check that has a limit."""
WINDOWS = tuple(10**digits for digits in range(3, 9))
REPEATS = 25

ROWS_AN_HOUR = 600
BATCH_ROWS = 500
BATCH_FEATURES = 20
BATCHES = 24


def cpu(step: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median CPU seconds of a step, once it is warm."""
    step()
    taken = []
    for _repeat in range(repeats):
        began = time.process_time()
        step()
        taken.append(time.process_time() - began)
    return median(taken)


@dataclass(frozen=True)
class Steps:
    """CPU seconds of the parts of one check, in their order, and of all together."""

    parts: Sequence[tuple[str, float]]
    whole: float


def stored(rows: int, features: int = FEATURES, seed: int = 1) -> Stored:
    """The counts of a window of `rows` rows, drawn from the baseline's own shares rather than counted, so that 10⁸
    rows need no 10⁸ rows."""
    rng = np.random.default_rng([seed, rows])
    reference = baseline(draw(rng, features, 10**5), None)
    hours, days = moments()
    by_hour = {hour: drawn(reference, rng, -(-rows // 168)) for hour in hours}
    return Stored.of(reference, by_hour, {day: drawn(reference, rng, -(-rows // 7)) for day in days})


def drawn(reference: Baseline, rng: np.random.Generator, rows: int) -> Counts:
    """Counts of rows from the same distribution as the baseline."""
    layout = layout_of(reference)
    counts = Counts.empty(reference)
    counts.rows = rows
    for index in range(len(layout.features)):
        span = layout.span(index)
        shares = layout.bins[span] / layout.bins[span].sum()
        counts.bins[span] = rng.multinomial(rows, shares)
        edges = layout.numbers[index].values
        counts.least[index], counts.greatest[index] = edges[1], edges[-1]
        counts.total[index], counts.squares[index] = rng.normal(0, rows**0.5), rows
    return counts


def steps(rows: int = 10**6) -> Steps:
    """The parts of a check of FEATURES features."""
    of = stored(rows)
    reference = encoding.decode(of.baseline)
    known = series(reference)
    with of.read_from():
        verdict = decided(known)
        deciding = cpu(lambda: decided(known))
        return Steps(
            [
                ("baseline decoded", cpu(lambda: encoding.decode(of.baseline))),
                ("its bins laid out", cpu(lambda: Layout(reference))),
                (JUDGED, deciding),
                ("alerts brought up to date, report packed", cpu(lambda: settled(verdict))),
            ],
            cpu(lambda: check(of)),
        )


def by_window() -> list[tuple[int, float]]:
    """CPU seconds of a whole check against the rows in its window."""
    costs = []
    for rows in WINDOWS:
        of = stored(rows)
        with of.read_from():
            costs.append((rows, cpu(lambda of=of: check(of))))  # type: ignore[misc]
    return costs


type Column = Sequence[Scalar]


def kinds(rng: np.random.Generator, rows: int) -> dict[str, Column]:
    """A column of each kind of values."""
    shops = [f"shop {number:03d}" for number in range(300)]
    return {
        "doubles": rng.standard_normal(rows).tolist(),
        "six-digit numbers": rng.integers(0, 10**6, rows).tolist(),
        "two decimals": np.round(rng.exponential(30, rows), 2).tolist(),
        "counts up to 20": rng.poisson(6, rows).tolist(),
        "categories, 300": [shops[number] for number in rng.integers(0, 300, rows)],
        "booleans": (rng.random(rows) < 0.3).tolist(),
    }


@dataclass(frozen=True)
class Kind:
    """nanoseconds: to fold one value, decoding included. batch, hour: bytes a value in a packed batch, and bytes a
    feature and hour in the stored counts."""

    name: str
    nanoseconds: float
    batch: float
    hour: float


def by_kind() -> list[Kind]:
    """What a value costs to fold and to keep, by its kind."""
    rng = np.random.default_rng(2)
    return [_kind(name, rng) for name in kinds(rng, 1)]


def _kind(name: str, rng: np.random.Generator) -> Kind:
    feature_names = names(BATCH_FEATURES)
    reference = build({feature: kinds(rng, 10_000)[name] for feature in feature_names}, days=7)
    packed = [_packed([kinds(rng, BATCH_ROWS)[name] for _ in feature_names], number) for number in range(BATCHES)]
    values = BATCHES * BATCH_ROWS * BATCH_FEATURES
    seconds = cpu(lambda: count(reference, map(columns, packed)), 7)
    hour = count(reference, [columns(_packed([kinds(rng, ROWS_AN_HOUR)[name] for _ in feature_names], 0))])
    return Kind(
        name,
        seconds / values * 1e9,
        sum(map(len, packed)) / values,
        sum(len(counts.encode(0)) for counts in hour.values()) / BATCH_FEATURES,
    )


def _packed(columns_: Sequence[Column], number: int) -> bytes:
    start = 1_795_000_000 // 3600 * 3600
    rows = zip(*columns_, strict=True)
    step = 3600 / len(columns_[0])
    listed = [
        Row(start + place * step, dict(zip(names(BATCH_FEATURES), values, strict=True)), None, f"{number}-{place}")
        for place, values in enumerate(rows)
    ]
    return pack(listed)
