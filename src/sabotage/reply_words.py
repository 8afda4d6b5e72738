"""The keys and phrases by which replies mark answers, confidences, self-assessments and reasons."""

import re
import unicodedata
from functools import lru_cache


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


ANSWER_KEYS = _keys(
    "answer ans final_answer correction overall conclusion"
    " label labels emotion emotions prediction predictions predicted class category choice option"
    " sentiment mood verdict diagnosis classification decision guess candidate selected selected_option intent stance"
    " top_label top_emotion top_prediction best_guess"
    " antwort respuesta reponse risposta resposta 答案"
    " 回答 情绪 答え 感情 ответ эмоция"
)
NAME_KEYS = _keys("name value text result output response content title type id key")
CONTAINERS = _keys(
    "candidates answers results ranking ranked ranked_labels top_k topk top3 top_3 top5 top_5 list items choices"
    " options"
    " output outputs response result arguments input parameters args function function_call tool_call tool_calls data"
    " json message assistant final analysis_result"
)
DISTRIBUTIONS = _keys(
    "probabilities probability_distribution distribution scores confidences confidence_scores probs likelihoods weights"
    " class_probabilities emotion_scores label_scores all_scores"
)
OTHERS = _keys("alternatives alternative others secondary second_choice runner_up runners_up next_best other_labels")
CONFIDENCE_KEYS = _keys(
    "confidence conf confidence_score confidence_level probability prob p score certainty likelihood percent percentage"
    " sureness how_sure confianza konfidenz sicherheit confiance 置信度 信心 確信度"
    " уверенность"
)
ASSESSMENT_KEYS = _keys(
    "self_assessment selfassessment reliability self_reliability self_rating self_evaluation self_confidence quality"
    " data_quality signal_quality input_quality evidence_quality trust trustworthiness assessment rating"
    " modality_reliability reliability_score self_assessment_score self_score usefulness 可靠性"
)
RATIONALE_KEYS = _keys(
    "rationale reason reasons reasoning explanation explain justification analysis evidence thought thoughts why"
    " comment comments notes note cues description chain_of_thought step_by_step because begründung raison razón"
    " 理由 原因"
)
REFUSAL_KEYS = _keys("refusal refused error")
# What a reply was given, or sets aside: no answer stands there.
ASIDE_KEYS = re.compile(
    r"(?:not|no|non|never|rejected?|excluded?|eliminated|ruled_out|unlikely|least|wrong|incorrect|transcript|utterance|"
    r"question|prompt|instruction|caption|quote|ground_truth|reference|gold|true_label|opposite)(?:_|$)"
)
# Of one part of an example, which has no say over the others.
PART_KEYS = _keys(
    "speaker segment start end time timestamp timestamps frame turn utterance sentence clip modality person face"
)
SCHEMA_KEYS = _keys("enum properties schema")
# Before colons these announce what may be chosen, not what is.
ECHO_KEYS = _keys("options choices items list labels classes categories possible_emotions possible_labels")
RANK_KEYS = _keys("rank position order place")
ADJECTIVES = _keys(
    "so thus therefore hence"
    " final my predicted most likely the overall best primary dominant top detected main correct selected chosen"
    " estimated speaker_s speakers inferred perceived identified likeliest classified recommended current"
    " corrected revised updated"
)
STRONG = _keys("final overall correction corrected revised updated")
ORDINALS = {
    "first": 1,
    "primary": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "secondary": 2,
    "tertiary": 3,
    **{f"{number}{ending}": number for number, ending in zip(range(1, 6), ("st", "nd", "rd", "th", "th"), strict=True)},
}

RANKED_KEY = re.compile(
    r"(?:(?:rank|top|choice|candidate|guess|emotion|label|prediction|predicted|answer|no|number|position|place|"
    r"result)_?)?(\d{1,2})"
)
KINDS = {
    "assessment": ASSESSMENT_KEYS,
    "confidence": CONFIDENCE_KEYS,
    "rationale": RATIONALE_KEYS,
    "answer": ANSWER_KEYS | CONTAINERS,
}

# Where a sentence says what the answer is; what follows, to its end, names it.
VERDICT = re.compile(
    r"\b(?:(?:answer|guess|emotion|label|prediction|choice|option|conclusion|classification|category|verdict|mood|"
    r"sentiment|feeling|class|pick|assessment)\s{1,3}(?:here\s)?(?:is|would be|must be|should be|seems to be|"
    r"appears to be|was|will be|remains)|i(?:'d| would| will|'ll)?\s(?:say|guess|choose|pick|select|go (?:with|for)|"
    r"answer|lean(?: more)? towards?|settle on|opt for|classify (?:it|this) as|label (?:it|this) as|choose)|"
    r"(?:therefore|thus|hence|in conclusion|in summary|to conclude|ultimately)\b|"
    r"final (?:answer|choice|decision|emotion|guess|label|prediction|verdict)(?=\s?:)|"
    r"so(?=,)|overall(?=,|\s(?:the|it|this|he|she)\b)|"
    r"most likely|(?:classified|labelled|labeled|best described|categori[sz]ed) as)\b[:,]?",
    re.IGNORECASE,
)


# Before a phrase of VERDICT: what follows is not the first choice.
LESSER = re.compile(
    r"\b(?:second|third|2nd|3rd|next|alternative|other|another|wrong|incorrect|worst|runner-up|backup)\s+(?:\w+\s+)?$",
    re.IGNORECASE,
)
# Where a reply takes back what it said.
CORRECTS = re.compile(
    r"\b(?:wait|correction|scratch that|on second thoughts?|on reflection|let me correct|i take (?:that|it) back|"
    r"actually,? no|no,? actually|i mean|hmm)\b|\bactually,",
    re.IGNORECASE,
)
# Where one that is unsure commits itself all the same.
COMMITS = re.compile(
    r"\b(?:probably|maybe|perhaps|likely|presumably|if i (?:had|have) to|if (?:forced|pressed)|i (?:suspect|guess)|"
    r"tentatively|leaning(?: towards?)?)\b[\s,:]*"
    r"(?:(?:it|that|this|he|she|the \w+|they)(?:'s| is| are| sounds?| seems?| looks?)?"
    r"|more|as)?\s{0,3}",
    re.IGNORECASE,
)


@lru_cache(4096)  # keys repeat from reply to reply
def normal_key(key: str) -> str:
    """Return a key as the sets above have them: "Final Answer" and finalAnswer as final_answer."""
    key = unicodedata.normalize("NFKC", key[:80])
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)
    return re.sub(r"[\W_]+", "_", key.casefold()).strip("_")


@lru_cache(4096)
def plain_key(key: str) -> str:
    """Return a normal key without the adjectives that change nothing: label for predicted_label."""
    if any(key in keys for keys in KINDS.values()):
        return key
    return "_".join(part for part in key.split("_") if part not in ADJECTIVES) or key


def kind_of_key(key: str) -> str:
    """Return what a key marks: answer, confidence, assessment, rationale, or nothing."""
    plain = plain_key(key)
    return next((kind for kind, keys in KINDS.items() if plain in keys), "")


def order_of_key(key: str) -> int | None:
    """Return the rank that a key such as 2, rank_2, emotion2 or second_choice speaks of."""
    if key.split("_", 1)[0] in ORDINALS:
        return ORDINALS[key.split("_", 1)[0]]
    numbered = re.fullmatch(RANKED_KEY, key)
    return int(numbered[1]) if numbered else None
