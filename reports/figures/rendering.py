"""Figures as SVG for a page, and as files for a paper: the same bytes for the same audit."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from sabotage.reports.figures.canvas import Source, content_of
from sabotage.reports.figures.registry import Drawing, drawings
from sabotage.reports.style import AXIS, INK, PAPER, styled

from sabotage.errors import printable, unknown
from sabotage.files import make_folder, written

FORMATS = ("svg", "png", "pdf")
DPI = 300
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_THEME = {INK: f"var(--ink, {INK})", AXIS: f"var(--axis, {AXIS})", PAPER: f"var(--paper, {PAPER})"}


@contextmanager
def drawn(drawing: Drawing, audit: Source) -> Iterator[Figure]:
    """Draw a figure in the style, and save it in there too."""
    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name in a script that the font lacks
        figure = Figure(figsize=drawing.size, dpi=72)  # as SVG has it
        drawing.draw(content_of(audit), figure.add_subplot())
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, the same in every format
        yield figure


@dataclass(frozen=True)
class Rendered:
    """All figures of one audit, drawn once: `drawings`, `svgs` for a page by name, `files` by name of the file."""

    drawings: tuple[Drawing, ...]
    svgs: dict[str, str]
    files: dict[str, bytes]


def render(audit: Source, formats: Sequence[str] = (), names: Sequence[str] | None = None) -> Rendered:
    """Draw figures once, for a page and in every format.

    Parameters
    ----------
    audit : Audit or dict
    formats : sequence of {"svg", "png", "pdf"}
    names : sequence of str, optional
        Of `drawings(audit)`; all by default.
    """
    formats, svgs, files = check_formats(formats), {}, {}
    kept = tuple(drawings(audit, names))
    for drawing in kept:
        with drawn(drawing, audit) as figure:
            text = _svg(figure)
            svgs[drawing.name] = _for_page(text, drawing)
            for format in formats:
                made = text.encode() if format == "svg" else _saved(figure, format)
                files[f"{drawing.name}.{format}"] = made
    return Rendered(kept, svgs, files)


def to_svg(drawing: Drawing, audit: Source) -> str:
    """Return a figure as an <svg> element for a page.

    Its ids begin with the figure's name, and ink, axes and paper take the colours --ink, --axis and --paper of the
    page's style sheet, where it has them.
    """
    with drawn(drawing, audit) as figure:
        return _for_page(_svg(figure), drawing)


def write_figures(
    audit: Source,
    folder: str | Path,
    formats: Sequence[str] = ("svg", "png"),
    names: Sequence[str] | None = None,
) -> list[str]:
    """Write every figure that the audit has data for, in every format, and return the names of the files.

    Parameters
    ----------
    audit : Audit or dict
    folder : str or Path
        Made where there is none.
    formats : sequence of {"svg", "png", "pdf"}
        png is on white, 300 dots an inch; svg and pdf have no background.
    names : sequence of str, optional
        Of the figures; all by default.

    Raises
    ------
    SabotageError
        For another format, or where the folder cannot be written.
    """
    files = render(audit, formats, names).files
    folder = Path(folder)
    make_folder(folder)
    with ExitStack() as stack:
        for name, made in files.items():
            stack.enter_context(written(folder / name)).write_bytes(made)
    return list(files)


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return formats once each; raises SabotageError for one that is none."""
    for name in formats:
        if name not in FORMATS:
            raise unknown("figure format", name, FORMATS)
    return tuple(dict.fromkeys(formats))


def _svg(figure: Figure) -> str:
    """Return the whole text of an SVG file, without what changes from run to run."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", buffer.getvalue(), flags=re.S)
    # Hundredths of a point are enough for places, though not for the scale of letters.
    text = re.sub(r' (?:d|x|y)="[^"]*"|translate\([^)]*\)', lambda found: _NUMBER.sub(_rounded, found[0]), text)
    return re.sub(r"\n\s*", "\n", text)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _saved(figure: Figure, format: str) -> bytes:
    buffer = io.BytesIO()
    metadata = dict.fromkeys(("CreationDate", "Creator", "Producer") if format == "pdf" else ("Software",))
    figure.savefig(buffer, format=format, metadata=metadata, dpi=DPI, transparent=format == "pdf")
    return buffer.getvalue()


def _for_page(text: str, drawing: Drawing) -> str:
    svg = text[text.index("<svg") :]
    # Groups have ids that nothing refers to; those that stay are made this figure's own.
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda own: f' id="{drawing.name}-{own[1]}"' if own[1] in used else "", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{drawing.name}-", svg)
    svg = re.sub("|".join(_THEME), lambda colour: _THEME[colour[0]], svg)
    start = svg.index(">")
    label = f'<title id="{drawing.name}-title">{escape(printable(drawing.about))}</title>'
    return f'{svg[:start]} role="img" aria-labelledby="{drawing.name}-title">{label}{svg[start + 1 :]}'
