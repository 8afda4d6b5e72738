"""A JSON object whose keys are labels and whose values say how sure, with every key that stands twice."""

import json
from typing import Any

from sabotage.answers import Answer, Candidate, no_answer
from sabotage.reply_words import ASSESSMENT_KEYS, CONFIDENCE_KEYS, RATIONALE_KEYS, normal_key, order_of_key
from sabotage.vocabulary import Vocabulary
from sabotage.wordings import read_amount

SAID = {"yes": True, "no": False, "true": True, "false": False}
Pairs = list[tuple[str, Any]]


class Object(dict[str, Any]):
    """A JSON object that remembers every pair, keys that stand twice included."""

    pairs: Pairs


def _object(pairs: Pairs) -> Object:
    made = Object(pairs)
    made.pairs = pairs
    return made


# NaN and Infinity are no numbers to be sure by: they are as good as null.
DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=lambda _: None)


def read_map(value: dict[str, Any], vocabulary: Vocabulary) -> Answer | None:
    """Return the candidates of a map from labels to confidences."""
    pairs = value.pairs if isinstance(value, Object) else list(value.items())
    candidates, chosen = [], []
    for key, one in pairs[:2000]:
        key = str(key)
        said = SAID.get(one.strip().casefold()) if isinstance(one, str) else one
        if isinstance(said, bool):
            match = vocabulary.match(key)
            if not said:  # where a label is called so
                key = f"not {key}"
                match = vocabulary.match(key, similar=False)
            if match is not None:
                chosen.append(Candidate(key, match))
            continue
        normal = normal_key(key[:80])
        amount = read_amount(one, vocabulary.words)
        if normal in CONFIDENCE_KEYS | ASSESSMENT_KEYS | RATIONALE_KEYS or (amount is None and one is not None):
            continue
        match = vocabulary.match(key)
        declined = match is None and no_answer(key, vocabulary) is not None
        if match is not None or (amount is not None and (declined or not order_of_key(normal))):
            candidates.append(Candidate(key, match, amount))
    if any(candidate.match is not None and candidate.confidence is not None for candidate in candidates):
        return Answer(tuple(candidates))
    return Answer(tuple(chosen)) if chosen else None
