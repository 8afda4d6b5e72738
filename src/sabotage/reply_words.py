"""The keys and phrases by which replies mark answers, confidences, self-assessments, reasons and refusals."""

import re
import unicodedata


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


ANSWER_KEYS = _keys(
    "answer final_answer label labels emotion emotions prediction predictions predicted class category choice option"
    " sentiment mood verdict diagnosis classification decision guess candidate selected selected_option intent stance"
    " top_label top_emotion top_prediction best_guess antwort respuesta reponse risposta resposta \u7b54\u6848"
    " \u56de\u7b54 \u60c5\u7eea \u7b54\u3048 \u611f\u60c5 \u043e\u0442\u0432\u0435\u0442 \u044d\u043c\u043e\u0446\u0438\u044f"
)
NAME_KEYS = _keys("name value text result output response content title type id key")
CONTAINERS = _keys(
    "candidates answers results ranking ranked ranked_labels top_k topk top3 top_3 top5 top_5 list items choices options"
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
    " sureness how_sure confianza konfidenz sicherheit confiance \u7f6e\u4fe1\u5ea6 \u4fe1\u5fc3 \u78ba\u4fe1\u5ea6"
    " \u0443\u0432\u0435\u0440\u0435\u043d\u043d\u043e\u0441\u0442\u044c"
)
ASSESSMENT_KEYS = _keys(
    "self_assessment selfassessment reliability self_reliability self_rating self_evaluation self_confidence quality"
    " data_quality signal_quality input_quality evidence_quality trust trustworthiness assessment rating"
    " modality_reliability reliability_score self_assessment_score self_score usefulness \u53ef\u9760\u6027"
)
RATIONALE_KEYS = _keys(
    "rationale reason reasons reasoning explanation explain justification analysis evidence thought thoughts why comment"
    " comments notes note cues description chain_of_thought step_by_step because begr\u00fcndung raison raz\u00f3n"
    " \u7406\u7531 \u539f\u56e0"
)
REFUSAL_KEYS = _keys("refusal refused error")
RANK_KEYS = _keys("rank position order place")
ADJECTIVES = _keys(
    "final my predicted most likely the overall best primary dominant top detected main correct selected chosen estimated"
    " speaker_s speakers inferred perceived identified likeliest classified recommended current"
)
STRONG = _keys("final overall")
ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
    "5th": 5,
}

# Where a sentence says what the answer is; what follows, to its end, names it.
VERDICT = re.compile(
    r"\b(?:(?:answer|guess|emotion|label|prediction|choice|option|conclusion|classification|category|verdict|mood|"
    r"sentiment|feeling|class|pick|assessment)\s{1,3}(?:here\s)?(?:is|would be|must be|should be|seems to be|"
    r"appears to be|was|will be|remains)|i(?:'d| would| will|'ll)?\s(?:say|guess|choose|pick|select|go with|"
    r"answer|lean(?: more)? towards?|settle on|opt for|classify (?:it|this) as|label (?:it|this) as|choose)|"
    r"(?:therefore|thus|hence|so|overall|in conclusion|in summary|to conclude|ultimately)\b|"
    r"most likely|(?:classified|labelled|labeled|best described|categori[sz]ed) as)\b[:,]?",
    re.IGNORECASE,
)
_CANNOT = r"(?:can(?:no|')t|can not|could(?: not|n't)|won't|will not|am (?:unable|not able) to|'m (?:unable|not able) to|am not permitted to)"
REFUSALS = (
    (
        "had no input",
        re.compile(
            r"\b(?:no|any|don't (?:see|have)(?: an?| any| the)?|do not (?:see|have)(?: an?| any| the)?|without an?|"
            r"missing)\s(?:\w+\s)?(?:audio|video|image|images|file|clip|transcript|text|recording|attachment|input|"
            r"picture|frames?|speech|media|content)\b[^.\n]{0,60}\b(?:provided|attached|received|available|shared|uploaded|given|"
            r"visible|included|supplied|here|yet)"
            r"|\b(?:please|could you|can you|kindly)\s(?:\w+\s){0,2}(?:provide|upload|share|attach|send|paste|resend)\b"
            r"|\b(?:don't|do not) (?:see|have|receive) (?:an?|any|the) (?:\w+ )?(?:audio|video|image|file|clip|"
            r"transcript|text|recording|attachment)\b"
            r"|\bi "
            + _CANNOT
            + r" (?:access|open|hear|listen to|see|view|watch|play|load|process) (?:the |this |your |any |an? |)"
            r"(?:\w+ )?(?:audio|video|image|file|clip|recording|attachment|link|media|frames?|sound|picture)s?\b",
            re.IGNORECASE,
        ),
    ),
    (
        "does not know",
        re.compile(
            r"\b(?:i (?:really |honestly |simply |just )?(?:don't|do not) know|i(?:'m| am) (?:really |honestly )?(?:not sure|unsure|"
            r"uncertain)|i have no idea|no idea|"
            r"(?:impossible|not possible|hard|difficult|too hard|too noisy|too short) (?:for me )?to (?:tell|determine|say|judge|identify|know|be sure|classify)|"
            r"(?:cannot|can't|can not|could not|couldn't) (?:\w+ )?(?:be )?(?:determined?|tell|decide|say|judge|identif(?:y|ied)|"
            r"conclude|discern|distinguish|infer(?:red)?)|(?:insufficient|not enough|too little|lack of|inadequate) (?:\w+ )?"
            r"(?:information|context|evidence|data|cues|detail|details|clues)|unable to (?:determine|tell|identify|decide|"
            r"say|judge|classify)|inconclusive|no way to (?:tell|know)|not clear (?:which|what|enough|to)|could be any|"
            r"anyone's guess)\b|(?:\u4e0d\u77e5\u9053|\u65e0\u6cd5(?:\u5224\u65ad|\u786e\u5b9a|\u8bc6\u522b)|\u4e0d\u786e\u5b9a|\u308f\u304b\u308a\u307e\u305b\u3093)"
            r"|\bno (?:lo )?s\u00e9\b|\bje ne sais pas\b|\bich wei\u00df (?:es )?nicht\b|\u043d\u0435 \u0437\u043d\u0430\u044e",
            re.IGNORECASE,
        ),
    ),
    (
        "declined",
        re.compile(
            r"\bas an? (?:\w+ ){0,3}(?:ai|language model|assistant|llm)\b|\bi(?:'m| am) (?:very |so |really )?(?:sorry|afraid)\b|"
            r"\bi "
            + _CANNOT
            + r" (?:\w+ )?(?:assist|help|comply|do that|provide|answer|analy[sz]e|make|identify|recogni[sz]e|detect|"
            r"describe|discuss|engage|fulfil?l|participate|continue|respond|speculate|guess|comment|classify|support|infer)\b|"
            r"\bi(?:'m| am) (?:unable|not able|not allowed|not permitted|not comfortable|not designed)\b|"
            r"\bi(?:'d| would) (?:rather|prefer) not\b|\bi (?:must |have to |will |need to |respectfully )?(?:decline|refuse|pass on)\b|"
            r"\b(?:against|violates?|outside|beyond) (?:my|our|the) (?:\w+ )?(?:guidelines|polic(?:y|ies)|capabilities|scope|rules|terms)\b|"
            r"\b(?:not|in)appropriate (?:for me )?(?:to|content|request)\b|\bwould not be (?:appropriate|right|ethical)\b|"
            r"\b(?:my apologies|apologies|unfortunately),? (?:but )?i\b|\u5bf9\u4e0d\u8d77|\u62b1\u6b49|\u7533\u3057\u8a33|lo siento|desculpe|je suis d\u00e9sol\u00e9",
            re.IGNORECASE,
        ),
    ),
)


def normal_key(key: str) -> str:
    """Return a key as the sets above have them: "Final Answer" and finalAnswer as final_answer."""
    key = unicodedata.normalize("NFKC", key[:80])
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)
    return re.sub(r"[\W_]+", "_", key.casefold()).strip("_")


def order_of_key(key: str) -> int | None:
    """Return the rank that a key such as 2, rank_2, emotion2 or second_choice speaks of."""
    if key.split("_", 1)[0] in ORDINALS:
        return ORDINALS[key.split("_", 1)[0]]
    numbered = re.fullmatch(r"[a-z_]{0,24}?(\d{1,2})", key)
    return int(numbered[1]) if numbered else None


def refusal_in(text: str) -> str | None:
    """Return why a text gives no answer, None where it does not say so."""
    text = text.replace("\u2019", "'")
    return next((reason for reason, pattern in REFUSALS if pattern.search(text)), None)
