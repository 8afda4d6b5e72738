"""Figures of the permutation test: the null distribution, and the dose-response."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from sabotage.reports.figures.canvas import (
    SMALL,
    WIDTH,
    Content,
    Size,
    Source,
    canvas,
    figure_of,
    heading,
    needed,
    percent_axis,
    short,
)
from sabotage.reports.style import AXIS, INK

from sabotage.errors import count_of
from sabotage.measures import in_words
from sabotage.saying import p_text, percent, typeset

OBSERVED, SHUFFLED = "#d55e00", "#56b4e9"
ROOM = 1.5  # of the height of the bars, for what is written above them
MARK_TEXT = 52.0  # points: the width of a mark's text


def null_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 2.25


def about_null(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    test = needed(content, "permutation", "permutation test: analyze with n_permutations above 0")
    needed(content, "curves.null", "histogram of the permutation test")
    return (
        f"{in_words(test['statistic']).capitalize()} of {count_of(content['input']['n_examples'], 'example')} under"
        f" {count_of(test['n_permutations'], 'shuffle')} of reliability, {test['broken_mean']:.4f} on average, with"
        f" {test['clean']:.4f} as observed and {test['uniform_weights']:.4f} with every weight 1; two-sided p ="
        f" {p_text(test['p_value_two_sided'])}."
    )


def permutation_null(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the statistic over shuffles, the normal curve of its exact moments, the observed and the weightless one."""
    with canvas(audit, ax, null_size) as (content, ax):
        about_null(content)  # raises where there is nothing to draw
        test, null = content["permutation"], content["curves"]["null"]
        edges, counts = np.array(null["edges"]), np.array(null["counts"])
        width = float(edges[1] - edges[0])
        mean, deviation = test["exact_mean"], test["exact_sd"]
        marks = [
            (test["clean"], f"as observed\n{test['clean']:.4f}", OBSERVED, "solid"),
            (test["uniform_weights"], f"every weight 1\n{test['uniform_weights']:.4f}", INK, (0, (2, 1.5))),
        ]
        low = min(edges[0], *(mark[0] for mark in marks))
        high = max(edges[-1], *(mark[0] for mark in marks))
        pad = 0.06 * (high - low)
        if not test["broken_sd"]:  # every shuffle gives the same: the width of its bin means nothing
            ax.bar(test["broken_mean"], counts.sum(), 0.5 * pad, color=SHUFFLED, alpha=0.75, linewidth=0)
        else:
            ax.stairs(counts, edges, fill=True, color=SHUFFLED, alpha=0.75, linewidth=0)
        top = float(counts.max())
        if mean is not None and deviation:
            x = np.linspace(mean - 4 * deviation, mean + 4 * deviation, 121)
            y = np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * (2 * np.pi) ** 0.5)
            ax.plot(x, y * counts.sum() * width, color=INK, linewidth=0.8)
            top = max(top, float((y * counts.sum() * width).max()))
        ax.set_xlim(low - pad, high + pad)
        ax.set_ylim(0, ROOM * top)
        _mark(ax, marks)
        weights = short(content["settings"]["weights"], 16)
        what = in_words(test["statistic"])
        about = f"two-sided p = {p_text(test['p_value_two_sided'])}, n = {content['input']['n_examples']:,}"
        title = f"{what[0].upper()}{what[1:]} under {count_of(test['n_permutations'], 'shuffle')} of {weights}"
        heading(ax, title, about)
        curve = "" if mean is None or not deviation else " (line: normal, exact moments)"
        ax.set_xlabel(f"{what}{curve}")
        ax.set_ylabel("shuffles")
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.ticklabel_format(axis="x", useOffset=False)
    return ax


def _mark(ax: Axes, marks: Sequence[tuple[float, str, str, Any]]) -> None:
    """Draw two marks with their texts above the bars, away from each other where there is room, never across a mark."""
    low, high = ax.get_xlim()
    room = MARK_TEXT / (ax.get_window_extent().width / figure_of(ax).dpi * 72)
    places = [(mark[0] - low) / (high - low) for mark in marks]
    for k, (value, text, colour, dash) in enumerate(marks):
        is_left = places[k] < places[1 - k] or (places[k] == places[1 - k] and k == 0)
        left = is_left if room <= (places[k] if is_left else 1 - places[k]) else not is_left
        # One that has to point at the other mark stands above it, and the other's line ends below its text.
        is_inward = left != is_left
        line = 0.99 if is_inward else 0.85
        ax.plot([value, value], [0, line * ax.get_ylim()[1]], color=colour, linewidth=1.2, linestyle=dash)
        ax.annotate(typeset(text), (value, line), xycoords=("data", "axes fraction"), xytext=(-3 if left else 3, 0),
                    textcoords="offset points", ha="right" if left else "left", va="top",
                    fontsize=SMALL, linespacing=1.05)  # fmt: skip


def dose_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 2.2


def about_dose(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    doses = needed(content, "dose_response", "dose-response: analyze with dose_response=True")
    first = doses["first_seen"]
    seen = "never seen" if first is None else f"first seen at {percent(first, 0)}"
    return (
        f"Gap of the permutation test when a share of {count_of(content['input']['n_examples'], 'example')} takes the"
        f" best reliability there could be, up to {doses['doses'][-1]['gap']:+.4f} at all of them; {seen} (p at most"
        f" .05 in 80 % of {doses['n_draws']} draws, {count_of(doses['n_permutations'], 'shuffle')} each)."
    )


def dose_response(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the gap over the share of examples with perfect reliability; dots are filled where it is seen."""
    with canvas(audit, ax, dose_size) as (content, ax):
        about_dose(content)  # raises where there is nothing to draw
        found = content["dose_response"]
        share, gap, seen = (np.array([dose[name] for dose in found["doses"]]) for name in ("share", "gap", "seen"))
        ax.axhline(0, color=AXIS, linewidth=0.5)
        delta = content["settings"]["delta"]
        ax.axhline(delta, color=AXIS, linewidth=0.7, linestyle=(0, (2, 2)))
        ax.annotate(f"delta {delta:g}", (1, delta), xycoords=("axes fraction", "data"), xytext=(0, 2),
                    textcoords="offset points", ha="right", va="bottom", fontsize=SMALL)  # fmt: skip
        ax.plot(share, gap, color=OBSERVED, linewidth=1.1, zorder=2)
        fills = [OBSERVED if often >= 0.8 else "#ffffff" for often in seen]
        ax.scatter(share, gap, s=16, c=fills, edgecolors=OBSERVED, linewidths=0.9, zorder=3)
        top = max(float(gap.max()), delta, 1e-9)
        ax.set_ylim(min(0.0, float(gap.min())) - 0.06 * top, 1.28 * top)
        for x, y, often in zip(share, gap, seen, strict=True):
            ax.annotate(f"{100 * often:.0f}", (x, y), xytext=(0, 5), textcoords="offset points", ha="center",
                        va="bottom", fontsize=SMALL)  # fmt: skip
        ax.set_xlim(-0.06, 1.04)
        ax.set_xticks(np.linspace(0, 1, 6))
        percent_axis(ax.xaxis)
        ax.set_xlabel("share of examples with perfect reliability")
        ax.set_ylabel(f"gap in {in_words(content['settings']['statistic'])}")
        first = found["first_seen"]
        said = "never seen" if first is None else f"first seen at {percent(first, 0)}"
        heading(ax, f"Dose-response: {said}", f"numbers: % of {found['n_draws']} draws with p ≤ .05")
    return ax
