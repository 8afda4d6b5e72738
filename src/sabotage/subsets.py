"""What the decisions of a rule are worth when only some of the agents speak."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sabotage.fusion import WEIGHT_KINDS, Replay
from sabotage.kernels import fusing, subsets
from sabotage.measures import Measure
from sabotage.panel import Panel


def nobodys_worth(panel: Panel, statistic: str) -> float:
    """Return what a statistic is worth without agents, from the classes' shares of the truth alone.

    The sum of squared shares for accuracy, one over the number of classes present for balanced accuracy, the sum of
    share times log share for the log-likelihood.
    """
    share = np.bincount(panel.truth) / panel.n_examples
    share = share[share > 0]
    if statistic == "accuracy":
        return float((share**2).sum())
    return 1 / len(share) if statistic == "balanced_accuracy" else float((share * np.log(share)).sum())


def patterns(spoken: np.ndarray) -> np.ndarray:
    """Return who speaks, of labels (n, M), as subsets: ndarray of shape (n,), int64, bit m for agent m."""
    return (spoken >= 0) @ (np.int64(1) << np.arange(spoken.shape[1]))


def silent(masks: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Where nobody of the subsets `masks` (S,) is among those who speak, `pattern` (k,): (k, S) float64, 1 or 0."""
    return ((pattern[:, None] & masks) == 0).astype(np.float64)


def subset_worths(ready: Replay, masks: np.ndarray, measures: Mapping[int, Measure], rows: slice) -> np.ndarray:
    """Return what some examples are worth when only a subset speaks, weights made anew; 0 where nobody of it does.

    A rule that the kernel does not know is replayed for one subset after the other.

    Parameters
    ----------
    ready : Replay
    masks : ndarray of shape (S,), int64
        Subsets, ascending.
    measures : mapping of int to Measure
        A statistic for each kind of worth that is wanted.
    rows : slice
        The examples, k of them.

    Returns
    -------
    ndarray of shape (len(measures), k, S)
    """
    is_pool = ready.kind == fusing.POOL
    # Of scores below 0 there is no logarithm, which replaying says.
    is_share = ready.rule.is_ours and not (ready.panel.lowest_score < 0).any()
    if not is_known(ready) or (is_pool and any(measures) and not is_share):
        return replayed_worths(ready, masks, measures, rows)
    q = ready.panel.confidence if ready.rule.weight == "confidence" else ready.panel.reliability
    truth, spoken, evidence = ready.panel.truth[rows], ready.spoken[rows], ready.evidence_of(rows)
    worth = np.empty((len(measures), len(truth), len(masks)))
    weighing = (WEIGHT_KINDS[ready.rule.weight], ready.temperature)
    kinds = np.array(list(measures), np.int64)
    if not is_pool:
        subsets.subset_worth(ready.kind, weighing, evidence, spoken, q[rows], truth, masks, kinds, worth)
        return worth
    room = np.empty((1, ready.panel.n_classes))
    bad = subsets.pooled_worth(ready.function, weighing, evidence, spoken, q[rows], truth, masks, kinds, room, worth)
    return worth if bad < 0 else replayed_worths(ready, masks, measures, rows)  # which says what is wrong


def is_known(ready: Replay) -> bool:
    """Whether the kernel can fuse and weigh as the rule does."""
    if ready.kind == fusing.CALL or (ready.kind == fusing.POOL and not ready.rule.is_compiled):
        return False
    return ready.gates is None and ready.rule.weight in WEIGHT_KINDS


def replayed_worths(ready: Replay, masks: np.ndarray, measures: Mapping[int, Measure], rows: slice) -> np.ndarray:
    """Do what `subset_worths` does for any rule, by replaying it with the others silent."""
    part = ready.take(np.arange(ready.panel.n_examples)[rows])
    worth = np.empty((len(measures), part.panel.n_examples, len(masks)))
    for s, mask in enumerate(masks):
        spoken = np.where(mask >> np.arange(part.panel.n_agents) & 1, part.spoken, np.int32(-1))
        alone = replace(part, spoken=spoken)
        decision, nobody = alone.decide(alone.weights), (spoken < 0).all(axis=1)
        for k, measure in enumerate(measures.values()):
            worth[k, :, s] = np.where(nobody, 0.0, measure.worth(alone, decision, alone.weights))
    return worth
