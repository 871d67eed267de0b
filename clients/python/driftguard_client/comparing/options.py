"""The settings of a comparison: from a mapping, or from a file `driftguard.toml`.

[settings]                 # the settings of a model, see the service's documentation
min_drift_score = 0.1
[settings.features.age]
enabled = false
[columns]
prediction = "pred"
label = "y"
score = "p"
timestamp = "ts"
exclude = ["id"]
[csv]
text_columns = ["zip"]
na_values = ["-999"]
delimiter = ";"
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import tomllib
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.platform.serialization import field_errors
from pydantic import ValidationError

from driftguard_client.comparing.csv_files import CsvOptions
from driftguard_client.comparing.errors import CompareError, unknown_name

TABLES = ("settings", "columns", "csv")


@dataclass(frozen=True)
class ColumnOptions:
    """Which columns are no features. exclude: columns to leave out. The others are names of columns."""

    prediction: str | None = None
    label: str | None = None
    score: str | None = None
    timestamp: str | None = None
    exclude: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """What a file `driftguard.toml` says."""

    settings: ModelSettings = field(default_factory=ModelSettings)
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    csv: CsvOptions = field(default_factory=CsvOptions)


def read_options(path: str | os.PathLike[str]) -> Options:
    """Return the options in a file. Raises CompareError with the place of a wrong one."""
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CompareError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CompareError(f"{path} is not valid TOML: {error}.") from None
    for name, table in given.items():
        if name not in TABLES:
            raise unknown_name("table", name, TABLES, str(path))
        if not isinstance(table, dict):
            raise CompareError(f"{path}: {name} must be a table. Write [{name}] on a line of its own.")
    return Options(
        settings=settings_of(given.get("settings"), f"{path}: settings"),
        columns=ColumnOptions(**_known(ColumnOptions, given.get("columns", {}), f"{path}: columns")),
        csv=CsvOptions(**_known(CsvOptions, given.get("csv", {}), f"{path}: csv")),
    )


def settings_of(given: ModelSettings | Mapping[str, Any] | None, place: str = "settings") -> ModelSettings:
    """Return valid settings. Raises CompareError with the place of a wrong one."""
    if isinstance(given, ModelSettings):
        return given
    try:
        return ModelSettings.model_validate(dict(given or {}))
    except ValidationError as error:
        first = field_errors(error.errors())[0]
        at = ".".join([place, *map(str, first["loc"])])
        raise CompareError(f"{at}: {first['msg']}.") from None


def check_features(settings: ModelSettings, known: Iterable[str]) -> None:
    """Raise CompareError if the settings name a feature that the baseline lacks."""
    names = list(known)
    for name in settings.features:
        if name not in names:
            raise unknown_name("feature", name, names, "settings.features: the baseline")


def _known(kind: type[Any], given: Mapping[str, Any], place: str) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    for name, value in given.items():
        if name not in names:
            raise unknown_name("option", name, sorted(names), place)
        many = name in {"exclude", "text_columns", "na_values"}
        right = isinstance(value, list) and all(isinstance(one, (str, int, float)) for one in value)
        if not (right if many else isinstance(value, str)):
            raise CompareError(f"{place}.{name} must be {'a list of texts' if many else 'a text'}.")
    return {name: [str(one) for one in value] if isinstance(value, list) else value for name, value in given.items()}
