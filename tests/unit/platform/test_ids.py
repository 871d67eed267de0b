"""Ids of predictions are ULIDs, whose text is fixed by their time and their own bits."""

from hypothesis import given
from hypothesis import strategies as st

from driftguard.platform.ids import ALPHABET, LENGTH, RANDOM_BITS, ids_at

PLACES = st.lists(
    st.tuples(st.integers(0, 2**48 - 1), st.binary(min_size=RANDOM_BITS // 8, max_size=RANDOM_BITS // 8)), max_size=50
)


@given(PLACES)
def test_an_id_is_its_time_and_its_own_bits_in_base_32(places: list[tuple[int, bytes]]) -> None:
    """Read as a number in base 32, an id has the time in its upper bits and the own bits in its lower ones."""
    made = ids_at(places)
    assert [len(each) for each in made] == [LENGTH] * len(places)
    for (time, own), text in zip(places, made, strict=True):
        number = 0
        for character in text:
            number = 32 * number + ALPHABET.index(character)
        assert (number >> RANDOM_BITS, number % 2**RANDOM_BITS) == (time, int.from_bytes(own))


def test_ids_that_were_given_to_clients_stay() -> None:
    """An id that a client received is made again from the stored batch, so its text may never change."""
    assert ids_at([(1_385_294_400_000, bytes(range(10)))]) == ["018A4ZP2G0000G40R40M30E209"]
