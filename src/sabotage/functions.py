"""Agents made of functions: any callable from a batch to emissions, with batches, retries and a store on disk."""

import os
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from sabotage.agents import Emissions
from sabotage.batches import contents, count, take
from sabotage.errors import SabotageError
from sabotage.records import (
    Answer,
    answers_of,
    check,
    checked,
    emissions_of,
    reason_of,
    require_distinct,
    require_some,
    scored,
)
from sabotage.storing import Store, fingerprint


@dataclass(frozen=True)
class FunctionAgent:
    """A callable that speaks for a modality: a language model behind an interface, a network, a rule of thumb.

    A batch on which the function raises one of `retry_on` is tried again; if that does not help, or it raised any other
    exception, its examples are asked one by one, and those that fail have no emission but a reason. Ctrl-C ends it all.

    Parameters
    ----------
    name : str
    function : callable
        Takes a batch of at most `batch_size` examples, a part of the data in its own kind (list, array, DataFrame,
        pyarrow Table, mapping of these), and returns `Emissions`; or n labels; or an array of scores of shape
        (n, len(classes)); or n dicts with some of the keys "label", "confidence", "scores" ({class: score}),
        "reliability" and "rationale". None for a label or dict is silence.
    classes : sequence of labels, optional
        What the columns of an array of scores stand for.
    batch_size : int
    retry_on : exception or tuple of exceptions
        Those after which it may help to try again.
    n_retries : int
        How often, after the first time.
    wait : float
        Seconds before the first retry, twice as long before each further one.
    store : path, optional
        An SQLite file of what was answered, made where there is none; only examples that are not in it are asked, and
        equal ones once. Failures are not stored, so they are asked again next time. An example goes by its content, a
        path by its text and not by the file behind it.
    version : str
        Part of an answer's key in the store: change it with the model or the prompt.

    Raises
    ------
    SabotageError
        For a number out of range, or in `retry_on` something other than exceptions.
    """

    name: str
    function: Callable[[Any], Any]
    _: KW_ONLY
    classes: Sequence[object] | None = None
    batch_size: int = 32
    retry_on: type[Exception] | tuple[type[Exception], ...] = ()
    n_retries: int = 3
    wait: float = 0.0
    store: str | os.PathLike[str] | None = None
    version: str = ""

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise SabotageError(f"function of {self.name} must be callable: found a {type(self.function).__name__}")
        for field in ("name", "version"):
            if not isinstance(value := getattr(self, field), str):
                raise SabotageError(f"{field} of {self.name} must be a text: found {value!r:.80}")
        if self.classes is not None:
            object.__setattr__(self, "classes", tuple(self.classes))  # an array has no truth value of its own
            require_distinct(self.classes, self.name)
        for field, least, what in (
            ("batch_size", 1, "a whole number"),
            ("n_retries", 0, "a whole number"),
            ("wait", 0, "a number"),
        ):
            number: Any = getattr(self, field)
            fits = isinstance(number, Real if what == "a number" else Integral)
            if not fits or not number >= least:
                raise SabotageError(f"{field} of {self.name} must be {what} of at least {least}: found {number!r:.80}")
        kinds = self.retry_on if isinstance(self.retry_on, tuple) else (self.retry_on,)
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                raise SabotageError(f"retry_on of {self.name} must hold classes of exceptions: found {kind!r}")

    def emit(self, batch: Any) -> Emissions:
        """Ask the function about every example, or the store where it knows.

        Raises
        ------
        SabotageError
            If the function returns what does not fit its batch, or fails on every example; the store's own errors.
        """
        return require_some(self.answer(batch), count(batch), self.name)

    def answer(self, batch: Any) -> Emissions:
        """Ask as `emit` does, but take failing on every example for an answer too."""
        n = count(batch)
        answers: list[Answer | None] = [None] * n
        reasons: list[str | None] = [None] * n
        if self.store is None:
            for rows in self._batches(range(n)):
                self._ask(batch, rows, answers, reasons)
        else:
            self._ask_store(batch, Store(self.store), answers, reasons)
        return emissions_of([answer or {} for answer in answers], self.classes or (), reasons if any(reasons) else None)

    def _ask_store(self, batch: Any, store: Store, answers: list[Answer | None], reasons: list[str | None]) -> None:
        keys = [fingerprint(content) for content in contents(batch)]
        known = store.get(self.name, self.version, keys)
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in known}
        for rows in self._batches(sorted(first.values())):
            self._ask(batch, rows, answers, reasons)
            new = {keys[row]: answer for row in rows if (answer := answers[row]) is not None}
            if new:
                store.put(self.name, self.version, new)
        # Read again what was put: where another process was faster, its answer is the one that the next run will see.
        known |= store.get(self.name, self.version, first)
        for row, key in enumerate(keys):
            answers[row] = known.get(key)
            reasons[row] = None if key in known else reasons[first[key]]

    def _batches(self, rows: Sequence[int]) -> list[Sequence[int]]:
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]

    def _ask(self, batch: Any, rows: Sequence[int], answers: list[Answer | None], reasons: list[str | None]) -> None:
        """Fill in the answers of some rows, together if that works, else one by one."""
        try:
            said = self._tried(take(batch, rows))
        except Exception as error:
            if len(rows) > 1:
                for row in rows:
                    self._ask(batch, [row], answers, reasons)
            else:
                reasons[rows[0]] = reason_of(error)
            return
        # Outside of the try: what does not fit the batch is a mistake in the function, and no missing emission.
        own = said.reasons if isinstance(said, Emissions) else None
        for at, (row, answer) in enumerate(zip(rows, self._understood(said, len(rows)), strict=True)):
            if answer or own is None or own[at] is None:
                answers[row] = answer
            else:  # the function's own word of why there is none: a failure like others
                reasons[row] = str(own[at])

    def _tried(self, batch: Any) -> Any:
        for attempt in range(self.n_retries):
            try:
                return self.function(batch)
            except self.retry_on:
                time.sleep(self.wait * 2**attempt)
        return self.function(batch)

    def _understood(self, said: Any, n: int) -> list[Answer]:
        """Return what the function gave for n examples as one answer each."""
        if not isinstance(said, Emissions):
            shape = getattr(said, "shape", (None,))  # () is one thing, not one an example
            if len(shape) == 2:
                if self.classes is None:
                    raise SabotageError(
                        f"{self.name} returned an array of shape {tuple(said.shape)} and has no classes: say what its"
                        f" columns stand for with classes=[...]"
                    )
                said = scored(said, self.classes, self.name)
            elif isinstance(said, str | bytes | Mapping | Set) or not hasattr(said, "__len__") or not shape:
                raise SabotageError(
                    f"{self.name} returned a {type(said).__name__} for {n} examples: give Emissions, or one label or"
                    f" dict an example, or an array of scores"
                )
            else:
                said = said.to_pylist() if hasattr(said, "to_pylist") else list(said)
                if len(said) != n:
                    raise SabotageError(f"{self.name} returned {len(said)} answers for {n} examples: give one each")
                if any(isinstance(answer, Mapping) for answer in said):
                    return [checked(answer, f"answer {at} of {self.name}") for at, answer in enumerate(said)]
                odd = [answer for answer in said if isinstance(answer, list | tuple | np.ndarray)]
                if odd:
                    raise SabotageError(
                        f"{self.name} returned a {type(odd[0]).__name__} for an example: give a label or a dict, or one"
                        f" array of scores for the batch"
                    )
                said = Emissions(said)
        check(said, n, self.name)
        return answers_of(said, n)
