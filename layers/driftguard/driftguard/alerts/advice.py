"""Builds the recommended actions of an alert from its type and its features. Pure functions."""

from collections.abc import Sequence

from driftguard.alerts.schemas import AlertFeature, AlertType, PerformanceChange, QualityKind
from driftguard.alerts.words import NAMED, minute, names, percent, quoted, type_change

MANY = 5
"""If this many features drift at once, one common cause is more likely than separate causes."""


def recommend(
    alert_type: AlertType,
    features: Sequence[AlertFeature],
    *,
    silence: str = "",
    performance: PerformanceChange | None = None,
) -> list[str]:
    """Return the recommended actions for an alert, the most useful action first.

    features: the alert's features, the largest score first. silence: the sentence that says how long a model with a
    `no_data` or `labels_missing` alert was silent, and which limit applied. performance: the metrics that are worse.
    """
    moved = [feature for feature in features if feature.drifted]
    match alert_type:
        case "data_drift":
            actions = _data_drift(moved)
        case "prediction_drift":
            actions = _prediction_drift(moved)
        case "data_quality":
            actions = _data_quality(moved)
        case "no_data":
            actions = _no_data(silence)
        case "performance":
            actions = _performance(performance)
        case "labels_missing":
            actions = _labels_missing(silence)
    return actions


def _data_drift(moved: Sequence[AlertFeature]) -> list[str]:
    actions = []
    if moved:
        others = f", then {names(moved[1:])}" if len(moved) > 1 else ""
        shift = moved[0].direction
        actions.append(f"Check {quoted(moved[0].name)} first{f' ({shift})' if shift else ''}{others}.")
    if len(moved) >= MANY:
        actions.append(
            f"{len(moved)} features drifted at once. Look for a common cause before you check each feature, such as "
            "a release, a changed join or a new source of traffic."
        )
    else:
        actions.append(
            f"Find out whether the real world changed or the data pipeline did. Check the pipeline for{_when(moved)} "
            "releases, schema changes, and changed units or time zones."
        )
    emptier = [
        feature
        for feature in moved
        if feature.missing is not None and feature.missing["window"] - feature.missing["baseline"] >= 0.02
    ]
    if emptier:
        actions.append(f"Missing values also increased in {names(emptier)}. Check the data source.")
    actions.append("Evaluate the model on recent labelled data. Retrain the model if its quality has dropped.")
    actions.append("If the new values are normal, create a baseline from recent predictions. This closes the alert.")
    return actions


def _when(moved: Sequence[AlertFeature]) -> str:
    """Return when to look for a cause: about the onset of a sudden change, if it is known."""
    onsets = [one.change.onset for one in moved if one.change is not None and one.change.onset is not None]
    return f" what happened around {minute(min(onsets))}:" if onsets else " recent"


def _prediction_drift(moved: Sequence[AlertFeature]) -> list[str]:
    shift = moved[0].direction if moved else None
    return [
        (
            f"Check the model's predictions{f' ({shift})' if shift else ''}. Did the model version, a threshold or "
            "the post-processing change?"
        ),
        (
            "Check this model for data drift. If the inputs drifted, they probably explain the change. If they did "
            "not, check the model itself."
        ),
        "Compare recent predictions with actual outcomes before you rely on them.",
        "If a new model version caused the change on purpose, create a baseline from its predictions.",
    ]


def _data_quality(moved: Sequence[AlertFeature]) -> list[str]:
    kinds: dict[QualityKind, list[AlertFeature]] = {}
    for feature in moved:
        if feature.kind is not None:
            kinds.setdefault(feature.kind, []).append(feature)
    actions = [_quality_action(kind, found) for kind, found in kinds.items()]
    actions.append(
        "Until the data are fixed, check how the model handles these rows: imputation, unknown categories, clipping."
    )
    return actions


def _quality_action(kind: QualityKind, found: Sequence[AlertFeature]) -> str:
    shares = found[0].shares
    change = (
        f" ({percent(shares['baseline'])} in the baseline, {percent(shares['window'])} now)"
        if shares and len(found) == 1
        else ""
    )
    match kind:
        case "missing":
            return (
                f"Find out why values of {names(found)} are missing more often{change}. Common causes are an "
                "unavailable source, a failed join and a renamed column."
            )
        case "new_categories":
            seen = found[0].new_categories[:NAMED]
            values = f", such as {', '.join(quoted(value) for value in seen)}" if seen else ""
            return (
                f"Map the new values of {names(found)} to known values, or retrain the model with them. "
                f"The baseline does not contain these values{values}{change}."
            )
        case "out_of_range":
            return (
                f"Check the units and the scaling of {names(found)}. More values are outside the baseline's "
                f"range{change}."
            )
        case "wrong_type":
            return (
                f"Fix the code that writes {names(found)}. More values have a different type than in the "
                f"baseline{change}{_types(found)}."
            )
        case "unexpected_feature":
            return _unexpected(found)


def _types(found: Sequence[AlertFeature]) -> str:
    changed = found[0].type_change
    return f": {type_change(changed)}" if changed and len(found) == 1 else ""


def _unexpected(found: Sequence[AlertFeature]) -> str:
    renamed = [feature for feature in found if feature.renamed_from]
    if renamed:
        pairs = ", ".join(f"{quoted(str(one.renamed_from))} to {quoted(one.name)}" for one in renamed[:NAMED])
        return f"Check whether the code that logs predictions renamed {pairs}. Log the baseline's names again."
    return (
        f"Create a baseline that contains {names(found)}, so that drift in these values is found. Or stop logging "
        "them. DriftGuard opens this alert once per baseline."
    )


def _no_data(silence: str) -> list[str]:
    return [
        (
            f"{silence or 'No predictions have arrived.'} Check that the service still calls the model and logs its "
            "predictions."
        ),
        (
            "Search the service's log for 403 or 422 responses from DriftGuard. A revoked API key causes 403, and a "
            "changed schema causes 422."
        ),
        (
            "If the model is regularly silent for this long, set no_data_hours in its settings to more than its "
            "longest pause."
        ),
        "If you no longer use the model, disable its checks or delete the model.",
    ]


def _performance(change: PerformanceChange | None) -> list[str]:
    worse = [one.name for one in change.metrics if one.degraded] if change else []
    actions = [
        (
            "Compare the labels with what you expect before you change the model. A changed definition, or labels "
            "joined to the wrong predictions, look like a worse model."
        ),
        (
            "Check this model for drift. Features that drifted at the same time may explain the change. If none did, "
            "the relation between inputs and labels has changed."
        ),
        "Retrain the model on recent labelled rows, or go back to an earlier version of the model.",
        "If the new performance is normal, make it the reference: PUT /models/{model_id}/baseline/performance.",
    ]
    if "recall" in worse and "precision" not in worse:
        actions.insert(2, "Recall fell but precision did not. A lower threshold may find the missed positives again.")
    return actions


def _labels_missing(silence: str) -> list[str]:
    return [
        f"{silence or 'No labels have arrived.'} Check the job that sends labels, and its API key.",
        "Search the log of that job for 403 or 422 responses. GET /models/{model_id}/labels/status shows what arrived.",
        "Until labels arrive, DriftGuard cannot tell whether the model becomes worse.",
    ]
