"""Where agents part ways, from each other and from the decision, and what leads into each way."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sabotage.between import Between, measure_between
from sabotage.cells import ALL_WRONG, CELLS, LOST, SILENT, cells_of, patterns_of
from sabotage.errors import count_of
from sabotage.judging import Judged
from sabotage.margins import margins_of
from sabotage.panel import Panel
from sabotage.partition import by_class
from sabotage.roles import SABOTEUR, SUPPRESSED
from sabotage.tallies import Measure, Rate, Tally

MOST_PATTERNS = 30
NO_GAP = "no example of it has two speaking agents with a confidence"
NO_MARGIN = "no decision of it has scores"


@dataclass(frozen=True)
class Lead:
    """One agent in one cell.

    Attributes
    ----------
    followed : Rate
        The decision has its label; of the cell's examples on which it spoke, as are `saboteur` and `suppressed`.
    most_confident : Rate
        No speaking agent is more confident, so that of equals all are; of the examples on which it and another
        speaking agent have a confidence.
    saboteur, suppressed : Rate or None
        None in cells where no agent can be that.
    """

    followed: Rate
    most_confident: Rate
    saboteur: Rate | None
    suppressed: Rate | None


@dataclass(frozen=True)
class Cell:
    """The examples of one cell, and what leads into it.

    Attributes
    ----------
    examples : Rate
        Of all examples.
    confidence_gap : Measure
        Mean of the highest confidence less the second highest among speaking agents, in [0, 1].
    margin : Measure
        Mean of the best fused score less the second best, as shares of one, in [0, 1].
    agents : dict of str to Lead
        Empty where nobody spoke.
    """

    examples: Rate
    confidence_gap: Measure
    margin: Measure
    agents: dict[str, Lead]


@dataclass(frozen=True)
class Pattern:
    """Who is right: one sign an agent, in file order, and the decision's; "+" right, "-" wrong, "." silent."""

    pattern: str
    cell: str
    examples: Rate


@dataclass(frozen=True)
class Parting:
    """One agent against the decision, where both have a label.

    Attributes
    ----------
    differs : Rate
        They have different labels.
    agent_right, decision_right, neither : Rate
        Who is right where they differ.
    """

    differs: Rate
    agent_right: Rate
    decision_right: Rate
    neither: Rate


@dataclass(frozen=True)
class ByClass:
    """Cells in each class of the truth; `n_left_out` classes, the smallest of more than 200, are not there."""

    column: str
    n_left_out: int
    parts: dict[str, dict[str, Rate]]


@dataclass(frozen=True)
class Disagreement:
    """Where agents part ways.

    Attributes
    ----------
    n_examples : int
    cells : dict of str to Cell
        By name, all of `sabotage.cells.CELLS`, each example in one.
    patterns : tuple of Pattern
        The 30 most frequent of `n_patterns`; those left out have `n_left_out` examples.
    by_class : ByClass
    agents : dict of str to Parting
    between : Between
    """

    n_examples: int
    cells: dict[str, Cell]
    patterns: tuple[Pattern, ...]
    n_patterns: int
    n_left_out: int
    by_class: ByClass
    agents: dict[str, Parting]
    between: Between

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return asdict(self)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name.replace('_', ' ')} {cell.examples.count:,}" for name, cell in self.cells.items())
        return f"Disagreement on {count_of(self.n_examples, 'example')}: {counts}"


def measure_disagreement(judged: Judged) -> Disagreement:
    """Say who is right on each example, what leads there, and how agents go together.

    Parameters
    ----------
    judged : Judged
        Takes a note where scores give no margin.

    Notes
    -----
    Cells and patterns are those of `sabotage.cells`. An example on which the decision is missing or abstains is one on
    which it is wrong. Agents against the decision: the unimodal and multimodal views of arXiv:2505.13979.
    """
    panel, decided = judged.panel, judged.roles.decision.labels
    tally, cell = Tally(panel), cells_of(panel, decided)
    everyone = tally.cross(np.zeros(panel.n_examples, np.int64), 1)
    names, n_patterns, place = patterns_of(panel, decided, MOST_PATTERNS)
    shown = np.minimum(place, len(names))
    often = tally.rates(tally.cross(shown, len(names) + 1), everyone, [0] * (len(names) + 1))
    cell_of = np.zeros(len(names) + 1, np.int64)
    cell_of[shown] = cell
    patterns = tuple(
        Pattern(name, CELLS[at], rate) for name, at, rate in zip(names, cell_of[:-1], often[:-1], strict=True)
    )
    return Disagreement(
        panel.n_examples,
        _cells(judged, cell, tally, everyone),
        patterns,
        n_patterns,
        often[-1].count,
        _by_class(panel, cell, tally),
        _partings(panel, decided, tally),
        measure_between(panel, tally),
    )


def _cells(judged: Judged, cell: np.ndarray, tally: Tally, everyone: np.ndarray) -> dict[str, Cell]:
    panel, size = judged.panel, len(CELLS)
    examples = tally.rates(tally.cross(cell.astype(np.int64), size), everyone, [0] * size)
    leads, gap = _leads(judged, cell, tally)
    margin, why = margins_of(judged.roles.decision, judged.replay)
    if why is not None:
        judged.notes.add(f"the margins of cells are null: {why}")
    found = {}
    for at, name in enumerate(CELLS):
        own = np.flatnonzero(cell == at)
        rows = own[~np.isnan(gap[own])]
        clear = own[~np.isnan(margin[own])]
        found[name] = Cell(
            examples[at],
            tally.mean(gap[rows], rows, 0.0, 1.0, NO_GAP),
            tally.mean(margin[clear], clear, 0.0, 1.0, why or NO_MARGIN),
            {} if at == SILENT else {agent: lead[at] for agent, lead in zip(panel.agents, leads, strict=True)},
        )
    return found


def _leads(judged: Judged, cell: np.ndarray, tally: Tally) -> tuple[list[list[Lead]], np.ndarray]:
    """Return each agent in each cell but the silent one, and the gaps of confidence (n,), NaN for none."""
    panel, roles = judged.panel, judged.roles
    decided, size = roles.decision.labels, len(CELLS)
    best, second = np.full(panel.n_examples, -1.0), np.full(panel.n_examples, -1.0)
    for m in range(panel.n_agents):
        own = _confidence(panel, m)
        second = np.maximum(second, np.minimum(best, own))
        best = np.maximum(best, own)
    paired = second >= 0
    hits, bases = [], []
    for m in range(panel.n_agents):
        labels, confidence = panel.labels[:, m], _confidence(panel, m)
        spoke = labels >= 0
        both = paired & (confidence >= 0)
        kinds = (spoke & (labels == decided), both & (confidence == best), roles.role[:, m] == SABOTEUR,
                 roles.role[:, m] == SUPPRESSED)  # fmt: skip
        hits += [_by_cell(tally, cell, which) for which in kinds]
        bases += [_by_cell(tally, cell, which) for which in (spoke, both)]
    base_of = [
        (2 * m + (kind == 1)) * size + at for m in range(panel.n_agents) for kind in range(4) for at in range(size)
    ]
    rates = iter(tally.rates(np.concatenate(hits, axis=1), np.concatenate(bases, axis=1), base_of))
    leads = []
    for _ in panel.agents:
        followed, confident, saboteur, suppressed = ([next(rates) for _ in CELLS] for _ in range(4))
        leads.append(
            [
                Lead(
                    followed[at],
                    confident[at],
                    saboteur[at] if at in (LOST, ALL_WRONG) else None,
                    suppressed[at] if at == LOST else None,
                )
                for at in range(SILENT)
            ]
        )
    return leads, np.where(paired, best - second, np.nan)


def _confidence(panel: Panel, m: int) -> np.ndarray:
    """Return the confidences of one agent where it speaks (n,), -1 for none."""
    return np.where(panel.labels[:, m] >= 0, np.nan_to_num(panel.confidence[:, m], nan=-1.0), -1.0)


def _by_cell(tally: Tally, cell: np.ndarray, which: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(which)
    return tally.cross(cell[rows].astype(np.int64), len(CELLS), rows)


def _by_class(panel: Panel, cell: np.ndarray, tally: Tally) -> ByClass:
    """Count the cells of each class."""
    classes, size = by_class(panel), len(CELLS)
    counts = tally.cross(classes.part * size + cell, (classes.n_parts + 1) * size)[:, : classes.n_parts * size]
    of = counts.reshape(len(counts), classes.n_parts, size).sum(axis=2)
    rates = iter(tally.rates(counts, of, np.repeat(np.arange(classes.n_parts), size)))
    parts = {label: {name: next(rates) for name in CELLS} for label in classes.labels}
    return ByClass(str(classes.column), classes.n_left_out, parts)


def _partings(panel: Panel, decided: np.ndarray, tally: Tally) -> dict[str, Parting]:
    """Compare every agent with the decision."""
    kinds, fused = [], decided == panel.truth
    for labels in panel.labels.T:
        both = (labels >= 0) & (decided >= 0)
        differs, right = both & (labels != decided), labels == panel.truth
        kinds.append(tally.count(both, differs, differs & right, differs & fused, differs & ~right & ~fused))
    counts = np.concatenate(kinds, axis=1)
    agents = range(panel.n_agents)
    hits = counts[:, [5 * m + kind for m in agents for kind in range(1, 5)]]
    rates = iter(tally.rates(hits, counts, [5 * m + (kind > 0) for m in agents for kind in range(4)]))
    return {agent: Parting(*(next(rates) for _ in range(4))) for agent in panel.agents}
