"""The errors of this package. All of them are `DriftGuardError`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class DriftGuardError(Exception):
    """An error of the client or an error response of the service.

    status: the HTTP status of the response; None if there was no response.
    errors: the places that the service rejected, as `[{"loc": […], "msg": "…"}]`.
    retry_after: the seconds that the service asked to wait; None if it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        errors: list[dict[str, object]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = errors or []
        self.retry_after = retry_after


class ConfigurationError(DriftGuardError):
    """The URL or the API key is missing, or an option has an invalid value."""


class UnreachableError(DriftGuardError):
    """No response: the connection failed, broke off or timed out."""


class ResponseError(DriftGuardError):
    """The service answered with an error."""


class ArgumentError(DriftGuardError, ValueError):
    """An argument is wrong, such as the name of a column that the frame lacks."""


class UnknownModelError(ArgumentError):
    """There is no model of this name. said: that, and the nearest names, without how to create the model."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.said = f"There is no model {name!r}. {near_names(name, known)}"
        super().__init__(f"{self.said} dg.model({name!r}, create=True) creates it.")


class RejectedError(DriftGuardError, ValueError):
    """A row that cannot be logged.

    column: the name of the feature, or the field of the row, such as `timestamp`.
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(f"{column}: {message}")
        self.column = column
        self.reason = message


class DroppedError(DriftGuardError):
    """Rows were lost, because the queue or the spool was full or the service did not take them in time."""


def near_names(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the known names that are closest to `name`, or with the first known names."""
    from difflib import get_close_matches

    names = [str(one) for one in known]
    by_lower = {one.lower(): one for one in names}
    close = [by_lower[match] for match in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    if close:
        return f"Did you mean {' or '.join(repr(one) for one in close)}?"
    shown = ", ".join(repr(one) for one in names[:10])
    return f"There are: {shown}{', …' if len(names) > 10 else ''}." if names else "There are no names."
