"""Figures of roles: shares by agent, sabotage by class, and sabotage over the threshold."""

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
    fill_cell,
    heading,
    label_lines,
    legend_below,
    line_height,
    name_ticks,
    needed,
    percent_axis,
    short,
    write_cell,
)
from sabotage.reports.style import AXIS, INK, PAPER, ROLE_COLOURS, agent_look

from sabotage.contents import interval_of
from sabotage.errors import SabotageError, count_of
from sabotage.roles import ROLES
from sabotage.saying import percent, percents

MOST_CLASSES = 24  # in one figure
MOST_NUMBERS = 160  # cells with a count written in
MOST_BANDS = 9  # lines whose intervals can be told apart


def role_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 0.5 + 0.21 * len(content["agents"]) + 0.13 * -(-len(_roles(content)) // _columns(content))


def _roles(content: Content) -> list[str]:
    """Return the roles that there are."""
    return [role for role in ROLES if any(own["roles"][role] for own in content["agents"].values())]


def _columns(content: Content) -> int:
    """Return how many columns of a legend fit under the bars, right of the names."""
    longest = max(len(short(agent)) for agent in content["agents"])
    return max(2, min(4, int((WIDTH - 0.45 - 0.052 * longest) / 0.74)))


def about_roles(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    n = content["input"]["n_examples"]
    agents = content["agents"]
    worst = max(agents, key=lambda agent: agents[agent]["roles"]["saboteur"])
    count = agents[worst]["roles"]["saboteur"]
    most = f"the most frequent saboteur is {short(worst, 40)}, on {count:,}" if count else "nobody is a saboteur"
    return f"Share of {count_of(n, 'example')} on which each agent has each role; {most}."


def role_bars(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the share of each role among all examples, one bar an agent, and write the saboteur's beside it."""
    with canvas(audit, ax, role_size) as (content, ax):
        agents, n = agents_of(content), content["input"]["n_examples"]
        height = np.arange(len(agents))[::-1]
        left = np.zeros(len(agents))
        for role in _roles(content):
            share = np.array([content["agents"][agent]["roles"][role] / n for agent in agents])
            look: dict[str, Any] = {"edgecolor": PAPER, "color": ROLE_COLOURS[role], "linewidth": 0.5}
            if role == "absent":
                look = {"facecolor": "none", "edgecolor": AXIS, "hatch": "//////", "linewidth": 0.4}
            ax.barh(height, share, 0.72, left=left, label=role, **look)
            left += share
        name_ticks(ax.yaxis, range(len(agents))[::-1], [short(agent) for agent in agents])
        ax.set_ylim(-0.5, len(agents) - 0.5)
        ax.set_xlim(0, 1)
        ax.set_xticks(np.linspace(0, 1, 5))
        percent_axis(ax.xaxis)
        for y, agent in zip(height, agents, strict=True):
            own = content["agents"][agent]
            beside(
                ax,
                float(y),
                f"{percent(own['roles']['saboteur'] / n)}{percents(interval_of(own, 'saboteur_per_example'))}",
            )
        ax.annotate("saboteur", (1, 1), xycoords="axes fraction", xytext=(4, 3), textcoords="offset points",
                    fontsize=SMALL)  # fmt: skip
        heading(ax, f"Roles on {count_of(n, 'example')}")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        legend_below(ax, 15, _columns(content), handleheight=0.8)
    return ax


def class_size(content: Content) -> Size:
    """Return width and height in inches."""
    n = len(needed(content, "profiles.by_class.parts", "profile by class"))
    names = max(len(short(agent, 12)) for agent in content["agents"])
    turned = _turned(content)
    return WIDTH, 0.62 + 0.155 * min(n, MOST_CLASSES) + (0.055 * names if turned else 0.1)


def _turned(content: Content) -> bool:
    """Whether the names of agents have to stand upright to fit beside each other."""
    names = [short(agent, 12) for agent in content["agents"]]
    return max(map(len, names)) * len(names) > 42


def _sabotaged(content: Content) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return classes with wrong decisions, most sabotaged first where there are too many, counts and their n."""
    parts = needed(content, "profiles.by_class.parts", "profile by class")
    classes = [name for name in parts if parts[name]["n_wrong"]]
    if not classes:
        raise SabotageError("the audit has no wrong decision, so there is no sabotage to draw by class")
    counts = np.array(
        [[parts[name]["agents"][agent]["roles"]["saboteur"] for agent in content["agents"]] for name in classes]
    )
    if not counts.any():
        raise SabotageError("nobody is a saboteur, so there is no sabotage to draw by class")
    return classes, counts, np.array([parts[name]["n_wrong"] for name in classes])


def about_classes(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    classes, counts, wrong = _sabotaged(content)
    row, column = np.unravel_index(np.argmax(counts), counts.shape)
    agent = short(agents_of(content)[column], 40)
    most = f"the most, {counts[row, column]:,} of {wrong[row]:,}, are {agent}'s in {short(classes[row], 40)}"
    return f"Share of each class's wrong decisions, {wrong.sum():,} in all, that each agent sabotages: {most}."


def sabotage_by_class(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw, class by agent, the share of the class's wrong decisions with the agent as saboteur; counts written in."""
    with canvas(audit, ax, class_size) as (content, ax):
        classes, counts, wrong = _sabotaged(content)
        left_out = 0
        if len(classes) > MOST_CLASSES:
            left_out = len(classes) - MOST_CLASSES
            kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
            classes, counts, wrong = [classes[k] for k in kept], counts[kept], wrong[kept]
        share = counts / wrong[:, None]
        top = max(float(share.max()), 1e-9)
        for row, column in np.ndindex(*share.shape):
            value = share[row, column]
            if value:
                fill_cell(ax, row, column, ROLE_COLOURS["saboteur"], round(0.08 + 0.72 * value / top, 2))
            if counts.size <= MOST_NUMBERS:
                write_cell(ax, row, column, f"{counts[row, column]:,}")
        agents = agents_of(content)
        upright = {"rotation": 90} if _turned(content) else {}
        ax.set_xlim(-0.5, len(agents) - 0.5)
        ax.set_ylim(len(classes) - 0.5, -0.5)
        name_ticks(ax.xaxis, range(len(agents)), [short(agent, 12) for agent in agents], **upright)
        names = [f"{short(name, 16)} ({n:,})" for name, n in zip(classes, wrong, strict=True)]
        name_ticks(ax.yaxis, range(len(classes)), names)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        cells = "" if counts.size > MOST_NUMBERS else "; in a cell: those with the agent as saboteur"
        about = f"in brackets: the class's wrong decisions{cells}; stronger: a larger share, at most {percent(top, 0)}"
        if left_out:
            about += f"; {left_out} more classes, with no more sabotage, are not shown"
        heading(ax, "Wrong decisions that each agent sabotages, by class", about)
    return ax


def sweep_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, line_height(content)


def about_sweep(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    sweep = needed(content, "profiles.sweep", "sweep over thresholds")
    wrong, total, at = sweep["n_wrong"], sweep["with_saboteur"], sweep["thresholds"]
    if not wrong:
        raise SabotageError("the audit has no wrong decision, so there is no sabotage to draw over thresholds")
    return (
        f"Share of the {count_of(wrong, 'wrong decision')} with a saboteur, by agent, over the confidence from which"
        f" misleading is sabotage: with any saboteur from {total[0]:,} at {at[0]:g} to {total[-1]:,} at {at[-1]:g}."
    )


def tau_sweep(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the share of wrong decisions with a saboteur, any and each agent, over the threshold."""
    with canvas(audit, ax, sweep_size) as (content, ax):
        about_sweep(content)  # raises where there is nothing to draw
        sweep = content["profiles"]["sweep"]
        at, wrong = np.array(sweep["thresholds"]), sweep["n_wrong"]
        lines = [("any", sweep["with_saboteur"], sweep["with_saboteur_interval"], INK, "solid", 1.5)]
        for place, agent in enumerate(content["agents"]):
            own, look = sweep["agents"][agent], agent_look(place)
            lines.append((short(agent, 14), own["saboteur"], own["interval"], look.colour, look.line, 1.1))
        ends = []
        for name, counts, intervals, colour, dash, width in lines:
            share = np.array(counts) / wrong
            known = [(x, *span) for x, span in zip(at, intervals, strict=True) if span is not None]
            if known and (len(lines) <= MOST_BANDS or name == "any"):
                x, low, high = np.array(known).T
                ax.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
            ax.plot(at, share, color=colour, linestyle=dash, linewidth=width, label=name)
            ends.append((float(share[0]), name, colour, dash))
        chosen = content["settings"]["threshold"]
        ax.set_xlim(0, 1)
        ax.set_ylim(0, min(1.0, ax.get_ylim()[1]))
        if not isinstance(chosen, str):
            ax.axvline(chosen, color=AXIS, linewidth=0.7, linestyle=(0, (2, 2)), zorder=0)
            ax.annotate(f"{chosen:g}", (chosen, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                        textcoords="offset points", ha="center", fontsize=SMALL)  # fmt: skip
        # Lines are furthest apart where every misleader is a saboteur: names stand there, and the axis opposite.
        ax.yaxis.tick_right()
        ax.spines["left"].set_visible(False)
        ax.spines["right"].set_visible(True)
        percent_axis(ax.yaxis)
        names = label_lines(ax, ends, side="left")
        ax.set_xlabel("confidence from which misleading is sabotage")
        about = "any, and by agent (bands: 95 %)" if len(lines) <= MOST_BANDS else "any (band: 95 %), and by agent"
        heading(ax, f"Share of {count_of(wrong, 'wrong decision')} with a saboteur", about, 11, names)
    return ax
