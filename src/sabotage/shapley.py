"""Which subsets of agents to look at, and how what they are worth adds up to Shapley values and interactions."""

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

MOST_AGENTS = 62  # a subset is one signed 64-bit number


@dataclass(frozen=True, eq=False)
class Game:
    """Subsets of M agents, and the sums of their worth that are wanted.

    Attributes
    ----------
    masks : ndarray of shape (S,), int64
        Subsets, ascending: bit m is agent m. The empty one is the first, that of all agents the last.
    sums : ndarray of shape (S, K), float64
        How often each subset counts in each number: whole numbers, so that sums of hits are exact in any order.
    divisors : ndarray of shape (K,), float64
        What the sums are divided by. The numbers are M Shapley values, M of leave-one-out, one interaction for each of
        `pairs`, and the worth of all agents together.
    pairs : tuple of (int, int)
        Empty where orders were sampled.
    before, after : ndarray of shape (n_orders, M), int64, or None
        Where in `masks` those stand who precede agent m in a sampled order, without and with it; None if exact. Two
        orders that follow each other are the reverse of each other.
    """

    masks: np.ndarray
    sums: np.ndarray
    divisors: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    before: np.ndarray | None = None
    after: np.ndarray | None = None

    def monte_carlo_error(self, worth: np.ndarray) -> np.ndarray:
        """Return the standard error of the Shapley values of games `worth` (P, S) over pairs of orders: (P, M)."""
        assert self.before is not None  # of sampled games only
        assert self.after is not None
        gains = worth[:, self.after] - worth[:, self.before]
        pairs = (gains[:, 0::2] + gains[:, 1::2]) / 2
        return pairs.std(axis=1, ddof=1) / pairs.shape[1] ** 0.5


def exact_game(n_agents: int) -> Game:
    """Return all 2^M subsets.

    A Shapley value is the mean over orders of what an agent adds to those before it [1]_; the interaction of a pair the
    mean over orders of the other agents and the pair, as one, of what both add together less what each adds alone [2]_.

    References
    ----------
    .. [1] Shapley, L. S. (1953). A value for n-person games. Contributions to the Theory of Games II, 307-317.
       doi:10.1515/9781400881970-018
    .. [2] Grabisch, M. and Roubens, M. (1999). An axiomatic approach to the concept of interaction among players in
       cooperative games. International Journal of Game Theory 28, 547-565. doi:10.1007/s001820050125
    """
    masks = np.arange(1 << n_agents)
    inside = masks[:, None] >> np.arange(n_agents) & 1
    size = inside.sum(axis=1)
    factorials = np.array([factorial(k) for k in range(n_agents + 1)], np.float64)
    columns = []
    for m in range(n_agents):
        others = size - inside[:, m]
        columns.append((2 * inside[:, m] - 1) * factorials[others] * factorials[n_agents - 1 - others])
    pairs = tuple(combinations(range(n_agents), 2))
    for i, j in pairs:
        both = inside[:, i] + inside[:, j]
        others = size - both
        columns.append(np.where(both == 1, -1, 1) * factorials[others] * factorials[n_agents - 2 - others])
    shapley = np.stack(columns[:n_agents], axis=1)
    pairwise = np.stack(columns[n_agents:], axis=1) if pairs else np.empty((len(masks), 0))
    divisors = np.repeat(
        [factorials[n_agents], 1.0, factorials[n_agents - 1], 1.0], [n_agents, n_agents, len(pairs), 1]
    )
    return Game(masks, np.hstack([shapley, _left_out(masks, n_agents), pairwise, _all(masks)]), divisors, pairs)


def sampled_game(n_agents: int, n_orders: int, seed: int) -> Game:
    """Return the subsets that lead to all agents in random orders, an even number: each with its reverse.

    What an agent adds early in the one order it adds late in the other, so that their mean varies less [1]_.

    References
    ----------
    .. [1] Mitchell, R., Cooper, J., Frank, E. and Holmes, G. (2022). Sampling permutations for Shapley value
       estimation. Journal of Machine Learning Research 23(43), 1-46. arXiv:2104.12199
    """
    random = np.random.default_rng(seed)
    orders = np.array([random.permutation(n_agents) for _ in range(n_orders // 2)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1).reshape(-1, n_agents)
    bits = np.int64(1) << orders
    with_it = np.cumsum(bits, axis=1)
    everybody = (1 << n_agents) - 1
    left = everybody - (np.int64(1) << np.arange(n_agents))
    masks = np.unique(np.concatenate([[0, everybody], left, with_it.ravel()]))
    before, after = np.empty_like(orders), np.empty_like(orders)
    np.put_along_axis(after, orders, np.searchsorted(masks, with_it), axis=1)
    np.put_along_axis(before, orders, np.searchsorted(masks, with_it - bits), axis=1)
    shapley = np.zeros((len(masks), n_agents))
    np.add.at(shapley, (after, np.arange(n_agents)), 1.0)
    np.add.at(shapley, (before, np.arange(n_agents)), -1.0)
    divisors = np.repeat([float(len(orders)), 1.0], [n_agents, n_agents + 1])
    return Game(masks, np.hstack([shapley, _left_out(masks, n_agents), _all(masks)]), divisors, (), before, after)


def _left_out(masks: np.ndarray, n_agents: int) -> np.ndarray:
    """How often each subset counts in what all lose without each agent: ndarray of shape (S, M)."""
    everybody = (1 << n_agents) - 1
    alone = masks[:, None] == everybody - (np.int64(1) << np.arange(n_agents))
    return _all(masks) - alone


def _all(masks: np.ndarray) -> np.ndarray:
    return (np.arange(len(masks)) == len(masks) - 1)[:, None].astype(np.float64)
