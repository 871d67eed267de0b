"""The event of a test message."""

from datetime import datetime, timedelta

from driftguard.alerts.events import AlertEvent


def example(organization_id: str, now: datetime) -> AlertEvent:
    """The event of a test message: a made-up alert of a model that does not exist."""
    start = now - timedelta(days=7)
    alert = {
        "id": "example",
        "model_id": "example",
        "model_name": "example model",
        "alert_type": "data_drift",
        "status": "firing",
        "severity": "MEDIUM",
        "drift_score": 0.168,
        "p_value": 1.3e-112,
        "peak_score": 0.168,
        "detected_at": now,
        "last_detected_at": now,
        "occurrences": 1,
        "preliminary": False,
        "baseline_version": 3,
        "n_baseline": 10_000,
        "n_window": 8_421,
        "window": {"start": start, "end": now},
        "features": [
            {
                "name": "tenure",
                "type": "numeric",
                "test": "ks",
                "drift_score": 0.168,
                "p_value": 1.3e-112,
                "histogram": {
                    "edges": [0, 12, 24, 36, 48, 60, 72],
                    "categories": None,
                    "baseline": [0.10, 0.20, 0.25, 0.20, 0.15, 0.10],
                    "window": [0.22, 0.26, 0.22, 0.15, 0.09, 0.06],
                },
            }
        ],
        "features_total": 1,
        "recommended_actions": ["None. This is only an example of a recommended action."],
    }
    return AlertEvent.model_validate(
        {
            "event_id": f"test-{now:%Y%m%dT%H%M%S.%fZ}",
            "kind": "test",
            "at": now,
            "organization_id": organization_id,
            "model_id": "example",
            "model_name": "example model",
            "severity": "MEDIUM",
            "alert": alert,
        }
    )
