"""Objects with too many fields are refused before pydantic makes an error for each field."""

from typing import Any

import pytest
from pydantic import ValidationError

from driftguard.alerts.schemas import Note
from driftguard.models.schemas import ModelPatch, NewModel
from driftguard.platform.serialization import MAX_FIELDS, Wire

MANY = 10_000


@pytest.mark.parametrize(
    ("body", "sent", "place", "message"),
    [
        (Note, {f"f{number}": 1 for number in range(MANY)}, (), "has 10,000 fields"),
        (NewModel, {"name": "a", "labels": dict.fromkeys(map(str, range(MANY)), 1)}, ("labels",), "send at most 50"),
        (ModelPatch, {"labels": dict.fromkeys(map(str, range(MANY)), 1)}, ("labels",), "send at most 100"),
        (
            NewModel,
            {"name": "a", "settings": {"features": dict.fromkeys(map(str, range(MANY)), 1)}},
            ("settings", "features"),
            "send at most 501",
        ),
        (
            ModelPatch,
            {"settings": {"task": {"value_matrix": dict.fromkeys(map(str, range(MANY)), "a")}}},
            ("settings", "task", "value_matrix"),
            "send at most 1,000",
        ),
        (
            ModelPatch,
            {"settings": {"task": {"classes": [[]] * MANY}}},
            ("settings", "task", "classes"),
            "at most 50 items",
        ),
    ],
)
def test_one_error_stands_for_all_fields_of_an_object_with_too_many(
    body: type[Wire], sent: Any, place: tuple[str, ...], message: str
) -> None:
    """However many fields are wrong, there is one error, which says how many entries the object may have."""
    with pytest.raises(ValidationError) as refused:
        body.model_validate(sent)
    (error,) = refused.value.errors()
    assert error["loc"] == place
    assert message in error["msg"]


def test_an_object_of_as_many_fields_as_are_read_names_each_unknown_field() -> None:
    """Below the limit, each unknown field is an error of its own."""
    with pytest.raises(ValidationError) as refused:
        Note.model_validate({f"f{number}": 1 for number in range(MAX_FIELDS)})
    assert refused.value.error_count() == MAX_FIELDS
