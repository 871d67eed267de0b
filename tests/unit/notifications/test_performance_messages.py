"""Messages about performance and missing labels: what each channel says."""

import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from driftguard.alerts import lifecycle
from driftguard.alerts.events import AlertEvent, news_of
from driftguard.alerts.findings import Finding, Memory, Occasion
from driftguard.alerts.schemas import Limit, MetricChange, PerformanceChange, Window
from driftguard.models.settings import ModelSettings
from driftguard.notifications.content import describe
from driftguard.notifications.providers import email, pagerduty, slack, teams, webhook
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
PUBLIC = "https://drift.example.com/v1"


def metric(name: str, value: float, reference: float, *, degraded: bool = True) -> MetricChange:
    """A metric with intervals of two points around it."""
    return MetricChange(
        name=name,
        value=value,
        interval=(value - 0.01, value + 0.01),
        n=4812,
        reference=reference,
        reference_interval=(reference - 0.01, reference + 0.01),
        n_reference=10_000,
        drop=abs(reference - value),
        limit=0.02,
        p_value=1e-12,
        degraded=degraded,
    )


def change(*metrics: MetricChange) -> PerformanceChange:
    """A week of 5,000 predictions, of which 4,812 have a label."""
    return PerformanceChange(metrics=list(metrics), labelled=4812, predictions=5000, days=7)


FELL = change(metric("accuracy", 0.842, 0.901), metric("recall", 0.7, 0.8), metric("roc_auc", 0.9, 0.9, degraded=False))


def opened(alert_type: str = "performance", performance: PerformanceChange | None = FELL) -> AlertEvent:
    """The event of an alert that opens."""
    of_labels = alert_type == "labels_missing"
    finding = Finding(
        alert_type=alert_type,  # type: ignore[arg-type]  # one of two literals
        testable=True,
        firing=True,
        holding=True,
        drift_score=None if of_labels else 0.059,
        p_value=None if of_labels else 1e-12,
        severity="MEDIUM",
        limit=None if of_labels else Limit(score=0.02, p_value=1.7e-5),
        onset=NOW - timedelta(days=3) if of_labels else None,
        performance=None if of_labels else performance,
    )
    occasion = Occasion(
        now=NOW,
        organization_id="acme",
        model_id="m1",
        model_name="flight delays",
        settings=ModelSettings(),
        baseline_version=None if of_labels else 2,
        n_baseline=0 if of_labels else 10_000,
        n_window=1234 if of_labels else 4812,
        window=Window(start=NOW - timedelta(days=7), end=NOW),
        preliminary=False,
        warming_up=False,
        silent=False,
        silence="The last label arrived at 2026-11-20 10:15 UTC." if of_labels else "",
    )
    (event,) = lifecycle.apply(finding, None, Memory(), occasion).events
    return event


def test_a_message_says_the_metric_then_and_now_and_on_how_much() -> None:
    """The lead has the values with the interval of today, the labelled predictions, and what else is worse."""
    content = describe(opened(), PUBLIC)
    assert content.subject == "Worse performance of flight delays"
    assert content.lead == (
        "The accuracy of “flight delays” fell from 90.1% to 84.2% (83.2% to 85.2%), on 4,812 labelled of 5,000 "
        "predictions in 7 mature days. Also worse: recall."
    )
    facts = dict(content.facts)
    assert facts["Accuracy now"] == "84.2% (83.2% to 85.2%)"
    assert facts["In the reference"] == "90.1% (89.1% to 91.1%)"
    assert facts["Labelled"] == "4,812 of 5,000 predictions"
    assert facts["Limit"] == "drop from 0.02 and p below 1.7e-05"
    assert facts["Reference"] == "Version 2, 10,000 rows"
    assert any("Recall fell but precision did not" in action for action in content.actions)
    assert any("baseline/performance" in action for action in content.actions)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (metric("roc_auc", 0.8123, 0.9), "The ROC AUC of “flight delays” fell from 0.900 to 0.812 (0.802 to 0.822)"),
        (metric("mae", 12345.6, 10000.0), "The mean absolute error of “flight delays” rose from 1e+04 to 1.235e+04"),
    ],
)
def test_areas_and_errors_are_not_percentages(found: MetricChange, said: str) -> None:
    """An area has three decimals. An error has four digits, and rises."""
    assert describe(opened(performance=change(found)), PUBLIC).lead.startswith(said)


def test_missing_labels_say_since_when_and_for_how_many_predictions() -> None:
    """The message has no score and no baseline, but the time of the last label and what to check."""
    content = describe(opened("labels_missing"), PUBLIC)
    assert content.subject == "No labels for flight delays"
    assert content.lead.startswith("No labels for “flight delays” have arrived since 2026-11-20 10:15 UTC")
    facts = dict(content.facts)
    assert facts["Without a label"] == "1,234"
    assert not {"Baseline", "Drift score", "p-value", "Limit"} & facts.keys()
    assert content.actions[0].startswith("The last label arrived at 2026-11-20 10:15 UTC.")


def bodies(event: AlertEvent) -> dict[str, str]:
    """The message of every type of channel."""
    settings: dict[str, Any] = {"type": "email", "to": ["ops@example.com"], "name": "Ops"}
    channel = StoredChannel("C1", "org", NEW_CHANNEL.validate_python(settings), NOW, NOW)
    news = news_of([event])
    message: EmailMessage = email.render(news, channel, "ops@example.com", sender="d@example.com", public_url=PUBLIC)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return {
        "plain text": plain.get_content(),
        "HTML": html.get_content(),
        "Slack": json.dumps(slack.render(news, public_url=PUBLIC), ensure_ascii=False),
        "Teams": json.dumps(teams.render(news, public_url=PUBLIC), ensure_ascii=False),
        "webhook": webhook.render(news, public_url=PUBLIC).model_dump_json(),
        "PagerDuty": json.dumps(
            pagerduty.render(event, "trigger", routing_key="k" * 32, public_url=PUBLIC), ensure_ascii=False
        ),
    }


def test_every_channel_says_it() -> None:
    """E-mail, Slack, Teams, webhook and PagerDuty have the metric then and now, the labels, and what to do."""
    for kind, body in bodies(opened()).items():
        for said in ("90.1%", "84.2%", "4,812", "Compare the labels"):
            assert said in body, (kind, said)
    for kind, body in bodies(opened("labels_missing")).items():
        for said in ("2026-11-20 10:15 UTC", "API key"):
            assert said in body, (kind, said)
    sent = webhook.render(news_of([opened()]), public_url=PUBLIC)
    assert sent.alert.alert_type == "performance"
    assert sent.alert.performance == FELL


def test_a_channel_filters_both_types() -> None:
    """`alert_types` of a channel takes the two types."""
    body = {"type": "email", "to": ["ops@example.com"], "alert_types": ["performance", "labels_missing"]}
    assert NEW_CHANNEL.validate_python(body).alert_types == ["performance", "labels_missing"]
