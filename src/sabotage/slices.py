"""Slices of the examples with more sabotage: found on one half of the examples, confirmed on the other."""

from collections.abc import Sequence
from dataclasses import replace
from operator import index

import numpy as np

from sabotage.adjusting import adjust
from sabotage.errors import SabotageError, count_of, listed
from sabotage.halving import Sampling, halve, sampling_of
from sabotage.intervals import FEWEST_CLUSTERS
from sabotage.judging import Judged
from sabotage.moving import Chances, chances
from sabotage.notes import Notes
from sabotage.roles import SABOTEUR
from sabotage.slice_counts import Counts, count_slices
from sabotage.slice_results import Half, Overall, Slice, SliceColumn, Slices
from sabotage.slicing import CLASS, GROUP, Slicing, slice_by
from sabotage.spans import plain

SMALLEST = 30
LEVEL = 0.05
ALL, FIRST, SECOND = range(3)  # streams of the tests

__all__ = ["SMALLEST", "Slice", "Slices", "find_slices"]


def find_slices(
    judged: Judged,
    by: Sequence[str] = (CLASS,),
    *,
    smallest: int = SMALLEST,
    level: float = LEVEL,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> Slices:
    """Look for slices of the examples with more sabotage than the panel has.

    Parameters
    ----------
    judged : Judged
    by : sequence of str
        "class", "group", or columns that the panel keeps; see `sabotage.slicing.slice_by`.
    smallest : int
        Examples that a slice needs in each half to be tested, at least 1.
    level : float in (0, 1)
        Of p, to be found on the first half with a lift above 1, and of p adjusted by Holm to be confirmed on the other.
    n_permutations : int
        Of groups that change places, where that is what is tested; 0 leaves all p-values null.
    seed : int

    Returns
    -------
    Slices
        The halves share no group, or no id where ids repeat over seeds. By group, where the groups are what is asked
        about, both halves have half of each group's examples.

    Raises
    ------
    SabotageError
        If there is nothing to slice by, a column is missing, or a number is out of range.
    """
    smallest, n_permutations, seed = index(smallest), index(n_permutations), index(seed)
    if not by:
        raise SabotageError("by must name a column, class or group: found none")
    if smallest < 1:
        raise SabotageError(f"smallest must be at least 1: found {smallest}")
    if not 0 < level < 1:
        raise SabotageError(f"level must lie between 0 and 1: found {level:g}")
    if n_permutations < 0 or not 0 <= seed < 2**64:
        raise SabotageError(
            f"n_permutations must be at least 0 and seed lie in [0, 2^64): found {n_permutations} and {seed}"
        )
    panel, roles, notes = judged.panel, judged.roles, Notes()
    for name in (CLASS, GROUP):
        own = panel.origin.truth_column if name == CLASS else panel.group
        if name in by and name in panel.columns and own not in (None, name):
            notes.add(f"by {name} is by {own}; to slice by the column {name}, give it another name")
    marked = roles.role == SABOTEUR
    marks = np.concatenate([marked.any(axis=1)[:, None], marked], axis=1)
    wrong = roles.decision.labels != panel.truth
    agents = (None, *panel.agents)
    slicings = {own.column: own for own in (slice_by(panel, name) for name in by)}  # each column once
    samplings = {
        is_group: sampling_of(panel, is_group) for is_group in {own.kind == GROUP for own in slicings.values()}
    }
    halves = {is_group: halve(own, seed) for is_group, own in samplings.items()}

    columns, rows = [], []
    for slicing in slicings.values():
        is_group = slicing.kind == GROUP
        column, found = _measure(
            slicing, marks, wrong, agents, samplings[is_group], halves[is_group], smallest, n_permutations, seed
        )
        columns.append(column)
        rows += found
    rows = _confirm(rows, level)
    _note(notes, rows, columns, halves, n_permutations)
    for sentence in notes:
        judged.notes.add(sentence)
    usual = next((half for half in (halves.get(False), halves.get(True)) if half is not None), None)
    return Slices(
        columns=tuple(columns),
        panel=_overall(judged, marks, wrong, agents),
        slices=tuple(sorted(rows, key=_place)),
        n=panel.n_examples,
        n_wrong=int(wrong.sum()),
        n_first=None if usual is None else int((~usual).sum()),
        n_second=None if usual is None else int(usual.sum()),
        n_tested=sum(row.is_tested for row in rows),
        n_too_small=sum(_size(row) < smallest for row in rows if row.first is not None),
        n_found=sum(row.is_found for row in rows),
        n_confirmed=sum(row.is_confirmed for row in rows),
        smallest=smallest,
        level=float(level),
        n_permutations=n_permutations,
        seed=seed,
        notes=tuple(notes),
    )


def _measure(
    slicing: Slicing,
    marks: np.ndarray,
    wrong: np.ndarray,
    agents: tuple[str | None, ...],
    sampling: Sampling,
    half: np.ndarray | None,
    smallest: int,
    n_permutations: int,
    seed: int,
) -> tuple[SliceColumn, list[Slice]]:
    """Count and test every slice of a column and every target, on all examples and on the halves."""
    n_slices, code = len(slicing.names), slicing.code

    def test(rows: np.ndarray, which: int) -> Chances | None:
        if not n_permutations:
            return None
        key = [seed, which, *slicing.column.encode()]  # so that no column changes the p-values of another
        return chances(code, n_slices, marks, sampling, rows, n_permutations, key)

    counts = count_slices(code, n_slices, marks, wrong, sampling)
    chance = test(np.arange(len(code)), ALL)
    parts = []
    if half is not None:
        for which, rows in ((FIRST, np.flatnonzero(~half)), (SECOND, np.flatnonzero(half))):
            parts.append(_halves(code[rows], n_slices, marks[rows], test(rows, which)))
    found = []
    for s, name in enumerate(slicing.names):
        is_tested = bool(parts) and chance is not None and min(part[s][0].n for part in parts) >= smallest
        for t, agent in enumerate(agents):
            own = _row(slicing.column, name, agent, counts, chance, s, t)
            if parts:
                own = replace(own, first=parts[0][s][t], second=parts[1][s][t], is_tested=is_tested)
            found.append(own)
    column = SliceColumn(
        column=slicing.column,
        kind=slicing.kind,
        cuts=slicing.cuts,
        n_slices=n_slices,
        n_left_out=slicing.n_left_out,
        n_examples_left_out=int(np.count_nonzero(code == n_slices)),
        cluster=sampling.word,
        p_method=None if chance is None else "exact" if chance.n_permutations is None else "permutations",
        moves=None if chance is None else chance.moves,
        n_permutations=None if chance is None else chance.n_permutations,
    )
    return column, found


def _halves(code: np.ndarray, n_slices: int, marks: np.ndarray, chance: Chances | None) -> list[list[Half]]:
    n = np.bincount(code, minlength=n_slices + 1)[:n_slices]
    usual = marks.mean(axis=0)
    out = []
    for s in range(n_slices):
        hits = marks[code == s].sum(axis=0)
        rates = [float(count / n[s]) if n[s] else None for count in hits]
        out.append(
            [
                Half(
                    n=int(n[s]),
                    n_sabotaged=int(hits[t]),
                    rate=rate,
                    lift=None if rate is None or not usual[t] else float(rate / usual[t]),
                    p_value=None if chance is None or not n[s] else float(chance.upper[s, t]),
                )
                for t, rate in enumerate(rates)
            ]
        )
    return out


def _row(column: str, name: str, agent: str | None, counts: Counts, chance: Chances | None, s: int, t: int) -> Slice:
    n, hits, n_wrong = int(counts.n[s]), int(counts.n_hits[s, t]), int(counts.n_wrong[s])
    spans = (counts.rate_spans, counts.wrong_spans, counts.lift_spans, counts.difference_spans)
    rate, of_wrong, lift, difference = plain(np.stack([own[s, t] for own in spans]))
    return Slice(
        column=column,
        name=name,
        agent=agent,
        n=n,
        n_clusters=int(counts.n_clusters[s]),
        n_sabotaged=hits,
        n_wrong=n_wrong,
        rate=hits / n if n else None,
        rate_interval=rate,
        of_wrong=hits / n_wrong if n_wrong else None,
        of_wrong_interval=of_wrong,
        lift=_known(counts.lift[s, t]),
        lift_interval=lift,
        difference=_known(counts.difference[s, t]),
        difference_interval=difference,
        p_value=None if chance is None else float(chance.upper[s, t]),
        p_value_two_sided=None if chance is None else float(chance.two_sided[s, t]),
        first=None,
        second=None,
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _confirm(rows: list[Slice], level: float) -> list[Slice]:
    """Mark what is found on the first half, and of it what the second half confirms."""
    found = [k for k, row in enumerate(rows) if row.is_tested and _is_found(row.first, level)]
    second = [half.p_value for k in found if (half := rows[k].second) is not None and half.p_value is not None]
    assert len(second) == len(found)  # who is tested has both
    for k, p in zip(found, adjust(second), strict=True):
        rows[k] = replace(rows[k], is_found=True, p_adjusted=p, is_confirmed=p <= level)
    return rows


def _is_found(half: Half | None, level: float) -> bool:
    return (
        half is not None
        and half.p_value is not None
        and half.p_value <= level
        and half.lift is not None
        and half.lift > 1
    )


def _size(row: Slice) -> int:
    """Return how many examples of a slice the half has that has fewer."""
    return min(half.n for half in (row.first, row.second) if half is not None)


def _place(row: Slice) -> tuple[bool, bool, bool, float, float]:
    """Sort what was found by its lift, since p-values of permutations are often the same, and the rest by p."""
    p = 0.0 if row.is_found else 2.0 if row.p_value is None else row.p_value
    return not row.is_confirmed, not row.is_found, not row.is_tested, p, -(row.lift or 0.0)


def _overall(
    judged: Judged, marks: np.ndarray, wrong: np.ndarray, agents: tuple[str | None, ...]
) -> tuple[Overall, ...]:
    n, n_wrong = len(wrong), int(wrong.sum())
    sampling = sampling_of(judged.panel, False)
    found = count_slices(np.zeros(n, np.int64), 1, marks, wrong, sampling)
    out = []
    for t, agent in enumerate(agents):
        hits = int(found.n_hits[0, t])
        rate, of_wrong = plain(np.stack([found.rate_spans[0, t], found.wrong_spans[0, t]]))
        out.append(Overall(agent, hits, hits / n, rate, hits / n_wrong if n_wrong else None, of_wrong))
    return tuple(out)


def _note(
    notes: Notes, rows: Sequence[Slice], columns: Sequence[SliceColumn], halves: dict[bool, np.ndarray | None],
    n_permutations: int,
) -> None:  # fmt: skip
    """Say why numbers of slices are null."""
    for is_group, half in halves.items():
        if half is None:
            names = listed(own.column for own in columns if (own.kind == GROUP) == is_group)
            what = next(own.cluster for own in columns if (own.kind == GROUP) == is_group)
            notes.add(
                f"by {names}: the halves of slices are null, and none is found or confirmed: fewer than 4 {what} cannot"
                " be parted into halves of 2"
            )
    if not n_permutations:
        notes.add("p-values of slices are null, and none is found or confirmed: 0 permutations were asked for")
    never = [row.agent or "any agent" for row in rows if row.lift is None and row.n]
    if never:
        notes.add(f"lifts of slices are null for {listed(dict.fromkeys(never))}: never a saboteur")
    spans = [(row.rate_interval, row.difference_interval) for row in rows]
    if any(span is None for own in spans for span in own) or any(row.lift and not row.lift_interval for row in rows):
        words = listed(dict.fromkeys(own.cluster for own in columns))
        notes.add(
            f"in slices an interval is null where it rests on fewer than {FEWEST_CLUSTERS} {words}, or where nothing"
            " varies"
        )
    for own in columns:
        if own.n_left_out:
            notes.add(
                f"by {own.column}: the {own.n_slices} most frequent values are slices;"
                f" {count_of(own.n_left_out, 'other value')} with {count_of(own.n_examples_left_out, 'example')} are"
                " left out"
            )
