"""Slices for people: a table on a terminal, one for a paper, a card in a notebook."""

from collections.abc import Mapping, Sequence
from typing import Any

from sabotage.reports.tables import Cell, Table, in_format, span

from sabotage.saying import p_text, percent, percents
from sabotage.slice_results import Slices
from sabotage.slice_words import describe_slices, label, saboteur

NONE = "-"
MOST_PRINTED = 20
MOST_IN_PAPER = 30


def render(found: Slices, format: str) -> str:
    """Return slices as "csv" (all numbers of all slices), "latex" or "markdown" (what goes into a paper).

    Raises SabotageError for another format.
    """
    return in_format(format, found, full_table, paper_table)


def full_table(found: Slices) -> Table:
    """Return every number of every slice, one column each."""
    rows = [
        {name: int(value) if isinstance(value, bool) else value for name, value in row.items()}
        | {"agent": saboteur(row)}
        for row in found.rows()
    ]
    headings = tuple(rows[0]) if rows else ()
    return Table(headings, tuple(tuple(Cell(_text(value), value) for value in row.values()) for row in rows))


def paper_table(found: Slices) -> Table:
    """Return the first slices, with what was found on one half and confirmed on the other; bold what was confirmed."""
    headings = (
        "slice", "saboteur", "n", "rate", "lift", "p", "first half", "lift", "p", "second half", "lift", "p adjusted",
    )  # fmt: skip
    rows = []
    shown = _rows(found)[:MOST_IN_PAPER]
    for own in shown:
        first, second = own["first"], own["second"]
        rows.append(
            (
                Cell(label(own), label(own)),
                Cell(saboteur(own), saboteur(own)),
                Cell(f"{own['n']:,}", own["n"]),
                _share(own["rate"]),
                _spanned(own["lift"], own["lift_interval"], own["is_confirmed"]),
                _p(own["p_value"]),
                *_half(first),
                _p(None if first is None else first["p_value"]),
                *_half(second),
                _p(own["p_adjusted"]),
            )
        )
    notes = [
        "Lift: the rate over the panel's, on all examples with its 95 % interval, and on each half over that half's."
        " Found: on the first half p at most"
        f" {found.level:g} and a lift above 1; p adjusted, by Holm over all that was found, is of the second half;"
        " bold: confirmed there.",
    ]
    if len(shown) < len(found.slices):
        notes.append(f"{len(found.slices) - len(shown):,} more pairs of slice and saboteur are not shown.")
    return Table(headings, tuple(rows), f"Sabotage in slices of {found.n:,} examples.", tuple(notes))


def slices_card(found: Slices) -> str:
    """Return a notebook's view of slices: what they say, and the table."""
    from sabotage.reports.cards import table_card

    return table_card("Slices", describe_slices(found.to_dict(0), found.named()), paper_table(found))


def print_slices(found: Slices) -> None:
    """Print what was found, and the first slices, those confirmed before all others."""
    from sabotage.reports.terminal import console, name_table, print_notes, safe

    out = console()
    out.print()
    for sentence in describe_slices(found.to_dict(0), found.named()):
        out.print(safe(sentence))
    every = _rows(found)
    shown = every[:MOST_PRINTED]

    def named(own: Mapping[str, Any]) -> str:
        return f"{label(own)}: {'any' if own['agent'] is None else own['agent']}"

    if shown:
        rows = [
            (
                named(own),
                f"{own['n']:,}",
                NONE if own["rate"] is None else f"{percent(own['rate'])}{percents(own['rate_interval'])}",
                _lift_text(own),
                _p(own["p_value"]).text,
            )
            for own in shown
        ]
        out.print()
        out.print(name_table(("n", "rate", "lift", "p"), rows, "slice: saboteur", wraps=True))
        out.print("of all examples, with 95 % intervals; lift: rate over the panel's; p: of as high a rate, one-sided")
    if len(shown) < len(every):
        out.print(f"{len(every) - len(shown):,} more, which --format csv shows")
    halves = [own for own in every if own["is_found"]][:MOST_PRINTED]
    if halves:
        parts = [
            (
                named(own),
                *_on_half(own["first"], own["first"]["p_value"]),
                *_on_half(own["second"], own["p_adjusted"]),
                "yes" if own["is_confirmed"] else "no",
            )
            for own in halves
        ]
        out.print()
        headings = ("first", "lift", "p", "second", "lift", "p adj.", "confirmed")
        out.print(name_table(headings, parts, "slice: saboteur", wraps=True))
        out.print("found on the first half; p adj.: of the second, by Holm over all that was found")
    for column in found.columns:
        if column.moves is not None:
            p = "exact" if column.n_permutations is None else f"{column.n_permutations:,} permutations"
            out.print(safe(f"p by {column.column}: {column.moves} ({p})"))
    out.print()
    print_notes(out, found.notes, most=len(found.notes))


def _rows(found: Slices) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = found.to_dict(len(found.slices))["slices"]
    return rows


def _text(value: object) -> str:
    return NONE if value is None else str(value)


def _share(value: float | None) -> Cell:
    return Cell(NONE, None) if value is None else Cell(percent(value), value)


def _spanned(value: float | None, interval: Sequence[float] | None, bold: bool = False) -> Cell:
    if value is None:
        return Cell(NONE, None)
    ends = None if interval is None else (interval[0], interval[1])
    return Cell(span(value, ends), value, bold)


def _p(value: float | None) -> Cell:
    return Cell(NONE, None) if value is None else Cell(p_text(value), value)


def _half(half: Mapping[str, Any] | None) -> tuple[Cell, Cell]:
    if half is None:
        return Cell(NONE, None), Cell(NONE, None)
    lift = half["lift"]
    counts = Cell(f"{half['n_sabotaged']:,}/{half['n']:,}", f"{half['n_sabotaged']}/{half['n']}")
    return counts, Cell(NONE, None) if lift is None else Cell(f"{lift:.2f}", lift)


def _lift_text(own: Mapping[str, Any]) -> str:
    if own["lift"] is None:
        return NONE
    ends = own["lift_interval"]
    return f"{own['lift']:.2f}" + ("" if ends is None else f" [{ends[0]:.2f}, {ends[1]:.2f}]")


def _on_half(half: Mapping[str, Any], p: float | None) -> tuple[str, str, str]:
    counts, lift = _half(half)
    return counts.text, lift.text, _p(p).text
