"""Profiles as tables that other programs take: all numbers in long form, and a table for a paper."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sabotage.reports.tables import FORMATS, Cell, Table, brief, span, to_csv

from sabotage.audit import Audit
from sabotage.breakdowns import Breakdown, Part
from sabotage.errors import SabotageError, count_of
from sabotage.leading import find_leader
from sabotage.profiles import Profile

NONE = "-"
PAPER = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "ece": "ECE",
    "auroc_confidence": "AUROC of confidence",
    "saboteur_per_wrong_decision": "saboteur",
    "pivotal_saboteur_per_wrong_decision": "pivotal saboteur",
}
WILSON = "those of shares are Wilson's"
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


def full_table(audit: Audit) -> Table:
    """Return every number of every agent and of the decision: on all examples, by class, by group, by threshold."""
    found = audit.breakdowns
    rows = list(Numbers(vars(audit.decision), 0, 0).rows("panel", None, None))
    for profile in audit.agents:
        rows += of_agent(audit, profile).rows("panel", None, profile.agent)
    for kind, breakdown in (("class", found.by_class), ("group", found.by_group)):
        for part in breakdown.parts if breakdown is not None else ():
            counts = {"n": part.n, "n_wrong": part.n_wrong}
            rows += of_part(part, counts | dict(part.decision)).rows(kind, part.label, None)
            for agent, fields in part.agents.items():
                rows += of_part(part, fields).rows(kind, part.label, agent)
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
        cells = [of_agent(audit, profile).cell(name) for name in PAPER]
        if profile.agent == leader:
            cells[0] = Cell(cells[0].text, cells[0].value, bold=True)
        rows.append((Cell(profile.agent, profile.agent), Cell(f"{profile.n:,}", profile.n), *cells))
    n_wrong = audit.totals.n_wrong
    bold = (
        "Bold: more often right than every other agent on the examples on which both speak, the 95 % interval of each"
        " difference above 0."
    )
    notes = [
        f"95 % intervals; {how_found(audit)}. Saboteur, pivotal saboteur: shares of the {n_wrong:,} wrong decisions.",
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
            of_part(part, part.decision).cell("accuracy"),
            *(of_part(part, fields).cell("accuracy") for fields in part.agents.values()),
        )
        for part in breakdown.parts
    ]
    what = "Recall" if by == "class" else "Accuracy"
    left = f" {breakdown.n_left_out:,} smaller ones are left out." if breakdown.n_left_out else ""
    inside = " Inside a group its examples are the sample." if by == "group" else ""
    how = how_found(audit) if by == "class" else WILSON
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
    notes = (f"95 % intervals; {how_found(audit)}. Threshold: the confidence from which misleading is sabotage.",)
    return Table(("threshold", "any agent", *sweep.agents), tuple(rows), caption, notes)


def _share(count: int, n: int, ends: tuple[float, float] | None) -> Cell:
    return Cell(span(count / n, ends), count / n) if n else Cell(NONE, None)


def broken_down(audit: Audit, by: str) -> Breakdown:
    """Return the breakdown by "class" or "group"; raises SabotageError where no group column is named."""
    found = audit.breakdowns.by_class if by == "class" else audit.breakdowns.by_group
    if found is None:
        raise SabotageError("profiles by group take a column of groups: name one, --group subject")
    return found


def how_found(audit: Audit) -> str:
    """Say what the intervals are."""
    method = audit.breakdowns.method
    if method["rates"] == "wilson":
        return WILSON
    return f"over {method['n_clusters']:,} clusters"


@dataclass(frozen=True)
class Numbers:
    """The numbers of one agent, or of the decision, on some examples, by the names that their intervals have."""

    fields: Mapping[str, Any]
    n: int
    n_wrong: int

    @cached_property
    def values(self) -> dict[str, float | int | None]:
        """Each number by its name, nested ones flat."""
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
        """The intervals by the same names."""
        return self.fields.get("intervals") or {}

    def rows(self, part: str, label: str | None, agent: str | None) -> Iterator[tuple[Cell, ...]]:
        """Yield a row of the long table for each number."""
        for name, value in self.values.items():
            yield _row(part, label, agent, name, value, self.spans.get(name))

    def brief(self, name: str) -> str:
        """Write a number and its interval for a terminal."""
        value = self.values.get(name)
        return NONE if value is None else brief(value, self.spans.get(name))

    def cell(self, name: str) -> Cell:
        """Write a number and its interval for a paper."""
        value = self.values.get(name)
        return Cell(NONE, None) if value is None else Cell(span(value, self.spans.get(name)), value)


def of_agent(audit: Audit, profile: Profile) -> Numbers:
    """Return the numbers of an agent on all examples."""
    return Numbers(profile.to_dict(), audit.panel.n_examples, audit.totals.n_wrong)


def of_part(part: Part, fields: Mapping[str, Any]) -> Numbers:
    """Return the numbers of an agent, or of the decision, in a part."""
    return Numbers(fields, part.n, part.n_wrong)


def _row(
    part: str, label: str | None, agent: str | None, quantity: str, value: Any, ends: tuple[float, float] | None
) -> tuple[Cell, ...]:
    values = (part, label, agent, quantity, value, *(ends or (None, None)))
    return tuple(Cell(NONE if one is None else str(one), one) for one in values)
