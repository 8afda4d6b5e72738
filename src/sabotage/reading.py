"""Tables into panels: open, recognise the columns, read in one pass, check what only the whole shows."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.agents import RecordedAgent
from sabotage.annotation_columns import annotation_columns, annotations_of, settled
from sabotage.columns import Columns, recognise, with_agents, with_reliability
from sabotage.conditions import OTHER, Condition, Rows
from sabotage.errors import SabotageError, are, count_of, did_you_mean, listed, unknown
from sabotage.joining import with_truth
from sabotage.keys import Keys, Structure, find_keys, require_one_truth
from sabotage.labels import Label
from sabotage.long_reading import LongReader
from sabotage.long_tables import AGENT, LongColumns, recognise_long
from sabotage.metadata import Written, read_description
from sabotage.notes import Notes
from sabotage.panel import Origin, Panel
from sabotage.settling import settle
from sabotage.sources import open_source
from sabotage.streaming import Emitted, Examples, Reader
from sabotage.tables import Source

FEW = 20  # examples below which a coincidence is no sign of a mistake


def read_panel(
    data: Any,
    *,
    id: str | None = None,
    truth: str | None = None,
    truth_table: Any = None,
    agents: Sequence[str] | None = None,
    fused_label: str | None = None,
    weights: str | None = None,
    where: Sequence[str] = (),
    classes: Sequence[object] | None = None,
    group: str | None = None,
    seed_column: str | None = None,
    fold_column: str | None = None,
    keep: Sequence[str] = (),
    split: str | None = "test",
    input_format: str | None = None,
    confidence_scale: str = "unit",
) -> Panel:
    """Read a table into a panel: wide, one row an example, or long, one row a candidate, where it has a column `agent`.

    Parameters
    ----------
    data : path, list of paths, or table
        parquet, feather/arrow, csv(.gz) or jsonl; one file, a folder of parts, a pattern such as "preds/*.parquet" or a
        list of files; a pandas DataFrame, or anything that speaks the Arrow interchange (polars, pyarrow ...).
    id, truth, fused_label : str, optional
        Columns; recognised by name where None.
    truth_table : path or table, optional
        Where the truth, and perhaps groups and splits, stand in a second table: one row an id.
    agents : sequence of str, optional
        The agents to keep, in file order; all where None.
    weights : str, optional
        What fusion weighs by: "reliability" (the self-assessments; the confidences where an agent has no column of
        it), "confidence", "uniform", or a suffix such as "intensity" for the columns `<agent>_intensity`, in a long
        table a column. None: what the panel was written with, else "reliability".
    where : sequence of str
        Conditions "column == value" (also !=, <, <=, >, >=) that every row must meet.
    classes : sequence of labels, optional
        The classes in order; sorted as their type sorts them where None.
    group : str, optional
        The column of examples that are not independent of each other; `group` where there is one.
    seed_column : str, optional
        The column that tells repeated runs over the same ids apart: an id then stands once in each run, always with
        the same truth. None: ids do not repeat, or `fold_column` separates them.
    fold_column : str, optional
        The column of the folds. Without a `seed_column` it separates repeated ids as that would.
    keep : sequence of str
        Further columns to keep in the panel, for blocks and tables.
    split : str, optional
        Where there is a column `split`, the rows of this value are the examples, of "!test" all others; None takes all.
    input_format : str, optional
        "parquet", "arrow", "csv", "jsonl", or the name of a reader (`sabotage.readers`); by the file's name where None.
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

    Notes
    -----
    A table that a panel wrote says which columns are its groups, runs and agents: they need not be named again.
    """
    source = open_source(data, input_format)
    notes = Notes()
    if confidence_scale not in ("unit", "percent"):
        raise unknown("confidence scale", confidence_scale, ("unit", "percent"))
    written = Written()
    if truth_table is not None:
        table = open_source(truth_table)
        source, id, truth = with_truth(source, table, notes, id=id, truth=truth)
    elif id is None and truth is None and fused_label is None:
        written = read_description(source.description, source.columns)
    if written.is_broken or source.has_broken_order:
        notes.warn(
            f"what the metadata of {source.name} say of the panel that wrote it cannot be understood: its columns are"
            f" recognised by their names"
        )
    names = source.columns
    conditions = [Condition.parse(text, source) for text in where]
    group = group or written.group or ("group" if "group" in names else None)
    structure = Structure(group, seed_column or written.seed_column, fold_column or written.fold_column)
    used = (id, truth, fused_label)
    annotated = [name for name in annotation_columns(names, weights or written.weights) if name not in used]
    kept = list(dict.fromkeys([*keep, *structure.columns, *written.keep, *annotated]))
    for column in kept:
        if column not in names:
            near = did_you_mean(column, names)
            raise SabotageError(f"{source.name} has no column {column!r}{near}: its columns are {listed(names)}")
    if "split" not in names or "split" in (id, truth, fused_label, *(condition.column for condition in conditions)):
        split = None  # a condition on it is the user's own choice of rows
    origin = Origin(
        name=source.name,
        path=source.path,
        paths=source.paths,
        format=source.format,
        truth_table=None if truth_table is None else table.path or table.name,
        where=tuple(where),
        split=split,
        confidence_scale=confidence_scale,
    )
    wanted = _Wanted(source, origin, structure, tuple(kept), tuple(conditions), classes, weights or written.weights)
    named = {"id": id, "truth": truth, "fused_label": fused_label}
    if written.columns is None and AGENT in names and AGENT not in named.values():
        return _read_long(wanted, named, agents, notes)
    if written.columns is None:
        columns = recognise(names, source.name, **named, agents=agents, reserved=wanted.reserved)
    else:
        columns = with_agents(written.columns, agents, source.name)
    panel = _read_wide(wanted, columns, notes)
    return replace(panel, kinds={name: kind for name, kind in written.kinds.items() if name in panel.agents})


@dataclass(frozen=True)
class _Wanted:
    """What is to be read of a table, apart from its columns of agents."""

    source: Source
    origin: Origin
    structure: Structure
    kept: tuple[str, ...]
    conditions: tuple[Condition, ...]
    classes: Sequence[object] | None
    weights: str | None

    @property
    def reserved(self) -> list[str]:
        """The columns that make no agent by themselves."""
        return [*self.kept, *(["split"] if self.origin.split is not None else [])]

    @property
    def is_percent(self) -> bool:
        """Whether confidences are of 100."""
        return self.origin.confidence_scale == "percent"

    def rows(self, id: str | None) -> Rows:
        """Return the choice of rows; ids and groups of other splits' are watched, to be compared with the examples'."""
        watched = list(dict.fromkeys([*([id] if id is not None else []), *self.structure.columns]))
        return Rows(self.source, self.conditions, self.origin.split, watched)

    def counted(
        self, rows: Rows, columns: Columns | LongColumns, others: Iterable[str], notes: Notes, is_long: bool = False
    ) -> Origin:
        """Return the origin with its columns and what fell out, which is said; `others` are agents not asked for."""
        tally, split = rows.tally, self.origin.split
        if tally.other_split:
            is_rest = split is not None and split.startswith(OTHER)
            whose = f"split {str(split).removeprefix(OTHER)}" if is_rest else f"another split than {split}"
            notes.add(f"{count_of(tally.other_split, 'row')} of {whose} {are(tally.other_split)} not analysed")
        if tally.no_truth:
            lost = count_of(tally.no_truth, "example" if is_long else "row")
            notes.warn(f"{lost} without truth {are(tally.no_truth)} dropped")
        return replace(
            self.origin,
            is_long=is_long,
            id_column=columns.id,
            truth_column=columns.truth,
            fused_column=columns.fused_label,
            other_agents=tuple(others),
            ignored_columns=columns.ignored,
            n_rows=tally.rows,
            n_dropped=tally.no_truth,
            n_filtered=tally.filtered,
            n_other_split=tally.other_split,
        )


def _read_wide(wanted: _Wanted, columns: Columns, notes: Notes) -> Panel:
    """Read a table of one row an example."""
    source = wanted.source
    wanted.structure.check(columns.id, columns.truth, source.name)
    for warning in columns.warnings:
        notes.warn(warning)
    columns, weights = _choose_weights(columns, wanted.weights or "reliability", source, notes)
    rows = wanted.rows(columns.id)
    reader = Reader(columns, rows, wanted.kept, wanted.is_percent, wanted.classes)
    examples, said = reader.read()
    origin = wanted.counted(rows, columns, (agent.name for agent in columns.others), notes)
    with ThreadPoolExecutor(1) as pool:  # hashing a million ids takes as long as all that is left to do
        keys = pool.submit(find_keys, examples, wanted.structure, origin, source.columns)
        classes, said = settle(reader, said, wanted.classes, notes)
        panel = _checked(columns.agents, classes, said, weights, origin, notes)
        if columns.id is None:
            notes.add("there is no id column: examples go by their row number, from 0")
        return _keyed(panel, examples, keys.result(), wanted.structure, notes)


def _read_long(wanted: _Wanted, named: dict[str, str | None], agents: Sequence[str] | None, notes: Notes) -> Panel:
    """Read a table of one row a candidate."""
    source, structure = wanted.source, wanted.structure
    if agents is not None and len(set(agents)) < max(len(agents), 1):
        raise SabotageError(f"--agents names no agent, or one twice: {listed(agents)}")
    weights = wanted.weights or "reliability"
    columns = recognise_long(source.columns, source.name, **named, weights=weights, reserved=wanted.reserved)
    structure.check(columns.id, columns.truth, source.name)
    rows = wanted.rows(columns.id)
    reader = LongReader(columns, rows, structure.runs, wanted.kept, wanted.is_percent, wanted.classes)
    examples = reader.read()
    classes, names, said = reader.settle(agents, wanted.classes, len(examples.rows), notes)
    own = RecordedAgent("", columns.label, columns.confidence, columns.reliability)
    speakers = [replace(own, name=name) for name in names]
    if weights == "reliability":
        silent = [name for m, name in enumerate(names) if np.isnan(said.reliability[:, m]).all()]
        if silent:
            weights = "confidence"
            _say_confidence(silent, [name for name in names if name not in silent], notes)
    others = (name for name in reader.agents if name not in names)
    origin = wanted.counted(rows, columns, others, notes, is_long=True)
    panel = _checked(speakers, classes, said, weights, origin, notes)
    keys = find_keys(examples, structure, origin, source.columns)
    return _keyed(panel, examples, keys, structure, notes)


def _choose_weights(columns: Columns, weights: str, source: Source, notes: Notes) -> tuple[Columns, str]:
    """Settle what fusion weighs by, once for the panel."""
    agents = list(columns.agents)
    if weights not in ("reliability", "confidence", "uniform"):
        agents = with_reliability(agents, weights, source.columns, source.name)
    elif weights == "reliability":
        missing = [agent.name for agent in agents if agent.reliability is None]
        if missing:
            weights = "confidence"
            _say_confidence(missing, [a.reliability for a in agents if a.reliability is not None], notes)
    if weights in ("confidence", "uniform"):
        agents = [replace(agent, reliability=None) for agent in agents]
    used = {column for agent in (*agents, *columns.others) for column in agent.columns}
    was = {column for agent in columns.agents for column in agent.columns}
    order = {name: position for position, name in enumerate(source.columns)}
    ignored = sorted((set(columns.ignored) | was) - used, key=order.__getitem__)
    return replace(columns, agents=tuple(agents), ignored=tuple(ignored)), weights


def _say_confidence(missing: Sequence[str], have: Sequence[str], notes: Notes) -> None:
    """Say that the confidence is the weight, for want of self-assessments."""
    if have:
        notes.warn(
            f"the confidence of every agent is the weight: {listed(missing)} has no self-assessment, so"
            f" {listed(have)} is not used"
        )
    else:
        notes.add("no agent has a self-assessment: the confidence is the weight")


def _checked(
    agents: Sequence[RecordedAgent],
    classes: tuple[Label, ...],
    said: Emitted,
    weights: str,
    origin: Origin,
    notes: Notes,
) -> Panel:
    """Return the panel, without the keys of its examples, and check what only the whole table shows."""
    confidence, reliability = said.confidence, said.reliability
    confidence[said.labels < 0] = np.nan
    for m, agent in enumerate(agents):
        labels = said.labels[:, m]
        if (labels < 0).all():
            raise SabotageError(
                f"{agent.name} never speaks: {listed(agent.columns)} hold nothing in the {len(labels):,} examples of"
                f" {origin.name}; leave it out with --agents"
            )
        _warn_of(agent, said.truth, labels, confidence[:, m], classes, origin, notes)
    reliability = {"confidence": confidence.copy(), "uniform": np.ones_like(confidence)}.get(weights, reliability)
    reliability[said.labels < 0] = np.nan
    return Panel(
        agents=tuple(agent.name for agent in agents),
        classes=classes,
        ids=pa.nulls(len(said.truth)),
        truth=said.truth,
        labels=said.labels,
        confidence=confidence,
        scores=said.scores,
        reliability=reliability,
        weights=weights,
        fused_label=said.fused,
        fused_scores=said.fused_scores,
        origin=origin,
    )


def _keyed(panel: Panel, examples: Examples, keys: Keys, structure: Structure, notes: Notes) -> Panel:
    """Return the panel with what its examples go by, and all notes."""
    require_one_truth(keys, panel.truth, panel.classes, examples, panel.origin)
    panel = replace(
        panel,
        ids=keys.ids,
        columns=examples.kept,
        group=structure.group,
        seed_column=keys.seed_column,
        fold_column=structure.fold,
        origin=replace(panel.origin, n_shared_ids=keys.n_shared_ids, n_shared_groups=keys.n_shared_groups),
        notes=tuple(notes),
    )
    annotated = annotations_of(panel)
    if not annotated:
        return panel
    return replace(panel, columns=settled(panel.columns, annotated, examples, panel.classes, panel.origin.format))


def _warn_of(
    agent: RecordedAgent,
    truth: np.ndarray,
    labels: np.ndarray,
    confidence: np.ndarray,
    classes: Sequence[Label],
    origin: Origin,
    notes: Notes,
) -> None:
    """Warn of what is legal and hardly meant: labels that miss the truth or are it, confidences that are none."""
    said = np.flatnonzero(np.bincount(labels[labels >= 0], minlength=len(classes)))
    true = np.flatnonzero(np.bincount(truth, minlength=len(classes)))
    if len(truth) > FEW and not np.intersect1d(said, true).size:
        notes.warn(
            f"no label of {agent.name} ({listed([classes[int(c)] for c in said], 4)}) ever occurs in the truth"
            f" ({listed([classes[int(c)] for c in true], 4)}): codes against names?"
        )
    if len(truth) > FEW and (labels == truth).all():
        notes.warn(f"{agent.name} is right on all {len(truth):,} examples: the truth under another name?")
    if np.isnan(confidence).all():
        notes.warn(f"{agent.name} has no confidence: it is never a saboteur")
    elif agent.confidence is not None and origin.confidence_scale == "percent" and np.nanmax(confidence) <= 0.01:
        notes.warn(f"{agent.confidence} never exceeds 1, so the percent scale makes it at most 0.01")
