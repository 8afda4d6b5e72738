"""Figures of the decision: top-k coverage, what choosing among agents could gain, and what each agent is worth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from sabotage.reports.figures.canvas import (
    WIDTH,
    Content,
    Size,
    Source,
    agents_of,
    beside,
    canvas,
    heading,
    label_lines,
    line_height,
    name_ticks,
    needed,
    percent_axis,
    short,
)
from sabotage.reports.style import AXIS, INK, PAPER, agent_look

from sabotage.contents import interval_of
from sabotage.errors import SabotageError, count_of
from sabotage.measures import in_words
from sabotage.saying import percent

GAIN, LOSS, FAR = "#009e73", "#d55e00", "#56b4e9"


def top_k_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, line_height(content)


def _covered(content: Content) -> Mapping[str, Any]:
    top = needed(content, "curves.top_k", "curve of top-k coverage")
    if top["decision"] is None and not any(top["agents"].values()):
        raise SabotageError("the audit has no class scores, so there is no top-k coverage to draw")
    return top


def about_top_k(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    top = _covered(content)
    k = top["k"][-1]
    own = top["decision"]
    best = "the decision has no scores" if own is None else (
        f"the decision covers {percent(own['covered'][0])} at k = 1 and {percent(own['covered'][-1])} at k = {k}"
    )  # fmt: skip
    return (
        f"Share of {count_of(content['input']['n_examples'], 'example')} whose truth is among the k highest scores, of"
        f" the decision and each agent, with 95 % intervals, against chance and the k most frequent classes; {best}."
    )


def top_k_curve(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw coverage over k, of the decision and each agent, against chance and the most frequent classes."""
    with canvas(audit, ax, top_k_size) as (content, ax):
        top, ends = _covered(content), []
        n_classes, n = len(content["input"]["classes"]), content["input"]["n_examples"]
        k = np.array(top["k"][: _shown(top)])
        lines: list[tuple[str, Any, str, Any, str, str, float]] = [
            ("decision", top["decision"], INK, "solid", "o", INK, 1.6)
        ]
        for place, agent in enumerate(agents_of(content)):
            look = agent_look(place)
            own = top["agents"][agent]
            lines.append((short(agent, 14), own, look.colour, look.line, look.marker, look.fill, 1.0))
        room = 0.36 / len(lines)
        for place, (name, own, colour, dash, marker, fill, width) in enumerate(lines):
            if own is None:
                continue
            share = np.array(own["covered"][: len(k)])
            x = k + (place - (len(lines) - 1) / 2) * room  # beside each other, so that intervals can be told apart
            for number, at, span in zip(k, x, own["intervals"][: len(k)], strict=True):
                if span is not None and number < n_classes:  # all classes cover the truth whatever the sample
                    ax.plot([at, at], span, color=colour, linewidth=0.7)
            ax.plot(x, share, color=colour, linestyle=dash, linewidth=width, marker=marker, markersize=2.4,
                    markerfacecolor=fill, markeredgewidth=0.6, label=name)  # fmt: skip
            ends.append((float(share[0]), name, colour, dash))
        dashes: Any = {"frequent": (0, (4, 2)), "chance": (0, (1, 1.5))}
        for name, dash in dashes.items():
            ax.plot(k, top[name][: len(k)], color=AXIS, linewidth=0.9, linestyle=dash, label=name)
            ends.append((top[name][0], "most frequent" if name == "frequent" else name, AXIS, dash))
        ax.set_xlim(0.6, k[-1] + 0.4)
        ax.set_ylim(0, 1.02)
        ax.set_xticks(k)
        ax.set_yticks(np.linspace(0, 1, 6))
        percent_axis(ax.yaxis)
        # Lines are furthest apart at k = 1: names stand there, and the axis opposite.
        ax.yaxis.tick_right()
        ax.spines["left"].set_visible(False)
        ax.spines["right"].set_visible(True)
        names = label_lines(ax, ends, side="left")
        ax.set_xlabel("k")
        heading(ax, f"Truth among the k best of {n_classes} classes", f"n = {n:,} (lines: 95 %)", names=names)
    return ax


def _shown(top: Mapping[str, Any]) -> int:
    """Return how many k to draw: to where everything is covered, at least 3."""
    all = [own["covered"] for own in (top["decision"], *top["agents"].values()) if own is not None]
    full = [place for place in range(len(top["k"])) if min(covered[place] for covered in all) >= 0.99]
    return max(3, full[0] + 1) if full else len(top["k"])


def headroom_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 1.6


def about_headroom(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    bounds = needed(content, "bounds", "bounds")
    return (
        f"Accuracy on {count_of(content['input']['n_examples'], 'example')}: {percent(bounds['best_agent_accuracy'])}"
        f" of the best agent, {short(bounds['best_agent'], 40)}, {percent(content['decision']['accuracy'])} of the"
        f" decision, {percent(bounds['oracle_accuracy'])} of an oracle that is right where some agent is, and"
        f" {percent(bounds['oracle_accuracy_if_independent'])} of one if agents erred independently."
    )


def headroom_waterfall(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw accuracy from the best agent over the decision and the oracle to the oracle if errors were independent."""
    with canvas(audit, ax, headroom_size) as (content, ax):
        bounds, decision = needed(content, "bounds", "bounds"), content["decision"]
        best = bounds["best_agent"]
        rows = [
            (
                f"best agent, {short(best, 14)}",
                bounds["best_agent_accuracy"],
                interval_of(content["agents"][best], "accuracy"),
            ),
            (f"{decision['source']} decision", decision["accuracy"], interval_of(decision, "accuracy")),
            ("oracle", bounds["oracle_accuracy"], None),
            ("oracle if independent", bounds["oracle_accuracy_if_independent"], None),
        ]
        values = [value for _, value, _ in rows]
        spans = [edge for _, _, span in rows if span is not None for edge in span]
        before: float | None = None
        for place, (_, value, span) in enumerate(rows):
            y = len(rows) - 1 - place
            text = percent(value)
            if before is not None:
                colour = (GAIN if value >= before else LOSS) if place < 3 else FAR
                ax.barh(y, value - before, 0.6, left=before, color=colour, linewidth=0)
                ax.plot([before, before], [y + 1, y - 0.3], color=AXIS, linewidth=0.5, zorder=0)
                text = f"{text}  {round(100 * (value - before), 1) + 0.0:+.1f}"
            if span is not None:
                ax.plot(span, [y, y], color=INK, linewidth=0.9)
            ax.plot([value], [y], color=INK, marker="o", markersize=3.4, markerfacecolor=INK)
            beside(ax, y, text)
            before = value
        low, high = min(values + spans), max(values + spans)
        pad = max(0.06 * (high - low), 0.005)
        ax.set_xlim(max(0.0, low - pad), high + pad)
        ax.set_ylim(-0.5, len(rows) - 0.5)
        name_ticks(ax.yaxis, range(len(rows))[::-1], [name for name, _, _ in rows])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        percent_axis(ax.xaxis)
        lines = "; lines: 95 %" if spans else ""
        heading(ax, f"Accuracy on {count_of(content['input']['n_examples'], 'example')}", f"and steps in points{lines}")
    return ax


def shapley_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 0.78 + 0.2 * len(content["agents"])


def _shares(content: Content) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return the statistic that is drawn, its shares, and the attribution."""
    found = needed(content, "attribution", "attribution")
    known = {name: one for name, one in found["statistics"].items() if one is not None}
    if not known:
        raise SabotageError("the audit has no attribution to a statistic that the rule has")
    first = content["settings"]["statistic"]
    name = first if first in known else next(iter(known))
    return name, known[name]["panel"], found


def about_shapley(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    name, shares, found = _shares(content)
    best = max(shares["shapley"], key=lambda agent: shares["shapley"][agent]["value"])
    return (
        f"What each agent adds to the {in_words(name)} of {short(found['rule'], 40)} on"
        f" {count_of(shares['n_examples'], 'example')}, from {shares['nobody']:.4f} without agents to"
        f" {shares['everybody']:.4f} with all: Shapley values with 95 % intervals, the most from {short(best, 40)},"
        f" {shares['shapley'][best]['value']:+.4f}; hollow, what is lost without it alone."
    )


def shapley_bars(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw each agent's Shapley value with its interval, and what is lost when it alone is left out."""
    with canvas(audit, ax, shapley_size) as (content, ax):
        name, shares, found = _shares(content)
        agents = [agent for agent in found["agents"] if agent in shares["shapley"]]
        order = agents_of(content)
        for place, agent in enumerate(agents):
            y = len(agents) - 1 - place
            own, look = shares["shapley"][agent], agent_look(order.index(agent) if agent in order else place)
            ax.barh(y, own["value"], 0.66, color=look.colour, linewidth=0.5, edgecolor=PAPER, hatch=look.hatch)
            if own["interval"] is not None:
                ax.plot(own["interval"], [y, y], color=INK, linewidth=0.9)
            ax.plot([shares["leave_one_out"][agent]["value"]], [y], marker="D", markersize=3.2, color=INK,
                    markerfacecolor=PAPER, markeredgewidth=0.7)  # fmt: skip
            beside(ax, y, f"{own['value']:+.3f}")
        ax.axvline(0, color=AXIS, linewidth=0.6)
        ax.margins(x=0.05)
        ax.set_ylim(-0.55, len(agents) - 0.45)
        name_ticks(ax.yaxis, range(len(agents))[::-1], [short(agent, 16) for agent in agents])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.set_xlabel(in_words(name))
        heading(ax, f"What each agent adds to {in_words(name)}, n = {shares['n_examples']:,}",
                "Shapley value (lines: 95 %); hollow: lost without it alone")  # fmt: skip
    return ax
