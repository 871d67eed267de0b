"""The list of all tables is complete, so that erasing misses none."""

import importlib
from pathlib import Path

from driftguard import all_tables
from driftguard.platform.dynamodb import Table
from sandbox import stack

PACKAGE = Path(all_tables.__file__).parent


def test_every_table_class_is_listed_once() -> None:
    """Whatever class of the package is a table is in `all_tables.ALL`."""
    for path in PACKAGE.rglob("*.py"):
        if "(Table)" in path.read_text():
            importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    defined = {table for table in Table.__subclasses__() if table.__module__.startswith("driftguard.")}
    assert len(all_tables.ALL) == len(defined)
    assert set(all_tables.ALL) == defined


def test_every_table_of_the_template_has_a_class() -> None:
    """As many tables are listed as the template creates, under the same names."""
    resources = stack.source()["Resources"].items()
    created = {name for name, resource in resources if resource["Type"] == "AWS::DynamoDB::Table"}
    assert {f"{table.table_setting.capitalize()}Table" for table in all_tables.ALL} == created


def test_what_is_found_through_another_table_is_erased_before_it() -> None:
    """Deliveries are found through alerts and channels."""
    order = [table.__name__ for table in all_tables.ALL]
    assert order.index("Deliveries") < min(order.index("Alerts"), order.index("Channels"))
