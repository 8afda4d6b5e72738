"""The replies of one agent as the columns of a wide table: scaled, and samples of one question as shares of votes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import pyarrow as pa

from sabotage.errors import SabotageError
from sabotage.notes import Notes
from sabotage.replies import Reply
from sabotage.reply_files import encodable
from sabotage.reply_report import FEW, Tally
from sabotage.vocabulary import Vocabulary
from sabotage.wordings import assessment_of, assessment_scale, confidence_of, which_are_percent

FEWEST_REPEATED = 0.1  # share of an agent's ids that repeat before repeats are taken for samples
SCALES = {"unit": "0 to 1", "5": "1 to 5", "10": "1 to 10", "percent": "0 to 100"}
LIKE_TENTHS = 10


@dataclass(frozen=True, slots=True)
class Heard:
    """One reply with what it is a reply to, and where it stands."""

    id: str
    sample: str | None
    file: str
    place: str
    reply: Reply


@dataclass
class _Row:
    """What one agent says of one example."""

    label: int | None = None
    confidence: float | None = None
    reliability: float | None = None
    scores: dict[int, float] = field(default_factory=dict)
    rationale: str | None = None
    outcome: str | None = None


def check_repeats(agent: str, heard: Sequence[Heard]) -> bool:
    """Say whether an example has several replies of the agent.

    Raises
    ------
    SabotageError
        Where one sample stands twice, or replies repeat without a field `sample` too seldom to be meant.
    """
    first: dict[tuple[str, str | None], Heard] = {}
    repeated: dict[str, tuple[Heard, Heard]] = {}
    for one in heard:
        before = first.setdefault((one.id, one.sample), one)
        if before is not one:
            if one.sample is not None:
                raise _twice(agent, before, one, f"sample {one.sample!r} of ", "number the samples apart, or drop one")
            repeated.setdefault(one.id, (before, one))
    n_ids = len({one.id for one in heard})
    if repeated and len(repeated) < FEWEST_REPEATED * n_ids:
        raise _twice(agent, *next(iter(repeated.values())), "", "tell samples apart in a field sample, or drop one")
    return len(heard) > n_ids


def _twice(agent: str, first: Heard, second: Heard, sample: str, what: str) -> SabotageError:
    return SabotageError(
        f"{agent} has two replies to {sample}id {first.id!r}, in {first.place} and {second.place}: {what}"
    )


def agent_columns(
    agent: str,
    heard: Sequence[Heard],
    rows: dict[str, int],
    vocabulary: Vocabulary,
    scales: tuple[str, str],
    tally: Tally,
    notes: Notes,
) -> dict[str, pa.Array]:
    """Return the columns of one agent, by name.

    Parameters
    ----------
    agent : str
    heard : sequence of Heard
    rows : dict of str to int
        The row of each id.
    vocabulary : Vocabulary
    scales : (str, str)
        Of plain confidences and of plain self-assessments, or "auto".
    tally : Tally
        Gets the scales that were found and what was out of range.
    notes : Notes

    Raises
    ------
    SabotageError
        As `check_repeats`.
    """
    is_sampled = check_repeats(agent, heard)
    replies = [one.reply for one in heard]
    percent = which_are_percent([reply.plain for reply in replies], scales[0])
    own = [r.assessment.value for r in replies if r.assessment is not None and r.assessment.kind == "plain"]
    scale = assessment_scale(own, scales[1])
    if scale == "percent" and scales[1] == "auto" and len(own) >= FEW and median(own) <= LIKE_TENTHS:
        notes.warn(
            f"{agent}: self-assessments are read as percent, and half of them are at most {median(own):g}: if they are"
            f" on another scale, give --assessment-scale"
        )
    _say_scales(tally, replies, percent, SCALES[scale] if own else None, scales[0], notes)
    found = [_row_of(reply, high, scale, tally) for reply, high in zip(replies, percent, strict=True)]
    table = [_Row() for _ in rows]
    if is_sampled:
        by_id: dict[str, list[_Row]] = {}
        for one, row in zip(heard, found, strict=True):
            by_id.setdefault(one.id, []).append(row)
        for id, samples in by_id.items():
            table[rows[id]] = _voted(samples, len(vocabulary.classes))
        tally.samples = float(median(map(len, by_id.values())))
        has_own = any(row.reliability is not None for row in found)
        mean = ", its reliability the mean of their self-assessments" if has_own else ""
        notes.add(
            f"{agent}: {tally.samples:g} replies to a typical example are samples: its scores, and the confidence, are"
            f" shares of their votes, whatever confidence they state{mean}"
        )
    else:
        for one, row in zip(heard, found, strict=True):
            table[rows[one.id]] = row
        n_ordered = sum(_is_order_alone(reply) for reply in replies)
        if n_ordered:
            notes.add(
                f"{agent}: {n_ordered:,} lists have an order and no confidence: their scores are 1, 1/2, 1/3 ... by"
                f" rank"
            )
    has_scores = is_sampled or any(reply.is_list for reply in replies)
    return _arrays(agent, table, vocabulary, has_scores)


def _arrays(agent: str, table: Sequence[_Row], vocabulary: Vocabulary, has_scores: bool) -> dict[str, pa.Array]:
    texts = [None if row.label is None else vocabulary.classes[row.label] for row in table]
    columns: dict[str, Any] = {
        f"{agent}_label": pa.array(texts, pa.string()),
        f"{agent}_confidence": pa.array([row.confidence for row in table], pa.float64()),
    }
    if any(row.reliability is not None for row in table):
        columns[f"{agent}_reliability"] = pa.array([row.reliability for row in table], pa.float64())
    if has_scores:
        for index, label in enumerate(vocabulary.classes):
            columns[f"{agent}_p_{label}"] = pa.array([row.scores.get(index) for row in table], pa.float64())
    rationale = [None if row.rationale is None else encodable(row.rationale) for row in table]
    columns[f"{agent}_rationale"] = pa.array(rationale, pa.string())
    columns[f"{agent}_outcome"] = pa.array([row.outcome for row in table], pa.string())
    return columns


def _say_scales(
    tally: Tally, replies: Sequence[Reply], percent: Sequence[bool], own: str | None, asked: str, notes: Notes
) -> None:
    """Keep what plain numbers were read as, and warn where 0 to 100 looks like 0 to 10."""
    plain = [(high, value) for reply, high in zip(replies, percent, strict=True) for value in reply.plain]
    n = sum(bool(reply.plain) for reply in replies)
    n_high = sum(high and bool(reply.plain) for reply, high in zip(replies, percent, strict=True))
    confidence = None
    if plain:
        mixed = f"{SCALES['percent']} in {n_high:,} of {n:,} replies, else {SCALES['unit']}"
        confidence = SCALES["unit"] if n_high == 0 else SCALES["percent"] if n_high == n else mixed
    tally.scales = (confidence, own)
    high_values = [value for high, value in plain if high]
    if asked == "auto" and n_high >= FEW and max(high_values) <= LIKE_TENTHS:
        notes.warn(
            f"{tally.agent}: confidences up to {max(high_values):g} are read as percent; if they are out of 10, have"
            f" the replies say so (7/10)"
        )


def _is_order_alone(reply: Reply) -> bool:
    return reply.is_list and all(one.confidence is None for one in reply.candidates)


def _row_of(reply: Reply, is_percent: bool, scale: str, tally: Tally) -> _Row:
    """Return what one reply says, on scales from 0 to 1."""
    reliability = assessment_of(reply.assessment, scale)
    tally.counts["self-assessments out of range"] += reply.assessment is not None and reliability is None
    outcome = f"{reply.outcome}: {reply.reason}"
    row = _Row(reply.label, None, reliability if reply.label is not None else None, {}, reply.rationale, outcome)
    for place, one in enumerate(reply.candidates, 1):
        if one.match is None:
            continue
        confidence = confidence_of(one.confidence, is_percent)
        tally.counts["confidences out of range"] += one.confidence is not None and confidence is None
        if one.match.label == reply.label:
            row.confidence = confidence
        if _is_order_alone(reply):
            row.scores[one.match.label] = 1 / place
        elif confidence is not None:
            row.scores[one.match.label] = confidence
    return row


def _voted(samples: Sequence[_Row], n_classes: int) -> _Row:
    """Return what several replies to one question say together."""
    votes = Counter(row.label for row in samples if row.label is not None)
    kinds = Counter((row.outcome or "").partition(":")[0] for row in samples)
    outcome = ", ".join(f"{name} {count}" for name, count in sorted(kinds.items()))
    if not votes:
        return _Row(outcome=outcome)
    n = sum(votes.values())
    label = min(votes, key=lambda one: (-votes[one], one))
    own = [row.reliability for row in samples if row.reliability is not None]
    rationale = next((row.rationale for row in samples if row.label == label and row.rationale), None)
    shares = {one: votes[one] / n for one in range(n_classes)}
    return _Row(label, shares[label], sum(own) / len(own) if own else None, shares, rationale, outcome)
