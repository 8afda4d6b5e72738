"""Fusion rules in words, for a reader who does not know their names."""

from collections.abc import Mapping
from typing import Any

_SCORES, _LABELS = "the agents' class scores", "the agents' labels"
WORDS = {
    "mean": f"the mean of {_SCORES}",
    "weighted_mean": f"the weighted mean of {_SCORES}",
    "product": f"the product of {_SCORES}, clipped below at {{clip:g}}",
    "log_pool": f"the weighted sum of the logarithms of {_SCORES}, clipped below at {{clip:g}}",
    "majority": f"a plurality vote over {_LABELS}",
    "weighted_vote": f"a weighted vote over {_LABELS}",
    "confidence_sum": "the sum of the confidences with which agents list a class",
    "weighted_confidence_sum": "the weighted sum of the confidences with which agents list a class",
    "borda": "the sum of the agents' Borda counts, tied ranks averaged",
    "weighted_borda": "the weighted sum of the agents' Borda counts, tied ranks averaged",
    "softmax_gate": f"the mean of {_SCORES} weighted by a softmax of the weights at temperature {{temperature:g}}",
    "select_best": "the label of the agent with the highest weight",
    "max_confidence": "the label of the most confident agent",
    "max": f"the highest of {_SCORES}",
    "min": f"the lowest of {_SCORES}",
    "median": f"the median of {_SCORES}",
    "dempster_shafer": f"Dempster's rule of combination over {_SCORES}, discounted by the weights",
    "stacking": f"a multinomial logistic regression on the logarithms of {_SCORES}, clipped below at {{clip:g}}",
    "weighted_stacking": (
        f"a multinomial logistic regression on the logarithms of {_SCORES}, clipped below at {{clip:g}}, on the weights"
        f" and on their products"
    ),
    "learned_gate": f"the mean of {_SCORES} weighted by a learned softmax of reliability and availability",
    "class_weighted": f"the sum of {_SCORES}, each weighted by the agent's precision for that class",
}
UNWEIGHTED = {
    "mean", "product", "majority", "confidence_sum", "borda", "max_confidence", "max", "min", "median", "stacking",
    "class_weighted",
}  # fmt: skip
CALIBRATED = {
    "calibrated": "temperature scaling",
    "calibrated-temperature": "temperature scaling",
    "calibrated-platt": "Platt scaling",
    "calibrated-isotonic": "isotonic regression",
}


def rule_in_words(rule: str, settings: Mapping[str, Any]) -> tuple[str, bool, tuple[str, ...]]:
    """Return what a rule does, whether it takes weights, and the keys of the sources it rests on.

    Parameters
    ----------
    rule : str
        A name of the catalogue, "calibrated:" and one, or that of somebody's own, of which nothing can be said.
    settings : mapping
        "clip" and "temperature" stand in the words of the rules that take them.
    """
    head, sign, inner = rule.partition(":")
    if sign and head in CALIBRATED and inner in WORDS:
        words, weighted, keys = rule_in_words(inner, settings)
        return f"{words}, after calibration of each agent by {CALIBRATED[head]}", weighted, keys
    if rule not in WORDS:
        return "a rule of our own", True, ()
    keys = ("wolpert1992",) if "stacking" in rule else ()
    return WORDS[rule].format(clip=settings["clip"], temperature=settings["temperature"]), rule not in UNWEIGHTED, keys
