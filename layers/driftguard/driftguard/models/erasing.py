"""Erase a deleted model: every item of it, in every table, and its uploaded files."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.bulk import delete
from driftguard.platform.dynamodb import Table
from driftguard.platform.retries import is_transient, pause
from driftguard.platform.times import iso


class Owned(Protocol):
    """A table class that finds what it holds of a model and of an organization, so that both can be erased."""

    @classmethod
    def of_model(cls, model: Models, /) -> Iterable[Table]:
        """All items of a model, keys only."""

    @classmethod
    def of_organization(cls, organization_id: str, /) -> Iterable[Table]:
        """All items of an organization that belong to none of its models, keys only."""


def erase(
    organization_id: str,
    model_id: str,
    *,
    tables: Iterable[type[Owned]],
    delete_files: Callable[[str, str], None],
    may_go_on: Callable[[], bool],
    now: datetime,
) -> bool:
    """Erase what is left of a deleted model. Returns whether nothing is left; if something is, call again later.

    Returns False if a check of the model still runs or if time ran out. Leaves a model alone that was not deleted.

    Args:
        tables: every table, those first that find their items through another one.
        delete_files: deletes the model's uploaded files (organization, model). The bucket expires them only after a
            day. The builder of a file that arrives later finds no model and deletes the file.
        may_go_on: whether there is time for another step.
    """
    mark = Models.find(organization_id, f"erase#{model_id}")
    if mark is None:
        return True
    status = Statuses.one(organization_id, model_id)
    if status.lease_until is not None and status.lease_until > iso(now):
        return False
    delete_files(organization_id, model_id)
    for table in tables:
        if not _erase_from(table, mark, may_go_on):
            return False
    # The mark goes last: without it nobody would erase the rest.
    mark.delete()
    return True


def _erase_from(table: type[Owned], mark: Models, may_go_on: Callable[[], bool]) -> bool:
    """Delete a model's items from a table. Returns False if time ran out.

    After a throttled read the items are listed again, without those that are deleted by then.
    """
    failures = 0
    while may_go_on():
        try:
            return delete(table.of_model(mark), may_go_on)
        except Exception as error:
            if not is_transient(error):
                raise
            failures += 1
            time.sleep(pause(failures))
    return False
