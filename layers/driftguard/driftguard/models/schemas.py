"""Models in requests, responses and messages."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from driftguard.models.settings import ModelSettings, SettingsPatch
from driftguard.platform.serialization import Name, Wire, at_most
from driftguard.platform.times import UtcTime

ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]

type State = Literal["ok", "drift", "data_quality", "insufficient_data", "no_baseline", "no_data"]

Description = Annotated[str, Field(max_length=2000, strict=True)]
LabelValue = Annotated[str, Field(max_length=256, strict=True)]
MAX_LABELS = 50
LabelsPatch = Annotated[dict[Name, LabelValue | None], Field(max_length=2 * MAX_LABELS), at_most(2 * MAX_LABELS)]
Labels = Annotated[dict[Name, LabelValue], Field(max_length=MAX_LABELS), at_most(MAX_LABELS)]


class NewModel(Wire):
    """The body of POST /models."""

    name: Name
    description: Description | None = None
    labels: Labels = Field(default_factory=dict)
    settings: SettingsPatch = Field(default_factory=SettingsPatch)


class ModelReference(Wire):
    """The part of a body that names a model: by its id or by its name. `models.registry.referred` finds the model."""

    model_id: ModelId | None = Field(default=None, description="The id of the model. Required without `model`.")
    model: Name | None = Field(
        default=None, description="The name of the model in your organization, instead of `model_id`."
    )


class ModelPatch(Wire):
    """The body of PATCH /models/{model_id}. An absent value stays unchanged. Null restores the default."""

    name: Name | None = None
    description: Description | None = None
    labels: LabelsPatch | None = None
    settings: SettingsPatch | None = None

    @model_validator(mode="after")
    def _name_stays(self) -> Self:
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a model must have a name; send a text or leave the field out")
        return self


class RecentScore(Wire):
    """The highest drift score of a day."""

    day: str
    drift_score: float | None


class Headline(Wire):
    """The metric that stands for a model's performance, on its last mature days.

    `reference` and `degraded`, whether the metric is worse than the reference, are null if it was not compared.
    """

    metric: str
    value: float
    n: int
    reference: float | None
    degraded: bool | None


class Model(Wire):
    """A model and its state. `performance` is null before labels of a mature day are joined."""

    id: str
    name: str
    description: str | None
    labels: dict[str, str]
    settings: ModelSettings
    created_at: UtcTime
    baseline_version: int | None
    state: State
    preliminary: bool
    last_checked_at: UtcTime | None
    drift_score: float | None
    open_alerts: int
    recent_scores: list[RecentScore]
    performance: Headline | None


class EraseMessage(BaseModel):
    """The body of a message in the queue of models to erase."""

    organization_id: str
    model_id: str
