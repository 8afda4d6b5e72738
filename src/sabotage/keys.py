"""Which rows of a table are one example: ids, the runs that repeat them, and what other splits share with them."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.coding import first_rows
from sabotage.conditions import joined
from sabotage.errors import SabotageError
from sabotage.labels import Label
from sabotage.panel import Origin
from sabotage.streaming import Examples
from sabotage.unifying import without_nan


@dataclass(frozen=True)
class Structure:
    """The columns that say how the rows of a table belong together."""

    group: str | None = None
    seed: str | None = None
    fold: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys(name for name in (self.group, *self.runs) if name is not None))

    @property
    def runs(self) -> tuple[str, ...]:
        """Those that tell apart the runs of repeated training."""
        return tuple(dict.fromkeys(name for name in (self.seed, self.fold) if name is not None))

    def check(self, id: str | None, truth: str, table: str) -> None:
        """Raise SabotageError where runs are named and the table cannot have them so."""
        for column, option in ((self.seed, "--seed-column"), (self.fold, "--fold-column")):
            if column is not None and column in (id, truth):
                what = "id" if column == id else "truth"
                raise SabotageError(
                    f"{column} of {table} is the {what}: give {option} a column that tells repeated runs apart"
                )
        if self.seed is not None and id is None:
            raise SabotageError(
                f"--seed-column {self.seed} tells repeated runs over the same ids apart, and {table} has no id column:"
                f" name it with --id, or leave the option out and every row is an example of its own"
            )


@dataclass(frozen=True)
class Keys:
    """What the rows of a panel go by.

    `seed_column` is the column that tells repeated ids apart, and `number`, where there is one, the number of each
    row's id: ndarray of shape (n,), int64. The counts are of ids and groups that rows of another split have too.
    """

    ids: pa.Array
    seed_column: str | None
    number: np.ndarray | None
    n_shared_ids: int
    n_shared_groups: int


def find_keys(examples: Examples, structure: Structure, origin: Origin, columns: Sequence[str]) -> Keys:
    """Find what the examples go by; `columns` are those of the table.

    Raises
    ------
    SabotageError
        Where an id or the run of a repeated id is null, or two rows have the same.
    """
    ids = _typed(examples, origin)
    run, number = structure.seed, None
    if run is None and not _are_unique(ids):
        run = structure.fold
        if run is None:
            raise _not_unique(ids, examples, origin, columns)
    if run is not None:
        number = _numbers(ids)
        _check_pairs(ids, number, run, examples, structure, origin)
    own = dict(examples.kept)
    if origin.id_column is not None:
        own[origin.id_column] = examples.ids

    def n_shared(column: str | None) -> int:
        if column is None or column not in examples.elsewhere or column in structure.runs:
            return 0
        # An id that trains in one run may be tested in another: only the same run leaks.
        runs = [(examples.kept[name], examples.elsewhere[name]) for name in structure.runs]
        return n_shared_values(own[column], examples.elsewhere[column], runs, origin.format)

    return Keys(ids, run, number, n_shared(origin.id_column), n_shared(structure.group))


def require_one_truth(
    keys: Keys, truth: np.ndarray, classes: Sequence[Label], examples: Examples, origin: Origin
) -> None:
    """Raise SabotageError where an id has one truth in one of its rows and another in another.

    truth : ndarray of shape (n,), int32, indices into classes
    """
    if keys.number is None:
        return
    first = first_rows(keys.number)
    odd = np.flatnonzero(truth != truth[first[keys.number]])
    if len(odd):
        at = int(odd[0])
        before = int(first[keys.number[at]])
        raise SabotageError(
            f"{origin.truth_column} must be the same in all rows of one id: found {classes[truth[before]]!r} in"
            f" {examples.place(before)} and {classes[truth[at]]!r} in {examples.place(at)}, where {origin.id_column} is"
            f" {keys.ids[at].as_py()!r}; give different examples different ids"
        )


def n_shared_values(
    own: pa.Array, other: pa.Array, runs: Sequence[tuple[pa.Array, pa.Array]] = (), format: str = "memory"
) -> int:
    """Count the different values of `own` that `other` has too, in the same run where there are runs.

    Each of `runs` is a column of the rows of `own` and of the rows of `other`. A null is no value; a null run of
    `other` is every run, as of calibration rows that serve all of them.
    """
    own, other = _alike(own, other, format)
    mine = np.asarray(pc.is_in(own, value_set=other.drop_null()))
    values = own.filter(pa.array(mine))
    if not runs or not len(values):
        return len(pc.unique(values))
    theirs = np.asarray(pc.is_in(other, value_set=values))
    pairs = [(values, other.filter(pa.array(theirs)))]
    for ours, others in runs:
        ours, others = _alike(ours, others, format)
        pairs.append((ours.filter(pa.array(mine)), others.filter(pa.array(theirs))))
    numbers = [_numbers(pa.concat_arrays(pair)) for pair in pairs]
    n = len(values)
    value, known = numbers[0], np.column_stack([number[n:] >= 0 for number in numbers[1:]])
    same = np.zeros(n, bool)
    for named in np.unique(known, axis=0):  # a handful at most: which runs are null
        key = value
        for number, counts in zip(numbers[1:], named, strict=True):
            if counts:
                key = key * (number.max() + 2) + number + 1
        same |= np.isin(key[:n], key[n:][(known == named).all(axis=1)])
    return len(np.unique(value[:n][same]))


def _typed(examples: Examples, origin: Origin) -> pa.Array:
    """Return ids, integers again where a csv's texts spell them; raise SabotageError where one is null."""
    ids = _without_blanks(examples.ids, origin.format)
    if ids.null_count:
        raise SabotageError(
            f"{origin.id_column} is null in {examples.place(_first_null(ids))}: every example needs an id, or"
            f" none a column"
        )
    if origin.format == "csv" and pa.types.is_string(ids.type):
        with contextlib.suppress(pa.ArrowInvalid):
            numbers = pc.cast(ids, pa.int64())
            if pc.all(pc.equal(pc.cast(numbers, pa.string()), ids)).as_py():  # "007" stays a text
                ids = numbers
    return ids


def _are_unique(ids: pa.Array) -> bool:
    with contextlib.suppress(pa.ArrowNotImplementedError):  # some types have no order
        if pc.all(pc.less(ids[:-1], ids[1:]), min_count=0).as_py():
            return True  # in order: a tenth of the time that hashing takes
    return len(pc.unique(ids)) == len(ids)


def _not_unique(ids: pa.Array, examples: Examples, origin: Origin, columns: Sequence[str]) -> SabotageError:
    """Return the error for ids that repeat while nothing was named that tells their rows apart."""
    counts = pc.value_counts(ids)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))[0]
    places = examples.places(np.flatnonzero(pc.equal(ids, twice).to_numpy(zero_copy_only=False)))
    run = next((name for name in ("seed", "fold") if name in columns), "seed")
    hint = f"of repeated runs take one with --where '{run} == 0'"
    if run in columns:
        hint = f"of repeated runs take all with --{run}-column {run} or one with --where '{run} == 0'"
    return SabotageError(
        f"{origin.id_column} is not unique: {twice.as_py()!r} stands in {places}; an id names one"
        f" example ({hint}, or name another column with --id)"
    )


def _check_pairs(
    ids: pa.Array, number: np.ndarray, column: str, examples: Examples, structure: Structure, origin: Origin
) -> None:
    """Raise SabotageError where a run is null, or two rows have the same id and run."""
    option = "--seed-column" if structure.seed is not None else "--fold-column"
    runs = _without_blanks(examples.kept[column], origin.format)
    if runs.null_count:
        raise SabotageError(
            f"{column} is null in {examples.place(_first_null(runs))}: it tells the rows of one id apart"
            f" ({option} {column}), so every row needs one"
        )
    run = _numbers(runs)
    pair = number * (run.max() + 1) + run
    _, first, counts = np.unique(pair, return_index=True, return_counts=True)
    if len(first) == len(pair):
        return
    at = int(first[counts > 1].min())
    places = examples.places(np.flatnonzero(pair == pair[at]))
    raise SabotageError(
        f"{origin.id_column} and {column} together are not unique: {ids[at].as_py()!r} with {column}"
        f" {runs[at].as_py()!r} stands in {places}; an id names one example in each {column}"
        f" (name other columns with --id or --seed-column)"
    )


def _numbers(values: pa.Array) -> np.ndarray:
    """Number the different values in order of appearance: ndarray of shape (n,), int64, -1 for a null."""
    return pc.fill_null(values.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _alike(own: pa.Array, other: pa.Array, format: str) -> tuple[pa.Array, pa.Array]:
    """Return two parts of one column in one type, null where there is nothing."""
    if own.type != other.type:  # batches may differ, and so may what is made of them
        both = joined([own, other], "a column")
        own, other = both[: len(own)], both[len(own) :]
    return _without_blanks(own, format), _without_blanks(other, format)


def _without_blanks(values: pa.Array, format: str) -> pa.Array:
    """Make NaN null, and a csv's empty text."""
    values = without_nan(values)
    if format == "csv" and pa.types.is_string(values.type):
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
    return values


def _first_null(values: pa.Array) -> int:
    """Return which value is the first null."""
    return int(np.flatnonzero(pc.is_null(values).to_numpy(zero_copy_only=False))[0])
