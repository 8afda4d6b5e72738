"""What the figures share: the content of an audit, axes of the right size, names, labels at the ends of lines."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, ScaledTranslation
from sabotage.reports.style import styled

from sabotage.errors import SabotageError, printable
from sabotage.saying import typeset

Content = Mapping[str, Any]
Source = Any  # an Audit or whatever else has `content`, or the dict of an audit.json
Size = tuple[float, float]

WIDTH = 3.4  # inches: one column of a paper
SMALL = 6.5  # points: the smallest text
TEXT = 7.0


def content_of(audit: Source) -> Content:
    """Return the content of audit.json, of an audit or of what was loaded.

    Raises
    ------
    SabotageError
        If it is neither.
    """
    content = getattr(audit, "content", audit)
    if not isinstance(content, Mapping) or "agents" not in content or "input" not in content:
        raise SabotageError(
            f"a figure is drawn from an Audit or the dict of an audit.json: found {type(audit).__name__}"
        )
    return content


@contextmanager
def canvas(audit: Source, ax: Axes | None, size: Callable[[Content], Size]) -> Iterator[tuple[Content, Axes]]:
    """Give the content and the axes to draw on, new ones of the right size where there are none, in the style."""
    content = content_of(audit)
    with styled():
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure(figsize=size(content)).add_subplot()
        yield content, ax


def needed(content: Content, key: str, what: str) -> Any:
    """Return content[key]["inner"] of a dotted key; raises SabotageError with `what` where it is missing or None."""
    found: Any = content
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
        if found is None:
            raise SabotageError(f"the audit has no {what}")
    return found


def short(name: object, most: int = 20) -> str:
    """Shorten a name for an axis, in its middle: names that begin alike often differ in their ends."""
    text = " ".join(printable(str(name)).split())
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


def agents_of(content: Content) -> list[str]:
    """Return the agents in file order."""
    return list(content["agents"])


def name_ticks(axis: Axis, at: Sequence[float], names: Sequence[str], **look: Any) -> None:
    """Put names at ticks; a $ in a name is a $, also on axes that were made in another style."""
    axis.set_ticks(list(at), list(names), parse_math=False, **look)


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes stand in, the outermost: `get_figure(root=True)` is of matplotlib 3.10."""
    whole: Figure = ax.figure.figure
    return whole


def below(ax: Axes, points: float) -> Any:
    """Return the transform of a place that many points below the axes: x and y in shares of the axes."""
    return ax.transAxes + ScaledTranslation(0, -points / 72, figure_of(ax).dpi_scale_trans)


def legend_below(ax: Axes, points: float, columns: int, **options: Any) -> None:
    """Put the legend below the axes, from their left edge on."""
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below(ax, points), ncols=columns, **options)


def heading(ax: Axes, title: str, about: str = "", above: float = 4, names: Sequence[Annotation] = ()) -> None:
    """Write a title, and what it is about in a smaller line, so many points above the axes.

    They begin where the names at the left of the axes do, not at the axes, which would leave half of the width: the
    labels of ticks, and `names`.
    """

    def left(renderer: RendererBase) -> Bbox:
        ticks = ax.yaxis.get_tightbbox(renderer)
        boxes = [name.get_window_extent(renderer) for name in names]
        x = min(box.x0 for box in (ax.bbox, ticks, *boxes) if box is not None)
        return Bbox.from_extents(x, ax.bbox.y0, ax.bbox.x1, ax.bbox.y1)

    # Of axes that fill a figure; a text that is too wide would make them narrower.
    width = figure_of(ax).get_size_inches()[0] * 72 * ax.get_position().width / 0.775
    y = above
    for text, size in ((about, SMALL), (title, 7.5)):
        if text:
            text = textwrap.fill(text, max(10, int(width / (0.545 * size))))
            label = ax.annotate(text, (0, 1), xycoords=(left, "axes fraction"), xytext=(0, y),
                                textcoords="offset points", ha="left", va="bottom", fontsize=size,
                                annotation_clip=False)  # fmt: skip
            label.set_parse_math(False)
            y += 1.2 * size * (1 + text.count("\n")) + 1.5


def beside(ax: Axes, y: float, text: str) -> None:
    """Write a small text right of the axes, at a height of the data."""
    text = typeset(text)
    ax.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=SMALL, linespacing=1.1, annotation_clip=False)  # fmt: skip


def height_of(ax: Axes) -> float:
    """Return the height of axes in points, about: a layout may yet change it."""
    return float(ax.get_window_extent().height / figure_of(ax).dpi * 72)


def spread(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move values apart, as little as it takes, so that neighbours are at least `gap` apart between low and high."""
    n = len(values)
    if n == 0:
        return []
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = np.argsort(values, kind="stable")
    # Blocks of touching labels lie around the mean of where they would be: pool those that overlap.
    blocks: list[list[float]] = []  # wanted start, number
    for place in order:
        start, size = float(np.clip(values[place], low, high)), 1.0
        while blocks and blocks[-1][0] + blocks[-1][1] * gap > start:
            before, count = blocks.pop()
            start = (before * count + (start - count * gap) * size) / (count + size)
            size += count
            start = min(max(start, low), high - (size - 1) * gap)
        blocks.append([start, size])
    placed = [start + k * gap for start, size in blocks for k in range(int(size))]
    out = [0.0] * n
    for place, value in zip(order, placed, strict=True):
        out[int(place)] = value
    return out


def label_lines(ax: Axes, ends: Sequence[tuple[float, str, str, Any]], side: str = "right") -> list[Annotation]:
    """Write what lines are beside their ends, moved apart where they would overlap, and return the texts.

    Texts are in ink, since colours that can be seen on light and on dark paper cannot be read on both; a piece of the
    line leads to each.

    Parameters
    ----------
    ax : Axes
        With its final limits of y.
    ends : sequence of (value of y, text, colour, line style)
    side : {"right", "left"}
    """
    low, high = ax.get_ylim()
    points = height_of(ax) / (high - low)
    places = spread([y for y, *_ in ends], 1.15 * SMALL / points, low, high)
    at, way, align = (1.0, 1, "left") if side == "right" else (0.0, -1, "right")
    labels = []
    for (y, text, colour, dash), place in zip(ends, places, strict=True):
        where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        away = (place - y) * points
        lead = {"arrowstyle": "-", "color": colour, "linestyle": dash, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (at, y), xytext=(12 * way, away), arrowprops=lead, annotation_clip=False, **where)
        label = ax.annotate(text, (at, y), xytext=(14 * way, away), ha=align, va="center", fontsize=SMALL,
                            annotation_clip=False, **where)  # fmt: skip
        label.set_parse_math(False)
        labels.append(label)
    return labels


def line_height(content: Content, least: float = 2.2) -> float:
    """Return the height in inches of a figure whose lines are labelled at their ends."""
    return max(least, 0.75 + 0.125 * (len(content["agents"]) + 3))


def fill_cell(ax: Axes, row: int, column: int, colour: str, strength: float) -> None:
    """Fill the cell of a matrix; strength from 0 to 1 is how much of the paper the colour covers."""
    # No clipping, and no part in the layout: a matrix has hundreds of cells, all inside its axes.
    cell = Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=strength, linewidth=0, clip_on=False)
    ax.add_patch(cell)
    cell.set_in_layout(False)
    cell.set_clip_on(False)


def write_cell(ax: Axes, row: int, column: int, text: str) -> None:
    """Write into the cell of a matrix."""
    ax.text(column, row, text, ha="center", va="center", fontsize=SMALL, in_layout=False)


def percent_axis(axis: Axis) -> None:
    """Write shares as percentages."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
