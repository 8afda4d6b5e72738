"""Whether the same agent sabotages the same examples in run after run: kappas over runs."""

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sabotage.errors import count_of
from sabotage.run_sums import Sums, quietly
from sabotage.tallies import Measure

MOST_PAIRS = 300  # of agent and two runs
MOST_SETS = 2000  # of saboteurs that stand together


@dataclass(frozen=True)
class PairKappa:
    """Cohen's kappa of one agent's sabotage in two runs, and on how many examples it sabotages in both."""

    agent: str
    first: str
    second: str
    n_both: int
    kappa: Measure


@dataclass(frozen=True)
class RunKappas:
    """Kappas over runs.

    Attributes
    ----------
    agents : dict of str to Measure
        Fleiss' kappa of each agent's being a saboteur.
    who : Measure
        Fleiss' kappa of who sabotages: nobody, one agent, or a set of several.
    pairs : tuple of PairKappa
        Every agent in every two runs, of many the first 300.
    n_pairs_left_out : int
    """

    agents: dict[str, Measure]
    who: Measure
    pairs: tuple[PairKappa, ...]
    n_pairs_left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return asdict(self)


def measure_kappas(saboteur: np.ndarray, agents: tuple[str, ...], runs: tuple[str, ...], sums: Sums) -> RunKappas:
    """Measure how far runs agree in who sabotages.

    Parameters
    ----------
    saboteur : ndarray of shape (n, M, R), bool
    agents, runs : tuple of str
        Of length M and R.
    sums : Sums
        Of the n examples.

    Notes
    -----
    In the simulated samples of `sabotage.variance.split_variance` intervals held the kappa of who sabotages in 88 to
    98 %, and in 93 % on average.

    References
    ----------
    Fleiss 1971 (doi:10.1037/h0031619), Cohen 1960 (doi:10.1177/001316446002000104).
    """
    n_runs = saboteur.shape[2]
    by_agent = {name: _flags(name, saboteur[:, m], sums) for m, name in enumerate(agents)}
    wanted = [(m, pair) for m in range(len(agents)) for pair in combinations(range(n_runs), 2)]
    pairs = tuple(_pair(saboteur[:, m], agents[m], runs, pair, sums) for m, pair in wanted[:MOST_PAIRS])
    return RunKappas(by_agent, _who(saboteur, sums), pairs, len(wanted) - len(pairs))


def _flags(name: str, flags: np.ndarray, sums: Sums) -> Measure:
    """Return Fleiss' kappa of flags (n, R)."""
    r = flags.shape[1]
    often = flags.sum(axis=1, dtype=np.int64)
    same, yes = sums.of([often * (often - 1) + (r - often) * (r - often - 1), often]).T
    share = yes / (sums.sizes * r)
    never = None if 0 < share[0] < 1 else f"{name} {'always' if share[0] else 'never'} sabotages"
    return _kappa(same / (sums.sizes * r * (r - 1)), share**2 + (1 - share) ** 2, len(flags), never, sums)


def _pair(flags: np.ndarray, name: str, runs: tuple[str, ...], pair: tuple[int, int], sums: Sums) -> PairKappa:
    first, second = (flags[:, r] for r in pair)
    both, one, other = sums.of([first & second, first, second]).T / sums.sizes
    observed = 1 - one - other + 2 * both
    chance = one * other + (1 - one) * (1 - other)
    never = None if chance[0] < 1 else f"{name} {'always' if one[0] else 'never'} sabotages in both"
    n_both = int(np.count_nonzero(first & second))
    return PairKappa(name, runs[pair[0]], runs[pair[1]], n_both, _kappa(observed, chance, len(flags), never, sums))


def _who(saboteur: np.ndarray, sums: Sums) -> Measure:
    """Return Fleiss' kappa of the sets of saboteurs."""
    n, _, r = saboteur.shape
    packed = np.packbits(saboteur, axis=1)  # (n, bytes, R)
    flat = np.ascontiguousarray(packed.transpose(0, 2, 1)).reshape(n * r, -1)
    key = flat[:, 0].astype(np.int64)
    for column in flat.T[1:]:
        key = np.unique(key, return_inverse=True)[1] * 256 + column
    found, code = np.unique(key, return_inverse=True)
    codes = code.reshape(n, r)
    same = np.zeros(n, np.int64)
    for a, b in combinations(range(r), 2):
        same += 2 * (codes[:, a] == codes[:, b])
    if len(found) > MOST_SETS:
        totals = np.bincount(code) / len(code)
        chance = float((totals**2).sum())
        value = (float(same.mean()) / (r * (r - 1)) - chance) / (1 - chance)
        return Measure(value, None, n, f"{count_of(len(found), 'set')} of saboteurs are too many for an interval")
    (pairs,) = sums.of([same]).T / (sums.sizes * r * (r - 1))
    chances = np.zeros(len(pairs))
    for k in range(len(found)):
        (total,) = sums.of([(codes == k).sum(axis=1)]).T
        chances += (total / (sums.sizes * r)) ** 2
    never = None if len(found) > 1 else "nobody ever sabotages, or the same agents always do"
    return _kappa(pairs, chances, n, never, sums)


def _kappa(observed: np.ndarray, chance: np.ndarray, n: int, never: str | None, sums: Sums) -> Measure:
    if never is not None:
        return Measure(None, None, n, never)
    values = quietly(lambda: (observed - chance) / (1 - chance))
    interval = sums.interval(values)
    why = None if interval is not None else "no interval: too few clusters, too little sabotage, or nothing varies"
    return Measure(float(values[0]), interval, n, why)
