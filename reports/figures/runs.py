"""Figures of several runs: where the variance of sabotage lies, and what agents do from run to run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sabotage.reports.figures.canvas import (
    WIDTH,
    Content,
    Size,
    Source,
    beside,
    canvas,
    heading,
    label_lines,
    name_ticks,
    needed,
    percent_axis,
    short,
)
from sabotage.reports.style import AXIS, INK, PAPER, agent_look

from sabotage.errors import SabotageError, count_of
from sabotage.saying import percent, percents

COLOURS = {"dataset": "#0072b2", "model": "#d55e00", "agent": "#cc79a7", "rest": "#b0b0b0"}
NAMES = {"dataset": "examples", "model": "run", "agent": "agent", "rest": "rest"}
MOST_RUNS = 16  # side by side
MOST_SPANS = 6  # lines whose intervals can be told apart
LETTERS = 15  # of an agent's name


def _variance(content: Content) -> Mapping[str, Any]:
    """Return the split of the variance, with shares."""
    found: Mapping[str, Any] = needed(content, "runs.variance", "split of the variance of sabotage over runs")
    if found["shares"]["dataset"]["share"] is None:
        raise SabotageError("the audit has no split of the variance of sabotage over runs: nothing varies")
    return found


def variance_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 0.72 + 0.24 * (1 + len(_variance(content)["shares"]))


def about_variance(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    found = _variance(content)
    parts = ", ".join(
        f"{NAMES[name]} {percent(own['share'])}{percents(own['interval'])}" for name, own in found["shares"].items()
    )
    return f"{_what(found)} on {count_of(found['n_examples'], 'example')}: {parts}."


def _what(found: Mapping[str, Any]) -> str:
    agents, runs = count_of(found["n_agents"], "agent"), count_of(found["n_runs"], "run")
    return f"Where the variance of sabotage by {agents} in {runs} lies"


def run_variance(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the shares of the variance of sabotage as one stacked bar, and below it each with its interval."""
    with canvas(audit, ax, variance_size) as (content, ax):
        found = _variance(content)
        shares = found["shares"]
        left = 0.0
        for name, own in shares.items():
            ax.barh(len(shares), own["share"], 0.78, left=left, color=COLOURS[name], edgecolor=PAPER, linewidth=0.5)
            left += own["share"]
        for place, (name, own) in enumerate(shares.items()):
            y = len(shares) - 1 - place
            ax.barh(y, own["share"], 0.5, color=COLOURS[name], linewidth=0)
            if own["interval"] is not None:
                ax.plot(own["interval"], [y, y], color=INK, linewidth=0.8)
            beside(ax, y, f"{percent(own['share'])}{percents(own['interval'])}")
        names = ["all", *(NAMES[name] for name in shares)]
        name_ticks(ax.yaxis, range(len(shares), -1, -1), names)
        ax.set_xlim(0, 1)
        ax.set_ylim(-0.5, len(shares) + 0.5)
        percent_axis(ax.xaxis)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        about = "examples: whichever run; run: particular to one; rest: not repeated; lines: 95 %"
        heading(ax, "Where the variance of sabotage lies", about)
    return ax


def _profiles(content: Content) -> Sequence[Mapping[str, Any]]:
    """Return the profiles of the runs that are drawn."""
    found: Sequence[Mapping[str, Any]] = needed(content, "runs.profiles", "other runs: name some with --run")
    return found[:MOST_RUNS]


def _turned(content: Content) -> bool:
    """Whether names of runs have to stand upright to fit beside each other."""
    names = [short(one["run"], 12) for one in _profiles(content)]
    return max(map(len, names)) * len(names) > 34


def _sides(content: Content) -> tuple[float, float]:
    """Return the heights in inches of one of the two diagrams, and of the names of runs below."""
    profiles = _profiles(content)
    lines = len(content["runs"]["agents"]) + 1
    names = max(len(short(one["run"], 18 if _turned(content) else 12)) for one in profiles)
    return max(1.25, 0.125 * (lines + 1)), 0.2 + (0.055 * names if _turned(content) else 0.0)


def slopes_size(content: Content) -> Size:
    """Return width and height in inches."""
    one, below = _sides(content)
    return WIDTH, 2 * one + below + 0.75


def about_slopes(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    profiles = _profiles(content)
    rates = [
        (own["saboteur_per_example"]["value"], agent, one["run"])
        for one in profiles
        for agent, own in one["agents"].items()
    ]
    most, agent, run = max(rates, key=lambda one: one[0])
    over = "the same examples" if content["runs"]["over"] == "same examples" else "different data"
    return (
        f"How often each agent is right, and sabotages, in {count_of(len(profiles), 'run')} over {over}: the highest"
        f" rate of sabotage, {percent(most)}, is that of {short(agent, 40)} in {short(run, 40)}."
    )


def run_slopes(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw how often every agent and the decision are right in each run, and below how often they are sabotaged.

    The two diagrams are axes inside `ax`: `ax.child_axes`.
    """
    with canvas(audit, ax, slopes_size) as (content, ax):
        profiles = _profiles(content)
        ax.set_axis_off()
        apart = 0.24 / _sides(content)[0]
        high = 1 / (2 + apart)
        right = ax.inset_axes((0, high * (1 + apart), 1, high))
        saboteur = ax.inset_axes((0, 0, 1, high))
        ends = _lines(right, content, "accuracy", "accuracy", "decision")
        ends_below = _lines(saboteur, content, "saboteur_per_example", "with_saboteur", "any")
        for own, lines, title in ((right, ends, "right"), (saboteur, ends_below, "saboteurs")):
            own.set_xlim(-0.2, len(profiles) - 0.8)
            percent_axis(own.yaxis)
            name_ticks(own.xaxis, range(len(profiles)), [])
            label_lines(own, lines)
            own.annotate(title, (0, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points")
        upright = {"rotation": 90} if _turned(content) else {}
        names = [short(one["run"], 18 if upright else 12) for one in profiles]
        name_ticks(saboteur.xaxis, range(len(profiles)), names, **upright)
        left_out = len(content["runs"]["profiles"]) - len(profiles)
        n = len(content["runs"]["agents"])
        about = "share of examples; lines upright: 95 %" if n < MOST_SPANS else "share of examples"
        if left_out:
            about += f"; {count_of(left_out, 'more run')} not shown"
        heading(ax, "Right, and sabotaged, run by run", about, 14)
    return ax


def _lines(
    ax: Axes, content: Content, of_agent: str, of_decision: str, name_of_decision: str
) -> list[tuple[float, str, str, Any]]:
    """Draw one line an agent and one of the decision, and return their ends."""
    profiles, agents = _profiles(content), content["runs"]["agents"]
    order = list(content["agents"]) or agents  # an agent has the look that it has in all figures
    lines: list[tuple[str, list[Mapping[str, Any]], str, Any, str]] = [
        (name_of_decision, [one["decision"][of_decision] for one in profiles], INK, "solid", ".")
    ]
    for agent in agents:
        look = agent_look(order.index(agent))
        rates = [one["agents"][agent][of_agent] for one in profiles]
        lines.append((short(agent, LETTERS), rates, look.colour, look.line, look.marker))
    ends = []
    step = min(0.05, 0.3 / len(lines))
    tops = [rate["interval"][1] if rate["interval"] else rate["value"] or 0.0 for _, own, *_ in lines for rate in own]
    for place, (name, rates, colour, dash, marker) in enumerate(lines):
        x = np.arange(len(profiles)) + step * (place - (len(lines) - 1) / 2)
        y = np.array([np.nan if rate["value"] is None else rate["value"] for rate in rates])
        ax.plot(x, y, color=colour, linestyle=dash, marker=marker, markersize=2.6, linewidth=1.0, label=name)
        if len(agents) < MOST_SPANS:
            for at, rate in zip(x, rates, strict=True):
                if rate["interval"] is not None:
                    ax.plot([at, at], rate["interval"], color=colour, linewidth=0.7)
        known = y[~np.isnan(y)]
        if len(known):
            ends.append((float(y[-1]) if not np.isnan(y[-1]) else float(known[-1]), name, colour, dash))
    ax.set_ylim(0, min(1.0, 1.08 * max([*tops, 0.01])))
    ax.grid(axis="y", color=AXIS, alpha=0.25)
    return ends
