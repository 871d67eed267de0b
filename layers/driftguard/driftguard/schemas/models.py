"""Models, their settings and their baselines, as clients see them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from driftguard.schemas.base import Name, Wire
from driftguard.times import UtcTime

type Rule = Literal["budget", "p_value"]
type State = Literal["ok", "drift", "data_quality", "insufficient_data", "no_baseline", "no_data"]

Score = Annotated[float, Field(ge=0, le=1, strict=True)]
Alpha = Annotated[float, Field(gt=0, lt=1, strict=True)]
Samples = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Hours = Annotated[int, Field(ge=1, le=24 * 90, strict=True)]
WarmupHours = Annotated[int, Field(ge=0, le=24 * 28, strict=True)]
WindowDays = Annotated[int, Field(ge=1, le=14, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class FeatureSettings(Wire):
    """What one feature is tested by, every value decided."""

    rule: Rule
    alpha: float
    min_drift_score: float
    min_samples: int
    enabled: bool


class FeatureOverride(Wire):
    """A feature's own values; what is absent or null is the model's."""

    rule: Rule | None = None
    alpha: Alpha | None = None
    min_drift_score: Score | None = None
    min_samples: Samples | None = None
    enabled: Flag | None = None


Overrides = Annotated[dict[Name, FeatureOverride | None], Field(max_length=501)]


class ModelSettings(Wire):
    """A model's settings, every default filled in."""

    window_days: WindowDays = 7
    rule: Rule = "budget"
    alpha: Alpha = 0.05
    min_drift_score: Score = 0.05
    min_share_change: Score = 0.02
    min_samples: Samples = 100
    warmup_hours: WarmupHours = 0
    renotify_hours: Hours = 24
    resolve_after_hours: Hours = 24
    no_data_hours: Hours = 24
    enabled: Flag = True
    features: Annotated[dict[Name, FeatureOverride], Field(max_length=501)] = Field(default_factory=dict)

    def for_features(self, names: Iterable[str]) -> list[FeatureSettings]:
        """The settings that each feature of these names is tested by."""
        shared = {
            "rule": self.rule,
            "alpha": self.alpha,
            "min_drift_score": self.min_drift_score,
            "min_samples": self.min_samples,
            "enabled": True,
        }
        usual = FeatureSettings.model_validate(shared)
        own = {
            name: FeatureSettings.model_validate({**shared, **given.model_dump(exclude_none=True)})
            for name, given in self.features.items()
        }
        return [own.get(name, usual) for name in names]


class SettingsPatch(Wire):
    """Some settings; null restores a default, an absent one stays as it is."""

    window_days: WindowDays | None = None
    rule: Rule | None = None
    alpha: Alpha | None = None
    min_drift_score: Score | None = None
    min_share_change: Score | None = None
    min_samples: Samples | None = None
    warmup_hours: WarmupHours | None = None
    renotify_hours: Hours | None = None
    resolve_after_hours: Hours | None = None
    no_data_hours: Hours | None = None
    enabled: Flag | None = None
    features: Overrides | None = None

    def apply(self, settings: ModelSettings) -> ModelSettings:
        """`settings` with this merged in, features one by one."""
        merged = merge(settings.model_dump(exclude_unset=True), self.model_dump(exclude_unset=True))
        return ModelSettings.model_validate(merged)


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7396): null removes, objects merge, everything else replaces."""
    result = dict(old)
    for name, value in new.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merge(result[name] if isinstance(result.get(name), dict) else {}, value)
        else:
            result[name] = value
    return result


Description = Annotated[str, Field(max_length=2000, strict=True)]
LabelValue = Annotated[str, Field(max_length=256, strict=True)]
Labels = Annotated[dict[Name, LabelValue], Field(max_length=50)]


class NewModel(Wire):
    """The body of POST /models."""

    name: Name
    description: Description | None = None
    labels: Labels = Field(default_factory=dict)
    settings: SettingsPatch = Field(default_factory=SettingsPatch)


class ModelPatch(Wire):
    """The body of PATCH /models/{model_id}: what is absent stays, null restores a default."""

    name: Name | None = None
    description: Description | None = None
    labels: Annotated[dict[Name, LabelValue | None], Field(max_length=50)] | None = None
    settings: SettingsPatch | None = None

    @model_validator(mode="after")
    def _name_stays(self) -> Self:
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a model must have a name")
        return self


class RecentScore(Wire):
    """The highest drift score of one day."""

    day: str
    drift_score: float | None


class Model(Wire):
    """A model and how it is."""

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


class FromPredictions(Wire):
    """A baseline out of what was logged between two event times."""

    start: UtcTime
    end: UtcTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


Days = Annotated[
    Annotated[int, Field(ge=1, le=3660, strict=True)] | None,
    Field(description="How many days the rows come from; the distinct UTC days of their timestamps when absent"),
]


class BaselineBody(Wire):
    """The body of PUT /models/{model_id}/baseline: rows, columns or a time; rows are validated one by one elsewhere,
    so that a wrong one is named by its index."""

    rows: list[Any] | None = Field(default=None, description='`[{"features": {…}, "prediction": …, "timestamp": …}]`')
    columns: dict[str, list[Any]] | None = Field(default=None, description='`{"age": […], …}`, all of one length')
    predictions: list[Any] | None = Field(
        default=None, description="With `columns`: the predictions, in the same order"
    )
    from_predictions: FromPredictions | None = None
    days: Days = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("rows", "columns", "from_predictions") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of rows, columns and from_predictions")
        if self.predictions is not None and self.columns is None:
            raise ValueError("predictions go with columns; in rows each row has its own prediction")
        return self


class BaselineFeature(Wire):
    """One feature of a baseline: numeric ones have quantiles, the others category shares."""

    name: str
    role: Literal["feature", "prediction"]
    type: Literal["numeric", "categorical", "boolean"]
    missing_share: float
    quantiles: dict[str, float] | None = None
    categories: dict[str, float] | None = None


class BaselineVersion(Wire):
    """A version of a baseline, without its features."""

    version: int
    rows: int
    created_at: datetime
    source: str
    current: bool


class Baseline(Wire):
    """A baseline: what the window is compared with."""

    version: int
    rows: int
    days: int | None
    created_at: UtcTime
    source: str
    features: list[BaselineFeature]
