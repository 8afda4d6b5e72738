"""What a fusion rule combines: class scores, their logarithms, labels, candidate lists or ranks of one panel."""

import numpy as np

from sabotage.panel import Panel
from sabotage.rules import Rule


def make_evidence(panel: Panel, rule: Rule, clip: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the evidence and which agents the rule can use where they spoke, None for all of them: (n, M) bool."""
    if rule.evidence == "votes":
        if rule.combine != "pool":
            return np.zeros((1, 1, panel.n_classes)), None
        return (panel.labels[:, :, None] == np.arange(panel.n_classes)).astype(float), None
    if rule.needs == "scores":
        assert panel.scores is not None  # require() saw to it
        usable = np.empty(panel.labels.shape, bool)
        evidence = np.empty(panel.scores.shape) if rule.evidence == "log_scores" else panel.scores
        for rows in panel.chunks():
            usable[rows] = ~np.isnan(panel.scores[rows, :, 0])
            if rule.evidence == "log_scores":
                np.log(np.maximum(panel.scores[rows], clip), out=evidence[rows])
        return evidence, usable
    evidence = np.empty((panel.n_examples, panel.n_agents, panel.n_classes))
    usable = np.empty(panel.labels.shape, bool)
    for rows in panel.chunks():
        candidates = candidates_of(panel, rows)
        usable[rows] = ~np.isnan(candidates).all(axis=2)
        if rule.evidence == "borda":
            evidence[rows] = _borda(candidates)
        else:
            evidence[rows] = np.nan_to_num(candidates, nan=0.0)
    return evidence, usable


def candidates_of(panel: Panel, rows: slice) -> np.ndarray:
    """Return confidences of the listed classes, NaN where not listed: a label alone is a list of one."""
    labels, confidence = panel.labels[rows], panel.confidence[rows]
    if panel.scores is not None:
        candidates = panel.scores[rows].copy()
    else:
        candidates = np.full((*labels.shape, panel.n_classes), np.nan)
    alone = (labels >= 0) & ~np.isnan(confidence) & np.isnan(candidates).all(axis=2)
    i, m = np.nonzero(alone)
    candidates[i, m, labels[i, m]] = confidence[i, m]
    return candidates


def _borda(candidates: np.ndarray) -> np.ndarray:
    """C - rank of each class, ranks of equals averaged; the unlisted share the last ranks."""
    from scipy.stats import rankdata

    return candidates.shape[2] - rankdata(-np.where(np.isnan(candidates), -np.inf, candidates), axis=2)
