"""The classic rule: each midnight, each feature's last seven days against the baseline, at p < 0.05.

Numbers are compared by SciPy's Kolmogorov–Smirnov test, texts by its chi-square test. Missing values are left out.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

from bench.evaluation.protocol import Spans, daily_spans, daily_windows, features, run

LEVEL = 0.05


def signals(baseline: pd.DataFrame, history: pd.DataFrame) -> Mapping[str, Spans]:
    """Test each feature in each window, at the level and at the level divided by the number of features."""
    numbers, texts = features(baseline)
    least = {}
    for midnight, rows in daily_windows(history):
        found = [_of_numbers(baseline[name], rows[name]) for name in numbers]
        found += [_of_texts(baseline[name], rows[name]) for name in texts]
        least[midnight] = min(found)
    share = LEVEL / len([*numbers, *texts])
    return {
        "p < 0.05": daily_spans({when: p < LEVEL for when, p in least.items()}),
        "p < 0.05, Bonferroni": daily_spans({when: p < share for when, p in least.items()}),
    }


def _of_numbers(before: pd.Series, after: pd.Series) -> float:
    samples = [np.asarray(some.dropna(), np.float64) for some in (before, after)]
    if not all(map(len, samples)):
        return 1.0
    return float(ks_2samp(samples[0], samples[1], method="asymp").pvalue)


def _of_texts(before: pd.Series, after: pd.Series) -> float:
    counts = pd.concat([some.value_counts() for some in (before, after)], axis=1).fillna(0).to_numpy()
    if len(counts) < 2 or not counts.sum(axis=0).all():
        return 1.0
    return float(chi2_contingency(counts.T, correction=False).pvalue)


if __name__ == "__main__":
    run(signals, "scipy")
