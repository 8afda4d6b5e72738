"""The figure of people: how often those with one modality are right, and those with all, by class."""

from collections.abc import Mapping, Sequence
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
    legend_below,
    name_ticks,
    needed,
    percent_axis,
    short,
)
from sabotage.reports.style import AXIS, agent_look

from sabotage.errors import count_of
from sabotage.saying import percent

MOST_CLASSES = 20
MOST_SPANS = 6  # people whose intervals can be told apart; of more, those of full and the best
Fields = Mapping[str, Any]


def people_size(content: Content) -> Size:
    """Return width and height in inches."""
    found = needed(content, "people", "people with one modality and with all")
    n_names = len(found["gains"]) + 1
    return WIDTH, 0.82 + 0.2 * (1 + len(_classes(found))) + 0.13 * -(-n_names // _columns(found))


def _columns(found: Fields) -> int:
    """Return how many columns of a legend fit."""
    longest = max(len(short(name)) for name in found["people"])
    return max(1, min(4, len(found["people"]), int((WIDTH - 0.6) / (0.3 + 0.062 * longest))))


def _classes(found: Fields) -> dict[str, Fields]:
    """Return the gain over the best single in each class that has examples: the largest, where classes are many."""
    there = {name: _best(found, gains) for name, gains in found["by_class"].items()}
    there = {name: one for name, one in there.items() if one["full"]["n"]}
    if len(there) <= MOST_CLASSES:
        return there
    most = sorted(there, key=lambda name: -abs(there[name]["difference"]["value"]))[:MOST_CLASSES]
    return {name: one for name, one in there.items() if name in most}


def _best(found: Fields, gains: Sequence[Fields]) -> Fields:
    return next(one for one in gains if one["single"] == found["best"])


def about_people(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    found = needed(content, "people", "people with one modality and with all")
    best = _best(found, found["gains"])
    return (
        f"How often {short(found['full'], 40)}, who had every modality, and people with one are right, in all and by"
        f" class, with 95 % intervals: {percent(best['full']['share'])} against {percent(best['alone']['share'])} of"
        f" the best of these, {short(found['best'], 40)}, on the same {count_of(best['full']['n'], 'example')}."
    )


def people_gain(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw how often full and each single are right, in all and in each class; beside it the gain over the best."""
    with canvas(audit, ax, people_size) as (content, ax):
        found = needed(content, "people", "people with one modality and with all")
        classes, order = _classes(found), agents_of(content)
        bars: list[Sequence[Fields]] = [found["gains"], *(found["by_class"][name] for name in classes)]
        height = np.arange(len(bars))[::-1].astype(float)
        height[0] += 0.3  # all examples stand apart from the classes
        n_lines = len(found["gains"]) + 1
        step = min(0.16, 0.62 / n_lines)
        seen: set[str] = set()
        for y, gains in zip(height, bars, strict=True):
            best = _best(found, gains)
            shown = [(one["single"], one["alone"]) for one in gains] + [(found["full"], best["full"])]
            known = [rate["share"] for _, rate in shown if rate["share"] is not None]
            if known:
                ax.plot([min(known), max(known)], [y, y], color=AXIS, linewidth=0.4, zorder=0)
            for place, (name, rate) in enumerate(shown):
                if rate["share"] is None:
                    continue
                is_full = name == found["full"]
                look = agent_look(order.index(name) if name in order else place)
                at = y + (place - (len(shown) - 1) / 2) * step
                is_shown = n_lines <= MOST_SPANS or name in (found["full"], found["best"])
                if rate["interval"] is not None and is_shown:
                    ax.plot(rate["interval"], [at, at], color=look.colour, linewidth=1.4 if is_full else 0.9)
                ax.plot([rate["share"]], [at], color=look.colour, marker=look.marker, linestyle="none",
                        markersize=4.2 if is_full else 3, markerfacecolor=look.fill,
                        markeredgewidth=0.7, label=None if name in seen else short(name))  # fmt: skip
                seen.add(name)
            beside(ax, float(y), _gain(best))
        ax.annotate("gain", (1, 1), xycoords="axes fraction", xytext=(4, 3), textcoords="offset points",
                    fontsize=SMALL)  # fmt: skip
        name_ticks(ax.yaxis, height.tolist(), ["all", *(short(name) for name in classes)])
        ax.set_ylim(-0.55, len(bars) - 0.15)
        ax.set_xlim(0, 1)
        ax.set_xticks((0, 0.5, 1))
        percent_axis(ax.xaxis)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        cut = sum(1 for gains in found["by_class"].values() if gains[0]["full"]["n"]) - len(classes)
        more = f"; {cut} classes with less of it are left out" if cut else ""
        n = found["gains"][0]["full"]["n"]
        about = f"gain of {short(found['full'], 24)} over {short(found['best'], 24)} in points; lines: 95 %{more}"
        heading(ax, f"People right with one modality and with all, n = {n:,}", about, 11)
        legend_below(ax, 15, _columns(found), handlelength=1.0)
    return ax


def _gain(one: Fields) -> str:
    value, span = one["difference"]["value"], one["difference"]["interval"]
    if value is None:
        return "–"
    ends = "" if span is None else f" [{round(100 * span[0], 1) + 0.0:+.1f}, {round(100 * span[1], 1) + 0.0:+.1f}]"
    return f"{round(100 * value, 1) + 0.0:+.1f}{ends}"
