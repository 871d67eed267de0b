"""What a team should do about an alert: sentences that fit what was found and name the features. Pure."""

from collections.abc import Sequence

from driftguard.alerts.schemas import AlertFeature, AlertType, Histogram, QualityKind
from driftguard.distributions.baseline import NEW, RARE

NAMED = 3
"""Features named in one sentence; the message lists the others."""

MANY = 5
"""From so many features moving at once, a common cause is likelier than each having its own."""

WORDS = {RARE: "the share of rarer values", NEW: "the share of values that the baseline lacks"}
"""What a picture's last two bars are called."""


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
        shift = direction(moved[0])
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
    shift = direction(moved[0]) if moved else None
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


def direction(feature: AlertFeature) -> str | None:
    """In words, where a feature's values went by its histogram; None without one or when it is not clear."""
    picture = feature.histogram
    if picture is None or not picture.window or sum(picture.baseline) <= 0 or sum(picture.window) <= 0:
        return None
    before = [value / sum(picture.baseline) for value in picture.baseline]
    now = [value / sum(picture.window) for value in picture.window]
    if picture.categories is not None:
        return _category_shift(picture, before, now)
    higher = sum(place * (new - old) for place, (old, new) in enumerate(zip(before, now, strict=False)))
    if abs(higher) < 0.05 * len(before):
        return "its shape changed"
    return "towards higher values" if higher > 0 else "towards lower values"


def _category_shift(picture: Histogram, before: Sequence[float], now: Sequence[float]) -> str | None:
    changes = [
        (abs(new - old), label, old, new)
        for label, old, new in zip(picture.categories or [], before, now, strict=False)
    ]
    if not changes:
        return None
    _, label, old, new = max(changes, key=lambda change: change[0])
    return (
        f"{WORDS.get(label) or quoted(label)} {'rose' if new > old else 'fell'} from {percent(old)} to {percent(new)}"
    )


def names(features: Sequence[AlertFeature]) -> str:
    """Up to NAMED distinct names in quotes, and how many more there are."""
    distinct = list(dict.fromkeys(feature.name for feature in features))
    shown = [quoted(name) for name in distinct[:NAMED]]
    if len(distinct) > NAMED:
        return f"{', '.join(shown)} and {len(distinct) - NAMED} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def quoted(name: str, longest: int = 60) -> str:
    """A name as a sentence carries it."""
    return f"“{name if len(name) <= longest else name[: longest - 1] + '…'}”"


def percent(share: float) -> str:
    """A share of 0.0778 as `7.8%`; never 0 for what is not nothing."""
    if share == 0:
        return "0%"
    if 0 < share < 0.001:
        return "under 0.1%"
    return f"{100 * share:.1f}%"
