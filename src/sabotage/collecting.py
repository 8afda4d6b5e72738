"""Files of language models' replies into one wide table of predictions, with a report of what became of them."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sabotage.errors import SabotageError, listed
from sabotage.notes import Notes
from sabotage.replies import OUTCOMES, Reply, read_reply
from sabotage.reply_columns import Heard, agent_columns
from sabotage.reply_files import Fields, Record, find_files, read_records
from sabotage.reply_report import AgentReport, Tally, note_mapped, note_oddities, warn_of_dominance
from sabotage.reply_truth import Truth, read_truth
from sabotage.tables import CLASSES
from sabotage.vocabulary import SIMILARITY, Vocabulary, make_vocabulary

MOST_REMEMBERED, LONGEST_REMEMBERED = 20_000, 200  # short replies repeat: each is read once


@dataclass(frozen=True, repr=False)
class Collected:
    """A table made of replies.

    Attributes
    ----------
    table : pyarrow.Table
        One row an example: `id`, `y` and further columns of the truth; for each agent `_label`, `_confidence`,
        `_reliability` (if it assessed itself), `_p_<class>` (if it gave lists or samples), `_rationale` and
        `_outcome`. Confidences, reliabilities and scores lie in [0, 1]; what is not known is null.
    report : dict of str to AgentReport
        By agent, in order of appearance.
    classes : tuple of str
        In the order of the labels file.
    words : dict of str to float
        What the five levels of confidence in words were read as.
    similarity : float
        The least likeness at which a spelling was taken for a label.
    notes : tuple of str
        What a reader should know beside the counts.
    """

    table: pa.Table
    report: dict[str, AgentReport]
    classes: tuple[str, ...]
    words: dict[str, float]
    similarity: float
    notes: tuple[str, ...]

    def to_parquet(self, path: str | Path) -> None:
        """Write the table, whole or not at all; `read_panel` understands it."""
        import pyarrow.parquet as pq

        from sabotage.files import written

        with written(path) as temporary:
            pq.write_table(self.table, temporary)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "examples": self.table.num_rows,
            "classes": list(self.classes),
            "similarity": self.similarity,
            "words": self.words,
            "agents": {name: asdict(report) for name, report in self.report.items()},
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return the report as strict JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return the report with its examples, for people."""
        from sabotage.reports.collected import to_markdown

        return to_markdown(self)

    def _repr_html_(self) -> str:
        from sabotage.reports.collected import collected_card

        return collected_card(self)

    def __repr__(self) -> str:
        n = len(self.report)
        lines = [f"Collected: {self.table.num_rows:,} examples, {n} agent{'' if n == 1 else 's'}"]
        for name, one in self.report.items():
            counts = ", ".join(f"{outcome} {one.outcomes[outcome]:,}" for outcome in OUTCOMES)
            lines.append(f"  {name:<12} {one.n_replies:,} replies: {counts}")
        return "\n".join(lines)


def collect(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    labels: Any,
    truth: Any = None,
    *,
    id_field: str | None = None,
    agent_field: str | None = None,
    reply_field: str | None = None,
    id: str | None = None,
    truth_column: str | None = None,
    similarity: float = SIMILARITY,
    confidence_scale: str = "auto",
    assessment_scale: str = "auto",
) -> Collected:
    """Read replies of language models, one an example and agent, into a table of predictions.

    Parameters
    ----------
    paths : path, pattern or sequence of them
        Files with a reply a record: jsonl, a JSON list, csv, parquet or arrow; an agent is named by a field, else by
        its file.
    labels : path, mapping or sequence of str
        The labels and their synonyms, as `make_vocabulary` takes them.
    truth : path, pandas DataFrame or pyarrow Table, optional
        A table of ids and true labels; its other columns come along.
    id_field, agent_field, reply_field : str, optional
        Dotted paths of fields in the records; recognised by name where None.
    id, truth_column : str, optional
        Columns of the truth; recognised by name where None.
    similarity : float
        The least likeness, in (0, 1], at which a misspelling is taken for a label.
    confidence_scale : {"auto", "unit", "percent"}
        Of confidences that carry no scale of their own.
    assessment_scale : {"auto", "unit", "5", "10", "percent"}
        Of such self-assessments.

    Returns
    -------
    Collected

    Raises
    ------
    SabotageError
        Where a file cannot be understood, or ids do not meet. No reply's text is an error: what cannot be read is
        missing, and counted by its reason.
    """
    vocabulary = make_vocabulary(labels, similarity)
    known = None if truth is None else read_truth(truth, vocabulary, id, truth_column)
    files = find_files([paths] if isinstance(paths, str | os.PathLike) else paths)
    notes = Notes()
    heard, tallies = _listen(files, Fields(id_field, agent_field, reply_field), vocabulary, known, notes)
    rows, columns = _frame(heard, known, vocabulary, notes)
    shares = None if known is None else _shares(known, rows, vocabulary)
    for agent, ones in heard.items():
        tally = tallies[agent]
        own = agent_columns(agent, ones, rows, vocabulary, (confidence_scale, assessment_scale), tally, notes)
        clash = [name for name in own if name in columns]
        if clash:
            what = known.name if known is not None else "another agent"
            raise SabotageError(f"{agent} would have the column {clash[0]}, which {what} has too: rename one")
        columns |= own
        silent = len(rows) - len({one.id for one in ones})
        if silent:
            notes.add(f"{agent}: no reply to {silent:,} of {len(rows):,} examples")
        warn_of_dominance(tally, vocabulary, shares, notes)
        note_mapped(tally, vocabulary, notes)
        note_oddities(tally, notes)
    metadata = {CLASSES: json.dumps(list(vocabulary.classes))}
    return Collected(
        table=pa.table(columns).replace_schema_metadata(metadata),
        report={agent: tally.report(vocabulary) for agent, tally in tallies.items()},
        classes=vocabulary.classes,
        words={level: vocabulary.words[level] for level in ("very high", "high", "medium", "low", "very low")},
        similarity=similarity,
        notes=tuple(notes),
    )


def _listen(
    files: Sequence[str], fields: Fields, vocabulary: Vocabulary, truth: Truth | None, notes: Notes
) -> tuple[dict[str, list[Heard]], dict[str, Tally]]:
    """Read all replies, by agent; those to ids that the truth does not have are dropped, and counted."""
    heard: dict[str, list[Heard]] = {}
    tallies: dict[str, Tally] = {}
    written: dict[str, str] = {}
    remembered: dict[str, Reply] = {}
    known = None if truth is None else set(truth.ids)
    strangers: list[str] = []
    for path in files:
        for record in read_records(path, fields):
            agent = record.agent.strip()
            if written.setdefault(agent, record.agent) != record.agent:
                raise SabotageError(
                    f"{record.place}: the agents {written[agent]!r} and {record.agent!r} differ in spaces only: give"
                    f" them one name, or two"
                )
            if known is not None and record.id not in known:
                strangers.append(record.id)
                continue
            reply = _read(record, vocabulary, remembered)
            heard.setdefault(agent, []).append(Heard(record.id, record.sample, record.file, record.place, reply))
            tallies.setdefault(agent, Tally(agent)).add(record, reply, vocabulary)
    if not heard and truth is not None and strangers:
        raise SabotageError(
            f"no reply is to an id of {truth.name}: replies have ids such as {strangers[0]!r}, {truth.name} such as"
            f" {truth.ids[0]!r}; give --id-field or --id"
        )
    if not heard:
        raise SabotageError(f"there is no reply in {listed(map(os.path.basename, files))}")
    if strangers and truth is not None:
        notes.warn(
            f"{len(strangers):,} replies to {len(set(strangers)):,} ids that {truth.name} does not have are dropped"
            f" ({strangers[0]!r} for one)"
        )
    return heard, tallies


def _read(record: Record, vocabulary: Vocabulary, remembered: dict[str, Reply]) -> Reply:
    text = record.reply
    if not isinstance(text, str) or len(text) > LONGEST_REMEMBERED:
        return read_reply(text, vocabulary)
    if text not in remembered:
        if len(remembered) >= MOST_REMEMBERED:
            remembered.clear()
        remembered[text] = read_reply(text, vocabulary)
    return remembered[text]


def _frame(
    heard: dict[str, list[Heard]], truth: Truth | None, vocabulary: Vocabulary, notes: Notes
) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the row of each id, and the columns that are not an agent's."""
    replied = dict.fromkeys(one.id for ones in heard.values() for one in ones)
    if truth is None:
        return {id: row for row, id in enumerate(replied)}, {"id": pa.array(list(replied), pa.string())}
    kept = [row for row, id in enumerate(truth.ids) if id in replied]
    if len(kept) < len(truth.ids):
        notes.add(
            f"{len(truth.ids) - len(kept):,} of the {len(truth.ids):,} ids of {truth.name} have no reply: left out"
        )
    take = pa.array(kept, pa.int64())
    texts = [None if (label := truth.labels[row]) is None else vocabulary.classes[label] for row in kept]
    columns = {"id": truth.id_column.take(take), "y": pa.array(texts, pa.string())}
    for name, column in truth.columns.items():
        if name in columns:
            raise SabotageError(f"{truth.name} has a further column {name}: rename or drop it")
        columns[name] = column.take(take)
    return {truth.ids[row]: position for position, row in enumerate(kept)}, columns


def _shares(truth: Truth, rows: dict[str, int], vocabulary: Vocabulary) -> list[float] | None:
    """Return the share of each class among the true labels of the examples, None where none is known."""
    labels = [label for id, label in zip(truth.ids, truth.labels, strict=True) if id in rows and label is not None]
    counts = Counter(labels)
    return [counts[label] / len(labels) for label in range(len(vocabulary.classes))] if labels else None
