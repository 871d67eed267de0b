"""The result of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from driftguard_engine.alerts.findings import Finding
from driftguard_engine.alerts.words import number
from driftguard_engine.distributions.baseline import key_of
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.platform.times import iso
from driftguard_engine.verdicts.judging import Verdict

from driftguard_client.comparing.counting import Sample
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.performance import MetricResult, Performance
from driftguard_client.comparing.shown import Shown

Status = Literal["ok", "data_quality", "drift", "performance", "insufficient_data"]
LEVELS = ("none", "data_quality", "drift", "performance")
"""What `fails` accepts. Each level includes the later ones: `drift` also fails if the model became worse."""

DRIFT = ("data_drift", "prediction_drift")


@dataclass(frozen=True)
class Found:
    """What was found of one type of alert: `data_drift`, `prediction_drift`, `data_quality` or `performance`.

    fired: whether the service would open an alert. score, p_value: of the feature with the largest score.
    features: the features that fired or nearly fired, the largest score first; of `performance` the degraded metrics.
    """

    type: str
    fired: bool
    severity: str
    score: float | None
    p_value: float | None
    features: list[str]

    @classmethod
    def of(cls, finding: Finding) -> Found:
        """Return what a check found. Features that the baseline lacks open an alert, too."""
        return cls(
            type=finding.alert_type,
            fired=finding.testable and (finding.firing or finding.unexpected),
            severity=finding.severity,
            score=finding.drift_score,
            p_value=finding.p_value,
            features=list(dict.fromkeys(key_of(one.name, one.role) for one in finding.features)),
        )

    @classmethod
    def of_performance(cls, performance: Performance) -> Found:
        """Return what was found about the model's performance, with the largest drop."""
        worst = max(performance.degraded, key=lambda one: one.drop or 0.0, default=None)
        return cls(
            type="performance",
            fired=worst is not None,
            severity="NONE" if worst is None else severity_of(worst),
            score=None if worst is None else worst.drop,
            p_value=None if worst is None else worst.p_value,
            features=[one.name for one in performance.degraded],
        )


def severity_of(metric: MetricResult) -> str:
    """Return the severity of a degraded metric, by its drop relative to the baseline, as in the service."""
    relative = metric.drop or 0.0
    if metric.name != "mae" and metric.baseline:
        relative /= metric.baseline
    return "LOW" if relative < 0.05 else "MEDIUM" if relative < 0.10 else "HIGH"


@dataclass(frozen=True)
class Comparison(Shown):
    """What differs between a window and its baseline.

    status: `performance` (the model became worse), `drift`, `data_quality`, `ok` or `insufficient_data`.
    reason: sentences, None if there is nothing to say.
    features: the report of each feature, as in the service's API. findings: one for each type of alert.
    unwatched: columns that the baseline lacks. notes: sentences about how the data were read and what limits the tests.
    looks: the number of comparisons that share `alpha`. settings: those that differ from the defaults.
    performance: how well the model predicts, if there is a column of labels.
    """

    status: Status
    reason: str | None
    score: float | None
    p_value: float | None
    features: list[dict[str, Any]]
    findings: list[Found]
    unwatched: list[dict[str, Any]]
    notes: list[str]
    baseline: Sample
    window: Sample
    looks: int
    settings: dict[str, Any]
    compared_at: datetime
    performance: Performance | None = None

    @classmethod
    def of(
        cls,
        verdict: Verdict,
        baseline: Sample,
        window: Sample,
        settings: ModelSettings,
        looks: int,
        notes: Sequence[str],
        performance: Performance | None = None,
    ) -> Comparison:
        """Return the result that a verdict and the samples make."""
        report: Any = verdict.report
        found = [Found.of(one) for one in verdict.findings if one.alert_type != "no_data"]
        status, reasons = report["status"], [report["reason"]]
        if performance is not None:
            found.append(Found.of_performance(performance))
            if performance.degraded:
                status, reasons = "performance", [worse(performance), *reasons]
        return cls(
            status=status,
            reason=" ".join(filter(None, reasons)) or None,
            score=report["drift_score"],
            p_value=report["p_value"],
            features=report["features"],
            findings=found,
            unwatched=report["unwatched"],
            notes=[*dict.fromkeys(notes), *report["notes"]],
            baseline=baseline,
            window=window,
            looks=looks,
            settings=settings.model_dump(exclude_unset=True),
            compared_at=verdict.occasion.now,
            performance=performance,
        )

    @property
    def drifted(self) -> list[str]:
        """The features that drifted, the largest score first."""
        drifted = [one for one in self.features if one["drifted"]]
        return [key_of(one["name"], one["role"]) for one in sorted(drifted, key=lambda one: -one["drift_score"])]

    def fails(self, level: str) -> bool:
        """Return whether something was found at `level` or above: `none`, `data_quality`, `drift` or `performance`."""
        if level not in LEVELS:
            raise CompareError(f"The level must be one of {', '.join(LEVELS)}, not {level!r}.")
        if level == "performance" and self.performance is None:
            raise CompareError("Performance needs the column of labels (--label).")
        types = {
            "none": (),
            "data_quality": ("data_quality", *DRIFT, "performance"),
            "drift": (*DRIFT, "performance"),
            "performance": ("performance",),
        }[level]
        return any(one.fired and one.type in types for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "status": self.status,
            "reason": self.reason,
            "drift_score": self.score,
            "p_value": self.p_value,
            "drifted_features": self.drifted,
            "looks": self.looks,
            "settings": self.settings,
            "compared_at": iso(self.compared_at),
            "baseline": sample_dict(self.baseline),
            "window": sample_dict(self.window),
            "findings": [vars(one) for one in self.findings],
            "performance": None if self.performance is None else self.performance.to_dict(),
            "features": self.features,
            "unwatched": self.unwatched,
            "notes": self.notes,
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with one row for each feature, the largest score first."""
        try:
            import pandas as pd
        except ImportError:
            raise CompareError("to_pandas needs pandas. Install it with: pip install pandas") from None
        shown = ("name", "role", "type", "test", "status", "drift_score", "threshold", "p_value", "p_threshold")
        more = ("direction", "n_baseline", "n_window", "psi", "wasserstein")
        rows = [{name: one[name] for name in (*shown, *more)} for one in ranked(self.features)]
        return pd.DataFrame(rows, columns=[*shown, *more])

    def to_text(self, width: int | None = 100) -> str:
        from driftguard_client.comparing.texts import text_of

        return text_of(self, width)

    def to_markdown(self) -> str:
        """Return the result in Markdown, for example for a comment on a pull request."""
        from driftguard_client.comparing.texts import markdown_of

        return markdown_of(self)

    def to_junit(self, fail_on: str = "drift") -> str:
        """Return the result as JUnit XML, one test for each feature. Findings at `fail_on` or above are failures."""
        from driftguard_client.comparing.texts import junit_of

        return junit_of(self, fail_on)

    def _page(self) -> tuple[str, str]:
        from driftguard_client.comparing.pages import body_of, title_of

        return title_of(self), body_of(self)


def worse(performance: Performance) -> str:
    """Return a sentence that says which metrics became worse."""
    said = [f"{one.name} {number(one.baseline)} → {number(one.value)}" for one in performance.degraded]
    return f"The model predicts worse: {', '.join(said)} on {performance.n:,} labelled rows."


def ranked(features: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return features with drifted ones first, then those with poor data quality, each by descending score."""

    def rank(one: dict[str, Any]) -> tuple[bool, bool, float]:
        flawed = not one["drifted"] and any(test["fired"] for test in one["data_quality"])
        return (not one["drifted"], not flawed, -(one["drift_score"] or 0.0))

    return sorted(features, key=rank)


def sample_dict(sample: Sample) -> dict[str, Any]:
    """Return a sample as JSON values."""
    return {
        "name": sample.name,
        "rows": sample.rows,
        "days": sample.days,
        "start": _time(sample.start),
        "end": _time(sample.end),
    }


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))
