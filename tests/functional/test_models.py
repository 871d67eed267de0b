"""Models over HTTP, on the template's own tables."""

from functools import partial
from typing import Any

import pytest

from driftguard.alerts.tables import Outbox
from driftguard.models.tables import Models
from sandbox.roles import under_role
from tests.functional import wide
from tests.functional.conftest import Stack, add_organization
from tests.functional.faults import Sizes, calls_to_aws, meanwhile, passed
from tests.functional.models import log, make_model, rows


def test_a_model_is_made_with_every_default_and_read_back(deployed: Stack) -> None:
    """POST answers 201 with the model; GET and the list show the same one."""
    made = deployed.call("POST", "/models", {"name": "churn", "labels": {"team": "growth"}})
    assert made.status == 201, made.text
    assert made.body["settings"]["window_days"] == 7
    assert made.body["state"] == "no_baseline"
    assert made.body["open_alerts"] == 0
    assert made.headers["x-request-id"]
    assert deployed.call("GET", f"/models/{made.body['id']}").body == made.body
    assert deployed.call("GET", "/models").body == [made.body]


def test_a_name_is_taken_once_in_an_organization(deployed: Stack) -> None:
    """The same name again is 409; in another organization it is free."""
    assert deployed.call("POST", "/models", {"name": "churn"}).status == 201
    again = deployed.call("POST", "/models", {"name": "churn"})
    assert (again.status, again.body["status"]) == (409, 409)
    add_organization("other")
    assert deployed.gateway.call("POST", "/models", {"name": "churn"}, key_id="other-admin").status == 201


def test_a_patch_merges_and_null_restores_a_default(deployed: Stack) -> None:
    """Settings merge feature by feature; null takes a value back to its default."""
    model_id = deployed.call("POST", "/models", {"name": "churn", "settings": {"alpha": 0.01}}).body["id"]
    patch = {"settings": {"features": {"age": {"rule": "p_value"}, "tenure": {"enabled": False}}}}
    changed = deployed.call("PATCH", f"/models/{model_id}", patch)
    assert changed.status == 200, changed.text
    assert changed.body["settings"]["alpha"] == 0.01
    back = {"description": "d", "settings": {"alpha": None, "features": {"age": None}}}
    settings = deployed.call("PATCH", f"/models/{model_id}", back).body["settings"]
    assert settings["alpha"] == 0.05
    assert set(settings["features"]) == {"tenure"}


def test_a_model_of_any_task_is_listed_and_takes_back_the_settings_it_shows(deployed: Stack) -> None:
    """The defaults that a response adds to a task, such as the threshold, are accepted where they mean nothing."""
    tasks: list[dict[str, Any]] = [
        {"type": "binary", "positive": 1},
        {"type": "multiclass", "classes": ["a", "b"]},
        {"type": "regression"},
    ]
    for task in tasks:
        shown = deployed.call("POST", "/models", {"name": task["type"], "settings": {"task": task}}).body
        answer = deployed.call("PATCH", f"/models/{shown['id']}", {"settings": shown["settings"]})
        assert (answer.status, answer.body["settings"]) == (200, shown["settings"])
    listed = deployed.call("GET", "/models")
    assert listed.status == 200, listed.text
    assert {model["name"] for model in listed.body} >= {str(task["type"]) for task in tasks}


@pytest.mark.parametrize(
    ("name", "said"),
    [("agee", "did you mean age?"), ("AGE", "did you mean age?"), ("predictions", "did you mean prediction?"),
     ("zip_code", "GET /models/{model_id}/baseline lists its features"),
     ("feature:prediction", "did you mean prediction?")],
)  # fmt: skip
def test_settings_of_a_feature_that_the_baseline_lacks_are_refused(deployed: Stack, name: str, said: str) -> None:
    """PATCH and simulate answer 422 with the nearest name, and change nothing; null removes any override."""
    model_id = make_model(deployed, features={name: {"enabled": False}})
    for override in ({"enabled": False}, {}):
        patch = {"settings": {"alpha": 0.01, "features": {"age": {"alpha": 0.01}, name: override}}}
        for answer in (
            deployed.call("PATCH", f"/models/{model_id}", patch),
            deployed.call("POST", f"/drift/models/{model_id}/simulate", patch),
        ):
            assert answer.status == 422, answer.text
            (error,) = answer.body["errors"]
            assert error["loc"] == ["body", "settings", "features", name]
            assert error["msg"].endswith(said)
    settings = deployed.call("GET", f"/models/{model_id}").body["settings"]
    assert (settings["alpha"], list(settings["features"])) == (0.05, [name])
    patch = {"settings": {"features": {name: None, "prediction": {"enabled": False}, "plan": {"alpha": 0.01}}}}
    changed = deployed.call("PATCH", f"/models/{model_id}", patch)
    assert changed.status == 200, changed.text
    assert set(changed.body["settings"]["features"]) == {"prediction", "plan"}


def test_a_renamed_model_frees_its_name(deployed: Stack) -> None:
    """A new name must be free; the old one may then be used again."""
    model_id = deployed.call("POST", "/models", {"name": "one"}).body["id"]
    deployed.call("POST", "/models", {"name": "two"})
    assert deployed.call("PATCH", f"/models/{model_id}", {"name": "two"}).status == 409
    assert deployed.call("PATCH", f"/models/{model_id}", {"name": "three"}).status == 200
    assert deployed.call("POST", "/models", {"name": "one"}).status == 201


def test_a_deleted_model_is_gone_from_every_answer_and_asked_to_be_erased(deployed: Stack) -> None:
    """DELETE is 204; the model is 404 at once, its name is free, the erase queue has its id."""
    model_id = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    gone = deployed.call("DELETE", f"/models/{model_id}")
    assert (gone.status, gone.text) == (204, "")
    assert "content-type" not in gone.headers
    assert deployed.call("GET", f"/models/{model_id}").status == 404
    assert deployed.call("DELETE", f"/models/{model_id}").status == 404
    assert deployed.call("GET", "/models").body == []
    assert deployed.call("POST", "/models", {"name": "churn"}).status == 201


def test_what_is_open_is_resolved_before_a_model_is_deleted(deployed: Stack, published: Any) -> None:
    """The alerts of a deleted model are resolved in one message, so that no provider keeps an incident open."""
    model_id = make_model(deployed)
    late = [{**row, "features": {**row["features"], "plan": None}} for row in rows(2, 0.6)]
    log(deployed, model_id, late)
    assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200
    opened = {event["alert"]["id"] for event in published.refresh()}
    assert len(opened) >= 2
    published.clear()
    with under_role("manage_models"):
        assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    over = published.refresh()
    assert {(event["kind"], event["reason"]) for event in over} == {("resolved", "model_deleted")}
    assert {event["alert"]["id"] for event in over} == opened
    assert len({event["at"] for event in over}) == 1
    assert Outbox.pending(model_id) == []


def test_lists_go_on_where_their_link_says(deployed: Stack) -> None:
    """Pages follow each other newest first, without a gap or a repeat, to an end without a Link."""
    ids = [deployed.call("POST", "/models", {"name": f"m{number}"}).body["id"] for number in range(5)]
    seen, path = [], "/models?limit=2"
    while path:
        answer = deployed.call("GET", path)
        seen += [model["id"] for model in answer.body]
        path = answer.next_path or ""
    assert sorted(seen) == sorted(ids)
    assert len(set(seen)) == 5


def test_wrong_bodies_name_the_place(deployed: Stack) -> None:
    """Unknown fields, wrong types, NaN and values out of range are 422 with their place."""
    cases = [
        ({}, ["body", "name"]),
        ({"name": ""}, ["body", "name"]),
        ({"name": "a\nb"}, ["body", "name"]),
        ({"name": 5}, ["body", "name"]),
        ({"name": "a", "colour": 1}, ["body", "colour"]),
        ({"name": "a", "settings": {"alpha": 2}}, ["body", "settings", "alpha"]),
        ({"name": "a", "settings": {"alpha": "0.1"}}, ["body", "settings", "alpha"]),
        ({"name": "a", "settings": {"alpha": float("nan")}}, ["body", "settings", "alpha"]),
        ({"name": "a", "settings": {"window_days": 15}}, ["body", "settings", "window_days"]),
        ({"name": "a", "settings": {"window_days": True}}, ["body", "settings", "window_days"]),
        ({"name": "a", "settings": {"nope": 1}}, ["body", "settings", "nope"]),
        (
            {"name": "a", "settings": {"features": {"x": {"window_days": 1}}}},
            ["body", "settings", "features", "x", "window_days"],
        ),
        ({"name": "x" * 1_000_000}, ["body", "name"]),
    ]
    for body, place in cases:
        answer = deployed.call("POST", "/models", body)
        assert answer.status == 422, (body, answer.text[:500])
        assert place in [error["loc"] for error in answer.body["errors"]], answer.body
        assert answer.body["message"] == answer.body["detail"]
        assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_not_json_is_refused_in_the_same_shape(deployed: Stack) -> None:
    """Malformed JSON is 400, another content type 415, too much 413, nothing at all 422."""
    shape = {"type", "title", "status", "detail", "message"}
    malformed = deployed.call("POST", "/models", raw="{not json")
    xml = deployed.call("POST", "/models", raw="<a/>", headers={"Content-Type": "text/xml"})
    large = deployed.call("POST", "/models", raw='"' + "x" * 4_000_000 + '"')
    nothing = deployed.call("POST", "/models")
    array = deployed.call("POST", "/models", [1])
    assert [answer.status for answer in (malformed, xml, large, nothing, array)] == [400, 415, 413, 422, 422]
    assert all(shape <= set(answer.body) for answer in (malformed, xml, large, nothing, array))


def test_an_unknown_field_is_called_so(deployed: Stack) -> None:
    """At every place of a body; beside a setting that comes close to it, that one is named."""

    def said(path: str, body: object) -> str:
        answer = deployed.call("POST", path, body)
        assert answer.status == 422, answer.text
        detail: str = answer.body["detail"]
        return detail

    near, far = {"window_day": 7}, {"colour": "red"}
    feature = {"features": {"x": {"min_drift": 0.1}}}
    settings = "body.settings"
    for path, rest in (("/models", {"name": "a"}), ("/drift/models/none/simulate", {})):
        meant = f"{settings}.window_day: unknown field; did you mean window_days?"
        assert said(path, {**rest, "settings": near}) == meant
        assert said(path, {**rest, "settings": far}) == f"{settings}.colour: unknown field"
        meant = f"{settings}.features.x.min_drift: unknown field; did you mean min_drift_score?"
        assert said(path, {**rest, "settings": feature}) == meant
        assert said(path, {**rest, "window_day": 7}) == "body.window_day: unknown field"
    assert said("/alert-channels", {"type": "email", "to": ["a@example.com"], **far}) == "body.colour: unknown field"


def test_json_that_breaks_off_is_told_by_line_and_column(deployed: Stack) -> None:
    """Where a client can look; what is nested too deeply has no such place."""
    broken = deployed.call("POST", "/models", raw='{\n "name": churn}')
    assert (broken.status, broken.body["detail"]) == (400, "The body is not valid JSON: line 2, column 10.")
    deep = deployed.call("POST", "/models", raw="[" * 100_000)
    assert (deep.status, deep.body["detail"]) == (400, "The body is not valid JSON.")


def test_a_wrong_filter_is_named_as_the_caller_wrote_it(deployed: Stack) -> None:
    """In the query, by its own name, for the organization's alerts and a model's."""
    model = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    for path in ("/drift/alerts", f"/drift/models/{model}/alerts"):
        for name, value in (
            ("limit", "0"),
            ("days", "x"),
            ("status", "open"),
            ("severity", "low"),
            ("alert_type", "x"),
        ):
            answer = deployed.call("GET", f"{path}?{name}={value}")
            assert (answer.status, [error["loc"] for error in answer.body["errors"]]) == (422, [["query", name]])


def test_roles_are_checked_before_anything_else(deployed: Stack) -> None:
    """A viewer may not post, not even nonsense at a model that is not there; ingest may not read."""
    assert deployed.call("DELETE", "/models/none", role="viewer").status == 403
    assert deployed.call("POST", "/models", {"nonsense": 1}, role="viewer").status == 403
    assert deployed.call("GET", "/models/none", role="ingest").status == 403
    assert deployed.call("GET", "/models/none", role="viewer").status == 404
    assert deployed.gateway.call("GET", "/models", key_id="unknown").status == 403
    assert deployed.gateway.call("GET", "/models").status == 403


def test_another_organizations_model_is_not_there(deployed: Stack) -> None:
    """Foreign ids are 404, whatever is tried with them; a foreign cursor is 422."""
    model_id = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    deployed.call("POST", "/models", {"name": "second"})
    link = deployed.call("GET", "/models?limit=1").next_path or ""
    add_organization("other")
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert deployed.gateway.call(method, f"/models/{model_id}", body, key_id="other-admin").status == 404
    assert deployed.gateway.call("GET", link, key_id="other-admin").status == 422
    for cursor in ("x", "%F0", "bnVsbA", "e30", ""):
        assert deployed.call("GET", f"/models?cursor={cursor}").status == 422
    for limit in ("0", "501", "x"):
        assert deployed.call("GET", f"/models?limit={limit}").status == 422


def names(organization_id: str) -> set[str]:
    """The names that are taken, each by a model of that name."""
    taken = {
        item.sk.partition("#")[2]: item.model_id
        for item in Models.query(organization_id, Models.sk.startswith("name#"))
    }
    for name, model_id in taken.items():
        model = Models.one(organization_id, model_id)
        assert model is not None
        assert model.name == name
    return set(taken)


def test_a_name_changed_twice_at_once_is_one_name(deployed: Stack) -> None:
    """Of two who rename a model at the same moment one is told to look again; no name stays taken by nobody."""
    path = f"/models/{deployed.call('POST', '/models', {'name': 'old'}).body['id']}"

    def rename() -> None:
        assert deployed.call("PATCH", path, {"name": "theirs"}).status == 200

    with calls_to_aws(meanwhile("TransactWriteItems", rename)):
        answer = deployed.call("PATCH", path, {"name": "mine"})
    assert (answer.status, answer.headers["retry-after"]) == (409, "1")
    assert names("acme") == {"theirs"}


def test_a_model_that_changes_while_it_is_deleted_is_deleted_whole(deployed: Stack) -> None:
    """Renamed and spread at the very moment, it leaves neither a name nor a partition behind, and takes no name away
    that another model has by now."""
    model_id = deployed.call("POST", "/models", {"name": "old"}).body["id"]

    def change() -> None:
        assert deployed.call("PATCH", f"/models/{model_id}", {"name": "new"}).status == 200
        assert deployed.call("POST", "/models", {"name": "old"}).status == 201
        model = Models.one("acme", model_id)
        assert model is not None
        model.spread(8)

    with calls_to_aws(meanwhile("TransactWriteItems", change)):
        assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    assert names("acme") == {"old"}
    mark = Models.find("acme", f"erase#{model_id}")
    assert mark is not None
    assert mark.partition_count == 8


def test_labels_and_overrides_are_counted_after_merging(deployed: Stack) -> None:
    """50 labels and 501 overrides are the most, also when they come in several requests."""
    path = "/models/" + deployed.call("POST", "/models", {"name": "a"}).body["id"]
    assert deployed.call("PATCH", path, {"labels": {f"a{number}": "" for number in range(50)}}).status == 200
    assert deployed.call("PATCH", path, {"labels": {"one more": ""}}).body["errors"][0]["loc"] == ["body", "labels"]
    renewed = {f"a{number}": None for number in range(50)} | {f"b{number}": "" for number in range(50)}
    assert set(deployed.call("PATCH", path, {"labels": renewed}).body["labels"]) == {f"b{n}" for n in range(50)}
    for start, status in ((0, 200), (400, 422), (50, 200)):
        patch = {"features": {f"f{start + number}": {"enabled": False} for number in range(400 if start else 300)}}
        assert deployed.call("PATCH", path, {"settings": patch}).status == status, start


def test_changes_at_the_same_time_are_all_kept(deployed: Stack) -> None:
    """Ten people read a model before any of them writes. All answers are 200 and nothing is lost."""
    path = f"/models/{deployed.call('POST', '/models', {'name': 'busy'}).body['id']}"
    names = [f"n{number}" for number in range(10)]

    def change(number: int) -> None:
        body = {"labels": {names[number]: "set"}, "settings": {"features": {names[number]: {"enabled": False}}}}
        with calls_to_aws(meanwhile("TransactWriteItems", partial(change, number + 1)) if number < 9 else passed):
            assert deployed.call("PATCH", path, body).status == 200

    change(0)
    model = deployed.call("GET", path).body
    assert set(model["labels"]) == set(names)
    assert set(model["settings"]["features"]) == set(names)


def test_a_change_between_the_read_and_the_write_of_another_is_kept(deployed: Stack) -> None:
    """The second write is repeated on what the first one left, for each part of a model."""
    path = f"/models/{deployed.call('POST', '/models', {'name': 'busy'}).body['id']}"
    changes: list[tuple[Any, Any]] = [
        ({"labels": {"a": "1"}}, {"labels": {"b": "2"}}),
        ({"settings": {"alpha": 0.01}}, {"settings": {"min_samples": 7}}),
        ({"description": "new"}, {"name": "calm"}),
        ({"settings": {"features": {"x": {"alpha": 0.1}}}}, {"settings": {"features": {"x": {"enabled": False}}}}),
    ]
    for first, second in changes:

        def meantime(body: Any = first) -> None:
            assert deployed.call("PATCH", path, body).status == 200

        with calls_to_aws(meanwhile("TransactWriteItems", meantime)):
            assert deployed.call("PATCH", path, second).status == 200
    model = deployed.call("GET", path).body
    assert (model["name"], model["description"], model["labels"]) == ("calm", "new", {"a": "1", "b": "2"})
    assert (model["settings"]["alpha"], model["settings"]["min_samples"]) == (0.01, 7)
    assert model["settings"]["features"]["x"] == {
        "rule": None,
        "alpha": 0.1,
        "min_drift_score": None,
        "sudden_score": None,
        "min_samples": None,
        "enabled": False,
    }


def test_labels_and_overrides_added_patch_by_patch_stay_within_the_limits(deployed: Stack) -> None:
    """The widest model fits an item. One label or one override more than allowed is 422 and names the limit."""
    made = deployed.call("POST", "/models", {"name": wide.text(1, 128), "description": wide.text(2, 2000)})
    path = f"/models/{made.body['id']}"
    sizes = Sizes()
    with calls_to_aws(sizes):
        override = {"rule": "p_value", "alpha": 0.05, "min_drift_score": 0.05, "min_samples": 100, "enabled": True}
        for start in range(0, 500, 125):
            features = dict.fromkeys(wide.NAMES[start : start + 125], override)
            answer = deployed.call("PATCH", path, {"settings": {"features": features}})
            assert answer.status == 200, answer.text[:500]
        for start in range(0, 50, 10):
            labels = {name: wide.text(number, 256) for number, name in enumerate(wide.NAMES[start : start + 10])}
            assert deployed.call("PATCH", path, {"labels": labels}).status == 200
        answer = deployed.call("PATCH", path, {"labels": {"one": "more"}})
        assert (answer.status, answer.body["errors"][0]["loc"]) == (422, ["body", "labels"])
        assert "50 at most" in answer.body["errors"][0]["msg"]
        extra = {name: {"enabled": False} for name in ("prediction", "one more")}
        answer = deployed.call("PATCH", path, {"settings": {"features": extra}})
        assert (answer.status, answer.body["errors"][0]["loc"]) == (422, ["body", "settings", "features"])
        assert "501 at most" in answer.body["errors"][0]["msg"]
        model = deployed.call("GET", path)
        assert len(model.body["settings"]["features"]) == 500
        assert len(model.body["labels"]) == 50
        assert wide.quoted_bytes(deployed.call("GET", "/models")) < wide.MOST_ANSWER_BYTES
    assert sizes.largest["ModelsTable model"] > 370_000


def test_a_model_that_would_not_fit_an_item_is_refused_with_its_size(deployed: Stack) -> None:
    """Overrides with the longest numbers next to the longest labels exceed an item: 422, and nothing is stored."""
    path = f"/models/{deployed.call('POST', '/models', {'name': wide.text(1, 128)}).body['id']}"
    override = {"rule": "p_value", "alpha": 0.12345678901234568, "min_drift_score": 0.12345678901234568}
    features = {name: {**override, "min_samples": 123456789, "enabled": False} for name in wide.NAMES}
    with calls_to_aws(Sizes()):
        labels = {name: wide.text(number, 256) for number, name in enumerate(wide.NAMES[:50])}
        answer = deployed.call("PATCH", path, {"labels": labels, "settings": {"features": features}})
        assert answer.status == 422
        assert "390,000 at most" in answer.body["errors"][0]["msg"]
        assert deployed.call("GET", path).body["labels"] == {}
        assert deployed.call("PATCH", path, {"settings": {"features": features}}).status == 200
