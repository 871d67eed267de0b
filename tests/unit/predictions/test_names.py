"""The names of a baseline that are stored with its model."""

from hypothesis import given
from hypothesis import strategies as st

from driftguard.models.names import NAMED, lacking, pack_names, warning

NAMES = st.lists(st.text(min_size=1, max_size=8), max_size=20, unique=True)


@given(NAMES, NAMES, st.booleans(), st.booleans())
def test_names_that_a_baseline_lacks_are_found(known: list[str], sent: list[str], has: bool, predicted: bool) -> None:
    """Exactly the names that were not packed are found, and a prediction is no feature of that name."""
    wanted = [name for name in sent if name not in known]
    found = lacking(pack_names([*known, "prediction"], predicted=has), sent, predicted=predicted)
    assert found == [*(["prediction"] if predicted and not has else []), *[n for n in wanted if n != "prediction"]]


def test_a_warning_names_a_few() -> None:
    """A warning stays short, however many names are new."""
    assert warning(["income"]).startswith("Not in the model's baseline, so not watched: income. Create")
    many = [f"f{number}" for number in range(500)]
    assert f"f{NAMED - 1} and 495 more." in warning(many)
