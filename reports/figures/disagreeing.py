"""Figures of disagreement: who is right on the examples, and whom decisions follow over its lead in confidence."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sabotage.reports.figures.canvas import (
    SMALL,
    WIDTH,
    Content,
    Size,
    Source,
    agents_of,
    beside,
    canvas,
    heading,
    label_lines,
    legend_below,
    line_height,
    name_ticks,
    needed,
    percent_axis,
    short,
)
from sabotage.reports.style import AXIS, PAPER, agent_look

from sabotage.cells import CELLS
from sabotage.dominance import TWO
from sabotage.errors import SabotageError, count_of
from sabotage.saying import percent, percents, typeset

COLOURS = {
    "all_right": "#009e73",
    "resolved": "#56b4e9",
    "rescued": "#0072b2",
    "lost": "#d55e00",
    "all_wrong": "#7f7f7f",
}
MOST_CLASSES = 20
MOST_SPANS = 6  # agents whose intervals can be told apart
FEWEST = 10  # examples of a point that a line goes through


def cells_size(content: Content) -> Size:
    """Return width and height in inches."""
    found = _found(content)
    return WIDTH, 0.72 + 0.19 * (1 + len(_classes(found))) + 0.13 * -(-len(_shown(found)) // 3)


def _found(content: Content) -> Mapping[str, Any]:
    found: Mapping[str, Any] = needed(content, "disagreement", "disagreement")
    if not found:
        raise SabotageError("the audit has no disagreement")
    return found


def _shown(found: Mapping[str, Any]) -> list[str]:
    """Return the cells that have examples."""
    return [name for name in CELLS if found["cells"][name]["examples"]["count"]]


def _classes(found: Mapping[str, Any]) -> list[str]:
    """Return the classes that have examples and bars of their own: those with the most lost, where there are many."""
    parts = found["by_class"]["parts"]
    there = [label for label, cells in parts.items() if cells["lost"]["n"]]
    if len(there) <= MOST_CLASSES:
        return there
    most = sorted(there, key=lambda label: -parts[label]["lost"]["count"])[:MOST_CLASSES]
    return [label for label in there if label in most]


def about_cells(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    found = _found(content)
    lost, resolved = (found["cells"][name]["examples"] for name in ("lost", "resolved"))
    shown, n_classes = len(_classes(found)), len(found["by_class"]["parts"])
    which = "" if shown == n_classes else f", of which the {shown} with the most lost are drawn"
    return (
        f"Who is right on {count_of(found['n_examples'], 'example')}, and in each class{which}: {lost['count']:,} are"
        f" lost{_percents(lost)}, an agent being right and the decision wrong, and {resolved['count']:,}"
        f" resolved{_percents(resolved)}."
    )


def _percents(rate: Mapping[str, Any]) -> str:
    return "" if rate["share"] is None else f" ({percent(rate['share'])}{percents(rate['interval'])})"


def disagreement_cells(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the share of each cell among all examples and in each class, and write that of the lost beside it."""
    with canvas(audit, ax, cells_size) as (content, ax):
        found = _found(content)
        classes, shown = _classes(found), _shown(found)
        everybody = {name: own["examples"] for name, own in found["cells"].items()}
        bars = [everybody, *(found["by_class"]["parts"][label] for label in classes)]
        height = np.arange(len(bars))[::-1].astype(float)
        height[0] += 0.3  # all examples stand apart from the classes
        left = np.zeros(len(bars))
        for name in shown:
            share = np.array([own[name]["share"] for own in bars])
            look: dict[str, Any] = {"edgecolor": PAPER, "color": COLOURS.get(name), "linewidth": 0.5}
            if name == "silent":
                look = {"facecolor": "none", "edgecolor": AXIS, "hatch": "//////", "linewidth": 0.4}
            ax.barh(height, share, 0.72, left=left, label=name.replace("_", " "), **look)
            left += share
        name_ticks(ax.yaxis, height.tolist(), ["all", *(short(label) for label in classes)])
        ax.set_ylim(-0.5, len(bars) - 0.2)
        ax.set_xlim(0, 1)
        ax.set_xticks(np.linspace(0, 1, 5))
        percent_axis(ax.xaxis)
        for y, own in zip(height, bars, strict=True):
            beside(ax, float(y), f"{percent(own['lost']['share'])}{percents(own['lost']['interval'])}")
        ax.annotate("lost", (1, 1), xycoords="axes fraction", xytext=(4, 3), textcoords="offset points",
                    fontsize=SMALL)  # fmt: skip
        cut = len(found["by_class"]["parts"]) - len(classes)
        about = f"{cut} more classes are left out" if cut and len(classes) == MOST_CLASSES else ""
        heading(ax, f"Who is right on {count_of(found['n_examples'], 'example')}", about)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        legend_below(ax, 15, 3, handleheight=0.8)
    return ax


def curve_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, line_height(content)


def _dominators(content: Content) -> dict[str, Any]:
    """Return the agents that stand alone with a lead in confidence on some example."""
    found = needed(content, "dominance", "dominance")
    agents = {name: own for name, own in found.get("agents", {}).items() if own["n_gaps"]}
    if not agents:
        raise SabotageError("the audit has no example on which an agent stands alone with a confidence, beside others")
    return agents


def _where(content: Content) -> str:
    if content["dominance"]["basis"] == TWO:
        return "where both agents speak and differ"
    return "where three agents or more speak and one has its label alone"


def about_curve(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    agents = _dominators(content)
    kind = "of_two" if content["dominance"]["basis"] == TWO else "alone"
    said = []
    for name, own in agents.items():
        onset = own["onset"]
        if onset["value"] is not None and not onset["is_lowest"]:
            said.append(f"{short(name, 40)} at {onset['value']:+.2f}")
    most = max(agents, key=lambda name: agents[name][kind]["followed"]["share"] or 0.0)
    rate = agents[most][kind]["followed"]
    often = f"most often {short(most, 40)}, on {rate['count']:,} of {rate['n']:,}{_percents(rate)}"
    text = (
        f"Share of decisions that follow one agent {_where(content)}, over its lead in confidence, with 95 % intervals:"
        f" {often if rate['count'] else 'none does'}"
    )
    onsets = f"; onsets, diamonds: {', '.join(said[:8])}" if said else ""
    return typeset(f"{text}{onsets}.")


def dominance_curve(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw how often decisions follow an agent that stands alone, over its lead in confidence, and where it begins."""
    with canvas(audit, ax, curve_size) as (content, ax):
        agents, ends = _dominators(content), []
        edges = [one[end] for own in agents.values() for one in own["bins"] if one["followed"]["n"]
                 for end in ("low", "high")]  # fmt: skip
        ax.set_xlim(min(edges) - 0.04, max(edges) + 0.04)
        ax.set_ylim(-0.03, 1.03)
        ax.axhline(0.5, color=AXIS, linewidth=0.6, linestyle=(0, (2, 2)))
        ax.axvline(0, color=AXIS, linewidth=0.6, linestyle=(0, (2, 2)))
        room = min(0.02, 0.12 / len(agents))
        for place, (name, own) in enumerate(agents.items()):
            look = agent_look(agents_of(content).index(name))
            bins = [one for one in own["bins"] if one["followed"]["n"]]
            x = np.array([(one["low"] + one["high"]) / 2 for one in bins]) + (place - (len(agents) - 1) / 2) * room
            y = np.array([one["followed"]["share"] for one in bins])
            many = np.array([one["followed"]["n"] >= FEWEST for one in bins])
            marks: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markerfacecolor": look.fill}
            ax.plot(x[many], y[many], linestyle=look.line, markersize=2.6, label=name, **marks)
            ax.plot(x[~many], y[~many], linestyle="none", markersize=2.0, alpha=0.45, **marks)
            for at, one in zip(x, bins, strict=True):
                span = one["followed"]["interval"]
                if span is not None and len(agents) <= MOST_SPANS:
                    faint = 0.6 if one["followed"]["n"] >= FEWEST else 0.25
                    ax.plot([at, at], span, color=look.colour, linewidth=0.6, alpha=faint)
            onset = own["onset"]
            if onset["value"] is not None and not onset["is_lowest"]:
                ax.plot([onset["value"]], [0.5], marker="D", markersize=4.2, color=look.colour, markeredgecolor=PAPER,
                        markeredgewidth=0.5, linestyle="none", zorder=4)  # fmt: skip
            last = y[many][-1] if many.any() else y[-1]
            ends.append((float(last), short(name, 16), look.colour, look.line))
        label_lines(ax, ends)
        percent_axis(ax.yaxis)
        ax.set_yticks(np.linspace(0, 1, 5))
        ax.set_xlabel("lead in confidence over the others")
        ax.set_ylabel("decision follows the agent")
        two = content["dominance"]["basis"] == TWO
        about = "both agents speak and differ" if two else "one stands alone of three or more"
        heading(ax, "Whom decisions follow", f"{about}; diamond: onset; faint: n < {FEWEST}")
    return ax
