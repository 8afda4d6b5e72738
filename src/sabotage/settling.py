"""Codes of labels into classes, scores into class order, and labels out of scores."""

import math
from collections.abc import Sequence

import numpy as np

from sabotage.errors import SabotageError, are, count_of, listed
from sabotage.labels import Label, LabelBook, look_alikes, whole
from sabotage.notes import Notes
from sabotage.panel import chunks
from sabotage.streaming import Emitted, Reader
from sabotage.tables import Source


def settle(
    reader: Reader, said: Emitted, order: Sequence[object] | None, notes: Notes
) -> tuple[tuple[Label, ...], Emitted]:
    """Return the classes of a wide table, and what was said in terms of them; the arrays may be used again.

    Raises
    ------
    SabotageError
        Where there is one class, or `order` leaves one out.
    """
    source, columns, values = reader.rows.source, reader.columns, reader.values
    classes, lookup = resolve(values.book, source.class_order or values.categories, order)
    check_classes(classes, values.book, source, notes)
    named = lookup[: reader.n_named]
    scores = _in_class_order(said.scores, named, len(classes))
    fused_scores = _in_class_order(said.fused_scores, named, len(classes))
    labels = lookup[said.labels]
    for m, agent in enumerate(columns.agents):
        if scores is not None and agent.scores:
            without = np.setdiff1d(np.arange(len(classes)), [named[reader.position[text]] for text in agent.scores])
            n_filled = _complete(labels[:, m], scores[:, m], without)
            if n_filled and agent.label is not None:
                notes.warn(
                    f"{agent.label} is null on {count_of(n_filled, 'example')} with class scores: it is their argmax"
                )
    fused = None
    if said.fused is not None:
        fused = lookup[said.fused]
    elif fused_scores is not None:
        fused = argmax(fused_scores)
    return classes, Emitted(lookup[said.truth], labels, said.confidence, said.reliability, scores, fused, fused_scores)


def check_classes(classes: Sequence[Label], book: LabelBook, source: Source, notes: Notes) -> None:
    """Warn of classes that look alike and of texts read as null; raise SabotageError where there is one class."""
    if len(classes) < 2:
        raise SabotageError(
            f"{source.name} has one class only, {listed(classes)}: truth, labels and class scores name no other"
        )
    for first, second in look_alikes(classes):
        notes.warn(f"the classes {str(first)!r} and {str(second)!r} look alike and are two")
    for (column, text), count in book.n_null.items():
        if text:
            notes.warn(
                f"{column}: {count_of(count, 'text')} {text!r} {are(count)} read as null; if that is a class, name"
                " it in --classes"
            )
        elif source.format != "csv":
            notes.warn(f"{column}: {count_of(count, 'empty text')} {are(count)} read as null")


def resolve(
    book: LabelBook, own: Sequence[object] | None, order: Sequence[object] | None
) -> tuple[tuple[Label, ...], np.ndarray]:
    """Return the classes and what each code means, in the order given, or the table's own, or sorted.

    The last entry of what codes mean is -1, for the code -1.
    """
    classes, lookup = book.resolve(order)
    if order is None and own is not None:
        texts = {str(label) for label in classes}
        finite = [label for label in own if not isinstance(label, float) or math.isfinite(label)]
        own = [whole(label) if isinstance(label, float) else label for label in finite]
        own = [label for label in own if label is not None and str(label) in texts]
        if len(own) == len(classes):
            return book.resolve(own)
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
        guess = argmax(scores[rows][unlabelled])
        labels[rows][unlabelled] = guess
        n_filled += int(np.count_nonzero(guess >= 0))
    return n_filled


def argmax(scores: np.ndarray) -> np.ndarray:
    """Return the lowest class of the highest score of each row, -1 where nothing was scored; NaN is no score."""
    known = ~np.isnan(scores)
    best = np.where(known, scores, -np.inf).argmax(axis=-1).astype(np.int32)
    return np.where(known.any(axis=-1), best, np.int32(-1))
