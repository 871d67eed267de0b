"""Byte planes give back the numbers they were split from."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.platform.planes import array_of, cut_planes, join_planes, little_endian, split_planes


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_planes_give_back_the_numbers(numbers: list[int]) -> None:
    """Numbers that were split, stored one plane after the other and joined again are the same."""
    stored = b"".join(split_planes(little_endian(array("Q", numbers))))
    joined = join_planes(cut_planes(stored), len(numbers))
    assert array_of(joined, "<u8").tolist() == numbers


@given(st.lists(st.integers(0, 2**24 - 1)))
def test_planes_of_zeros_can_be_left_out(numbers: list[int]) -> None:
    """Three planes hold numbers of 24 bits, and four bytes are enough to read them."""
    planes = split_planes(little_endian(array("Q", numbers)), 3)
    assert array_of(join_planes(planes, len(numbers), 4), "<u4").tolist() == numbers


def test_planes_of_another_length_are_refused() -> None:
    """Neither a plane that is too short nor bytes that do not divide into planes are read."""
    with pytest.raises(ValueError, match="cannot be divided"):
        cut_planes(bytes(9), 8)
    with pytest.raises(ValueError, match="size"):
        join_planes([b"ab", b"a"], 2)
