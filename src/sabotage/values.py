"""Values of a batch as numbers: labels as codes, numbers checked, every failure with its place."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError
from sabotage.labels import NULL_TEXTS, LabelBook
from sabotage.tables import Source


class Values:
    """Turns columns of a source into arrays; its labels go into `book`.

    `named` are the labels that are named elsewhere: they are no nulls, whatever a csv writes for nothing.
    """

    def __init__(self, source: Source, named: set[str]) -> None:
        self.source = source
        self.book = LabelBook(NULL_TEXTS - named if source.format == "csv" else frozenset())
        self.categories: list[object] | None = None  # of a truth whose type has an order of its own

    def truth(self, batch: pa.RecordBatch, column: str, rows: np.ndarray) -> np.ndarray:
        """Return the truth as `codes` does, and remember the order of its categories."""
        kind = batch[column].type
        if self.categories is None and pa.types.is_dictionary(kind) and kind.ordered:
            self.categories = batch[column].dictionary.to_pylist()
        return self.codes(batch, column, rows)

    def codes(self, batch: pa.RecordBatch, column: str, rows: np.ndarray) -> np.ndarray:
        """Return a column of labels as codes of the book, int32, -1 for null; `rows` is where they stand."""
        return self.book.encode(batch[column], column, lambda at: self.source.place(int(rows[at])))

    def floats(self, batch: pa.RecordBatch, column: str, rows: np.ndarray, limit: float | None) -> np.ndarray:
        """Return a column as float64, NaN for null: finite, and in [0, limit] where a limit is given."""
        array = batch[column]
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        kind = array.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
            known = np.flatnonzero(pc.is_valid(array).to_numpy(zero_copy_only=False))
            if len(known):
                place = self.source.place(int(rows[known[0]]))
                found = array[int(known[0])].as_py()
                raise SabotageError(f"{column} must be a number: found {found!r}, of type {kind}, in {place}")
        values: np.ndarray = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        infinite = np.isinf(values)
        if infinite.any():
            at = int(infinite.argmax())
            place = self.source.place(int(rows[at]))
            raise SabotageError(f"{column} must be finite: found {values[at]} in {place}; leave it null where unknown")
        if limit is not None:
            outside = (values < 0) | (values > limit)
            if outside.any():
                at = int(outside.argmax())
                raise SabotageError(self._outside(column, float(values[at]), int(rows[at]), limit))
        return values

    def _outside(self, column: str, value: float, row: int, limit: float) -> str:
        place = self.source.place(row)
        if limit == np.inf:
            return f"{column} must not be negative: found {value} in {place}; leave it null where it is unknown"
        hint = "; for 1 to 100 give --confidence-scale percent" if limit == 1.0 and 1.0 < value <= 100.0 else ""
        return f"{column} must lie in [0, {limit:g}]: found {value} in {place}{hint}"
