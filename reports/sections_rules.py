"""Sections about rules and agents as a choice: rules compared, and what each agent is worth."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Grid,
    Listing,
    Section,
    Source,
    Text,
    chance,
    estimated,
    left_out,
    measured,
    named,
    part_of,
)
from sabotage.reports.noting import as_sentence

from sabotage.measures import in_words
from sabotage.saying import level

TERMS = {"accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy", "macro_f1": "macro_f1"}


def rules(source: Source) -> Section:
    """Return the rules compared, each with its reference."""
    found = source.content.get("comparison")
    if found is None:
        return Section("rules", "Rules compared", "Rules", (left_out(source, "comparison", "the rules compared"),))
    statistic = found["statistic"]
    names = [*source.content["input"]["agents"], *(entry["name"] for entry in found["rules"])]
    columns = [
        Column("rule", "rule", "rule", True), Column(statistic, in_words(statistic), TERMS[statistic]),
        Column("difference", "difference", "difference"), Column("p_adjusted", "p adjusted", "p_adjusted"),
    ]  # fmt: skip
    others = [name for name in found["rules"][0]["values"] if name != statistic]
    columns += [Column(name, in_words(name), TERMS[name]) for name in others]
    columns += [
        Column("log_loss", "log loss", "log_loss"), Column("ece", "ECE", "ece"),
        Column("n_with_saboteur", "with a saboteur", "saboteur"),
        Column("n_with_pivotal", "with a pivotal one", "pivotal_saboteur"),
        Column("captured", "captured", "captured"), Column("mean_rank", "mean rank", "mean_rank"),
        Column("gap", "gap", "gap"), Column("verdict", "verdict", "verdict", True),
    ]  # fmt: skip
    rows = [_rule(found, entry, statistic, others) for entry in found["rules"]]
    over = f"{found['n_examples']:,} examples"
    if found["n_clusters"] != found["n_examples"]:
        over += f" in {found['n_clusters']:,} clusters"
    about = (
        f"Differences to {found['reference']}, or of an intervention to its rule, on the same {over}; p of equal"
        " accuracy, adjusted by Holm. Counts are of wrong decisions."
    )
    findings = [Text(as_sentence(text, names)) for text in found["finding"]]
    notes = Listing("Notes on the comparison", tuple(as_sentence(text, names) for text in found["notes"]))
    grid = Grid("rules-table", "Fusion rules on the same examples.", tuple(columns), tuple(rows), about)
    return Section("rules", "Rules compared", "Rules", (*findings, grid, notes))


def _rule(found: Mapping[str, Any], entry: Mapping[str, Any], statistic: str, others: list[str]) -> tuple[Any, ...]:
    own, quality, ahead, gap = entry["values"][statistic], entry["quality"], entry["difference"], entry["gap"]
    why = _reason(found)
    difference = measured(None, why="this is what the others are compared with")
    p = captured = difference
    if ahead is not None:
        against = ahead["values"][statistic]
        alone = f"{ahead['n_only']:,} right alone, {ahead['n_reference_only']:,} the reference alone"
        difference = measured(against["difference"], against["difference_interval"], alone, signed=True)
        p, captured = (
            chance(ahead["p_adjusted"], why=why("p_adjusted")),
            estimated(ahead["captured"], why=why("captured")),
        )
    marks = [
        "best" if entry["name"] == found["best"] else "",
        "reference" if entry["name"] == found["reference"] else "",
    ]
    wrong = quality["n_wrong"]
    return (
        named(entry["name"], ", ".join(filter(None, marks))),
        measured(own["value"], own["interval"]),
        difference,
        p,
        *(measured(entry["values"][name]["value"], entry["values"][name]["interval"]) for name in others),
        measured(quality["log_loss"], why=why("log_loss")),
        measured(quality["ece"], why=why("ece")),
        part_of(quality["n_with_saboteur"], wrong, "wrong decisions"),
        part_of(quality["n_with_pivotal"], wrong, "wrong decisions", why=why("pivotal")),
        captured,
        measured(entry["mean_rank"], why=why("mean_rank")),
        measured(None, why=why("gap")) if gap is None else measured(gap["gap"], gap["interval"], signed=True),
        measured(None, why=why("gap")) if gap is None else named(gap["verdict"]),
    )


def _reason(found: Mapping[str, Any]) -> Any:
    return lambda name: next((note for note in found["notes"] if name in note and "null" in note), "")


def worth(source: Source) -> Section:
    """Return the Shapley value of every agent, what is lost without it, and how pairs interact."""
    found = source.content.get("attribution")
    title, short = "What each agent is worth", "Worth"
    if found is None:
        return Section("worth", title, short, (left_out(source, "attribution", "the Shapley values"),))
    names = list(found["agents"])
    columns, cells, texts = [Column("agent", "agent", "agent", True)], {name: [named(name)] for name in names}, []
    for statistic, one in found["statistics"].items():
        words = in_words(statistic)
        if one is None:
            texts.append(Text(f"Left out: {words}, for {found['reasons'][statistic]}.", "soft"))
            continue
        own = one["panel"]
        columns += [
            Column(f"{statistic}_shapley", f"Shapley, {words}", "shapley"),
            Column(f"{statistic}_leave_one_out", "lost without", "leave_one_out"),
        ]
        ends = f"{level(own['nobody'], statistic)} without agents, {level(own['everybody'], statistic)} with all"
        texts.append(Text(as_sentence(f"{words}: {ends}"), "soft"))
        for name in names:
            over = f"over {own['n_examples']:,} examples"
            cells[name] += [estimated(own[key][name], over, signed=True) for key in ("shapley", "leave_one_out")]
    blocks: list[Block] = [*source.drawn("shapley_bars")]
    if len(columns) > 1:
        rows = tuple(tuple(row) for row in cells.values())
        blocks.append(Grid("worth-table", f"What each agent adds to {found['rule']}.", tuple(columns), rows))
    pairs = _interactions(found)
    blocks += [pairs] if pairs is not None else []
    notes = [as_sentence(note, names) for note in found["notes"]]
    if found["n_orders"] is not None:
        notes.append(f"Shapley values are from {found['n_orders']:,} sampled orders of the agents.")
    listing = [Listing("Notes on the values", tuple(notes))] if notes else []
    return Section("worth", title, short, (*blocks, *texts, *listing))


def _interactions(found: Mapping[str, Any]) -> Grid | None:
    """Return the interactions in the first statistic that has them."""
    for statistic, one in found["statistics"].items():
        pairs = None if one is None else one["panel"]["interactions"]
        if not pairs:
            continue
        rows = [(named(", ".join(pair["agents"])), estimated(pair, signed=True)) for pair in pairs]
        columns = (Column("agents", "agents", "agent", True), Column("interaction", in_words(statistic), "interaction"))
        about = "Below 0 redundant, above 0 each is worth more with the other."
        return Grid("interactions", "Interaction of two agents.", columns, tuple(rows), about, len(rows) > 12)
    return None
