"""How good one way to decide is: coverage, fused scores as probabilities, and whom it lets sabotage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage import scoring
from sabotage.contenders import Contender
from sabotage.errors import SabotageError
from sabotage.fusion import Decision
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
        Of the fused scores as a distribution, replayed or recorded, at most 27.6, which an abstention costs; None where
        they make none.
    n_floored : int or None
        Examples whose truth has next to no part in the scores, an abstention included: each costs 27.6 in the log loss.
    ece : float or None
        15 equal-width bins of the highest of them, over the examples with an outcome; None also where there is none.
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
    n_floored: int | None
    ece: float | None
    n_wrong: int
    n_with_saboteur: int
    n_with_pivotal: int | None
    saboteurs: dict[str, int]


def measure_quality(contender: Contender, threshold: float | str, top_k: Sequence[int]) -> Quality:
    """Measure one contender."""
    panel, decision, ready = contender.panel, contender.decision, contender.replay
    log_loss, ece, n_floored = _as_probabilities(contender)
    covered = {k: _coverage(decision, k, panel.n_classes) for k in top_k}
    roles = assign_roles(panel, decision, ready, threshold)
    saboteur = roles.role == SABOTEUR
    turns = saboteur & (roles.pivotal == 1)
    is_known = ready is not None and not (roles.pivotal == NULL).all()
    return Quality(
        n_abstained=int(np.count_nonzero(decision.labels < 0)),
        top_k={str(k): share for k, share in covered.items()},
        log_loss=log_loss,
        n_floored=n_floored,
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


def _as_probabilities(contender: Contender) -> tuple[float | None, float | None, int | None]:
    """Return log loss and ECE of the fused scores, where they make a distribution, and what the floor decides."""
    nothing = None, None, None
    kind, decision = _fused(contender)
    if kind is None or decision.scores is None:
        return nothing
    decided = decision.labels >= 0
    scores, labels, truth = decision.scores[decided], decision.labels[decided], contender.panel.truth[decided]
    if kind == pairs.SHARE and not scores.min(initial=0.0) >= 0:  # nor NaN
        return nothing
    highest = scores.max(axis=1, initial=-np.inf)
    with np.errstate(over="ignore"):
        parts = np.exp(scores - highest[:, None]) if kind == pairs.SOFTMAX else scores
        total = parts.sum(axis=1)
    if not np.isfinite(total).all():
        return nothing
    shares = np.divide(parts, total[:, None], out=np.zeros(parts.shape), where=total[:, None] > 0)
    of_truth = np.maximum(shares[np.arange(len(truth)), truth], pairs.LOG_CLIP)
    n_abstained = len(decided) - len(labels)
    loss = -(np.log(of_truth).sum() + n_abstained * np.log(pairs.LOG_CLIP)) / len(decided)
    n_floored = n_abstained + int(np.count_nonzero(of_truth == pairs.LOG_CLIP))
    has = total > 0
    if not has.any():
        return float(loss), None, n_floored
    confidence = np.minimum(shares[has].max(axis=1), 1.0)
    return float(loss), scoring.expected_calibration_error(labels[has] == truth[has], confidence), n_floored


def _fused(contender: Contender) -> tuple[int | None, Decision]:
    """Return how the fused scores become a distribution, None where they do not, and the decision with them."""
    ready, decision = contender.replay, contender.decision
    if ready is None:
        return pairs.SHARE, decision  # recorded, with scores or without
    if ready.rule.distribution is None:
        return None, decision
    if not ready.is_by_rows:  # of those the scores themselves tell
        try:
            log_kind(ready)
        except SabotageError:
            return None, decision
    kind = pairs.SOFTMAX if ready.rule.distribution == "softmax" else pairs.SHARE
    return kind, ready.decide(ready.weights, keep_scores=True)
