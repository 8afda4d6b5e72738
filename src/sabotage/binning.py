"""Confidence in bins: how often labels of about the same confidence are right, and how confidences lie."""

from dataclasses import dataclass

import numpy as np

from sabotage.scoring import BINS, mass_bins
from sabotage.spans import plain, wilson

N_STEPS = 20  # of the histograms


@dataclass(frozen=True)
class Bin:
    """Examples of about the same confidence.

    Attributes
    ----------
    low, high : float
        Edges of an equal-width bin; the lowest and highest confidence in one of equal mass.
    n, n_right : int
    mean_confidence : float
    interval : tuple of float
        95 % (Wilson) of the share right; takes examples as independent of each other.
    """

    low: float
    high: float
    n: int
    n_right: int
    mean_confidence: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration:
    """One agent's bins that hold examples, lowest confidence first: 15 of equal width, and 15 of equal mass."""

    equal_width: tuple[Bin, ...]
    equal_mass: tuple[Bin, ...]


@dataclass(frozen=True)
class Counts:
    """One agent's confidences in bins of equal width, of right labels and of wrong ones."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]


def calibrate(right: np.ndarray, confidence: np.ndarray, bins: int = BINS) -> Calibration:
    """Put labels into bins of confidence, as both calibration errors of `sabotage.scoring` do.

    Parameters
    ----------
    right : ndarray of shape (n,), bool
    confidence : ndarray of shape (n,), in [0, 1]
    bins : int
    """
    if not len(confidence):
        return Calibration((), ())
    edges = np.arange(bins + 1) / bins
    width = np.searchsorted(edges[1:-1], confidence, side="right")
    mass = mass_bins(confidence, bins)
    low, high = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(low, mass, confidence)
    np.maximum.at(high, mass, confidence)
    return Calibration(
        _filled(right, confidence, width, edges[:-1], edges[1:]), _filled(right, confidence, mass, low, high)
    )


def _filled(
    right: np.ndarray, confidence: np.ndarray, bin_of: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[Bin, ...]:
    """Return the bins that hold examples; low, high : (bins,)."""
    n = np.bincount(bin_of, minlength=len(low))
    hits = np.bincount(bin_of[right], minlength=len(low))
    total = np.bincount(bin_of, weights=confidence, minlength=len(low))
    spans = plain(wilson(hits, n))
    return tuple(
        Bin(float(low[k]), float(high[k]), int(n[k]), int(hits[k]), float(total[k] / n[k]), span)
        for k, span in enumerate(spans)
        if span is not None
    )


def step_edges() -> tuple[float, ...]:
    """Return the edges of the histograms of confidence: 0, .05 ... 1."""
    return tuple(k / N_STEPS for k in range(N_STEPS + 1))


def count_steps(right: np.ndarray, confidence: np.ndarray) -> Counts:
    """Count right and wrong labels, (n,) bool, by confidence, (n,): bins [low, high), the last closed."""
    step = np.searchsorted(step_edges()[1:-1], confidence, side="right")
    return Counts(
        tuple(np.bincount(step[right], minlength=N_STEPS).tolist()),
        tuple(np.bincount(step[~right], minlength=N_STEPS).tolist()),
    )
