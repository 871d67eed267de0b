"""What every wire model shares."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Wire(BaseModel):
    """A body or an answer: unknown fields are refused, and so are NaN and infinite numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _no_control_characters(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not contain control characters")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError("must be valid Unicode")
    return text


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=128, strict=True), AfterValidator(_no_control_characters)
]
"""A name: 1 to 128 characters, any but control characters."""

Note = Annotated[str, StringConstraints(max_length=2000, strict=True)]
"""A free text of a person, such as the note beside an acknowledgement."""
