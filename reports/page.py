"""HTML: the report as one self-contained page, and the cards that results show in a notebook."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from sabotage.reports.tables import Table

from sabotage.audit import Audit
from sabotage.diagnosis import Diagnosis
from sabotage.errors import printable
from sabotage.remarks import about_ablations
from sabotage.results import Permutation
from sabotage.roles import ROLES
from sabotage.saying import p_text, percent, what_was_not_shown

if TYPE_CHECKING:
    from sabotage.reports.figures import Rendered


def report_page(audit: Audit, rendered: "Rendered | None" = None) -> str:
    """Return the report of an audit: the same bytes for the same audit, no network, all text escaped."""
    from sabotage.reports.figures import render

    if rendered is None:
        rendered = render(audit)
    drawn = [(drawing.title, Markup(rendered.svgs[drawing.name])) for drawing in rendered.drawings]
    limit = None if audit.permutation is None else what_was_not_shown(audit.permutation)
    reading = about_ablations(audit.panel)
    return _render(
        "report.html", audit=audit, data=audit.to_dict(), figures=drawn, roles=ROLES, limit=limit, reading=reading
    )


def audit_card(audit: Audit) -> str:
    """Return a notebook's view of an audit: the finding and the role matrix."""
    return _render("card.html", title="Audit", sentences=audit.finding, audit=audit, roles=ROLES)


def permutation_card(permutation: Permutation) -> str:
    """Return a notebook's view of a permutation test."""
    sentences = [repr(permutation), permutation.verdict.evidence + ".", what_was_not_shown(permutation)]
    return _render("card.html", title="Permutation test", sentences=sentences, audit=None, roles=ROLES)


def diagnosis_card(diagnosis: Diagnosis) -> str:
    """Return a notebook's view of several tests: what each found, and what it did not show."""
    sentences = [text for pair in zip(diagnosis.findings, diagnosis.limits, strict=True) for text in pair]
    return _render("card.html", title="Diagnosis", sentences=sentences, audit=None, roles=ROLES)


def table_card(title: str, sentences: Sequence[str], table: Table) -> str:
    """Return a notebook's view of a table, with what it says above."""
    return _render("table.html", title=title, sentences=sentences, table=table)


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),  # found in editable installs too
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "percent": percent, "p": p_text, "count": "{:,}".format}
    environment.filters |= {"sentence": _sentence, "signed": _signed}
    environment.finalize = lambda value: (
        printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )
    return environment.get_template(template).render(**values)


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _signed(value: float, digits: int = 4) -> str:
    return f"{value:+.{digits}f}"


def _sentence(text: str) -> Markup:
    """Return a sentence in which no line breaks between a number and its per cent."""
    return Markup(str(escape(printable(text))).replace(" %", "&nbsp;%"))
