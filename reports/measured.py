"""A number that may not be there, with its interval: as text on a terminal, and as a cell of a paper's table."""

from typing import Protocol

from sabotage.reports.tables import Cell, brief, span

from sabotage.saying import p_text, percent, percents

NONE = "-"


class Spanned(Protocol):
    """A rate, a measure, an estimate: whatever has a value and an interval."""

    @property
    def value(self) -> float | None:
        """The number."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval."""


def share_text(found: Spanned) -> str:
    """Write a share in per cent: 71.3% [69.8%, 72.7%]."""
    return NONE if found.value is None else f"{percent(found.value)}{percents(found.interval)}"


def bare_share(found: Spanned) -> str:
    """Write a share in per cent without its interval."""
    return NONE if found.value is None else percent(found.value)


def gain_text(found: Spanned) -> str:
    """Write a difference of shares in points, with its sign: +2.0 [+1.1, +2.9]."""
    if found.value is None:
        return NONE
    value, *ends = (f"{round(100 * one, 1) + 0.0:+.1f}" for one in (found.value, *(found.interval or ())))
    return value + (f" [{', '.join(ends)}]" if ends else "")


def brief_text(found: Spanned | None) -> str:
    """Write a number with three decimals: 0.735 [0.711, 0.758]."""
    return NONE if found is None or found.value is None else brief(found.value, found.interval)


def chance_text(p: float | None) -> str:
    """Write a p-value."""
    return NONE if p is None else p_text(p)


def span_cell(found: Spanned | None, signed: bool = False) -> Cell:
    """Return a cell with a number as finely as its interval tells."""
    if found is None or found.value is None:
        return Cell(NONE, None)
    return Cell(span(found.value, found.interval, signed), found.value)
