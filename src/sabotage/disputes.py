"""How much the agents of each example differ, from each other and from the decision: five scores of disagreement."""

from itertools import combinations

import numpy as np

from sabotage.divergence import DECIMALS, as_shares, divergence, entropy
from sabotage.errors import SabotageError
from sabotage.fusion import Replay
from sabotage.judging import Judged
from sabotage.kernels import pairs
from sabotage.measures import log_kind
from sabotage.panel import Panel

# What each score is, and what it says of where annotators are unsure.
SCORES = {
    "votes": "pairs of agents with different labels",
    "divergence": "divergence of the agents' class scores",
    "against_fused": "agents against the decision",
    "fused_entropy": "entropy of the fused scores",
    "unsure_agents": "1 less the highest confidence",
}


def dispute_scores(judged: Judged) -> dict[str, np.ndarray]:
    """Return every score of each example, higher where there is more disagreement.

    votes : the share of pairs of speaking agents with different labels; fewer than two have none.
    divergence : see `sabotage.divergence`.
    against_fused : the share of speaking agents whose label is not the decision's; unknown where there is no decision.
    fused_entropy : the entropy of the fused scores over that of a draw among the classes; of recorded decisions, the
    recorded scores, and unknown where a rule makes no distribution over classes.
    unsure_agents : 1 less the highest confidence of the speaking agents.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        In [0, 1]; NaN where it is not known.
    """
    panel, decision = judged.panel, judged.roles.decision
    # Agent by agent: numpy is slow in reducing over a short axis.
    said, apart = np.zeros(panel.n_examples, np.int64), np.zeros(panel.n_examples, np.int64)
    highest = np.full(panel.n_examples, np.nan)
    for labels, spoke, confidence in zip(panel.labels.T, panel.spoke.T, panel.confidence.T, strict=True):
        said += spoke
        apart += spoke & (labels != decision.labels)
        np.fmax(highest, np.where(spoke, confidence, np.nan), out=highest)
    decided = (said > 0) & (decision.labels >= 0)
    against = np.divide(apart, said, out=np.full(panel.n_examples, np.nan), where=decided)
    return {
        "votes": split_votes(panel),
        "divergence": divergence(panel),
        "against_fused": against,
        "fused_entropy": _fused_entropy(panel, judged.replay, decision.source),
        "unsure_agents": np.round(1 - highest, DECIMALS),
    }


def split_votes(panel: Panel) -> np.ndarray:
    """Return the share of pairs of speaking agents whose labels differ: ndarray of shape (n,), NaN without a pair."""
    labels, spoke = panel.labels, panel.spoke
    apart, n_pairs = np.zeros(panel.n_examples, np.int64), np.zeros(panel.n_examples, np.int64)
    for a, b in combinations(range(panel.n_agents), 2):
        both = spoke[:, a] & spoke[:, b]
        n_pairs += both
        apart += both & (labels[:, a] != labels[:, b])
    return np.divide(apart, n_pairs, out=np.full(panel.n_examples, np.nan), where=n_pairs > 0)


def _fused_entropy(panel: Panel, ready: Replay, source: str) -> np.ndarray:
    found = np.full(panel.n_examples, np.nan)
    if source == "recorded":
        if panel.fused_scores is not None:
            for rows in panel.chunks():
                scores = panel.fused_scores[rows]
                found[rows] = _normalised(scores)
        return found
    try:
        kind = log_kind(ready)
    except SabotageError:  # the rule makes labels, or scores that are no distribution
        return found
    for rows in panel.chunks():
        examples = np.arange(panel.n_examples)[rows]
        part = ready if len(examples) == panel.n_examples else ready.take(examples)
        decision = part.decide(part.weights, keep_scores=True)
        assert decision.scores is not None  # asked for
        scores = decision.scores
        if kind == pairs.SOFTMAX:
            scores = np.exp(scores - scores.max(axis=1)[:, None])
        found[rows] = np.where(decision.labels < 0, np.nan, _normalised(scores))
    return found


def _normalised(scores: np.ndarray) -> np.ndarray:
    """Return the entropy of scores (k, C) over the most it can be, NaN where they are no distribution: (k,)."""
    return np.round(np.clip(entropy(as_shares(scores)) / np.log2(scores.shape[1]), 0.0, 1.0), DECIMALS)
