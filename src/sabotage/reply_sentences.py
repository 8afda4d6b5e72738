"""The answer that sentences give: announced, in bold, first, on the last line, or the only label that they name."""

import re
from dataclasses import replace

from sabotage.answers import (
    ECHO,
    NOISE,
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
from sabotage.refusals import DONT_KNOW, refusal_in
from sabotage.reply_words import COMMITS, CONFIDENCE_KEYS, CORRECTS, LESSER, VERDICT
from sabotage.vocabulary import EVERYDAY, Vocabulary
from sabotage.wordings import AMOUNT, Amount, amount_of_match, fold, read_amount

BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*|__([^_\n]{1,80})__")
LEADING = re.compile(
    r"^(.{1,60}?)(?:[.!;:\n\u3002](?!\d)|"
    r"\s[-\u2013\u2014]\s?|\s\(|,|\bbecause\b|\bsince\b|\bas\b)",
    re.S,
)
SURE_AFTER = re.compile(r"[\s)]{0,3}(?:confiden|sure|certain|probab|chance|likel)", re.IGNORECASE)
SURE_BEFORE = re.compile(r"(?:confidence|certainty|probability|likelihood)(?: \w+){0,4}[:=\s(]{0,4}$", re.IGNORECASE)
CONCEDES = re.compile(
    r"[,;(]?\s*\b(?:although|though|but|however|while|whereas|even if|despite|not)\b|,\s*with\b", re.IGNORECASE
)
QUESTION = re.compile(
    r"(?:(?<=[.!?\n])|^)\s{0,9}(?:is|are|does|do|did|was|were|could|can|should|would|what|which|who|how)\b[^.!?\n]{0,300}\?",
    re.IGNORECASE,
)
ALSO = re.compile(r"[\s(,/&]*(?:or|and|and/or|maybe|possibly|but also)\b", re.IGNORECASE)
MOST_SEARCHED = 20_000  # characters


def leading(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the answer of a text that begins with it: "Sad. The voice is low"."""
    line, more, _ = text.partition("\n")
    for part in (text, line) if more else (text,):
        option = read_option(part, vocabulary)
        if option is not None and not ECHO.search(text[len(line) :]):
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
    second = LEADING.match(text[first.end() :][:200].lstrip(" *_)"))
    other = None if second is None else vocabulary.match(second[1].strip(" *_"), similar=False, short=False)
    if other is not None and other.label != item.match.label:
        return Answer(problem=(UNUSABLE, "several labels"), form="prose")
    rest = text[first.end() :][:2000]
    if CORRECTS.search(rest):
        return None
    reason = refusal_in(rest) if item.text.strip().casefold() in EVERYDAY else None
    if reason is not None and not (reason == DONT_KNOW and CONCEDES.match(rest)):
        return Answer(problem=(REFUSED, reason), form="prose")  # "No, I cannot hear it"
    if item.text.strip().casefold() in EVERYDAY:  # "No. The speaker is sarcastic."
        affirmed = {mention.label for mention in vocabulary.mentions(rest[:400]) if not mention.is_negated}
        if affirmed and item.match.label not in affirmed:
            return Answer(problem=(UNUSABLE, "several labels"), form="prose")
    near = text[first.end() - 1 : first.end() + 60]
    if text[first.end() - 1] == "," or (ALSO.match(near) and item.confidence is None):
        others = {mention.label for mention in vocabulary.mentions(text[:400]) if not mention.is_negated}
        if others - {item.match.label}:
            return None
    if item.confidence is None:
        aside = re.match(r"\s{0,4}\(?([^()\n]{1,40})\)", text[first.end() - 1 : first.end() + 60])
        if aside is not None and _is_degree(aside[1]):
            item = replace(item, confidence=read_amount(aside[1], vocabulary.words))
    return Answer((item,), form="answer first", is_mended=True)


def _is_degree(text: str) -> bool:
    """Whether a bracket says how sure the reply is and nothing else: "frame 12" does not."""
    words = fold(NOISE.sub(" ", AMOUNT.sub(" ", text))).split()
    return not AMOUNT.search(text) or all(word in CONFIDENCE_KEYS or not word.isalnum() for word in words)


def in_sentences(text: str, vocabulary: Vocabulary) -> Answer:
    """Return the answer that sentences give: a verdict, the only thing in bold, first, last, or the only mention."""
    verdict = _verdict(text, vocabulary)
    if verdict is not None:
        return verdict
    bold = [read_answer((one[1] or one[2]).strip(" :."), vocabulary) for one in list(BOLD.finditer(text))[:50]]
    strong = [one for one in bold if one is not None and len(one.candidates) == 1 and one.candidates[0].match]
    if len({one.candidates[0].match.label for one in strong if one.candidates[0].match}) == 1:
        return loosened(strong[-1], "in bold")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    last = read_answer(lines[-1], vocabulary) if len(lines) > 1 else None
    above = read_answer(lines[-2], vocabulary) if last is not None and len(lines) > 1 else None
    if last is not None and len(last.candidates) == 1 and not (above and above.candidates):
        return loosened(last, "last line")
    first = leading(text, vocabulary)
    if first is not None and first.problem is None:
        return first
    declined = first.problem if first is not None and len(lines) == 1 else None
    if declined is None and (reason := refusal_in(text)) is not None:
        declined = REFUSED, reason
    if declined is not None:
        hedged = _hedged(text, vocabulary) if declined == (REFUSED, DONT_KNOW) else None
        return hedged or Answer(problem=declined, form="prose")
    text = QUESTION.sub(" ", text)
    corrections = list(CORRECTS.finditer(text))
    if corrections:  # "Happy. Actually, no: sad."
        corrected = first_mention(text[corrections[-1].end() :], vocabulary)
        if corrected is not None and corrected.candidates:
            return loosened(corrected, "taken back")
    mention = first_mention(text, vocabulary)
    if mention is None:
        return Answer(problem=(UNUSABLE, "no label"), form="prose")
    return mention


def _hedged(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the label that one who is unsure names all the same, right after saying "probably" or the like."""
    text = text.replace("\u2019", "'")
    for phrase in reversed(list(COMMITS.finditer(text))[-12:]):
        rest = re.split(r"[.!?\n]", text[phrase.end() : phrase.end() + 200])[0]
        if re.match(r"(?:because|due|since|a matter)\b", rest):
            continue
        found = first_mention(rest, vocabulary)
        if found is not None and found.candidates and fold(rest[:60]).find(fold(found.candidates[0].text)) < 24:
            return loosened(found, "hedged")
    return None


def stated_confidence(text: str) -> Amount | None:
    """Return the only degree with a scale that prose ties to being sure: "I am 80 % certain"."""
    found = [
        one
        for one in list(AMOUNT.finditer(text[:MOST_SEARCHED]))[:50]
        if (one["percent"] or one["of"])
        and (SURE_AFTER.match(text, one.end()) or SURE_BEFORE.search(text[max(0, one.start() - 40) : one.start()]))
    ]
    return amount_of_match(found[0]) if len(found) == 1 else None


def _verdict(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return what the last phrase says that announces an answer and has one."""
    for phrase in reversed(list(VERDICT.finditer(text.replace("\u2019", "'")))[-12:]):
        if LESSER.search(text[max(0, phrase.start() - 30) : phrase.start()]):
            continue
        rest = re.split(r"(?<=[a-zA-Z])[.!?](?:\s|$)|\n", text[phrase.end() : phrase.end() + 240].lstrip(" :*_\n"))[0]
        letter = re.match(r"[\s*_`\"'(\[]{0,6}(?:option )?([A-Z0-9])[*_`\"')\].:,]{0,6}(?:\s|$)", rest + " ")
        if letter is not None and letter[1] in vocabulary.options and letter[0].strip() != "I":
            bare = letter[0].strip() == letter[1] and rest.strip() != letter[1]
            because = re.match(r"(?:because|since|as|due|given)\b", rest[letter.end() :])
            if not bare or because or rest.strip(" .*_") == letter[1]:
                return loosened(Answer((Candidate(letter[1], vocabulary.match(letter[1])),)), "verdict in prose")
        found = read_answer(rest.strip(" .*_:"), vocabulary) or first_mention(rest, vocabulary)
        clause = CONCEDES.split(rest, maxsplit=1)[0]
        if found is not None and not found.candidates and len(clause) < len(rest) and not CORRECTS.search(rest):
            found = first_mention(clause, vocabulary)  # "fear, although anger is possible"
        if found is not None and found.candidates and found.candidates[0].match is not None:
            several = len({one.match for one in found.candidates}) > 1
            if not several or found.candidates[0].confidence is not None:
                return loosened(found, "verdict in prose")
    return None
