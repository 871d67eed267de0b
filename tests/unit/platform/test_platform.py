"""What the platform offers to every table, without a table."""

import pytest

from driftguard.platform.retries import ConditionFailed, retrying


def test_a_failed_condition_leads_to_the_next_try() -> None:
    """The loop goes on after ConditionFailed, ends after the last try, and numbers the tries from 0."""
    numbers = []
    for attempt in retrying(3):
        with attempt:
            numbers.append(attempt.number)
            raise ConditionFailed
    assert numbers == [0, 1, 2]


def test_any_other_error_ends_the_tries() -> None:
    """An error that no retry can mend passes through a try."""
    with pytest.raises(LookupError), next(retrying(3)):
        raise LookupError
