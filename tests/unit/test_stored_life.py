"""Episodes, reports and alerts as the code that introduced the sudden part stored them are read by today's code.

The fixtures are never written again. A failure here means that existing deployments lose data: mend the reader.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from driftguard.alerts.episodes import Episodes
from driftguard.alerts.schemas import Alert
from driftguard.checks.reports import unpack
from driftguard.platform.sizes import squeeze
from driftguard.platform.times import parse

STORED = Path(__file__).parents[1] / "stored" / "life"


def fixture(name: str) -> Any:
    """What was stored, as plain JSON."""
    return json.loads((STORED / name).read_text())


def test_stored_episodes_are_read() -> None:
    """Episodes, bad days and starts of windows come back."""
    expected = fixture("episodes_1.json")
    found = Episodes.load((STORED / "episodes_1.bin").read_bytes(), 4)
    assert [[*vars(one).values()] for one in found.current.values()] == expected["current"]
    assert {str(feature): [[*span] for span in spans] for feature, spans in found.bad.items()} == expected["bad"]
    assert {str(feature): start for feature, start in found.starts.items()} == expected["starts"]


def test_episodes_of_a_later_format_are_refused() -> None:
    """Code that is older than the stored format stops instead of guessing."""
    with pytest.raises(ValueError, match="unknown format 2"):
        Episodes.load(squeeze('{"format": 2, "version": 4}'), 4)


def test_a_stored_report_has_its_comparison_with_the_past() -> None:
    """A report with a sudden change comes back bit by bit, whatever its columns left out."""
    found = unpack((STORED / "report_1.bin").read_bytes())
    expected = fixture("report_1.json")
    features = [{**one, "matched": None} for one in expected["features"]]
    assert found == {**expected, "features": features, "reference": None}
    assert [feature["part"] for feature in found["features"]] == ["sudden", None, None]


def test_a_stored_alert_has_its_onset_and_its_change() -> None:
    """The onset and what the sudden part found come back, and an alert without them is read as before."""
    stored = fixture("alert_1.json")
    alert = Alert.model_validate(stored)
    change = alert.features[0].change
    assert change is not None
    assert alert.onset == change.onset == parse(stored["onset"])
    assert (change.part, change.reference) == ("sudden", stored["features"][0]["change"]["reference"])
    for feature in stored["features"]:
        del feature["change"]
    del stored["onset"]
    older = Alert.model_validate(stored)
    assert (older.onset, older.features[0].change) == (None, None)
