"""Sabotage counted in slices: rates, lifts against the panel and differences to the rest, all with intervals."""

from dataclasses import dataclass

import numpy as np

from sabotage.halving import Sampling
from sabotage.partition import Partition
from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.spans import student, wilson


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of S slices and T targets, NaN where a number cannot be had.

    `n`, `n_wrong` and `n_clusters` are of shape (S,), `n_hits`, `lift` and `difference` of shape (S, T), the intervals
    of the latter, of the rate and of the rate among wrong decisions of shape (S, T, 2).
    """

    n: np.ndarray
    n_wrong: np.ndarray
    n_clusters: np.ndarray
    n_hits: np.ndarray
    rate_spans: np.ndarray
    wrong_spans: np.ndarray
    lift: np.ndarray
    lift_spans: np.ndarray
    difference: np.ndarray
    difference_spans: np.ndarray


def count_slices(code: np.ndarray, n_slices: int, marks: np.ndarray, wrong: np.ndarray, sampling: Sampling) -> Counts:
    """Count marks in slices, and compare each slice with the panel and with the rest of it.

    Parameters
    ----------
    code : ndarray of shape (n,), int64
        0 to S - 1, S for examples of no slice, which are of the panel and of the rest.
    n_slices : int
    marks : ndarray of shape (n, T), bool
        Where each target is a saboteur; of wrong decisions only.
    wrong : ndarray of shape (n,), bool
    sampling : Sampling

    Notes
    -----
    Intervals of rates are Wilson's, or from resamples of clusters (`resampled_spans`). That of the lift is made on its
    logarithm, to which an example of the slice adds (mark - rate) / hits, and every example less (mark - panel's rate)
    / panel's hits; that of the difference is linear. Both sum these over clusters, with Student's quantile for the
    clusters that the slice has.
    """
    n_targets = marks.shape[1]
    n = np.bincount(code, minlength=n_slices + 1)
    n_wrong = np.bincount(code[wrong], minlength=n_slices + 1)[:n_slices]
    hits = _by_code(code, n_slices + 1, marks)
    n_all, all_hits = int(n.sum()), hits.sum(axis=0)
    n, hits = n[:n_slices], hits[:n_slices]
    if sampling.is_plain:
        rate_spans, wrong_spans = wilson(hits, n[:, None]), wilson(hits, n_wrong[:, None])
    else:
        rate_spans, wrong_spans = _resampled(code, n_slices, marks, wrong, sampling)

    pairs = _Pairs.of(code, n_slices, sampling)
    n_rest = n_all - n
    lift, difference = np.full(hits.shape, np.nan), np.full(hits.shape, np.nan)
    errors = np.full((2, *hits.shape), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        for t in range(n_targets):
            rate, usual, rest = hits[:, t] / n, all_hits[t] / n_all, (all_hits[t] - hits[:, t]) / n_rest
            lift[:, t], difference[:, t] = rate / usual, rate - rest
            own, of_all = pairs.sums(marks[:, t])
            away = own - rate[pairs.slice] * pairs.n
            to_rest = own - rest[pairs.slice] * pairs.n
            errors[0, :, t] = pairs.error(
                away / hits[pairs.slice, t], np.full(n_slices, 1 / all_hits[t]), np.full(n_slices, usual), of_all
            )
            errors[1, :, t] = pairs.error(
                away / n[pairs.slice] + to_rest / n_rest[pairs.slice], 1 / n_rest, rest, of_all
            )
        logs = student(np.log(lift), errors[0], pairs.n_clusters[:, None])
    n_least = np.minimum(pairs.n_clusters, pairs.n_rest)[:, None]
    return Counts(
        n=n,
        n_wrong=n_wrong,
        n_clusters=pairs.n_clusters,
        n_hits=hits,
        rate_spans=rate_spans,
        wrong_spans=wrong_spans,
        lift=lift,
        lift_spans=np.exp(logs),
        difference=difference,
        difference_spans=student(difference, errors[1], n_least, -1.0, 1.0),
    )


def _by_code(code: np.ndarray, size: int, marks: np.ndarray) -> np.ndarray:
    """Count marks (n, T) by code: ndarray of shape (size, T), int64."""
    return np.stack([np.bincount(code[own], minlength=size) for own in marks.T], axis=1)


def _resampled(
    code: np.ndarray, n_slices: int, marks: np.ndarray, wrong: np.ndarray, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray]:
    everything = Partition(None, ("all",), np.zeros(len(code), np.int64), 0, sampling.cluster)
    unit, n_targets = everything.unit, marks.shape[1]
    n_units, size = int(unit.max()) + 1, n_slices + 1
    place = unit * size + code

    def table(which: np.ndarray) -> np.ndarray:
        return np.bincount(place[which], minlength=n_units * size).reshape(n_units, size)[:, :n_slices]

    hits = np.stack([table(own) for own in marks.T], axis=2).reshape(n_units, n_slices * n_targets)
    base_of = np.repeat(np.arange(n_slices), n_targets)
    draws = Draws()
    rates, of_wrong = (
        resampled_spans(hits, base, base_of, draws).reshape(n_slices, n_targets, 2)
        for base in (table(np.ones(len(code), bool)), table(wrong))
    )
    return rates, of_wrong


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Clusters in slices: which slice (P,) and cluster (P,) each pair is, its examples (P,), and whose they are (n,).

    `rows` (n,) are the clusters of the examples and `size` (G,) their examples; `n_clusters` and `n_rest` (S,) are how
    many clusters each slice, and the rest of the panel, has.
    """

    slice: np.ndarray
    cluster: np.ndarray
    n: np.ndarray
    pair_of: np.ndarray
    rows: np.ndarray
    size: np.ndarray
    n_clusters: np.ndarray
    n_rest: np.ndarray

    @classmethod
    def of(cls, code: np.ndarray, n_slices: int, sampling: Sampling) -> "_Pairs":
        size = np.bincount(sampling.cluster)
        if sampling.is_plain:
            inside = code < n_slices
            pair = np.flatnonzero(inside)
            pair_of = np.where(inside, np.cumsum(inside) - 1, len(pair))
            own, cluster = code[pair], sampling.cluster[pair]
        else:
            key, pair_of = np.unique(code * len(size) + sampling.cluster, return_inverse=True)
            key = key[: np.searchsorted(key, n_slices * len(size))]
            own, cluster = key // len(size), key % len(size)
        n = np.bincount(pair_of, minlength=len(own) + 1)[: len(own)]
        n_clusters = np.bincount(own, minlength=n_slices)
        n_whole = np.bincount(own[n == size[cluster]], minlength=n_slices)
        return cls(own, cluster, n, pair_of, sampling.cluster, size, n_clusters, len(size) - n_whole)

    def sums(self, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count marks (n,) of each pair: (P,), and of each cluster: (G,)."""
        own = np.bincount(self.pair_of[marks], minlength=len(self.n) + 1)[: len(self.n)]
        return own, np.bincount(self.rows[marks], minlength=len(self.size))

    def error(self, added: np.ndarray, times: np.ndarray, usual: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Return standard errors (S,) of what adds `added` (P,) by pair, less times (hits - usual x size) by cluster.

        The sum of squares is multiplied out, since most clusters are in few slices.
        """
        n_slices = len(times)
        less = times[self.slice] * (hits[self.cluster] - usual[self.slice] * self.size[self.cluster])
        squares = np.bincount(self.slice, added * (added - 2 * less), minlength=n_slices)
        hits, size = hits.astype(float), self.size.astype(float)
        squares += times**2 * ((hits**2).sum() - 2 * usual * (hits * size).sum() + usual**2 * (size**2).sum())
        scale = self.n_clusters / np.maximum(self.n_clusters - 1, 1)
        found: np.ndarray = np.sqrt(scale * np.maximum(squares, 0.0))
        return np.where(found > 1e-9, found, 0.0)
