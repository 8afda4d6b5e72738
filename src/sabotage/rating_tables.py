"""Tables of ratings as wide tables: each crowd that rated is an agent, its votes are class scores."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.columns import FUSED, ID_NAMES, TRUTH_NAMES
from sabotage.errors import SabotageError, SabotageWarning, listed
from sabotage.labels import NULL_TEXTS
from sabotage.ratings import CROWD, NAMES, Ratings, as_id, read_ratings
from sabotage.records import is_null
from sabotage.sources import open_source
from sabotage.tables import Source

TRUTHS = ("truth", "gold", "y")
CROWDS = ("agent", "modality")


def read(
    path: str,
    *,
    id: str | None = None,
    rater: str | None = None,
    label: str | None = None,
    agent: str | None = None,
    certainty: str | None = None,
    truth: str | None = None,
) -> pa.Table:
    """Read a table of ratings.

    Parameters
    ----------
    path : str
        A table of one row a rating, of any format.
    id, rater, label : str, optional
        Its columns; recognised by name where None, such as task, worker and label.
    agent : str, optional
        The column that tells crowds apart, such as those who saw and those who heard; ``agent`` or ``modality`` where
        there is one. All are one crowd, "raters", without; of several files each is a crowd of its file's name.
    certainty : str, optional
        How sure a rater is, in [0, 1]; ``certainty`` where there is one.
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
        As `sabotage.ratings.read_ratings`; for a task with two truths.
    """
    source = open_source(path)
    columns = source.columns
    agent = agent or _one_of(source, CROWDS, "agent")
    certainty = certainty or ("certainty" if "certainty" in columns else None)
    ratings = read_ratings(path, id=id, rater=rater, label=label, certainty=certainty, crowd=agent)
    table: dict[str, Any] = {"id": pa.array(list(ratings.ids), pa.string())}
    reserved = [crowd for crowd in ratings.crowds if crowd in FUSED]
    if reserved:
        raise SabotageError(
            f"{agent} of {source.name} holds {reserved[0]!r}, and the columns of an agent of that name would be read as"
            f" the recorded decision: rename it"
        )
    beside = truth is not None and truth not in columns and Path(truth).exists()
    own = truth or _one_of(source, TRUTHS, "truth")
    if own is not None and not beside and own == ratings.label_column:
        raise SabotageError(f"truth must be another column than the ratings: found {own!r} for both")
    if own is not None:
        known = _truths(open_source(own), None, ratings) if beside else _truths(source, own, ratings)
        table["y"] = pa.array([known.get(one) for one in ratings.ids])
    for at, crowd in enumerate(ratings.crowds):
        table |= _crowd(ratings, crowd, np.flatnonzero(ratings.crowd == at))
    return pa.table(table)


def side_by_side(paths: Sequence[str], tables: Sequence[pa.Table]) -> pa.Table:
    """Join what several files hold by task; the one crowd of a file goes by the file's name.

    Raises
    ------
    SabotageError
        For a crowd that two files have, and a task with two truths.
    """
    ids = pa.array(list(dict.fromkeys(one for table in tables for one in table["id"].to_pylist())), pa.string())
    columns: dict[str, pa.Array] = {"id": ids}
    for path, table in zip(paths, tables, strict=True):
        name = Path(path).name
        at = pc.index_in(ids, value_set=table["id"].combine_chunks())
        for column in table.column_names[1:]:
            values = table[column].combine_chunks().take(at)
            own = column
            if column.startswith(f"{CROWD}_"):
                own = f"{Path(path).stem}_{column.removeprefix(f'{CROWD}_')}"
            if own == "y" and own in columns:
                if values.type != columns[own].type:  # numbers in one file, their texts in another
                    values, columns[own] = values.cast(pa.string()), columns[own].cast(pa.string())
                differ = pc.fill_null(pc.not_equal(columns[own], values), False).to_numpy(zero_copy_only=False)
                if differ.any():
                    row = int(differ.argmax())
                    raise SabotageError(
                        f"a task has one truth: that of {ids[row].as_py()} is {values[row].as_py()!r} in {name} and"
                        f" {columns[own][row].as_py()!r} in a file before it"
                    )
                values = pc.coalesce(columns[own], values)
            elif own in columns:
                raise SabotageError(f"{name} and a file before it both have {own}: a crowd has one file")
            columns[own] = values
    return pa.table(columns)


# What `sabotage.readers.read_files` calls in place of putting the rows of several files one after the other.
read.combine = side_by_side  # type: ignore[attr-defined]


def _one_of(source: Source, names: Sequence[str], what: str) -> str | None:
    """Return the column that goes by one of several names, if one does."""
    found = [one for one in names if one in source.columns]
    if len(found) > 1:
        raise SabotageError(
            f"{source.name}: {' and '.join(found)} could each be the {what}: say which with {what}={found[0]!r}"
        )
    return found[0] if found else None


def _crowd(ratings: Ratings, name: str, rows: np.ndarray) -> dict[str, pa.Array]:
    """Return the columns of one crowd, null where it rated nothing."""
    votes = ratings.votes_of(rows)
    said = votes.sum(axis=1)
    silent = said == 0
    shares = votes / np.maximum(said, 1)[:, None]
    labels = pa.array(list(ratings.classes)).take(pa.array(votes.argmax(axis=1), mask=silent))
    out = {f"{name}_label": labels, f"{name}_confidence": pa.array(shares.max(axis=1), mask=silent)}
    if ratings.certainty is not None:
        sure, example = ratings.certainty[rows], ratings.example[rows]
        known = ~np.isnan(sure)
        number = np.bincount(example[known], minlength=len(votes))
        mean = np.bincount(example[known], sure[known], minlength=len(votes)) / np.maximum(number, 1)
        out[f"{name}_reliability"] = pa.array(mean, mask=number == 0)
    out |= {f"{name}_p_{one}": pa.array(shares[:, c], mask=silent) for c, one in enumerate(ratings.classes)}
    return out | {f"{name}_n_raters": pa.array(said, mask=silent)}


def _truths(source: Source, column: str | None, ratings: Ratings) -> dict[str, Any]:
    """Return the truth of each task out of the ratings' own table, or of one beside it, where `column` is None."""
    id = ratings.id_column
    if column is None:
        id = next((one for one in (id, *ID_NAMES, *NAMES["id"]) if one in source.columns), id)
        column = next((one for one in (*TRUTHS, *TRUTH_NAMES) if one in source.columns and one != id), None)
        if column is None:
            known = listed(dict.fromkeys((*TRUTHS, *TRUTH_NAMES)))
            raise SabotageError(
                f"{source.name} has no column with the truth: name one {known};"
                f" its columns are {listed(source.columns)}"
            )
    lost = [one for one in (id, column) if one not in source.columns]
    if lost:
        raise SabotageError(f"{source.name} has no column {lost[0]!r}: its columns are {listed(source.columns)}")
    nulls = {"", *(NULL_TEXTS if source.format == "csv" else ())}
    found: dict[str, Any] = {}
    first: dict[str, int] = {}
    row = 0
    for batch in source.batches([id, column], [id, column], []):
        for task, value in zip(batch[id].to_pylist(), batch[column].to_pylist(), strict=True):
            text = as_id(task)
            if text is not None and not is_null(value) and value not in nulls:
                if found.setdefault(text, value) != value:
                    raise SabotageError(
                        f"a task has one truth: {column} of {text} is {found[text]!r} in"
                        f" {source.place(first[text])} and {value!r} in {source.place(row)}"
                    )
                first.setdefault(text, row)
            row += 1
    unrated = [one for one in found if one not in ratings.ids]
    if unrated:
        warnings.warn(
            SabotageWarning(f"{ratings.name} rates none of {len(unrated):,} tasks with a truth: {listed(unrated, 3)}"),
            stacklevel=2,
        )
    return found
