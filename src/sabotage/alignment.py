"""How well reliability goes with being right: for each agent over examples, and between the agents of one example."""

from dataclasses import asdict, dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from sabotage import scoring
from sabotage.areas import count_clusters, delong, subset
from sabotage.intervals import FEWEST_CLUSTERS, Estimate, clusters, estimate
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.spans import plain, wilson

TENTHS = range(10)  # the shares withheld, in tenths: 0, .1, ... .9


@dataclass(frozen=True)
class GainPoint:
    """Accuracy of an agent when the least reliable of its examples are withheld.

    Attributes
    ----------
    withheld : float
        Share asked for: 0, .1, ... .9.
    n_kept : int
        n - floor(withheld * n), at least 1.
    accuracy : float
        Among the `n_kept` most reliable; examples of equal reliability are taken in expectation over their order.
    interval : tuple of float, or None
        95 %, of accuracy among examples as reliable as those kept. Where no group is named, Wilson's, in which the
        hits are rounded where ties make them a fraction. Otherwise value +- t(G - 1, .975) se over the clusters kept,
        which may reach past 0 or 1; None for fewer than 10 clusters, or where all or none of the kept are right.
    """

    withheld: float
    n_kept: int
    accuracy: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Alignment:
    """One agent's reliability against its being right, over the n examples where it spoke and has a reliability.

    Attributes
    ----------
    agent : str
    n : int
    n_right : int
    auroc : Estimate or None
        How often a right example is more reliable than a wrong one, ties counting one half. The interval is None where
        fewer than 10 clusters (examples, where no group is named) are right or are wrong, and where it is 0 or 1.
    spearman : float or None
        Rank correlation of reliability with being right (0 or 1), ties at their mean rank.
    point_biserial : Estimate or None
        Pearson correlation of reliability with being right. The interval is None where that of `auroc` is.
    gain : tuple of GainPoint
        At 0, .1, ... .9 withheld; empty where n is 0.
    """

    agent: str
    n: int
    n_right: int
    auroc: Estimate | None
    spearman: float | None
    point_biserial: Estimate | None
    gain: tuple[GainPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json, without the agent."""
        fields = asdict(self)
        del fields["agent"]
        return fields


@dataclass(frozen=True)
class Routing:
    """How often, between a right and a wrong agent of one example, the right one is the more reliable.

    Attributes
    ----------
    auroc : Estimate or None
        Mean over examples of the share of such pairs that the right agent wins, ties counting one half. None where
        there is no pair; the interval is None where the right agent wins every pair, or none.
    n : int
        Examples with such a pair, both reliabilities known.
    """

    auroc: Estimate | None
    n: int


def measure_alignment(panel: Panel, notes: Notes) -> tuple[Alignment, ...]:
    """Measure how well each agent's reliability tells where it is right.

    The AUROC has the error of DeLong, DeLong and Clarke-Pearson 1988 (doi:10.2307/2531595), over clusters that of
    Obuchowski 1997 (doi:10.2307/2533958), with one factor G / (G - 1) over all clusters in place of one for the right
    and one for the wrong. The point-biserial correlation has the error of a Pearson correlation to first order,
    without a normal distribution assumed.

    Parameters
    ----------
    panel : Panel
    notes : Notes
        Takes the reason of every null.

    Returns
    -------
    tuple of Alignment, length M
    """
    groups = clusters(panel)
    return tuple(_align(panel, m, groups, notes) for m in range(panel.n_agents))


def measure_routing(panel: Panel) -> Routing:
    """Measure how often reliability points to the right one of two agents that differ in being right."""
    share = routing_shares(panel.labels == panel.truth[:, None], panel.spoke, panel.reliability)
    rows = np.flatnonzero(~np.isnan(share))
    if not len(rows):
        return Routing(None, 0)
    share = share[rows]
    value = float(share.mean())
    groups = subset(clusters(panel), rows)
    return Routing(_without_a_point(estimate(value, (share - value) / len(rows), groups)), len(rows))


def routing_shares(right: np.ndarray, spoke: np.ndarray, reliability: np.ndarray) -> np.ndarray:
    """Return, of each example, the share of its pairs of a right and a wrong agent that the right one wins.

    All (n, M). A pair needs both reliabilities; ties count one half. ndarray of shape (n,), NaN where there is no pair.
    """
    known = spoke & ~np.isnan(reliability)
    won, pairs = np.zeros(len(right)), np.zeros(len(right))
    for a, b in permutations(range(right.shape[1]), 2):
        pair = known[:, a] & known[:, b] & right[:, a] & ~right[:, b]
        pairs += pair
        won += pair * ((reliability[:, a] > reliability[:, b]) + 0.5 * (reliability[:, a] == reliability[:, b]))
    return np.divide(won, pairs, out=np.full(len(right), np.nan), where=pairs > 0)


def _align(panel: Panel, m: int, groups: np.ndarray | None, notes: Notes) -> Alignment:
    name = panel.agents[m]
    rows = np.flatnonzero((panel.labels[:, m] >= 0) & ~np.isnan(panel.reliability[:, m]))
    n = len(rows)
    if not n:
        notes.add(f"{name} has no reliability where it spoke: its alignment is null")
        return Alignment(name, 0, 0, None, None, None, ())
    right = panel.labels[rows, m] == panel.truth[rows]
    own = subset(groups, rows)
    # One sort serves all: nothing but the correlation needs more of a reliability than its place among the others.
    values, level = np.unique(panel.reliability[rows, m], return_inverse=True)
    n_right = int(np.count_nonzero(right))
    gain = _gain(right, level, own)
    if any(point.interval is None for point in gain):
        notes.add(
            f"{name}: the interval of its gain is null where fewer than {FEWEST_CLUSTERS} clusters are kept, and where"
            f" all or none of the examples kept are right"
        )
    area = scoring.auroc(right, level)
    if area is None:
        always = "right" if n_right else "wrong"
        notes.add(
            f"{name} is always {always} where it has a reliability: auroc, spearman and point_biserial of its"
            f" alignment are null"
        )
        return Alignment(name, n, n_right, None, None, None, gain)

    auroc = estimate(area, delong(right, level, area), own)
    spearman = point_biserial = None
    if len(values) == 1:
        notes.add(f"{name} has one reliability alone, {values[0]:g}: its spearman and point_biserial are null")
    else:
        count = np.bincount(level)
        rank = np.cumsum(count) - (count - 1) / 2  # the mean of the places that equals take
        spearman = _pearson(rank[level], right)[0]
        point_biserial = estimate(*_pearson(values[level], right), own)

    # The error of the rarer kind is estimated from that kind alone: with few of them intervals are far too short
    # (5 wrong among 1,000: 95 % intervals of the AUROC held .76 in four samples of five).
    few = min(count_clusters(own, right), count_clusters(own, ~right))
    separated = level[right].min() > level[~right].max() or level[right].max() < level[~right].min()
    if few < FEWEST_CLUSTERS:
        what = "examples" if own is None else "clusters"
        notes.add(
            f"{name} is right, or wrong, in fewer than {FEWEST_CLUSTERS} {what} with a reliability: the intervals of"
            f" its auroc and point_biserial are null"
        )
    elif separated:
        notes.add(
            f"{name}: reliability parts its right examples from its wrong ones without exception: the intervals of its"
            f" auroc and point_biserial are null"
        )
    if few < FEWEST_CLUSTERS or separated:  # where separated all components are equal: an error of 0, no certainty
        auroc = replace(auroc, interval=None)
        point_biserial = None if point_biserial is None else replace(point_biserial, interval=None)
    return Alignment(name, n, n_right, auroc, spearman, point_biserial, gain)


def _pearson(first: np.ndarray, second: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the correlation of two arrays (n,), neither constant, and its influence values."""
    x, y = _standardised(first), _standardised(second)
    r = float((x * y).mean())
    r = min(1.0, max(-1.0, r))
    return r, (x * y - r * (x**2 + y**2) / 2) / len(x)


def _standardised(values: np.ndarray) -> np.ndarray:
    # To [0, 1] first: exact for neighbours in float64, where a mean is not, and squares of 1e200 do not overflow.
    values = values.astype(np.float64)
    values = (values - values.min()) / (values.max() - values.min())
    values -= values.mean()
    return values / np.sqrt((values**2).mean())


def _gain(right: np.ndarray, level: np.ndarray, groups: np.ndarray | None) -> tuple[GainPoint, ...]:
    """Accuracy among the most reliable; right (n,) bool, level (n,) int from 0 without gaps."""
    n, count, rights = len(level), np.bincount(level), np.bincount(level[right], minlength=int(level.max()) + 1)
    # Examples, and right ones, of at least each level's reliability.
    kept, hits = np.cumsum(count[::-1])[::-1], np.cumsum(rights[::-1])[::-1]
    points = []
    for tenths in TENTHS:
        n_kept = n - tenths * n // 10  # in integers: .7 * 90 is less than 63 in floats
        cut = int(np.count_nonzero(kept >= n_kept)) - 1  # the level that the cut runs through
        n_cut, n_taken = int(count[cut]), n_kept - int(kept[cut] - count[cut])
        # One division, of integers: shares of 0 and 1 come out as such.
        hits_above = int(hits[cut] - rights[cut])
        accuracy = (hits_above * n_cut + n_taken * int(rights[cut])) / (n_kept * n_cut)
        if groups is None:
            (interval,) = plain(wilson(np.array([round(accuracy * n_kept)]), np.array([n_kept])))
        else:
            rows = np.flatnonzero(level >= cut)
            weight = np.where(level[rows] == cut, n_taken / n_cut, 1.0)
            influence = weight * (right[rows] - accuracy) / n_kept
            interval = _without_a_point(estimate(accuracy, influence, subset(groups, rows))).interval
        points.append(GainPoint(tenths / 10, n_kept, accuracy, interval))
    return tuple(points)


def _without_a_point(found: Estimate) -> Estimate:
    """Take the interval from a share of 0 or 1: all influence values are 0 there, which is not certainty."""
    return replace(found, interval=None) if found.value in (0.0, 1.0) else found
