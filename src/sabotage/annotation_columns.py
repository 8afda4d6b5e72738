"""The columns of a table that hold what annotators said of its examples, beside what agents did."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.columns import is_of_agent
from sabotage.errors import SabotageError
from sabotage.labels import NULL_TEXTS, Label
from sabotage.streaming import Examples
from sabotage.unifying import without_nan

if TYPE_CHECKING:
    from sabotage.panel import Panel

ENTROPY, AGREEMENT = "annotation_entropy", "annotator_agreement"
ANNOTATOR = re.compile(r"annotator_\d+")


def annotation_columns(names: Sequence[str], weights: str | None = None) -> tuple[str, ...]:
    """Return the columns `annotator_<k>`, `annotation_entropy` and `annotator_agreement`, in file order.

    Not `annotator_1` where other columns make an agent of that name, such as annotator_1_label, and not what agents
    called annotator or annotation are weighed by, where `weights` is the suffix that says so.
    """
    taken = {f"{owner}_{weights}" for owner in ("annotator", "annotation")}

    def is_agent(name: str) -> bool:
        return any(other.startswith(f"{name}_") and is_of_agent(other) for other in names)

    return tuple(
        name
        for name in names
        if name in {ENTROPY, AGREEMENT} - taken or (ANNOTATOR.fullmatch(name) and not is_agent(name))
    )


def annotations_of(panel: "Panel") -> tuple[str, ...]:
    """Return those of a panel's kept columns that hold what annotators said."""
    others = (*panel.agents, panel.group, panel.seed_column, panel.fold_column)
    return tuple(name for name in annotation_columns(tuple(panel.columns)) if name not in others)


def is_labels(name: str) -> bool:
    """Whether one of those columns holds the labels of one annotator."""
    return name not in (ENTROPY, AGREEMENT)


def settled(
    kept: Mapping[str, pa.Array], columns: Sequence[str], examples: Examples, classes: Sequence[Label], format: str
) -> dict[str, pa.Array]:
    """Return kept columns with those of annotators, `columns`, checked, and with null where they say nothing.

    Raises
    ------
    SabotageError
        Where an entropy is negative, an agreement outside [0, 1], or either no number: with file, column and row.
    """
    found = dict(kept)
    nothing = ["", *(NULL_TEXTS - {str(label) for label in classes} if format == "csv" else ())]
    for name in columns:
        array = found[name]
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if is_labels(name):
            if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
                is_empty = pc.is_in(array, value_set=pa.array(sorted(nothing), array.type))
                array = pc.if_else(is_empty, pa.scalar(None, array.type), array)
            found[name] = without_nan(array)
            continue
        require_measure(name, array, examples)
        found[name] = without_nan(pc.cast(array, pa.float64(), safe=False))
    return found


def require_measure(name: str, array: pa.Array, examples: Examples | None = None) -> None:
    """Raise SabotageError where a measure of annotators is no number, infinite or out of range."""

    def place(at: int) -> str:
        return f"example {at}" if examples is None else examples.place(at)

    kind = array.type
    if pa.types.is_null(kind):
        return
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        valid = np.flatnonzero(pc.is_valid(array).to_numpy(zero_copy_only=False))
        at = next((int(row) for row in valid if not _is_number(array[int(row)].as_py())), int(valid[0]))
        raise SabotageError(f"{name} must be a number: found {array[at].as_py()!r}, of type {kind}, in {place(at)}")
    values = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    limit = np.inf if name == ENTROPY else 1.0
    outside = np.flatnonzero((values < 0) | (values > limit) | np.isinf(values))
    if len(outside):
        at = int(outside[0])
        rule = "be finite and not negative" if name == ENTROPY else "lie in [0, 1]"
        raise SabotageError(
            f"{name} must {rule}: found {values[at]:g} in {place(at)}; leave it null where it is unknown"
        )


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
