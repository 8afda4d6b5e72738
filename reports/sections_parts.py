"""Sections about parts of the panel: by class, by group, and for every threshold of sabotage."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Heading,
    Section,
    Source,
    Text,
    counted,
    exact,
    left_out,
    measured,
    named,
    part_of,
)

from sabotage.saying import percent

RATES = (
    ("accuracy", "accuracy", "accuracy"),
    ("saboteur_per_wrong_decision", "sabotages, of wrong", "saboteur"),
    ("mean_confidence", "confidence", "mean_confidence"),
    ("ece", "ECE", "ece"),
    ("auroc_reliability", "AUROC reliability", "auroc_reliability"),
)
FEW = 6  # agents that have room for an interval each
SWEPT = ("pivotal", "recoverable", "potential")
FLAGS = (
    ("pivotal_saboteur", "pivotal saboteur", "pivotal_saboteur"),
    ("recoverable_saboteur", "recoverable", "recoverable"),
    ("potential_saboteur", "potential saboteur", "potential_saboteur"),
)


def parts(source: Source) -> Section:
    """Return the profiles by class and by group."""
    title, short, found = "By class and by group", "Parts", source.content.get("profiles")
    pictures = source.drawn("sabotage_by_class")
    if found is None:
        missing = left_out(source, "profiles", "profiles by class and by group")
        return Section("parts", title, short, (*pictures, missing))
    blocks: list[Block] = [*pictures, Heading("By class"), *_matrices(source, found["by_class"], "class")]
    blocks.append(Heading("By group"))
    if found["by_group"] is None:
        blocks.append(Text("Left out: no column with groups is named.", "soft"))
    else:
        blocks += _matrices(source, found["by_group"], "group")
    return Section("parts", title, short, tuple(blocks))


def _matrices(source: Source, found: Mapping[str, Any], kind: str) -> list[Block]:
    agents = list(source.agents)
    classes = {label: at for at, label in enumerate(source.content["input"]["classes"])}
    first = Column(kind, str(found["column"]), kind, True)
    shared_columns = (first, Column("n", "n", "n"), Column("n_wrong", "wrong", "decision"))
    counts, accuracies, long = [], [], []
    for at, (label, part) in enumerate(found["parts"].items()):
        place = classes.get(label, at) if kind == "class" else label
        decision, n, wrong = part["decision"], part["n"], part["n_wrong"]
        case = source.case("*", "wrong", kind, place)
        head = (named(label), counted(n), part_of(wrong, n, "examples", case))
        own_counts, own_accuracies = [], []
        for m, agent in enumerate(agents):
            own = part["agents"].get(agent)
            own_counts.append(_sabotages(source, own, wrong, (m, "saboteur", kind, place)))
            span = (_get(own, "intervals") or {}).get("accuracy") if len(agents) <= FEW else None
            own_accuracies.append(measured(_get(own, "accuracy"), span, why="it did not speak there"))
            if own is not None:
                long.append(_row(label, agent, own, wrong))
        counts.append((*head, *own_counts))
        accuracies.append((*head, _accuracy(decision), *own_accuracies))
    by = "recall" if kind == "class" else "accuracy"
    names = tuple(Column(f"agent_{m}", agent, "saboteur") for m, agent in enumerate(agents))
    left = f" {found['n_left_out']:,} more are left out here." if found["n_left_out"] else ""
    over = "counts of wrong decisions that each agent sabotages."
    rights = tuple(Column(f"agent_{m}", agent, by) for m, agent in enumerate(agents))
    blocks: list[Block] = [
        Grid(f"sabotage-by-{kind}", f"Sabotage by {kind}.", (*shared_columns, *names), tuple(counts),
             f"For each {kind}, {over}{left}", len(counts) > 30),
        Grid(f"accuracy-by-{kind}", f"Accuracy by {kind}.",
             (*shared_columns, Column("decision", "decision", by), *rights), tuple(accuracies),
             f"The share right of the decision and of each agent where it spoke.{left}", len(counts) > 12),
    ]  # fmt: skip
    columns = (
        first, Column("agent", "agent", "agent", True), Column("n", "n", "n"),
        Column("saboteur", "saboteur", "saboteur"),
        *(Column(key, heading, term) for key, heading, term in (*FLAGS, *RATES)),
    )  # fmt: skip
    about = f"Numbers of every agent in every {kind}, with intervals.{left}"
    blocks.append(Grid(f"profiles-by-{kind}", f"Profiles by {kind}.", columns, tuple(long), about, True))
    return blocks


def _get(own: Mapping[str, Any] | None, key: str) -> Any:
    return None if own is None else own.get(key)


def _accuracy(decision: Mapping[str, Any]) -> Datum:
    return measured(decision["accuracy"], (decision.get("intervals") or {}).get("accuracy"))


def _count(own: Mapping[str, Any] | None) -> int | None:
    return None if own is None else (own.get("roles") or {}).get("saboteur", own.get("saboteur"))


def _sabotages(source: Source, own: Mapping[str, Any] | None, wrong: int, cell: tuple[object, ...]) -> Datum:
    count = _count(own)
    case = source.case(*cell)
    if count is None:
        return counted(None, why="it did not speak there")
    return Datum(f"{count:,}", count, tip=f"{count:,} of {wrong:,} wrong decisions", case=case if count else None)


def _row(label: str, agent: str, own: Mapping[str, Any], wrong: int) -> tuple[Datum, ...]:
    spans = own.get("intervals") or {}
    flags = [counted(own.get(key)) for key, _, _ in FLAGS]
    values = {key: own.get(key) for key, _, _ in RATES}
    count = _count(own)
    if values["saboteur_per_wrong_decision"] is None and count is not None and wrong:
        values["saboteur_per_wrong_decision"] = count / wrong
    rates = [measured(values[key], spans.get(key), why="too few examples, or none") for key, _, _ in RATES]
    return (named(label), named(agent), counted(own.get("n")), counted(count), *flags, *rates)


def sweep(source: Source) -> Section:
    """Return how many saboteurs there would be at every threshold."""
    title, short = "Threshold sweep", "Thresholds"
    found = (source.content.get("profiles") or {}).get("sweep")
    if found is None:
        missing = left_out(source, "profiles", "counts for other thresholds")
        return Section("sweep", title, short, (missing,))
    agents, wrong = list(source.agents), found["n_wrong"]
    columns = [Column("threshold", "threshold", "threshold"), Column("with_saboteur", "with a saboteur", "saboteur")]
    columns += [Column(f"agent_{m}", agent, "saboteur") for m, agent in enumerate(agents)]
    rows, long = [], []
    for at, threshold in enumerate(found["thresholds"]):
        count, span = found["with_saboteur"][at], found["with_saboteur_interval"][at]
        beside = "" if span is None else f"[{100 * span[0]:.1f}, {100 * span[1]:.1f}]"
        share = "" if not wrong else f"{percent(count / wrong)} {beside}".strip()
        everybody = Datum(f"{count:,}", count, span, share, f"{count:,} of {wrong:,} wrong decisions")
        numbers = [part_of(found["agents"][agent]["saboteur"][at], wrong, "wrong decisions") for agent in agents]
        rows.append((exact(threshold, 2), everybody, *numbers))
        for agent in agents:
            own = found["agents"][agent]
            kinds = [counted(_get(own, key)[at] if _get(own, key) else None) for key in SWEPT]
            share_cell = measured(own["saboteur"][at] / wrong if wrong else None, own["interval"][at])
            long.append((exact(threshold, 2), named(agent), counted(own["saboteur"][at]), share_cell, *kinds))
    about = f"Wrong decisions with a saboteur, of {wrong:,}, if sabotage began at another confidence."
    more = (
        Column("threshold", "threshold", "threshold"), Column("agent", "agent", "agent", True),
        Column("saboteur", "saboteur", "saboteur"), Column("share", "of wrong decisions", "saboteur"),
        Column("pivotal", "pivotal", "pivotal_saboteur"), Column("recoverable", "recoverable", "recoverable"),
        Column("potential", "potential", "potential_saboteur"),
    )  # fmt: skip
    grids = (
        Grid("sweep-table", "Saboteurs at every threshold.", tuple(columns), tuple(rows), about),
        Grid("sweep-long", "The same by agent, with flags and intervals.", more, tuple(long), "", True),
    )
    return Section("sweep", title, short, (*source.drawn("tau_sweep"), *grids))
