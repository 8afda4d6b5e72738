"""The figure of agreement between agents: shares of alike labels, and Cohen's kappa."""

import numpy as np
from matplotlib.axes import Axes
from sabotage.reports.figures.canvas import (
    WIDTH,
    Content,
    Size,
    Source,
    agents_of,
    canvas,
    fill_cell,
    heading,
    name_ticks,
    short,
    write_cell,
)

from sabotage.errors import SabotageError

AGREE, KAPPA, APART = "#0072b2", "#009e73", "#d55e00"
ROOMY = 8  # agents up to which two decimals fit a cell


def agreement_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, min(0.75 + 0.34 * len(content["agents"]), 3.5)


def _matrix(content: Content) -> tuple[list[str], np.ndarray, int, int]:
    """Return agents, agreement below and kappa above the diagonal (M, M), NaN for none, and the range of n."""
    agents = agents_of(content)
    pairs = content["between_agents"]["pairs"] if "between_agents" in content else []
    if not pairs:
        raise SabotageError("the audit has one agent, and agreement takes two")
    place = {agent: at for at, agent in enumerate(agents)}
    values = np.full((len(agents), len(agents)), np.nan)
    for pair in pairs:
        a, b = sorted((place[pair["first"]], place[pair["second"]]))
        values[b, a] = np.nan if pair["agreement"] is None else pair["agreement"]
        values[a, b] = np.nan if pair["cohen_kappa"] is None else pair["cohen_kappa"]
    n = [pair["n"] for pair in pairs]
    return agents, values, min(n), max(n)


def about_agreement(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    _, _, least, most = _matrix(content)
    pairs = [pair for pair in content["between_agents"]["pairs"] if pair["cohen_kappa"] is not None]
    n = f"{most:,} examples" if least == most else f"{least:,} to {most:,} examples"
    if not pairs:
        return f"Agreement of every two agents on the {n} on which both speak, and Cohen's kappa, which none has."
    best = max(pairs, key=lambda pair: pair["cohen_kappa"])
    return (
        f"Agreement of every two agents on the {n} on which both speak, and Cohen's kappa: the highest kappa,"
        f" {best['cohen_kappa']:.3f}, is that of {short(best['first'], 40)} and {short(best['second'], 40)}."
    )


def agreement_matrix(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the agreement of every two agents below the diagonal, and Cohen's kappa above it."""
    with canvas(audit, ax, agreement_size) as (content, ax):
        agents, values, least, most = _matrix(content)
        roomy = len(agents) <= ROOMY
        for row, column in np.ndindex(*values.shape):
            value = values[row, column]
            if row == column or np.isnan(value):
                continue
            colour = (AGREE if row > column else KAPPA) if value >= 0 else APART
            strength = round(0.06 + 0.69 * min(abs(float(value)), 1.0), 2)
            fill_cell(ax, row, column, colour, strength)
            text = f"{value:.2f}" if roomy else f"{100 * value:.0f}"
            write_cell(ax, row, column, text)
        names = [short(agent, 12) for agent in agents]
        upright = {"rotation": 90} if max(map(len, names)) * len(names) > 40 else {}
        ax.set_xlim(-0.5, len(agents) - 0.5)
        ax.set_ylim(len(agents) - 0.5, -0.5)
        name_ticks(ax.xaxis, range(len(agents)), names, **upright)
        name_ticks(ax.yaxis, range(len(agents)), names)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        n = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        unit = "" if roomy else " in %"
        heading(ax, f"Agreement{unit}, n = {n}", "below: share of alike labels (blue); above: Cohen's kappa (green)")
    return ax
