"""Cutting the examples of a panel into slices: by class, by group, by the values of a column, or at its quartiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError, did_you_mean, listed
from sabotage.panel import Panel

MOST_VALUES = 50  # slices of a column; the most frequent values
FEW_NUMBERS = 20  # values up to which whole numbers are names rather than amounts
QUARTILES = (0.25, 0.50, 0.75)
CLASS, GROUP = "class", "group"


@dataclass(frozen=True, eq=False)
class Slicing:
    """Slices of the examples by one column.

    Attributes
    ----------
    column : str
        The column's own name, of the truth or the group too.
    kind : {"class", "group", "values", "quartiles"}
    names : tuple of str, length S
        Classes in class order, values sorted, quartiles from the lowest on, examples without a value last.
    code : ndarray of shape (n,), int64
        Slice of each example, 0 to S - 1; S for those that are left out.
    cuts : tuple of float
        Where quartiles are cut: a slice has the values above one cut and up to the next. Empty for other kinds.
    n_left_out : int
        Values beyond the 50 most frequent.
    """

    column: str
    kind: str
    names: tuple[str, ...]
    code: np.ndarray
    cuts: tuple[float, ...] = ()
    n_left_out: int = 0


def kept_for(by: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that have to be read to slice by: class and group are not, whatever a table may hold."""
    return tuple(name for name in by if name not in (CLASS, GROUP))


def slice_by(panel: Panel, name: str) -> Slicing:
    """Cut the examples of a panel into slices, without a look at any decision.

    Parameters
    ----------
    panel : Panel
    name : str
        "class" or the name of the truth, "group" or the name of the group, else a column that the panel keeps. Texts,
        booleans, dates and up to 20 different whole numbers make a slice a value; other numbers are cut at their
        quartiles, which are values that occur, so that equal values are in one slice. Examples without a value are a
        slice of their own.

    Raises
    ------
    SabotageError
        If there is no such column, no group, or the column holds lists or the like.
    """
    if name in (CLASS, panel.origin.truth_column):
        present = np.bincount(panel.truth, minlength=panel.n_classes) > 0
        names = [str(label) for label in panel.classes]
        return _most_frequent(panel.origin.truth_column, CLASS, names, panel.truth, np.flatnonzero(present))
    column = panel.group if name == GROUP and panel.group is not None else name
    if column not in panel.columns:
        if name == GROUP:
            raise SabotageError("by group needs a group: found none; name its column, --group or group=")
        choices = list(dict.fromkeys([CLASS, *([GROUP] if panel.group is not None else []), *panel.columns]))
        raise SabotageError(
            f"by {name} needs a column that the panel keeps{did_you_mean(name, choices)}: it has {listed(choices)};"
            f" read_panel(..., keep=[{name!r}]) keeps one"
        )
    values = panel.column(column)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        raise SabotageError(f"by {column} needs texts, numbers or dates: found {values.type}")
    if pa.types.is_null(values.type):
        raise SabotageError(f"by {column} needs values: found none in {len(values):,} examples")
    kind = GROUP if column == panel.group else "values"
    if _is_number(values.type) and kind != GROUP:
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)  # past 2^53 the nearest
        found = np.unique(numbers[~np.isnan(numbers)])
        if len(found) > FEW_NUMBERS or not (found == np.round(found)).all():
            return _at_quartiles(column, numbers)
    return _by_value(column, kind, values)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _by_value(column: str, kind: str, values: pa.Array) -> Slicing:
    """Make a slice of every value, sorted as values are, and one of the nulls."""
    encoded = values.dictionary_encode()
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    present: list[Any] = [_no_nan(value) for value in encoded.dictionary.to_pylist()]
    code = np.where(np.isnan(indices), -1, indices).astype(np.int64)
    levels = sorted({value for value in present if value is not None})  # 0.0 and -0.0 are one
    at = {value: k for k, value in enumerate(levels)}
    place = np.array([*(at.get(value, len(at)) for value in present), len(at)])  # NaN and null, -1, are the last
    names = _distinct([_text(value) for value in levels], column)
    code = place[code]
    return _most_frequent(column, kind, names, code, np.unique(code))


def _no_nan(value: object) -> object:
    return None if value != value else value


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _distinct(names: list[str], column: str) -> list[str]:
    """Add the name of the slice without a value, which is like none of the others."""
    none = f"no {column}"
    while none in names:
        none = f"({none})"
    return [*names, none]


def _most_frequent(column: str, kind: str, names: list[str], code: np.ndarray, present: np.ndarray) -> Slicing:
    """Keep the slices `present`, of more than 50 the most frequent, the first of equals."""
    counts = np.bincount(code, minlength=len(names))[present]
    kept = np.sort(present[np.argsort(-counts, kind="stable")[:MOST_VALUES]])
    place = np.full(len(names), len(kept))
    place[kept] = np.arange(len(kept))
    return Slicing(column, kind, tuple(names[k] for k in kept), place[code], n_left_out=len(present) - len(kept))


def _at_quartiles(column: str, numbers: np.ndarray) -> Slicing:
    """Cut numbers (n,) at values that occur: each quartile has those above one cut and up to the next."""
    known = ~np.isnan(numbers)
    found = np.quantile(numbers[np.isfinite(numbers)], QUARTILES, method="inverted_cdf")  # an infinity is no cut
    cuts = np.unique(found)
    cuts = cuts[cuts < numbers[known].max()]  # nothing is above the highest
    code = np.searchsorted(cuts, numbers, side="left")
    texts = _cut_texts(cuts)
    names = [f"<= {texts[0]}"] if len(texts) else ["all values"]
    names += [f"{low} to {high}" for low, high in pairwise(texts)]
    names += [f"> {texts[-1]}"] if len(texts) else []
    if not known.all():
        code[~known] = len(names)
        names = _distinct(names, column)
    return Slicing(column, "quartiles", tuple(names), code, tuple(float(cut) for cut in cuts))


def _cut_texts(cuts: np.ndarray) -> list[str]:
    """Write cuts as briefly as they can be told apart, with four digits at least."""
    for digits in range(4, 18):
        texts = [
            str(int(cut)) if abs(cut) < 1e9 and cut == round(cut) else f"{cut:.{digits}g}" for cut in cuts.tolist()
        ]
        if len(set(texts)) == len(texts):
            break
    return texts
