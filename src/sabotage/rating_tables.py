"""Long tables of who rated what how, one row a rating, as a wide table: each crowd is an agent."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from sabotage.columns import TRUTH_NAMES
from sabotage.errors import SabotageError, SabotageWarning, did_you_mean, listed
from sabotage.labels import NULL_TEXTS, Label, in_order
from sabotage.sources import open_source

CROWD = "raters"
TRUTHS = ("truth", "gold", "y")
AGENTS = ("agent", "modality")


@dataclass(frozen=True, eq=False)
class Votes:
    """What a crowd said of every example.

    Attributes
    ----------
    examples : tuple
        In order of appearance.
    classes : tuple
        Sorted.
    counts : ndarray of shape (n, C), int64
        Raters who gave each label.
    """

    examples: tuple[Label | None, ...]
    classes: tuple[Label, ...]
    counts: np.ndarray

    @property
    def n_raters(self) -> np.ndarray:
        """Raters of each example: ndarray of shape (n,), int64, at least 1."""
        return self.counts.sum(axis=1)

    @property
    def shares(self) -> np.ndarray:
        """Share of the raters for each label: ndarray of shape (n, C)."""
        return self.counts / self.n_raters[:, None]

    @property
    def labels(self) -> np.ndarray:
        """Index of the label that most gave, the lowest of equals: ndarray of shape (n,), int64."""
        return self.counts.argmax(axis=1)

    @property
    def tied(self) -> np.ndarray:
        """Where as many gave another label: ndarray of shape (n,), bool."""
        return (self.counts == self.counts.max(axis=1, keepdims=True)).sum(axis=1) > 1


def vote_shares(
    examples: Sequence[Label | None], raters: Sequence[Label | None], labels: Sequence[Label | None]
) -> Votes:
    """Count the votes for each label on each example, one a rater.

    Parameters
    ----------
    examples, raters, labels : sequences of one length
        One entry a rating; a label of None is no rating. The same rating twice counts once.

    Raises
    ------
    SabotageError
        If a rater gives an example two labels; if nobody rates anything.
    """
    said: dict[tuple[Label | None, Label | None], Label] = {}
    for example, rater, label in zip(examples, raters, labels, strict=True):
        if label is None:
            continue
        before = said.setdefault((example, rater), label)
        if before != label:
            raise SabotageError(
                f"a rater gives an example one label: found {before!r} and {label!r} by {rater} for {example}"
            )
    if not said:
        raise SabotageError("there is no rating: every label is null")
    rows = {example: at for at, example in enumerate(dict.fromkeys(example for example, _ in said))}
    classes = tuple(in_order(set(said.values())))
    column = {label: at for at, label in enumerate(classes)}
    counts = np.zeros((len(rows), len(classes)), np.int64)
    for (example, _), label in said.items():
        counts[rows[example], column[label]] += 1
    return Votes(tuple(rows), classes, counts)


def read(
    path: str,
    *,
    task: str = "task",
    worker: str = "worker",
    label: str = "label",
    agent: str | None = None,
    certainty: str | None = None,
    truth: str | None = None,
) -> pa.Table:
    """Read a table of ratings.

    Parameters
    ----------
    path : str
        parquet, feather/arrow or csv(.gz), one row a rating.
    task, worker, label : str
        Its columns.
    agent : str, optional
        The column that tells crowds apart, such as those who saw and those who heard; ``agent`` or ``modality`` where
        there is one. All are one crowd, "raters", without.
    certainty : str, optional
        How sure a rater is, in [0, inf); ``certainty`` where there is one.
    truth : str, optional
        The column of the truth, the same on all rows of a task; ``truth``, ``gold`` or ``y`` where there is one. Or a
        table of its own, with the columns of the task and of the truth.

    Returns
    -------
    pyarrow.Table
        One row a task, in order of appearance: ``id``; ``y``, if there is a truth; of each crowd ``<agent>_label``, by
        most votes, and of equals the first class; ``<agent>_confidence``, the share of these votes;
        ``<agent>_p_<class>``, the share of each; ``<agent>_n_raters``; ``<agent>_reliability``, the mean certainty.

    Raises
    ------
    SabotageError
        For a column that is not there, a null task or worker, a rater with two labels for one task, and a task with
        two truths.
    """
    name, columns = Path(path).name, open_source(path).columns
    agent = agent or next((one for one in AGENTS if one in columns), None)
    certainty = certainty or ("certainty" if "certainty" in columns else None)
    beside = truth if truth is not None and truth not in columns and Path(truth).exists() else None
    if beside is None:
        truth = truth or next((one for one in TRUTHS if one in columns), None)
    own_truth = None if beside is not None else truth
    table = _texts(path, [one for one in (task, worker, label, agent, certainty, own_truth) if one is not None])
    tasks = _without_null(table, task, name)
    _without_null(table, worker, name)
    crowds = [CROWD] * len(tasks) if agent is None else _without_null(table, agent, name)
    order = list(dict.fromkeys(tasks))
    out: dict[str, pa.Array] = {"id": pa.array(order, pa.string())}
    if truth is not None:
        known = _truth_beside(truth, task) if beside is not None else _one_each(tasks, table[truth], f"{name}, {truth}")
        out["y"] = pa.array([known.get(one) for one in order], pa.string())
        unrated = known.keys() - set(order)
        if unrated:
            warnings.warn(
                SabotageWarning(
                    f"{name} rates none of {len(unrated):,} tasks with a truth: {listed(sorted(unrated), 3)}"
                ),
                stacklevel=2,
            )
    classes = [str(one) for one in in_order({one for one in table[label] if one is not None})]
    for crowd in dict.fromkeys(crowds):
        rows = [at for at, own in enumerate(crowds) if own == crowd]
        try:
            votes = vote_shares(*([table[column][at] for at in rows] for column in (task, worker, label)))
        except SabotageError as error:
            raise SabotageError(f"{name}, {crowd}: {error}") from None
        sure = None
        if certainty is not None:
            given = [table[certainty][at] if table[label][at] is not None else None for at in rows]
            sure = _means([tasks[at] for at in rows], given, f"{certainty} of {name}")
        out |= _crowd(crowd, votes, order, classes, sure)
    return pa.table(out)


def _without_null(table: dict[str, list[str | None]], column: str, name: str) -> list[str]:
    """Return a column, once nothing is missing in it."""
    values = [value for value in table[column] if value is not None]
    if len(values) < len(table[column]):
        raise SabotageError(f"{column} of {name} must not be null: found none in row {table[column].index(None)}")
    return values


def _crowd(
    name: str, votes: Votes, order: Sequence[str], classes: Sequence[str], sure: dict[str, float] | None
) -> dict[str, pa.Array]:
    """Return the columns of one crowd, null where it rated nothing."""
    place = {example: at for at, example in enumerate(votes.examples)}
    rated = [place.get(example) for example in order]

    def spread(values: Sequence[object]) -> pa.Array:
        return pa.array([None if at is None else values[at] for at in rated])

    shares = {str(one): share.tolist() for one, share in zip(votes.classes, votes.shares.T, strict=True)}
    labels = [str(votes.classes[c]) for c in votes.labels]
    out = {f"{name}_label": spread(labels), f"{name}_confidence": spread(votes.shares.max(axis=1).tolist())}
    if sure is not None:
        out[f"{name}_reliability"] = pa.array([sure.get(example) for example in order], pa.float64())
    nobody = [0.0] * len(labels)
    out |= {f"{name}_p_{one}": spread(shares.get(one, nobody)) for one in classes}
    return out | {f"{name}_n_raters": spread(votes.n_raters.tolist())}


def _texts(path: str, columns: Sequence[str]) -> dict[str, list[str | None]]:
    """Read columns as lists of texts, None for nothing."""
    source = open_source(path)
    name = Path(path).name
    for column in columns:
        if column not in source.columns:
            near = did_you_mean(column, source.columns)
            raise SabotageError(f"{name} has no column {column!r}{near}: its columns are {listed(source.columns)}")
    wanted = list(dict.fromkeys(columns))
    table = pa.Table.from_batches(list(source.batches(wanted, wanted, [])))
    nothing = {"", *NULL_TEXTS} if source.format == "csv" else {""}

    def text(value: object) -> str | None:
        if value is None or value in nothing:
            return None
        # A float column of whole numbers is one that nulls were in.
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

    return {column: [text(value) for value in table[column].to_pylist()] for column in wanted}


def _truth_beside(path: str, task: str) -> dict[str, str]:
    """Read the truth of each task from a table of its own."""
    name, columns = Path(path).name, open_source(path).columns
    own = next((one for one in (*TRUTHS, *TRUTH_NAMES) if one in columns and one != task), None)
    if own is None:
        raise SabotageError(f"{name} has no column with the truth, {listed(TRUTHS)}: found {listed(columns)}")
    table = _texts(path, [task, own])
    return _one_each(table[task], table[own], f"{name}, {own}")


def _one_each(tasks: Sequence[str | None], values: Sequence[str | None], where: str) -> dict[str, str]:
    """Return the one value of each task; a null says nothing. Raises SabotageError for two."""
    found: dict[str, str] = {}
    for task, value in zip(tasks, values, strict=True):
        if task is None or value is None:
            continue
        if found.setdefault(task, value) != value:
            raise SabotageError(f"{where}: a task has one truth: found {found[task]!r} and {value!r} for {task}")
    return found


def _means(tasks: Sequence[str], values: Sequence[str | None], where: str) -> dict[str, float]:
    """Return the mean certainty of each task; a null says nothing."""
    given: dict[str, list[float]] = {}
    for task, text in zip(tasks, values, strict=True):
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise SabotageError(f"{where} must lie in [0, inf): found {text} for {task}")
        given.setdefault(task, []).append(value)
    return {task: math.fsum(own) / len(own) for task, own in given.items()}
