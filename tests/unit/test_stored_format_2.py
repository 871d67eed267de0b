"""Baselines and counts of format 2, as the code that introduced them stored them, are read by today's code.

The fixtures are never written again. A failure here means that existing deployments lose data: mend the reader.
"""

import json
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline
from driftguard.distributions.categories import Categories
from driftguard.distributions.numbers import Numbers

STORED = Path(__file__).parents[1] / "stored" / "baselines"


def stored_baseline() -> tuple[Baseline, dict[str, Any]]:
    """The stored baseline, and the rows that it was made of."""
    digests = (STORED / "format_2.digests.bin").read_bytes()
    baseline = encoding.decode((STORED / "format_2.bin").read_bytes(), lambda: encoding.decode_digests(digests))
    return baseline, json.loads((STORED / "format_2.json").read_text())


def test_a_stored_baseline_has_its_categories_and_digests() -> None:
    """The named categories, the hash cells, the values seen once and the digests are those of the rows."""
    baseline, rows = stored_baseline()
    assert (baseline.rows, baseline.days, baseline.format) == (1500, 9, 2)
    city, paid = (feature.values for feature in baseline.features[:2])
    assert isinstance(city, Categories)
    assert isinstance(paid, Categories)
    seen = Counter(rows["columns"]["city"])
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    assert list(zip(city.names, city.counts, strict=True)) == ranked[:100]
    assert city.others is not None
    assert sum(city.others.cells) == city.rare == sum(count for _name, count in ranked[100:])
    assert city.others.once == list(seen.values()).count(1)
    _bins, unseen = layout_of(baseline).categories[0].find([*seen, "Größenwahn"])
    assert unseen.tolist() == [False] * len(seen) + [True]
    assert dict(zip(paid.names, paid.counts, strict=True)) == {
        "true": sum(rows["columns"]["paid"]),
        "false": 1500 - sum(rows["columns"]["paid"]),
    }


def test_a_stored_baseline_has_the_means_of_its_wide_bins() -> None:
    """The mean of each wide bin is that of the rows between its ends."""
    baseline, rows = stored_baseline()
    delay = baseline.features[3].values
    assert isinstance(delay, Numbers)
    assert delay.wide
    for place, mean in zip(delay.wide, delay.means, strict=True):
        low = delay.cuts[place - 1] if place else -1.0
        inside = [value for value in rows["columns"]["delay"] if low < value <= delay.cuts[place]]
        assert len(inside) == delay.counts[place]
        assert abs(mean - statistics.fmean(inside)) < 1e-9 * mean


def test_stored_counts_have_their_unseen_values() -> None:
    """The bins, and the values that the baseline lacks, are those of the rows that were logged."""
    baseline, rows = stored_baseline()
    counts = Counts.decode(baseline, {0: (STORED / "format_2.counts.bin").read_bytes()})
    assert counts.rows == 43
    assert counts.unseen.tolist() == [3, 0, 2, 0]
    assert counts.present.tolist() == [43] * 4
    layout = layout_of(baseline)
    city = layout.categories[0].find(rows["window"]["city"])[0]
    assert counts.bins[layout.span(0)].tolist() == np.bincount(city, minlength=layout.sizes[0]).tolist()
    delay = layout.numbers[3].find(np.array(rows["window"]["delay"]))
    assert counts.bins[layout.span(3)].tolist() == np.bincount(delay, minlength=layout.sizes[3]).tolist()
