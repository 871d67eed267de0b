"""Describes a change that was found in the last hours, or in the first week of a model."""

from typing import Literal

from pydantic import BaseModel

from driftguard.platform.times import UtcTime

type Part = Literal["week", "first_week", "broken", "sudden"]
"""`week`: the window against the baseline. `first_week`: whole days of a new model against the baseline, with a
tolerance for cycles. `broken`: values of a new model that no part of the baseline's week can explain. `sudden`: the
last hours against the model's own past at the same hours of the week."""

type PastReference = Literal["same weekday", "working days", "baseline hours"]
"""What the sudden part compares with: the same weekday, working days, or the baseline's rows at the same hours."""


class Change(BaseModel):
    """How a change was found that the whole window did not show.

    The change showed in the last hours, or in the first week of a model. `window_hours` is the number of compared
    hours. `onset` is their start for a sudden change. `surprise` is the number of changes this strong that chance
    alone makes in a month of this model. `reference_days` is the number of days that a sudden change was compared
    with. `model_hours` is the age of a new model.
    """

    part: Part
    window_hours: int
    onset: UtcTime | None = None
    reference: PastReference | None = None
    reference_days: int | None = None
    surprise: float | None = None
    model_hours: int | None = None
