"""Figures of the permutation test: the null distribution, and the dose-response."""

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
    heading,
    needed,
    percent_axis,
    plural,
    short,
)
from sabotage.reports.style import AXIS, INK

from sabotage.measures import in_words
from sabotage.saying import p_text, percent

OBSERVED, SHUFFLED = "#d55e00", "#56b4e9"


def null_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 2.25


def about_null(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    test = needed(content, "permutation", "permutation test: analyze with n_permutations above 0")
    needed(content, "curves.null", "histogram of the permutation test")
    return (
        f"{in_words(test['statistic']).capitalize()} of {plural(content['input']['n_examples'], 'example')} under"
        f" {plural(test['n_permutations'], 'shuffle')} of reliability, {test['broken_mean']:.4f} on average, with"
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
        ax.stairs(counts, edges, fill=True, color=SHUFFLED, alpha=0.75, linewidth=0)
        top = float(counts.max())
        mean, deviation = test["exact_mean"], test["exact_sd"]
        if mean is not None and deviation:
            x = np.linspace(mean - 4 * deviation, mean + 4 * deviation, 121)
            y = np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * (2 * np.pi) ** 0.5)
            ax.plot(x, y * counts.sum() * width, color=INK, linewidth=0.8)
            top = max(top, float((y * counts.sum() * width).max()))
        marks = [
            (test["clean"], f"as observed {test['clean']:.4f}", OBSERVED, "solid"),
            (test["uniform_weights"], f"every weight 1 {test['uniform_weights']:.4f}", INK, (0, (2, 1.5))),
        ]
        low = min(edges[0], *(mark[0] for mark in marks))
        high = max(edges[-1], *(mark[0] for mark in marks))
        pad = 0.06 * (high - low)
        ax.set_xlim(low - pad, high + pad)
        ax.set_ylim(0, 1.36 * top)
        for level, (value, text, colour, dash) in enumerate(marks):
            # Two lines of text above the bars: what is marked never covers the other's mark.
            share = 0.985 - 0.1 * level
            ax.plot([value, value], [0, 1.36 * top * (share - 0.01)], color=colour, linewidth=1.2, linestyle=dash)
            left = value > (low + high) / 2
            ax.annotate(text, (value, share), xycoords=("data", "axes fraction"), xytext=(-3 if left else 3, 0),
                        textcoords="offset points", ha="right" if left else "left", va="top",
                        fontsize=SMALL)  # fmt: skip
        weights = short(content["settings"]["weights"], 16)
        what = in_words(test["statistic"])
        about = f"two-sided p = {p_text(test['p_value_two_sided'])}, n = {content['input']['n_examples']:,}"
        title = f"{what[0].upper()}{what[1:]} under {plural(test['n_permutations'], 'shuffle')} of {weights}"
        heading(ax, title, about)
        curve = "" if mean is None or not deviation else " (line: normal, exact moments)"
        ax.set_xlabel(f"{what}{curve}")
        ax.set_ylabel("shuffles")
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.ticklabel_format(axis="x", useOffset=False)
    return ax


def dose_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 2.2


def about_dose(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    doses = needed(content, "dose_response", "dose-response: analyze with dose_response=True")
    first = doses["first_seen"]
    seen = "never seen" if first is None else f"first seen at {percent(first, 0)}"
    return (
        f"Gap of the permutation test when a share of {plural(content['input']['n_examples'], 'example')} takes the"
        f" best reliability there could be, up to {doses['doses'][-1]['gap']:+.4f} at all of them; {seen} (p at most"
        f" .05 in 80 % of {doses['n_draws']} draws, {plural(doses['n_permutations'], 'shuffle')} each)."
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
