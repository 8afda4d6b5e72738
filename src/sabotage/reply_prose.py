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
    read_answer,
    read_item,
)
from sabotage.refusals import refusal_in
from sabotage.reply_maps import SAID
from sabotage.reply_sentences import BOLD, QUESTION, in_sentences, leading, stated_confidence
from sabotage.reply_words import (
    CORRECTS,
    ECHO_KEYS,
    STRONG,
    kind_of_key,
    normal_key,
    order_of_key,
)
from sabotage.vocabulary import Vocabulary
from sabotage.wordings import Amount, read_amount

BOXED = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{\s{0,3}(?:\\(?:text|textbf|mathrm|mathbf)\s{0,3}\{)?([^{}]{1,200})\}")
TAGGED = re.compile(r"<([A-Za-z_][\w-]{0,30})>([^<]{0,2000})</\1>")
KEYED = re.compile(
    r"^[\W_]{0,12}((?:[^\W\d_])[\w '\u2019-]{0,48}?)[*_`\"']{0,4}\s{0,4}[:=]\s{0,4}[*_`]{0,4}\s{0,8}(\S.{0,4000})?$",
    re.S,
)
INLINE = re.compile(
    r"[,;|.]\s{1,4}(?=(?:my )?(?:self[- ]?assessment|self[- ]?rating|confidence|certainty|reliability|probability|"
    r"rationale|reason|reasoning|explanation|label|emotion|answer|quality|correction)\s?[:=])",
    re.IGNORECASE,
)
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
    said: list[Candidate] = field(default_factory=list)  # "sad: yes", and "sarcastic: no" where that is a label
    n_other: int = 0  # lines that are none of these


def read_prose(text: str, vocabulary: Vocabulary) -> Answer:
    """Return the answer of a reply without JSON, or the reason why it has none."""
    text = unicodedata.normalize("NFKC", text).strip()
    whole = read_answer(text, vocabulary)
    if whole is not None and (whole.problem is None or "\n" not in text):
        return whole
    question = QUESTION.match(text)
    after = None if question is None else read_answer(text[question.end() :], vocabulary)
    if after is not None:
        return loosened(after, "after a question")
    marks = _read_marks(text, vocabulary)
    answer = _marked(marks, vocabulary)
    if answer is not None and _is_taken_back(answer, text, vocabulary):
        answer = Answer(problem=(UNUSABLE, "several labels"), form="answer line in prose")
    if answer is None:
        prose = text if len(text) <= 2 * MOST_PROSE else f"{text[:MOST_PROSE]}\n{text[-MOST_PROSE:]}"
        if marks.rationale and not marks.n_other:
            answer = Answer(problem=(UNUSABLE, "no label"), form="prose")  # reasons alone
        else:
            answer = in_sentences(prose, vocabulary)
        if answer.candidates:
            answer = replace(answer, rationale=text)
            marks.confidence = marks.confidence or stated_confidence(prose)
    if marks.confidence is not None and len(answer.candidates) == 1 and answer.candidates[0].confidence is None:
        answer = replace(answer, candidates=(replace(answer.candidates[0], confidence=marks.confidence),))
    return replace(
        answer,
        assessment=answer.assessment or marks.assessment,
        rationale="\n".join(marks.rationale) or answer.rationale,
        n_unread=answer.n_unread + marks.n_unread,
    )


def _is_taken_back(answer: Answer, text: str, vocabulary: Vocabulary) -> bool:
    """Whether a reply corrects itself and affirms only other labels from there on."""
    if len(answer.candidates) != 1 or answer.candidates[0].match is None:
        return False
    end = text[-MOST_PROSE:]
    places = [found.end() for found in CORRECTS.finditer(end)]
    later = {one.label for one in vocabulary.mentions(end[places[-1] :]) if not one.is_negated} if places else set()
    return bool(later) and answer.candidates[0].match.label not in later


def _read_marks(text: str, vocabulary: Vocabulary) -> _Marks:
    marks = _Marks()
    for boxed in list(BOXED.finditer(text))[-20:]:
        _keep(marks, boxed[1], True, vocabulary)
    for tagged in list(TAGGED.finditer(text))[-50:]:
        _take_field(marks, tagged[1], tagged[2], vocabulary, is_tag=True)
    bare = TAGGED.sub("\n", text) if "</" in text else text
    lines = INLINE.sub("\n", bare).split("\n", MOST_LINES)
    is_taken = False  # the next line, as what the last one announced
    for place, line in enumerate(lines[:MOST_LINES]):
        line = line.strip()
        if BOXED.search(line):
            marks.n_other += any(c.isalnum() for c in BOXED.sub("", line))
            continue
        if not any(c.isalnum() for c in line) or is_taken:
            is_taken = is_taken and not line
            continue
        following = next((one.strip() for one in lines[place + 1 : place + 3] if one.strip()), "")
        is_taken = line[-1] in ":*" and _take_heading(marks, line, following, vocabulary)
        if not is_taken and not _take_line(marks, line, vocabulary):
            marks.n_other += line[0] != "|" and line[-1] != ":"  # the head of a table or list
    return marks


def _take_heading(marks: _Marks, line: str, following: str, vocabulary: Vocabulary) -> bool:
    """Take a line that announces an answer with the next one, which is it; return whether it was that."""
    keyed = KEYED.match(line)
    if keyed is None or keyed[2] is not None or not following or BULLET.match(following):
        return False
    name = normal_key(keyed[1])
    return (
        kind_of_key(name) == "answer" and name not in ECHO_KEYS and _take_field(marks, keyed[1], following, vocabulary)
    )


def _take_line(marks: _Marks, line: str, vocabulary: Vocabulary) -> bool:
    """Take a line as an entry of a list or as a key with its value; return whether it was either."""
    if line.count("|") >= 2 and (row := _row(line, vocabulary)) is not None:
        marks.items.append(row)
        return True
    bullet = BULLET.match(line)
    rest = line[bullet.end() :] if bullet is not None else line
    if bullet is not None or line.count("|") >= 2:
        item = _listed(rest.strip(" |").replace("|", " : "), vocabulary)
        if item is not None:
            marks.items.append(item)
            marks.is_numbered |= bool(bullet and bullet["rank"])
            return True
    keyed = KEYED.match(rest[:5000])
    if keyed is not None and _take_field(marks, keyed[1], keyed[2] or "", vocabulary):
        return True
    item = read_item(rest, vocabulary) if len(rest) <= 100 else None
    if item is not None and item.confidence is not None:
        marks.items.append(item)
        return True
    several = read_answer(rest, vocabulary) if len(rest) <= 300 else None
    if several is None or len(several.candidates) < 2 or not all(one.confidence for one in several.candidates):
        return False
    marks.items += several.candidates
    return True


def _row(line: str, vocabulary: Vocabulary) -> Candidate | None:
    """Return the candidate of a table's row that begins with a rank or with the label."""
    cells = [cell.strip(" *_`") for cell in line.strip(" |").split("|")]
    if len(cells) > 2 and re.fullmatch(r"#?\d{1,2}[.)]?", cells[0]):
        cells = cells[1:]
    match = vocabulary.match(cells[0], short=len(cells) == 1) if len(cells) > 1 else None
    if match is None:
        return None
    amounts = [read_amount(cell, vocabulary.words) for cell in cells[1:] if len(cell) <= 40]
    return Candidate(cells[0], match, next((amount for amount in amounts if amount is not None), None))


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


def _take_field(marks: _Marks, key: str, value: str, vocabulary: Vocabulary, is_tag: bool = False) -> bool:
    """Take one key with its value; return whether the key is known and the value could be taken."""
    name, value = normal_key(key), value.strip()
    kind, is_final = kind_of_key(name), not STRONG.isdisjoint(name.split("_"))
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
    if kind == "answer" and not is_tag and name in ECHO_KEYS:
        named = read_answer(value, vocabulary)
        if named is None or len(named.candidates) != 1:
            return bool(value)  # what may be chosen
    if kind == "answer" and value and re.match(r"(?:top|ranked|ranking)(?:_|$)", name):
        ranked = read_answer(value, vocabulary)
        if ranked is not None and len(ranked.candidates) > 1:
            marks.answers.append((is_final, replace(ranked, is_ranked=True)))
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
    said = SAID.get(value.strip(" .*_").casefold()) if match is not None else None
    if said is not None:
        key = key if said else f"not {key}"
        other = vocabulary.match(key, similar=False)
        marks.said += [Candidate(key, other)] if other is not None else []
        return True
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
        answer = leading(value, vocabulary)
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
    if not marks.answers and listed is None and marks.said:
        labels = {one.match.label for one in marks.said if one.match}
        several = Answer(problem=(UNUSABLE, "several labels"), form="list")
        return several if len(labels) > 1 else Answer((marks.said[0],), form="list", is_mended=marks.n_other > 0)
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
        if rest and (same or marks.is_numbered):
            confidence = head.confidence or marks.confidence or (same[0].confidence if same else None)
            return Answer((replace(head, confidence=confidence), *rest), True, form="list", is_mended=marks.n_other > 0)
    if marks.n_other or answer.is_mended:
        return loosened(answer, "answer line in prose" if marks.n_other else "answer line")
    return replace(answer, form="answer line")
