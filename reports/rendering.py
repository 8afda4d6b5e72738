"""Templates into text: everything from a file is escaped, and what cannot be printed is spelt out."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sabotage.errors import printable
from sabotage.saying import p_text, percent, typeset

TEMPLATES = Path(__file__).parent / "templates"  # found in editable installs too


def render(template: str, **values: object) -> str:
    """Fill a template of this package; the same values give the same bytes."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "percent": percent, "p": p_text, "count": "{:,}".format}
    environment.filters |= {"sentence": sentence}
    environment.finalize = lambda value: (
        printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )
    return environment.get_template(template).render(**values)


def verbatim(name: str) -> Markup:
    """Return a template's file as it is: the style and the script of the page."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def sentence(text: str) -> Markup:
    """Return a sentence in which no line breaks between a number and its per cent, and a minus is one."""
    return Markup(str(escape(typeset(printable(text)))).replace(" %", "&nbsp;%"))


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
