"""What became of replies, for people: a table on a terminal, and Markdown with ten examples of each outcome."""

from typing import TYPE_CHECKING

from sabotage.reports.tables import Cell, Table
from sabotage.reports.tables import to_markdown as table_to_markdown

from sabotage.errors import listed, printable
from sabotage.reply_report import AgentReport

if TYPE_CHECKING:
    from sabotage.collecting import Collected

HEADINGS = ("replies", "clean", "mapped", "repaired", "refused", "unusable")
MOST_REASONS, MOST_SPELLINGS = 4, 6
MEANINGS = {
    "clean": "a label, as it is spelt or but for case and marks around it, in a form that is in order",
    "mapped": "a form that is in order, with a synonym, an option's letter or a misspelling",
    "repaired": "a form that was mended, or a label found among other words",
    "refused": "the reply says that it has no answer: missing",
    "unusable": "no answer could be read: missing",
}


def print_collected(collected: "Collected") -> None:
    """Print the counts of each agent, why replies were not clean, which spellings were mapped, and all notes."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out = console()
    rows = [(one.agent, *_counts(one)) for one in collected.report.values()]
    out.print(name_table(HEADINGS, rows))
    for one in collected.report.values():
        for outcome in ("mapped", "repaired", "refused", "unusable"):
            if one.reasons[outcome]:
                out.print(safe(f"{one.agent}, {outcome}: {_reasons(one.reasons[outcome])}"))
        if one.mapped:
            out.print(safe(f"{one.agent}, spellings: {_spellings(one)}"))
        if scales := _scales(one):
            out.print(safe(f"{one.agent}, {scales}"))
    notes = list(collected.notes)
    print_notes(out, notes, most=len(notes))


def print_files(collected: "Collected", table: str, report: str) -> None:
    """Say what was written where."""
    from sabotage.reports.terminal import console, safe

    n, columns = collected.table.num_rows, collected.table.num_columns
    console().print(safe(f"\nwritten to {table}: {n:,} examples, {columns} columns; with examples, {report}"))


def counts_table(collected: "Collected") -> Table:
    """Return the counts of each agent."""
    rows = tuple(
        (
            Cell(one.agent, one.agent),
            Cell(f"{one.n_replies:,}", one.n_replies),
            *(Cell(f"{count:,}", count) for count in one.outcomes.values()),
        )
        for one in collected.report.values()
    )
    return Table(("agent", *HEADINGS), rows)


def collected_card(collected: "Collected") -> str:
    """Return a notebook's view of the counts."""
    from sabotage.reports.cards import table_card

    return table_card("Replies", [f"{collected.table.num_rows:,} examples.", *collected.notes], counts_table(collected))


def to_markdown(collected: "Collected") -> str:
    """Return the report: counts, reasons, spellings, scales, notes, and the first ten replies of each outcome."""
    parts = ["# Replies", table_to_markdown(counts_table(collected)).rstrip()]
    parts.append("\n".join(f"- {name}: {meaning}" for name, meaning in MEANINGS.items()))
    words = listed(f"{word} {value:g}" for word, value in collected.words.items())
    parts.append(
        f"Confidence in words was read as: {words}. Misspellings were taken for a label from a likeness of"
        f" {collected.similarity:g} on."
    )
    parts += ["## Notes", "\n".join(f"- {_plain(note)}" for note in collected.notes)] if collected.notes else []
    for one in collected.report.values():
        parts.append(f"## {_plain(one.agent)}")
        if scales := _scales(one):
            parts.append(f"{_plain(scales[0].upper() + scales[1:])}.")
        rows = tuple(
            (Cell(outcome, outcome), Cell(reason, reason), Cell(f"{count:,}", count))
            for outcome, reasons in one.reasons.items()
            for reason, count in reasons.items()
        )
        parts.append(table_to_markdown(Table(("outcome", "reason", "replies"), rows)).rstrip())
        if one.mapped:
            spelt = tuple((Cell(a, a), Cell(b, b), Cell(f"{count:,}", count)) for a, b, count in one.mapped)
            parts.append(table_to_markdown(Table(("spelling", "label", "replies"), spelt)).rstrip())
        for outcome, examples in one.examples.items():
            if examples:
                parts.append(f"### {_plain(one.agent)}: {outcome}, the first {len(examples)}")
                cells = tuple(
                    tuple(Cell(text, text) for text in (e.id, e.place, e.text, e.label or "-", e.reason))
                    for e in examples
                )
                parts.append(table_to_markdown(Table(("id", "place", "reply", "label", "reason"), cells)).rstrip())
    return "\n\n".join(parts) + "\n"


def _counts(one: AgentReport) -> tuple[str, ...]:
    return (f"{one.n_replies:,}", *(f"{count:,}" for count in one.outcomes.values()))


def _reasons(reasons: dict[str, int]) -> str:
    return listed((f"{reason} {count:,}" for reason, count in reasons.items()), MOST_REASONS)


def _spellings(one: AgentReport) -> str:
    return listed((f"{text!r} as {label} {count:,}" for text, label, count in one.mapped), MOST_SPELLINGS)


def _scales(one: AgentReport) -> str:
    """Word what plain numbers were read as."""
    parts = []
    if one.confidence_scale is not None:
        parts.append(f"confidences as {one.confidence_scale}")
    if one.assessment_scale is not None:
        parts.append(f"self-assessments as {one.assessment_scale}")
    return f"plain numbers: {', '.join(parts)}" if parts else ""


def _plain(text: str) -> str:
    """Write a line of Markdown that is text and nothing else."""
    from sabotage.reports.tables import MARKDOWN

    line = printable(text).replace("\n", "\\n")
    return "".join(MARKDOWN.get(c, c) for c in line).replace("#", "\\#").replace("[", "\\[")
