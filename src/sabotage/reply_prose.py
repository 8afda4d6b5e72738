"""The answer that a reply in plain words gives: marked, listed, alone on its line, or named once in its sentences.

Places are tried from the most to the least explicit. A mark of finality (a boxed or tagged answer, "Final answer:")
goes before other marks, and of equal marks the last that can be read counts, since replies correct themselves
downwards. A mark may be joined by the list whose first entry it names.
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace

from sabotage.answers import (
    BULLET,
    REFUSED,
    UNUSABLE,
    Answer,
    Candidate,
    first_mention,
    loosened,
    no_answer,
    read_answer,
    read_item,
    read_option,
)
from sabotage.reply_words import (
    ADJECTIVES,
    ANSWER_KEYS,
    ASSESSMENT_KEYS,
    CONFIDENCE_KEYS,
    CONTAINERS,
    RATIONALE_KEYS,
    STRONG,
    VERDICT,
    normal_key,
    order_of_key,
    refusal_in,
)
from sabotage.vocabulary import Vocabulary
from sabotage.wordings import Amount, fold, read_amount

BOXED = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{\s{0,3}(?:\\(?:text|textbf|mathrm|mathbf)\s{0,3}\{)?([^{}]{1,200})\}")
TAGGED = re.compile(r"<([A-Za-z_][\w-]{0,30})>([^<]{0,2000})</\1>")
KEYED = re.compile(
    r"^[\W_]{0,12}((?:[^\W\d_])[\w '\u2019-]{0,48}?)[*_`\"']{0,4}\s{0,4}[:=]\s{0,4}[*_`]{0,4}\s{0,8}(\S.{0,4000})?$",
    re.S,
)
INLINE = re.compile(
    r"[,;|.]\s{1,4}(?=(?:my )?(?:self[- ]?assessment|self[- ]?rating|confidence|certainty|reliability|probability|rationale|reason|"
    r"reasoning|explanation|label|emotion|answer|quality)\s?[:=])",
    re.IGNORECASE,
)
BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*|__([^_\n]{1,80})__")
SENTENCES = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+|\u3002|\n+")
LEADING = re.compile(r"^(.{1,60}?)(?:[.!;:\n\u3002]|\s[-\u2013\u2014]\s?|\s\(|,|\bbecause\b|\bsince\b|\bas\b)", re.S)
MOST_LINES = 2000
MOST_PROSE = 20_000  # characters at each end of a text in which sentences are read


@dataclass
class _Marks:
    """What the marked lines of a reply say."""

    answers: list[tuple[bool, Answer]] = field(default_factory=list)  # with whether it is final
    items: list[Candidate] = field(default_factory=list)
    is_numbered: bool = False
    confidence: Amount | None = None
    assessment: Amount | None = None
    rationale: list[str] = field(default_factory=list)
    n_unread: int = 0
    n_other: int = 0  # lines that are none of these


def read_prose(text: str, vocabulary: Vocabulary) -> Answer:
    """Return the answer of a reply without JSON, or the reason why it has none."""
    text = unicodedata.normalize("NFKC", text).strip()
    whole = read_answer(text, vocabulary)
    if whole is not None and (whole.problem is None or "\n" not in text):
        return whole
    marks = _read_marks(text, vocabulary)
    answer = _marked(marks, vocabulary)
    if answer is None:
        prose = text if len(text) <= 2 * MOST_PROSE else f"{text[:MOST_PROSE]}\n{text[-MOST_PROSE:]}"
        answer = _in_sentences(prose, vocabulary)
        if answer.candidates:
            answer = replace(answer, rationale=text)
    if marks.confidence is not None and len(answer.candidates) == 1 and answer.candidates[0].confidence is None:
        answer = replace(answer, candidates=(replace(answer.candidates[0], confidence=marks.confidence),))
    return replace(
        answer,
        assessment=answer.assessment or marks.assessment,
        rationale="\n".join(marks.rationale) or answer.rationale,
        n_unread=answer.n_unread + marks.n_unread,
    )


def _read_marks(text: str, vocabulary: Vocabulary) -> _Marks:
    marks = _Marks()
    for boxed in list(BOXED.finditer(text))[-20:]:
        _keep(marks, boxed[1], True, vocabulary)
    for tagged in list(TAGGED.finditer(text))[-50:]:
        _take_field(marks, tagged[1], tagged[2], vocabulary, is_tag=True)
    bare = TAGGED.sub("\n", text) if "</" in text else text
    lines = INLINE.sub("\n", bare).split("\n", MOST_LINES)
    for place, line in enumerate(lines[:MOST_LINES]):
        line = line.strip()
        if not line or not any(c.isalnum() for c in line) or BOXED.search(line):
            continue
        if not _take_line(marks, line, lines[place + 1 : place + 2], vocabulary):
            marks.n_other += not line.startswith("|")  # the head of a table
    return marks


def _take_line(marks: _Marks, line: str, following: list[str], vocabulary: Vocabulary) -> bool:
    """Take a line as an entry of a list or as a key with its value; return whether it was either."""
    bullet = BULLET.match(line)
    rest = line[bullet.end() :] if bullet is not None else line
    if bullet is not None or line.count("|") >= 2:
        item = _listed(rest.strip(" |").replace("|", " : "), vocabulary)
        if item is not None:
            marks.items.append(item)
            marks.is_numbered |= bool(bullet and bullet["rank"])
            return True
    keyed = KEYED.match(rest[:5000])
    if keyed is not None:
        if keyed[2] is None and following:
            heading = normal_key(keyed[1])
            value = following[0].strip() if _key_kind(heading)[0] == "answer" and not BULLET.match(following[0]) else ""
            if value and _take_field(marks, keyed[1], value, vocabulary):
                return True
            return _key_kind(heading)[0] != ""
        if _take_field(marks, keyed[1], keyed[2] or "", vocabulary):
            return True
    item = read_item(rest, vocabulary) if len(rest) <= 100 else None
    if item is not None and item.confidence is not None:
        marks.items.append(item)
        return True
    return False


def _listed(text: str, vocabulary: Vocabulary) -> Candidate | None:
    """Return the candidate of an entry of a list, whose reason may follow the label."""
    item = read_item(text, vocabulary)
    if item is not None or not text:
        return item
    for cut in (r"\s[-\u2013\u2014]\s|[:;]\s", r"[-\u2013\u2014:;.(,]\s?"):
        head = re.split(cut, text[:200], maxsplit=1)[0]
        if head != text:
            item = read_item(head, vocabulary)
            if item is not None:
                if item.confidence is None:
                    rest = read_amount(
                        re.split(r"\s[-\u2013\u2014]\s|;\s", text[len(head) :][:80].strip(" -:;(,."))[0],
                        vocabulary.words,
                    )
                    item = replace(item, confidence=rest)
                return item
    strong = BOLD.search(text)
    if strong is not None:
        return read_item((strong[1] or strong[2]).strip(" :"), vocabulary)
    return None


def _key_kind(key: str) -> tuple[str, bool]:
    """Return what a key marks (answer, confidence, assessment, rationale or nothing) and whether it is final."""
    parts = [part for part in key.split("_") if part]
    is_final = any(part in STRONG for part in parts)
    plain = "_".join(part for part in parts if part not in ADJECTIVES) or key
    for candidate in (key, plain):
        for kind, keys in (
            ("assessment", ASSESSMENT_KEYS),
            ("confidence", CONFIDENCE_KEYS),
            ("rationale", RATIONALE_KEYS),
            ("answer", ANSWER_KEYS | CONTAINERS),
        ):
            if candidate in keys:
                return kind, is_final
    return "", is_final


def _take_field(marks: _Marks, key: str, value: str, vocabulary: Vocabulary, is_tag: bool = False) -> bool:
    """Take one key with its value; return whether the key is known and the value could be taken."""
    name, value = normal_key(key), value.strip()
    kind, is_final = _key_kind(name)
    if kind in ("confidence", "assessment"):
        amount = read_amount(value, vocabulary.words)
        marks.n_unread += amount is None
        if kind == "confidence":
            marks.confidence = amount or marks.confidence
        else:
            marks.assessment = amount or marks.assessment
        return True
    if kind == "rationale":
        marks.rationale.append(value)
        return True
    if kind == "answer":
        return _keep(marks, value, is_final or is_tag, vocabulary)
    order = order_of_key(name)
    if order is not None and name not in ("1", "2"):
        item = _listed(value, vocabulary)
        if item is not None:
            marks.items.append(item)
            marks.is_numbered = True
            return True
    match = vocabulary.match(key, similar=False, short=False)
    amount = read_amount(value, vocabulary.words) if match is not None and value else None
    if match is not None and amount is not None:
        marks.items.append(Candidate(key, match, amount))
        return True
    return False


def _keep(marks: _Marks, value: str, is_final: bool, vocabulary: Vocabulary) -> bool:
    """Keep what a mark of an answer says, if it can be read."""
    value = value.strip()
    answer = read_answer(value, vocabulary)
    if answer is None and value:
        answer = _leading(value, vocabulary)
        if answer is None:
            answer = first_mention(value[:400], vocabulary)
        if answer is None:
            reason = refusal_in(value[:400])
            if reason is not None:
                answer = Answer(problem=(REFUSED, reason), form="answer line")
            elif len(value.split()) <= 3 and value.strip("*_ .").replace(" ", "").isalpha():
                answer = Answer((Candidate(value, None),), form="answer line")
    if answer is not None:
        marks.answers.append((is_final, answer))
    return answer is not None


def _marked(marks: _Marks, vocabulary: Vocabulary) -> Answer | None:
    """Return what marks and lists say together, None where there is neither."""
    listed = None
    if marks.items:
        is_ranked = marks.is_numbered or all(item.confidence is None for item in marks.items)
        listed = Answer(tuple(marks.items), is_ranked, form="list", is_mended=marks.n_other > 0)
    if not marks.answers:
        return listed
    final = [answer for is_final, answer in marks.answers if is_final]
    pool = final or [answer for _, answer in marks.answers]
    readable = [one for one in pool if one.problem or any(candidate.match for candidate in one.candidates)]
    answer = (readable or pool)[-1]
    if listed is not None and len(answer.candidates) == 1 and answer.candidates[0].match is not None:
        head = answer.candidates[0]
        rest = (
            [item for item in marks.items if item.match and item.match.label != head.match.label] if head.match else []
        )
        same = [item for item in marks.items if item.match and head.match and item.match.label == head.match.label]
        if same and rest:
            confidence = head.confidence or marks.confidence or same[0].confidence
            return Answer((replace(head, confidence=confidence), *rest), True, form="list", is_mended=marks.n_other > 0)
    if marks.n_other or answer.is_mended:
        return loosened(answer, "answer line in prose" if marks.n_other else "answer line")
    return replace(answer, form="answer line")


def _leading(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the answer of a text that begins with it: "Sad. The voice is low"."""
    option = read_option(text, vocabulary)
    if option is not None:
        return loosened(option, "answer first")
    first = LEADING.match(text[:200])
    if first is None:
        return None
    declined = no_answer(first[1], vocabulary)
    if declined is not None:
        return declined
    item = read_item(first[1], vocabulary) if len(fold(first[1])) > 1 else None
    if item is None or item.match is None:
        return None
    if text[first.end() - 1] == ",":
        others = {mention.label for mention in vocabulary.mentions(text[:400]) if not mention.is_negated}
        if others - {item.match.label}:
            return None
    if item.confidence is None:
        rest = re.match(r"\s{0,4}\(?([^()\n]{1,40})\)", text[first.end() - 1 : first.end() + 60])
        if rest is not None:
            item = replace(item, confidence=read_amount(rest[1], vocabulary.words))
    return Answer((item,), form="answer first", is_mended=True)


def _in_sentences(text: str, vocabulary: Vocabulary) -> Answer:
    """Return the answer that sentences give: a verdict, the only thing in bold, first, last, or the only mention."""
    verdict = _verdict(text, vocabulary)
    if verdict is not None:
        return verdict
    bold = [read_answer((one[1] or one[2]).strip(" :."), vocabulary) for one in list(BOLD.finditer(text))[:50]]
    strong = [one for one in bold if one is not None and len(one.candidates) == 1 and one.candidates[0].match]
    if len({one.candidates[0].match for one in strong}) == 1:
        return loosened(strong[-1], "in bold")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    last = read_answer(lines[-1], vocabulary) if len(lines) > 1 else None
    if last is not None and len(last.candidates) == 1:
        return loosened(last, "last line")
    first = _leading(text, vocabulary)
    if first is not None and (first.problem is None or len(lines) == 1):
        return first
    reason = refusal_in(text)
    if reason is not None:
        return Answer(problem=(REFUSED, reason), form="prose")
    mention = first_mention(text, vocabulary)
    if mention is None:
        return Answer(problem=(UNUSABLE, "no label"), form="prose")
    if mention.candidates:
        return mention
    sentences = [part for part in SENTENCES.split(text) if part and part.strip()]
    ending = first_mention(sentences[-1], vocabulary) if len(sentences) > 1 else None
    return loosened(ending, "last sentence") if ending is not None and ending.candidates else mention


def _verdict(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return what the last phrase says that announces an answer and has one."""
    for phrase in reversed(list(VERDICT.finditer(text.replace("\u2019", "'")))[-12:]):
        rest = re.split(r"(?<=[a-zA-Z])[.!?](?:\s|$)|\n", text[phrase.end() : phrase.end() + 240].lstrip(" :*_\n"))[0]
        letter = re.match(r"[\s*_`\"'(\[]{0,6}(?:option )?([A-Z0-9])[*_`\"')\].:,]{0,6}(?:\s|$)", rest + " ")
        if letter is not None and letter[1] in vocabulary.options and letter[0].strip() != "I":
            bare = letter[0].strip() == letter[1] and rest.strip() != letter[1]
            if not bare or rest.strip(" .*_") == letter[1]:
                return loosened(Answer((Candidate(letter[1], vocabulary.match(letter[1])),)), "verdict in prose")
        found = read_answer(rest.strip(" .*_:"), vocabulary) or first_mention(rest, vocabulary)
        if found is not None and found.candidates and found.candidates[0].match is not None:
            several = len({one.match for one in found.candidates}) > 1
            if not several or found.candidates[0].confidence is not None:
                return loosened(found, "verdict in prose")
    return None
