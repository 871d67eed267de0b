"""A model's settings: what can be set, the defaults, and how changes merge."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from driftguard.platform.serialization import Name, Wire

type Rule = Literal["budget", "p_value"]

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
