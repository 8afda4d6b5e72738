"""Sections about the panel: what was read, what was left out of it, and who had which role."""

from collections.abc import Mapping, Sequence
from typing import Any

from sabotage.reports.blocks import (
    NONE,
    Column,
    Datum,
    Grid,
    Pairs,
    Section,
    Source,
    Text,
    around,
    counted,
    exact,
    named,
    part_of,
)
from sabotage.reports.noting import as_sentence

from sabotage.errors import listed
from sabotage.roles import ROLES
from sabotage.saying import percent

WORST = 10
KINDS = (
    ("saboteur", "saboteur"),
    ("pivotal_saboteur", "pivotal saboteur"),
    ("recoverable", "recoverable"),
    ("shared", "shared"),
    ("potential_saboteur", "potential saboteur"),
    ("misleader", "misleader"),
    ("suppressed", "suppressed"),
    ("overruled", "overruled"),
    ("pivotal_contributor", "pivotal contributor"),
)
FLAGS = (
    ("pivotal_saboteur", "pivotal saboteur", "pivotal_saboteur"),
    ("recoverable_saboteur", "recoverable", "recoverable"),
    ("shared_saboteur", "shared", "shared"),
)


def panel(source: Source) -> Section:
    """Return what was understood of the table, and what was ignored."""
    read, settings = source.content["input"], source.content["settings"]
    left_out = [
        (read["n_dropped"], "without truth"),
        (read["n_filtered"], f"not {listed(settings['where'])}"),
        (read["n_other_split"], "of another split"),
    ]
    kept_out = "; ".join(f"{n:,} {why}" for n, why in left_out if n)
    n_files = f", {read['n_files']:,} files" if read["n_files"] > 1 else ""
    truth = str(settings["truth"]) + (f" of {settings['truth_table']}" if settings["truth_table"] else "")
    ignored = [name or "a column without a name" for name in read["ignored_columns"]]
    rows: list[tuple[str, str, str | None]] = [
        (
            "table",
            f"{read['path'] or 'in memory'} ({read['format']}{', long' if read['is_long'] else ''}{n_files})",
            None,
        ),
        ("examples", f"{read['n_examples']:,} of {read['n_rows']:,} rows", "example"),
        ("left out", kept_out or "nothing", None),
        ("truth", truth, "truth"),
        ("classes", f"{len(read['classes']):,}: {listed(read['classes'], 12)}", "class"),
        ("weights", str(settings["weights"]), "reliability"),
        ("decision", f"{settings['decision']}; replayed rule {settings['rule']}", "decision"),
        ("rule", str(settings["rule"]), "rule"),
        ("group", str(settings["group"] or "none named"), "group"),
        ("abstained", f"{read['n_abstained']:,} replayed decisions", None),
        ("columns ignored", listed(ignored, 40), None),
    ]
    if read["other_agents"]:
        rows.append(("agents not selected", listed(read["other_agents"], 40), None))
    return Section("panel", "The panel, and what was ignored", "Panel", (Pairs(tuple(rows)), _agents(source)))


def _agents(source: Source) -> Grid:
    columns = [
        Column("agent", "agent", "agent", True),
        Column("n", "spoke on", "n"),
        Column("silent", "silent", "silent"),
    ]
    keys = ("n_confidence", "n_reliability", "n_scored")
    columns += [
        Column("n_confidence", "with confidence", "mean_confidence"),
        Column("n_reliability", "with reliability", "reliability"),
        Column("n_scored", "with class scores", "top_k"),
    ]
    n, rows = source.content["input"]["n_examples"], []
    for name, own in source.agents.items():
        kind = source.content["input"]["kinds"].get(name, "")
        cells = [part_of(own[key], own["n"], "examples on which it spoke") for key in keys]
        silent = part_of(own["missing"], n, "examples", source.case(_at(source, name), "absent"))
        rows.append((named(name, kind), part_of(own["n"], n, "examples"), silent, *cells))
    return Grid("agents", "What each agent emitted.", tuple(columns), tuple(rows))


def roles(source: Source) -> Section:
    """Return the role matrix with its flags."""
    totals, n = source.content["sabotage_totals"], source.content["input"]["n_examples"]
    wrong = totals["n_wrong"]
    columns = [Column("agent", "agent", "agent", True)]
    columns += [Column(role, role, role) for role in ROLES]
    columns += [Column(key, heading, term) for key, heading, term in FLAGS]
    columns += [Column("threshold", "threshold", "threshold")]
    rows = []
    for name, own in source.agents.items():
        at = _at(source, name)
        cells = [_role(source, name, role, n, wrong) for role in ROLES]
        for key, _, cell in FLAGS:
            case, why = source.case(at, cell), source.why("pivotal flags")
            span = (own.get("intervals") or {}).get(f"{key}_per_wrong_decision")
            cells.append(part_of(own[key], wrong, "wrong decisions", case, why, span))
        rows.append((named(name), *cells, exact(own["threshold"], 2)))
    text = (
        f"{wrong:,} decision{' is' if wrong == 1 else 's are'} wrong: {totals['n_with_saboteur']:,} with a saboteur,"
        f" {totals['n_with_exactly_one']:,} with exactly one, {totals['n_recoverable']:,} where another agent was"
        f" right, {totals['n_pivotal']:,} right without one of the saboteurs."
    )
    about = (
        "Examples on which each agent has each role, with the share of all examples; a saboteur misled with a"
        " confidence of at least its threshold. Flags are shares of the wrong decisions; pivotal saboteurs: the"
        " decision is right without them."
    )
    grid = Grid("roles", "Roles of each agent.", tuple(columns), tuple(rows), about)
    return Section("roles", "Who did what", "Roles", (Text(text), *source.drawn("role_bars"), grid))


def cases(source: Source, found: Mapping[str, Any] | None) -> Section:
    """Return the section from which the examples behind numbers are opened; `found` is the content of cases.json."""
    title = "The examples behind the numbers"
    if found is None:
        what = "Left out: no cases.json of this audit stood beside it. All examples are in roles.parquet."
        return Section("cases", title, "Cases", (Text(what, "soft"),))
    columns = [Column("agent", "agent", "agent", True), *(Column(key, heading, key) for key, heading in KINDS)]
    rows = []
    for name in source.agents:
        at = _at(source, name)
        cells = [(source.cells.get(f"{at}:{key}"), source.case(at, key)) for key, _ in KINDS]
        rows.append((named(name), *(counted(cell["n"] if cell else 0, case=case) for cell, case in cells)))
    everybody = source.cells.get("*:wrong", {"n": 0, "listed": []})
    wrong = (named("any wrong decision"), counted(everybody["n"], case=source.case("*", "wrong")))
    blanks = [Datum(NONE, tip="a decision has no such role")] * (len(KINDS) - 1)
    text = (
        f"{found['n_listed']:,} of {found['n_examples']:,} examples are listed on this page, and all are in"
        f" roles.parquet. {as_sentence(found['order'])} A number with a dotted line opens the examples that it counts."
    )
    rows.append((*wrong, *blanks))
    grid = Grid("cases-kinds", "Examples by agent and role.", tuple(columns), tuple(rows))
    return Section("cases", title, "Cases", (Text(text), grid, _worst(found, everybody["listed"])))


def _worst(found: Mapping[str, Any], listed: Sequence[int]) -> Grid:
    """Return the first wrong decisions, for whom scripts are off."""
    columns = [Column("id", "id", "example", True), Column("truth", "truth", "truth", True)]
    columns += [Column("decision", "decision", "decision", True)]
    columns += [Column(f"agent_{m}", agent, None, True) for m, agent in enumerate(found["agents"])]
    classes, rows = found["classes"], []
    for example in (found["examples"][index] for index in listed[:WORST]):
        cells = [named(example["id"]), named(classes[example["truth"]])]
        cells.append(named("none" if example["decision"] is None else classes[example["decision"]]))
        for label, confidence, _, role, _ in example["agents"]:
            sure = "" if confidence is None else f" {confidence:.2f}"
            said = "nothing" if label is None else f"{classes[label]}{sure}"
            cells.append(named(said, found["roles"][role]))
        rows.append(tuple(cells))
    caption = f"The first {len(rows)} wrong decisions." if len(rows) != 1 else "The first wrong decision."
    about = "What each agent said, with its confidence, and its role."
    return Grid("cases-worst", caption, tuple(columns), tuple(rows), about, True)


def _at(source: Source, agent: str) -> int:
    return list(source.agents).index(agent)


def _role(source: Source, agent: str, role: str, n: int, wrong: int) -> Datum:
    own = source.agents[agent]
    count, spans = own["roles"][role], own.get("intervals") or {}
    case = source.case(_at(source, agent), role)
    found = part_of(count, n, "examples", case, interval=spans.get(f"{role}_per_example"))
    if role not in ("misleader", "saboteur", "suppressed", "bystander") or not wrong:
        return found
    of_wrong = f"{count:,} of {wrong:,} wrong decisions ({percent(count / wrong)})"
    tip = f"{found.tip}; {of_wrong}{around(spans.get(f'{role}_per_wrong_decision'))}"
    return Datum(found.text, found.value, None, found.beside, tip, found.case)
