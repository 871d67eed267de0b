"""`make bench-categories`: false alarms of categorical features, with the product's own tests.

Baseline and window are two samples of one distribution, so whatever fires is a false alarm.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.baseline import Baseline, FeatureBaseline
from driftguard.distributions.categories import categories
from driftguard.models.settings import ModelSettings
from driftguard.statistics.arrays import Floats
from driftguard.verdicts.drift import drift_tests
from driftguard.verdicts.quality import quality_tests
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.week import Week

WINDOWS = 20
"""Windows that are compared with one baseline."""


@dataclass(frozen=True)
class Shape:
    """A distribution of categories and the sizes of two samples. power: of the power law; 0 for even frequencies."""

    categories: int
    power: float
    baseline: int
    window: int

    @property
    def shares(self) -> Floats:
        """The share of each category."""
        weights = np.arange(1, self.categories + 1) ** -self.power
        shares: Floats = weights / weights.sum()
        return shares


SHAPES = [
    Shape(2, 0.0, 500, 500),
    Shape(10, 1.0, 2000, 1000),
    Shape(60, 0.0, 1000, 10_000),
    Shape(300, 0.5, 500, 3000),
    Shape(900, 0.0, 2000, 2000),
    Shape(900, 1.0, 10_000, 100_000),
    Shape(5000, 0.0, 5000, 20_000),
    Shape(5000, 1.0, 10_000, 5000),
    Shape(20_000, 0.0, 100_000, 2000),
    Shape(20_000, 1.0, 30_000, 10_000),
    Shape(20_000, 1.2, 100_000, 100_000),
]


@dataclass(frozen=True)
class Found:
    """The results of one window. by_chance: the score to expect."""

    drifted: bool
    new: bool
    p_value: float
    score: float
    by_chance: float


def compare(shape: Shape, baselines: int, seed: int) -> Iterator[Found]:
    """Yield the results of WINDOWS windows for each of some baselines."""
    random = np.random.default_rng(seed)
    names = [f"value {number}" for number in range(shape.categories)]
    settings = ModelSettings()
    for _baseline in range(baselines):
        drawn = random.multinomial(shape.baseline, shape.shares)
        seen = Counter({names[place]: int(drawn[place]) for place in np.flatnonzero(drawn)})
        feature = FeatureBaseline("x", "feature", "categorical", shape.baseline, 0, 0, categories(seen))
        baseline = Baseline(shape.baseline, None, (feature,))
        layout = Layout(baseline)
        rules = Rules.of(layout, settings)
        bins, unseen = layout.categories[0].find(names)
        for _window in range(WINDOWS):
            values = random.multinomial(shape.window, shape.shares)
            window = Counts.empty(baseline)
            window.rows = shape.window
            window.bins[:] = np.bincount(bins, weights=values, minlength=len(window.bins)).astype(np.int64)
            window.unseen[:] = values[unseen].sum()
            tests = drift_tests(layout, window, Week.whole(len(layout.features), 7), rules, baseline_days=None)
            _testable, quality = quality_tests(layout, window, rules, settings.min_share_change)
            yield Found(
                bool(tests.fired[0]),
                any(test.fired for test in quality),
                float(tests.p_value[0]),
                float(tests.score[0]),
                float(tests.expected_by_chance[0]),
            )


def main(baselines: int) -> None:
    """Print one line per shape."""
    print("categories  power  baseline   window   pairs  drift  new  P(p<0.001)  mean score  by chance")
    for number, shape in enumerate(SHAPES):
        found = list(compare(shape, baselines, seed=number))
        drift, new = sum(one.drifted for one in found), sum(one.new for one in found)
        tail = np.mean([one.p_value < 1e-3 for one in found])
        scores = np.mean([(one.score, one.by_chance) for one in found], axis=0)
        print(
            f"{shape.categories:10}  {shape.power:5}  {shape.baseline:8}  {shape.window:7}  {len(found):6}  {drift:5}"
            f"  {new:3}  {tail:10.4f}  {scores[0]:10.4f}  {scores[1]:9.4f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 140)
