"""The section about slices: what was found on one half and confirmed on the other, and every slice that was counted."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Listing,
    Pairs,
    Section,
    Source,
    Text,
    chance,
    counted,
    exact,
    measured,
    named,
    part_of,
    shared,
)
from sabotage.reports.noting import as_sentence

from sabotage.errors import count_of
from sabotage.saying import series
from sabotage.slice_words import describe_slices, label, saboteur, standing

MOST_OPEN = 12  # rows of a table that is not folded


def slices(source: Source) -> Section | None:
    """Return the slices, None where none were asked for."""
    found = source.content.get("slices")
    if found is None:
        return None
    every = found["slices"]
    names = [*source.content["input"]["agents"], *(own["column"] for own in found["columns"])]
    sentences = describe_slices(found, [own for own in every if own["is_confirmed"]])
    blocks: list[Block] = [
        Text(as_sentence(text, names), "" if k else "strong", () if k else ("slice", "found", "confirmed"))
        for k, text in enumerate(sentences)
    ]
    blocks += source.drawn("slice_lifts")
    halves = [own for own in every if own["is_found"]]
    if halves:
        blocks.append(_halves(halves))
    blocks.append(_every(found, every))
    blocks.append(_panel(found))
    blocks.append(Pairs(tuple((f"by {own['column']}", _how(own), None) for own in found["columns"])))
    if found["notes"]:
        blocks.append(Listing("Notes on the slices", tuple(as_sentence(note, names) for note in found["notes"])))
    return Section("slices", "Where there is more sabotage", "Slices", tuple(blocks))


def _halves(rows: list[Mapping[str, Any]]) -> Grid:
    """Return what was found, on both halves."""
    columns = [Column("slice", "slice", "slice", True), Column("saboteur", "saboteur", "saboteur", True)]
    for name, word in (("first", "first half"), ("second", "second half")):
        columns += [
            Column(f"{name}_n", word, "n"), Column(f"{name}_rate", "rate", "slice_rate"),
            Column(f"{name}_lift", "lift", "slice_lift"), Column(f"{name}_p", "p", "slice_p"),
        ]  # fmt: skip
    columns += [Column("p_adjusted", "p adjusted", "confirmed"), Column("standing", "standing", "confirmed", True)]
    cells = [
        (
            named(label(own)),
            named(saboteur(own)),
            *_half(own["first"]),
            *_half(own["second"]),
            chance(own["p_adjusted"]),
            named(standing(own)),
        )
        for own in rows
    ]
    about = "What was found on the first half is tested again on the second, which had no say in finding it."
    caption = "Slices found on one half, and what the other says."
    return Grid("slices-found", caption, tuple(columns), tuple(cells), about, len(cells) > MOST_OPEN)


def _half(half: Mapping[str, Any] | None) -> tuple[Datum, Datum, Datum, Datum]:
    if half is None:
        none = counted(None, why="there are no halves")
        return none, none, none, none
    why = "there is no sabotage in this half" if half["n"] else "the slice has no example in this half"
    tip = f"{half['n_sabotaged']:,} of {count_of(half['n'], 'example')}"
    return (
        counted(half["n"]),
        shared(half["rate"], tip=tip, why=why),
        exact(half["lift"], 2, why=why),
        chance(half["p_value"], why=why),
    )


def _every(found: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> Grid:
    """Return every slice on all examples."""
    columns = (
        Column("slice", "slice", "slice", True), Column("saboteur", "saboteur", "saboteur", True),
        Column("n", "n", "n"), Column("n_sabotaged", "sabotaged", "saboteur"),
        Column("rate", "rate", "slice_rate"), Column("of_wrong", "of wrong decisions", "saboteur"),
        Column("lift", "lift", "slice_lift"), Column("difference", "less the rest", "slice_difference"),
        Column("p_value", "p", "slice_p"), Column("p_value_two_sided", "p, two-sided", "slice_p"),
        Column("standing", "standing", "confirmed", True),
    )  # fmt: skip
    cells = []
    for own in rows:
        tip = f"{own['n_sabotaged']:,} of {count_of(own['n'], 'example')}"
        of_wrong = f"{own['n_sabotaged']:,} of {count_of(own['n_wrong'], 'wrong decision')}"
        few = "it rests on too little"
        cells.append(
            (
                named(label(own)),
                named(saboteur(own)),
                counted(own["n"]),
                part_of(own["n_sabotaged"], own["n"], "examples"),
                shared(own["rate"], own["rate_interval"], tip, few),
                shared(own["of_wrong"], own["of_wrong_interval"], of_wrong, "no decision is wrong there"),
                measured(own["lift"], own["lift_interval"], why="never a saboteur in the panel"),
                measured(own["difference"], own["difference_interval"], why="there is no rest", signed=True),
                chance(own["p_value"], why="not tested"),
                chance(own["p_value_two_sided"], why="not tested"),
                named(standing(own)),
            )
        )
    left = found["n_slices_left_out"]
    more = f" {left:,} more, with less to say, are left out." if left else ""
    about = (
        "Intervals of 95 %; p, on all examples, is not adjusted for how many slices were looked at: what is confirmed"
        f" is.{more}"
    )
    caption = f"Sabotage in slices of {found['n']:,} examples."
    return Grid("slices-table", caption, columns, tuple(cells), about, len(cells) > MOST_OPEN)


def _panel(found: Mapping[str, Any]) -> Grid:
    """Return the rates of the panel, which lifts are over."""
    columns = (
        Column("saboteur", "saboteur", "saboteur", True), Column("rate", "rate", "slice_rate"),
        Column("of_wrong", "of wrong decisions", "saboteur"),
    )  # fmt: skip
    cells = tuple(
        (
            named(saboteur(own)),
            shared(own["rate"], own["rate_interval"], f"{own['n_sabotaged']:,} of {found['n']:,} examples"),
            shared(own["of_wrong"], own["of_wrong_interval"], f"of {found['n_wrong']:,}", "no decision is wrong"),
        )
        for own in found["panel"]
    )
    return Grid("slices-panel", "Sabotage in the panel, which lifts are over.", columns, cells, "", True)


def _how(own: Mapping[str, Any]) -> str:
    """Say how a column was cut, and what its p-values rest on."""
    cut = {"quartiles": "quartiles", "class": "the classes", "group": "the groups"}.get(own["kind"], "its values")
    parts = [f"{cut}, {count_of(own['n_slices'], 'slice')}"]
    if own["n_left_out"]:
        parts.append(f"{count_of(own['n_left_out'], 'more value')} left out")
    if own["moves"] is not None:
        n = own["n_permutations"]
        parts.append(f"p: {own['moves']} ({'exact' if n is None else f'{n:,} permutations'})")
    return series(parts) if len(parts) == 1 else "; ".join(parts)
