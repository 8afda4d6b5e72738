"""How good one way to decide is: coverage, fused scores as probabilities, and whom it lets sabotage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage import scoring
from sabotage.contenders import Contender
from sabotage.errors import SabotageError
from sabotage.fusion import Decision, Replay, log_parts
from sabotage.kernels import pairs
from sabotage.measures import log_kind
from sabotage.roles import NULL, SABOTEUR, assign_roles


@dataclass(frozen=True)
class Quality:
    """Numbers of one way to decide, over all examples unless said.

    Attributes
    ----------
    n_abstained : int
    top_k : dict of str to float or None
        Coverage of the truth by the k highest scores; None for more than there are classes, and without scores.
    log_loss : float or None
        Of the fused scores as a distribution, at most 27.6, which an abstention costs; None where they make none.
    ece : float or None
        15 equal-width bins of the highest of them, over the examples with an outcome.
    n_wrong, n_with_saboteur : int
        Wrong decisions, and those with a saboteur.
    n_with_pivotal : int or None
        Those with a saboteur without whom the decision would be right; None where nothing can be replayed.
    saboteurs : dict of str to int
        Wrong decisions that each agent sabotages.
    """

    n_abstained: int
    top_k: dict[str, float | None]
    log_loss: float | None
    ece: float | None
    n_wrong: int
    n_with_saboteur: int
    n_with_pivotal: int | None
    saboteurs: dict[str, int]


def measure_quality(contender: Contender, threshold: float | str, top_k: Sequence[int]) -> Quality:
    """Measure one contender."""
    panel, decision, ready = contender.panel, contender.decision, contender.replay
    log_loss, ece = (None, None) if ready is None else _as_probabilities(ready)
    covered = {k: _coverage(decision, k, panel.n_classes) for k in top_k}
    roles = assign_roles(panel, decision, ready, threshold)
    saboteur = roles.role == SABOTEUR
    turns = saboteur & (roles.pivotal == 1)
    is_known = ready is not None and not (roles.pivotal == NULL).all()
    return Quality(
        n_abstained=int(np.count_nonzero(decision.labels < 0)),
        top_k={str(k): share for k, share in covered.items()},
        log_loss=log_loss,
        ece=ece,
        n_wrong=int(np.count_nonzero(decision.labels != panel.truth)),
        n_with_saboteur=int(np.count_nonzero(saboteur.any(axis=1))),
        n_with_pivotal=int(np.count_nonzero(turns.any(axis=1))) if is_known else None,
        saboteurs={agent: roles.count(m, SABOTEUR) for m, agent in enumerate(panel.agents)},
    )


def _coverage(decision: Decision, k: int, n_classes: int) -> float | None:
    if decision.truth_rank is None or k > n_classes:
        return None
    return float((decision.truth_rank < k).mean())


def _as_probabilities(ready: Replay) -> tuple[float | None, float | None]:
    """Return log loss and ECE of the fused scores, where they make a distribution."""
    try:
        kind = log_kind(ready)
    except SabotageError:
        return None, None
    truth = ready.panel.truth
    decision = ready.decide(ready.weights, keep_scores=True)
    assert decision.scores is not None  # asked for
    parts = log_parts(kind, decision.scores, truth)
    parts[decision.labels < 0] = np.log(pairs.LOG_CLIP)
    highest = decision.scores.max(axis=1)
    if kind == pairs.SOFTMAX:
        top, total = np.ones(len(highest)), np.exp(decision.scores - highest[:, None]).sum(axis=1)
    else:
        top, total = highest, decision.scores.sum(axis=1)
    has = (decision.labels >= 0) & (total > 0)
    ece = None
    if has.any():
        right, confidence = decision.labels[has] == truth[has], np.minimum(top[has] / total[has], 1.0)
        ece = scoring.expected_calibration_error(right, confidence)
    return float(-parts.mean()), ece
