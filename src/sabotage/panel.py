"""The panel: all that the agents of one table emitted, with the truth. Every analysis takes one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sabotage.agents import Agent
from sabotage.errors import SabotageError, listed, unknown
from sabotage.labels import Label

if TYPE_CHECKING:
    from sabotage.permutation import Progress

# Examples, and numbers in a temporary of theirs, at a time where all n x M x C would be too much.
CHUNK_ROWS = 65_536
CHUNK_CELLS = 1 << 22
KINDS = ("only", "without")  # of agents that are ablations of one model


def chunks(n: int, width: int = 1) -> list[slice]:
    """Cut n examples into slices for which temporaries of `width` numbers an example stay small."""
    step = max(1, min(CHUNK_ROWS, CHUNK_CELLS // width))
    return [slice(start, start + step) for start in range(0, n, step)]


@dataclass(frozen=True)
class Origin:
    """Where a panel came from, and what of it was left out."""

    name: str = "memory"
    path: str | None = None
    format: str = "memory"
    id_column: str | None = None
    truth_column: str = "y"
    truth_table: str | None = None  # where the truth stands in a table of its own
    fused_column: str | None = None
    paths: tuple[str, ...] = ()  # the files behind `path`, that of the truth included
    is_long: bool = False
    n_rows: int = 0
    n_dropped: int = 0  # no truth: rows of a wide table, examples of a long one
    n_filtered: int = 0  # where
    n_other_split: int = 0
    n_shared_ids: int = 0  # ids of the examples that rows of another split have too, in the same run
    n_shared_groups: int = 0
    where: tuple[str, ...] = ()
    split: str | None = None
    confidence_scale: str = "unit"
    other_agents: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Panel:
    """n examples x M agents x C classes: what was emitted, and the truth.

    Attributes
    ----------
    agents : tuple of str, length M
        In file order.
    classes : tuple of labels, length C
        In class order; every label below is an index into it, -1 for none.
    ids : pyarrow.Array of length n
    truth : ndarray of shape (n,), int32
    labels : ndarray of shape (n, M), int32
        -1: the agent did not speak.
    confidence : ndarray of shape (n, M), float64
        In [0, 1]; NaN where there is none.
    scores : ndarray of shape (n, M, C), float64, or None
        Class scores; NaN where none was emitted. None where no agent has any.
    reliability : ndarray of shape (n, M), float64
        What fusion weighs by, in [0, inf); NaN where there is none.
    weights : str
        What `reliability` is: "reliability" (the self-assessment), "confidence", "uniform" or a column suffix.
    fused_label : ndarray of shape (n,), int32, or None
        The recorded decision; -1 where it is missing.
    fused_scores : ndarray of shape (n, C), float64, or None
    columns : mapping of str to pyarrow.Array
        Columns kept beside: groups, blocks.
    group : str or None
        The one of `columns` whose examples are not independent of each other.
    seed_column : str or None
        The one of `columns` that tells repeated runs over the same ids apart.
    fold_column : str or None
        The one of `columns` that holds the folds of a cross-validation; `seed_column` too where it alone tells repeated
        ids apart.
    kinds : mapping of str to str
        Agents that are one model with modalities masked, rather than speakers of their own: "only" where all but the
        agent's modality was masked, "without" where it alone was.
    origin : Origin
    notes : tuple of str
        What a reader should know of how the panel came about, warnings included.
    """

    agents: tuple[str, ...]
    classes: tuple[Label, ...]
    ids: pa.Array
    truth: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    scores: np.ndarray | None
    reliability: np.ndarray
    weights: str = "reliability"
    fused_label: np.ndarray | None = None
    fused_scores: np.ndarray | None = None
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    group: str | None = None
    seed_column: str | None = None
    fold_column: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, m, c = len(self.truth), len(self.agents), len(self.classes)
        shapes: dict[str, tuple[np.ndarray | None, tuple[int, ...], type]] = {
            "truth": (self.truth, (n,), np.int32),
            "labels": (self.labels, (n, m), np.int32),
            "confidence": (self.confidence, (n, m), np.float64),
            "reliability": (self.reliability, (n, m), np.float64),
            "scores": (self.scores, (n, m, c), np.float64),
            "fused_label": (self.fused_label, (n,), np.int32),
            "fused_scores": (self.fused_scores, (n, c), np.float64),
        }
        for name, (array, shape, dtype) in shapes.items():
            if array is None:
                continue
            if array.shape != shape or array.dtype != dtype:
                raise SabotageError(
                    f"{name} must be {np.dtype(dtype)} of shape {shape}: found {array.dtype} of shape {array.shape}"
                )
            # Kernels are compiled for one layout alone: C-contiguous and writable.
            object.__setattr__(self, name, np.require(array, requirements=["C", "W"]))
        if len(self.ids) != n:
            raise SabotageError(f"ids must have one entry an example, {n}: found {len(self.ids)}")
        if n == 0 or c < 2 or m == 0:
            raise SabotageError(f"a panel needs examples, agents and two classes: found {n}, {m} and {c}")
        if self.truth.min() < 0 or self.truth.max() >= c or self.labels.max() >= c or self.labels.min() < -1:
            raise SabotageError(f"truth must lie in 0 to {c - 1} and labels in -1 to {c - 1}, as indices into classes")
        if self.fused_label is not None and (self.fused_label.max() >= c or self.fused_label.min() < -1):
            raise SabotageError(f"fused_label must lie in -1 to {c - 1}, as indices into classes")
        if not _inside(self.confidence, 0.0, 1.0) or not _inside(self.reliability, 0.0, np.inf):
            raise SabotageError("confidence must lie in [0, 1] and reliability in [0, inf), NaN where there is none")
        if len(set(self.agents)) < m:
            raise SabotageError(f"agents must have different names: found {listed(self.agents)}")
        for name, kind in self.kinds.items():
            if name not in self.agents or kind not in KINDS:
                raise SabotageError(
                    f"kinds must give agents of the panel, {listed(self.agents)}, a kind, {listed(KINDS)}: found"
                    f" {name!r}: {kind!r}"
                )
        for field_name in ("seed_column", "fold_column"):
            column = getattr(self, field_name)
            if column is not None and column not in self.columns:
                raise SabotageError(
                    f"{field_name} must be one of the columns that the panel keeps, {listed(self.columns)}: found"
                    f" {column!r}"
                )

    @property
    def n_examples(self) -> int:
        """Number of examples."""
        return len(self.truth)

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return len(self.agents)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def spoke(self) -> np.ndarray:
        """Who spoke: ndarray of shape (n, M), bool."""
        return self.labels >= 0

    @cached_property
    def _score_facts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each agent: has any scores, lists some classes and not others, lowest score."""
        some = np.zeros(self.n_agents, bool)
        partial = np.zeros(self.n_agents, bool)
        lowest = np.full(self.n_agents, np.inf)
        for rows in self.chunks():
            if self.scores is None:
                break
            part = self.scores[rows]
            known = ~np.isnan(part)
            any_known, all_known = known.any(axis=2), known.all(axis=2)
            some |= any_known.any(axis=0)
            partial |= (any_known & ~all_known).any(axis=0)
            lowest = np.minimum(lowest, np.where(known, part, np.inf).min(axis=(0, 2)))
        return some, partial, lowest

    @property
    def has_scores(self) -> np.ndarray:
        """Which agents have class scores on some example: ndarray of shape (M,), bool."""
        return self._score_facts[0]

    @property
    def has_lists(self) -> np.ndarray:
        """Which agents score some classes and not others on some example: candidate lists, ndarray of shape (M,)."""
        return self._score_facts[1]

    @property
    def lowest_score(self) -> np.ndarray:
        """Lowest score of each agent, inf where it has none: ndarray of shape (M,)."""
        return self._score_facts[2]

    def chunks(self) -> list[slice]:
        """Slices of examples, for work whose temporaries should stay small."""
        return chunks(self.n_examples, self.n_agents * self.n_classes)

    def column(self, name: str) -> pa.Array:
        """Return a kept column; raises SabotageError where it was not kept."""
        if name not in self.columns:
            raise SabotageError(
                f"the panel keeps no column {name!r}: name it when it is read, read_panel(..., keep=[{name!r}]);"
                f" it keeps {listed(self.columns)}"
            )
        return self.columns[name]

    @cached_property
    def units(self) -> np.ndarray:
        """Number the ids: ndarray of shape (n,), int64, from 0 in order of appearance."""
        return self.ids.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)

    @cached_property
    def runs(self) -> np.ndarray:
        """Number the seeds: ndarray of shape (n,), int64, from 0; all 0 where no seed column is named."""
        if self.seed_column is None:
            return np.zeros(self.n_examples, np.int64)
        return np.unique(self.codes(self.seed_column), return_inverse=True)[1]

    def codes(self, name: str) -> np.ndarray:
        """Number the values of a kept column: ndarray of shape (n,), int64, 0 for a null."""
        indices = self.column(name).dictionary_encode().indices.to_numpy(zero_copy_only=False)
        return np.nan_to_num(indices, nan=-1).astype(np.int64) + 1

    def select(self, agents: Sequence[str]) -> "Panel":
        """Return the panel of some of the agents, in file order; the classes stay."""
        for name in agents:
            if name not in self.agents:
                raise unknown("agent", name, self.agents)
        at = [position for position, name in enumerate(self.agents) if name in agents]
        left = tuple(name for name in self.agents if name not in agents)
        return replace(
            self,
            agents=tuple(self.agents[position] for position in at),
            labels=np.ascontiguousarray(self.labels[:, at]),
            confidence=np.ascontiguousarray(self.confidence[:, at]),
            scores=None if self.scores is None else np.ascontiguousarray(self.scores[:, at]),
            reliability=np.ascontiguousarray(self.reliability[:, at]),
            kinds={name: kind for name, kind in self.kinds.items() if name in agents},
            origin=replace(self.origin, other_agents=self.origin.other_agents + left),
        )

    def take(self, rows: np.ndarray) -> "Panel":
        """Return the panel of some examples, in the order of `rows`; everything else stays.

        Parameters
        ----------
        rows : ndarray of shape (k,), int64
            Indices of examples, 0 to n - 1; one may stand more than once.
        """
        rows = np.asarray(rows)
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            raise SabotageError(
                f"rows must be a list of indices, whole numbers: found {rows.dtype} of shape {rows.shape}"
            )
        if len(rows) and (rows.min() < 0 or rows.max() >= self.n_examples):
            raise SabotageError(f"rows must lie in 0 to {self.n_examples - 1}: found {rows.min()} to {rows.max()}")
        at = pa.array(rows.astype(np.int64))
        return replace(
            self,
            ids=self.ids.take(at),
            truth=self.truth[rows],
            labels=self.labels[rows],
            confidence=self.confidence[rows],
            scores=None if self.scores is None else self.scores[rows],
            reliability=self.reliability[rows],
            fused_label=None if self.fused_label is None else self.fused_label[rows],
            fused_scores=None if self.fused_scores is None else self.fused_scores[rows],
            columns={name: column.take(at) for name, column in self.columns.items()},
        )

    def with_classes(self, classes: Sequence[Label]) -> "Panel":
        """Return the panel with more classes, or in another order, as it would be read with them.

        Who scores all classes gives a new one 0; recorded fused scores of it are not known.

        Raises
        ------
        SabotageError
            If one of its own is not among `classes`.
        """
        position = {str(label): at for at, label in enumerate(classes)}
        lost = [label for label in self.classes if str(label) not in position]
        if lost or len(position) < len(classes):
            raise SabotageError(f"classes must hold those of the panel, each once: {listed(lost or classes)}")
        if tuple(classes) == self.classes:
            return self
        at = np.array([position[str(label)] for label in self.classes])
        lookup = np.r_[at, -1].astype(np.int32)

        def spread(scores: np.ndarray | None) -> np.ndarray | None:
            if scores is None:
                return None
            out = np.full((*scores.shape[:-1], len(classes)), np.nan)
            for rows in self.chunks():
                out[rows][..., at] = scores[rows]
            return out

        scores = spread(self.scores)
        new = np.setdiff1d(np.arange(len(classes)), at)
        for m in np.flatnonzero(self.has_scores & ~self.has_lists):
            assert scores is not None  # somebody has scores
            scored = np.flatnonzero(~np.isnan(scores[:, m, at[0]]))
            scores[np.ix_(scored, [m], new)] = 0.0
        return replace(
            self,
            classes=tuple(classes),
            truth=lookup[self.truth],
            labels=lookup[self.labels],
            scores=scores,
            fused_label=None if self.fused_label is None else lookup[self.fused_label],
            fused_scores=spread(self.fused_scores),
        )

    def with_weights(self, weights: str | np.ndarray) -> "Panel":
        """Return the panel with another reliability.

        Parameters
        ----------
        weights : {"confidence", "uniform"} or ndarray of shape (n, M)
            In [0, inf), NaN where there is none.
        """
        if isinstance(weights, np.ndarray):
            return replace(self, reliability=np.array(weights, dtype=np.float64), weights="given")
        if weights == "confidence":
            return replace(self, reliability=self.confidence.copy(), weights=weights)
        if weights == "uniform":
            return replace(self, reliability=np.where(self.spoke, 1.0, np.nan), weights=weights)
        raise unknown("weights", weights, ("confidence", "uniform"))

    @classmethod
    def from_agents(
        cls,
        agents: Sequence[Agent],
        X: Any,
        y: Any,
        *,
        ids: Any = None,
        columns: Mapping[str, Any] | None = None,
        n_jobs: int = 1,
        backend: str = "threading",
        progress: "Progress | bool | None" = None,
        **options: Any,
    ) -> "Panel":
        """Ask every agent about every example of X.

        An example on which an agent fails is one where it did not speak; `notes` count the reasons. Agents that have a
        `kind`, as ablations do, get it in `kinds`.

        Parameters
        ----------
        agents : sequence of Agent
        X : list, array, DataFrame, pyarrow Table or mapping of these
            n examples, as the agents' `emit` takes them.
        y : sequence of n labels
            The truth.
        ids : array of n ids, optional
        columns : mapping, optional
            Columns to keep beside, such as a group or a split; `fused_label` and `fused_p_<class>` are the recorded
            decision.
        n_jobs, backend, progress
            As for `sabotage.emit`.
        **options
            As for `read_panel`.

        Raises
        ------
        SabotageError
            As `emit`, and `read_panel`, which takes the emissions as a wide table in memory.
        """
        from sabotage.asking import ask_agents

        asking = {"n_jobs": n_jobs, "backend": backend, "progress": progress}
        return ask_agents(agents, X, y, ids, columns or {}, asking, options)

    def to_table(self, rows: slice = slice(None)) -> pa.Table:
        """Return some or all examples as a wide pyarrow Table that `read_panel` understands."""
        lookup = _lookup(self.classes)

        def labels(codes: np.ndarray) -> pa.Array:
            return lookup.take(pa.array(codes, mask=codes < 0))

        def floats(values: np.ndarray) -> pa.Array:
            values = np.ascontiguousarray(values)
            return pa.array(values, mask=np.isnan(values))

        from sabotage.metadata import columns_of, describe

        table: dict[str, Any] = {"id": self.ids[rows], "y": labels(self.truth[rows])}
        for name, column in self.columns.items():
            table[name] = column[rows]
        for m, agent in enumerate(self.agents):
            own = columns_of(self, agent)
            table[str(own.label)] = labels(self.labels[rows, m])
            table[str(own.confidence)] = floats(self.confidence[rows, m])
            if own.reliability is not None:
                table[own.reliability] = floats(self.reliability[rows, m])
            if self.scores is not None:
                for c, column in enumerate(own.scores.values()):
                    table[column] = floats(self.scores[rows, m, c])
        if self.fused_label is not None:
            table["fused_label"] = labels(self.fused_label[rows])
        if self.fused_scores is not None:
            for c, label in enumerate(self.classes):
                table[f"fused_p_{label}"] = floats(self.fused_scores[rows, c])
        order = json.dumps([str(label) for label in self.classes])
        return pa.table(table).replace_schema_metadata(
            {"sabotage_classes": order, "sabotage_panel": json.dumps(describe(self))}
        )

    def to_parquet(self, path: str | Path) -> None:
        """Write the panel as a wide parquet table that `read_panel` understands, in row groups."""
        import pyarrow.parquet as pq

        from sabotage.files import written

        with written(path) as temporary, pq.ParquetWriter(temporary, self.to_table(slice(0, 0)).schema) as writer:
            for rows in self.chunks():
                writer.write_table(self.to_table(rows))

    def describe(self) -> list[tuple[str, str]]:
        """Return what was understood, as (heading, text) pairs."""
        origin = self.origin
        examples, keys = f"{self.n_examples:,}", [f"id: {origin.id_column or 'row number'}"]
        left_out = [
            f"{count:,} {why}"
            for count, why in (
                (origin.n_dropped, "without truth"),
                (origin.n_filtered, f"not {listed(origin.where)}"),
                (origin.n_other_split, "of another split"),
            )
            if count
        ]
        if left_out:
            examples += f" of {origin.n_rows:,} rows ({', '.join(left_out)} left out)"
        elif origin.is_long:
            examples += f" in {origin.n_rows:,} rows"
        elif self.seed_column is not None:
            examples += " rows"
        if self.seed_column is not None:
            runs = "fold" if self.seed_column == self.fold_column else "seed"
            n_ids, n_runs = (len(values.unique()) for values in (self.ids, self.columns[self.seed_column]))
            examples = f"{n_ids:,} ids in {n_runs:,} {runs}{'' if n_runs == 1 else 's'}, {examples}"
            keys.append(f"{runs}: {self.seed_column}")
        if self.fold_column is not None and self.fold_column != self.seed_column:
            keys.append(f"fold: {self.fold_column}")
        if self.group is not None:
            keys.append(f"group: {self.group}")
        shape = ", long" if origin.is_long else ""
        files = f", {len(origin.paths)} files" if len(origin.paths) > 1 else ""
        truth = origin.truth_column + (f" of {origin.truth_table}" if origin.truth_table is not None else "")
        lines = [
            ("input", f"{origin.path or origin.name} ({origin.format}{shape}{files})"),
            ("examples", f"{examples}; {'; '.join(keys)}; truth: {truth}"),
            ("classes", f"{self.n_classes}: {listed(self.classes, 12)}"),
        ]
        agents = []
        for m, name in enumerate(self.agents):
            silent = int(np.count_nonzero(self.labels[:, m] < 0))
            parts = [self.kinds[name]] if name in self.kinds else []
            if silent:
                parts.append(f"silent on {silent:,}")
            if not self.has_scores[m]:
                parts.append("no class scores")
            agents.append(name + (f" ({', '.join(parts)})" if parts else ""))
        lines.append(("agents", listed(agents, 16)))
        if origin.other_agents:
            lines.append(("not selected", listed(origin.other_agents, 16)))
        lines.append(("weights", self.weights))
        if self.fused_label is not None:
            lost = int(np.count_nonzero(self.fused_label < 0))
            lines.append(
                ("recorded", (origin.fused_column or "fused scores") + (f" ({lost:,} missing)" if lost else ""))
            )
        from sabotage.annotation_columns import annotations_of, is_labels

        annotated = annotations_of(self)
        if annotated:
            n_labelling = sum(map(is_labels, annotated))
            lines.append(("annotators", (f"{n_labelling}: " if n_labelling else "") + listed(annotated)))
        used = (self.group, self.seed_column, self.fold_column, *annotated)
        kept = [name for name in self.columns if name not in used]
        if kept:
            lines.append(("kept", listed(kept)))
        if origin.ignored_columns:
            lines.append(("ignored", listed(name or "a column without a name" for name in origin.ignored_columns)))
        return lines

    def __repr__(self) -> str:
        return "\n".join(["Panel", *(f"  {heading:<12} {text}" for heading, text in self.describe())])


def _inside(values: np.ndarray, low: float, high: float) -> bool:
    """Whether all values but NaN are finite and in [low, high]."""
    least, most = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return bool(np.isnan(least) or (low <= least and most <= high and most < np.inf))


def _lookup(classes: Sequence[Label]) -> pa.Array:
    """Return the classes as a column's values; integers that no type of arrow holds as texts, which read alike."""
    try:
        return pa.array(list(classes))
    except (OverflowError, pa.ArrowInvalid):
        return pa.array([str(label) for label in classes])
