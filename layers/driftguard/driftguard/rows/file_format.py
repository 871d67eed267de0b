"""How a file of rows is written: its format, its compression, and the role of its CSV columns."""

import json
from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from driftguard.platform.serialization import Name, Wire

type Format = Literal["csv", "jsonl"]
type Compression = Literal["gzip"]

ROLES = ("prediction_column", "timestamp_column", "label_column", "score_column")
"""The settings that name a column which is no feature."""

CSV_ONLY = (*ROLES, "text_columns", "delimiter", "na_values")

MOST_LISTED = 200_000
"""Bytes that the lists of a description may have in JSON. The description is stored in one item of 400 kB."""


def _as_text(value: Any) -> Any:
    return repr(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


MissingValue = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | float), Field(max_length=256)]


class TableFormat(Wire):
    """How a table of rows is written, whatever its columns mean."""

    format: Format
    compression: Compression | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None,
        description="CSV only: the character between two values. Default: comma, semicolon, tab or |, as in the file.",
    )
    na_values: Annotated[list[MissingValue], Field(max_length=100)] = Field(
        default_factory=list,
        description="CSV only: cells that mean a missing value, in addition to those that pandas knows, such as NA.",
    )

    @model_validator(mode="after")
    def _columns_fit_the_format(self) -> Self:
        csv_only = [name for name in CSV_ONLY if name in type(self).model_fields]
        if self.format != "csv" and self.model_fields_set.intersection(csv_only):
            raise ValueError(
                f"{', '.join(csv_only)} apply to csv only; omit these fields, "
                "because a row of jsonl names its own fields"
            )
        if self.delimiter is not None and (self.delimiter.isalnum() or self.delimiter in " \"'.+-_\r\n\0"):
            raise ValueError("delimiter must be a character such as a comma, a semicolon, a tab or |")
        return self


class FileFormat(TableFormat):
    """The description of a file that a client sends.

    The column settings apply to CSV alone. A row of JSON Lines names its own prediction and timestamp.
    """

    prediction_column: Name | None = Field(
        default="prediction", description="CSV only: the column that holds the prediction. Send null if there is none."
    )
    timestamp_column: Name | None = Field(
        default="timestamp",
        description=(
            "CSV only: the column that holds the row's time: RFC 3339, a time as pandas writes it (UTC without an "
            "offset), or a Unix time. Send null if there is none."
        ),
    )
    label_column: Name | None = Field(
        default=None,
        description=(
            "CSV only: the column that holds the true value. Performance is then compared with the rows of this file."
        ),
    )
    score_column: Name | None = Field(
        default=None, description="CSV only: the column that holds the probability of the positive class, from 0 to 1."
    )
    text_columns: Annotated[list[Name], Field(max_length=501)] = Field(
        default_factory=list,
        description="CSV only: columns to read as text even if every value looks like a number, such as postal codes.",
    )

    @model_validator(mode="after")
    def _columns_fit_together(self) -> Self:
        named = [(field, getattr(self, field)) for field in ROLES if getattr(self, field) is not None]
        for (one, name), (other, same) in combinations(named, 2):
            if name == same:
                raise ValueError(f"{one} and {other} must name two different columns")
        if self.score_column is not None and self.label_column is None:
            raise ValueError("score_column needs label_column, the column that the scores are compared with")
        if len(json.dumps([self.text_columns, self.na_values])) > MOST_LISTED:
            raise ValueError("text_columns and na_values are too long; shorten the names of columns")
        return self

    @property
    def roles(self) -> set[str]:
        """The columns that are no features."""
        return {name for field in ROLES if (name := getattr(self, field)) is not None}
