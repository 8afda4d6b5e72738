"""The report as one self-contained page: a pure function of the content of audit.json, its cases and its figures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from sabotage.reports import (
    sections_annotators,
    sections_disagreement,
    sections_panel,
    sections_parts,
    sections_people,
    sections_rules,
    sections_runs,
    sections_scores,
    sections_slices,
    sections_test,
    sections_text,
)
from sabotage.reports.blocks import Datum, Grid, Maker, Pairs, Picture, Section, Source, Text
from sabotage.reports.embedding import as_script, linked
from sabotage.reports.glossary import GLOSSARY
from sabotage.reports.packing import packed
from sabotage.reports.rendering import render, verbatim

from sabotage.saying import not_shown

MAKERS: tuple[Maker, ...] = (
    sections_panel.panel,
    sections_panel.roles,
    sections_scores.profiles,
    sections_scores.calibration,
    sections_scores.coverage,
    sections_rules.rules,
    sections_rules.worth,
    sections_test.permutation,
    sections_scores.reliability,
    sections_parts.parts,
    sections_parts.sweep,
    sections_disagreement.disagreement,
    sections_disagreement.dominance,
    sections_annotators.annotators,
    sections_people.people,
    sections_scores.agreement,
    sections_slices.slices,
    sections_runs.runs,
)
TITLE_MOST = 120  # letters of a title


def report_page(content: Mapping[str, Any], cases: Mapping[str, Any] | None, drawings: Sequence[Picture]) -> str:
    """Return the report: the same bytes for the same content, no network, every text escaped.

    Parameters
    ----------
    content : mapping
        The content of audit.json, of this version or an older one.
    cases : mapping or None
        The content of cases.json, for the examples behind the numbers.
    drawings : sequence of Picture
        The figures that stand in their sections.
    """
    source = Source(content, {} if cases is None else cases["cells"], {picture.name: picture for picture in drawings})
    sections = [section for make in MAKERS if (section := make(source)) is not None]
    sections.append(sections_panel.cases(source, cases))
    last = sections_text.provenance(source)
    used = set(_terms([*sections, last]))
    keys = {datum.case for datum in _data(sections) if datum.case is not None}
    permutation = content.get("permutation")
    return render(
        "report.html",
        content=content,
        title=_title(content),
        limit=None if permutation is None else not_shown(permutation),
        reading=_reading(content),
        sections=sections,
        provenance=last,
        notes=sections_text.notes(source),
        definitions={key: term for key, term in GLOSSARY.items() if key in used},
        cases=None if cases is None else as_script(linked(cases, keys)),
        packed=packed,
        sources=sections_text.SOURCES,
        style=verbatim("report.css"),
        script=verbatim("report.js"),
    )


def _title(content: Mapping[str, Any]) -> str:
    path = content["input"]["path"] or "Predictions in memory"
    name = PurePath(path).name or path  # where it lay is said with the panel
    return name if len(name) <= TITLE_MOST else f"…{name[-TITLE_MOST:]}"


def _reading(content: Mapping[str, Any]) -> list[str]:
    """Return how ablations are to be read, which are the first notes: one for each kind, and one for all."""
    kinds = set(content["input"]["kinds"].values()) & {"only", "without"}
    return [f"{note}." for note in content["notes"][: len(kinds) + 1]] if kinds else []


def _terms(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Grid):
                yield from (column.term for column in block.columns if column.term is not None)
            elif isinstance(block, Text):
                yield from block.terms
            elif isinstance(block, Pairs):
                yield from (term for _, _, term in block.rows if term is not None)


def _data(sections: Sequence[Section]) -> Iterator[Datum]:
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Grid):
                yield from (datum for row in block.rows for datum in row)
