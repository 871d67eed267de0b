"""Logging and listing through the handler, from API Gateway's event to its answer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from moto import mock_aws

from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.dynamodb import connect, disconnect
from driftguard.platform.environment import Environment
from driftguard.predictions.tables import Predictions
from sandbox.gateway import Answer, Gateway, function
from sandbox.stack import deploy_tables
from tests.functional.conftest import add_organization

NUMBERS = count()
ONE, BATCH, LIST = "/predictions", "/predictions/batch", "/models/{model_id}/predictions"


def problem(answer: Answer) -> int:
    """The status of an error, whose shape is checked on the way."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "message"} <= answer.body.keys()
    assert answer.body["status"] == answer.status
    assert answer.body["message"] in (answer.body["detail"], "Forbidden")
    assert ("errors" in answer.body) == (answer.status == 422)
    assert answer.headers["x-request-id"]
    return answer.status


def places(answer: Answer) -> list[list[str | int]]:
    """The wrong places of a 422."""
    assert problem(answer) == 422, answer.body
    return [error["loc"] for error in answer.body["errors"] if error["msg"]]


@pytest.fixture(scope="module", autouse=True)
def stack() -> Iterator[None]:
    """The template's tables, made once: each test has a model of its own. `acme`'s viewer key is revoked."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        disconnect()
        for name, value in deploy_tables().items():
            patch.setenv(name, value)
        patch.setenv("PUBLIC_URL", "https://drift.example.com")
        connect(Environment())
        add_organization("acme")
        add_organization("other")
        ApiKeys.revoke("acme", "acme-viewer", datetime.now(UTC))
        yield
        disconnect()


@pytest.fixture
def model() -> str:
    """The id of a new model of the organization `other`."""
    name = f"model {next(NUMBERS)}"
    return registry.create("other", NewModel(name=name), partitions=4, now=datetime.now(UTC)).id


def request(
    method: str, path: str, body: Any = None, *, key: str | None = "other-admin", model_id: str = "", **options: Any
) -> Answer:
    """Send a request through the template's routes; a text as body is sent as it is."""
    path = path.replace("{model_id}", model_id)
    query = options.pop("query", None)
    if query:
        path += "?" + urlencode(query)
    if isinstance(body, str):
        return Gateway().call(method, path, raw=body, key_id=key, **options)
    return Gateway().call(method, path, body, key_id=key, **options)


def listed(model: str, **query: str) -> list[dict[str, Any]]:
    """The rows of a model, following each page's Link."""
    answer = request("GET", LIST, model_id=model, query=query)
    rows: list[dict[str, Any]] = []
    while True:
        assert answer.status == 200, answer.body
        rows += answer.body
        if answer.next_path is None:
            assert "link" not in answer.headers
            return rows
        answer = request("GET", answer.next_path)


def test_a_prediction_is_accepted(model: str) -> None:
    """One prediction is 202 with its id, and is listed from then on."""
    answer = request("POST", ONE, {"model_id": model, "features": {"age": 41}, "prediction": True})
    assert answer.status == 202
    assert answer.body == {"accepted": 1, "prediction_ids": [listed(model)[0]["prediction_id"]]}
    assert answer.headers["x-request-id"]


def test_good_rows_of_a_batch_are_accepted_and_bad_ones_reported(model: str) -> None:
    """A batch is 202 with what was taken and, by index, what was not; NaN makes a bad row."""
    rows = '[{"features": {"a": 1}}, {"features": {"a": NaN}}, 7, {"features": {"a": 1e400}}]'
    answer = request("POST", BATCH, f'{{"model_id": "{model}", "predictions": {rows}}}')
    assert answer.status == 202
    assert (answer.body["accepted"], answer.body["rejected"], len(answer.body["prediction_ids"])) == (1, 3, 1)
    refused = [(error["index"], error["loc"]) for error in answer.body["errors"]]
    start = ["body", "predictions"]
    assert refused == [(1, [*start, 1, "features", "a"]), (2, [*start, 2]), (3, [*start, 3, "features", "a"])]
    assert len(listed(model)) == 1


def test_rejected_rows_are_warned_of(model: str) -> None:
    """A batch with rejected rows says so in `warnings` and a header, also to a retry; a good batch does not."""
    body = {"model_id": model, "batch_id": "b", "predictions": [{"features": {"a": 1}}, 7, {"a": 1}]}
    for answer in (request("POST", BATCH, body), request("POST", BATCH, body)):
        assert (answer.status, answer.headers["x-rejected-rows"]) == (202, "2")
        assert answer.body["warnings"] == ["2 of 3 rows were rejected. `errors` has the reason for each of them."]
    good = request("POST", BATCH, {"model_id": model, "predictions": [{"features": {"a": 1}}]})
    assert (good.status, good.body["warnings"]) == (202, [])
    assert "x-rejected-rows" not in good.headers


def test_an_ingest_key_logs_by_the_name_of_a_model(model: str) -> None:
    """`model` takes the name in place of `model_id`; both are 422, neither is 422, and an unknown name is 404."""
    name = registry.find("other", model).name
    for route, rest in ((ONE, {"features": {}}), (BATCH, {"predictions": [{"features": {}}]})):
        assert request("POST", route, {"model": name, **rest}, key="other-ingest").status == 202
        assert places(request("POST", route, {"model": name, "model_id": model, **rest})) == [["body", "model"]]
        assert places(request("POST", route, rest)) == [["body", "model_id"]]
        assert problem(request("POST", route, {"model": "unknown", **rest})) == 404
    assert len(listed(model)) == 2


def test_columns_are_accepted_and_wrong_values_reported(model: str) -> None:
    """Columns are answered like rows, and errors name the column and the index."""
    text = (
        f'{{"model_id": "{model}", "columns": {{"a": [1, NaN, 3, null], "b": ["x", "y", {{}}, null]}}, '
        '"scores": [0.5, 0.5, 0.5, 2], "labels": [1, 0, null, 1]}'
    )
    answer = request("POST", BATCH, text)
    assert (answer.status, answer.headers["x-rejected-rows"]) == (202, "3")
    assert (answer.body["accepted"], answer.body["rejected"]) == (1, 3)
    assert [(error["index"], error["loc"]) for error in answer.body["errors"]] == [
        (1, ["body", "columns", "a", 1]),
        (2, ["body", "columns", "b", 2]),
        (3, ["body", "scores", 3]),
    ]
    assert answer.body["warnings"] == ["3 of 4 rows were rejected. `errors` has the reason for each of them."]
    (row,) = listed(model)
    assert (row["features"], row["score"], row["label"]) == ({"a": 1, "b": "x"}, 0.5, 1)
    assert row["prediction_id"] == answer.body["prediction_ids"][0]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"columns": {}}, ["columns"]),
        ({"columns": {"a": []}}, ["columns"]),
        ({"columns": []}, ["columns"]),
        ({"columns": {"a": 7}}, ["columns", "a"]),
        ({"columns": {"a": {"0": 1}}}, ["columns", "a"]),
        ({"columns": {"a": [1], "b": [1, 2]}}, ["columns", "b"]),
        ({"scores": [1, 1]}, ["scores"]),
        ({"scores": {"a": 1}}, ["scores"]),
        ({"labels": []}, ["labels"]),
        ({"timestamps": "now"}, ["timestamps"]),
        ({"predictions": [{"features": {}}]}, ["predictions", 0]),
        ({"columns": {"\n": [1]}}, ["columns", "\n"]),
        ({"columns": {"a": [[]]}}, ["columns", "a", 0]),
        ({"columns": None}, ["predictions"]),
        ({"columns": None, "predictions": [{"features": {}}], "labels": [1]}, ["labels"]),
    ],
)
def test_wrong_columns_are_named_by_their_place(model: str, change: dict[str, Any], place: list[str | int]) -> None:
    """Columns that are wrong as a whole are 422, and nothing is stored."""
    body = {"model_id": model, "columns": {"a": [1]}, **change}
    assert places(request("POST", BATCH, body)) == [["body", *place]]
    assert listed(model) == []


def test_too_many_rows_in_columns_are_413(model: str) -> None:
    """5,001 rows are too many as columns too, and 5,000 are taken."""
    assert problem(request("POST", BATCH, {"model_id": model, "columns": {"a": [1] * 5001}})) == 413
    assert request("POST", BATCH, {"model_id": model, "columns": {"a": [1] * 5000}}).body["accepted"] == 5000


def test_columns_of_another_organizations_model_are_not_found(model: str) -> None:
    """404 for the models of others, and by an unknown name; an ingest key logs columns by the model's name."""
    body = {"columns": {"a": [1]}}
    assert problem(request("POST", BATCH, {"model_id": model, **body}, key="acme-admin")) == 404
    assert problem(request("POST", BATCH, {"model": "unknown", **body})) == 404
    name = registry.find("other", model).name
    assert request("POST", BATCH, {"model": name, **body}, key="other-ingest").status == 202


def test_a_flat_prediction_is_told_where_values_go(model: str) -> None:
    """Values beside `model_id` are told to go under `features`."""
    answer = request("POST", ONE, {"model_id": model, "age": 41})
    assert places(answer) == [["body"]]
    assert "values go under `features`" in answer.body["detail"]


@pytest.mark.parametrize("header", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
@pytest.mark.parametrize(("route", "body"), [(ONE, {"features": {}}), (BATCH, {"predictions": [{"features": {}}]})])
def test_an_idempotency_key_is_kept_however_it_is_written(
    model: str, header: str, route: str, body: dict[str, Any]
) -> None:
    """The same request with the same key is stored once; with another body it is a conflict."""
    body = {"model_id": model, **body}
    first, again = (request("POST", route, body, headers={header: "key"}) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.body == again.body
    assert problem(request("POST", ONE, {"model_id": model, "features": {"x": 1}}, headers={header: "key"})) == 409
    assert len(listed(model)) == 1


def test_a_retried_batch_answers_like_the_first_time(model: str) -> None:
    """A batch id gives the same answer again, and 409 for other rows."""
    body = {"model_id": model, "batch_id": "night", "predictions": [{"features": {"x": 1}}, 7]}
    first, again = request("POST", BATCH, body), request("POST", BATCH, body)
    assert first.status == again.status == 202
    assert first.body == again.body
    assert problem(request("POST", BATCH, body | {"predictions": [{"features": {"x": 2}}, 7]})) == 409


def test_the_role_is_checked_before_anything_else() -> None:
    """Ingest keys log and do no more, viewers read; wrong keys are 403 whatever they ask for."""
    anything = {"model_id": "unknown", "features": {}}
    assert problem(request("POST", ONE, anything, key="other-viewer")) == 403
    assert problem(request("POST", BATCH, "not JSON", key="other-viewer")) == 403
    assert problem(request("GET", LIST, model_id="unknown", key="other-ingest")) == 403
    for key in (None, "unknown", "acme-viewer"):
        assert problem(request("GET", LIST, model_id="unknown", key=key)) == 403
        assert problem(request("POST", ONE, anything, key=key)) == 403


def test_ingest_keys_log_and_viewers_list(model: str) -> None:
    """Each role can do what it is for."""
    assert request("POST", ONE, {"model_id": model, "features": {}}, key="other-ingest").status == 202
    assert (
        request("POST", BATCH, {"model_id": model, "predictions": [{"features": {}}]}, key="other-ingest").status == 202
    )
    assert len(request("GET", LIST, model_id=model, key="other-viewer").body) == 2


def test_another_organizations_model_is_not_found(model: str) -> None:
    """404, never 403, for the models of others as for those that never were."""
    for key, model_id in (("acme-admin", model), ("other-admin", "unknown")):
        assert problem(request("POST", ONE, {"model_id": model_id, "features": {}}, key=key)) == 404
        assert problem(request("POST", BATCH, {"model_id": model_id, "predictions": [{}]}, key=key)) == 404
        assert problem(request("GET", LIST, model_id=model_id, key=key)) == 404


@pytest.mark.parametrize("route", [ONE, BATCH])
def test_what_is_not_json_is_refused(route: str) -> None:
    """Malformed JSON is 400, another content type 415."""
    for text in ("{", "[1,", '{"a" 1}', "\x00", "nonsense"):
        assert problem(request("POST", route, text)) == 400
    for content_type in ("text/csv", "application/xml", "application/x-www-form-urlencoded"):
        assert problem(request("POST", route, "a=b", headers={"content-type": content_type})) == 415


@pytest.mark.parametrize("route", [ONE, BATCH])
@pytest.mark.parametrize("body", [None, "null", "[]", "7", '"text"', "{}"])
def test_what_is_no_request_is_refused(route: str, body: str | None) -> None:
    """JSON that is not the body of this route is 422."""
    assert places(request("POST", route, body))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"features": None}, ["features"]),
        ({"features": [1]}, ["features"]),
        ({"features": {"age": {"a": 1}}}, ["features", "age"]),
        ({"features": {"age": "x" * 10**6}}, ["features", "age"]),
        ({"features": {"x" * 10**6: 1}}, ["features", "x" * 128]),
        ({"prediction": [1]}, ["prediction"]),
        ({"prediction_id": 7.5}, ["prediction_id"]),
        ({"prediction_id": "x" * 129}, ["prediction_id"]),
        ({"timestamp": "yesterday"}, ["timestamp"]),
        ({"timestamp": "2999-01-01T00:00:00Z"}, ["timestamp"]),
        ({"timestamp": "2001-01-01T00:00:00Z"}, ["timestamp"]),
        ({"model_id": 7}, ["model_id"]),
        ({"model_id": "x" * 10**6}, ["model_id"]),
        ({"unknown": 1}, ["unknown"]),
        ({"batch_id": "a"}, ["batch_id"]),
        ({"score": 2}, ["score"]),
        ({"probabilities": [0.5]}, ["probabilities"]),
        ({"label": {}}, ["label"]),
    ],
)
def test_a_wrong_prediction_is_named_by_its_place(model: str, change: dict[str, Any], place: list[str]) -> None:
    """A single prediction with anything wrong is 422, and nothing is stored."""
    answer = request("POST", ONE, {"model_id": model, "features": {}, **change})
    assert places(answer) == [["body", *place]]
    assert len(json.dumps(answer.body)) < 2000
    assert listed(model) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"predictions": []}, ["predictions"]),
        ({"predictions": {}}, ["predictions"]),
        ({"predictions": None}, ["predictions"]),
        ({"predictions": [7]}, ["predictions", 0]),
        ({"batch_id": ""}, ["batch_id"]),
        ({"batch_id": 7}, ["batch_id"]),
        ({"batch_id": "x" * 10**6}, ["batch_id"]),
        ({"unknown": 1}, ["unknown"]),
    ],
)
def test_a_wrong_batch_is_named_by_its_place(model: str, change: dict[str, Any], place: list[str]) -> None:
    """A batch that is wrong as a whole is 422, and nothing is stored."""
    body = {"model_id": model, "predictions": [{"features": {}}], **change}
    assert places(request("POST", BATCH, body)) == [["body", *place]]
    assert listed(model) == []


def test_too_much_at_once_is_413(model: str) -> None:
    """5,001 rows, and a byte more than 4,000,000, are too large; as much as is allowed is taken."""
    row: dict[str, Any] = {"features": {}}
    assert problem(request("POST", BATCH, {"model_id": model, "predictions": [row] * 5001})) == 413
    body = json.dumps({"model_id": model, "predictions": [row]})
    assert problem(request("POST", BATCH, body + " " * (4_000_001 - len(body)))) == 413
    assert request("POST", BATCH, body + " " * (4_000_000 - len(body))).status == 202


def test_pages_are_linked(model: str) -> None:
    """Following the Links shows every row once, newest arrival first, with the same filters."""
    for number in range(5):
        request(
            "POST",
            BATCH,
            {"model_id": model, "predictions": [{"features": {"batch": number, "row": row}} for row in (0, 1)]},
        )
    rows = listed(model, limit="3", start="2020-01-01T00:00:00Z")
    assert [(row["features"]["batch"], row["features"]["row"]) for row in rows] == [
        (number, row) for number in (4, 3, 2, 1, 0) for row in (0, 1)
    ]
    assert listed(model, end="2020-01-01T00:00:00Z") == []
    assert set(rows[0]) == {"prediction_id", "timestamp", "features", "prediction"}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "bad"}, "cursor"),
        ({"cursor": "x" * 2001}, "cursor"),
        ({"start": "2026-11-06T07:26:10"}, "start"),
        ({"end": "soon"}, "end"),
        ({"start": "2026-11-06T00:00:00Z", "end": "2026-11-05T00:00:00Z"}, "end"),
    ],
)
def test_a_wrong_query_is_named(model: str, query: dict[str, str], name: str) -> None:
    """A value out of its range is 422 naming the parameter."""
    assert places(request("GET", LIST, model_id=model, query=query)) == [["query", name]]


def test_another_models_cursor_is_refused(model: str) -> None:
    """A cursor belongs to one model's list."""
    other = registry.create("other", NewModel(name=f"model {next(NUMBERS)}"), partitions=4, now=datetime.now(UTC)).id
    for model_id in (model, other):
        request("POST", BATCH, {"model_id": model_id, "predictions": [{"features": {}}] * 2})
    following = request("GET", LIST, model_id=other, query={"limit": "1"}).next_path
    assert following is not None
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    assert request("GET", LIST, model_id=other, query={"cursor": cursor}).status == 200
    assert places(request("GET", LIST, model_id=model, query={"cursor": cursor})) == [["query", "cursor"]]


def test_what_cannot_be_stored_is_not_accepted(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the write fails the answer is a 5xx without an internal name, and the same request works later."""
    body = {"model_id": model, "features": {}, "prediction_id": "a"}
    with monkeypatch.context() as patch:
        patch.setattr(Predictions, "commit", lambda *arguments: (_ for _ in ()).throw(RuntimeError("table gone")))
        answer = request("POST", ONE, body)
        assert problem(answer) == 500
        assert "table gone" not in json.dumps(answer.body)
    assert request("POST", ONE, body).status == 202
    assert len(listed(model)) == 1


def test_the_openapi_description_names_the_routes_and_their_answers() -> None:
    """Routes, the header, the row's schema and 202 are generated from the handler's types."""
    described = json.loads(function("log_predictions").app.get_openapi_json_schema(title="DriftGuard", version="1"))
    batch = described["paths"]["/predictions/batch"]["post"]
    assert {"202", "404", "409", "413", "415", "422"} <= batch["responses"].keys()
    assert [parameter["name"].lower() for parameter in batch["parameters"]] == ["idempotency-key"]
    answer = batch["responses"]["202"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/BatchLogged"}
    fields = described["components"]["schemas"]["BatchBody"]["properties"]
    row = {"features", "prediction", "prediction_id", "timestamp", "score", "probabilities", "label"}
    assert fields["predictions"]["anyOf"][0]["items"]["properties"].keys() == row
    assert {"columns", "prediction_ids", "timestamps", "scores", "probabilities", "labels"} <= fields.keys()
    names = {parameter["name"] for parameter in described["paths"][LIST]["get"]["parameters"]}
    assert names == {"model_id", "limit", "cursor", "start", "end"}
    page = described["paths"][LIST]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert page["items"] == {"$ref": "#/components/schemas/LoggedRow"}
