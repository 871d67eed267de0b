"""Settings that are wrong: what the errors say, and where."""

from time import process_time

import pytest
from pydantic import ValidationError

from driftguard.models.schemas import NewModel
from driftguard.models.settings import SettingsPatch, check_features
from driftguard.platform.errors import Invalid
from driftguard.platform.serialization import MAX_ERRORS, field_errors


def test_a_suggestion_hides_no_other_error() -> None:
    """Unknown settings of the model and of a feature are named beside every other error, each at its own place."""
    feature = {"min_drift": 0.1, "alpha": "low", "zzz": 1}
    settings = {"alpha": 3, "window_day": 1, "zzz": 1, "rule": "none", "features": {"age": feature}}
    with pytest.raises(ValidationError) as caught:
        NewModel.model_validate({"name": "churn", "settings": settings})
    assert {".".join(map(str, error["loc"])): error["msg"] for error in field_errors(caught.value.errors())} == {
        "settings.rule": "Input should be 'budget' or 'p_value'",
        "settings.alpha": "Input should be less than 1",
        "settings.features.age.alpha": "Input should be a valid number",
        "settings.features.age.min_drift": "unknown field; did you mean min_drift_score?",
        "settings.features.age.zzz": "unknown field",
        "settings.window_day": "unknown field; did you mean window_days?",
        "settings.zzz": "unknown field",
    }


def test_a_body_full_of_unknown_settings_gets_no_more_errors_than_an_answer_lists() -> None:
    """400 unknown settings become 100 errors, so that a wrong body cannot make the function search for names."""
    with pytest.raises(ValidationError) as caught:
        NewModel.model_validate({"name": "churn", "settings": {f"alpha{number}": 1 for number in range(400)}})
    assert len(caught.value.errors()) == 100


def test_500_unknown_names_that_resemble_500_features_are_refused_at_once() -> None:
    """The comparison of all long names with all others would take minutes. The first names still get a suggestion."""
    known = [f"{'feature_of_the_model_':_<120}{number:03}" for number in range(500)]
    patch = SettingsPatch.model_validate({"features": {f"{name[:-3]}x{name[-3:]}": {"alpha": 0.01} for name in known}})
    begun = process_time()
    with pytest.raises(Invalid) as caught:
        check_features(patch, lambda: known)
    assert process_time() - begun < 2
    first, *others = caught.value.errors
    assert len(others) == MAX_ERRORS - 1
    assert "did you mean feature_of_the_model_" in first["msg"]
    assert "did you mean" not in others[-1]["msg"]
