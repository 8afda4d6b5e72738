"""What stands at the place of an answer: a label, an option's letter, a list with confidences, or a refusal."""

import re
from dataclasses import dataclass, replace

from sabotage.refusals import no_answer_in
from sabotage.vocabulary import Match, Vocabulary
from sabotage.wordings import AMOUNT, Amount, amount_of_match, read_amount

REFUSED, UNUSABLE = "refused", "unusable"
BULLET = re.compile(
    r"^\s{0,12}(?:\|\s{0,4})?(?:(?P<rank>(?:\(?#?\d{1,2}[.)\]|:]|#\d{1,2}\s|"
    r"(?:rank|top|choice|candidate|guess|option|emotion|label|prediction|answer)[ _-]?\d{1,2}\s?[.):-]|"
    r"(?:1st|2nd|3rd|[4-9]th|first|second|third|fourth|fifth)(?: (?:choice|guess|candidate|option|emotion|label))?"
    r"\s?[.):-]))(?!\d)|[-*\u2022\u2023\u25aa\u25cf\u2013+](?=\s)|\|)\s{0,8}",
    re.IGNORECASE,
)
MARKS = r"[*_`\"']"
OPTION = re.compile(
    rf"^[\s*_`\"'(\[]{{0,6}}(?:option |choice )?([A-Za-z0-9]){MARKS}{{0,3}}"
    rf"(?:[).:\]](?!\d){MARKS}{{0,3}}|\s[-\u2013\u2014])\s*(.*)$",
    re.IGNORECASE | re.DOTALL,
)
ECHO = re.compile(r"(?:^|\n)\s{0,8}[\"'(*]{0,3}[B-Zb-z2-9][).:]")  # of the options of the question
NUMBERS = re.compile(r"(?:(?<=\s)|^)\(?(\d{1,2})[.)]\s+")  # of a list on one line
PAIRS = re.compile(r"(?<=[\d%])\s+(?=[^\W\d])")
ALONE = re.compile(r"^\W{0,8}(?:option |choice |answer )?([^\W\d_]|(?<![-\u2212])\d)\W{0,8}$", re.I)
PIECES = re.compile(r"(?<!\d),|,(?!\d)|[;\u3001\n]|\s/\s|\s(?:and|or|&)\s|(?<=[^\W\d])/(?=[^\W\d])")
RANKED = re.compile(r"\s*(?:>{1,2}|\u2192|->|=>)\s*")
NOISE = re.compile(
    r"\b(?:with|at|a|an|the|of|in|for|being|is|it|that|this|about|around|approximately|approx|roughly|my|level|i am|"
    r"i'm|confidence|confident|confidently|certain|certainty|sure|score|probability|prob|chance|likelihood|likely|conf|p|"
    r"emotion|label|answer|class)\b|[=:()\[\]{}|*_`\"'~\u2248<>,]|(?<!\w)[-\u2013\u2014]+(?!\w)|\.+$",
    re.IGNORECASE,
)
WORDED = re.compile(r"[(\[:,\u2013\u2014|-]\s*([^()\[\]:|]{2,40})[)\]]?\s*$")
LONGEST_ITEM = 160
HALVES = re.compile(r"\b50\s?[/:-]\s?50\b|\bfifty[ -]fifty\b", re.IGNORECASE)
TOP = re.compile(r"\W{0,4}top[ -]?(?:\d|three|five)", re.IGNORECASE)
MOST_ITEMS = 200
FOOTNOTE = re.compile(r"(?<=\w)\s?\[\d{1,2}\]$")


@dataclass(frozen=True)
class Candidate:
    """One answer as it was written, what it means, None where it is no label, and how sure it is."""

    text: str
    match: Match | None
    confidence: Amount | None = None


@dataclass(frozen=True)
class Answer:
    """What was read at one place of a reply.

    Attributes
    ----------
    candidates : tuple of Candidate
        In the order written.
    is_ranked : bool
        Whether that order is one of preference.
    problem : tuple of str or None
        (outcome, reason) where the place says that there is no answer.
    form : str
        What it looks like, for reports.
    is_mended : bool
        Whether the form had to be mended, or the answer be found among other words.
    assessment : Amount or None
    rationale : str or None
    n_unread : int
        Confidences and self-assessments that were there and could not be read.
    """

    candidates: tuple[Candidate, ...] = ()
    is_ranked: bool = False
    problem: tuple[str, str] | None = None
    form: str = ""
    is_mended: bool = False
    assessment: Amount | None = None
    rationale: str | None = None
    n_unread: int = 0


def no_answer(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the answer of a text that says that it has none, None where it is something else or a label."""
    reason = no_answer_in(text)
    if reason is None or vocabulary.match(text, similar=False) is not None:
        return None
    return Answer(problem=(REFUSED, reason), form="answer alone")


def read_answer(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return what a text says that stands where an answer is expected, None where that is prose."""
    text = text.strip()
    if not text or len(text) > 40 * LONGEST_ITEM:
        return None
    match = vocabulary.match(text, similar=False)
    if match is not None:
        return Answer((Candidate(text, match),), form="answer alone")
    declined = no_answer(text, vocabulary)
    if declined is not None:
        return declined
    option = read_option(text, vocabulary)
    if option is not None:
        return option
    if HALVES.search(text):
        return Answer(problem=(UNUSABLE, "several labels"), form="answer alone")
    if NUMBERS.findall(text)[:2] == ["1", "2"]:
        answer = _read_pieces(NUMBERS.sub("\n", text).split("\n"), True, vocabulary)
        if answer is not None:
            return answer
    for cut in (RANKED, PIECES, PAIRS):
        answer = _read_pieces(cut.split(text, MOST_ITEMS), cut is RANKED, vocabulary)
        if answer is not None and (cut is not PAIRS or all(one.confidence for one in answer.candidates)):
            return answer
    candidate = read_item(text, vocabulary)
    if candidate is not None:
        return Answer((candidate,), form="answer alone")
    if ALONE.match(text):
        return Answer(problem=(UNUSABLE, "invalid letter"), form="answer alone")
    return None


REASONED = re.compile(
    r"^[\s*_`\"'(\[]{0,6}(?:option |choice )?([A-Z])[*_`\"')\]]{0,6}"
    r"(,?\s(?:because|since|as|due)\b|\s?\(not\b|,\snot\b|"
    r"\s(?:is|seems|would be)\s(?:the\s)?(?:most\s)?(?:correct|right|best)\b)"
)


def read_option(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the answer of an option's letter, alone or with its text: "B", "(B)", "B) sad"."""
    alone = ALONE.match(text)
    if alone is not None:
        match = vocabulary.match(alone[1])
        return None if match is None else Answer((Candidate(alone[1], match),), form="option letter")
    reasoned = REASONED.match(text)
    if reasoned is not None and reasoned[1] in vocabulary.options:
        return Answer((Candidate(reasoned[1], vocabulary.match(reasoned[1])),), form="option letter", is_mended=True)
    option = OPTION.match(text)
    if option is None or ECHO.search(option[2]) or _lists_next(option[1], option[2]):
        return None
    letter = vocabulary.match(option[1]) if option[1] in vocabulary.options else None
    rest = option[2].strip()
    named = read_item(rest, vocabulary) if rest and len(rest) <= LONGEST_ITEM else None
    known = None if named is None else named.match
    if letter is None:
        if named is not None and not option[1].isdigit():
            return Answer((named,), form="option and label")
        return None
    if known is not None and known.label != letter.label:
        return Answer(problem=(UNUSABLE, "letter and label differ"), form="option and label")
    if option[1] == "I" and known is None and rest and not text.lstrip(" *_`\"'([")[1:2].strip():
        return None  # "I - well - do not know"
    said = option[1] if named is None else named.text
    confidence = _degree_alone(rest) if named is None else named.confidence
    if known is None and rest and _is_prose(rest):
        first = rest.split("\n", 1)[0]
        others = {mention.label for mention in vocabulary.mentions(first[:400]) if not mention.is_negated}
        if others - {letter.label} and letter.label not in others:
            return Answer(problem=(UNUSABLE, "letter and label differ"), form="option and label")
    return Answer((Candidate(said, letter if known is None else known, confidence),), form="option letter")


def _degree_alone(text: str) -> Amount | None:
    """Return the degree that a text is, if it carries its scale or lies between 0 and 1."""
    found = AMOUNT.fullmatch(text.strip(" ()."))
    amount = None if found is None else amount_of_match(found)
    return amount if amount is not None and (amount.kind != "plain" or 0 <= amount.value <= 1) else None


def _lists_next(letter: str, text: str) -> bool:
    """Whether the option after this one is spelt out on the same line, so that the options are echoed."""
    return re.search(rf"(?:^|[\s(,;]){re.escape(chr(ord(letter) + 1))}(?:[.:]\s|\))", text[:2000]) is not None


def _is_prose(text: str) -> bool:
    return len(text.split()) > 1


def _read_pieces(pieces: list[str], is_ranked: bool, vocabulary: Vocabulary) -> Answer | None:
    """Return the list that a text is, None unless each of its pieces is a label, or one has a confidence."""
    pieces = [piece for piece in pieces if piece.strip(" .*_")]
    if not 2 <= len(pieces) <= MOST_ITEMS:
        return None
    found = [read_item(piece, vocabulary) for piece in pieces]
    known = [candidate for candidate in found if candidate is not None]
    if len(known) < len(found):
        return None
    bullets = [BULLET.match(piece) for piece in pieces]
    is_ranked |= TOP.match(pieces[0]) is not None
    is_ranked |= all(bullet is not None and bullet["rank"] for bullet in bullets)
    is_ranked |= all(bullets) and all(candidate.confidence is None for candidate in known)
    return Answer(tuple(known), is_ranked, form="list")


def read_item(text: str, vocabulary: Vocabulary, foreign: bool = False) -> Candidate | None:
    """Return the candidate that one entry of a list names, with its confidence in number or words.

    With `foreign`, an entry with a number that is no label is a candidate without a match.
    """
    text = text.strip()
    if not text or len(text) > LONGEST_ITEM:
        return None
    bullet = BULLET.match(text)
    if bullet is not None and bullet["rank"]:
        text = text[bullet.end() :]  # its number is a place, no confidence
    text = FOOTNOTE.sub("", text)
    whole = vocabulary.match(text, similar=False)
    if whole is not None:
        return Candidate(text, whole)
    amounts = list(AMOUNT.finditer(text))
    if len(amounts) == 1:
        return _beside(text, amounts[0], vocabulary, foreign)
    if not amounts:
        worded = WORDED.search(text)
        if worded is not None:
            amount = read_amount(worded[1], vocabulary.words)
            name = text[: worded.start()].strip(" :,(-")
            match = vocabulary.match(name)
            if match is not None and amount is not None:
                return Candidate(name, match, amount)
        for word in (" with ", ", "):
            name, cut, rest = text.partition(word)
            match = vocabulary.match(name) if cut else None
            amount = read_amount(rest, vocabulary.words) if match is not None else None
            if match is not None and amount is not None:
                return Candidate(name, match, amount)
        match = vocabulary.match(text)
        return None if match is None else Candidate(text, match)
    return None


def _beside(text: str, found: re.Match[str], vocabulary: Vocabulary, foreign: bool) -> Candidate | None:
    """Return the label that stands before or after a number."""
    amount = amount_of_match(found)
    if amount is None or (amount.kind == "plain" and re.match(r"[.)]\s{0,4}[^\W\d]", text[found.end() :])):
        return None  # the number of a place in a list
    letter = text[: found.start()].strip(" :=-()[]*|")
    if letter in vocabulary.options:
        return Candidate(letter, vocabulary.match(letter), amount)
    before = _bare(text[: found.start()])
    after = _bare(text[found.end() :])
    names = [before] if before and (not after or _is_aside(text[found.end() :])) else []
    names += [after] if after and not before else [f"{before} {after}"]
    for name in names:
        match = vocabulary.match(name, short=False)
        if match is not None:
            return Candidate(name, match, amount)
        if name.strip() in vocabulary.options:
            return Candidate(name, vocabulary.match(name.strip()), amount)
    name = before or after
    if foreign and name and len(name.split()) <= 3:
        return Candidate(name, None, amount)
    return None


def _bare(text: str) -> str:
    return " ".join(NOISE.sub(" ", text).split())


def _is_aside(text: str) -> bool:
    """Whether what follows a confidence is set off from it: a reason, not more of the label."""
    return bool(
        re.match(
            r"\s*[)\]*_|]*\s*(?:[-\u2013\u2014:;,.(|]|because|since|as\b|due|confiden|sure|certain|likely|prob|$)",
            text,
            re.I,
        )
    )


def loosened(answer: Answer, form: str) -> Answer:
    """Return an answer as one that was found among other words or mended."""
    return replace(answer, form=form, is_mended=True)


def first_mention(text: str, vocabulary: Vocabulary) -> Answer | None:
    """Return the only label that a stretch of prose affirms; a problem where it affirms several; None for none."""
    mentions = [mention for mention in vocabulary.mentions(text) if not mention.is_negated]
    labels = {mention.label for mention in mentions}
    if len(labels) > 1:
        return Answer(problem=(UNUSABLE, "several labels"), form="prose", is_mended=True)
    if not labels:
        return None
    how = vocabulary.match(mentions[0].text, similar=False)
    return Answer((Candidate(mentions[0].text, how or Match(mentions[0].label, "case")),), form="prose", is_mended=True)
