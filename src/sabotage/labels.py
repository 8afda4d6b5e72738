"""Class labels of any type, from many columns, as codes into one list of classes."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.errors import SabotageError, did_you_mean, listed

Label = bool | int | float | str

# "01" and "1e3" are texts: a number has one spelling here, but for the zeros behind its point.
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
WHOLE = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")
# What a csv may write for nothing; pandas and pyarrow read the same as null.
NULL_TEXTS = frozenset({"NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>"})
MOST_CLASSES = 10_000


def number(text: str) -> int | float | None:
    """Return the number that a text spells, an int where it is whole, else None."""
    if not NUMBER.fullmatch(text):
        return None
    return whole(float(text)) if "." in text else int(text)


def whole(value: float) -> int | float:
    """Return 10 for 10.0: integers that nulls turned to floats are integers again."""
    return int(value) if value == int(value) else value


class LabelBook:
    """Gives a code to each label as it comes and, once all were seen, says which classes the codes mean.

    Texts that all spell whole numbers are those numbers, as are texts that spell the numbers of other columns; where
    one text does not spell a number, all are texts. So 1, 1.0 and "1" are one class, and "1.1" and "1.10" two.

    `null_texts` are read as null, and counted; an empty text always is.
    """

    def __init__(self, null_texts: frozenset[str] = frozenset()) -> None:
        self.null_texts = null_texts
        self._codes: dict[tuple[type, Label], int] = {}
        self._origin: list[str] = []
        self.n_null: dict[tuple[str, str], int] = {}  # by column and text

    def encode(self, array: pa.Array, column: str, place: Callable[[int], str]) -> np.ndarray:
        """Return codes of `array` as int32 (n,), -1 for null; `place` words a position for messages.

        Raises SabotageError for a label that is infinite, holds a newline, or is of a type that makes no classes.
        """
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        indices = pc.fill_null(pc.cast(array.indices, pa.int32()), -1).to_numpy(zero_copy_only=False)
        values = array.dictionary.to_pylist()
        lookup = np.full(len(values) + 1, -1, np.int32)  # the last entry serves index -1
        used = np.zeros(len(values) + 1, bool)
        used[indices] = True
        for position, value in enumerate(values):
            if not used[position] or value is None or (isinstance(value, float) and math.isnan(value)):
                continue
            if value == "" or (isinstance(value, str) and value in self.null_texts):
                count = int(np.count_nonzero(indices == position))
                self.n_null[column, value] = self.n_null.get((column, value), 0) + count
                continue

            def where(position: int = position) -> str:
                return f"{column}, {place(int((indices == position).argmax()))}"

            lookup[position] = self.add(value, where)
        if len(self._codes) > MOST_CLASSES:
            raise SabotageError(
                f"{column} has more than {MOST_CLASSES:,} different values: it does not look like a column of labels"
            )
        return lookup[indices]

    def add(self, value: object, where: Callable[[], str]) -> int:
        """Return the code of one label, a new one if it was not seen before."""
        if isinstance(value, float) and not math.isinf(value):
            value = whole(value)
        if not isinstance(value, bool | int | float | str):
            raise SabotageError(
                f"{where()}: found {value!r}, a {type(value).__name__}; a label is a text, an integer or a bool"
            )
        if isinstance(value, float) and math.isinf(value):
            raise SabotageError(f"{where()}: found an infinite label; a label is a text, an integer or a bool")
        if isinstance(value, str) and re.search(r"[\r\n]", value):
            raise SabotageError(f"{where()}: found a label with a newline in it, {value!r}; a label is one line")
        key = (type(value), value)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self._origin)
            self._origin.append(where())
        return code

    def resolve(self, order: Sequence[object] | None = None) -> tuple[tuple[Label, ...], np.ndarray]:
        """Return the classes in order and, for each code, the index of its class (int32; a last -1 serves code -1).

        Classes are sorted, numbers as numbers, unless `order` names them. Raises SabotageError for a label that
        `order` leaves out.
        """
        meaning = self._meanings()
        classes = in_order(set(meaning))
        if order is not None:
            classes = self._ordered(classes, meaning, order)
        index = {label: position for position, label in enumerate(classes)}
        return tuple(classes), np.array([*(index[label] for label in meaning), -1], np.int32)

    def _meanings(self) -> list[Label]:
        """Return what each code means once all labels are known."""
        labels = [label for _, label in self._codes]
        kinds = {kind for kind, _ in self._codes}
        texts = {label for label in labels if isinstance(label, str)}
        if bool in kinds:
            if kinds <= {bool, str} and {text.casefold() for text in texts} <= {"true", "false"}:
                return [label if isinstance(label, bool) else str(label).casefold() == "true" for label in labels]
            if str not in kinds or texts <= {"0", "1"}:
                labels = [int(label) if isinstance(label, bool) else label for label in labels]
        if kinds == {str} and not all(WHOLE.fullmatch(text) for text in texts):
            return [str(label) for label in labels]
        numbers = [number(label) if isinstance(label, str) else label for label in labels]
        known: list[Label] = [label for label in numbers if label is not None and not isinstance(label, bool)]
        if len(known) == len(labels):
            return known
        return [str(label) for label in labels]

    def _ordered(self, classes: list[Label], meaning: list[Label], order: Sequence[object]) -> list[Label]:
        by_text = {str(label): label for label in classes}
        texts = [str(label) for label in order]
        if len(set(texts)) < len(texts):
            raise SabotageError(f"--classes names a class twice: {listed(texts, 20)}")
        for label in classes:
            if str(label) not in texts:
                raise SabotageError(
                    f"{self._origin[meaning.index(label)]}: found the label {str(label)!r}"
                    f"{did_you_mean(str(label), texts)}, which --classes leaves out: {listed(texts, 20)}"
                )
        numeric = bool(classes) and not any(isinstance(label, str) for label in classes)
        ordered: list[Label] = []
        for text in texts:  # a class that never occurs gets the type of those that do
            value = number(text) if numeric else None
            ordered.append(by_text.get(text, text if value is None else value))
        return ordered


def in_order(labels: Iterable[Label]) -> list[Label]:
    """Sort labels: numbers as numbers, before texts, and texts as numbers where all of them are."""
    classes = sorted(labels, key=lambda label: (isinstance(label, str), label))
    if classes and all(isinstance(label, str) and NUMBER.fullmatch(label) for label in classes):
        classes.sort(key=lambda label: float(label))
    return classes


def merged(first: Sequence[Label], second: Sequence[Label]) -> tuple[Label, ...]:
    """Return the classes of two panels as one list, alike by their texts; an order that is not sorted order stays.

    Where one panel has all classes of the other in the same order, the list is its own. All are texts where one is.
    """
    texts, others = [str(label) for label in first], [str(label) for label in second]
    for whole_list, part, labels in ((others, texts, second), (texts, others, first)):
        if [text for text in whole_list if text in set(part)] == part:
            return tuple(labels)
    new = [label for label in second if str(label) not in texts]
    found = in_order([*first, *new]) if list(first) == in_order(first) else [*first, *in_order(new)]
    if any(isinstance(label, str) for label in found):
        return tuple(str(label) for label in found)
    return tuple(found)


def look_alikes(classes: Sequence[Label]) -> list[tuple[Label, Label]]:
    """Return pairs of classes that differ only in case, surrounding spaces, leading zeros or the form of letters."""
    seen: dict[object, Label] = {}
    pairs = []
    for label in classes:
        text = unicodedata.normalize("NFKC", str(label)).strip().casefold()
        key = text.lstrip("0") or "0" if text.isdigit() else text
        if key in seen:
            pairs.append((seen[key], label))
        seen.setdefault(key, label)
    return pairs
