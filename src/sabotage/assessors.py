"""What an estimate of reliability is made from: margin, entropy, energy, distance, or all that an agent says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sabotage.correctness import standard
from sabotage.errors import SabotageError, listed
from sabotage.panel import Panel

NEIGHBOURS = 10
SLACK = 0.05  # of a sum of shares: seven of them, rounded to two decimals, are off by .035 at most


@dataclass(frozen=True, eq=False)
class Given:
    """What stands outside the panel: features of its rows (n, d) and of training rows (k, d), by agent, or neither."""

    features: Mapping[str, np.ndarray] | None = None
    training: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True)
class Assessor:
    """One way to estimate reliability.

    Attributes
    ----------
    name : str
    measures : str
        What it looks at.
    features : callable
        (panel, agent's index, whether its scores are logits, given) to an ndarray of shape (n, d): NaN throughout a row
        where nothing can be said.
    """

    name: str
    measures: str
    features: Callable[[Panel, int, bool, Given], np.ndarray]


def margin(panel: Panel, m: int, logits: bool, given: Given) -> np.ndarray:
    """Return the best score less the second best, 0 where not listed: (n, 1). Of logits, the same of their softmax."""
    scores = _shares(panel, m, logits) if logits else _scores(panel, m)
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return (best[:, 1] - best[:, 0])[:, None]


def entropy(panel: Panel, m: int, logits: bool, given: Given) -> np.ndarray:
    """Return the entropy of the shares, in nats, of at most log C: (n, 1)."""
    from scipy.special import entr

    return entr(_shares(panel, m, logits)).sum(axis=1)[:, None]


def energy(panel: Panel, m: int, logits: bool, given: Given) -> np.ndarray:
    """Return the log of the sum of exponentials of the listed logits, (n, 1): the negative energy.

    References
    ----------
    Liu, W., et al. (2020). Energy-based out-of-distribution detection. arXiv:2010.03759
    """
    from scipy.special import logsumexp

    there = ~np.isnan(_scores(panel, m)[:, 0])
    out = np.full(panel.n_examples, np.nan)
    out[there] = logsumexp(_listed(panel, m)[there], axis=1)
    return out[:, None]


def distance(panel: Panel, m: int, logits: bool, given: Given) -> np.ndarray:
    """Return the mean Euclidean distance to the nearest training rows, ten of them or all there are: (n, 1).

    Every feature is standardised by mean and standard deviation of the training rows.
    """
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    assert given.features is not None
    assert given.training is not None
    own, training = given.features[panel.agents[m]], given.training[panel.agents[m]]
    centre, spread = standard(training)
    known = np.flatnonzero(panel.spoke[:, m] & ~np.isnan(own).any(axis=1))
    out = np.full(panel.n_examples, np.nan)
    if len(known):
        with threadpool_limits(1):
            near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(training))).fit((training - centre) / spread)
            out[known] = near.kneighbors((own[known] - centre) / spread)[0].mean(axis=1)
    return out[:, None]


def learned(panel: Panel, m: int, logits: bool, given: Given) -> np.ndarray:
    """Return all that an agent says where it speaks, and what is given of its rows: (n, d).

    The confidence; margin and entropy of its scores, where it has any; the label, one column a class; and its features
    where they are given. What is not known of a row is 0, and a column more says so.
    """
    columns = [panel.confidence[:, m]]
    if panel.has_scores[m]:
        columns += [measure(panel, m, logits, given)[:, 0] for measure in (margin, entropy)]
    if given.features is not None:
        columns += list(given.features[panel.agents[m]].T)
    said = np.stack(columns, axis=1)
    unknown = np.isnan(said)
    emitted = panel.labels[:, m, None] == np.arange(panel.n_classes)
    out = np.concatenate([np.where(unknown, 0.0, said), unknown, emitted], axis=1)
    out[~panel.spoke[:, m]] = np.nan
    return out


ASSESSORS = {
    one.name: one
    for one in (
        Assessor("margin", "the best class score less the second", margin),
        Assessor("entropy", "the entropy of the class shares", entropy),
        Assessor("energy", "the log of the sum of exponentials of the logits", energy),
        Assessor("distance", f"the mean distance to the {NEIGHBOURS} nearest training rows", distance),
        Assessor("learned", "confidence, margin, entropy, label and what features are given", learned),
    )
}


def find_logits(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Say whose scores are logits: two ndarrays of shape (M,), bool.

    Of the first, scores are no shares of a whole: some are negative. Of the second, they are logits for all that can be
    seen: some are negative or above 1, or those of all classes of some row do not sum to 1 (within .05, for rounding).
    """
    negative = panel.lowest_score < 0
    odd = negative.copy()
    for rows in panel.chunks():
        if panel.scores is None:
            break
        part = panel.scores[rows]
        total = part.sum(axis=2)  # NaN of a candidate list, whose sum says nothing
        odd |= np.fmax.reduce(part, axis=(0, 2), initial=0.0) > 1
        odd |= (np.abs(total - 1) > SLACK).any(axis=0)
    return negative, odd


def require(name: str, panel: Panel, logits: np.ndarray, given: Given) -> None:
    """Raise SabotageError where a panel, or what is given beside it, does not have what an assessor looks at."""
    if name in ("margin", "entropy", "energy"):
        bare = [agent for agent, has in zip(panel.agents, panel.has_scores, strict=True) if not has]
        if bare:
            raise SabotageError(
                f"{name} needs class scores or candidates, and {listed(bare)} has none: method learned makes do with"
                f" labels and confidences"
            )
    if name == "energy" and not logits.all():
        shares = [agent for agent, is_logit in zip(panel.agents, logits, strict=True) if not is_logit]
        raise SabotageError(
            f"energy needs logits, and the scores of {listed(shares)} are shares of a whole, of which the logits cannot"
            f" be had back: store the logits, or use method entropy"
        )
    if name == "distance":
        for what, arrays in (("features", given.features), ("training", given.training)):
            if arrays is None:
                raise SabotageError(
                    f"distance needs {what}, a dict of arrays of rows and features by agent, which only Python takes:"
                    f" assess(panel, 'distance', features=..., training=...)"
                )
    if name not in ("distance", "learned") and (given.features is not None or given.training is not None):
        raise SabotageError(f"{name} looks at no features: give them to method distance or learned")


def check_given(panel: Panel, given: Given, widths: Mapping[str, int] | None = None) -> Given:
    """Return the arrays as float64, once they are sound.

    Raises SabotageError where an agent has none, or an array is not of the shape (n, d), (k, d), or holds infinities;
    `widths` are those that other rows of the agents have.
    """
    own = _arrays(given.features, "features", panel.agents, panel.n_examples)
    training = _arrays(given.training, "training", panel.agents, None)
    for agent in panel.agents:
        wanted = {} if widths is None else dict(widths)
        if training is not None:
            wanted[agent] = training[agent].shape[1]
            if np.isnan(training[agent]).any() or not len(training[agent]):
                raise SabotageError(f"training of {agent} must have rows, without NaN: leave out rows that have some")
        if own is not None and training is not None and np.array_equal(own[agent], training[agent]):
            raise SabotageError(
                f"training of {agent} must be other rows than its features: each is at a distance of 0 from itself"
            )
        if own is not None and own[agent].shape[1] != wanted.get(agent, own[agent].shape[1]):
            raise SabotageError(
                f"features of {agent} must have as many columns everywhere: found {own[agent].shape[1]} and"
                f" {wanted[agent]}"
            )
    return Given(own, training)


def _arrays(
    arrays: Mapping[str, np.ndarray] | None, what: str, agents: tuple[str, ...], n: int | None
) -> dict[str, np.ndarray] | None:
    if arrays is None:
        return None
    if not isinstance(arrays, Mapping):
        raise SabotageError(f"{what} must be a dict of arrays by agent: found a {type(arrays).__name__}")
    missing = [agent for agent in agents if agent not in arrays]
    if missing:
        raise SabotageError(f"{what} must hold an array of every agent: {listed(missing)} not there")
    out = {}
    for agent in agents:
        try:
            array = np.asarray(arrays[agent], dtype=np.float64)
        except (TypeError, ValueError):
            raise SabotageError(f"{what} of {agent} must be numbers") from None
        if array.ndim != 2 or (n is not None and len(array) != n) or not array.shape[1]:
            wanted = "(k, d)" if n is None else f"({n}, d)"
            raise SabotageError(f"{what} of {agent} must be of shape {wanted}: found {array.shape}")
        if np.isinf(array).any():
            raise SabotageError(f"{what} of {agent} must be finite, NaN where one is not known: found inf")
        out[agent] = array
    return out


def _scores(panel: Panel, m: int) -> np.ndarray:
    """Return an agent's scores (n, C), 0 of what is not listed; NaN throughout where it has none."""
    assert panel.scores is not None
    scores = panel.scores[:, m]
    there = panel.spoke[:, m] & ~np.isnan(scores).all(axis=1)
    return np.where(there[:, None], np.nan_to_num(scores, nan=0.0), np.nan)


def _shares(panel: Panel, m: int, logits: bool) -> np.ndarray:
    """Return shares (n, C) of a whole, 0 of what is not listed; NaN throughout where an agent has no scores.

    Logits go through a softmax; rows that sum to 0 are even.
    """
    from scipy.special import softmax

    scores = _scores(panel, m)
    there = ~np.isnan(scores[:, 0])
    if logits:
        scores[there] = softmax(_listed(panel, m)[there], axis=1)
        return scores
    total = scores[there].sum(axis=1, keepdims=True)
    even = np.full((len(total), scores.shape[1]), 1 / scores.shape[1])
    scores[there] = np.divide(scores[there], total, out=even, where=total > 0)
    return scores


def _listed(panel: Panel, m: int) -> np.ndarray:
    """Return an agent's logits (n, C), -inf of what is not listed."""
    assert panel.scores is not None
    return np.where(np.isnan(panel.scores[:, m]), -np.inf, panel.scores[:, m])
