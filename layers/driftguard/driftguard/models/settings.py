"""A model's settings: the fields, their defaults, and how changes are merged.

Each setting is declared once, in `ModelValues`. `FeatureOverride` and `SettingsPatch` take their fields from there.
"""

import heapq
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from driftguard.models.task import Task
from driftguard.platform.errors import FieldError, Invalid
from driftguard.platform.serialization import MAX_ERRORS, MAX_FIELDS, Name, Wire, at_most, field_errors

type Rule = Literal["budget", "p_value"]
type EarlierDays = Literal["previous_period", "rolling_28d"]
type Reference = Literal["training"] | EarlierDays

Score = Annotated[float, Field(ge=0, le=1, strict=True)]
Alpha = Annotated[float, Field(gt=0, lt=1, strict=True)]
Samples = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Hours = Annotated[int, Field(ge=1, le=24 * 90, strict=True)]


def _hours_or_auto(value: Any) -> Any:
    if value == "auto" or (type(value) is int and 1 <= value <= 24 * 90):
        return value
    raise ValueError(f'must be "auto" or a whole number from 1 to {24 * 90}')


NoDataHours = Annotated[Hours | Literal["auto"], BeforeValidator(_hours_or_auto)]
WarmupHours = Annotated[int, Field(ge=0, le=24 * 28, strict=True)]
WindowDays = Annotated[int, Field(ge=1, le=14, strict=True)]
Ratio = Annotated[float, Field(gt=0, le=1, strict=True)]
LabelWait = Annotated[int, Field(ge=1, le=400, strict=True)]
Flag = Annotated[bool, Field(strict=True)]

OVERRIDABLE = ("rule", "alpha", "min_drift_score", "sudden_score", "min_samples", "enabled")
"""The settings that a feature may override."""

SUDDEN_FACTOR = 1.5

MAX_SUGGESTIONS, COMPARED, LONGEST_NAME = 10, 10, 128
"""Unknown names of features that get a suggestion, the names that each is compared with exactly, and characters of an
unknown field that are compared."""

MAX_OVERRIDES = 501
"""500 features and the prediction."""

UNKNOWN_SETTING = "unknown_setting"
"""Pydantic's `type` of an error that suggests a field."""


class Suggesting(Wire):
    """A wire model whose error for an unknown field suggests a field with a similar name."""

    @model_validator(mode="wrap")
    @classmethod
    def _suggest_fields(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            entries = error.errors(include_url=False)
            if not any(_is_unknown(entry) for entry in entries):
                raise
            # The response lists no more than MAX_ERRORS.
            details = [_suggesting(entry, cls.model_fields) for entry in entries[:MAX_ERRORS]]
            raise ValidationError.from_exception_data(error.title, details) from None


def _is_unknown(entry: Mapping[str, Any]) -> bool:
    """Whether the error is about an unknown field of the model itself, not of a model inside it."""
    return entry["type"] == "extra_forbidden" and len(entry["loc"]) == 1


def _suggesting(entry: Mapping[str, Any], known: Iterable[str]) -> InitErrorDetails:
    """One of pydantic's errors in the form that raises it again. An unknown field gets a suggestion if one is near."""
    kind: str | PydanticCustomError = entry["type"]
    if kind == UNKNOWN_SETTING:
        kind = PydanticCustomError(UNKNOWN_SETTING, entry["msg"])
    elif _is_unknown(entry):
        import difflib  # noqa: PLC0415  only a wrong request needs it

        for nearest in difflib.get_close_matches(entry["loc"][0][:LONGEST_NAME], known, n=1):
            kind = PydanticCustomError(UNKNOWN_SETTING, f"unknown field; did you mean {nearest}?")
    return InitErrorDetails(type=kind, loc=entry["loc"], input=entry["input"], ctx=entry.get("ctx", {}))


class ModelValues(Suggesting):
    """The settings of a model, except the overrides of its features."""

    window_days: WindowDays = Field(
        default=7,
        description="Days of event time that are compared with the baseline, 1–14. "
        "Use whole weeks to average out weekdays.",
    )
    rule: Rule = Field(
        default="budget",
        description="`budget` limits false alarms to `alpha` per model and month, once the data covers a whole window. "
        "`p_value` is the classic test, with many more false alarms.",
    )
    alpha: Alpha = Field(
        default=0.05,
        description="`budget`: most false alarms per model and month. `p_value`: p-value below which a feature drifts.",
    )
    min_drift_score: Score = Field(
        default=0.05,
        description="Smallest score (KS distance or total variation) that counts as drift, for any number of rows.",
    )
    sudden: Flag = Field(
        default=True,
        description="Whether the last hours are compared with the model's own past at the same hours of the week. "
        "Finds changes within hours. The rule `p_value` has no such test.",
    )
    sudden_score: Score | None = Field(
        default=None,
        description="Smallest sudden change that counts, as a KS distance or total variation at the same hours of the "
        "week. Null: 1.5 times `min_drift_score`.",
    )
    first_week_score: Score = Field(
        default=0.2,
        description="Difference from the baseline that daily and weekly cycles may cause before the data covers a "
        "whole window. Not used if the baseline's rows have timestamps.",
    )
    min_share_change: Score = Field(
        default=0.02,
        description="Smallest reported rise in the share of missing, new, out-of-range or wrongly typed values.",
    )
    min_samples: Samples = Field(
        default=100,
        description="Smallest number of rows with a value. A feature with fewer rows is `insufficient_data`.",
    )
    warmup_hours: WarmupHours = Field(
        default=0, description="Hours of data that a model must have before its first alert opens."
    )
    renotify_hours: Hours = Field(
        default=24,
        description="Hours between reminders of an alert that nobody acknowledged. "
        "An alert that somebody resolves stays closed for the same time.",
    )
    resolve_after_hours: Hours = Field(
        default=24, description="Hours below the limit after which an alert resolves automatically."
    )
    no_data_hours: NoDataHours = Field(
        default="auto",
        description="Hours without any prediction after which `no_data` opens for a model that had predictions. "
        "`auto`: 1.5 times the longest gap of the last 14 days, at least 24.",
    )
    reference: Reference = Field(
        default="training",
        description="What the report also compares the window with: `previous_period` is the `window_days` before the "
        "window, `rolling_28d` the 28 days before it, `training` the baseline alone. Alerts do not depend on it.",
    )
    task: Task | None = Field(
        default=None,
        description="What the model predicts: `type` (`binary`, `multiclass`, `regression`), `positive`, `threshold`, "
        "`classes`, `value_matrix`. Labels are joined only if there is a task.",
    )
    label_ratio: Ratio = Field(
        default=0.8, description="Share of a day's predictions that need a label before the day is judged."
    )
    maturity_hours: Hours | None = Field(
        default=None,
        description="Hours after its end until a day is judged whatever its share of labels. Null: the time within "
        "which 95 % of the labels arrive, at least 24.",
    )
    label_wait_days: LabelWait = Field(
        default=90, description="Days that a prediction waits for its label, 1–400. A change applies to later days."
    )
    min_labels: Samples = Field(
        default=100, description="Smallest number of labels for a comparison with the reference."
    )
    min_performance_drop: Score = Field(
        default=0.02, description="Smallest drop of a metric that opens an alert. Errors must rise by 5 %."
    )
    enabled: Flag = Field(default=True, description="Whether the schedule checks the model.")

    @property
    def least_sudden_score(self) -> float:
        """The smallest sudden change that counts: `sudden_score`, else SUDDEN_FACTOR times `min_drift_score`."""
        return SUDDEN_FACTOR * self.min_drift_score if self.sudden_score is None else self.sudden_score


def optional_fields(
    source: type[BaseModel],
    names: Iterable[str],
    description: Callable[[str], str],
    types: Mapping[str, Any] | None = None,
) -> Callable[[type[Any]], type[Any]]:
    """A class decorator that adds the fields `names` of `source`, each of which may be absent or null.

    Args:
        source: the model that declares the fields.
        names: the fields, in their order.
        description: the description of a field by its name.
        types: types that replace those of `source`.
    """
    given = get_type_hints(source, include_extras=True) | dict(types or {})
    fields: dict[str, Any] = {name: (given[name] | None, Field(None, description=description(name))) for name in names}

    def derive(cls: type[Any]) -> type[Any]:
        return create_model(cls.__name__, __base__=cls, __doc__=cls.__doc__, __module__=cls.__module__, **fields)

    return derive


def _of_feature(name: str) -> str:
    return "Whether the feature is tested." if name == "enabled" else _description(ModelValues, name)


def _with_default(name: str) -> str:
    default = ModelSettings.model_fields[name].get_default(call_default_factory=True)
    return f"{_description(ModelSettings, name)} Default: {json.dumps(default)}."


def _description(source: type[BaseModel], name: str) -> str:
    return str(source.model_fields[name].description)


@optional_fields(ModelValues, OVERRIDABLE, _of_feature)
class FeatureOverride(Suggesting):
    """A feature's own settings. If a value is absent or null, the model's value applies."""


class ModelSettings(ModelValues):
    """All settings of a model, including the defaults."""

    features: Annotated[dict[Name, FeatureOverride], Field(max_length=MAX_OVERRIDES), at_most(MAX_OVERRIDES)] = Field(
        default_factory=dict,
        description=f"Overrides by feature name: {', '.join(f'`{name}`' for name in OVERRIDABLE)}. "
        "The name of the prediction is `prediction`.",
    )

    def for_features(self, names: Iterable[str]) -> list[ModelValues]:
        """The settings that apply to each of these features, in order."""
        shared = ModelValues(**{name: getattr(self, name) for name in OVERRIDABLE} | {"enabled": True})
        own = {
            name: shared.model_copy(update=given.model_dump(exclude_none=True)) for name, given in self.features.items()
        }
        return [own.get(name, shared) for name in names]


Worth = Annotated[dict[str, float | None], at_most(MAX_FIELDS)]


@optional_fields(Task, Task.model_fields, partial(_description, Task), {"value_matrix": Worth})
class TaskPatch(Suggesting):
    """A change of the task. An absent value stays unchanged. Null restores the default."""


Overrides = Annotated[dict[Name, FeatureOverride | None], Field(max_length=MAX_OVERRIDES), at_most(MAX_OVERRIDES)]


@optional_fields(ModelSettings, ModelSettings.model_fields, _with_default, {"features": Overrides, "task": TaskPatch})
class SettingsPatch(Suggesting):
    """A change of settings. Null restores the default. An absent setting stays unchanged."""

    def apply(self, settings: ModelSettings) -> ModelSettings:
        """Return `settings` after this change. Overrides merge per feature."""
        merged = merge(settings.model_dump(exclude_unset=True), self.model_dump(exclude_unset=True))
        overrides = len(merged.get("features", ()))
        if overrides > MAX_OVERRIDES:
            raise Invalid.at(
                ["body", "settings", "features"],
                f"the model would have overrides of {overrides} features; {MAX_OVERRIDES} at most; set overrides that "
                "you do not need to null",
            )
        try:
            return ModelSettings.model_validate(merged)
        except ValidationError as error:
            # Only a task can be wrong as a whole although each of its values is valid.
            errors = field_errors(error.errors(include_url=False))
            raise Invalid([{**entry, "loc": ["body", "settings", *entry["loc"]]} for entry in errors]) from None


def check_features(patch: "SettingsPatch | None", known: Callable[[], Iterable[str]]) -> None:
    """Raise Invalid if the patch sets overrides of features that are not known. Null removes any override.

    known: returns the names of the baseline's features. It is called only if the patch sets an override.
    """
    overrides = (patch.model_dump(exclude_unset=True).get("features") if patch is not None else None) or {}
    given = [name for name, override in overrides.items() if override is not None]
    names = list(known()) if given else []
    lacking = [name for name in given if name not in names][:MAX_ERRORS]
    if lacking:
        errors: list[FieldError] = [
            {
                "loc": ["body", "settings", "features", name],
                "msg": _lacking(name, names if place < MAX_SUGGESTIONS else ()),
            }
            for place, name in enumerate(lacking)
        ]
        raise Invalid(errors)


def _lacking(name: str, names: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415  only a wrong request needs it

    folded = {known.casefold(): known for known in reversed(names)}
    matcher = difflib.SequenceMatcher(b=name.casefold())

    def bound(known: str) -> float:
        matcher.set_seq1(known)
        return matcher.quick_ratio()

    # The exact similarity of 500 long names takes seconds, and an upper bound of it milliseconds.
    likely = heapq.nlargest(COMPARED, folded, key=bound)
    for nearest in difflib.get_close_matches(name.casefold(), likely, n=1):
        return f"the baseline has no feature of this name; did you mean {folded[nearest]}?"
    return "the baseline has no feature of this name; GET /models/{model_id}/baseline lists its features"


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7396): null removes a value, objects merge, any other value replaces the old."""
    result = dict(old)
    for name, value in new.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merge(result[name] if isinstance(result.get(name), dict) else {}, value)
        else:
            result[name] = value
    return result
