"""Wide tables into panels: one pass in batches, class scores column by column into one array."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.agents import RecordedAgent
from sabotage.columns import Columns, recognise, with_reliability
from sabotage.errors import SabotageError, did_you_mean, listed
from sabotage.labels import LabelBook, look_alikes
from sabotage.notes import Notes
from sabotage.panel import CHUNK_ROWS, Origin, Panel
from sabotage.sources import Source, open_source

CONDITION = re.compile(r"\s*(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*")
COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<=": pc.less_equal,
    ">=": pc.greater_equal,
    "<": pc.less,
    ">": pc.greater,
}


def read_panel(
    data: Any,
    *,
    id: str | None = None,
    truth: str | None = None,
    agents: Sequence[str] | None = None,
    fused_label: str | None = None,
    weights: str = "reliability",
    where: Sequence[str] = (),
    classes: Sequence[object] | None = None,
    group: str | None = None,
    keep: Sequence[str] = (),
    split: str | None = "test",
    input_format: str | None = None,
    confidence_scale: str = "unit",
) -> Panel:
    """Read a wide table, one row an example, into a panel.

    Parameters
    ----------
    data : path, pandas DataFrame or pyarrow Table
        parquet, feather/arrow or csv(.gz).
    id, truth, fused_label : str, optional
        Columns; recognised by name where None.
    agents : sequence of str, optional
        The agents to keep, in file order; all where None.
    weights : str
        What fusion weighs by: "reliability" (the self-assessments; the confidences where an agent has no column of
        it), "confidence", "uniform", or a suffix such as "intensity" for the columns `<agent>_intensity`.
    where : sequence of str
        Conditions "column == value" (also !=, <, <=, >, >=) that every example must meet.
    classes : sequence of labels, optional
        The classes in order; sorted as their type sorts them where None.
    group : str, optional
        The column of examples that are not independent of each other; `group` where there is one.
    keep : sequence of str
        Further columns to keep in the panel, for blocks and tables.
    split : str, optional
        Where there is a column `split`, the rows of this value are the examples; None takes all.
    input_format : {"parquet", "arrow", "csv"}, optional
        By the name of the file where None.
    confidence_scale : {"unit", "percent"}
        "percent" divides the confidences by 100.

    Returns
    -------
    Panel

    Raises
    ------
    SabotageError
        Where the table cannot be understood; the message names file, column and row, and what would do. Rows are
        counted from 0.
    """
    source = open_source(data, input_format)
    conditions = [_condition(text, source) for text in where]
    names = source.columns
    kept = [*keep]
    if group is None and "group" in names:
        group = "group"
    if group is not None and group not in kept:
        kept.append(group)
    for column in kept:
        if column not in names:
            raise SabotageError(
                f"{source.name} has no column {column!r}{did_you_mean(column, names)}: its columns are {listed(names)}"
            )
    if "split" not in names or "split" in (id, truth, fused_label):
        split = None
    reserved = [*kept, *(column for column, _, _ in conditions), *(["split"] if split else [])]
    columns = recognise(
        names, source.name, id=id, truth=truth, agents=agents, fused_label=fused_label, reserved=reserved
    )
    notes = Notes()
    for warning in columns.warnings:
        notes.warn(warning)
    columns, weights = _choose_weights(columns, weights, source, notes)
    reader = _Reader(source, columns, conditions, split, kept, classes, confidence_scale, notes)
    return reader.panel(weights, group, tuple(where))


def _choose_weights(columns: Columns, weights: str, source: Source, notes: Notes) -> tuple[Columns, str]:
    """Settle what fusion weighs by, once for the panel."""
    agents = list(columns.agents)
    if weights not in ("reliability", "confidence", "uniform"):
        agents = with_reliability(agents, weights, source.columns, source.name)
    elif weights == "reliability":
        missing = [agent.name for agent in agents if agent.reliability is None]
        if missing:
            weights = "confidence"
            if len(missing) < len(agents):
                have = [agent.reliability for agent in agents if agent.reliability is not None]
                notes.warn(
                    f"the confidence of every agent is the weight: {listed(missing)} has no self-assessment, so"
                    f" {listed(have)} is not used"
                )
            else:
                notes.add("no agent has a self-assessment: the confidence is the weight")
    if weights in ("confidence", "uniform"):
        agents = [replace(agent, reliability=None) for agent in agents]
    used = {column for agent in (*agents, *columns.others) for column in agent.columns}
    was = {column for agent in columns.agents for column in agent.columns}
    order = {name: position for position, name in enumerate(source.columns)}
    ignored = sorted((set(columns.ignored) | was) - used, key=order.__getitem__)
    return replace(columns, agents=tuple(agents), ignored=tuple(ignored)), weights


def _condition(text: str, source: Source) -> tuple[str, str, str]:
    match = CONDITION.fullmatch(text)
    if not match:
        raise SabotageError(f"--where {text!r} is not 'column == value' (also !=, <, <=, >, >=)")
    column, operator, value = match.groups()
    if column not in source.columns:
        raise SabotageError(
            f"--where {text!r}: {source.name} has no column {column!r}{did_you_mean(column, source.columns)}"
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return column, operator, value


class _Reader:
    """The state of one pass over a source: arrays as they fill, labels as they come."""

    def __init__(
        self,
        source: Source,
        columns: Columns,
        conditions: list[tuple[str, str, str]],
        split: str | None,
        kept: list[str],
        classes: Sequence[object] | None,
        confidence_scale: str,
        notes: Notes,
    ) -> None:
        self.source, self.columns, self.conditions, self.split = source, columns, conditions, split
        self.kept, self.notes, self.order = kept, notes, classes
        if confidence_scale not in ("unit", "percent"):
            raise SabotageError(f"--confidence-scale must be unit or percent: found {confidence_scale!r}")
        self.unit = 100.0 if confidence_scale == "percent" else 1.0
        self.book = LabelBook()
        self.n_rows = self.n_dropped = self.n_filtered = self.n_other_split = 0
        self.split_values: set[str] = set()
        self.n_derived: dict[str, int] = {}  # labels that scores filled in, by column
        self.categories: list[object] | None = None
        # Classes that the score columns name come first and sorted, so that the array is in class order as a rule.
        self.position: dict[str, int] = {}
        self.n_named = self._name_score_classes()

    def _name_score_classes(self) -> int:
        everyone = (*self.columns.agents, *self.columns.others)
        scratch, codes, names = LabelBook(), {}, {}
        for scores in (*(agent.scores for agent in everyone), self.columns.fused_scores):
            for text, column in scores.items():
                names.setdefault(text, f"the name of column {column!r}")
                codes[text] = scratch.add(text, lambda text=text: names[text])
        classes, lookup = scratch.resolve()
        self.position = {text: int(lookup[code]) for text, code in codes.items()}
        for c in range(len(classes)):
            text = next(text for text, position in self.position.items() if position == c)
            self.book.add(text, lambda text=text: names[text])
        for agent in everyone:
            if len({self.position[text] for text in agent.scores}) < len(agent.scores):
                raise SabotageError(
                    f"two score columns of {agent.name} name the same class: {listed(agent.scores, 20)}"
                )
        return len(classes)

    def panel(self, weights: str, group: str | None, where: tuple[str, ...]) -> Panel:
        columns, source = self.columns, self.source
        n_agents, n_named = len(columns.agents), self.n_named
        batches = self._batches()
        # The first batch tells csv's number of rows: the whole file is parsed by then.
        first = next(batches, None)
        room = source.n_rows if source.n_rows is not None else self.n_rows_of_csv
        scored = [m for m, agent in enumerate(columns.agents) if agent.scores]
        # Pages that are never written cost nothing, so room for the rows that fall out is free.
        scores = np.empty((room, n_agents, n_named)) if scored else None
        fused_scores = np.empty((room, n_named)) if columns.fused_scores else None
        confidence, reliability = np.full((room, n_agents), np.nan), np.full((room, n_agents), np.nan)
        labels, fused = np.full((room, n_agents), -1, np.int32), np.full(room, -1, np.int32)
        truth = np.empty(room, np.int32)
        ids: list[pa.Array] = []
        kept: dict[str, list[pa.Array]] = {name: [] for name in self.kept}

        n = 0
        while first is not None:
            batch, rows, truth_codes = first
            part = slice(n, n + len(rows))
            n += len(rows)
            truth[part] = truth_codes
            ids.append(batch[columns.id] if columns.id is not None else pa.array(rows))
            for name in self.kept:
                kept[name].append(batch[name])
            for m, agent in enumerate(columns.agents):
                if agent.label is not None:
                    labels[part, m] = self._codes(batch, agent.label, rows)
                if agent.confidence is not None:
                    confidence[part, m] = self._floats(batch, agent.confidence, rows, 1.0, "confidence") / self.unit
                if agent.reliability is not None:
                    reliability[part, m] = self._floats(batch, agent.reliability, rows, np.inf, "reliability")
                if scores is not None:
                    confident = confidence[part, m] if agent.confidence is None else None
                    self._read_scores(batch, agent, rows, scores[part, m], confident)
            for agent in columns.others:  # their labels are classes all the same
                if agent.label is not None:
                    self._codes(batch, agent.label, rows)
            if columns.fused_label is not None:
                fused[part] = self._codes(batch, columns.fused_label, rows)
            if fused_scores is not None:
                fused_scores[part] = np.nan
                for text, column in columns.fused_scores.items():
                    fused_scores[part, self.position[text]] = self._floats(batch, column, rows, None, "score")
            first = next(batches, None)
        self._require_rows(n)
        cut = slice(0, n)
        return self._finish(
            truth[cut],
            labels[cut],
            confidence[cut],
            None if scores is None else scores[cut],
            reliability[cut],
            fused[cut] if columns.fused_label is not None or columns.fused_scores else None,
            None if fused_scores is None else fused_scores[cut],
            _joined(ids),
            {name: _joined(arrays) for name, arrays in kept.items()},
            weights,
            group,
            where,
        )

    # ---- batches ----

    def _batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray, np.ndarray]]:
        """Yield the examples of each batch, their row numbers in the table, and their truth."""
        columns = self.columns
        everyone = (*columns.agents, *columns.others)
        texts = [columns.truth, *(agent.label for agent in everyone if agent.label is not None)]
        texts += [column for column in (columns.fused_label, columns.id) if column is not None]
        numbers = [column for agent in columns.agents for column in agent.columns if column != agent.label]
        numbers += columns.fused_scores.values()
        others = [*self.kept, *(column for column, _, _ in self.conditions), *(["split"] if self.split else [])]
        wanted = list(dict.fromkeys([*texts, *numbers, *others]))
        typed = [column for column in texts if column not in numbers]
        iterator = self.source.batches(wanted, typed, numbers)
        if self.source.n_rows is None:
            every = list(iterator)
            self.n_rows_of_csv = sum(batch.num_rows for batch in every)
            if not every or self.n_rows_of_csv == 0:
                raise SabotageError(f"{self.source.name} has no rows")
            iterator = _given_back(every)
        for batch in iterator:
            rows = np.arange(self.n_rows, self.n_rows + batch.num_rows)
            self.n_rows += batch.num_rows
            batch, rows = self._filter(batch, rows)
            kind = batch[columns.truth].type
            if self.categories is None and pa.types.is_dictionary(kind) and kind.ordered:
                self.categories = batch[columns.truth].dictionary.to_pylist()
            truth = self._codes(batch, columns.truth, rows)
            known = truth >= 0
            if not known.all():
                self.n_dropped += int(np.count_nonzero(~known))
                batch, rows, truth = batch.filter(pa.array(known)), rows[known], truth[known]
            if len(rows):
                yield batch, rows, truth

    def _filter(self, batch: pa.RecordBatch, rows: np.ndarray) -> tuple[pa.RecordBatch, np.ndarray]:
        """Keep what meets every condition and is of the split."""
        keep = np.ones(len(rows), bool)
        for column, operator, value in self.conditions:
            met = pc.fill_null(self._compare(batch[column], column, operator, value), False)
            keep &= np.asarray(met.to_numpy(zero_copy_only=False), dtype=bool)
        self.n_filtered += int(np.count_nonzero(~keep))
        if self.split is not None:
            values = pc.cast(batch["split"], pa.string())
            self.split_values.update(str(value) for value in pc.unique(values).to_pylist())
            test = np.asarray(
                pc.fill_null(pc.equal(values, self.split), False).to_numpy(zero_copy_only=False), dtype=bool
            )
            self.n_other_split += int(np.count_nonzero(keep & ~test))
            keep &= test
        if keep.all():
            return batch, rows
        return batch.filter(pa.array(keep)), rows[keep]

    def _compare(self, array: pa.Array, column: str, operator: str, value: str) -> pa.Array:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        try:
            right = pa.scalar(value).cast(array.type) if not pa.types.is_null(array.type) else pa.scalar(None)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise SabotageError(
                f"--where '{column} {operator} {value}': {column} of {self.source.name} is {array.type}, and {value!r}"
                f" does not read as that"
            ) from None
        return COMPARE[operator](array, right)

    def _codes(self, batch: pa.RecordBatch, column: str, rows: np.ndarray) -> np.ndarray:
        return self.book.encode(batch[column], column, lambda at: self.source.place(int(rows[at])))

    def _floats(
        self, batch: pa.RecordBatch, column: str, rows: np.ndarray, high: float | None, what: str
    ) -> np.ndarray:
        """Return a column as float64, NaN for null, checked: finite and, where `high` is given, in [0, high * unit]."""
        array = batch[column]
        kind = array.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
            self._require_numbers(array, column, rows)
        values = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        infinite = np.isinf(values)
        if infinite.any():
            at = int(rows[infinite.argmax()])
            raise SabotageError(
                f"{column} must be finite: found {values[infinite.argmax()]} in {self.source.place(at)}; a null would do"
            )
        if high is None:
            return values
        limit = high * self.unit if what == "confidence" else high
        outside = (values < 0) | (values > limit)
        if outside.any():
            first = int(outside.argmax())
            raise SabotageError(self._outside(column, values[first], int(rows[first]), limit))
        return values

    def _read_scores(
        self, batch: pa.RecordBatch, agent: RecordedAgent, rows: np.ndarray, out: np.ndarray, top: np.ndarray | None
    ) -> None:
        """Write an agent's class scores, column by column, and into `top` the highest where it has no confidence."""
        out[:] = np.nan
        for text, column in agent.scores.items():
            values = self._floats(batch, column, rows, None, "score")
            out[:, self.position[text]] = values
            if top is not None:
                np.fmax(top, values / self.unit, out=top)
        outside = None if top is None else (top < 0) | (top > 1)
        if outside is not None and outside.any():
            at = int(outside.argmax())
            raise SabotageError(
                f"{agent.name} has no confidence column, and its top score is no confidence in [0, 1]: found"
                f" {top[at] * self.unit:g} in {self.source.place(int(rows[at]))}; give {agent.name}_confidence, or scores"
                f" that are probabilities"
            )

    def _require_numbers(self, array: pa.Array, column: str, rows: np.ndarray) -> None:
        known = np.flatnonzero(pc.is_valid(array).to_numpy(zero_copy_only=False))
        if len(known):
            at = int(known[0])
            raise SabotageError(
                f"{column} must be a number: found {array[at].as_py()!r}, of type {array.type}, in"
                f" {self.source.place(int(rows[at]))}"
            )

    def _outside(self, column: str, value: float, row: int, limit: float) -> str:
        place = self.source.place(row)
        if limit == np.inf:
            return f"{column} must not be negative: found {value} in {place}; a null would do where it is unknown"
        hint = "; for 1 to 100 give --confidence-scale percent" if limit == 1.0 and 1.0 < value <= 100.0 else ""
        return f"{column} must lie in [0, {limit:g}]: found {value} in {place}{hint}"

    def _require_rows(self, n: int) -> None:
        if n:
            return
        name = self.source.name
        if self.n_other_split:
            raise SabotageError(
                f"{name} has no row of the split {self.split!r}: split holds {listed(sorted(self.split_values))}; rename the"
                f" column to analyse all rows"
            )
        if self.n_filtered == self.n_rows:
            raise SabotageError(
                f"no row of {name} meets --where {listed(f'{a} {b} {c}' for a, b, c in self.conditions)}"
            )
        raise SabotageError(f"{self.columns.truth}, the truth, is null in every row of {name}")

    # ---- from codes to classes ----

    def _finish(
        self,
        truth: np.ndarray,
        labels: np.ndarray,
        confidence: np.ndarray,
        scores: np.ndarray | None,
        reliability: np.ndarray,
        fused: np.ndarray | None,
        fused_scores: np.ndarray | None,
        ids: pa.Array,
        kept: dict[str, pa.Array],
        weights: str,
        group: str | None,
        where: tuple[str, ...],
    ) -> Panel:
        columns, source, notes = self.columns, self.source, self.notes
        classes, lookup = self.book.resolve(self.order)
        if self.order is None and self.categories is not None:
            texts = {str(label) for label in classes}
            order = [label for label in self.categories if str(label) in texts]
            if len(order) == len(classes):  # an ordered type sorts its own values
                classes, lookup = self.book.resolve(order)
        if len(classes) < 2:
            raise SabotageError(
                f"{source.name} has one class only, {listed(classes)}: truth, labels and class scores name no other"
            )
        for first, second in look_alikes(classes):
            notes.warn(f"the classes {str(first)!r} and {str(second)!r} look alike and are two")
        for column, count in self.book.n_empty.items():
            notes.warn(f"{column}: {count:,} empty texts are read as null")
        truth = lookup[truth]
        named = lookup[: self.n_named]
        scores = _in_class_order(scores, named, len(classes))
        fused_scores = _in_class_order(fused_scores, named, len(classes))
        for rows in _chunks(len(truth)):
            labels[rows] = lookup[labels[rows]]
            if scores is not None:
                self._complete(labels[rows], scores[rows], named)
        if fused is not None:
            fused = lookup[fused] if columns.fused_label is not None else _argmax(fused_scores)
        for column, count in self.n_derived.items():
            notes.warn(f"{column} is null in {count:,} examples that have class scores: their label is the argmax")
        silent = labels < 0
        confidence[silent] = np.nan
        for m, agent in enumerate(columns.agents):
            if silent[:, m].all():
                raise SabotageError(
                    f"{agent.name} never speaks: {listed(agent.columns)} hold nothing in the {len(truth):,} examples of"
                    f" {source.name}; leave it out with --agents"
                )
            if np.isnan(confidence[:, m]).all():
                notes.warn(f"{agent.name} has no confidence: it is never a saboteur")
        if weights == "confidence":
            reliability = confidence.copy()
        elif weights == "uniform":
            reliability = np.where(silent, np.nan, 1.0)
        reliability[silent] = np.nan
        ids = self._unique(ids)
        if columns.id is None:
            notes.add("there is no id column: examples go by their row number, from 0")
        if self.n_other_split:
            notes.add(f"{self.n_other_split:,} rows of another split than {self.split} are not analysed")
        if self.n_dropped:
            notes.warn(f"{self.n_dropped:,} rows without truth are dropped")
        origin = Origin(
            name=source.name,
            path=source.path,
            format=source.format,
            id_column=columns.id,
            truth_column=columns.truth,
            fused_column=columns.fused_label,
            n_rows=self.n_rows,
            n_dropped=self.n_dropped,
            n_filtered=self.n_filtered,
            n_other_split=self.n_other_split,
            where=where,
            other_agents=tuple(agent.name for agent in columns.others),
            ignored_columns=columns.ignored,
        )
        return Panel(
            agents=tuple(agent.name for agent in columns.agents),
            classes=classes,
            ids=ids,
            truth=truth,
            labels=labels,
            confidence=confidence,
            scores=scores,
            reliability=reliability,
            weights=weights,
            fused_label=fused,
            fused_scores=fused_scores,
            columns=kept,
            group=group,
            origin=origin,
            notes=tuple(notes),
        )

    def _complete(self, labels: np.ndarray, scores: np.ndarray, named: np.ndarray) -> None:
        """Fill in, in place, what scores say of a chunk: 0 for a class without a column, the argmax for a label."""
        for m, agent in enumerate(self.columns.agents):
            if not agent.scores:
                continue
            own = scores[:, m]
            without = np.setdiff1d(np.arange(own.shape[1]), [named[self.position[text]] for text in agent.scores])
            unlabelled = np.flatnonzero(labels[:, m] < 0)
            if len(without):
                emitted = np.flatnonzero(~np.isnan(own).all(axis=1))
                own[np.ix_(emitted, without)] = 0.0
            guess = _argmax(own[unlabelled])
            labels[unlabelled, m] = guess
            if agent.label is not None and (guess >= 0).any():
                self.n_derived[agent.label] = self.n_derived.get(agent.label, 0) + int(np.count_nonzero(guess >= 0))

    def _unique(self, ids: pa.Array) -> pa.Array:
        """Return ids, integers again where a csv's texts spell them; they must differ."""
        column, name = self.columns.id, self.source.name
        if ids.null_count:
            at = int(np.flatnonzero(pc.is_null(ids).to_numpy(zero_copy_only=False))[0])
            raise SabotageError(
                f"{column} is null in example {at} of {name}: every example needs an id, or no id column"
            )
        if self.source.format == "csv" and pa.types.is_string(ids.type):
            try:
                numbers = pc.cast(ids, pa.int64())
                if pc.all(pc.equal(pc.cast(numbers, pa.string()), ids)).as_py():
                    ids = numbers
            except pa.ArrowInvalid:
                pass
        if len(pc.unique(ids)) < len(ids):
            counts = pc.value_counts(ids)
            twice = next(entry["values"].as_py() for entry in counts if entry["counts"].as_py() > 1)
            places = np.flatnonzero(pc.equal(ids, pa.scalar(twice, ids.type)).to_numpy(zero_copy_only=False))
            raise SabotageError(
                f"{column} is not unique: {twice!r} stands in examples {listed(places, 4)} of {name}; an id names one"
                f" example (for repeated runs take one with --where 'seed == 0', or name another column with --id)"
            )
        return ids


def _given_back(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches without keeping them, so that their memory is free as soon as they are used."""
    batches.reverse()
    while batches:
        yield batches.pop()


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, CHUNK_ROWS):
        yield slice(start, start + CHUNK_ROWS)


def _joined(arrays: list[pa.Array]) -> pa.Array:
    """Make one array of the batches'; of texts where their types differ."""
    arrays = [array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in arrays]
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
    if len(kinds) == 1:
        arrays = [array.cast(next(iter(kinds))) for array in arrays]
    elif len(kinds) > 1:
        arrays = [array.cast(pa.large_string()) for array in arrays]
    return pa.chunked_array(arrays).combine_chunks() if len(arrays) != 1 else arrays[0]


def _in_class_order(scores: np.ndarray | None, named: np.ndarray, n_classes: int) -> np.ndarray | None:
    """Move score columns to their classes, in place where the classes are those of the columns."""
    if scores is None or np.array_equal(named, np.arange(n_classes)):
        return scores
    out = scores if len(named) == n_classes else np.full((*scores.shape[:-1], n_classes), np.nan)
    for rows in _chunks(len(scores)):
        part = scores[rows].copy()
        out[rows][..., named] = part
    return out


def _argmax(scores: np.ndarray) -> np.ndarray:
    """Return the lowest class of the highest score of each row, -1 where nothing was scored; NaN is no score."""
    known = ~np.isnan(scores)
    best = np.where(known, scores, -np.inf).argmax(axis=-1).astype(np.int32)
    return np.where(known.any(axis=-1), best, np.int32(-1))
