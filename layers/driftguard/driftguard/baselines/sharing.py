"""Whether a new baseline belongs to its model: it must share a feature with what the model already has.

A wrong file would otherwise become the current baseline, resolve every open alert and leave the model unwatched.
"""

from collections.abc import Iterable
from itertools import islice

from driftguard.baselines.tables import Baselines
from driftguard.distributions import encoding
from driftguard.models.tables import Models
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import columns

BATCHES_LOOKED_AT = 20
SHOWN = 3


def foreign(model: Models, names: Iterable[str], *, again: str) -> str | None:
    """Return why a baseline with features of these names does not belong to the model; None if it does.

    It belongs to the model if it shares a feature with the current baseline or with the predictions logged last, or if
    the model has neither. again: how to use the baseline all the same.
    """
    given = list(names)
    current = _current(model)
    if current & set(given):
        return None
    logged = _logged(model)
    if logged & set(given) or not current | logged:
        return None
    known = [
        f"{what} ({_some(found)})"
        for what, found in (("the current baseline", current), ("the logged predictions", logged))
        if found
    ]
    return (
        f"shares no feature with {' or with '.join(known)}: its features are {_some(given)}. "
        f'Check that it belongs to this model. To use it all the same, {again} with "replace": true'
    )


def _current(model: Models) -> set[str]:
    if model.baseline_version is None:
        return set()
    head = Baselines.head(model.model_id, int(model.baseline_version))
    return set() if head is None else set(encoding.decode(head.payload()).names)


def _logged(model: Models) -> set[str]:
    """Return the names of features in the newest batches."""
    heads = islice(Predictions.around(model.model_id, model.partition_count, None, None), BATCHES_LOOKED_AT)
    return {name for _head, packed in Predictions.payloads(heads) for name in columns(packed).names}


def _some(names: Iterable[str]) -> str:
    found = sorted(names)
    shown = ", ".join(name if len(name) <= 40 else name[:40] + "…" for name in found[:SHOWN])
    return shown if len(found) <= SHOWN else f"{shown} and {len(found) - SHOWN} more"
