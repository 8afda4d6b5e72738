"""How agents go together, with intervals: in their labels, in their errors, and in their class scores."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sabotage.agreement import disagreeing
from sabotage.divergence import measure_divergence
from sabotage.panel import Panel
from sabotage.tallies import Measure, Rate, Tally, spanned

NEVER = "they never speak together"
ONE_LABEL = "both emit one label alone"
NO_ODDS = "one is always right, or always wrong, where both speak"
NO_COUNT = "of both right, both wrong and either alone right, one never happens: there is no interval"


@dataclass(frozen=True)
class Pair:
    """Two agents on the `n` examples where both spoke.

    `agreement` and `double_fault` (both wrong) are shares, `cohen_kappa` and `q_statistic` (Yule's Q of being right)
    lie in [-1, 1]; `divergence` is that of their class scores, see `sabotage.divergence`.
    """

    first: str
    second: str
    n: int
    agreement: Rate
    cohen_kappa: Measure
    double_fault: Rate
    q_statistic: Measure
    divergence: Measure


@dataclass(frozen=True)
class Between:
    """All agents together.

    `fleiss_kappa` is over the examples on which everyone spoke, `krippendorff_alpha` (nominal) over those on which two
    or more did, `divergence` over those on which all agents with class scores have them. `n_sampled` is how many
    examples divergences are of, where they are too many for all; None where they are of all.
    """

    pairs: tuple[Pair, ...]
    fleiss_kappa: Measure
    krippendorff_alpha: Measure
    divergence: Measure
    n_sampled: int | None


def measure_between(panel: Panel, tally: Tally) -> Between:
    """Measure how agents go together, as `sabotage.agreement` does, with 95 % intervals.

    Shares have those of `Tally`. Kappas, alpha and Q have Student's, from influence values over examples or clusters;
    that of Q is of the logarithm of the odds ratio, which it is made of.
    """
    agents = range(panel.n_agents)
    divergence = measure_divergence(panel, tally)
    same, counts, measures = np.zeros(panel.n_examples, np.int64), [], []
    for a, b in combinations(agents, 2):
        first, second = panel.labels[:, a], panel.labels[:, b]
        both = (first >= 0) & (second >= 0)
        alike = both & (first == second)
        same += alike
        right = first == panel.truth, second == panel.truth
        counts.append(tally.count(both, alike, both & ~right[0] & ~right[1]))
        measures.append((_kappa(panel, tally, first, second, both), _q(tally, right, both)))
    pairs = []
    if counts:
        joined = np.concatenate(counts, axis=1)
        at = [3 * k + kind for k in range(len(counts)) for kind in (1, 2)]
        rates = iter(tally.rates(joined[:, at], joined, [3 * (place // 3) for place in at]))
        for (a, b), (kappa, q) in zip(combinations(agents, 2), measures, strict=True):
            alike_rate, fault = next(rates), next(rates)
            names = panel.agents[a], panel.agents[b]
            pairs.append(Pair(*names, alike_rate.n, alike_rate, kappa, fault, q, divergence.pairs[a, b]))
    everyone = divergence.everyone, divergence.n_sampled
    return Between(tuple(pairs), _fleiss(panel, tally, same), _alpha(panel, tally, same), *everyone)


def _joint(
    tally: Tally, code: np.ndarray, both: np.ndarray, influence: np.ndarray, counts: np.ndarray
) -> tuple[float, int]:
    """Return the squares, over clusters, of influence values by code, and how many clusters there are."""
    if tally.groups is None:
        return float((counts * influence**2).sum()), int(counts.sum())
    totals = np.bincount(tally.groups, influence[code])
    return float((totals**2).sum()), int(np.count_nonzero(np.bincount(tally.groups[both])))


def _kappa(panel: Panel, tally: Tally, first: np.ndarray, second: np.ndarray, both: np.ndarray) -> Measure:
    """Measure Cohen's kappa (1960, doi:10.1177/001316446002000104); its influence values are of the joint counts."""
    size = panel.n_classes + 1  # with a place for none, which adds nothing
    code = (first + 1) * size + (second + 1)
    counts = np.bincount(code, minlength=size * size).reshape(size, size)
    counts[0], counts[:, 0] = 0, 0
    n = int(counts.sum())
    if not n:
        return Measure(None, None, 0, NEVER)
    rows, columns = counts.sum(axis=1) / n, counts.sum(axis=0) / n
    chance, agreed = float(rows @ columns), float(np.trace(counts) / n)
    if np.count_nonzero(rows) == 1 and chance == 1:
        return Measure(None, None, n, ONE_LABEL)
    kappa = (agreed - chance) / (1 - chance)
    moved = columns[:, None] + rows[None, :] - 2 * chance  # what one example moves the agreement of chance by
    influence = (np.eye(size) - agreed - (1 - kappa) * moved) / (1 - chance) / n
    influence[0], influence[:, 0] = 0, 0
    squares, n_clusters = _joint(tally, code, both, influence.ravel(), counts.ravel())
    return spanned(kappa, squares, n_clusters, n, -1.0, 1.0)


def _q(tally: Tally, right: tuple[np.ndarray, np.ndarray], both: np.ndarray) -> Measure:
    """Measure Yule's Q, (r - 1) / (r + 1) of the odds ratio r, as in Kuncheva and Whitaker 2003.

    doi:10.1023/A:1022859003006
    """
    code = np.where(both, 1 + 2 * right[0] + right[1], 0)
    counts = np.bincount(code, minlength=5)
    counts[0] = 0
    n = int(counts.sum())
    if not n:
        return Measure(None, None, 0, NEVER)
    n00, n01, n10, n11 = counts[1:].tolist()
    together, apart = n11 * n00, n10 * n01
    if not together + apart:
        return Measure(None, None, n, NO_ODDS)
    value = (together - apart) / (together + apart)
    if not counts[1:].all():
        return Measure(value, None, n, NO_COUNT)
    influence = np.array([0, 1 / n00, -1 / n01, -1 / n10, 1 / n11])
    ratio = float(np.log(n11) + np.log(n00) - np.log(n10) - np.log(n01))
    found = spanned(ratio, *_joint(tally, code, both, influence, counts), n, -np.inf, np.inf)
    span = None if found.interval is None else tuple(float(np.tanh(end / 2)) for end in found.interval)
    return Measure(value, None if span is None else (span[0], span[1]), n, found.why)


def _fleiss(panel: Panel, tally: Tally, same: np.ndarray) -> Measure:
    """Measure Fleiss' kappa (1971, doi:10.1037/h0031619); `same` (n,) counts the pairs of alike labels."""
    raters = panel.n_agents
    if raters < 2:
        return Measure(None, None, 0, "there is one agent")
    rows = np.flatnonzero(panel.spoke.all(axis=1))
    n = len(rows)
    if not n:
        return Measure(None, None, 0, "on no example does everyone speak")
    labels = panel.labels[rows]
    totals = np.bincount(labels.ravel(), minlength=panel.n_classes)
    if np.count_nonzero(totals) == 1:
        return Measure(None, None, n, "everyone emits one label alone")
    shares = totals / totals.sum()
    each = same[rows] / (raters * (raters - 1) / 2)
    observed, chance = float(each.mean()), float(np.square(shares).sum())
    kappa = (observed - chance) / (1 - chance)
    moved = 2 * (_over_agents(shares, labels) / raters - chance)
    return tally.measure(kappa, (each - observed - (1 - kappa) * moved) / (1 - chance) / n, rows)


def _alpha(panel: Panel, tally: Tally, same: np.ndarray) -> Measure:
    """Measure Krippendorff's nominal alpha (doi:10.1080/19312450709336664)."""
    said = panel.spoke.sum(axis=1)
    rows = np.flatnonzero(said > 1)
    if not len(rows):
        return Measure(None, None, 0, "on no example do two agents speak")
    labels, said = panel.labels[rows], said[rows]
    totals = np.bincount(labels[labels >= 0], minlength=panel.n_classes)
    if np.count_nonzero(totals) == 1:
        return Measure(None, None, len(rows), "everyone emits one label alone")
    n = float(totals.sum())
    expected = n * n - float(np.square(totals, dtype=np.float64).sum())
    apart = disagreeing(2 * same[rows], said)
    ratio = float(apart.sum()) / expected
    moved = 2 * (n * said - _over_agents(totals.astype(np.float64), labels))
    influence = -(said * ratio + (n - 1) * (apart - ratio * moved) / expected)
    return tally.measure(1 - (n - 1) * ratio, influence - influence.mean(), rows)


def _over_agents(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Add up what the labels (k, M) of each example stand for, values (C,); none adds nothing: ndarray (k,)."""
    padded = np.append(values, 0.0)
    total = np.zeros(len(labels))
    for own in labels.T:
        total += padded[own]  # -1, none, is the last
    return total
