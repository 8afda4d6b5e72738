"""Profiles for people: tables with intervals on a terminal, all numbers in long form, a table for a paper."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sabotage.reports.tables import Cell, Table, brief, span, to_csv, to_latex, to_markdown

from sabotage.audit import Audit
from sabotage.breakdowns import Breakdown, Part
from sabotage.errors import SabotageError, count_of, printable
from sabotage.leading import find_leader
from sabotage.profiles import Profile
from sabotage.saying import percent

if TYPE_CHECKING:
    from rich.table import Table as Grid

NONE = "-"
FORMATS = {"csv": to_csv, "latex": to_latex, "markdown": to_markdown}
NO_PART = ("permutation", "controls", "headroom", "dose_response", "comparison", "attribution")  # of a profile
PANELS = (
    {"accuracy": "accuracy", "balanced_accuracy": "balanced", "macro_f1": "macro-F1"},
    {
        "saboteur_per_wrong_decision": "saboteur",
        "pivotal_saboteur_per_wrong_decision": "pivotal",
        "saboteur_lift": "lift",
    },
    {"ece": "ECE", "auroc_confidence": "AUROC conf.", "aurc": "AURC"},
    {"mean_confidence": "confidence", "brier": "Brier", "log_loss": "log loss"},
)
PAPER = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "ece": "ECE",
    "auroc_confidence": "AUROC of confidence",
    "saboteur_per_wrong_decision": "saboteur",
    "pivotal_saboteur_per_wrong_decision": "pivotal saboteur",
}
OF_A_PART = {"accuracy": "accuracy", "saboteur_per_wrong_decision": "saboteur", "ece": "ECE"}
WILSON = "those of shares are Wilson's"
MOST_ROWS = 36  # of a table of parts on a terminal
MOST_AGENTS = 5  # side by side
COLUMNS = ("part", "name", "agent", "quantity", "value", "low", "high")


def render(audit: Audit, format: str, by: str | None = None, sweep: bool = False) -> str:
    """Return profiles as "csv" (all numbers, one a row), "latex" or "markdown" (a table for a paper).

    Parameters
    ----------
    audit : Audit
    format : {"csv", "latex", "markdown"}
    by : {"class", "group"}, optional
        What the paper's table has in its rows, in place of the agents; csv has all.
    sweep : bool
        A table of thresholds in place of that of the agents, or after that of `by`.

    Raises
    ------
    SabotageError
        Where the panel has no group column and `by` is "group".
    """
    if format == "csv":
        return to_csv(full_table(audit))
    tables = [part_table(audit, by)] if by is not None else []
    tables += [sweep_table(audit)] if sweep else []
    return "\n".join(FORMATS[format](table) for table in tables or [paper_table(audit)])


def without_test(audit: Audit) -> Audit:
    """Leave out the notes about what stands in no profile."""
    return replace(audit, notes=tuple(note for note in audit.notes if not note.startswith(NO_PART)))


def full_table(audit: Audit) -> Table:
    """Return every number of every agent and of the decision: on all examples, by class, by group, by threshold."""
    found = audit.breakdowns
    rows = list(_Numbers(vars(audit.decision), 0, 0).rows("panel", None, None))
    for profile in audit.agents:
        rows += _of_agent(audit, profile).rows("panel", None, profile.agent)
    for kind, breakdown in (("class", found.by_class), ("group", found.by_group)):
        for part in breakdown.parts if breakdown is not None else ():
            counts = {"n": part.n, "n_wrong": part.n_wrong}
            rows += _of_part(part, counts | dict(part.decision)).rows(kind, part.label, None)
            for agent, fields in part.agents.items():
                rows += _of_part(part, fields).rows(kind, part.label, agent)
    for place, threshold in enumerate(found.sweep.thresholds):
        name = f"{threshold:.2f}"
        total, wrong = found.sweep.with_saboteur[place], found.sweep.n_wrong
        rows.append(_row("threshold", name, None, "with_saboteur", total, None))
        if wrong:
            of_wrong, ends = "with_saboteur_per_wrong_decision", found.sweep.with_saboteur_interval[place]
            rows.append(_row("threshold", name, None, of_wrong, total / wrong, ends))
        for agent, own in found.sweep.agents.items():
            for quantity in ("saboteur", "pivotal", "recoverable", "potential"):
                rows.append(_row("threshold", name, agent, quantity, getattr(own, quantity)[place], None))
            if wrong:
                share = own.saboteur[place] / wrong
                rows.append(_row("threshold", name, agent, "saboteur_per_wrong_decision", share, own.interval[place]))
    return Table(COLUMNS, tuple(rows))


def paper_table(audit: Audit) -> Table:
    """Return one row an agent; bold the accuracy of the one that is ahead of every other."""
    leader = find_leader(audit.panel)
    rows = []
    for profile in audit.agents:
        cells = [_of_agent(audit, profile).cell(name) for name in PAPER]
        if profile.agent == leader:
            cells[0] = Cell(cells[0].text, cells[0].value, bold=True)
        rows.append((Cell(profile.agent, profile.agent), Cell(f"{profile.n:,}", profile.n), *cells))
    n_wrong = audit.totals.n_wrong
    bold = (
        "Bold: more often right than every other agent on the examples on which both speak, the 95 % interval of each"
        " difference above 0."
    )
    notes = [
        f"95 % intervals; {_how(audit)}. Saboteur, pivotal saboteur: shares of the {n_wrong:,} wrong decisions.",
        bold if leader is not None else "No agent is more often right than every other beyond chance.",
    ]
    caption = f"Agents on {audit.panel.n_examples:,} examples."
    return Table(("agent", "n", *PAPER.values()), tuple(rows), caption, tuple(notes))


def part_table(audit: Audit, by: str) -> Table:
    """Return one row a class or group: how often the decision and each agent are right there."""
    breakdown = broken_down(audit, by)
    rows = [
        (
            Cell(part.label, part.label),
            Cell(f"{part.n:,}", part.n),
            _of_part(part, part.decision).cell("accuracy"),
            *(_of_part(part, fields).cell("accuracy") for fields in part.agents.values()),
        )
        for part in breakdown.parts
    ]
    what = "Recall" if by == "class" else "Accuracy"
    left = f" {breakdown.n_left_out:,} smaller ones are left out." if breakdown.n_left_out else ""
    inside = " Inside a group its examples are the sample." if by == "group" else ""
    how = _how(audit) if by == "class" else WILSON
    notes = (f"95 % intervals; {how}.{inside}{left}",)
    caption = f"{what} by {breakdown.column}, on {audit.panel.n_examples:,} examples."
    return Table((breakdown.column, "n", "decision", *audit.panel.agents), tuple(rows), caption, notes)


def sweep_table(audit: Audit) -> Table:
    """Return one row a threshold: the shares of the wrong decisions with a saboteur, any and each agent."""
    sweep = audit.breakdowns.sweep
    columns = [(sweep.with_saboteur, sweep.with_saboteur_interval)]
    columns += [(own.saboteur, own.interval) for own in sweep.agents.values()]
    rows = []
    for place, threshold in enumerate(sweep.thresholds):
        cells = [_share(counts[place], sweep.n_wrong, ends[place]) for counts, ends in columns]
        rows.append((Cell(f"{threshold:.2f}", threshold), *cells))
    caption = f"Saboteurs by threshold, of {count_of(sweep.n_wrong, 'wrong decision')}."
    notes = (f"95 % intervals; {_how(audit)}. Threshold: the confidence from which misleading is sabotage.",)
    return Table(("threshold", "any agent", *sweep.agents), tuple(rows), caption, notes)


def _share(count: int, n: int, ends: tuple[float, float] | None) -> Cell:
    return Cell(span(count / n, ends), count / n) if n else Cell(NONE, None)


def broken_down(audit: Audit, by: str) -> Breakdown:
    """Return the breakdown by "class" or "group"; raises SabotageError where no group column is named."""
    found = audit.breakdowns.by_class if by == "class" else audit.breakdowns.by_group
    if found is None:
        raise SabotageError("profiles by group take a column of groups: name one, --group subject")
    return found


def print_profiles(audit: Audit, by: str | None = None, sweep: bool = False) -> None:
    """Print every agent's roles and profile; where asked for, profiles in parts or over thresholds instead."""
    from sabotage.reports.terminal import console, print_notes

    out = console()
    out.print()
    if by is not None:
        _print_parts(audit, broken_down(audit, by), by)
    if sweep:
        _print_sweep(audit)
    if by is None and not sweep:
        _print_agents(audit)
    print_notes(out, audit.notes)


def _print_agents(audit: Audit) -> None:
    from sabotage.reports.terminal import console, name_table, role_table

    out = console()
    out.print(role_table(audit))
    for headings in PANELS:
        rows = [(own.agent, *(_of_agent(audit, own).brief(name) for name in headings)) for own in audit.agents]
        out.print()
        out.print(name_table(tuple(headings.values()), rows))
    out.print(f"95 % intervals; {_how(audit)}; saboteur, pivotal: of {audit.totals.n_wrong:,} wrong decisions")
    out.print()
    out.print(_alignment_table(audit))
    out.print("reliability against being right; accuracy of all, and of the most reliable 80 and 50 %")
    routing = audit.routing
    if routing.auroc is not None:
        out.print(
            f"routing AUROC {brief(routing.auroc.value, routing.auroc.interval)} over the {routing.n:,}"
            f" examples with a right and a wrong agent"
        )
    if any(check.difference is not None for check in audit.self_checks):
        out.print()
        out.print(_check_table(audit))
        out.print("among confident emissions: AUROC of a low reliability, and of a low confidence, for sabotage")


def _print_parts(audit: Audit, breakdown: Breakdown, by: str) -> None:
    """Print rows of agents for each part; where there are too many, the parts that are most often decided wrongly."""
    from sabotage.reports.terminal import console, name_table, safe

    out = console()
    most = max(3, MOST_ROWS // len(audit.panel.agents))
    chosen: Sequence[Part] = [part for part in breakdown.parts if part.n]
    n_parts = len(chosen) + breakdown.n_left_out
    if len(chosen) > most:
        chosen = sorted(chosen, key=lambda part: -part.n_wrong / part.n)[:most]
        out.print(f"the {most} of {n_parts:,} that are most often decided wrongly; --format csv has all")
    for part in chosen:
        right = _of_part(part, part.decision).brief("accuracy")
        out.print(
            f"[bold]{safe(part.label)}[/bold]: {part.n:,} examples, {part.n_wrong:,} decided wrongly; right {right}"
        )
    out.print()
    rows = [
        (f"{part.label}: {agent}", *(_of_part(part, fields).brief(name) for name in OF_A_PART))
        for part in chosen
        for agent, fields in part.agents.items()
    ]
    headings = ("recall" if by == "class" else "accuracy", *list(OF_A_PART.values())[1:])
    out.print(name_table(headings, rows, f"{breakdown.column}: agent", wraps=True))
    out.print("95 % intervals; saboteur: of the wrong decisions there")


def _print_sweep(audit: Audit) -> None:
    """Print how many wrong decisions have a saboteur at each threshold."""
    from sabotage.reports.terminal import console, name_table, safe

    out, sweep = console(), audit.breakdowns.sweep
    shown = list(sweep.agents)[:MOST_AGENTS]
    rows = []
    for place, threshold in enumerate(sweep.thresholds):
        total, ends = sweep.with_saboteur[place], sweep.with_saboteur_interval[place]
        share = NONE if not sweep.n_wrong else brief(total / sweep.n_wrong, ends)
        counts = (f"{sweep.agents[agent].saboteur[place]:,}" for agent in shown)
        rows.append((f"{threshold:.2f}", f"{total:,}", share, *counts))
    names = [printable(agent)[:8] for agent in shown]
    if len(set(names)) < len(names):
        names = [f"agent {k}" for k in range(1, len(names) + 1)]
    out.print(name_table(("any", "of the wrong", *map(safe, names)), rows, "threshold"))
    out.print(f"saboteurs of {sweep.n_wrong:,} wrong decisions, by the confidence from which misleading is sabotage")
    if len(shown) < len(sweep.agents):
        out.print(f"the first {len(shown)} of {len(sweep.agents):,} agents; --format csv has all")


def _how(audit: Audit) -> str:
    method = audit.breakdowns.method
    if method["rates"] == "wilson":
        return WILSON
    return f"over {method['n_clusters']:,} clusters"


@dataclass(frozen=True)
class _Numbers:
    """The numbers of one agent, or of the decision, on some examples, by the names that their intervals have."""

    fields: Mapping[str, Any]
    n: int
    n_wrong: int

    @cached_property
    def values(self) -> dict[str, float | int | None]:
        found: dict[str, float | int | None] = {}
        for name, value in self.fields.items():
            if name.endswith("top_k"):
                found |= {f"{name[:-1]}{k}": share for k, share in (value or {}).items()}
            elif name == "roles":
                found |= value
            elif name == "rates":
                found |= {f"{role}_{per}": rate for per, rates in value.items() for role, rate in rates.items()}
            elif name != "intervals" and not isinstance(value, str):
                found[name] = value
        for name in self.spans:  # shares that are kept as counts
            for per, of in (("_per_example", self.n), ("_per_wrong_decision", self.n_wrong)):
                if name.endswith(per) and name not in found:
                    count = found.get(name.removesuffix(per))
                    found[name] = None if count is None or not of else count / of
        return found

    @property
    def spans(self) -> Mapping[str, tuple[float, float] | None]:
        return self.fields.get("intervals") or {}

    def rows(self, part: str, label: str | None, agent: str | None) -> Iterator[tuple[Cell, ...]]:
        for name, value in self.values.items():
            yield _row(part, label, agent, name, value, self.spans.get(name))

    def brief(self, name: str) -> str:
        value = self.values.get(name)
        return NONE if value is None else brief(value, self.spans.get(name))

    def cell(self, name: str) -> Cell:
        value = self.values.get(name)
        return Cell(NONE, None) if value is None else Cell(span(value, self.spans.get(name)), value)


def _of_agent(audit: Audit, profile: Profile) -> _Numbers:
    return _Numbers(profile.to_dict(), audit.panel.n_examples, audit.totals.n_wrong)


def _of_part(part: Part, fields: Mapping[str, Any]) -> _Numbers:
    return _Numbers(fields, part.n, part.n_wrong)


def _row(
    part: str, label: str | None, agent: str | None, quantity: str, value: Any, ends: tuple[float, float] | None
) -> tuple[Cell, ...]:
    values = (part, label, agent, quantity, value, *(ends or (None, None)))
    return tuple(Cell(NONE if one is None else str(one), one) for one in values)


def _alignment_table(audit: Audit) -> "Grid":
    """Show how reliability goes with being right, and what withholding the least reliable gains."""
    from sabotage.reports.terminal import name_table, number

    rows = []
    for own in audit.alignment:
        gain = {point.withheld: point.accuracy for point in own.gain}
        auroc = NONE if own.auroc is None else brief(own.auroc.value, own.auroc.interval)
        biserial = NONE if own.point_biserial is None else f"{own.point_biserial.value:.3f}"
        kept = tuple(percent(gain[share]) if share in gain else NONE for share in (0.0, 0.2, 0.5))
        rows.append((own.agent, auroc, number(own.spearman), biserial, *kept))
    return name_table(("AUROC of reliab.", "Spearman", "biserial", "all", "80 %", "50 %"), rows)


def _check_table(audit: Audit) -> "Grid":
    """Show whether the self-assessment tells a saboteur better than the confidence does."""
    from sabotage.reports.terminal import name_table

    rows = []
    for check in audit.self_checks:
        ahead, both = check.difference, (check.auroc_reliability, check.auroc_confidence)
        cells = [NONE if own is None else f"{own.value:.3f}" for own in both]
        cells.append(NONE if ahead is None else brief(ahead.value, ahead.interval, "+"))
        rows.append((check.agent, f"{check.n:,}", f"{check.n_saboteur:,}", *cells))
    return name_table(("n", "saboteur", "reliab.", "conf.", "difference"), rows)
