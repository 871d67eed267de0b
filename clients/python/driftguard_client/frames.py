"""Read frames of pandas, polars and pyarrow, dictionaries of columns and lists of rows as columns of plain values."""

from __future__ import annotations

import datetime
import math
import sys

from driftguard_client.columns import names_in, texts_warning, times_reason
from driftguard_client.errors import ArgumentError, RejectedError, near_names
from driftguard_client.values import (
    MAX_FEATURES,
    MAX_STRING,
    Cuts,
    check_name,
    class_values,
    is_missing,
    milliseconds,
    prediction_id,
    scalar,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    Problem = tuple[int, str, str]
    """The position of a rejected row, its column, and the reason."""

_FLAGS = {None: False, False: False, True: True, "": False, "false": False, "true": True, "False": False, "True": True}
_PLAIN = frozenset({int, float, str, bool, type(None)})


class Frame:
    """Any kind of frame as named columns. `rows` is the number of rows."""

    def __init__(self, source: Any) -> None:
        self._columns, self.rows = _columns_of(source)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns by name, in the form of their library."""
        return self._columns

    @property
    def names(self) -> list[str]:
        """The names of the columns, as text."""
        return list(self._columns)

    def has(self, name: Any) -> bool:
        return str(name) in self._columns

    def require(self, name: Any, argument: str) -> str:
        """Return the name of a column as text. Raises ArgumentError with the nearest names."""
        if not self.has(name):
            raise ArgumentError(
                f"{argument}: the frame has no column {str(name)!r}. {near_names(str(name), self.names)}"
            )
        return str(name)

    def values(self, name: str) -> list[Any]:
        """Return the values of a column as Python objects."""
        return _listed(self._columns[name])

    def kind_of_times(self, name: str, kinds: set[type]) -> str | None:
        """Return the type of a column that holds times; None if it holds none. kinds: the types of its values."""
        dtype = getattr(self._columns[name], "dtype", None)
        # numpy gives the nanoseconds of its times as whole numbers, so the values alone do not show them.
        if getattr(dtype, "kind", None) == "M":
            return str(dtype)
        return next((kind.__name__ for kind in kinds - _PLAIN if _is_time(kind)), None)


def plain_column(values: list[Any], name: str, cuts: Cuts, problems: list[Problem]) -> list[Any]:
    """Return a column with plain values. A value that cannot be logged becomes None and is added to `problems`."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN and _is_clean(values, kinds):
        return values
    seen: dict[str, Any] = {}
    result: list[Any] = []
    for position, value in enumerate(values):
        kind = type(value)
        if kind is str and value in seen:
            result.append(seen[value])
            cuts.count += len(value) > MAX_STRING
            continue
        try:
            plain = scalar(value, name, cuts)
        except RejectedError as error:
            problems.append((position, name, error.reason))
            plain = None
        else:
            if kind is str and len(seen) < 10_000:
                seen[value] = plain
        result.append(plain)
    return result


def _is_clean(values: list[Any], kinds: set[type]) -> bool:
    """Return whether a column needs no change, found with loops in C where possible."""
    if kinds <= {bool, type(None)}:
        return True
    if kinds == {float}:
        return all(map(math.isfinite, values))
    if kinds == {int}:
        return bool(max(values) < 10**300 and min(values) > -(10**300))
    if kinds == {str}:
        return max(map(len, values)) <= MAX_STRING and all(map(str.isascii, values))
    return False


class Roles:
    """Which columns of a frame are features, and which have another role."""

    def __init__(
        self,
        frame: Frame,
        *,
        features: Iterable[Any] | None,
        exclude: Iterable[Any] = (),
        prediction: Any = None,
        score: Any = None,
        probabilities: Sequence[Any] | Mapping[Any, Any] | None = None,
        label: Any = None,
        prediction_id: Any = None,
        timestamp: Any = None,
    ) -> None:
        left_out = {frame.require(name, "exclude") for name in names_in(exclude)}
        self.singles = {
            role: frame.require(name, role)
            for role, name in (
                ("prediction", prediction),
                ("score", score),
                ("label", label),
                ("prediction_id", prediction_id),
                ("timestamp", timestamp),
            )
            if name is not None
        }
        if probabilities is None:
            self.classes: dict[str, str] = {}
        elif hasattr(probabilities, "items"):
            self.classes = {
                frame.require(column, "probabilities"): class_values([name])[0]
                for column, name in probabilities.items()
            }
        else:
            self.classes = {frame.require(column, "probabilities"): str(column) for column in names_in(probabilities)}
        taken = {*self.singles.values(), *self.classes}
        if features is None:
            self.features = [name for name in frame.names if name not in taken and name not in left_out]
        else:
            self.features = [frame.require(name, "features") for name in names_in(features)]
        self._check(left_out.intersection(taken if features is None else taken.union(self.features)))

    def _check(self, contradictory: set[str]) -> None:
        if contradictory:
            name = min(contradictory)
            raise ArgumentError(f"exclude: the column {name!r} is used by another argument. Name it in one of them.")
        if not self.features:
            raise ArgumentError("The frame has no feature columns.")
        if len(self.features) > MAX_FEATURES:
            raise ArgumentError(
                f"The frame has {len(self.features)} features; {MAX_FEATURES} at most. Pass features=[…]."
            )
        for name in self.features:
            try:
                check_name(name)
            except RejectedError as error:
                raise ArgumentError(f"The column {name[:40]!r}: {error.reason}") from None


class PlainColumns:
    """Columns as the service takes them. `problems` are rows that cannot be sent; their columns hold None there."""

    def __init__(self, frame: Frame) -> None:
        self.rows = frame.rows
        self.cuts = Cuts()
        self.problems: list[Problem] = []

    def _plain(self, values: list[Any], name: str) -> list[Any]:
        return plain_column(values, name, self.cuts, self.problems)

    def _single(self, frame: Frame, column: str | None, role: str) -> list[Any] | None:
        return None if column is None else self._plain(frame.values(column), role)

    def _ids(self, frame: Frame, column: str) -> list[Any]:
        ids: list[Any] = []
        for position, value in enumerate(frame.values(column)):
            try:
                text = prediction_id(value)
                if text is None:
                    raise RejectedError("prediction_id", "is missing. Fill the column, or leave prediction_id out.")
            except RejectedError as error:
                self.problems.append((position, column, error.reason))
                text = None
            ids.append(text)
        return ids

    def _times(self, frame: Frame, column: str | None, role: str, *, required: bool) -> list[int | None] | None:
        if column is None:
            return None
        times: list[int | None] = []
        naive = None
        for position, value in enumerate(frame.values(column)):
            try:
                if not is_missing(value):
                    times.append(milliseconds(value))
                    continue
                if required:
                    raise RejectedError(role, f"is missing. Fill the column, or leave {role} out.")
            except RejectedError as error:
                naive = naive or ("no time zone" in error.reason and error.reason)
                self.problems.append((position, column, error.reason))
            times.append(None)
        if naive and all(time is None for time in times):
            raise ArgumentError(
                f"{role}: the column {column!r} has no time zone. For pandas: "
                f"frame[{column!r}] = frame[{column!r}].dt.tz_localize('UTC')."
            )
        return times


class Table(PlainColumns):
    """The predictions of a frame."""

    def __init__(self, frame: Frame, roles: Roles) -> None:
        super().__init__(frame)
        self.warnings: list[str] = []
        self.columns = {name: self._feature(frame, name) for name in roles.features}
        singles = roles.singles
        self.predictions = self._single(frame, singles.get("prediction"), "prediction")
        self.scores = self._single(frame, singles.get("score"), "score")
        self.labels = self._single(frame, singles.get("label"), "label")
        self.probabilities = self._of_classes(frame, roles.classes)
        own_ids = singles.get("prediction_id")
        self.prediction_ids = None if own_ids is None else self._ids(frame, own_ids)
        self.timestamps = self._times(frame, singles.get("timestamp"), "timestamp", required=True)

    def _feature(self, frame: Frame, name: str) -> list[Any]:
        """Return the values of a feature. Adds a warning if its texts are no categories. Raises ArgumentError."""
        values = frame.values(name)
        kinds = set(map(type, values))
        kind = frame.kind_of_times(name, kinds)
        if kind is not None:
            raise ArgumentError(times_reason(name, f"times ({kind})"))
        plain = self._plain(values, name)
        if str in kinds:
            present = len(plain) - plain.count(None)
            distinct = set(plain)
            texts = {value for value in distinct if type(value) is str}
            # Text by text only where other values are among them.
            count = present if len(texts) == len(distinct - {None}) else sum(type(value) is str for value in plain)
            warning = texts_warning(name, present, count, texts)
            self.warnings += [warning] if warning else []
        return plain

    def _of_classes(self, frame: Frame, classes: dict[str, str]) -> list[Any] | None:
        if not classes:
            return None
        columns = [self._plain(frame.values(column), column) for column in classes]
        names = list(classes.values())
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


class LabelTable(PlainColumns):
    """The labels of a frame. `unlabelled` are the rows whose label is missing."""

    def __init__(
        self,
        frame: Frame,
        *,
        prediction_id: Any,
        label: Any,
        timestamp: Any,
        labelled_at: Any,
        withdraw: Any,
        outcomes: Sequence[Any] | Mapping[Any, Any],
    ) -> None:
        super().__init__(frame)

        def column(name: Any, argument: str) -> str | None:
            return None if name is None else frame.require(name, argument)

        self.prediction_ids = self._ids(frame, frame.require(prediction_id, "prediction_id"))
        # A file that only withdraws labels has no column of them.
        has_label = withdraw is None or frame.has(label)
        labels = self._single(frame, frame.require(label, "label"), "label") if has_label else None
        self.timestamps = self._times(frame, column(timestamp, "timestamp"), "timestamp", required=False)
        self.labelled_at = self._times(frame, column(labelled_at, "labelled_at"), "labelled_at", required=False)
        self.withdrawals = self._flags(frame, column(withdraw, "withdraw"))
        self.labels = [None] * self.rows if labels is None else labels
        self.outcomes = self._outcomes(frame, outcomes)
        withdrawn = self.withdrawals or [False] * self.rows
        bad = {position for position, _, _ in self.problems}
        self.unlabelled = [
            position
            for position, (value, taken_back) in enumerate(zip(self.labels, withdrawn, strict=True))
            if value in (None, "") and not taken_back and position not in bad
        ]

    def _flags(self, frame: Frame, column: str | None) -> list[bool] | None:
        if column is None:
            return None
        flags: list[bool] = []
        for position, value in enumerate(self._plain(frame.values(column), column)):
            if value not in _FLAGS:
                self.problems.append((position, column, "must be true, false or missing."))
            flags.append(_FLAGS.get(value, False))
        return flags

    def _outcomes(self, frame: Frame, columns: Sequence[Any] | Mapping[Any, Any]) -> list[Any] | None:
        named = dict(columns) if hasattr(columns, "items") else {column: column for column in columns}
        if not named:
            return None
        values = [self._plain(frame.values(frame.require(column, "outcomes")), str(column)) for column in named]
        names = [str(name).removeprefix("outcome:") for name in named.values()]
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None} or None
            for row in zip(*values, strict=True)
        ]


def _columns_of(source: Any) -> tuple[dict[str, Any], int]:
    """Return the columns of a frame by name, still in the form of their library, and the number of rows."""
    kind = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    if kind == "polars.LazyFrame":
        raise ArgumentError("This is a polars LazyFrame. Pass frame.collect() instead.")
    if hasattr(source, "column_names") and hasattr(source, "column"):  # pyarrow
        return _named(
            source.column_names, [source.column(index) for index in range(source.num_columns)]
        ), source.num_rows
    if hasattr(source, "columns") and hasattr(source, "shape"):
        names = list(source.columns)
        by_position = getattr(source, "iloc", None)
        columns = (
            [by_position[:, index] for index in range(len(names))] if by_position is not None else source.get_columns()
        )
        return _named(names, columns), int(source.shape[0])
    if hasattr(source, "items"):
        columns_by_name = _named(list(source), list(source.values()))
        lengths = {len(column) for column in columns_by_name.values()}
        if len(lengths) > 1:
            raise ArgumentError(f"The columns have different lengths: {', '.join(map(str, sorted(lengths)))}.")
        return columns_by_name, lengths.pop() if lengths else 0
    if isinstance(source, (list, tuple)) and source and all(hasattr(row, "items") for row in source):
        names = list(dict.fromkeys(name for row in source for name in row))
        return _named(names, [[row.get(name) for row in source] for name in names]), len(source)
    raise ArgumentError(
        f"Cannot read a {kind}. Pass a pandas or polars DataFrame, a pyarrow Table, a dictionary of columns, "
        "or a list of dictionaries."
    )


def _named(names: Sequence[Any], columns: Sequence[Any]) -> dict[str, Any]:
    texts = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names]
    twice = sorted({name for name in texts if texts.count(name) > 1}) if len(set(texts)) < len(texts) else []
    if twice:
        raise ArgumentError(f"The frame has several columns named {twice[0]!r}. Rename them.")
    return dict(zip(texts, columns, strict=True))


def _is_time(kind: type) -> bool:
    """Return whether the values of a type are times. pandas.NaT is a missing value, although its type is a time's."""
    if kind.__name__ in {"NaTType", "datetime64", "Period"}:
        return kind.__name__ != "NaTType"
    return issubclass(kind, (datetime.date, datetime.time))


def _listed(column: Any) -> list[Any]:
    """Return a column of any library as a list of Python objects."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(column, pandas.Series):
        return _of_pandas(column)
    for method in ("to_pylist", "to_list", "tolist"):
        convert = getattr(column, method, None)
        if callable(convert):
            values: list[Any] = convert()
            return values
    return list(column)


def _of_pandas(column: Any) -> list[Any]:
    dtype = column.dtype
    if hasattr(dtype, "categories") and hasattr(column, "cat"):
        categories = [*column.cat.categories.tolist(), None]  # the code of a missing value is -1, the last one
        return [categories[code] for code in column.cat.codes.tolist()]
    values: list[Any] = column.tolist()
    return values
