"""Figures of confidence: calibration, right against wrong, and risk over coverage."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, Transform
from sabotage.reports.figures.canvas import (
    SMALL,
    WIDTH,
    Content,
    Size,
    Source,
    agents_of,
    below,
    beside,
    canvas,
    figure_of,
    heading,
    label_lines,
    line_height,
    name_ticks,
    needed,
    percent_axis,
    short,
)
from sabotage.reports.style import AXIS, ROLE_COLOURS, agent_look

from sabotage.contents import interval_of
from sabotage.errors import SabotageError
from sabotage.saying import series
from sabotage.scoring import BINS

COUNTS_TO = 0.22  # of a diagram's height, for its counts
SETTLED = 0.1  # of the examples, from which on a curve of risk sets the scale
APART, TITLED = 0.17, 0.29  # inches between diagrams, and between rows of them, for their titles


def _confident(content: Content) -> list[str]:
    """Return the agents with a confidence."""
    bins = needed(content, "curves.calibration", "calibration curves")
    agents = [agent for agent in content["agents"] if bins[agent]["equal_width"]]
    if not agents:
        raise SabotageError("the audit has no confidence to draw")
    return agents


def _grid(content: Content) -> tuple[int, int]:
    """Return rows and columns of the diagrams."""
    n = len(_confident(content))
    columns = n if n <= 2 else 2 if n == 4 else 3 if n <= 9 else 4
    return -(-n // columns), columns


def _side(content: Content) -> float:
    """Return the side of one square diagram in inches."""
    columns = _grid(content)[1]
    return 2.0 if columns == 1 else (WIDTH - 0.45 - APART * (columns - 1)) / columns


def reliability_size(content: Content) -> Size:
    """Return width and height in inches."""
    rows, columns = _grid(content)
    side = _side(content)
    return columns * side + APART * (columns - 1) + 0.45, rows * (side + TITLED) + 0.66


def about_reliability(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    agents = _confident(content)
    errors = series([f"{short(a, 40)} {content['agents'][a]['ece']:.3f}" for a in agents])
    return (
        f"Share of labels that are right against their confidence, in 15 bins of equal width with 95 % Wilson intervals"
        f" of independent examples; calibration error (ECE): {errors}."
    )


def reliability_diagram(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw share right against confidence, one diagram an agent, with intervals, and the counts of the bins below.

    The diagrams are axes inside `ax`, in the order of the agents: `ax.child_axes`.
    """
    with canvas(audit, ax, reliability_size) as (content, ax):
        agents = _confident(content)
        rows, columns = _grid(content)
        looks = {agent: agent_look(place) for place, agent in enumerate(content["agents"])}
        ax.set_axis_off()
        side = _side(content)
        gap, titled = APART / side, TITLED / side
        wide, high = 1 / (columns + gap * (columns - 1)), 1 / (rows + titled * (rows - 1))
        for place, agent in enumerate(agents):
            row, column = divmod(place, columns)
            own = ax.inset_axes((column * (1 + gap) * wide, 1 - (row * (1 + titled) + 1) * high, wide, high))
            _diagram(own, content, agent, looks[agent].colour)
            own.tick_params(labelbottom=place + columns >= len(agents), labelleft=column == 0)
            label = own.annotate(_label(content, agent, columns), (0, 1), xycoords="axes fraction", xytext=(0, 2),
                                 textcoords="offset points", fontsize=SMALL, linespacing=1.15)  # fmt: skip
            label.set_parse_math(False)
        ax.text(0.5, 0, "confidence, %", transform=below(ax, 12), ha="center", va="top", fontsize=7)
        ax.text(0, 0.5, "right, %", transform=_left_of(ax, 17), ha="right", va="center", rotation=90, fontsize=7)
        ax.yaxis.set_visible(False)
        n = [content["agents"][agent]["n_confidence"] for agent in agents]
        most = "" if columns < 3 else f"; n = {max(n):,}" if min(n) == max(n) else f"; n = {min(n):,} to {max(n):,}"
        about = f"{BINS} bins (lines: 95 %; bars: examples){most}"
        heading(ax, "Share right against confidence", about, 21)
    return ax


def _label(content: Content, agent: str, columns: int) -> str:
    """Return what stands above one agent's diagram, as much of it as there is room for."""
    own = content["agents"][agent]
    span = interval_of(own, "ece")
    if columns > 2:
        return f"{short(agent, 14 if columns == 3 else 10)}\nECE {own['ece']:.3f}"
    interval = "" if span is None else f" [{span[0]:.3f}, {span[1]:.3f}]"
    return f"{short(agent, 14)}, n = {own['n_confidence']:,}\nECE {own['ece']:.3f}{interval}"


def _left_of(ax: Axes, points: float) -> Transform:
    """Return the transform of a place that many points left of the axes."""
    return ax.transAxes + ScaledTranslation(-points / 72, 0, figure_of(ax).dpi_scale_trans)


def _diagram(ax: Axes, content: Content, agent: str, colour: str) -> None:
    """Draw one agent's calibration."""
    bins = content["curves"]["calibration"][agent]["equal_width"]
    n = np.array([one["n"] for one in bins])
    share = np.array([one["n_right"] for one in bins]) / n
    x = np.array([one["mean_confidence"] for one in bins])
    low, high = np.array([one["interval"] for one in bins]).T
    counts = np.zeros(BINS)
    counts[[int(one["low"] * BINS + 0.5) for one in bins]] = n / n.max() * COUNTS_TO
    ax.stairs(counts, np.arange(BINS + 1) / BINS, fill=True, color=AXIS, alpha=0.35, linewidth=0)
    ax.plot([0, 1], [0, 1], color=AXIS, linewidth=0.6, linestyle=(0, (3, 2)))
    reach = np.maximum([share - low, high - share], 0)
    ax.errorbar(x, share, reach, color=colour, elinewidth=0.7, linewidth=0.9, marker="o", markersize=2.4,
                clip_on=False)  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_aspect("equal")
    ax.set_xticks([0, 0.5, 1], ["0", "50", "100"])
    ax.set_yticks([0, 0.5, 1], ["0", "50", "100"])


def histogram_size(content: Content) -> Size:
    """Return width and height in inches."""
    n = len(_confident(content))
    return WIDTH, 0.68 + (0.42 if n <= 8 else 0.3) * n


def about_histograms(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    agents = _confident(content)
    means = series([f"{short(a, 40)} {content['agents'][a]['mean_confidence']:.3f}" for a in agents])
    return f"How often each agent has each confidence, where its label is right and where it is wrong; mean: {means}."


def confidence_histograms(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw how often each agent has each confidence: right labels upwards, wrong ones downwards, one row an agent."""
    with canvas(audit, ax, histogram_size) as (content, ax):
        agents = _confident(content)
        steps = content["curves"]["confidences"]
        edges = np.array(steps["edges"])
        names = []
        for place, agent in enumerate(agents):
            own, base = steps["agents"][agent], float(len(agents) - 1 - place)
            right, wrong = np.array(own["right"]), np.array(own["wrong"])
            unit = 0.86 / max(right.max() + wrong.max(), 1)
            zero = base - 0.43 + wrong.max() * unit
            for counts, sign, role in ((right, 1, "contributor"), (wrong, -1, "saboteur")):
                ax.stairs(zero + sign * counts * unit, edges, baseline=zero, fill=True, color=ROLE_COLOURS[role],
                          linewidth=0)  # fmt: skip
            ax.plot([0, 1], [zero, zero], color=AXIS, linewidth=0.5)
            names.append(short(agent, 16))
            beside(ax, base, f"{right.sum():,} right\n{wrong.sum():,} wrong")
        chosen = content["settings"]["threshold"]
        if not isinstance(chosen, str):
            ax.axvline(chosen, color=AXIS, linewidth=0.7, linestyle=(0, (2, 2)), zorder=0)
        name_ticks(ax.yaxis, range(len(agents))[::-1], names)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlim(0, 1)
        ax.set_ylim(-0.5, len(agents) - 0.5)
        ax.set_xticks(np.linspace(0, 1, 6))
        dashed = "" if isinstance(chosen, str) else f" (dashed: the threshold, {chosen:g})"
        ax.set_xlabel(f"confidence{dashed}")
        heading(ax, "Confidence of right labels (up) and wrong ones (down)")
    return ax


def _risks(content: Content) -> dict[str, dict[str, Any]]:
    """Return the curves of the agents that have one."""
    risk = needed(content, "curves.risk_coverage", "curves of risk over coverage")
    found = {agent: risk[agent] for agent in content["agents"] if risk[agent] is not None}
    if not found:
        raise SabotageError("the audit has no confidence to draw")
    return found


def risk_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, line_height(content)


def about_risk(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    agents = content["agents"]
    areas = series([f"{short(agent, 40)} {agents[agent]['aurc']:.3f}" for agent in _risks(content)])
    return (
        "Error rate among the most confident share of each agent's labels, equal confidences in expectation over their"
        f" order; area under the curve (AURC): {areas}."
    )


def risk_coverage(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw each agent's error rate among its most confident labels, over the share of them that is kept."""
    with canvas(audit, ax, risk_size) as (content, ax):
        found, ends = _risks(content), []
        for place, agent in enumerate(agents_of(content)):
            if agent not in found:
                continue
            own, look = found[agent], agent_look(place)
            ax.plot(own["coverage"], own["risk"], color=look.colour, linestyle=look.line, label=short(agent))
            ends.append((own["risk"][-1], f"{short(agent, 10)} {_area(content, agent)}", look.colour, look.line))
        ax.set_xlim(0, 1)
        # The first few of a curve are one or two examples, which may all be wrong: they do not set the scale.
        top = max(
            risk for own in found.values() for risk, share in zip(own["risk"], own["coverage"], strict=True)
            if share >= SETTLED
        )  # fmt: skip
        ax.set_ylim(0, min(1.0, 1.15 * top) or 1)
        percent_axis(ax.xaxis)
        percent_axis(ax.yaxis)
        label_lines(ax, ends)
        ax.set_xlabel("share kept, most confident first")
        ax.set_ylabel("of them wrong")
        sizes = sorted({own["n"] for own in found.values()})
        both = " to ".join(f"{n:,}" for n in (sizes if len(sizes) == 1 else (sizes[0], sizes[-1])))
        heading(ax, "Risk over coverage", f"area under it [95 %]; n = {both}")
    return ax


def _area(content: Content, agent: str) -> str:
    """Return the area under an agent's curve, with its interval where there is one."""
    profile = content["agents"][agent]
    span = interval_of(profile, "aurc")
    return f"{profile['aurc']:.2f}" + ("" if span is None else f" [{span[0]:.2f}, {span[1]:.2f}]")
