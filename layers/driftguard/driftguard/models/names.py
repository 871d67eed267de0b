"""The names in a model's current baseline as hashes, small enough to be stored with the model.

Logging requests read the model anyway. So their response can name what the baseline lacks without a further read.
"""

from collections.abc import Iterable
from hashlib import blake2b

HASH_BYTES = 4
"""A name that the baseline lacks goes unnoticed for one baseline of 500 features in eight million."""

PREDICTION_HASH = b"\0" * HASH_BYTES
"""Stands for the prediction, which may share its name with a feature."""

NAMED = 5
"""Maximum number of names in a warning."""


def pack_names(names: Iterable[str], *, predicted: bool) -> bytes:
    """Return the hashes of a baseline's features. predicted: whether the baseline has predictions."""
    return b"".join([*sorted({_hash(name) for name in names}), *([PREDICTION_HASH] if predicted else [])])


def lacking(packed: bytes, names: Iterable[str], *, predicted: bool) -> list[str]:
    """Return the names that the packed baseline lacks. predicted: whether there are predictions."""
    known = {packed[start : start + HASH_BYTES] for start in range(0, len(packed), HASH_BYTES)}
    found = [name for name in names if _hash(name) not in known]
    return [*(["prediction"] if predicted and PREDICTION_HASH not in known else []), *found]


def warning(names: list[str]) -> str:
    """Return a sentence that names what the baseline lacks, and what to do."""
    shown = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"Not in the model's baseline, so not watched: {shown}{more}. Create a baseline that contains these names."


def _hash(name: str) -> bytes:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()
    return digest if digest != PREDICTION_HASH else b"\1" + digest[1:]
