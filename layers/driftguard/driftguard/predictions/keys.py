"""The keys under which batches are stored."""

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any, Literal, NamedTuple, cast

from driftguard.platform.ids import RANDOM_BITS, ids_at
from driftguard.platform.times import iso

TIMED = ".2"
"""The end of the `arrived_at` of a batch whose made ids start with the event time. Earlier batches lack it."""

type Namespace = Literal["b", "p", "i", "r"]


class Key(NamedTuple):
    """The key of a batch. namespace: `b` batch, `p` single prediction, `i` Idempotency-Key, `r` random."""

    namespace: Namespace
    digest: str

    @classmethod
    def of(cls, namespace: Namespace, *ids: Any) -> "Key":
        """Return the key of ids. The ids may have any characters and any length."""
        return cls(namespace, sha256(json.dumps([namespace, *ids]).encode()).hexdigest()[:32])

    @classmethod
    def read(cls, sk: str) -> "Key":
        """Return the key that has this sort key."""
        namespace, _, digest = sk.partition("#")
        return cls(cast("Namespace", namespace), digest)

    @property
    def sk(self) -> str:
        """The sort key."""
        return f"{self.namespace}#{self.digest}"

    def arrived_at(self, now: datetime, *, made_ids: bool) -> str:
        """Return the `arrived_at` of a batch that arrives now. made_ids: whether it has rows without an id."""
        return f"{iso(now)}#{self.digest[:16]}{TIMED if made_ids else ''}"

    def prediction_ids(self, rows: Iterable[tuple[int, int]], arrived_at: str) -> list[str]:
        """Return the ids of predictions that were sent without one.

        rows: the index of each in the request, and its event time in milliseconds since the epoch.
        """
        if not arrived_at.endswith(TIMED):
            prefix = self.digest[:20]
            return [f"{prefix}-{index}" for index, _time in rows]
        return ids_at((time, _own_bits(self.digest, index)) for index, time in rows)

    def place(self, model_id: str, partitions: int) -> str:
        """Return the pk of this key's partition if the model has this number of partitions."""
        return place(model_id, int(self.digest[:12], 16) % partitions)


def _own_bits(digest: str, index: int) -> bytes:
    return blake2b(f"{digest}-{index}".encode(), digest_size=RANDOM_BITS // 8).digest()


def place(model_id: str, number: int) -> str:
    """Return the pk of one of a model's partitions, counted from 0."""
    return f"{model_id}#{number}"


def labels_of(model_id: str) -> str:
    """Return the name under which the batches of a model's labels are stored, in place of the model's id."""
    return f"{model_id}#labels"
