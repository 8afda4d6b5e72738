"""The section about people: those with one modality against those with all, and models against both."""

from collections.abc import Mapping, Sequence
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Section,
    Source,
    Text,
    chance,
    counted,
    measured,
    named,
    shared,
)
from sabotage.reports.peopling import SHARED, ambiguity_words

FEW = 40  # rows that stand open
NEVER = "they never speak together there"
GAINS = (
    Column("n", "n", "n"), Column("alone", "alone", "accuracy"), Column("full", "all", "accuracy"),
    Column("difference", "gain", "gain"), Column("helped", "helped", "helped"), Column("hurt", "hurt", "hurt"),
)  # fmt: skip
PEOPLE = Column("people", "people", "people", True)
Fields = Mapping[str, Any]


def people(source: Source) -> Section | None:
    """Return what people gain by having every modality; None where nobody was said to be one."""
    found = source.content.get("people")
    if not found:
        return None
    full = found["full"]
    blocks: list[Block] = [Text(text) for text in found["finding"]]
    blocks += source.drawn("people_gain")
    rows = [(named(one["single"]), *_gain(one), _p(one)) for one in found["gains"]]
    blocks.append(
        Grid(
            "people-gains",
            f"{full}, who had every modality, against people who had one.",
            (PEOPLE, *GAINS, Column("p_adjusted", "p adjusted", "p_gain")),
            tuple(rows),
            "On the examples on which both spoke.",
        )
    )
    left = found["n_classes_left_out"]
    more = f" {left:,} smaller classes are left out." if left else ""
    blocks.append(_parts("people-classes", "The same by class.", "class", found["by_class"], more))
    if found["by_ambiguity"] is not None:
        about = f"Thirds of {ambiguity_words(found['ambiguity'])}; equals are in one third."
        blocks.append(_parts("people-ambiguity", "The same by ambiguity.", "ambiguity", found["by_ambiguity"], about))
    elif found["why_no_ambiguity"]:
        blocks.append(Text(f"By ambiguity: left out, {found['why_no_ambiguity']}.", "soft"))
    if found["errors"]:
        blocks.append(_errors(found["errors"]))
    return Section("people", "People with one modality and with all", "People", tuple(blocks))


def _parts(key: str, caption: str, heading: str, parts: Mapping[str, Sequence[Fields]], about: str) -> Grid:
    rows = [(named(name), named(one["single"]), *_gain(one)) for name, gains in parts.items() for one in gains]
    columns = (Column(heading, heading, heading, True), PEOPLE, *GAINS)
    return Grid(key, caption, columns, tuple(rows), about.strip(), len(rows) > FEW)


def _gain(one: Fields) -> tuple[Datum, ...]:
    difference = one["difference"]
    return (
        counted(one["full"]["n"]),
        *(_rate(one[name]) for name in ("alone", "full")),
        measured(difference["value"], difference["interval"], difference["why"] or "", NEVER, signed=True),
        *(_rate(one[name]) for name in ("helped", "hurt")),
    )


def _p(one: Fields) -> Datum:
    tip = {"mcnemar": "McNemar's exact test", "clusters": "a t-test over groups"}.get(one["p_method"], "")
    return chance(one["p_adjusted"], tip, "fewer than 10 groups, or no spread")


def _errors(errors: Sequence[Fields]) -> Grid:
    columns = (
        Column("model", "model", "agent", True), PEOPLE, Column("n", "n", "n"),
        Column("model_wrong", "model wrong"), Column("person_wrong", "people wrong"),
        Column("wrong_where_wrong", "model, where people err"), Column("wrong_where_right", "model, elsewhere"),
        Column("kappa", "kappa of errors", "kappa_errors"),
        Column("kappa_within_class", "within class", "kappa_within_class"),
    )  # fmt: skip
    rates = ("model_wrong", "person_wrong", "wrong_where_wrong", "wrong_where_right")
    rows = []
    for one in errors:
        kappas = [
            measured(own["value"], own["interval"], own["why"] or "", own["why"] or "")
            for own in (one["kappa"], one["kappa_within_class"])
        ]
        numbers = (counted(one["model_wrong"]["n"]), *(_rate(one[name]) for name in rates))
        rows.append((named(one["model"]), named(one["person"]), *numbers, *kappas))
    about = f"On the examples on which both spoke; {SHARED}."
    return Grid("people-errors", "Whether models fail where people fail.", columns, tuple(rows), about, len(rows) > FEW)


def _rate(rate: Fields) -> Datum:
    tip = f"{rate['count']:,} of {rate['n']:,}"
    return shared(rate["share"], rate["interval"], tip, NEVER)
