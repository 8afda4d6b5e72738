"""The mean Jensen-Shannon divergence of class scores, of every pair of agents and of all that have scores."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sabotage.panel import Panel, chunks
from sabotage.tallies import Measure, Tally

MOST_NUMBERS = 30_000_000  # shares that logarithms are taken of; of more examples a sample is taken
FEWEST_SAMPLED = 100
SEED = 0
NEVER = "on no example do they all have scores with a positive sum"


@dataclass(frozen=True)
class Divergence:
    """Of every pair of agents, by index, of all that have scores, and how many examples were sampled, None for all."""

    pairs: dict[tuple[int, int], Measure]
    everyone: Measure
    n_sampled: int | None


def measure_divergence(panel: Panel, tally: Tally) -> Divergence:
    """Measure the mean Jensen-Shannon divergence of class scores, base 2, over the examples where agents have them.

    Scores are divided by their sum, a class that is not listed has 0. H(mean of the agents' shares) less the mean of
    H(shares) of each; for all agents divided by the logarithm of their number, so that it lies in [0, 1] as for two: 0
    where all are alike, 1 where no class has a share of two agents. Null where an agent has no scores, or negative
    ones, which are no shares. Of more than 30,000,000 shares to take logarithms of, a random sample of examples is
    taken.

    References
    ----------
    Lin 1991 (doi:10.1109/18.61115).
    """
    why = [_why_none(panel, m) for m in range(panel.n_agents)]
    usable = [m for m, reason in enumerate(why) if reason is None]
    pairs = list(combinations(usable, 2))
    rows, n_sampled = np.arange(panel.n_examples), None
    each = panel.n_classes * (len(pairs) + len(usable))
    if pairs and each * panel.n_examples > MOST_NUMBERS:
        n_sampled = min(panel.n_examples, max(FEWEST_SAMPLED, MOST_NUMBERS // each))
        rows = np.sort(np.random.default_rng(SEED).choice(panel.n_examples, n_sampled, replace=False))
    values = np.empty((len(pairs) + 1, len(rows)))
    for part in chunks(len(rows), panel.n_classes * max(1, len(usable))) if pairs else ():
        values[:, part] = _divergences(panel, rows[part], usable)
    found = {}
    for a, b in combinations(range(panel.n_agents), 2):
        reason = why[a] or why[b]
        if reason is not None:
            found[a, b] = Measure(None, None, 0, reason)
        else:
            found[a, b] = _mean(tally, values[pairs.index((a, b))], rows)
    if len(usable) < 2:
        return Divergence(found, Measure(None, None, 0, "it takes two agents with class scores, none negative"), None)
    return Divergence(found, _mean(tally, values[-1], rows), n_sampled)


def _why_none(panel: Panel, m: int) -> str | None:
    if not panel.has_scores[m]:
        return f"{panel.agents[m]} has no class scores"
    return f"{panel.agents[m]} has negative scores, which are no shares" if panel.lowest_score[m] < 0 else None


def _mean(tally: Tally, values: np.ndarray, rows: np.ndarray) -> Measure:
    known = np.flatnonzero(~np.isnan(values))
    return tally.mean(values[known], rows[known], 0.0, 1.0, NEVER)


def _divergences(panel: Panel, rows: np.ndarray, usable: list[int]) -> np.ndarray:
    """Return the divergence of every pair, and of all at the end, on some examples: (pairs + 1, k), NaN for none."""
    assert panel.scores is not None  # somebody has scores
    shares = []
    for m in usable:
        scores = np.ascontiguousarray(panel.scores[rows, m].T)  # sums over few classes are slow along rows
        scores[np.isnan(scores)] = 0.0
        scores[:, panel.labels[rows, m] < 0] = 0.0  # who is silent has none
        with np.errstate(divide="ignore", invalid="ignore"):
            scores /= scores.max(axis=0)  # first, so that no sum leaves float64
            scores /= scores.sum(axis=0)
        shares.append(scores)
    entropies = [_entropy(own) for own in shares]
    found = [
        _entropy((shares[a] + shares[b]) / 2) - (entropies[a] + entropies[b]) / 2
        for a, b in combinations(range(len(usable)), 2)
    ]
    mean, usual = sum(shares) / len(usable), sum(entropies) / len(usable)
    found.append((_entropy(np.asarray(mean)) - usual) / np.log2(len(usable)))
    return np.clip(np.array(found), 0.0, 1.0)  # rounding must not leave what is possible


def _entropy(shares: np.ndarray) -> np.ndarray:
    """Return the entropy, in bits, of shares (C, k): ndarray of shape (k,), NaN where they are."""
    from scipy.special import entr

    total: np.ndarray = entr(shares).sum(axis=0) / np.log(2)
    return total
