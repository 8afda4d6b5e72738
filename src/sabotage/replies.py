"""One reply of a language model as an answer: its candidates and how sure they are, or the reason why there is none.

What is tried, in this order, until something answers: what was thought aloud is dropped; JSON as it stands, in a fence,
among prose, mended; the whole text as a label, an option, a list or a refusal; lines that are marked, final ones before
others and the last of equals first; lists; a sentence that announces the answer; what alone is in bold; the last line;
how the text begins; a refusal, unless a guess follows it; what follows "actually, no"; the only label that sentences
affirm. Two labels at one of these places, where none is ranked or surer, are no answer.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from sabotage.answers import REFUSED, UNUSABLE, Answer, Candidate, no_answer
from sabotage.refusals import refusal_in
from sabotage.reply_json import read_json
from sabotage.reply_prose import read_prose
from sabotage.reply_values import read_value
from sabotage.vocabulary import Vocabulary
from sabotage.wordings import Amount, rough

OUTCOMES = ("clean", "mapped", "repaired", "refused", "unusable")
LONGEST = 100_000  # characters; of a longer reply both ends are read, where answers stand
MENDED_HOWS = {"synonym": "synonym", "similar": "similar spelling"}
CLOSING = re.compile(
    r"</(?:think|thinking|reasoning|thought|scratchpad|analysis)>|\[/THINK\]|\u25c1/think\u25b7", re.IGNORECASE
)
OPENING = re.compile(r"<(?:think|thinking|reasoning|thought|scratchpad)>|\[THINK\]|\u25c1think\u25b7", re.IGNORECASE)
FINAL_CHANNEL = "<|channel|>final<|message|>"
FENCE = re.compile(r"^```\w{0,10}\s*|\s*```$")
# A turn of the user that the model made up after its answer.
TURN = re.compile(r"\n\s{0,8}[*#]{0,3}\s?(?:user|human)[*]{0,2}\s?:", re.IGNORECASE)
DIALOGUE = re.compile(r"\W{0,8}(?:system|user|human)\b", re.IGNORECASE)
TOKENS = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|\[/?INST\]|[\u200b\u2060\ufeff]")


@dataclass(frozen=True)
class Reply:
    """What one reply says.

    Attributes
    ----------
    outcome : {"clean", "mapped", "repaired", "refused", "unusable"}
        The first three have a label. Mapped: the form is in order and a spelling was mapped to its label. Repaired:
        the form was mended, or the answer found among other words.
    reason : str
        Why the outcome is this one.
    label : int or None
        Index of the chosen class.
    candidates : tuple of Candidate
        Those that are labels, each once, in the order in which they were written.
    is_list : bool
        Whether the reply gave more than one label.
    is_ranked : bool
        Whether their order is one of preference.
    assessment : Amount or None
        Of its own reliability, as it was written.
    rationale : str or None
    form : str
        What the answer looks like.
    spelling : str or None
        The chosen label as it was written.
    n_twice, n_foreign, n_unread : int
        Candidates listed again, candidates that are no label, and degrees that could not be read.
    """

    outcome: str
    reason: str
    label: int | None = None
    candidates: tuple[Candidate, ...] = ()
    is_list: bool = False
    is_ranked: bool = False
    assessment: Amount | None = None
    rationale: str | None = None
    form: str = ""
    spelling: str | None = None
    n_twice: int = 0
    n_foreign: int = 0
    n_unread: int = 0

    @property
    def plain(self) -> list[float]:
        """The confidences without a scale of their own."""
        return [one.confidence.value for one in self.candidates if one.confidence and one.confidence.kind == "plain"]


def read_reply(reply: Any, vocabulary: Vocabulary) -> Reply:
    """Read one reply.

    Parameters
    ----------
    reply : str, JSON value or None
        The text, or what stood in its place in a file; None where there was no reply.
    vocabulary : Vocabulary

    Returns
    -------
    Reply
        Always: a text from which nothing can be read has an outcome too.
    """
    if reply is None:
        return Reply(UNUSABLE, "no reply")
    if not isinstance(reply, str):
        answer = read_value(reply, vocabulary)
        return _settle(answer and replace(answer, form="JSON"), vocabulary)
    text, is_cut = reply.strip("\ufeff \t\r\n\x0b\x0c\x00\u3000\u00a0"), False
    if len(text) > LONGEST:
        text, is_cut = f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}", True
    if not text or text.isspace():
        return Reply(UNUSABLE, "empty")
    text = _without_reasoning(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text:
        return Reply(UNUSABLE, "nothing after its reasoning")
    answer = read_json(text, vocabulary)
    if answer is None and _is_json_alone(text):
        reason = refusal_in(text)
        return Reply(REFUSED, reason) if reason is not None else Reply(UNUSABLE, "no label", form="JSON")
    answer = answer if answer is not None else read_prose(text, vocabulary)
    return _settle(replace(answer, is_mended=True, form="very long") if is_cut else answer, vocabulary)


def _without_reasoning(text: str) -> str:
    """Drop what a model thought aloud before its answer, and the marks of chat templates."""
    if FINAL_CHANNEL in text:
        text = text.rpartition(FINAL_CHANNEL)[2]
    if "</" in text or "\u25c1" in text or "[/" in text:
        for closing in CLOSING.finditer(text):
            last = closing.end()
        text = text[last:] if CLOSING.search(text) else text
    opening = OPENING.search(text)
    if opening is not None:  # it was cut off while it thought
        text = text[: opening.start()]
    text = TOKENS.sub("", text).strip()
    turn = None if DIALOGUE.match(text) else TURN.search(text)
    return text if turn is None else text[: turn.start()].strip() or text


def _is_json_alone(text: str) -> bool:
    """Whether a text is one object or list, whole or cut off, whose values are not to be read as if they were prose."""
    text = FENCE.sub("", text)
    is_whole = text[-1:] in ("}", "]") or text.count("}") < text.count("{")
    return text[:1] in ("{", "[") and is_whole and '"' in text and len(text) > 2


def _settle(answer: Answer | None, vocabulary: Vocabulary) -> Reply:
    """Choose the label, drop what is listed twice, and name the outcome."""
    if answer is None:
        return Reply(UNUSABLE, "no label")
    extras: dict[str, Any] = {
        "assessment": answer.assessment,
        "rationale": answer.rationale,
        "form": answer.form,
        "n_unread": answer.n_unread,
    }
    if answer.problem is not None or not answer.candidates:
        outcome, reason = answer.problem or (UNUSABLE, "no label")
        return Reply(outcome, reason, **extras)
    chosen = _chosen(answer)
    if chosen.match is None:
        declined = no_answer(chosen.text, vocabulary)
        outcome, reason = (declined and declined.problem) or (UNUSABLE, "no label")
        if outcome == UNUSABLE and (why := refusal_in(chosen.text[:2000])) is not None:
            outcome, reason = REFUSED, why
        if outcome == UNUSABLE and len(chosen.text.strip()) == 1:
            reason = "invalid letter"
        elif outcome == UNUSABLE and len(answer.candidates) > 1:
            reason = "first choice is no label"
        return Reply(outcome, reason, **extras)
    known = _each_once(answer)
    is_order = answer.is_ranked and all(one.confidence is None for one in answer.candidates)
    if is_order and 1 < len(known) < sum(one.match is not None for one in answer.candidates):
        return Reply(UNUSABLE, "several labels", **extras)  # what stands twice has no rank
    if len(known) > 1 and not answer.is_ranked and all(one.confidence is None for one in known):
        return Reply(UNUSABLE, "several labels", **extras)
    if len(known) > 1 and not answer.is_ranked and all(rough(one.confidence, False) <= 0 for one in known):
        return Reply(UNUSABLE, "no label", **extras)  # all are at 0
    n_foreign = sum(one.match is None for one in answer.candidates)
    hows = [one.match.how for one in known if one.match is not None and one.match.how in MENDED_HOWS]
    if answer.is_mended:
        outcome, reason = "repaired", answer.form
    elif hows:
        outcome, reason = "mapped", MENDED_HOWS["similar" if "similar" in hows else "synonym"]
    else:
        outcome, reason = "clean", answer.form
    return Reply(
        outcome,
        reason,
        chosen.match.label,
        known,
        len(known) > 1,
        answer.is_ranked,
        spelling=chosen.text[:80],
        n_twice=len(answer.candidates) - n_foreign - len(known),
        n_foreign=n_foreign,
        **extras,
    )


def _chosen(answer: Answer) -> Candidate:
    """Return the first candidate of a ranking, else the surest, of equally sure ones the first in label order."""
    if answer.is_ranked or all(one.confidence is None for one in answer.candidates):
        return answer.candidates[0]
    is_percent = _is_percent(answer)

    def order(one: Candidate) -> tuple[float, float]:
        return rough(one.confidence, is_percent), -one.match.label if one.match is not None else float("-inf")

    return max(answer.candidates, key=order)


def _is_percent(answer: Answer) -> bool:
    return any(
        one.confidence and one.confidence.kind == "plain" and one.confidence.value > 1 for one in answer.candidates
    )


def _each_once(answer: Answer) -> tuple[Candidate, ...]:
    """Return the candidates that are labels; of a label that stands twice the surer, at its first place."""
    is_percent = _is_percent(answer)
    best: dict[int, Candidate] = {}
    for one in answer.candidates:
        if one.match is not None:
            before = best.get(one.match.label)
            surer = before is not None and rough(one.confidence, is_percent) > rough(before.confidence, is_percent)
            if before is None or surer:
                best[one.match.label] = one
    return tuple(best.values())
