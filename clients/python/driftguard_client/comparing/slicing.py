"""Rows in the order of their times, so that each span of time can be counted on its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from driftguard_engine.rows.columns import Column, Columns, Part

from driftguard_client.comparing.values import Times


class Ordered:
    """A batch in the order of its times. Columns are sorted when they are first needed, and kept.

    times: ascending, in milliseconds since 1970.
    """

    def __init__(self, batch: Columns) -> None:
        times: Times = np.frombuffer(batch.times, "<i8").astype(np.int64)
        in_order = bool(np.all(times[1:] >= times[:-1]))
        self._order = None if in_order else np.argsort(times, kind="stable")
        self.times = times if self._order is None else times[self._order]
        self._batch = batch
        self._columns: dict[str | None, tuple[_Sorted, ...]] = {}

    def between(self, start: int, end: int, times: Times) -> Columns:
        """Return the rows from `start` to before `end`, with these times instead of their own."""
        readers = {name: partial(self._slice, name, start, end) for name in self._batch.names}
        prediction: Callable[[], Column] = partial(self._slice, None, start, end)
        return Columns(times.astype("<i8").tobytes(), readers, prediction)

    def _slice(self, name: str | None, start: int, end: int) -> Column:
        """name: None for the prediction."""
        if name not in self._columns:
            column = self._batch.prediction if name is None else self._batch.feature(name)
            self._columns[name] = tuple(_Sorted(part, self._order) for part in column)
        return tuple(part for one in self._columns[name] if (part := one.between(start, end)) is not None)


class _Sorted:
    """A part whose values are in the order of the rows' times."""

    def __init__(self, part: Part, order: npt.NDArray[np.intp] | None) -> None:
        self._part = part
        self._items = np.frombuffer(part.data, part.dtype)
        self._mask = None if part.mask is None else np.frombuffer(part.mask, np.bool_)
        if order is not None and self._mask is None:
            self._items = self._items[order]
        elif order is not None and self._mask is not None:
            places = np.cumsum(self._mask) - 1
            self._mask = self._mask[order]
            self._items = self._items[places[order][self._mask]]
        self._before = None if self._mask is None else np.concatenate([[0], np.cumsum(self._mask)])

    def between(self, start: int, end: int) -> Part | None:
        """Return the values of some rows; None if they have no value."""
        mask = None
        first, last = start, end
        if self._mask is not None and self._before is not None:
            mask = self._mask[start:end].tobytes()
            first, last = int(self._before[start]), int(self._before[end])
        if first == last:
            return None
        part = self._part
        return Part(
            kind=part.kind,
            mask=mask,
            count=last - first,
            encoding=part.encoding,
            data=self._items[first:last].tobytes(),
            dtype=part.dtype,
            offset=part.offset,
            step=part.step,
            divisor=part.divisor,
            dictionary=part.dictionary,
        )
