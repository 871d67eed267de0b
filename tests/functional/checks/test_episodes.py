"""What checks remember of features in alerts, on the template's own tables."""

from datetime import UTC, datetime

from driftguard.alerts.episodes import Episodes
from driftguard.models.statuses import Statuses
from driftguard.platform.times import hour_of, parse
from tests.functional.conftest import Stack
from tests.functional.models import DAY, log, make_model, rows

HOURS = 24


def episodes_of(model_id: str, version: int = 1) -> Episodes:
    """What is stored for a baseline version."""
    return Episodes.load(Statuses.one("acme", model_id).episodes, version)


def test_a_check_remembers_the_features_of_its_alert_until_a_person_resolves_it(deployed: Stack) -> None:
    """The alert has the onset of its feature. Once it is resolved by hand, the days before the onset are bad."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    (alert,) = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    (episode,) = episodes_of(model_id).current.values()
    assert (episode.alert_type, episode.part) == ("data_drift", "week")
    onset = parse(alert["onset"])
    assert hour_of(onset) == episode.onset
    assert datetime.now(UTC) - 9 * DAY < onset < datetime.now(UTC) - DAY, "rows have come for eight days"
    assert deployed.call("POST", f"/drift/alerts/{alert['id']}/resolve", {}).status == 200
    after = episodes_of(model_id)
    assert not after.current
    assert max(after.bad_days(hour_of(datetime.now(UTC)) // HOURS)) == episode.onset // HOURS - 1
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    by_name = {feature["name"]: feature for feature in report["features"]}
    assert by_name["age"]["window_start"] is not None
    assert by_name["plan"]["window_start"] is None
    assert not by_name["age"]["drifted"], "its window has just begun"


def test_a_new_baseline_forgets_the_episodes(deployed: Stack) -> None:
    """After a new baseline no day is bad, and every window has its full length."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    assert episodes_of(model_id).current
    sample = [{"features": row["features"], "prediction": row["prediction"]} for row in rows(3, 0.6, count=2000)]
    assert deployed.call("PUT", f"/models/{model_id}/baseline", {"rows": sample, "days": 14}).status == 200
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert report["status"] == "ok"
    assert {feature["window_start"] for feature in report["features"]} == {None}
    assert episodes_of(model_id, 2) == Episodes()
