"""What is stored is bytes: whatever they are, decoding them ends, with what was meant or with a ValueError."""

import contextlib
import random
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftguard.counting.counts import Counts
from driftguard.distributions import baseline
from driftguard.rows.columns import Row, values_of
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns, unpack_rows

ROWS = [
    Row(
        1_790_000_000.0 + number,
        {"n": number * 1.5, "s": "abc"[number % 3], "b": number % 2 == 0},
        number,
        f"p{number}",
    )
    for number in range(60)
]
PACKED = [pack(ROWS), pack(ROWS[:1]), pack(ROWS, [{"index": 1, "loc": ["body"], "msg": "bad"}])]
BASELINE = baseline.build(
    {"n": [float(number) for number in range(500)], "s": ["a", "b", "c", "d", "e"] * 100}, None, days=7
)
COUNTED = Counts.empty(BASELINE).encode(0)


def deflate(data: bytes) -> bytes:
    """As the formats hold it."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """Real bytes with some changed, cut off, doubled or put in."""
    data = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0 if place < len(data):
                data[place] = draw(st.integers(0, 255))
            case 1:
                del data[place:]
            case 2:
                data[place:place] = draw(st.binary(max_size=8))
            case _:
                data[place:place] = data[: draw(st.integers(0, 40))]
    return bytes(data)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Column batches whose header has every key, with likely or unlikely content."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
    import json

    number = st.integers(-1, 20)
    part = st.tuples(st.sampled_from("nsbx"), st.sampled_from("ifjdbx"), st.none() | number).flatmap(
        lambda start: st.lists(number, min_size=2, max_size=6).map(lambda rest: [*start, *rest])
    )
    column = st.lists(part | anything, max_size=2) | anything
    header = st.fixed_dictionaries(
        {
            "n": number | anything,
            "t": st.lists(st.none() | number, min_size=5, max_size=5) | anything,
            "p": column,
            "i": column,
            "c": st.lists(st.tuples(st.sampled_from(["n", "s", "b"]), column), max_size=3) | anything,
            "x": anything,
            "b": st.lists(st.integers(-9, 9), max_size=9) | anything,
        }
    )
    body = deflate(json.dumps(draw(header)).encode())
    return bytes([PACKED[0][0]]) + b"C" + len(body).to_bytes(4, "little") + body + draw(st.binary(max_size=40))


def decode_all(data: bytes) -> None:
    """Everything that a fold or a list reads of a batch."""
    unpack_rows(data)
    found = columns(data)
    for name in ["n", "s", "b"]:
        for part in found.feature(name):
            values_of(part)


@given(st.binary(max_size=200) | damaged(PACKED) | headers())
@example(b"")
@example(b"\x01")
@example(b"\x01C\xff\xff\xff\xff")
def test_a_packed_batch_of_any_bytes_decodes_or_is_a_value_error(data: bytes) -> None:
    """Nothing but ValueError comes out of the decoder, and it comes soon."""
    begun = time.monotonic()
    with contextlib.suppress(ValueError):
        decode_all(data)
    assert time.monotonic() - begun < 5


@given(st.binary(max_size=200) | damaged([COUNTED]))
@example(b"")
def test_counts_of_any_bytes_decode_or_are_a_value_error(data: bytes) -> None:
    """A bucket of damaged counts is refused as such."""
    with contextlib.suppress(ValueError):
        Counts.decode(BASELINE, {0: data})


@pytest.mark.parametrize("read", [decode_all, lambda data: Counts.decode(BASELINE, {0: data})])
def test_a_small_item_cannot_unpack_into_gigabytes(read: Callable[[bytes], Any]) -> None:
    """A bomb of zeros is a ValueError before it fills the memory."""
    rng = random.Random(1)
    bomb = deflate(bytes(40_000_000))
    head = bytes([PACKED[0][0]])
    for data in (head + b"R" + bomb, head + b"C" + len(bomb).to_bytes(4, "little") + bomb + rng.randbytes(8)):
        with pytest.raises(ValueError, match=r".*"):
            read(data)
