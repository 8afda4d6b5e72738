"""The section about several runs: what each reaches, where sabotage varies, kappas, and suspected examples."""

from collections.abc import Iterator, Mapping
from typing import Any

from sabotage.reports.blocks import (
    Block,
    Column,
    Datum,
    Grid,
    Heading,
    Listing,
    Section,
    Source,
    Text,
    counted,
    exact,
    measured,
    named,
    shared,
)
from sabotage.reports.noting import as_sentence
from sabotage.reports.running import SHARES, WORDS

from sabotage.saying import percent

SHORT = 12  # rows from which a table is folded
COMPONENTS = {
    "example": "example", "agent": "agent", "run": "run", "example_agent": "example × agent",
    "example_run": "example × run", "agent_run": "agent × run", "rest": "rest",
}  # fmt: skip
BLOCKS = {
    "dataset": "dataset: example and example × agent",
    "model": "model: run and agent × run",
    "agent": "agent",
    "rest": "rest: example × run, and what is left",
}


def runs(source: Source) -> Section | None:
    """Return what several runs speak for; None where the audit has one run."""
    found = source.content.get("runs")
    if not found:
        return None
    names = [*found["agents"], *(one["run"] for one in found["inputs"])]
    blocks: list[Block] = [Text(as_sentence(text, names)) for text in found["finding"]]
    blocks += source.drawn("run_slopes", "run_variance")
    blocks += [_inputs(found), _profiles(found)]
    if found["variance"] is not None:
        blocks += list(_variance(found["variance"]))
    if found["kappas"] is not None:
        blocks += list(_kappas(found["kappas"]))
    if found["suspects"] is not None:
        blocks += list(_suspects(found))
    if found["notes"]:
        notes = tuple(as_sentence(note, names) for note in found["notes"])
        blocks.append(Listing("Notes on the runs", notes))
    return Section("runs", "Dataset or model: several runs", "Runs", tuple(blocks))


def _inputs(found: Mapping[str, Any]) -> Grid:
    columns = (
        Column("run", "run", "run", True), Column("path", "file", None, True),
        Column("rule", "fusion rule", "rule", True), Column("decision", "decisions", "decision", True),
        Column("n_examples", "examples", "example"),
        Column("n_compared", "compared", "compared"),
    )  # fmt: skip
    rows = tuple(
        (
            named(one["run"]), Datum(one["path"] or "in memory", one["path"], tip=one["sha256"] or ""),
            named(one["rule"]), named(one["decision"]), counted(one["n_examples"]), counted(one["n_compared"]),
        )
        for one in found["inputs"]
    )  # fmt: skip
    over = "the same examples" if found["over"] == "same examples" else "different data"
    return Grid("runs-inputs", f"The runs, over {over}.", columns, rows, is_folded=True)


def _profiles(found: Mapping[str, Any]) -> Grid:
    """Return what decisions and agents of every run reach, with differences."""
    first = found["profiles"][0]
    keys = list(dict.fromkeys([*first["decision"], *next(iter(first["agents"].values()))]))
    ahead = {one["run"]: one for one in found["differences"]}
    columns = [Column("run", "run", "run", True), Column("agent", "agent", "agent", True)]
    for key in keys:
        columns += [Column(key, WORDS[key], _term(key)), Column(f"{key}_difference", "difference", "run_difference")]
    rows = []
    for one in found["profiles"]:
        of = ahead.get(one["run"])
        for agent in (None, *one["agents"]):
            own = one["decision"] if agent is None else one["agents"][agent]
            other: Mapping[str, Any] = {}
            if of is not None:
                other = of["decision"] if agent is None else of["agents"][agent]
            cells = [named(one["run"]), named(agent or "decision")]
            for key in keys:
                cells += [_number(own.get(key), key), _number(other.get(key), key, signed=True)]
            rows.append(tuple(cells))
    to = "the mean of the other runs, paired" if found["over"] == "same examples" else first["run"]
    return Grid(
        "runs-table", "What each run reaches.", tuple(columns), tuple(rows), f"Differences to {to}.", len(rows) > 60
    )


def _term(key: str) -> str | None:
    return {
        "saboteur_per_example": "saboteur", "contributor_per_example": "contributor", "with_saboteur": "saboteur",
        "pivotal_saboteur_per_example": "pivotal_saboteur",
    }.get(key, key)  # fmt: skip


def _number(rate: Mapping[str, Any] | None, key: str, signed: bool = False) -> Datum:
    if rate is None:
        return Datum("")
    tip = f"{rate['count']:,} of {rate['n']:,}" if rate["count"] is not None and rate["n"] else ""
    why = "no spread, too few clusters, or a denominator of 0"
    if key in SHARES and not signed:
        return shared(rate["value"], rate["interval"], tip, why)
    return measured(rate["value"], rate["interval"], tip, why, signed)


def _variance(found: Mapping[str, Any]) -> Iterator[Block]:
    if found["shares"]["dataset"]["share"] is None:
        yield Text(as_sentence(f"left out: the split of the variance, for {found['why']}"), "soft")
        return
    columns = (Column("part", "part", "variance_share", True), Column("share", "share", "variance_share"))
    rows = tuple((named(BLOCKS[name]), shared(own["share"], own["interval"])) for name, own in found["shares"].items())
    about = (
        f"{found['n_examples']:,} examples, {found['n_agents']} agents, {found['n_runs']} runs; intervals over samples"
        " of examples, given these agents and runs."
    )
    yield Grid("runs-variance", "Where the variance of sabotage lies.", columns, rows, about)
    of_components = (
        Column("component", "component", "variance_component", True),
        Column("variance", "variance", "variance_component"),
        Column("share", "share", "variance_component"),
    )
    components = tuple(
        (named(COMPONENTS[name]), exact(own["variance"], 5), shared(own["share"], own["interval"]))
        for name, own in found["components"].items()
    )
    about = "As estimated: one that is below 0 is nothing, or agents that take turns, and the shares sum to 1."
    yield Grid("runs-components", "Components of the variance of sabotage.", of_components, components, about, True)


def _kappas(found: Mapping[str, Any]) -> Iterator[Block]:
    def kappa(own: Mapping[str, Any]) -> Datum:
        return measured(own["value"], own["interval"], f"over {own['n']:,} examples", own["why"] or "")

    columns = (Column("agent", "sabotage by", "agent", True), Column("kappa", "Fleiss' kappa", "run_kappa"))
    rows = [(named(agent), kappa(own)) for agent, own in found["agents"].items()]
    rows.append((named("whoever it is"), kappa(found["who"])))
    yield Grid("runs-kappas", "Whether the same agent sabotages the same examples again.", columns, tuple(rows))
    of_pairs = (
        Column("agent", "agent", "agent", True), Column("runs", "runs", "run", True),
        Column("n_both", "in both", "saboteur"), Column("kappa", "Cohen's kappa", "run_kappa"),
    )  # fmt: skip
    pairs = [
        (
            named(one["agent"]), named(f"{one['first']}, {one['second']}"), counted(one["n_both"]), kappa(one["kappa"]),
        )
        for one in found["pairs"]
    ]  # fmt: skip
    left = found["n_pairs_left_out"]
    about = f"{left:,} more pairs are left out." if left else ""
    yield Grid("runs-pairs", "Sabotage in every two runs.", of_pairs, tuple(pairs), about, len(pairs) > SHORT)


def _suspects(content: Mapping[str, Any]) -> Iterator[Block]:
    found = content["suspects"]
    yield Heading("Suspected label or data problems")
    share = found["share"]
    low_high = "" if share["interval"] is None else f", 95 % interval {_ends(share['interval'])}"
    yield Text(
        f"{found['n']:,} of {share['n']:,} examples ({percent(share['value'])}{low_high}) are wrong with the same label"
        f" in every run; {found['expected']:.1f} would be if runs erred independently within each class.",
        terms=("suspect",),
    )
    if not found["examples"]:
        return
    columns = (
        Column("id", "id", "example", True), Column("group", "group", "group", True),
        Column("truth", "truth", "truth", True), Column("suspected_label", "every run says", "suspect", True),
        Column("votes", "votes", "votes"), Column("mean_confidence", "confidence", "mean_confidence"),
    )  # fmt: skip
    rows = tuple(
        (
            named(one["id"]), Datum(one["group"] or "–", one["group"]), named(one["truth"]),
            named(one["suspected_label"]), Datum(f"{one['votes']} of {one['n_votes']}", one["votes"]),
            exact(one["mean_confidence"], 3, why="no vote has a confidence"),
        )
        for one in found["examples"]
    )  # fmt: skip
    left = found["n"] - found["n_listed"]
    about = f"The first {found['n_listed']} by votes; {left:,} more are in suspects.csv." if left else ""
    yield Grid("runs-suspects", "Examples that every run gets wrong in the same way.", columns, rows, about,
               len(rows) > SHORT)  # fmt: skip


def _ends(interval: tuple[float, float]) -> str:
    return f"{percent(interval[0])} to {percent(interval[1])}"
