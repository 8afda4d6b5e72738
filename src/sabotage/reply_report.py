"""What became of each agent's replies: counts by outcome and reason, examples, spellings, and answers that smell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sabotage.errors import listed
from sabotage.notes import Notes
from sabotage.replies import OUTCOMES, Reply
from sabotage.reply_files import Record, encodable
from sabotage.vocabulary import Vocabulary

MOST_EXAMPLES = 10
LONGEST_SHOWN = 200  # characters of a reply
DOMINANT, DOMINANT_ALONE, TIMES_ITS_SHARE = 0.5, 0.75, 2.0
FEW = 20  # usable replies below which a dominant answer is no sign


@dataclass(frozen=True)
class Example:
    """One reply as an example of its outcome: where it stands, its text cut short, and what was made of it."""

    id: str
    place: str
    text: str
    reason: str
    label: str | None


@dataclass(frozen=True)
class AgentReport:
    """What became of the replies of one agent.

    Attributes
    ----------
    agent : str
    n_replies : int
    outcomes : dict of str to int
        Replies by outcome (clean, mapped, repaired, refused, unusable): they sum to `n_replies`.
    reasons : dict of str to dict of str to int
        Of each outcome, its replies by reason, most frequent first.
    mapped : tuple of (str, str, int)
        Spellings that are not the label's own, the label, and how many replies have it.
    answers : dict of str to int
        Usable replies by label.
    confidence_scale, assessment_scale : str or None
        What plain numbers were read as; None where there were none.
    counts : dict of str to int
        Oddities inside replies: "listed twice", "no label" (candidates), "confidence out of range", "not read" ...
    samples : float or None
        The median number of replies to one example where they are repeated.
    examples : dict of str to tuple of Example
        The first ten of each outcome.
    """

    agent: str
    n_replies: int
    outcomes: dict[str, int]
    reasons: dict[str, dict[str, int]]
    mapped: tuple[tuple[str, str, int], ...]
    answers: dict[str, int]
    confidence_scale: str | None
    assessment_scale: str | None
    counts: dict[str, int]
    samples: float | None
    examples: dict[str, tuple[Example, ...]]

    @property
    def n_usable(self) -> int:
        """How many replies have a label."""
        return sum(self.answers.values())


@dataclass
class Tally:
    """Counts of one agent's replies while they are read."""

    agent: str
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    mapped: Counter[tuple[str, int]] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    how: dict[int, Counter[tuple[str, str]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    scales: tuple[str | None, str | None] = (None, None)
    samples: float | None = None

    def add(self, record: Record, reply: Reply, vocabulary: Vocabulary) -> None:
        """Count one reply, and keep it as an example if there are few of its kind."""
        self.reasons[reply.outcome, reply.reason] += 1
        self.counts["listed twice"] += reply.n_twice
        self.counts["candidates that are no label"] += reply.n_foreign
        self.counts["degrees that could not be read"] += reply.n_unread
        for one in reply.candidates:
            if one.match is not None and one.match.how in ("synonym", "similar"):
                self.mapped[_bare(" ".join(one.text.split())), one.match.label] += 1
        if reply.label is not None:
            self.answers[reply.label] += 1
            how = self.how.setdefault(reply.label, Counter())
            how[
                reply.reason if reply.outcome == "repaired" else reply.form,
                _bare(reply.spelling or ""),
            ] += 1
        kept = self.examples.setdefault(reply.outcome, [])
        if len(kept) < MOST_EXAMPLES:
            label = None if reply.label is None else vocabulary.classes[reply.label]
            kept.append(Example(record.id, record.place, shortened(record.reply), reply.reason, label))

    def report(self, vocabulary: Vocabulary) -> AgentReport:
        """Return the counts as they are shown."""
        outcomes = dict.fromkeys(OUTCOMES, 0)
        reasons: dict[str, dict[str, int]] = {name: {} for name in OUTCOMES}
        for (outcome, reason), count in self.reasons.most_common():
            outcomes[outcome] += count
            reasons[outcome][reason] = count
        mapped = [(text, vocabulary.classes[label], count) for (text, label), count in self.mapped.most_common()]
        return AgentReport(
            agent=self.agent,
            n_replies=sum(outcomes.values()),
            outcomes=outcomes,
            reasons=reasons,
            mapped=tuple(mapped),
            answers={name: self.answers[label] for label, name in enumerate(vocabulary.classes) if self.answers[label]},
            confidence_scale=self.scales[0],
            assessment_scale=self.scales[1],
            counts={name: count for name, count in self.counts.items() if count},
            samples=self.samples,
            examples={name: tuple(self.examples.get(name, ())) for name in OUTCOMES},
        )


def _bare(spelling: str) -> str:
    """Return a spelling without the marks around it: "(D)" and "**D**" are one."""
    return encodable(spelling.strip(" .,:;!?()[]{}<>*_`#\"'\u201c\u201d\n")[:60] or spelling[:60])


def shortened(reply: Any) -> str:
    """Return the beginning of a reply."""
    text = "" if reply is None else reply if isinstance(reply, str) else encodable(repr(reply))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]} ..."


def warn_of_dominance(tally: Tally, vocabulary: Vocabulary, truth: Sequence[float] | None, notes: Notes) -> None:
    """Warn where one answer takes more of an agent's replies than speaks for itself, and say how it was read.

    truth : shares of the classes among the true labels, in [0, 1], None where there is no truth.
    """
    n_usable = sum(tally.answers.values())
    if n_usable < FEW:
        return
    label, count = tally.answers.most_common(1)[0]
    share = count / n_usable
    if truth is None:
        dominates, beside = share > DOMINANT_ALONE, ""
    else:
        dominates = share > DOMINANT and share > TIMES_ITS_SHARE * truth[label]
        beside = f", and {truth[label]:.0%} of the truth"
    if not dominates:
        return
    (form, spelling), most = tally.how[label].most_common(1)[0]
    quoted = f"the letter {spelling!r}" if len(spelling) == 1 else repr(spelling)
    notes.warn(
        f"{tally.agent}: {vocabulary.classes[label]!r} is {count:,} of {n_usable:,} usable answers"
        f" ({share:.0%}{beside}): {quoted}, read as {form}, in {most:,} of {count:,}; look at its"
        f" examples before it is believed"
    )


def note_oddities(tally: Tally, notes: Notes) -> None:
    """Note what was set aside inside replies that were read."""
    for name, count in tally.counts.items():
        if count:
            notes.add(f"{tally.agent}: {name}: {count:,}")


def note_mapped(tally: Tally, vocabulary: Vocabulary, notes: Notes) -> None:
    """Note which spellings were taken for labels by their likeness alone."""
    near = [
        f"{text!r} as {vocabulary.classes[label]!r} ({count:,})"
        for (text, label), count in tally.mapped.most_common()
        if (match := vocabulary.match(text)) is not None and match.how == "similar"
    ]
    if near:
        notes.add(f"{tally.agent}: read by likeness of at least {vocabulary.similarity:g}: {listed(near, 5)}")
