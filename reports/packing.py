"""Tables that are too long to stand on the page as markup: rows as data, made when the table is opened."""

from typing import Any

from markupsafe import Markup
from sabotage.reports.blocks import Datum, Grid
from sabotage.reports.embedding import as_script

from sabotage.errors import printable

DIGITS = 4  # significant, of a value in a packed table
MOST_PACKED = 250_000  # bytes of one table: beyond, it is left to audit.json


def packed(grid: Grid) -> Markup | None:
    """Return the rows as JSON, each cell a text or [text, beside, value, low, high, tip, case]; None if too many.

    Tips and values that can be told from the text are left out.
    """
    found = as_script([[_cell(datum) for datum in row] for row in grid.rows])
    return found if len(found.encode("utf-8", "replace")) <= MOST_PACKED else None


def _cell(datum: Datum) -> Any:
    low, high = datum.interval if datum.interval is not None else (None, None)
    value = None if isinstance(datum.value, str | int) else _brief(datum.value)
    cell = [printable(datum.text), datum.beside, value, _brief(low), _brief(high), None, datum.case]
    while len(cell) > 1 and not cell[-1] and cell[-1] != 0:
        cell.pop()
    return cell[0] if len(cell) == 1 else cell


def _brief(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
