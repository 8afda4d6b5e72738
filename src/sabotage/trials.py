"""What may be exchanged with what: a panel cut into runs and its ids into blocks, ready for a permutation test."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import index

import numpy as np

from sabotage.errors import SabotageError
from sabotage.fusion import Replay
from sabotage.intervals import clusters
from sabotage.measures import Measure, make_measure
from sabotage.panel import Panel
from sabotage.planning import Plan, block_codes, in_step, make_plan, refined
from sabotage.scoring import mass_bins

FEW_ROWS = 64  # of a block that are looked at first, to see whether it has more arrangements than matter


@dataclass(frozen=True, eq=False)
class Run:
    """One run over the ids: all of a panel, or its rows of one seed.

    `rows` (n,) are those of the panel, `unit` (n,) their ids, numbered alike in all runs, `cluster` (n,) the ids or
    groups that are one draw from the population, None where each row is. `plan` is for sums over pairs, `stepped` for
    replicates: the same where there is one run.
    """

    name: str
    rows: np.ndarray
    replay: Replay
    measure: Measure
    unit: np.ndarray
    cluster: np.ndarray | None
    plan: Plan
    stepped: Plan

    @cached_property
    def worth(self) -> np.ndarray:
        """What each example is worth as observed: ndarray of shape (n,)."""
        return self.measure.worth(self.replay, self.replay.decision, self.replay.weights)


@dataclass(frozen=True, eq=False)
class Trial:
    """A test made ready, whatever moves in it.

    `block` (n_units,) is the block of every unit: an example, or an id with all its runs.
    """

    replay: Replay
    statistic: str
    within: tuple[str, ...]
    within_difficulty: int | None
    runs: tuple[Run, ...]
    block: np.ndarray

    @property
    def n_units(self) -> int:
        """Examples, or ids where several runs move in step."""
        return len(self.block)

    @cached_property
    def n_blocks(self) -> int:
        """Blocks, those of one unit included."""
        return int(self.block.max()) + 1

    @cached_property
    def contested(self) -> np.ndarray:
        """Units whose decision, or coverage, some reliability could change, as far as is known: bool (n_units,)."""
        found = np.zeros(self.n_units, bool)
        for run in self.runs if self.replay.rule.uses_reliability else ():
            found[run.unit[run.plan.order[run.plan.touched]]] = True
        return found

    @cached_property
    def contested_weight(self) -> float | None:
        """What the contested examples can add to the statistic or take from it; None for no sum of hits."""
        measure = self.runs[0].measure
        if not measure.is_sum or measure.is_log:
            return None
        if not self.replay.rule.uses_reliability:
            return 0.0
        parts = [run.measure.class_weights[run.plan.truth[run.plan.touched]].sum() for run in self.runs]
        return float(sum(parts) / len(parts))

    def usable(self, agent: int | None) -> np.ndarray:
        """Units in a block that holds two different rows of reliability, or two values of one agent's: bool (n_units,).

        A silent agent has none, and a null weighs 0, or under a softmax nothing, which is less.
        """
        order = np.argsort(self.block, kind="stable")
        starts = np.searchsorted(self.block[order], np.arange(self.n_blocks))
        differs = np.zeros(self.n_blocks, bool)
        for q in self._tables(agent):
            ranked = q[order]
            other = (ranked != ranked[starts[self.block[order]]]).any(axis=1)
            differs[self.block[order][other]] = True
        return differs[self.block]

    def log_arrangements(self, agent: int | None, enough: float) -> float:
        """Logarithm of how many different arrangements of the rows there are, or any number from `enough` on."""
        order = np.flatnonzero(self.usable(agent))
        order = order[np.argsort(self.block[order], kind="stable")]
        bounds = np.r_[np.flatnonzero(np.diff(self.block[order], prepend=-1)), len(order)]
        q = np.concatenate(self._tables(agent), axis=1)[order]
        total = 0.0
        for most in (FEW_ROWS, self.n_units):
            total = 0.0
            for first, last in pairwise(bounds.tolist()):
                rows = q[first : min(last, first + most)]
                equal = np.unique(rows, axis=0, return_counts=True)[1]
                total += math.lgamma(len(rows) + 1) - sum(math.lgamma(k + 1) for k in equal.tolist())
                if total >= enough:
                    return total
        return total

    def _tables(self, agent: int | None) -> list[np.ndarray]:
        """Return the reliabilities of each run by unit, (n_units, M) or (n_units, 1)."""
        tables = []
        for run in self.runs:
            rule = run.replay.rule
            null = -1.0 if rule.weighs_jointly or rule.combine == "call" else 0.0
            known = np.where(run.replay.spoken >= 0, np.nan_to_num(run.replay.panel.reliability, nan=null), 0.0)
            table = np.zeros((self.n_units, known.shape[1]))
            table[run.unit] = known
            tables.append(table if agent is None else table[:, [agent]])
        return tables


def make_trial(
    ready: Replay,
    statistic: str,
    within: Sequence[str] = (),
    within_difficulty: int | None = None,
    cluster: np.ndarray | None = None,
    alone: bool = False,
    pause: Callable[[], None] = lambda: None,
) -> Trial:
    """Cut a panel into runs and blocks, and prune it.

    Where the panel names a seed column, its ids move and each seed is a run; a fold column is a block if every id keeps
    its fold. `within_difficulty` cuts blocks by the margin of the equal-weight decision into so many strata; `cluster`
    (n,) numbers what is one draw from the population. `alone` is a run whose clusters are shared with others.

    Raises
    ------
    SabotageError
        For an unknown statistic or column, or a column whose value an id does not keep over the seeds.
    """
    panel = ready.panel
    if within_difficulty is not None:
        within_difficulty = index(within_difficulty)
        if not 2 <= within_difficulty <= panel.n_examples:
            raise SabotageError(
                f"within_difficulty must be a number of strata from 2 to the number of examples, {panel.n_examples}:"
                f" found {within_difficulty}"
            )
        if ready.rule.selects or ready.rule.combine == "call":
            raise SabotageError(
                f"within_difficulty needs a rule whose scores have a margin: {ready.rule.name} has none"
            )
    parts = _parts(panel)
    within = tuple(dict.fromkeys((*within, *_fold_within(panel, parts))))
    n_units = max(int(unit.max()) for _, _, unit in parts) + 1
    replays = [ready if len(parts) == 1 else ready.take(rows) for _, rows, _ in parts]
    block = block_codes(panel, ready.spoken, within) if len(parts) == 1 else _blocks(ready, parts, n_units, within)
    if ready.part is not None:  # a row's weights come from its own part, and what that learned knows the other rows
        of_unit = np.zeros(n_units, np.int64)
        for _, rows, unit in parts:
            of_unit[unit] = ready.part[rows]
        block = refined(block, of_unit)
    if within_difficulty is not None:
        total, count = np.zeros(n_units), np.zeros(n_units)
        for one, (_, _, unit) in zip(replays, parts, strict=True):
            total[unit] += margin(one)
            count[unit] += 1
        block = refined(block, mass_bins(total / count, within_difficulty))
    measures = [make_measure(statistic, one) for one in replays]
    plans = [
        make_plan(one, (), measure.top, pause, measure.counts_said, min(measure.kind, 0), block[unit])
        for one, measure, (_, _, unit) in zip(replays, measures, parts, strict=True)
    ]
    stepped = plans if len(parts) == 1 else in_step(plans, [unit for _, _, unit in parts])
    runs = tuple(
        Run(name, rows, one, measure, unit, _cluster(ready, cluster, block, rows, unit, alone), plan, step)
        for (name, rows, unit), one, measure, plan, step in zip(parts, replays, measures, plans, stepped, strict=True)
    )
    return Trial(ready, statistic, within, within_difficulty, runs, block)


def make_trials(
    ready: Replay,
    statistic: str,
    within: Sequence[str] = (),
    within_difficulty: int | None = None,
    per_seed: bool = False,
    pause: Callable[[], None] = lambda: None,
) -> list[Trial]:
    """Make one trial ready, or one for each seed, whose clusters are numbered alike."""
    panel = ready.panel
    if panel.group is not None and panel.seed_column is not None and not keeps(panel, panel.group):
        raise SabotageError(
            f"an id must keep its {panel.group} over the seeds, or the groups are no clusters: some do not"
        )
    cluster = clusters(panel)
    if not per_seed:
        return [make_trial(ready, statistic, within, within_difficulty, cluster, pause=pause)]
    if panel.seed_column is None:
        raise SabotageError("a test for each seed needs a seed column: --seed-column (in Python seed_column) names it")
    return [
        make_trial(
            ready.take(rows),
            statistic,
            within,
            within_difficulty,
            None if cluster is None else cluster[rows],
            alone=True,
            pause=pause,
        )
        for _, rows, _ in _parts(panel)
    ]


def margin(ready: Replay) -> np.ndarray:
    """Return how far the best class leads under equal weights, over the number of agents that speak: (n,)."""
    decision = ready.decide(ready.weightless, keep_scores=True)
    assert decision.scores is not None  # asked for
    best = np.partition(decision.scores, -2, axis=1)[:, -2:]
    # Rounded, so that margins which differ by what a sum loses stay in one stratum.
    return np.round((best[:, 1] - best[:, 0]) / np.maximum((ready.spoken >= 0).sum(axis=1), 1), 12)


def keeps(panel: Panel, name: str) -> bool:
    """Whether each id has one value of a column in all its rows."""
    values, first = panel.codes(name), np.zeros(int(panel.units.max()) + 1, np.int64)
    first[panel.units] = values
    return bool((first[panel.units] == values).all())


def _cluster(
    ready: Replay, cluster: np.ndarray | None, block: np.ndarray, rows: np.ndarray, unit: np.ndarray, alone: bool
) -> np.ndarray | None:
    """Return the clusters of a run: those that are given, where no group says so with both of a block of two as one.

    Each of two depends on both rows. Taken to be independent, pairs whose rows differ much had intervals that held the
    gap in 88 to 92 % of simulated samples, and 94 % as clusters; in larger blocks it makes no difference that matters.
    """
    given = None if cluster is None else cluster[rows]
    is_pair = np.bincount(block)[block] == 2
    if ready.panel.group is not None or alone or not is_pair.any():
        return given
    return np.where(is_pair, len(block) + block, np.arange(len(block)))[unit]


Part = tuple[str, np.ndarray, np.ndarray]


def _parts(panel: Panel) -> list[Part]:
    """Return the name, rows and units of each run."""
    everything = np.arange(panel.n_examples)
    if panel.seed_column is None:
        return [("", everything, everything)]
    if len(np.unique(panel.units * (int(panel.runs.max()) + 1) + panel.runs)) < panel.n_examples:
        raise SabotageError(
            f"an id stands more than once in one {panel.seed_column}: ids and seeds together name a row"
        )
    seeds, names = panel.codes(panel.seed_column), panel.column(panel.seed_column)
    runs = [np.flatnonzero(seeds == code) for code in np.unique(seeds).tolist()]
    if len(runs) == 1:
        return [(str(names[0]), everything, everything)]
    return [(str(names[int(rows[0])]), rows, panel.units[rows]) for rows in runs]


def _fold_within(panel: Panel, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the fold column where it is a block."""
    if panel.fold_column is None or panel.fold_column == panel.seed_column:
        return ()
    return (panel.fold_column,) if len(parts) == 1 or keeps(panel, panel.fold_column) else ()


def _blocks(ready: Replay, parts: Sequence[Part], n_units: int, within: Sequence[str]) -> np.ndarray:
    """Number the blocks of units that share availability, run by run, and the values of the columns: (n_units,)."""
    panel, code = ready.panel, np.zeros(n_units, np.int64)
    for _, rows, unit in parts:
        for there in (np.ones(len(rows), np.int64), *(ready.spoken[rows] >= 0).T.astype(np.int64)):
            column = np.zeros(n_units, np.int64)
            column[unit] = there
            code = refined(code, column)
    for name in within:
        if not keeps(panel, name):
            raise SabotageError(
                f"an id must keep its {name} over the seeds to move within it: some do not; a test for each seed alone,"
                f" --per-seed (in Python per_seed=True), can move within it"
            )
        column = np.zeros(n_units, np.int64)
        column[panel.units] = panel.codes(name)
        code = refined(code, column)
    return code
