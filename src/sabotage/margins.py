"""How clearly decisions are made: the best fused score less the second best, as shares of one."""

import numpy as np

from sabotage.fusion import Decision, Replay
from sabotage.kernels import fusing
from sabotage.panel import chunks


def margins_of(decision: Decision, ready: Replay) -> tuple[np.ndarray, str | None]:
    """Return the margin of every decision (n,), NaN where it has none, and why where none has.

    Scores are made shares of one first: by softmax where the rule's are logarithms, else divided by their sum. Of
    recorded scores those that are not known count as 0.

    Parameters
    ----------
    decision : Decision
    ready : Replay
        The rule, whose scores are those of a replayed decision.
    """
    n = len(decision.labels)
    none = np.full(n, np.nan)
    if decision.source == "recorded":
        scores = ready.panel.fused_scores
        if scores is None:
            return none, "the recorded decisions have no scores"
        if np.nanmin(scores, initial=0.0) < 0:
            return none, "the recorded scores are negative, and no shares of one"
        margins = _margins(np.nan_to_num(scores, nan=0.0))
        margins[decision.labels < 0] = np.nan
        return margins, None
    if ready.kind == fusing.CALL or ready.rule.selects:
        return none, f"{ready.rule.name} gives classes no scores"
    if ready.is_slow:
        return none, f"{ready.rule.name} runs in Python, and is not run once more for them"
    margins = none
    for rows in chunks(n, ready.panel.n_classes):
        own = ready.take(np.arange(n)[rows])
        found = own.decide(own.weights, keep_scores=True)
        scores = found.scores
        assert scores is not None  # asked for
        scores[found.labels < 0] = 0.0  # abstentions have none
        if ready.rule.distribution == "softmax":
            scores = np.exp(scores - scores.max(axis=1)[:, None])
        elif scores.min() < 0:
            return np.full(n, np.nan), f"{ready.rule.name} gives negative scores, which are no shares of one"
        margins[rows] = _margins(scores)
    margins[decision.labels < 0] = np.nan
    return margins, None


def _margins(scores: np.ndarray) -> np.ndarray:
    """Return the best share less the second best of scores (k, C): ndarray of shape (k,), NaN where their sum is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shares = scores / scores.sum(axis=1)[:, None]
    best = shares.max(axis=1)
    at = np.arange(len(shares)), shares.argmax(axis=1)
    shares[at] = -1.0
    margins = best - shares.max(axis=1)
    return np.where(np.isfinite(margins), margins, np.nan)
