"""Sections about where agents and decisions part ways, and about whom decisions follow."""

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
    counted,
    measured,
    named,
    part_of,
    shared,
)

from sabotage.cells import CELLS
from sabotage.dominance import TWO
from sabotage.errors import count_of

AGENT = Column("agent", "agent", "agent", True)
NOBODY = "no such example"
FEW = 12  # rows that stand open


def disagreement(source: Source) -> Section | None:
    """Return the cells and what leads into them; None for an audit of a version that had none."""
    found = source.content.get("disagreement")
    if not found:
        return None
    n = found["n_examples"]
    text = (
        "Each example is in one cell: all agents right, resolved (agents split, the decision right), rescued (no agent"
        " right, the decision is), lost (an agent right, the decision wrong), all wrong, or silent."
    )
    blocks: list[Block] = [Text(text), *source.drawn("disagreement_cells"), _cells(source, found["cells"], n)]
    blocks += [_leads(found["cells"]), _classes(found["by_class"]), _patterns(source, found), _against(found["agents"])]
    return Section("disagreement", "Where agents and decisions part ways", "Disagreement", tuple(blocks))


def dominance(source: Source) -> Section | None:
    """Return how often decisions follow one agent against all others; None where the audit has none."""
    found = source.content.get("dominance")
    if not found or len(found["agents"]) < 2:
        return None
    is_two = found["basis"] == TWO
    columns = (
        AGENT, Column("n_alone", "alone", "alone"), Column("followed", "followed", "followed"),
        Column("when_right", "where it is right", "followed"), Column("when_wrong", "where it is wrong", "followed"),
        Column("unanimous", "others agree", "followed"), Column("of_two", "two speak, and differ", "followed"),
        Column("onset", "onset", "onset"),
    )  # fmt: skip
    rows, bins = [], []
    for name, own in found["agents"].items():
        alone, onset = own["alone"], own["onset"]
        why = onset["why"] or ""
        over = f"over {count_of(onset['n'], 'example')}"
        rows.append(
            (
                named(name),
                counted(alone["followed"]["n"]),
                *(_rate(alone[kind]) for kind in ("followed", "when_right", "when_wrong")),
                _rate(own["against_unanimous"]["followed"]),
                _rate(own["of_two"]["followed"]),
                measured(onset["value"], onset["interval"], f"{over}; {why}".removesuffix("; "), why, signed=True),
            )
        )
        for one in own["bins"]:
            if one["followed"]["n"]:
                lead = f"{one['low']:+.1f} to {one['high']:+.1f}".replace("-", "−")
                bins.append((named(name), Datum(lead, one["low"]), counted(one["followed"]["n"]),
                             _rate(one["followed"])))  # fmt: skip
    over = "where both speak and differ" if is_two else "where three agents or more speak and no other has its label"
    text = (
        f"How often the decision has the label of one agent against all others, {over}. A rate far above the agent's"
        " own accuracy there is dominance that nothing supports; it does not say why the rule or model does it."
    )
    about = "An onset, and the rates by lead in confidence, are over the same examples."
    if is_two:
        about = "There are two agents: onsets and rates by lead in confidence are over examples where they differ."
    grid = Grid("dominance-table", "Decisions that follow one agent alone.", columns, tuple(rows), about)
    steps = Grid(
        "dominance-bins", "The same by lead in confidence.",
        (AGENT, Column("lead", "lead", "lead"), Column("n", "n", "n"), Column("followed", "followed", "followed")),
        tuple(bins), "The agent's confidence less the highest of the others.", True,
    )  # fmt: skip
    blocks: list[Block] = [Text(text), *source.drawn("dominance_curve"), grid]
    if bins:
        blocks.append(steps)
    return Section("dominance", "Whom decisions follow", "Dominance", tuple(blocks))


def between_agents(source: Source) -> Grid | None:
    """Return how every two agents go together, with intervals; None where the audit has none."""
    found = source.content.get("disagreement")
    if not found:
        return None
    columns = (
        Column("agents", "agents", "agent", True), Column("n", "n", "n"), Column("agreement", "agreement", "agreement"),
        Column("cohen_kappa", "Cohen's kappa", "cohen_kappa"), Column("double_fault", "double fault", "double_fault"),
        Column("q_statistic", "Q", "q_statistic"), Column("divergence", "divergence", "divergence"),
    )  # fmt: skip
    rows = []
    for pair in found["between"]["pairs"]:
        agree, fault = pair["agreement"], pair["double_fault"]
        rows.append(
            (
                named(f"{pair['first']}, {pair['second']}"),
                counted(pair["n"]),
                measured(agree["share"], agree["interval"], why="they never speak together"),
                _measure(pair["cohen_kappa"]),
                measured(fault["share"], fault["interval"], why="they never speak together"),
                _measure(pair["q_statistic"]),
                _measure(pair["divergence"]),
            )
        )
    sampled = found["between"]["n_sampled"]
    also = "" if sampled is None else f" Divergences are of {count_of(sampled, 'sampled example')}."
    about = f"Examples on which both spoke. Double fault: both wrong.{also}"
    return Grid("pairs", "Two agents each.", columns, tuple(rows), about, len(rows) > 3 * FEW)


def _cells(source: Source, cells: Mapping[str, Any], n: int) -> Grid:
    columns = (
        Column("cell", "cell", "cell", True), Column("n", "examples"),
        Column("gap", "confidence gap", "confidence_gap"), Column("margin", "margin", "margin"),
    )  # fmt: skip
    rows = []
    for name, own in cells.items():
        rate = own["examples"]
        examples = part_of(rate["count"], n, "examples", source.case("*", name), interval=rate["interval"])
        rows.append((named(_words(name)), examples, _measure(own["confidence_gap"]), _measure(own["margin"])))
    about = "Means over the examples of a cell, with 95 % intervals."
    return Grid("cells", "Examples by who is right.", columns, tuple(rows), about)


def _leads(cells: Mapping[str, Any]) -> Grid:
    """Return every agent in every cell."""
    kinds = (("followed", "followed", "followed"), ("most_confident", "most confident", "most_confident"),
             ("saboteur", "saboteur", "saboteur"), ("suppressed", "suppressed", "suppressed"))  # fmt: skip
    columns = (
        Column("cell", "cell", "cell", True), AGENT, Column("n", "n", "n"),
        *(Column(key, heading, term) for key, heading, term in kinds),
    )  # fmt: skip
    rows = []
    for name, cell in cells.items():
        for agent, own in cell["agents"].items():
            if cell["examples"]["count"]:
                data = [_rate(own[kind], "no agent can be that here") for kind, _, _ in kinds]
                rows.append((named(_words(name)), named(agent), counted(own["followed"]["n"]), *data))
    about = (
        "n is the examples of the cell on which the agent spoke; shares are of them, or of those with two confidences."
    )
    return Grid("leads", "What leads into each cell.", columns, tuple(rows), about, len(rows) > 2 * FEW)


def _classes(found: Mapping[str, Any]) -> Grid:
    columns = [Column("class", str(found["column"]), "class", True), Column("n", "n", "n")]
    columns += [Column(name, _words(name), name if name != "silent" else "silent") for name in CELLS]
    rows = []
    for label, cells in found["parts"].items():
        n = cells[CELLS[0]]["n"]
        data = [part_of(cells[name]["count"], n, "examples", interval=cells[name]["interval"]) for name in CELLS]
        rows.append((named(label), counted(n), *data))
    left = f" {found['n_left_out']:,} more are left out here." if found["n_left_out"] else ""
    about = f"Examples of each class in each cell, with their share of the class.{left}"
    return Grid("cells-by-class", "Cells by class.", tuple(columns), tuple(rows), about, len(rows) > FEW)


def _patterns(source: Source, found: Mapping[str, Any]) -> Grid:
    columns = (
        Column("pattern", "pattern", "pattern", True), Column("cell", "cell", "cell", True),
        Column("n", "examples", None),
    )  # fmt: skip
    rows = []
    for one in found["patterns"]:
        rate, text = one["examples"], one["pattern"].replace("-", "−")
        shown = Datum(f"{text[:-1]} {text[-1]}", one["pattern"])
        rows.append(
            (
                shown,
                named(_words(one["cell"])),
                part_of(rate["count"], rate["n"], "examples", interval=rate["interval"]),
            )
        )
    names = list(source.agents)
    left = found["n_patterns"] - len(rows)
    more = (
        f" {count_of(left, 'more pattern')} with {count_of(found['n_left_out'], 'example')} not shown." if left else ""
    )
    order = ", ".join(names) if len(names) <= FEW else f"the {len(names)} agents in file order"
    about = f"One sign each: {order}, and the decision at the end.{more}"
    return Grid("patterns", "Who is right with whom.", columns, tuple(rows), about, True)


def _against(agents: Mapping[str, Any]) -> Grid:
    kinds = (("differs", "differs", "differs"), ("agent_right", "agent right", "differs"),
             ("decision_right", "decision right", "differs"), ("neither", "neither", "differs"))  # fmt: skip
    columns = (AGENT, Column("n", "n", "n"), *(Column(key, heading, term) for key, heading, term in kinds))
    rows = tuple(
        (named(name), counted(own["differs"]["n"]), *(_rate(own[kind]) for kind, _, _ in kinds))
        for name, own in agents.items()
    )
    about = "n is the examples on which agent and decision have a label; who is right is of those where they differ."
    return Grid("against", "Each agent against the decision.", columns, rows, about)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _rate(found: Mapping[str, Any] | None, why: str = NOBODY) -> Datum:
    if found is None:
        return shared(None, why=why)
    span: Sequence[float] | None = found["interval"]
    tip = f"{found['count']:,} of {found['n']:,}"
    if found["share"] is not None and span is None:
        tip += "; too few clusters for an interval"
    return shared(found["share"], span, tip, NOBODY)


def _measure(found: Mapping[str, Any]) -> Datum:
    tip = f"n = {found['n']:,}" + (f"; {found['why']}" if found["why"] else "")
    return measured(found["value"], found["interval"], tip, found["why"] or "")
