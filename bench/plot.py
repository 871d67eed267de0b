"""The picture of docs/alarms.md, drawn in an environment of its own: `python plot.py DATA.json PICTURE.png`."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

BLUE, ORANGE, GREY = "#1f5fa8", "#d9822b", "#8a8f98"
RULES = (
    ("p_value", "p_value", ORANGE, 0.24),
    ("budget", "budget", BLUE, 0.0),
    ("timestamps", "budget, with timestamps", "#2e8b57", -0.24),
)
LINES = ("#1f5fa8", "#d9822b", "#2e8b57", "#8e4b9e", "#b5443a", "#5a6270", "#b8921f", "#3aa6b9")


def main(data: Path, target: Path) -> None:
    """Draw what `data` holds into `target`."""
    shown = json.loads(data.read_text(encoding="utf-8"))
    plt.rcParams.update({"font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), width_ratios=(1, 1.15), layout="constrained")
    _alarms(left, shown["alarms"], shown["limit"])
    _delays(right, shown["delays"])
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110, facecolor="white", metadata={"Software": None})


def _alarms(axes: Any, scenarios: list[dict[str, Any]], limit: float) -> None:
    places = range(len(scenarios))
    for variant, label, colour, offset in RULES:
        values = [scenario[variant]["value"] for scenario in scenarios]
        ends = [
            [max(0, value - scenario[variant]["low"]) for value, scenario in zip(values, scenarios, strict=True)],
            [scenario[variant]["high"] - value for value, scenario in zip(values, scenarios, strict=True)],
        ]
        ys = [place + offset for place in places]
        axes.errorbar(values, ys, xerr=ends, fmt="o", ms=4, color=colour, capsize=2, label=label)
    axes.axvline(limit, color=GREY, lw=1, ls="--")
    axes.annotate(f" {limit} allowed", (limit, len(scenarios) - 0.45), color=GREY, va="center")
    axes.set_yticks(list(places), [scenario["name"] for scenario in scenarios])
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=0.1)
    axes.set_xlim(-0.008, 20)
    axes.set_xticks([0, 0.05, 0.1, 1, 10], ["0", "", "0.1", "1", "10"])
    axes.set_ylim(len(scenarios) - 0.2, -0.6)
    axes.grid(axis="x", color="#e6e8eb", lw=0.7)
    axes.set_axisbelow(True)
    axes.set_title("False alarms per model-month, no drift", loc="left", fontsize=9.5)
    axes.legend(frameon=False, loc="upper center")


def _delays(axes: Any, scenarios: list[dict[str, Any]]) -> None:
    end = 4 * 24
    for scenario, colour in zip(scenarios, LINES, strict=False):
        hours, count = scenario["hours"], scenario["models"]
        steps = [(0.0, 0.0), *((hour, (place + 1) / count) for place, hour in enumerate(hours) if hour <= end)]
        xs, ys = zip(*[*steps, (end, steps[-1][1])], strict=True)
        axes.step(xs, ys, where="post", color=colour, lw=1.5, label=scenario["name"])
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(range(0, end + 1, 12))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(color="#e6e8eb", lw=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("hours since drift set in")
    axes.set_title("Models whose drift was found, rule budget", loc="left", fontsize=9.5)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
