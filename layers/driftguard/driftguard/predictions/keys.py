"""The keys under which batches are stored."""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Literal, NamedTuple, cast

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

    def prediction_ids(self, indexes: Iterable[int]) -> list[str]:
        """Return the ids of predictions that were sent without one, by their indexes in the request."""
        prefix = self.digest[:20]
        return [f"{prefix}-{index}" for index in indexes]

    def place(self, model_id: str, partitions: int) -> str:
        """Return the pk of this key's partition if the model has this number of partitions."""
        return place(model_id, int(self.digest[:12], 16) % partitions)


def place(model_id: str, number: int) -> str:
    """Return the pk of one of a model's partitions, counted from 0."""
    return f"{model_id}#{number}"


def labels_of(model_id: str) -> str:
    """Return the name under which the batches of a model's labels are stored, in place of the model's id."""
    return f"{model_id}#labels"
