"""Models, their settings and their baselines, as clients see them."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from driftguard.platform.serialization import Name, Wire
from driftguard.platform.times import UtcTime

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


def _describe(schema: dict[str, Any]) -> None:
    """The settings of a schema in the words of ModelSettings; made only when a document is."""
    for name, entry in schema["properties"].items():
        entry.setdefault("description", ModelSettings.model_fields[name].description)


def _describe_with_defaults(schema: dict[str, Any]) -> None:
    _describe(schema)
    for name, entry in schema["properties"].items():
        default = ModelSettings.model_fields[name].get_default(call_default_factory=True)
        entry["description"] += f" Default: {json.dumps(default)}."


class FeatureOverride(Wire):
    """A feature's own values; what is absent or null is the model's."""

    model_config = ConfigDict(json_schema_extra=_describe)

    rule: Rule | None = None
    alpha: Alpha | None = None
    min_drift_score: Score | None = None
    min_samples: Samples | None = None
    enabled: Flag | None = Field(default=None, description="Whether the feature is tested at all.")


Overrides = Annotated[dict[Name, FeatureOverride | None], Field(max_length=501)]


class ModelSettings(Wire):
    """A model's settings, every default filled in."""

    window_days: WindowDays = Field(
        default=7,
        description="Days of event time that are compared with the baseline, 1–14. Whole weeks even out weekdays.",
    )
    rule: Rule = Field(
        default="budget",
        description="`budget` bounds false alarms to `alpha` a model and month once a window is covered; "
        "`p_value` is the classic test, with many more.",
    )
    alpha: Alpha = Field(
        default=0.05, description="`budget`: false alarms a model and month, at most. `p_value`: the limit of p."
    )
    min_drift_score: Score = Field(
        default=0.05,
        description="Smallest score (KS distance, total variation) that is drift, however many rows there are.",
    )
    min_share_change: Score = Field(
        default=0.02, description="Smallest rise in missing, new, out-of-range or wrongly typed values that is told."
    )
    min_samples: Samples = Field(
        default=100, description="Rows with a value below which a feature is `insufficient_data`."
    )
    warmup_hours: WarmupHours = Field(
        default=0, description="Hours of data a model must have before its first alert opens."
    )
    renotify_hours: Hours = Field(
        default=24,
        description="Hours between reminders of an alert that nobody acknowledged; "
        "also how long one resolved by hand stays closed.",
    )
    resolve_after_hours: Hours = Field(
        default=24, description="Hours below the limit after which an alert resolves by itself."
    )
    no_data_hours: Hours = Field(
        default=24,
        description="Hours without any prediction after which `no_data` opens, for a model that had traffic.",
    )
    enabled: Flag = Field(default=True, description="Whether the schedule checks the model at all.")
    features: Annotated[dict[Name, FeatureOverride], Field(max_length=501)] = Field(
        default_factory=dict,
        description="Overrides by feature name: `rule`, `alpha`, `min_drift_score`, `min_samples`, `enabled`. "
        "The prediction is named `prediction`.",
    )

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

    model_config = ConfigDict(json_schema_extra=_describe_with_defaults)

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


def nearest_setting(place: Sequence[str | int]) -> str | None:
    """The setting that an unknown one at this place of a body comes close to, None where none does."""
    match list(place):
        case ["body", "settings", str(name)]:
            known = SettingsPatch.model_fields
        case ["body", "settings", "features", _, str(name)]:
            known = FeatureOverride.model_fields
        case _:
            return None
    import difflib  # noqa: PLC0415  of no use to a cold start

    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


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
