"""Figures: each a function that takes an audit and an Axes, draws, and returns the Axes."""

import io
import re
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sabotage.reports.style import INK, ROLE_COLOURS, agent_colour, styled
from scipy.stats import binomtest

from sabotage.audit import Audit
from sabotage.errors import printable
from sabotage.roles import ROLES
from sabotage.scoring import BINS

Draw = Callable[[Audit, Axes], Axes]
WIDTH = 3.4  # inches: one column of a paper


def short(name: object, most: int = 24) -> str:
    """Shorten a name for an axis."""
    text = printable(str(name))
    return text if len(text) <= most else text[: most - 1] + "…"


def role_bars(audit: Audit, ax: Axes) -> Axes:
    """Draw the share of each role among all examples, one bar an agent."""
    n = audit.panel.n_examples
    height = np.arange(len(audit.agents))[::-1]
    left = np.zeros(len(audit.agents))
    for role in ROLES:
        share = np.array([profile.roles[role] / n for profile in audit.agents])
        if share.any():
            ax.barh(
                height, share, 0.62, left=left, color=ROLE_COLOURS[role], label=role, edgecolor="white", linewidth=0.4
            )
            for y, x, width in zip(height, left, share, strict=True):
                if role == "saboteur" and width > 0.04:
                    ax.text(
                        x + width / 2, y, f"{100 * width:.0f} %", ha="center", va="center", fontsize=6.5, color="white"
                    )
        left += share
    ax.set_yticks(height, [short(profile.agent) for profile in audit.agents])
    ax.set_xlim(0, 1)
    ax.set_xticks(np.linspace(0, 1, 5), ["0", "25", "50", "75", "100 %"])
    ax.set_title(f"Share of {n:,} examples")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.16), ncols=4, handlelength=1, columnspacing=1.0)
    return ax


def permutation_null(audit: Audit, ax: Axes) -> Axes:
    """Draw the statistic of the shuffled replicates, with the observed and the weightless one."""
    permutation = audit.permutation
    if permutation is None:
        raise ValueError("the audit has no permutation test to draw")
    measure = permutation.measure
    values = np.round(permutation.broken, 9)  # equal statistics may differ in the last bit
    ax.hist(values, bins=min(30, max(5, len(np.unique(values)))), color="#9ec9e2", edgecolor="none")
    ax.axvline(permutation.clean, color="#d55e00", linewidth=1.4, label=f"as observed, {permutation.clean:.3f}")
    ax.axvline(
        permutation.broken_mean, color="#0072b2", linewidth=1, label=f"mean of shuffles, {permutation.broken_mean:.3f}"
    )
    ax.axvline(
        permutation.uniform_weights,
        color=INK,
        linewidth=1,
        linestyle=(0, (2, 2)),
        label=f"every weight 1, {permutation.uniform_weights:.3f}",
    )
    ax.set_title(
        f"{permutation.n_permutations:,} shuffles of {short(audit.panel.weights)},"
        f" two-sided p = {permutation.p_value_two_sided:.2g}"
    )
    ax.set_xlabel(measure)
    ax.set_ylabel("replicates")
    ax.margins(x=0.08)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.24), ncols=2, handlelength=1.4, columnspacing=1.0)
    return ax


def reliability_diagram(audit: Audit, ax: Axes) -> Axes:
    """Draw the share of right labels against confidence, in equal-width bins with 95 % Wilson intervals."""
    panel = audit.panel
    ax.plot([0, 1], [0, 1], color="#aaaaaa", linewidth=0.8, linestyle=(0, (3, 2)))
    edges = np.arange(1, BINS) / BINS
    for m, profile in enumerate(audit.agents):
        known = ~np.isnan(panel.confidence[:, m])
        if not known.any():
            continue
        confidence = panel.confidence[known, m]
        right = panel.labels[known, m] == panel.truth[known]
        bin_of = np.searchsorted(edges, confidence, side="right")
        count = np.bincount(bin_of, minlength=BINS)
        full = count > 0
        hits = np.bincount(bin_of, weights=right, minlength=BINS)[full].astype(int)
        x = np.bincount(bin_of, weights=confidence, minlength=BINS)[full] / count[full]
        share = hits / count[full]
        bounds = [
            binomtest(int(k), int(n)).proportion_ci(method="wilson") for k, n in zip(hits, count[full], strict=True)
        ]
        low, high = share - [b.low for b in bounds], [b.high for b in bounds] - share
        colour = agent_colour(m)
        ax.errorbar(x, share, [np.maximum(low, 0), np.maximum(high, 0)], color=colour, elinewidth=0.6, linewidth=0.9)
        label = f"{short(profile.agent)}, ECE {profile.ece:.3f}, n = {profile.n_confidence:,}"
        ax.scatter(x, share, s=4 + 40 * count[full] / count.max(), color=colour, label=label, zorder=3, linewidth=0)
    ax.set_xlim(0, 1.02)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("confidence")
    ax.set_ylabel("share right")
    ax.set_title("Calibration (dot area: examples; bars: 95 % Wilson)")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=1, handlelength=1)
    return ax


def to_svg(draw: Draw, audit: Audit, height: float) -> str:
    """Draw a figure and return it as an <svg> element, the same bytes for the same audit."""
    with styled():
        figure = Figure(figsize=(WIDTH, height))
        draw(audit, figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}, transparent=True
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Ids are shared by all figures of a page: make them this figure's own.
    prefix = draw.__name__
    svg = re.sub(r'id="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", svg)
    return re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", svg, flags=re.S)
