"""Items of a backup come back as they were, whatever they hold."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from scripts.operate.snapshot import Content, content_of, item_of, line_of, put, read, save, scan

SCALARS = st.one_of(
    st.builds(lambda text: {"S": text}, st.text()),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.builds(lambda data: {"B": data}, st.binary()),
    st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda texts: {"SS": sorted(texts)}, st.sets(st.text(min_size=1), min_size=1)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"L": parts}, st.lists(inner, max_size=3)),
        # Names that look like types must not be taken for types.
        st.builds(
            lambda parts: {"M": parts}, st.dictionaries(st.sampled_from(["B", "S", "M", "name"]), inner, max_size=3)
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["pk", "B", "BS", "M", "data"]), VALUES, max_size=4))
def test_an_item_comes_back_as_it_was(item: dict[str, Any]) -> None:
    """Bytes, nested maps and names that look like types included."""
    assert item_of(line_of(item)) == item


def test_the_content_does_not_depend_on_the_order() -> None:
    """It differs as soon as an item differs, is missing or is there twice."""
    items = [{"pk": {"S": str(number)}} for number in range(20)]
    whole = content_of(items)
    assert content_of(reversed(items)) == whole
    assert Content.load(whole.dump()) == whole
    for other in (items[1:], [*items, items[0]], [*items[1:], {"pk": {"S": "x"}}], [*items[1:], items[1]]):
        assert content_of(other) != whole


def test_a_file_and_a_table_hold_the_same(tmp_path: Path) -> None:
    """What is saved, read and stored is what was scanned, over more than one batch."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1", config=Config())
        for name in ("old", "new"):
            dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        items = [{"pk": {"S": f"item {number}"}, "data": {"B": bytes([number])}} for number in range(60)]
        written = put(dynamodb, "old", items)
        saved = save(scan(dynamodb, "old"), tmp_path / "old.jsonl.gz")
        put(dynamodb, "new", read(tmp_path / "old.jsonl.gz"))
        assert written == saved == content_of(scan(dynamodb, "new"))
        assert saved.items == 60


def test_writes_that_stay_refused_end_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is throttled for long is named."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    class Throttled:
        def batch_write_item(self, RequestItems: Any) -> Any:  # noqa: N803  boto3's name
            return {"UnprocessedItems": RequestItems}

    with pytest.raises(RuntimeError, match="keeps refusing writes to models"):
        put(Throttled(), "models", [{"pk": {"S": "a"}}])
