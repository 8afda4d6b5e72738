"""The figure of annotators: what scores of disagreement tell of their being unsure, and of wrong decisions."""

from collections.abc import Mapping
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
    legend_below,
    name_ticks,
    needed,
)
from sabotage.reports.style import AXIS, PAPER

from sabotage.errors import SabotageError, count_of

UNSURE, WRONG = "#0072b2", "#d55e00"
NAMES = {
    "votes": "pairs that differ",
    "divergence": "divergence of scores",
    "against_fused": "against the decision",
    "fused_entropy": "fused entropy",
    "unsure_agents": "1 − top confidence",
}


def annotator_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 0.8 + 0.24 * len(_scores(content))


def _scores(content: Content) -> list[Mapping[str, Any]]:
    found = needed(content, "annotators.scores", "scores of disagreement")
    compared = [one for one in found if one["comparison"] is not None]
    if not compared:
        raise SabotageError("the audit has no annotators who are unsure of some examples and sure of others")
    return compared


def about_annotators(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    scores, known = _scores(content), content["annotators"]["known"]
    best = max(scores, key=lambda one: one["comparison"]["auroc"]["value"])
    return (
        f"AUROC, with 95 % intervals, of each score of disagreement for annotators being unsure, {known['n_unsure']:,}"
        f" of {count_of(known['n'], 'example')}, and for the decision being wrong; the highest for unsure annotators is"
        f" {best['comparison']['auroc']['value']:.3f}, {NAMES.get(best['score'], best['score'])}."
    )


def annotator_disagreement(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the AUROC of every score for unsure annotators and for wrong decisions, with intervals, against one half."""
    with canvas(audit, ax, annotator_size) as (content, ax):
        scores, known = _scores(content), content["annotators"]["known"]
        kinds = (
            ("annotators unsure", UNSURE, "o", 0.13, [one["comparison"]["auroc"] for one in scores]),
            ("decision wrong", WRONG, "D", -0.13, [one["auroc_error"] for one in scores]),
        )
        height = np.arange(len(scores))[::-1].astype(float)
        ends = [0.5]
        for name, colour, marker, shift, found in kinds:
            label: str | None = name
            for y, own in zip(height + shift, found, strict=True):
                if own is None:
                    continue
                span = own["interval"] or (own["value"], own["value"])
                ax.plot(span, [y, y], color=colour, linewidth=1)
                fill = colour if marker == "o" else PAPER
                ax.plot([own["value"]], [y], color=colour, marker=marker, markersize=3.4, linestyle="none",
                        markerfacecolor=fill, markeredgewidth=0.8, label=label)  # fmt: skip
                label = None
                ends += [*span, own["value"]]
        for y, one in zip(height, scores, strict=True):
            parts = [f"{own['value']:.2f}" if own else "–" for own in (one["comparison"]["auroc"], one["auroc_error"])]
            beside(ax, float(y), " / ".join(parts))
        pad = 0.04 * (max(ends) - min(ends) or 1)
        ax.axvline(0.5, color=AXIS, linewidth=0.7, linestyle=(0, (2, 2)), zorder=0)
        ax.set_xlim(min(ends) - pad, max(ends) + pad)
        ax.set_ylim(-0.5, len(scores) - 0.5)
        name_ticks(ax.yaxis, height.tolist(), [NAMES.get(one["score"], one["score"]) for one in scores])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("AUROC (lines: 95 %)")
        heading(ax, "What disagreement between agents tells",
                f"annotators are unsure of {known['n_unsure']:,} of {known['n']:,} examples")  # fmt: skip
        legend_below(ax, 27, 2, handlelength=1.0)
    return ax
