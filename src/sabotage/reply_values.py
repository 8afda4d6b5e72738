"""The answer that a JSON value gives, whatever its shape: a label, a map, a list, a ranking, or any of these inside."""

from dataclasses import replace
from typing import Any

from sabotage.answers import (
    REFUSED,
    UNUSABLE,
    Answer,
    Candidate,
    first_mention,
    loosened,
    read_answer,
    read_item,
)
from sabotage.refusals import DECLINED
from sabotage.reply_maps import DECODER, Object, Pairs, read_map
from sabotage.reply_words import (
    ANSWER_KEYS,
    ASIDE_KEYS,
    ASSESSMENT_KEYS,
    CONFIDENCE_KEYS,
    CONTAINERS,
    DISTRIBUTIONS,
    NAME_KEYS,
    OTHERS,
    PART_KEYS,
    RANK_KEYS,
    RATIONALE_KEYS,
    REFUSAL_KEYS,
    SCHEMA_KEYS,
    normal_key,
    order_of_key,
    plain_key,
)
from sabotage.vocabulary import Vocabulary
from sabotage.wordings import Amount, read_amount

DEEPEST = 12
DEEPEST = 12


def read_value(value: Any, vocabulary: Vocabulary, depth: int = 0) -> Answer | None:
    """Return the answer of a JSON value of any shape, None where it holds none."""
    if depth > DEEPEST:
        return None
    if isinstance(value, bool):
        match = vocabulary.match("true" if value else "false")
        return None if match is None else Answer((Candidate(str(value), match),))
    if isinstance(value, int | float):
        return _read_number(value, vocabulary)
    if isinstance(value, str):
        return _read_text(value, vocabulary, depth)
    if isinstance(value, list):
        return _read_list(value, vocabulary, depth)
    return _read_object(value, vocabulary, depth) if isinstance(value, dict) else None


def _read_number(value: float, vocabulary: Vocabulary) -> Answer | None:
    text = str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e9 else repr(value)[:40]
    match = vocabulary.match(text, similar=False)
    if match is not None:
        return Answer((Candidate(text, match),))
    return Answer(problem=(UNUSABLE, "invalid letter")) if len(text) == 1 else None


def _read_text(text: str, vocabulary: Vocabulary, depth: int) -> Answer | None:
    if text.lstrip()[:1] in ("{", "[") and len(text) < 100_000:
        try:
            return read_value(DECODER.decode(text.strip()), vocabulary, depth + 1)
        except (ValueError, RecursionError):
            pass
    return read_answer(text, vocabulary)


def _read_list(values: list[Any], vocabulary: Vocabulary, depth: int) -> Answer | None:
    if len(values) == 1:
        return read_value(values[0], vocabulary, depth + 1)
    pair = _read_pair(values, vocabulary)
    if pair is not None:
        return Answer((pair,))
    candidates: list[Candidate] = []
    ranks: list[float] = []
    are_parts = False
    assessment, rationale = None, None
    for value in values[:1000]:
        if isinstance(value, str):
            item = read_item(value, vocabulary, foreign=True)
            candidates.append(item if item is not None else Candidate(value, None))
        elif isinstance(value, list) and (item := _read_pair(value, vocabulary, foreign=True)) is not None:
            candidates.append(item)
        elif isinstance(value, int | float | list | dict) and not isinstance(value, bool):
            inner = read_value(value, vocabulary, depth + 1)
            if inner is None or not inner.candidates:
                continue
            candidates.append(inner.candidates[0])
            rationale = rationale or inner.rationale
            assessment = assessment or inner.assessment
            if isinstance(value, dict):
                keys = {normal_key(str(key)) for key in value}
                are_parts |= not keys.isdisjoint(PART_KEYS)
                for key, one in _pairs(value):
                    if key in RANK_KEYS and (rank := read_amount(one, {})) is not None:
                        ranks.append(rank.value)
    if not any(candidate.match is not None for candidate in candidates):
        return None
    if are_parts and len({one.match and one.match.label for one in candidates}) > 1:
        return Answer(problem=(UNUSABLE, "several labels"))
    is_ranked = len(ranks) == len(candidates) and len(set(ranks)) == len(ranks)
    if is_ranked:
        candidates = [one for _, one in sorted(zip(ranks, candidates, strict=True), key=lambda pair: pair[0])]
    is_ranked |= all(candidate.confidence is None for candidate in candidates)
    return Answer(tuple(candidates), is_ranked, assessment=assessment, rationale=rationale)


def _read_pair(values: list[Any], vocabulary: Vocabulary, foreign: bool = False) -> Candidate | None:
    """Return the candidate of [label, confidence]."""
    if len(values) != 2 or not isinstance(values[0], str) or isinstance(values[1], list | dict):
        return None
    match = vocabulary.match(values[0])
    amount = read_amount(values[1], vocabulary.words)
    if amount is None or (match is None and not foreign):
        return None
    if isinstance(values[1], str) and vocabulary.match(values[1]) is not None:
        return None  # two labels
    return Candidate(values[0], match, amount)


def _pairs(value: dict[str, Any]) -> Pairs:
    pairs = value.pairs if isinstance(value, Object) else list(value.items())
    return [(plain_key(normal_key(str(key)[:80])), one) for key, one in pairs[:2000]]


def _read_object(value: dict[str, Any], vocabulary: Vocabulary, depth: int) -> Answer | None:
    if not SCHEMA_KEYS.isdisjoint(value) and isinstance(value.get("type", ""), str | list):
        return None  # the form that was asked for
    pairs = _pairs(value)
    assessment, n_unread = _amount_under(pairs, ASSESSMENT_KEYS, vocabulary)
    confidence, n_odd = _amount_under(pairs, CONFIDENCE_KEYS, vocabulary)
    texts = [one.strip() for key, one in pairs if key in RATIONALE_KEYS and isinstance(one, str) and one.strip()]
    answer = _answer_of(value, pairs, confidence, vocabulary, depth)
    if answer is None:
        refusals = [one for key, one in pairs if key in REFUSAL_KEYS and one]
        return Answer(problem=(REFUSED, DECLINED)) if refusals else None
    if confidence is not None and len(answer.candidates) == 1 and answer.candidates[0].confidence is None:
        answer = replace(answer, candidates=(replace(answer.candidates[0], confidence=confidence),))
    if assessment is None and not texts and not n_unread and not n_odd:
        return answer
    return replace(
        answer,
        assessment=assessment or answer.assessment,
        rationale="\n".join(texts) or answer.rationale,
        n_unread=answer.n_unread + n_unread + n_odd,
    )


def _amount_under(pairs: Pairs, keys: frozenset[str], vocabulary: Vocabulary) -> tuple[Amount | None, int]:
    """Return the first degree under one of the keys, and how many could not be read where none could."""
    values = [one for key, one in pairs if key in keys and one not in (None, "") and not isinstance(one, bool)]
    for one in values:
        amount = read_amount(one, vocabulary.words)
        if amount is not None:
            return amount, 0
    return None, sum(not isinstance(one, list | dict) for one in values)


def _answer_of(
    value: dict[str, Any], pairs: Pairs, confidence: Amount | None, vocabulary: Vocabulary, depth: int
) -> Answer | None:
    pairs = [(key, one) for key, one in pairs if not ASIDE_KEYS.match(key)]
    named = [_under_answer_key(one, vocabulary, depth) for key, one in pairs if key in ANSWER_KEYS]
    read = [one for one in named if one is not None]
    if not read:
        names = [read_value(one, vocabulary, depth + 1) for key, one in pairs if _may_name(key, one, depth)]
        read = [one for one in names if one is not None and one.candidates and one.candidates[0].match is not None]
    if read:
        first = read[0]
        heads = {one.candidates[0].match.label for one in read if one.candidates and one.candidates[0].match}
        if len(heads) > 1:  # of the options and one of them, that one
            single = [one for one in read if len(one.candidates) == 1]
            read = single if len(single) == 1 and isinstance(value.get("labels"), list) else read
            heads = heads if len(read) > 1 else set()
            first = read[0]
        if len(heads) > 1:
            return Answer(problem=(UNUSABLE, "several labels"))
        first = next((one for one in read if one.candidates), first)
        if _is_letter(first) and any(_names_other(first, one, vocabulary) for key, one in pairs if key in NAME_KEYS):
            return Answer(problem=(UNUSABLE, "letter and label differ"))
        return _with_more(first, pairs, confidence, vocabulary, depth) if first.candidates else first
    numbered = _read_numbered(pairs, vocabulary)
    if numbered is not None and len(numbered.candidates) > 1:
        return numbered
    listed = [read_value(one, vocabulary, depth + 1) for key, one in pairs if key in CONTAINERS | DISTRIBUTIONS]
    for found in listed:
        if found is not None:
            ranking = any(key in ("ranking", "ranked", "ranked_labels") for key, _ in pairs)
            found = replace(found, is_ranked=found.is_ranked or ranking)
            return _with_parallel(found, pairs, vocabulary) or found
    return read_map(value, vocabulary) or numbered or _read_rest(pairs, vocabulary, depth)


def _under_answer_key(value: Any, vocabulary: Vocabulary, depth: int) -> Answer | None:
    """Return what stands under a key such as "answer", where null says that there is none, and prose is searched."""
    if value is None or value == "" or value == []:
        return Answer(problem=(REFUSED, "null"))
    answer = read_value(value, vocabulary, depth + 1)
    if answer is None and isinstance(value, str):
        found = first_mention(value[:2000], vocabulary)
        return found if found is not None else Answer((Candidate(value.strip(), None),))
    return answer


def _may_name(key: str, value: Any, depth: int) -> bool:
    """Whether the name of a candidate may stand under a key; "id": "A" alone is the name of something else."""
    is_letter = isinstance(value, str) and len(value.strip()) == 1
    return key in NAME_KEYS and not (depth == 0 and is_letter and key in ("id", "type", "key", "title"))


def _is_letter(answer: Answer) -> bool:
    return len(answer.candidates) == 1 and len(answer.candidates[0].text.strip()) == 1


def _names_other(answer: Answer, value: Any, vocabulary: Vocabulary) -> bool:
    """Whether a text beside an option's letter is the name of another label."""
    match = vocabulary.match(value, similar=False, short=False) if isinstance(value, str) else None
    chosen = answer.candidates[0].match
    return match is not None and chosen is not None and match.label != chosen.label


def _with_parallel(answer: Answer, pairs: Pairs, vocabulary: Vocabulary) -> Answer | None:
    """Return an answer with the confidences of a list as long as its own, None where there is none."""
    for key, one in pairs:
        if key in CONFIDENCE_KEYS | DISTRIBUTIONS and isinstance(one, list) and len(one) == len(answer.candidates) > 1:
            amounts = [read_amount(degree, vocabulary.words) for degree in one]
            zipped = [replace(c, confidence=a) for c, a in zip(answer.candidates, amounts, strict=True)]
            return replace(answer, candidates=tuple(zipped), is_ranked=False)
    return None


def _with_more(first: Answer, pairs: Pairs, confidence: Amount | None, vocabulary: Vocabulary, depth: int) -> Answer:
    """Add to a named answer what a map of scores, a parallel list or alternatives say of other labels."""
    head = first.candidates[0]
    parallel = _with_parallel(first, pairs, vocabulary)
    if parallel is not None:
        return parallel
    for key, one in pairs:
        if (key in CONFIDENCE_KEYS | DISTRIBUTIONS | CONTAINERS and isinstance(one, dict | list)) or key in OTHERS:
            others = read_value(one, vocabulary, depth + 1)
        else:
            continue
        if others is None or not others.candidates:
            continue
        same = [one for one in others.candidates if one.match and head.match and one.match.label == head.match.label]
        if head.confidence is None:
            head = replace(head, confidence=confidence or next((c.confidence for c in same if c.confidence), None))
        rest = [one for one in others.candidates if one not in same and one.match is not None]
        return replace(first, candidates=(head, *rest), is_ranked=True)
    return first


def _read_numbered(pairs: Pairs, vocabulary: Vocabulary) -> Answer | None:
    """Return the candidates of {"1": "sad", "2": "happy"} and {"first": ..., "second": ...}."""
    found = []
    for key, one in pairs:
        order = order_of_key(key)
        if order is None or not isinstance(one, str | dict | list):
            continue
        inner = read_value(one, vocabulary, DEEPEST - 2)
        if inner is not None and inner.candidates:
            found.append((order, inner.candidates[0]))
    found.sort(key=lambda pair: pair[0])
    if found and found[0][0] == 0:
        return None  # an index, not a rank
    return Answer(tuple(candidate for _, candidate in found), is_ranked=True) if found else None


def _read_rest(pairs: Pairs, vocabulary: Vocabulary, depth: int) -> Answer | None:
    """Return the answer under the only key, of those that nothing is known of, that has one."""
    known = ASSESSMENT_KEYS | RATIONALE_KEYS | CONFIDENCE_KEYS | REFUSAL_KEYS
    found = []
    for key, one in pairs:
        is_own_name = key in NAME_KEYS and not _may_name(key, one, depth)
        if key not in known and not is_own_name and isinstance(one, str | dict | list):
            inner = read_value(one, vocabulary, depth + 1)
            is_bare = inner is not None and all(one.confidence is None for one in inner.candidates)
            if inner is not None and is_bare and len({one.match for one in inner.candidates}) > 1:
                inner = Answer(problem=(UNUSABLE, "several labels"))  # under a name that promises no ranking
            if inner is not None and (inner.candidates or inner.problem):
                found.append(inner)
    found = [one for one in found if one.candidates] or found
    return loosened(found[0], "JSON") if len(found) == 1 else None
