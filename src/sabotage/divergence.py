"""How far apart agents' class scores are: Jensen-Shannon divergences, of each example and as means of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sabotage.panel import Panel, chunks
from sabotage.tallies import Measure, Tally

DECIMALS = 12  # the order of the agents changes the last bits of a sum, and must neither make nor break a tie
MOST_NUMBERS = 30_000_000  # shares that logarithms are taken of for means; of more examples a sample is taken
FEWEST_SAMPLED = 100
SEED = 0
NEVER = "on no example do they all have scores with a positive sum"


@dataclass(frozen=True)
class Divergence:
    """Of every pair of agents, by index, of all that have scores, and how many examples were sampled, None for all."""

    pairs: dict[tuple[int, int], Measure]
    everyone: Measure
    n_sampled: int | None


def divergence(panel: Panel) -> np.ndarray:
    """Return the Jensen-Shannon divergence of the class scores of each example's speaking agents.

    The entropy of their mean distribution less the mean of their entropies, in bits, over the logarithm of how many
    they are, which is the most that it can be: 0 where all say the same, 1 where each is sure of a class of its own
    (with more agents than classes that is out of reach). Of two agents it is the divergence in bits, the square of the
    distance of that name. Scores are normalised to sum to 1; a class that a candidate list leaves out has none.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    ndarray of shape (n,)
        In [0, 1]; NaN where fewer than two speaking agents have scores. An agent with a negative score, or with scores
        that sum to 0, has none on that example.

    References
    ----------
    Lin 1991 (doi:10.1109/18.61115), equation 5.1, with equal weights.
    """
    found = np.full(panel.n_examples, np.nan)
    having = np.flatnonzero(panel.has_scores).tolist()
    if len(having) < 2:
        return found
    for rows in panel.chunks():
        shares = [shares_of(panel, m, rows) for m in having]
        found[rows] = apart(shares, [entropy(own) for own in shares])
    return found


def measure_divergence(panel: Panel, tally: Tally) -> Divergence:
    """Measure the mean of `divergence` of every pair of agents, and of all, over the examples where all have scores.

    Null where an agent has no scores, or anywhere negative ones, which are no shares. Of more than 30,000,000 shares to
    take logarithms of, a random sample of examples is taken.
    """
    why = [_why_none(panel, m) for m in range(panel.n_agents)]
    usable = [m for m, reason in enumerate(why) if reason is None]
    pairs = list(combinations(range(len(usable)), 2))
    rows, n_sampled = np.arange(panel.n_examples), None
    each = panel.n_classes * (len(pairs) + len(usable))
    if pairs and each * panel.n_examples > MOST_NUMBERS:
        n_sampled = min(panel.n_examples, max(FEWEST_SAMPLED, MOST_NUMBERS // each))
        rows = np.sort(np.random.default_rng(SEED).choice(panel.n_examples, n_sampled, replace=False))
    values = np.empty((len(pairs) + 1, len(rows)))
    for part in chunks(len(rows), panel.n_classes * len(usable)) if pairs else ():
        # Of all rows a slice: taking by index is slow.
        shares = [shares_of(panel, m, part if n_sampled is None else rows[part]) for m in usable]
        entropies = [entropy(own) for own in shares]
        for k, (a, b) in enumerate(pairs):
            values[k, part] = apart((shares[a], shares[b]), (entropies[a], entropies[b]))
        values[-1, part] = np.where(np.isnan(entropies).any(axis=0), np.nan, apart(shares, entropies))
    means = {(usable[a], usable[b]): _mean(tally, own, rows) for (a, b), own in zip(pairs, values[:-1], strict=True)}
    found = {
        (a, b): means.get((a, b)) or Measure(None, None, 0, why[a] or why[b])
        for a, b in combinations(range(panel.n_agents), 2)
    }
    if not pairs:
        return Divergence(found, Measure(None, None, 0, "it takes two agents with class scores, none negative"), None)
    return Divergence(found, _mean(tally, values[-1], rows), n_sampled)


def _why_none(panel: Panel, m: int) -> str | None:
    if not panel.has_scores[m]:
        return f"{panel.agents[m]} has no class scores"
    return f"{panel.agents[m]} has negative scores, which are no shares" if panel.lowest_score[m] < 0 else None


def _mean(tally: Tally, values: np.ndarray, rows: np.ndarray) -> Measure:
    known = np.flatnonzero(~np.isnan(values))
    return tally.mean(values[known], rows[known], 0.0, 1.0, NEVER)


def shares_of(panel: Panel, m: int, rows: slice | np.ndarray) -> np.ndarray:
    """Return the class scores of an agent on some examples as shares (C, k), NaN where it is silent or has none."""
    assert panel.scores is not None  # who has scores is asked before
    shares = as_shares(panel.scores[rows, m])
    shares[:, ~panel.spoke[rows, m]] = np.nan
    return shares


def as_shares(scores: np.ndarray) -> np.ndarray:
    """Return scores (k, C) as shares that sum to 1, ndarray of shape (C, k); NaN where one is negative or all are 0.

    A score that is not there counts as 0.
    """
    shares = np.array(scores.T, order="C")  # sums over few classes are slow along rows
    shares[np.isnan(shares)] = 0.0
    negative = shares.min(axis=0) < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        shares /= shares.max(axis=0)  # first, so that no sum leaves float64
        shares /= shares.sum(axis=0)
    shares[:, negative] = np.nan
    return shares


def mean_shares(shares: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of shares (C, k) of several agents, those of NaN left out; NaN where all are."""
    there = [~np.isnan(own[0]) for own in shares]
    total = sum(
        own if own_there.all() else np.where(own_there, own, 0.0) for own, own_there in zip(shares, there, strict=True)
    )
    with np.errstate(invalid="ignore"):
        return np.asarray(total) / np.sum(there, axis=0)


def apart(shares: Sequence[np.ndarray], entropies: Sequence[np.ndarray]) -> np.ndarray:
    """Return the divergence of shares (C, k) of some agents, with the `entropy` (k,) of each: ndarray of shape (k,).

    In [0, 1]; agents of NaN are left out, NaN for fewer than two.
    """
    n = np.count_nonzero(~np.isnan(entropies), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = entropy(mean_shares(shares)) - np.nansum(entropies, axis=0) / n
        found = np.round(np.clip(gained / np.log2(n), 0.0, 1.0), DECIMALS)
    return np.where(n >= 2, found, np.nan)


def entropy(shares: np.ndarray) -> np.ndarray:
    """Return the entropy, in bits, of shares (C, k): ndarray of shape (k,), NaN where they are."""
    from scipy.special import entr

    total: np.ndarray = entr(shares).sum(axis=0) / np.log(2)
    return total
