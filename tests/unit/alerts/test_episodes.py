"""What checks remember of features in alerts."""

import pytest

from driftguard.alerts.episodes import HELD_BY_PAST, HOURS, KEPT_DAYS, KEPT_STARTS, Episode, Episodes, Sight

DAY = 20_000
ONSET = DAY * HOURS + 14
RESOLVE = 24


def sight(*, fired: bool = False, holding: bool = False, onset: int = ONSET, **values: bool) -> Sight:
    """What a check saw of feature 2."""
    given = {"tested": True, "settled": False, "changed": False, **values}
    return Sight(2, "sudden", onset, fired, holding, **given)


def after(episodes: Episodes, seen: Sight, hour: int, *, is_open: bool = True) -> Episodes:
    """The episodes after a check that saw one feature."""
    return episodes.after({"data_drift": [seen]}, {"data_drift"} if is_open else (), hour, RESOLVE)


def begun() -> Episodes:
    """An episode that a check found two hours after its onset."""
    return after(Episodes(), sight(fired=True, holding=True), ONSET + 2)


def only(episodes: Episodes) -> Episode:
    """The only episode."""
    (episode,) = episodes.current.values()
    return episode


def test_an_episode_begins_with_an_open_alert_only() -> None:
    """A feature that fires while its alert stays closed, because it is hushed or warming up, has no episode."""
    assert after(Episodes(), sight(fired=True, holding=True), ONSET + 2, is_open=False) == Episodes()
    assert only(begun()) == Episode("data_drift", 2, "sudden", ONSET, ONSET + 2)


def test_days_are_bad_from_the_onset_on() -> None:
    """While an episode lasts, its onset's day and all later days say nothing about the feature."""
    assert begun().bad_days(DAY + 2) == {DAY: [2], DAY + 1: [2], DAY + 2: [2]}


def test_an_episode_ends_when_its_change_is_not_found_for_the_hours_of_the_setting() -> None:
    """The days up to the last one that held it stay bad, and no window begins before its end."""
    held = after(begun(), sight(holding=True), ONSET + 30)
    assert only(held).held == ONSET + 30
    still = after(held, sight(), ONSET + 30 + RESOLVE - 1)
    assert still.current
    ended = after(still, sight(), ONSET + 30 + RESOLVE)
    assert not ended.current
    assert ended.bad_days(DAY + 9) == {DAY: [2], DAY + 1: [2]}
    assert ended.starts == {2: ONSET + 31}


def test_time_without_enough_values_is_no_time_below_the_limit() -> None:
    """An episode does not end while nothing can be tested."""
    waiting = after(begun(), sight(tested=False), ONSET + 2 + 3 * RESOLVE)
    assert only(waiting).held == ONSET + 2 + 3 * RESOLVE


def test_an_episode_ends_with_its_alert() -> None:
    """When the alert is closed, the episode is over even if it was held a moment ago."""
    ended = after(begun(), sight(), ONSET + 5, is_open=False)
    assert (ended.current, ended.starts) == ({}, {2: ONSET + 3})
    assert ended.bad_days(DAY + 1) == {DAY: [2]}


def test_a_feature_that_is_not_tested_any_more_does_not_stay_taken() -> None:
    """The episode of a disabled feature ends with the alert, although no check sees the feature."""
    still = begun().after({"data_drift": []}, {"data_drift"}, ONSET + 5, RESOLVE)
    assert still.current
    assert not still.after({"data_drift": []}, (), ONSET + 6, RESOLVE).current


@pytest.mark.parametrize("settled", [False, True])
def test_a_new_level_makes_the_days_before_its_onset_bad(settled: bool) -> None:
    """Values that settle, or are still changed when the alert ends, are the reference from the onset on."""
    hour = ONSET + HELD_BY_PAST
    found = after(begun(), sight(settled=settled, changed=True), hour, is_open=settled)
    bad = found.bad_days(DAY + 8)
    assert not found.current
    assert max(bad) == DAY - 1
    assert all(features == [2] for features in bad.values())
    assert found.starts == {2: hour}


def test_a_person_who_resolves_an_alert_accepts_the_level_of_its_features() -> None:
    """Episodes of other alert types stay."""
    seen = sight(fired=True, holding=True)
    both = begun().after({"data_quality": [seen]}, {"data_drift", "data_quality"}, ONSET + 3, RESOLVE)
    resolved = both.resolved_by_hand("data_drift", ONSET + 5)
    assert only(resolved).alert_type == "data_quality"
    assert DAY - 1 in resolved.bad_days(DAY)
    assert resolved.starts == {2: ONSET + 5}
    assert begun().resolved_by_hand("prediction_drift", ONSET + 5) == begun()


def test_a_new_baseline_forgets() -> None:
    """Episodes come back for their own version alone, and nothing is stored for a model without any."""
    ended = after(begun(), sight(), ONSET + 5, is_open=False)
    both = after(ended, sight(fired=True, holding=True, onset=ONSET + 40), ONSET + 41)
    assert Episodes.load(both.dump(3), 3) == both
    assert Episodes.load(both.dump(3), 4) == Episodes()
    assert Episodes().dump(3) is None
    assert Episodes.load(None, 3) == Episodes()


def test_old_episodes_are_forgotten() -> None:
    """Bad days are kept as long as profiles, and the starts of windows as long as windows can be."""
    ended = after(begun(), sight(), ONSET + 5, is_open=False)
    assert after(ended, sight(), ONSET + KEPT_STARTS * HOURS + 9).starts == {}
    assert after(ended, sight(), (DAY + KEPT_DAYS) * HOURS).bad == {2: ((DAY, DAY),)}
    assert after(ended, sight(), (DAY + KEPT_DAYS + 1) * HOURS).bad == {}


def test_episodes_of_many_features_are_small() -> None:
    """Five hundred features in alerts take a few kilobytes of the status."""
    seen = [Sight(place, "week", ONSET + place % 30, True, True, True) for place in range(500)]
    episodes = Episodes().after({"data_drift": seen}, {"data_drift"}, ONSET + 40, RESOLVE)
    assert len(episodes.dump(1) or b"") < 4_000
