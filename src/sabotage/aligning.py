"""Which examples, agents and classes several runs have in common, and whether they are runs over the same examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError, count_of, listed
from sabotage.judging import Judged
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.partition import Partition, whole
from sabotage.roles import SABOTEUR

MOST_APART = 0.5  # share of the smallest run's ids that all runs must have to be over the same examples


@dataclass(frozen=True, eq=False)
class Aligned:
    """Runs over the same examples, cut to what all of them have.

    Attributes
    ----------
    judged : mapping of str to Judged
        Every run by its name, whole: decisions and roles are those of the run as it is.
    agents : tuple of str, length M
        In common, in the order of the first run.
    classes : tuple of str
        The texts of all labels, those of the first run first.
    rows : tuple of ndarray of shape (n,), int64
        The examples in common, as rows of each run, in the order of the first.
    """

    judged: Mapping[str, Judged]
    agents: tuple[str, ...]
    classes: tuple[str, ...]
    rows: tuple[np.ndarray, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The runs' names."""
        return tuple(self.judged)

    @property
    def n_examples(self) -> int:
        """Number of examples in common."""
        return len(self.rows[0])

    @cached_property
    def panel(self) -> Panel:
        """The first run's examples in common; with the group of the first run that has one."""
        own = next(iter(self.judged.values())).panel.take(self.rows[0])
        for run, rows in zip(self.judged.values(), self.rows, strict=True):
            if own.group is None and run.panel.group is not None:
                column = run.panel.group
                values = run.panel.column(column).take(pa.array(rows))
                own = replace(own, columns={**own.columns, column: values}, group=column)
        return own

    @cached_property
    def parts(self) -> Partition:
        """All examples as one part, with their clusters."""
        return whole(self.panel)

    @cached_property
    def truth(self) -> np.ndarray:
        """Truth as indices into `classes`: ndarray of shape (n,), int64."""
        first = next(iter(self.judged.values())).panel
        return self._lookup(first)[first.truth[self.rows[0]]]

    @cached_property
    def decided(self) -> np.ndarray:
        """Decisions as indices into `classes`: ndarray of shape (n, R), int64, -1 for none."""
        runs = zip(self.judged.values(), self.rows, strict=True)
        return np.column_stack([self._lookup(run.panel)[run.roles.decision.labels[rows]] for run, rows in runs])

    @cached_property
    def saboteur(self) -> np.ndarray:
        """Who sabotages: ndarray of shape (n, M, R), bool; an agent that is absent does not."""
        found = np.empty((self.n_examples, len(self.agents), len(self.judged)), bool)
        for r, (run, rows) in enumerate(zip(self.judged.values(), self.rows, strict=True)):
            for m, place in enumerate(self._places(run.panel)):
                found[:, m, r] = run.roles.role[rows, place] == SABOTEUR
        return found

    def labels(self, run: int, agent: int, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the labels of an agent in a run on some examples, as indices into `classes`, -1 for none."""
        panel = self._panel(run)
        return self._lookup(panel)[panel.labels[self.rows[run][rows], self._places(panel)[agent]]]

    def confidence(self, run: int, agent: int, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the confidences of an agent in a run on some examples, NaN for none."""
        panel = self._panel(run)
        found: np.ndarray = panel.confidence[self.rows[run][rows], self._places(panel)[agent]]
        return found

    def _panel(self, run: int) -> Panel:
        return self.judged[self.names[run]].panel

    def _places(self, panel: Panel) -> list[int]:
        return [panel.agents.index(name) for name in self.agents]

    def _lookup(self, panel: Panel) -> np.ndarray:
        """Return the index into `classes` of every label of a panel, and of -1, which stands last: (C + 1,)."""
        at = {text: place for place, text in enumerate(self.classes)}
        return np.array([*(at[str(label)] for label in panel.classes), -1], np.int64)


def runs_by_seed(panel: Panel) -> dict[str, Panel]:
    """Part a panel whose ids repeat over seeds into one panel a seed, named "<column> <seed>", in order of the values.

    Raises
    ------
    SabotageError
        If the panel has no seed column, or one value in it.
    """
    column = panel.seed_column
    if column is None:
        raise SabotageError("one file is several runs where its ids repeat over seeds: name the column, --seed-column")
    codes = panel.codes(column)
    values = [None, *panel.column(column).dictionary_encode().dictionary.to_pylist()]
    present = [code for code in range(len(values)) if (codes == code).any()]
    if len(present) < 2:
        raise SabotageError(f"{column} has one value, {values[present[0]]}: two runs are the least")
    try:
        present.sort(key=lambda code: values[code])
    except TypeError:  # a null among them, or what has no order
        present.sort(key=lambda code: str(values[code]))
    fold = None if panel.fold_column == column else panel.fold_column
    return {
        f"{column} {values[code]}": replace(
            panel.take(np.flatnonzero(codes == code)), seed_column=None, fold_column=fold
        )
        for code in present
    }


def common_agents(panels: Mapping[str, Panel], notes: Notes) -> tuple[str, ...]:
    """Return the agents that all runs have, in the order of the first; the others are a note.

    Raises SabotageError where there is none.
    """
    first = next(iter(panels.values())).agents
    kept = tuple(name for name in first if all(name in panel.agents for panel in panels.values()))
    if not kept:
        who = "; ".join(f"{run}: {listed(panel.agents)}" for run, panel in panels.items())
        raise SabotageError(f"the runs have no agent in common, and agents are compared by name: found {who}")
    for run, panel in panels.items():
        others = [name for name in panel.agents if name not in kept]
        if others:
            notes.add(
                f"{run} has agents that not all runs have, which are not compared: {listed(others)}; its decisions are"
                f" made with them"
            )
    return kept


def common_rows(panels: Mapping[str, Panel], different: bool | None, notes: Notes) -> tuple[np.ndarray, ...] | None:
    """Find the examples that all runs have, by id.

    Parameters
    ----------
    panels : mapping of str to Panel
    different : bool or None
        Whether the runs are over different data; None finds out: they are where the runs share fewer than half of the
        ids of the smallest.
    notes : Notes
        Takes what is left out, and what was assumed.

    Returns
    -------
    tuple of ndarray of shape (n,), int64, or None
        The rows in common of each panel, in the order of the first; None for different data.

    Raises
    ------
    SabotageError
        If an id stands in several rows of a run, if the runs share ids and not their truth, or with `different` False
        if they share nothing.
    """
    if different:
        return None
    if any(_is_unnamed(panel) for panel in panels.values()):
        return _rows_by_number(panels, different, notes)
    for run, panel in panels.items():
        if panel.units.max() + 1 < panel.n_examples:
            raise SabotageError(
                f"run {run} holds ids more than once: take one of its repeated runs, --where '{panel.seed_column} =="
                f" 0', or give its file alone with --seed-column"
            )
    names, (first, *others) = list(panels), panels.values()
    keys = _keys(list(panels.values()))
    found = [pc.index_in(keys[0], value_set=key) for key in keys[1:]]
    there = np.ones(first.n_examples, bool)
    for at in found:
        there &= np.asarray(pc.is_valid(at))
    n, least = int(there.sum()), min(panel.n_examples for panel in panels.values())
    if different is None and n < MOST_APART * least:
        notes.add(
            f"the runs are taken to be over different data: {n:,} ids are in all of them, of {least:,} of the smallest"
        )
        return None
    if not n:
        raise SabotageError("no id is in all runs: leave --same out, or give files over the same examples")
    own = np.flatnonzero(there)
    rows = (own, *(np.asarray(at.fill_null(-1))[own].astype(np.int64) for at in found))
    _require_one_truth(panels, rows)
    left = {run: panel.n_examples - n for run, panel in panels.items() if panel.n_examples > n}
    if left:
        parts = ", ".join(f"{count:,} of {run}" for run, count in left.items())
        notes.add(f"{count_of(n, 'example')} of all runs are compared; left out, since some run lacks them: {parts}")
    assert len(names) == len(rows) == 1 + len(others)
    return rows


def _is_unnamed(panel: Panel) -> bool:
    """Whether the ids are numbers of rows, for the table that was read has none."""
    return panel.origin.id_column is None and panel.origin.n_rows > 0


def _rows_by_number(panels: Mapping[str, Panel], different: bool | None, notes: Notes) -> tuple[np.ndarray, ...] | None:
    """Take rows of tables without ids for the same examples where they are as many and have the same truth."""
    unnamed = [run for run, panel in panels.items() if _is_unnamed(panel)]
    n, *sizes = {panel.n_examples for panel in panels.values()}
    rows = tuple(np.arange(n) for _ in panels)
    same = not sizes and _first_odd(panels, rows) is None
    if same:
        notes.warn(
            f"{listed(unnamed)}: no id column, so rows in the same place with the same truth are taken for one example;"
            f" name the ids with --id, or give --different"
        )
        return rows
    if different is False:
        raise SabotageError(
            f"{listed(unnamed)}: no id column, and the rows differ in number or in truth, so that they cannot be the"
            f" same examples: name the ids with --id"
        )
    notes.add(f"the runs are taken to be over different data: {listed(unnamed)} without ids, and rows do not go along")
    return None


def _require_one_truth(panels: Mapping[str, Panel], rows: Sequence[np.ndarray]) -> None:
    odd = _first_odd(panels, rows)
    if odd is None:
        return
    at, run = odd
    name, first = next(iter(panels.items()))
    other = panels[run]
    place = rows[0][at], rows[list(panels).index(run)][at]
    raise SabotageError(
        f"the truth of id {first.ids[int(place[0])].as_py()!r} is {str(first.classes[first.truth[place[0]]])!r} in"
        f" {name} and {str(other.classes[other.truth[place[1]]])!r} in {run}: mend the files, or if their ids name"
        f" different examples compare them as different data, sabotage runs --different"
    )


def _first_odd(panels: Mapping[str, Panel], rows: Sequence[np.ndarray]) -> tuple[int, str] | None:
    """Return the first place in common at which a run has another truth than the first one, and that run's name."""
    first, *others = panels.items()
    own = first[1]
    at = {str(label): code for code, label in enumerate(own.classes)}
    for (run, panel), there in zip(others, rows[1:], strict=True):
        lookup = np.array([at.get(str(label), -1) for label in panel.classes])
        odd = np.flatnonzero(lookup[panel.truth[there]] != own.truth[rows[0]])
        if len(odd):
            return int(odd[0]), run
    return None


def _keys(panels: Sequence[Panel]) -> list[pa.Array]:
    """Return ids that can be compared: as they are where all are of one type, else as texts."""
    ids = [_plain(panel.ids) for panel in panels]
    if len({own.type for own in ids}) == 1 and not pa.types.is_nested(ids[0].type):
        return ids
    try:
        return [pc.cast(own, pa.string()) for own in ids]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return [pa.array([str(one) for one in own.to_pylist()]) for own in ids]


def _plain(ids: pa.Array) -> pa.Array:
    """Return ids as they are spelled out: values of two dictionaries cannot be looked up in each other."""
    return ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids
