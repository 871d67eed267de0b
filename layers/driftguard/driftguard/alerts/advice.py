"""What a team should do about an alert: sentences that fit what was found and name the features. Pure."""

from collections.abc import Sequence

from driftguard.alerts.schemas import AlertFeature, AlertType, QualityKind
from driftguard.alerts.words import NAMED, names, percent, quoted

MANY = 5
"""From so many features moving at once, a common cause is likelier than each having its own."""


def recommend(alert_type: AlertType, features: Sequence[AlertFeature], *, preliminary: bool) -> list[str]:
    """The actions for an alert of `alert_type` on these features (the strongest first), most useful first."""
    moved = [feature for feature in features if feature.drifted]
    match alert_type:
        case "data_drift":
            actions = _data_drift(moved)
        case "prediction_drift":
            actions = _prediction_drift(moved)
        case "data_quality":
            actions = _data_quality(moved)
        case "no_data":
            actions = _no_data()
    if preliminary:
        actions.append(
            "Wait for a full window before retraining: this verdict is preliminary, daily and weekly cycles are not "
            "averaged yet."
        )
    return actions


def _data_drift(moved: Sequence[AlertFeature]) -> list[str]:
    actions = []
    if moved:
        others = f", then at {names(moved[1:])}" if len(moved) > 1 else ""
        shift = moved[0].direction
        actions.append(f"Look at {quoted(moved[0].name)} first{f' ({shift})' if shift else ''}{others}.")
    if len(moved) >= MANY:
        actions.append(
            f"{len(moved)} features moved at once: look for one common cause, such as a release, a changed join or a "
            "new source of traffic, before looking at each."
        )
    else:
        actions.append(
            "Find out whether the change is real or made upstream: compare with recent releases, schema changes, "
            "units and time zones in the pipeline that feeds these features."
        )
    emptier = [
        feature
        for feature in moved
        if feature.missing is not None and feature.missing.window - feature.missing.baseline >= 0.02
    ]
    if emptier:
        actions.append(f"Missing values rose as well in {names(emptier)}: check the source that fills them.")
    actions.append("Measure the model on recent labelled data, and retrain it when the quality has dropped.")
    actions.append("If this is the new normal, make recent predictions the baseline; the alert then closes.")
    return actions


def _prediction_drift(moved: Sequence[AlertFeature]) -> list[str]:
    shift = moved[0].direction if moved else None
    return [
        (
            f"Check what the model answers now{f' ({shift})' if shift else ''}: a new model version, threshold or "
            "post-processing shows here first."
        ),
        (
            "Compare with this model's data drift: inputs that moved explain it, steady ones point at the model "
            "or at a relation that has changed."
        ),
        "Measure the predictions on recent outcomes before anybody acts on them.",
        "If a new model version is meant to answer like this, make its predictions the baseline.",
    ]


def _data_quality(moved: Sequence[AlertFeature]) -> list[str]:
    kinds: dict[QualityKind, list[AlertFeature]] = {}
    for feature in moved:
        if feature.kind is not None:
            kinds.setdefault(feature.kind, []).append(feature)
    actions = [_quality_action(kind, found) for kind, found in kinds.items()]
    actions.append(
        "Check how the model treats such rows (imputing, unknown categories, clipping) until it is repaired."
    )
    return actions


def _quality_action(kind: QualityKind, found: Sequence[AlertFeature]) -> str:
    shares = found[0].shares
    change = f": {percent(shares.baseline)} before, {percent(shares.window)} now" if shares and len(found) == 1 else ""
    match kind:
        case "missing":
            return (
                f"Find out why {names(found)} arrives empty more often{change}: a source down, a failed join, "
                "a renamed column."
            )
        case "new_categories":
            seen = found[0].new_categories[:NAMED]
            values = f", among them {', '.join(quoted(value) for value in seen)}" if seen else ""
            return f"Map or learn the values of {names(found)} that the baseline never had{values}{change}."
        case "out_of_range":
            return (
                f"Check units, scaling and plausibility of {names(found)}: values outside the baseline's range{change}."
            )
        case "wrong_type":
            return f"Repair how {names(found)} is written: values of another type than in the baseline{change}."


def _no_data() -> list[str]:
    return [
        "Check that the service still calls the model, and that it logs: no prediction has arrived.",
        (
            "Look for 403 or 422 answers of DriftGuard in that service's log: a revoked key or a changed schema stops "
            "logging in silence."
        ),
        "If the model is retired, disable its checks or delete it.",
    ]
