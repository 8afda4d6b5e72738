"""Long tables of human ratings, one row a rating, read into codes: example, rater, label and certainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError, did_you_mean, listed
from sabotage.labels import NULL_TEXTS, Label, LabelBook, whole
from sabotage.records import is_null
from sabotage.sources import open_source
from sabotage.tables import Source

CROWD = "raters"  # where one crowd rated all
NAMES = {
    "id": ("id", "example_id", "sample_id", "utterance_id", "task", "task_id", "example", "item", "clip"),
    "rater": ("rater", "rater_id", "worker", "worker_id", "annotator", "annotator_id", "participant"),
    "label": ("label", "rating", "answer", "response", "vote"),
}


@dataclass(frozen=True, eq=False)
class Ratings:
    """n_ratings labels of n examples by people.

    Attributes
    ----------
    name : str
        What messages call the table.
    id_column, label_column : str
    ids : dict of str to int
        Number of each example by its id, written as a text.
    classes : tuple of labels, length C
    n_raters : int
    crowds : tuple of str
        Those who rated apart, such as those who saw and those who heard; one where no column says so.
    crowd : ndarray of shape (n_ratings,), int64
        Index into `crowds`.
    example : ndarray of shape (n_ratings,), int64
    label : ndarray of shape (n_ratings,), int32
        Index into `classes`.
    certainty : ndarray of shape (n_ratings,), float64, or None
        In [0, 1], NaN where it was left out; None without such a column.
    """

    name: str
    id_column: str
    label_column: str
    ids: dict[str, int]
    classes: tuple[Label, ...]
    n_raters: int
    crowds: tuple[str, ...]
    crowd: np.ndarray
    example: np.ndarray
    label: np.ndarray
    certainty: np.ndarray | None

    @cached_property
    def votes(self) -> np.ndarray:
        """How many gave each example each label: ndarray of shape (n, C), int64."""
        return self.votes_of(slice(None))

    def votes_of(self, rows: slice | np.ndarray) -> np.ndarray:
        """Count the votes of some of the ratings: ndarray of shape (n, C), int64."""
        shape = len(self.ids), len(self.classes)
        cells = self.example[rows] * shape[1] + self.label[rows]
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def read_ratings(
    data: Any,
    *,
    id: str | None = None,
    rater: str | None = None,
    label: str | None = None,
    certainty: str | None = None,
    crowd: str | None = None,
) -> Ratings:
    """Read a long table; rows whose label is null are left out.

    Parameters
    ----------
    data : path, pandas DataFrame or pyarrow Table
        One row a rating.
    id, rater, label : str, optional
        Columns; recognised by name where None.
    certainty : str, optional
        Column of how sure a rater was, in [0, 1].
    crowd : str, optional
        Column of crowds that rated the same examples apart: a rater may rate an example once in each.

    Raises
    ------
    SabotageError
        Where a column is not there or not clear, an id or rater is null, a certainty is out of range, nobody gave a
        label, or a rater rates an example twice.
    """
    source = open_source(data)
    names = {what: _column(source, what, given) for what, given in (("id", id), ("rater", rater), ("label", label))}
    for what, given in (("certainty", certainty), ("crowd", crowd)):
        if given is not None:
            _column(source, what, given)
    texts = [*names.values(), *([crowd] if crowd is not None else [])]
    if len({*texts, certainty}) < len(texts) + 1:
        raise SabotageError(f"id, rater, label and certainty must be different columns: found {listed(texts)}")
    numbers = [certainty] if certainty is not None else []
    book = LabelBook(NULL_TEXTS if source.format == "csv" else frozenset())
    examples: list[str | None] = []
    raters: list[str | None] = []
    crowds: list[str | None] = []
    codes, sure = [], []
    for batch in source.batches([*texts, *numbers], texts, numbers):
        start = len(examples)
        place = partial(_place, source, start)
        codes.append(book.encode(batch[names["label"]], names["label"], place))
        examples += map(as_id, batch[names["id"]].to_pylist())
        raters += map(as_id, batch[names["rater"]].to_pylist())
        crowds += [CROWD] * batch.num_rows if crowd is None else map(as_id, batch[crowd].to_pylist())
        if certainty is not None:
            sure.append(_certainties(batch[certainty], certainty, source, start))
    if not codes:
        raise SabotageError(f"{source.name} has no rows: there is no rating")
    classes, lookup = book.resolve()
    label_codes = lookup[np.concatenate(codes)]
    rows = np.flatnonzero(label_codes >= 0)
    if not len(rows):
        raise SabotageError(f"{names['label']} of {source.name} is null throughout: there is no rating")
    for column, values in ((names["id"], examples), (names["rater"], raters), (crowd, crowds)):
        for row in rows:
            if values[row] is None:
                raise SabotageError(f"{column} must be there for every rating: found null in {source.place(int(row))}")
    ids = {text: at for at, text in enumerate(dict.fromkeys(str(examples[row]) for row in rows))}
    people = {text: at for at, text in enumerate(dict.fromkeys(str(raters[row]) for row in rows))}
    example = np.array([ids[str(examples[row])] for row in rows], np.int64)
    person = np.array([people[str(raters[row])] for row in rows], np.int64)
    groups = {text: at for at, text in enumerate(dict.fromkeys(str(crowds[row]) for row in rows))}
    group = np.array([groups[str(crowds[row])] for row in rows], np.int64)
    _require_once((example * len(people) + person) * len(groups) + group, rows, examples, raters, source)
    return Ratings(
        source.name,
        names["id"],
        names["label"],
        ids,
        classes,
        len(people),
        tuple(groups),
        group,
        example,
        label_codes[rows],
        np.concatenate(sure)[rows] if sure else None,
    )


def as_id(value: Any) -> str | None:
    """Write an id as a text, alike for 7, 7.0 and "7"; None for null."""
    value = value.item() if isinstance(value, np.generic) else value
    if is_null(value) or value == "":
        return None
    return str(whole(value)) if isinstance(value, float) and abs(value) < np.inf else str(value)


def _place(source: Source, start: int, at: int) -> str:
    return source.place(start + at)


def _column(source: Source, what: str, given: str | None) -> str:
    """Return the column that was named, or the one that goes by a known name."""
    if given is not None:
        if given not in source.columns:
            raise SabotageError(
                f"{source.name} has no column {given!r}{did_you_mean(given, source.columns)}, given by {what}: its"
                f" columns are {listed(source.columns)}"
            )
        return given
    folded = {name.casefold(): name for name in source.columns}
    found = [folded[name] for name in NAMES[what] if name in folded]
    if not found:
        raise SabotageError(
            f"{source.name} has no column with the {what}: name one {listed(NAMES[what], 10)}, or give {what}=COLUMN;"
            f" its columns are {listed(source.columns)}"
        )
    if len(found) > 1:
        raise SabotageError(
            f"{source.name}: {' and '.join(found)} could each be the {what}: say which with {what}={found[0]!r}"
        )
    return found[0]


def _certainties(array: pa.Array, column: str, source: Source, start: int) -> np.ndarray:
    """Return a column of certainties as float64 (k,), NaN for null."""
    try:
        values = pc.cast(array, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise SabotageError(f"{column} of {source.name} must be a number: {error!s:.160}") from None
    odd = np.flatnonzero((values < 0) | (values > 1))
    if len(odd):
        raise SabotageError(
            f"{column} must lie in [0, 1]: found {values[odd[0]]:g} in {source.place(start + int(odd[0]))}; divide by"
            f" the highest that can be given"
        )
    return values


def _require_once(
    pair: np.ndarray, rows: np.ndarray, examples: Sequence[str | None], raters: Sequence[str | None], source: Source
) -> None:
    """Raise SabotageError where a rater rates an example twice; `pair` numbers rater and example of each rating."""
    order = np.argsort(pair, kind="stable")
    again = np.flatnonzero(np.diff(pair[order]) == 0)
    if len(again):
        first, second = (int(rows[order[again[0] + step]]) for step in (0, 1))
        raise SabotageError(
            f"a rater may rate an example once: {raters[first]} rates {examples[first]} in rows {first} and {second} of"
            f" {source.name}; keep one of them, or where these are two modalities make them two agents"
        )
