"""compare with labels: the metrics of the service, its tests, and what CI sees of them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from driftguard_client.comparing import CompareError, Comparison, compare
from tests.clients.comparing.test_command import run

START = datetime(2026, 10, 1, tzinfo=UTC)


def binary(rows: int, skill: float, seed: int, *, days: int | None = None) -> pd.DataFrame:
    """Rows with a feature, a score and a label. skill: how much of the label the score knows."""
    chance = np.random.default_rng(seed)
    y = (chance.random(rows) < 0.4).astype(int)
    score = np.clip(skill * (y - 0.5) + 0.5 + chance.normal(0, 0.25, rows), 0, 1)
    frame = pd.DataFrame({"x": chance.normal(size=rows), "p": score.astype(np.float32), "y": y})
    if days is not None:
        frame["ts"] = [START + timedelta(days=days * place / rows) for place in range(rows)]
    return frame


def found(result: Comparison) -> dict[str, Any]:
    """The metrics by name."""
    assert result.performance is not None
    return {one.name: one for one in result.performance.metrics}


def test_binary_metrics_are_those_of_scikit_learn() -> None:
    """Counts and what is made of them are exact; AUC within its bound, sums within 1e-6."""
    now = binary(3000, 0.5, 12)
    result = compare(binary(2000, 0.5, 1), now, label="y", score="p")
    of, y, p = found(result), now["y"], now["p"].astype(np.float64)
    predicted = (p >= 0.5).astype(int)
    assert result.performance is not None
    assert result.performance.confusion == sk.confusion_matrix(y, predicted).tolist()
    assert of["accuracy"].value == sk.accuracy_score(y, predicted)
    assert of["precision"].value == sk.precision_score(y, predicted)
    assert of["recall"].value == sk.recall_score(y, predicted)
    assert of["f1"].value == pytest.approx(sk.f1_score(y, predicted), abs=1e-12)
    assert of["roc_auc"].value == pytest.approx(sk.roc_auc_score(y, p), abs=0.0005)
    assert of["brier"].value == pytest.approx(sk.brier_score_loss(y, p), rel=1e-6)
    assert of["accuracy"].interval[0] < of["accuracy"].value < of["accuracy"].interval[1]
    assert result.performance.headline == "roc_auc"
    assert [one["name"] for one in result.features] == ["x"]
    assert result.status == "ok"


def test_other_tasks_are_found_from_the_labels() -> None:
    """Texts are classes, many different numbers are a regression; a prediction column is compared with them."""
    chance = np.random.default_rng(3)
    y = chance.choice(["a", "b", "c"], 2000)
    frame = pd.DataFrame({"x": chance.normal(size=2000), "pred": np.where(chance.random(2000) < 0.7, y, "a"), "y": y})
    of = found(compare(frame[:1000], frame[1000:], prediction="pred", label="y"))
    assert of["accuracy"].value == sk.accuracy_score(frame["y"][1000:], frame["pred"][1000:])
    assert of["macro_recall"].value == pytest.approx(sk.recall_score(y[1000:], frame["pred"][1000:], average="macro"))
    numbers = pd.DataFrame({"x": chance.normal(size=2000), "y": chance.normal(50, 9, 2000)})
    numbers["pred"] = numbers["y"] + chance.normal(0, 2, 2000)
    of = found(compare(numbers[:1000], numbers[1000:], prediction="pred", label="y"))
    assert of["mae"].value == pytest.approx(sk.mean_absolute_error(numbers["y"][1000:], numbers["pred"][1000:]))
    assert of["r2"].value == pytest.approx(sk.r2_score(numbers["y"][1000:], numbers["pred"][1000:]))


def test_a_worse_model_is_found_and_the_same_model_is_not() -> None:
    """The status and the reason say what fell. In 60 comparisons of equal models at most 5 % plus chance are worse."""
    before = binary(4000, 0.6, 4)
    worse = compare(before, binary(4000, 0.35, 5), label="y", score="p")
    assert worse.status == "performance"
    assert worse.performance is not None
    assert {"accuracy", "roc_auc"} <= {one.name for one in worse.performance.degraded}
    assert "The model predicts worse: accuracy" in str(worse.reason)
    (finding,) = (one for one in worse.findings if one.type == "performance")
    assert (finding.fired, finding.severity) == (True, "HIGH")
    alarms = sum(
        compare(binary(1500, 0.5, 100 + seed), binary(1500, 0.5, 200 + seed), label="y", score="p").status
        == "performance"
        for seed in range(60)
    )
    assert alarms <= 6


def test_days_that_differ_widen_the_limits() -> None:
    """With times, the pairs of days give rho as in the service; without times rho is 0."""
    parts = [binary(300, 0.3 + 0.5 * (day % 2), day, days=1) for day in range(12)]
    for day, part in enumerate(parts):
        part["ts"] += timedelta(days=day)
    now = pd.concat(parts)
    before = binary(3000, 0.6, 50)
    timed = found(compare(before, now, label="y", score="p", timestamp="ts"))["accuracy"]
    untimed = found(compare(before, now.drop(columns="ts"), label="y", score="p"))["accuracy"]
    assert (timed.value, timed.drop) == (untimed.value, untimed.drop)
    assert timed.limit > 1.5 * untimed.limit
    fewer_looks = found(compare(before, now, label="y", score="p", timestamp="ts", looks=720))["accuracy"]
    assert fewer_looks.limit > timed.limit


def test_labels_may_be_missing() -> None:
    """Rows without a label count for drift alone. Without labels in the baseline no metric is judged."""
    now = binary(1000, 0.5, 6).astype({"y": "Int64"})
    now.loc[:499, "y"] = pd.NA
    before = binary(1000, 0.5, 7)
    result = compare(before, now, label="y", score="p")
    assert result.performance is not None
    assert (result.performance.n, result.window.rows) == (500, 1000)
    shown = compare(before.drop(columns="y"), now, label="y", score="p")
    assert shown.performance is not None
    assert not shown.performance.is_tested
    assert "none in the baseline to compare with" in shown.to_text()


def test_few_labels_are_not_tested() -> None:
    """Under min_labels the metrics are shown and cannot be degraded."""
    result = compare(binary(500, 0.9, 8), binary(50, -0.9, 9), label="y", score="p")
    assert result.status != "performance"
    assert "too few labels" in result.to_text()


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"score": "p"}, "A score needs the column of labels"),
        ({}, {"label": "lable", "score": "p"}, "no column 'lable'. Did you mean 'label'"),
        ({}, {"label": "label"}, "Labels need a column of predictions or scores"),
        ({"p": 1.5}, {"label": "label", "score": "p"}, "Column 'p', row 1: 1.5 is no probability"),
        ({"label": "yes"}, {"label": "label", "score": "p"}, "it is unknown which one the score is for"),
        ({}, {"label": "p", "score": "p"}, "cannot be both the label and the score"),
        (
            {"label": "maybe"},
            {"label": "label", "score": "p", "settings": {"task": {"type": "binary", "positive": 1}}},
            "row 1: the label 'maybe' must be 0 or 1",
        ),
    ],
)
def test_wrong_columns_are_refused_with_the_reason(
    change: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    """The error names the column, the row and what to do."""
    before = binary(200, 0.5, 1).rename(columns={"y": "label"})
    now = before.assign(**change)
    with pytest.raises(CompareError) as raised:
        compare(before, now, **arguments)
    assert message in str(raised.value)


def test_the_command_fails_on_performance_with_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each level includes the later ones; without labels the option is an error; --strict asks for enough labels."""
    for name, frame in (
        ("train", binary(3000, 0.6, 1)),
        ("same", binary(3000, 0.6, 2)),
        ("worse", binary(3000, 0.3, 3)),
        ("few", binary(60, 0.6, 4)),
    ):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    train, same, worse, few = (tmp_path / f"{name}.csv" for name in ("train", "same", "worse", "few"))
    labelled = ("--label", "y", "--score", "p")
    assert run("compare", train, same, *labelled, "--fail-on", "performance") == 0
    for level in ("performance", "drift", "data_quality"):
        assert run("compare", train, worse, *labelled, "--fail-on", level) == 1
    assert run("compare", train, worse, *labelled) == 0
    assert "roc_auc" in capsys.readouterr().out
    assert run("compare", train, worse, "--fail-on", "performance") == 2
    assert "--label" in capsys.readouterr().err
    assert run("compare", train, few, *labelled, "--fail-on", "performance", "--strict") == 2
    (tmp_path / "driftguard.toml").write_text(
        '[columns]\nlabel = "y"\nscore = "p"\n[settings.task]\ntype = "binary"\npositive = 0\n'
    )
    capsys.readouterr()
    status = run("compare", train, same, "--config", tmp_path / "driftguard.toml", "--format", "json")
    assert status == 0
    assert json.loads(capsys.readouterr().out)["performance"]["task"] == {"type": "binary", "positive": 0}


def test_every_format_shows_the_metrics(tmp_path: Path) -> None:
    """JSON, HTML, Markdown and JUnit have the same values; the page stays without scripts."""
    result = compare(binary(3000, 0.6, 1), binary(3000, 0.3, 3), label="y", score="p")
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    auc = content["performance"]["metrics"]["roc_auc"]
    assert auc["degraded"] is True
    assert auc["baseline"] > auc["value"]
    page = result.to_html()
    assert "<h2>Performance</h2>" in page
    assert "Worse predictions" in page
    assert "<script" not in page
    assert "| roc\\_auc |" in result.to_markdown()
    suite = ElementTree.fromstring(result.to_junit("performance"))
    cases = {case.get("name"): case for case in suite.iter("testcase") if case.get("classname") == "performance"}
    assert cases["roc_auc"].find("failure") is not None
    assert suite[0].get("failures") == str(len(content["findings"][-1]["features"]))
