"""
Draw a result as SVG.

What was followed over time is a line each, one panel for each unit. What was sampled
once a round is a bar at the median with every sample on it, so that the spread is seen;
many samples (latencies) are a curve of how many stayed below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .results import MANY, OURS
from .tables import PER_JOB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WIDTH_INCHES = 7.5
PANEL_INCHES = 2.4
BAR_INCHES = 0.32
OUR_COLOUR = "#2b6cb0"
THEIR_COLOUR = "#a0aec0"


def draw(result: Mapping[str, Any], directory: Path) -> list[Path]:
    """Draw a result into one file and return it, or nothing where matplotlib is not."""
    try:
        write_svg()
    except ImportError:
        return []
    panels = panels_of(result)
    if not panels:
        return []
    return [draw_panels(result, panels, directory)]


def write_svg() -> None:
    """Have matplotlib write SVG; the same result gives the same file."""
    import matplotlib as mpl  # noqa: PLC0415 - only the bench group has it

    mpl.use("svg")
    # Text stays text.
    mpl.rcParams.update({"svg.hashsalt": "runledger", "svg.fonttype": "none"})


def panels_of(result: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Sort what there is into panels: kind and content."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for measure in result["measures"]:
        if measure["samples"] and measure["unit"] != PER_JOB:
            kind = "curve" if len(measure["samples"]) >= MANY else "bars"
            found.setdefault((kind, measure["unit"]), []).append(measure)
    for series in result["series"]:
        key = ("lines", f"{series['unit']} {series['over']}")
        found.setdefault(key, []).append(series)
    return [(kind, content) for (kind, _), content in found.items()]


def draw_panels(
    result: Mapping[str, Any],
    panels: Sequence[tuple[str, list[Mapping[str, Any]]]],
    directory: Path,
) -> Path:
    """Draw the panels one below the other."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    heights = [
        max(PANEL_INCHES, BAR_INCHES * len(content) + 0.9)
        if kind == "bars"
        else PANEL_INCHES
        for kind, content in panels
    ]
    figure = Figure(figsize=(WIDTH_INCHES, sum(heights) + 0.4), layout="constrained")
    axes = figure.subplots(
        len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for (kind, content), (axis,) in zip(panels, axes, strict=True):
        {"bars": draw_bars, "curve": draw_curves, "lines": draw_lines}[kind](
            axis, content
        )
        tidy(axis)
    figure.suptitle(f"{result['scenario']} ({result['size']})", fontsize=10)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result['scenario']}.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def tidy(axis: Any) -> None:
    """Leave of an axis what helps to read it."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, alpha=0.3)
    axis.tick_params(labelsize=8)


def draw_bars(axis: Any, measures: Sequence[Mapping[str, Any]]) -> None:
    """Draw medians as bars and the samples as points on them."""
    for place, measure in enumerate(measures):
        is_ours = measure["side"] == OURS
        axis.barh(
            place,
            measure["median"],
            color=OUR_COLOUR if is_ours else THEIR_COLOUR,
            height=0.7,
        )
        samples = measure["samples"]
        axis.plot(samples, [place] * len(samples), "k|", markersize=6, linewidth=0)
    names = {each["name"] for each in measures}
    # Where all bars are of one thing, the axis says so and the bars say whose they are.
    is_one = len(names) == 1 and len(measures) > 1
    labels = [each["side"] if is_one else label_of(each) for each in measures]
    axis.set_yticks(range(len(measures)), labels)
    axis.invert_yaxis()
    unit = measures[0]["unit"]
    axis.set_xlabel(f"{names.pop()}, {unit}" if is_one else unit, fontsize=8)


def draw_curves(axis: Any, measures: Sequence[Mapping[str, Any]]) -> None:
    """Draw how many of the samples stayed below."""
    for measure in measures:
        ordered = sorted(measure["samples"])
        shares = [100 * (place + 1) / len(ordered) for place in range(len(ordered))]
        axis.plot(ordered, shares, label=label_of(measure), linewidth=1.2)
    axis.set_xscale("log")
    axis.set_xlabel(measures[0]["unit"], fontsize=8)
    axis.set_ylabel("% of the jobs", fontsize=8)
    axis.legend(fontsize=7, frameon=False)


def draw_lines(axis: Any, series: Sequence[Mapping[str, Any]]) -> None:
    """Draw quantities over time."""
    for each in series:
        xs, ys = zip(*each["points"], strict=True)
        axis.plot(xs, ys, label=each["name"], linewidth=1.2)
    axis.set_ylim(bottom=0)
    axis.set_xlabel(series[0]["over"], fontsize=8)
    axis.set_ylabel(series[0]["unit"], fontsize=8)
    axis.legend(fontsize=7, frameon=False)


def label_of(measure: Mapping[str, Any]) -> str:
    """Return what a measure is called in a picture."""
    side = measure["side"]
    return measure["name"] if side == OURS else f"{measure['name']}: {side}"
