"""The figure of slices: how many times the panel's rate of sabotage each has."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from sabotage.reports.figures.canvas import (
    SMALL,
    WIDTH,
    Content,
    Size,
    Source,
    beside,
    canvas,
    heading,
    name_ticks,
    needed,
    short,
)
from sabotage.reports.style import AXIS, INK, PAPER, ROLE_COLOURS

from sabotage.errors import SabotageError, are
from sabotage.saying import percent
from sabotage.slice_words import label

MOST_ROWS = 18
MOST_FOUND = 12
STEPS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64)
NAME, WHO = 22, 12  # letters


def slice_size(content: Content) -> Size:
    """Return width and height in inches."""
    return WIDTH, 0.95 + 0.155 * len(_rows(content))


def _rows(content: Content) -> list[Mapping[str, Any]]:
    """Return what was found, then the largest slices with any saboteur, in the order of their columns."""
    found = needed(content, "slices", "slices: analyze with by=[...]")
    known = [own for own in found["slices"] if own["lift"]]
    first = [own for own in known if own["is_found"]][:MOST_FOUND]
    rest = [own for own in known if own["agent"] is None and own not in first]
    rest = sorted(rest, key=lambda own: -own["n"])[: MOST_ROWS - len(first)]
    columns = [own["column"] for own in found["columns"]]
    rest.sort(key=lambda own: (columns.index(own["column"]), -own["lift"]))
    if not first and not rest:
        raise SabotageError("nobody is a saboteur, so there are no lifts of slices to draw")
    return [*first, *rest]


def about_slices(content: Content) -> str:
    """Return what the figure shows, in one sentence."""
    rows = _rows(content)
    found = content["slices"]
    n, confirmed = found["n_found"], found["n_confirmed"]
    top = max(rows, key=lambda own: (own["is_confirmed"], own["is_found"], own["lift"]))
    return (
        f"Rate of sabotage in slices of {found['n']:,} examples over the panel's, with 95 % intervals: {n:,}"
        f" {are(n)} found on one half and {confirmed:,} confirmed on the other; at the top {short(label(top), 40)},"
        f" {_who(top, 40)}, with {top['lift']:.2f} times the panel's rate."
    )


def _name(own: Mapping[str, Any]) -> str:
    """Return a slice for an axis: what is too long is cut in the column first, since slices differ in their values."""
    whole = label(own)
    if len(whole) <= NAME or not whole.startswith(f"{own['column']} "):
        return short(whole, NAME)
    value = short(whole.removeprefix(f"{own['column']} "), NAME - 6)
    return f"{short(own['column'], NAME - 1 - len(value))} {value}"


def _who(own: Mapping[str, Any], most: int = WHO) -> str:
    return "any" if own["agent"] is None else short(own["agent"], most)


def slice_lifts(audit: Source, ax: Axes | None = None) -> Axes:
    """Draw the lift of slices with intervals; filled what was confirmed, open what was found and not confirmed."""
    with canvas(audit, ax, slice_size) as (content, ax):
        rows = _rows(content)
        low, high = _limits(rows)
        height = np.arange(len(rows))[::-1]
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.axvline(1, color=AXIS, linewidth=0.7, zorder=0)
        colour = ROLE_COLOURS["saboteur"]
        for y, own in zip(height.tolist(), rows, strict=True):
            is_found, ends = own["is_found"], own["lift_interval"]
            shade = colour if is_found else INK
            if ends is not None:
                ax.plot(np.clip(ends, low, high), [y, y], color=shade, linewidth=1.0, alpha=1 if is_found else 0.6,
                        zorder=2, solid_capstyle="butt")  # fmt: skip
            fill = colour if own["is_confirmed"] else PAPER if is_found else INK
            ax.scatter(np.clip(own["lift"], low, high), y, s=18 if is_found else 8, facecolor=fill, edgecolor=shade,
                       linewidth=0.9, zorder=3, clip_on=False)  # fmt: skip
            beside(ax, y, f"{percent(own['rate'])} of {own['n']:,}")
        name_ticks(ax.yaxis, height.tolist(), [f"{_name(own)}: {_who(own)}" for own in rows])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ticks = [step for step in STEPS if low <= step <= high]
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(_times))
        ax.set_xlabel("times the panel's rate")
        ax.annotate("rate", (1, 1), xycoords="axes fraction", xytext=(4, 1), textcoords="offset points",
                    fontsize=SMALL)  # fmt: skip
        found = content["slices"]
        left = len(found["slices"]) + found["n_slices_left_out"] - len(rows)
        about = (
            "slice: saboteur; large and filled: confirmed on the other half; open: found on the first only; small: not"
            " found; lines: 95 %"
        )
        if left:
            about += f"; {left:,} more pairs of slice and saboteur are not shown"
        heading(ax, "Sabotage in slices", about, 11)
    return ax


def _times(value: float, place: int | None) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:.0f}"


def _limits(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the ends of the axis: room for every lift, for intervals as far as a factor of 4 from the others."""
    lifts = [own["lift"] for own in rows]
    ends = [end for own in rows for end in own["lift_interval"] or ()]
    low = max(min([*lifts, *ends, 0.6]), min([*lifts, 1]) / 4)
    high = min(max([*lifts, *ends, 1.7]), max([*lifts, 1]) * 4)
    return 0.92 * low, 1.08 * high
