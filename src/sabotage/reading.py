"""Wide tables into panels: recognise the columns, read them in one pass, turn label codes into classes."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from sabotage.agents import RecordedAgent
from sabotage.columns import Columns, recognise, with_reliability
from sabotage.errors import SabotageError, did_you_mean, listed, unknown
from sabotage.keys import Keys, Structure, find_keys, require_one_truth
from sabotage.labels import Label, look_alikes, whole
from sabotage.notes import Notes
from sabotage.panel import Origin, Panel, chunks
from sabotage.sources import Source, open_source
from sabotage.streaming import OTHER, Condition, Raw, Reader

FEW = 20  # examples below which a coincidence is no sign of a mistake


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
    seed_column: str | None = None,
    fold_column: str | None = None,
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
    seed_column : str, optional
        The column that tells repeated runs over the same ids apart: an id then stands once in each run, always with
        the same truth. None: ids do not repeat, or `fold_column` separates them.
    fold_column : str, optional
        The column of the folds. Without a `seed_column` it separates repeated ids as that would.
    keep : sequence of str
        Further columns to keep in the panel, for blocks and tables.
    split : str, optional
        Where there is a column `split`, the rows of this value are the examples, of "!test" all others; None takes all.
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
    names = source.columns
    conditions = [Condition.parse(text, source) for text in where]
    if group is None and "group" in names:
        group = "group"
    structure = Structure(group, seed_column, fold_column)
    kept = list(dict.fromkeys([*keep, *structure.columns]))
    for column in kept:
        if column not in names:
            near = did_you_mean(column, names)
            raise SabotageError(f"{source.name} has no column {column!r}{near}: its columns are {listed(names)}")
    if "split" not in names or "split" in (id, truth, fused_label, *(condition.column for condition in conditions)):
        split = None  # a condition on it is the user's own choice of rows
    if confidence_scale not in ("unit", "percent"):
        raise unknown("confidence scale", confidence_scale, ("unit", "percent"))
    reserved = [*kept, *(["split"] if split is not None else [])]
    columns = recognise(
        names, source.name, id=id, truth=truth, agents=agents, fused_label=fused_label, reserved=reserved
    )
    structure.check(columns.id, columns.truth, source.name)
    notes = Notes()
    for warning in columns.warnings:
        notes.warn(warning)
    columns, weights = _choose_weights(columns, weights, source, notes)
    # Other splits' ids and groups are compared with the examples', run by run: nothing else of those rows is kept.
    watched = list(dict.fromkeys([*([columns.id] if columns.id is not None else []), *structure.columns]))
    reader = Reader(source, columns, conditions, split, kept, watched, confidence_scale == "percent", classes)
    raw = reader.read()
    tally = reader.tally
    if tally.other_split:
        others = f"split {split.removeprefix(OTHER)}" if split is not None and split.startswith(OTHER) else None
        others = others or f"another split than {split}"
        notes.add(f"{tally.other_split:,} rows of {others} are not analysed")
    if tally.no_truth:
        notes.warn(f"{tally.no_truth:,} rows without truth are dropped")
    origin = Origin(
        name=source.name,
        path=source.path,
        format=source.format,
        id_column=columns.id,
        truth_column=columns.truth,
        fused_column=columns.fused_label,
        n_rows=tally.rows,
        n_dropped=tally.no_truth,
        n_filtered=tally.filtered,
        n_other_split=tally.other_split,
        where=tuple(where),
        split=split,
        confidence_scale=confidence_scale,
        other_agents=tuple(agent.name for agent in columns.others),
        ignored_columns=columns.ignored,
    )
    with ThreadPoolExecutor(1) as pool:  # hashing a million ids takes as long as all that is left to do
        keys = pool.submit(find_keys, raw, structure, origin, names)
        return _panel(raw, keys, reader, weights, classes, structure, origin, notes)


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


def _panel(
    raw: Raw,
    keys: Future[Keys],
    reader: Reader,
    weights: str,
    order: Sequence[object] | None,
    structure: Structure,
    origin: Origin,
    notes: Notes,
) -> Panel:
    """Turn codes into classes, fill in what scores say, and check what only the whole table shows."""
    columns, book = reader.columns, reader.book
    classes, lookup = _classes(reader, order)
    if len(classes) < 2:
        raise SabotageError(
            f"{origin.name} has one class only, {listed(classes)}: truth, labels and class scores name no other"
        )
    for first, second in look_alikes(classes):
        notes.warn(f"the classes {str(first)!r} and {str(second)!r} look alike and are two")
    for (column, text), count in book.n_null.items():
        if text:
            notes.warn(f"{column}: {count:,} texts {text!r} are read as null; if that is a class, name it in --classes")
        elif origin.format != "csv":
            notes.warn(f"{column}: {count:,} empty texts are read as null")

    named = lookup[: reader.n_named]
    scores = _in_class_order(raw.scores, named, len(classes))
    fused_scores = _in_class_order(raw.fused_scores, named, len(classes))
    truth, labels, confidence = lookup[raw.truth], lookup[raw.labels], raw.confidence
    for m, agent in enumerate(columns.agents):
        if scores is not None and agent.scores:
            without = np.setdiff1d(np.arange(len(classes)), [named[reader.position[text]] for text in agent.scores])
            n_filled = _complete(labels[:, m], scores[:, m], without)
            if n_filled and agent.label is not None:
                notes.warn(f"{agent.label} is null on {n_filled:,} examples that have class scores: it is their argmax")
        silent = labels[:, m] < 0
        confidence[silent, m] = np.nan
        if silent.all():
            raise SabotageError(
                f"{agent.name} never speaks: {listed(agent.columns)} hold nothing in the {len(labels):,} examples of"
                f" {origin.name}; leave it out with --agents"
            )
        _warn_of(agent, truth, labels[:, m], confidence[:, m], classes, reader.confidence_limit, notes)
    fused = None
    if columns.fused_label is not None:
        fused = lookup[raw.fused]
    elif fused_scores is not None:
        fused = _argmax(fused_scores)
    reliability = {"confidence": confidence.copy(), "uniform": np.ones_like(confidence)}.get(weights, raw.reliability)
    reliability[labels < 0] = np.nan
    if columns.id is None:
        notes.add("there is no id column: examples go by their row number, from 0")
    found = keys.result()
    require_one_truth(found, truth, classes, raw.rows, origin)
    return Panel(
        agents=tuple(agent.name for agent in columns.agents),
        classes=classes,
        ids=found.ids,
        truth=truth,
        labels=labels,
        confidence=confidence,
        scores=scores,
        reliability=reliability,
        weights=weights,
        fused_label=fused,
        fused_scores=fused_scores,
        columns=raw.kept,
        group=structure.group,
        seed_column=found.seed_column,
        fold_column=structure.fold,
        origin=replace(origin, n_shared_ids=found.n_shared_ids, n_shared_groups=found.n_shared_groups),
        notes=tuple(notes),
    )


def _warn_of(
    agent: RecordedAgent,
    truth: np.ndarray,
    labels: np.ndarray,
    confidence: np.ndarray,
    classes: Sequence[Label],
    limit: float,
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
    elif agent.confidence is not None and limit > 1 and np.nanmax(confidence) <= 1 / limit:
        notes.warn(f"{agent.confidence} never exceeds 1, so the percent scale makes it at most {1 / limit:g}")


def _classes(reader: Reader, order: Sequence[object] | None) -> tuple[tuple[Label, ...], np.ndarray]:
    """Return the classes and what each code means, in the order given, or that of an ordered type, or sorted."""
    classes, lookup = reader.book.resolve(order)
    own = reader.source.class_order or reader.categories
    if order is None and own is not None:
        texts = {str(label) for label in classes}
        own = [whole(label) if isinstance(label, float) else label for label in own]
        own = [label for label in own if str(label) in texts]
        if len(own) == len(classes):
            return reader.book.resolve(own)
    return classes, lookup


def _in_class_order(scores: np.ndarray | None, named: np.ndarray, n_classes: int) -> np.ndarray | None:
    """Move score columns to their classes, in place where the classes are those of the columns."""
    if scores is None or np.array_equal(named, np.arange(n_classes)):
        return scores
    out = scores if len(named) == n_classes else np.full((*scores.shape[:-1], n_classes), np.nan)
    for rows in chunks(len(scores), scores[0].size):
        part = scores[rows].copy()
        out[rows][..., named] = part
    return out


def _complete(labels: np.ndarray, scores: np.ndarray, without: np.ndarray) -> int:
    """Give one agent, in place, score 0 for the classes without a column, and its argmax where it has no label.

    labels : (n,); scores : (n, C), a view; without : class indices. An agent that lists some of its classes and not
    others, on any example, emits lists: what it does not list stays null. Returns the number of labels filled in.
    """
    own = np.setdiff1d(np.arange(scores.shape[1]), without)
    known = [~np.isnan(scores[rows][:, own]) for rows in chunks(len(labels), scores.shape[1])] if len(without) else []
    lists = any((part.any(axis=1) & ~part.all(axis=1)).any() for part in known)
    n_filled = 0
    for rows in chunks(len(labels), scores.shape[1]):
        if len(without) and not lists:
            emitted = np.flatnonzero(~np.isnan(scores[rows]).all(axis=1))
            scores[rows][np.ix_(emitted, without)] = 0.0
        unlabelled = np.flatnonzero(labels[rows] < 0)
        guess = _argmax(scores[rows][unlabelled])
        labels[rows][unlabelled] = guess
        n_filled += int(np.count_nonzero(guess >= 0))
    return n_filled


def _argmax(scores: np.ndarray) -> np.ndarray:
    """Return the lowest class of the highest score of each row, -1 where nothing was scored; NaN is no score."""
    known = ~np.isnan(scores)
    best = np.where(known, scores, -np.inf).argmax(axis=-1).astype(np.int32)
    return np.where(known.any(axis=-1), best, np.int32(-1))
