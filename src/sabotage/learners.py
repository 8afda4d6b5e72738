"""The learners: what each fits on calibration rows, what it takes back from a file, and the names that ask for it."""

from collections.abc import Callable
from dataclasses import dataclass

from sabotage import calibrating, class_weights, gating, stacking
from sabotage.errors import SabotageError, unknown
from sabotage.panel import Panel
from sabotage.parameters import Parameters


@dataclass(frozen=True)
class Learner:
    """What learns a rule's parameters.

    Attributes
    ----------
    name : str
    formula : str
        What is fitted.
    fit : callable
        (panel, method, clip) to parameters, from all rows of the panel.
    wrong : callable
        (parameters, n_agents, n_classes, method) to what is wrong with parameters that were read back, or None.
    """

    name: str
    formula: str
    fit: Callable[[Panel, str | None, float], Parameters]
    wrong: Callable[[Parameters, int, int, str | None], str | None]


def _stacker(name: str, formula: str, weighted: bool) -> Learner:
    return Learner(
        name,
        formula,
        lambda panel, method, clip: stacking.fit(panel, weighted=weighted, clip=clip),
        lambda parameters, m, c, method: stacking.wrong(parameters, m, c, weighted),
    )


LEARNERS = {
    learner.name: learner
    for learner in (
        _stacker("stacking", "bias[c] + sum over m of (sum over k of B[c,m,k] log max(p[m,k], clip) + b[c,m])", False),
        _stacker("weighted_stacking", "stacking + sum over m of q[m] (the same, with coefficients of its own)", True),
        Learner(
            "learned_gate",
            "sum over m of softmax(a[m] + sum over k of A[m,k] (q[k] - mean[k]) / sd[k] + B[m,k])[m] p[m,c]",
            lambda panel, method, clip: gating.fit(panel),
            lambda parameters, m, c, method: gating.wrong(parameters, m, c),
        ),
        Learner(
            "class_weighted",
            "sum over m of precision[m,c] p[m,c]",
            lambda panel, method, clip: class_weights.fit(panel),
            lambda parameters, m, c, method: class_weights.wrong(parameters, m, c),
        ),
        Learner(
            "calibrated",
            "another rule over calibrated agents",
            lambda panel, method, clip: calibrating.fit(panel, method),
            calibrating.wrong,
        ),
    )
}


def parse_learned(name: str) -> tuple[str, str | None, str | None]:
    """Take a learned rule's name apart.

    Returns
    -------
    tuple
        Its learner; the method of calibration, and the rule over calibrated agents, which is not looked at here: None
        where the learner has neither.

    Raises
    ------
    SabotageError
        If there is no such learner or method, or a calibrated rule does not say which rule.
    """
    if not isinstance(name, str):
        raise SabotageError(f"a learned rule is named, such as stacking: found a {type(name).__name__}")
    head, colon, inner = name.partition(":")
    learner, dash, method = head.partition("-")
    if learner == "calibrated":
        method = method if dash else "temperature"
        if method not in calibrating.METHODS:
            raise unknown("calibration method", method, calibrating.METHODS)
        if not inner:
            raise SabotageError(f"{name} must say which rule is over the calibrated agents: {head}:weighted_mean")
        return learner, method, inner
    if dash or colon or learner not in LEARNERS:
        raise unknown("learned rule", name, {"calibrated:RULE", *LEARNERS} - {"calibrated"})
    return learner, None, None


def is_learned(name: str) -> bool:
    """Whether a rule's name is meant as a learned one's, right or not."""
    head = name.partition(":")[0].partition("-")[0]
    return head in LEARNERS
