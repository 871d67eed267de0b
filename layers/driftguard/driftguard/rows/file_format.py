"""How a file of rows is written: its format, its compression, and the role of its CSV columns."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from driftguard.platform.serialization import Name, Wire

type Format = Literal["csv", "jsonl"]
type Compression = Literal["gzip"]

CSV_ONLY = ("prediction_column", "timestamp_column", "text_columns")


class FileFormat(Wire):
    """The description of a file that a client sends.

    The column settings apply to CSV alone. A row of JSON Lines names its own prediction and timestamp.
    """

    format: Format
    compression: Compression | None = None
    prediction_column: Name | None = Field(
        default="prediction", description="CSV only: the column that holds the prediction. Send null if there is none."
    )
    timestamp_column: Name | None = Field(
        default="timestamp",
        description="CSV only: the column that holds the row's time (RFC 3339). Send null if there is none.",
    )
    text_columns: Annotated[list[Name], Field(max_length=501)] = Field(
        default_factory=list,
        description="CSV only: columns to read as text even if every value looks like a number, such as postal codes.",
    )

    @model_validator(mode="after")
    def _columns_fit_the_format(self) -> Self:
        if self.format != "csv" and self.model_fields_set.intersection(CSV_ONLY):
            raise ValueError(
                f"{', '.join(CSV_ONLY)} apply to csv only; omit these fields, "
                "because a row of jsonl names its own prediction and timestamp"
            )
        if self.prediction_column is not None and self.prediction_column == self.timestamp_column:
            raise ValueError("prediction_column and timestamp_column must name two different columns")
        return self
