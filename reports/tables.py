"""A table as text that other programs take: csv for numbers, Markdown and LaTeX for papers.

Names come from files and may hold anything: none can end a cell, run as a formula, or be taken for markup.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sabotage.errors import SabotageError, printable, unknown

# What a spreadsheet may take for the beginning of a formula, in full width too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MINUS = re.compile(r"(?<![\w.])-(?=\.?\d)")
POWER = re.compile(r"(?<=\d)e([+-])0*(\d+)")
SPAN = re.compile(r"(\S+) (\[[^\[\]]+\])")
FEWEST_DECIMALS, USUAL_DECIMALS, MOST_DECIMALS = 2, 3, 4
LINE = 72  # letters of a paper's line

MARKDOWN = {c: "\\" + c for c in "\\`*_|~$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
LATEX = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
}


@dataclass(frozen=True)
class Cell:
    """What stands in a table: a text to read, and the value behind it, None where there is none."""

    text: str
    value: float | int | str | None
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """Headings, rows as long as they are, a caption, and notes that stand below."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise SabotageError where a row has more or fewer cells than there are headings."""
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.headings):
                raise SabotageError(
                    f"row {number} of the table must have {len(self.headings)} cells, one a heading: found {len(row)}"
                )

    @property
    def is_number(self) -> tuple[bool, ...]:
        """Whether each column holds numbers alone, and one at least."""
        columns = [[row[k].value for row in self.rows if row[k].value is not None] for k in range(len(self.headings))]
        return tuple(bool(column) and not any(isinstance(value, str) for value in column) for column in columns)


def rounded(value: float, error: float | None, signed: bool = False) -> str:
    """Write a number as finely as it is known: two significant digits of its error decide, within 2 to 4 decimals.

    Parameters
    ----------
    value : float
    error : float or None
        Standard error, or half the width of an interval; 3 decimals where it is None or 0.
    signed : bool
        Write a plus, for differences.
    """
    decimals = USUAL_DECIMALS
    if error:
        exponent = int(f"{abs(error):.1e}".partition("e")[2])  # after rounding: .00996 is .010
        decimals = min(MOST_DECIMALS, max(FEWEST_DECIMALS, 1 - exponent))
    value = round(value, decimals) + 0.0  # a zero loses its minus
    return f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"


def brief(value: float, interval: tuple[float, float] | None, sign: str = "") -> str:
    """Write a number and its interval with three decimals, as columns of a terminal have room for."""
    numbers = [f"{round(one, 3) + 0.0:{sign}.3f}" for one in (value, *(interval or ()))]  # a zero loses its minus
    return numbers[0] + (f" [{numbers[1]}, {numbers[2]}]" if interval else "")


def span(value: float, interval: tuple[float, float] | None, signed: bool = False) -> str:
    """Write a number with its interval, as finely as half the interval's width tells: 0.735 [0.711, 0.758]."""
    if interval is None:
        return rounded(value, None, signed)
    error = (interval[1] - interval[0]) / 2
    low, high = (rounded(end, error, signed) for end in interval)
    return f"{rounded(value, error, signed)} [{low}, {high}]"


def to_csv(table: Table) -> str:
    """Return the values at full precision, nulls empty, without caption and notes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_no_formula(heading) for heading in table.headings])
    for row in table.rows:
        writer.writerow([_csv_value(cell.value) for cell in row])
    return out.getvalue()


def to_markdown(table: Table) -> str:
    """Return a pipe table of the texts, the caption above and the notes below as paragraphs."""
    body = [[_bold("**", _markdown(cell.text), "**", cell) for cell in row] for row in table.rows]
    lines = [[_markdown(heading) for heading in table.headings], *body]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, table.is_number, strict=True)]
    text = "".join(f"{_piped(line, widths, table.is_number)}\n" for line in [lines[0], rule, *lines[1:]])
    above = "" if table.caption is None else f"{_paragraph(table.caption)}\n\n"
    return above + text + "".join(f"\n{_paragraph(note)}\n" for note in table.notes)


def to_latex(table: Table) -> str:
    r"""Return a table environment of the texts, for the package booktabs; the notes below in \footnotesize.

    What is wider than a line of a paper has its intervals below the numbers, headings on two lines, smaller letters,
    and both columns of the page where there are two.
    """
    is_wide = _width(table) > LINE
    place = "table*" if is_wide else "table"
    lines = [f"\\begin{{{place}}}", r"\centering"]
    if table.caption is not None:
        lines.append(f"\\caption{{{_latex_number(table.caption)}}}")
    if is_wide:
        lines += [r"\footnotesize", r"\setlength{\tabcolsep}{4pt}"]
    columns = "".join("r" if right else "l" for right in table.is_number)
    lines += [f"\\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [_latex_row([_latex(word) for word in line]) for line in _headings(table, is_wide)]
    lines.append(r"\midrule")
    for row in table.rows:
        if is_wide and lines[-1] != r"\midrule":
            lines.append(r"\addlinespace[2pt]")
        lines += _stacked(row) if is_wide else [_latex_row([_latex_cell(cell, cell.text) for cell in row])]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [f"\\par{{\\footnotesize {_latex_number(note)}\\par}}" for note in table.notes]
    return "\n".join([*lines, f"\\end{{{place}}}", ""])


Found = TypeVar("Found")
FORMATS = {"csv": to_csv, "latex": to_latex, "markdown": to_markdown}


def in_format(format: str, found: Found, full: Callable[[Found], Table], paper: Callable[[Found], Table]) -> str:
    """Return a result as "csv" (its full table), "latex" or "markdown" (what goes into a paper).

    Raises SabotageError for another format.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    return FORMATS[format]((full if format == "csv" else paper)(found))


def markdown_text(text: str) -> str:
    """Return text that Markdown shows as it is, in a paragraph of its own."""
    return _paragraph(text)


def latex_text(text: str) -> str:
    """Return text that LaTeX shows as it is."""
    return _latex(text)


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")


def _no_formula(text: str) -> str:
    """Quote a text that a spreadsheet would run."""
    runs = text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text)
    return ("'" if runs else "") + printable(text)


def _csv_value(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return _no_formula(value) if isinstance(value, str) else str(value)


def _markdown(text: str) -> str:
    escaped = "".join(MARKDOWN.get(c, c) for c in _one_line(text)).strip()
    return re.sub(r"\](?=[(\[:])", r"\\]", escaped)  # no link; other brackets are intervals


def _paragraph(text: str) -> str:
    """Write a paragraph that is no list, heading or rule, whatever it begins with."""
    return re.sub(r"^(\d*)([-+=.)#])", r"\1\\\2", _markdown(text))


def _piped(cells: Sequence[str], widths: Sequence[int], is_right: Sequence[bool]) -> str:
    padded = (
        f"{cell:>{width}}" if right else f"{cell:<{width}}"
        for cell, width, right in zip(cells, widths, is_right, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _latex(text: str) -> str:
    escaped = "".join(LATEX.get(c, c) for c in _one_line(text))
    return re.sub(r"-(?=-)", "-{}", escaped)  # two hyphens are no dash


def _latex_number(text: str) -> str:
    """Escape a text in which numbers have a minus, and powers of ten are written as such."""
    return POWER.sub(_power, MINUS.sub("$-$", _latex(text)))


def _power(found: re.Match[str]) -> str:
    return f"$\\times 10^{{{found[1].strip('+')}{found[2]}}}$"


def _latex_cell(cell: Cell, text: str) -> str:
    is_number = cell.value is not None and not isinstance(cell.value, str)
    return _bold(r"\textbf{", _latex_number(text) if is_number else _latex(text), "}", cell)


def _width(table: Table) -> int:
    """Return how many letters a row has, two blanks between columns."""
    columns = zip(table.headings, *([cell.text for cell in row] for row in table.rows), strict=True)
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _headings(table: Table, is_wide: bool) -> list[list[str]]:
    """Return the headings, those of several words on two lines where the table is wide."""
    if not is_wide:
        return [list(table.headings)]
    halves = [_halved(heading) for heading in table.headings]
    return [[half[line] for half in halves] for line in (0, 1) if any(half[line] for half in halves)]


def _halved(text: str) -> tuple[str, str]:
    """Cut a text at the blank that is nearest its middle; without one all of it stands on the second line."""
    blanks = [place for place, letter in enumerate(text) if letter == " "]
    at = min(blanks, key=lambda place: abs(2 * place - len(text)), default=0)
    return text[:at], text[at:].lstrip(" ")


def _stacked(row: Sequence[Cell]) -> list[str]:
    """Write a row whose intervals stand below their numbers."""
    spans = [None if isinstance(cell.value, str) else SPAN.fullmatch(cell.text) for cell in row]
    numbers = [_latex_cell(cell, cell.text if of is None else of[1]) for cell, of in zip(row, spans, strict=True)]
    if not any(spans):
        return [_latex_row(numbers)]
    below = ["" if of is None else f"{{\\scriptsize {_latex_number(of[2])}}}" for of in spans]
    return [_latex_row(numbers), _latex_row(below)]


def _latex_row(cells: Sequence[str]) -> str:
    # After the end of a row a bracket or a star would be taken for an argument of it.
    guard = "{}" if cells[0].lstrip().startswith(("[", "*")) else ""
    return f"{guard}{' & '.join(cells)} \\\\"


def _bold(opening: str, text: str, closing: str, cell: Cell) -> str:
    return f"{opening}{text}{closing}" if cell.bold and text.strip() else text
