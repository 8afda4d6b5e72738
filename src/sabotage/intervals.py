"""Standard errors and intervals of what is linear in clusters: estimates with influence values."""

from dataclasses import dataclass, replace

import numpy as np

from sabotage.panel import Panel

FEWEST_CLUSTERS = 10
ROUNDING = 1e-12  # of standard errors: less is that of sums


@dataclass(frozen=True)
class Estimate:
    """A number with its sampling error over clusters.

    Attributes
    ----------
    value : float
    se : float or None
        None where there is one cluster only.
    interval : tuple of float, or None
        value +- t(G - 1, .975) se; None for fewer than 10 clusters, and where its owner says why.
    n_clusters : int
    """

    value: float
    se: float | None
    interval: tuple[float, float] | None
    n_clusters: int


def clusters(panel: Panel) -> np.ndarray | None:
    """Return the cluster of each example (n,), from 0: its group, or its id where ids repeat over seeds.

    The nulls of a group are one together; None where each example is on its own.
    """
    if panel.group is not None:
        return np.unique(panel.codes(panel.group), return_inverse=True)[1]
    return panel.units if panel.runs.any() else None


def centred(values: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return values (n,) less the mean of their cell, as spread as a sample of that size leaves to be expected.

    Deviations from a mean of k are too small by the root of (k - 1) / k, which is made up for; a cell of one has none,
    and takes the mean over all. `cell` (n,) is numbered from 0.
    """
    size = np.bincount(cell)[cell]
    usual = (np.bincount(cell, values) / np.maximum(np.bincount(cell), 1))[cell]
    spread = (values - usual) * np.sqrt(size / np.maximum(size - 1, 1))
    return np.where(size > 1, spread, values - values.mean())


def estimate(value: float, influence: np.ndarray, groups: np.ndarray | None) -> Estimate:
    """Give `value` the standard error of the sum of its influence values over samples of clusters.

    se^2 = G / (G - 1) sum over clusters of (sum of the influence in the cluster)^2, as statsmodels has it for the mean
    with `cov_type="cluster"`.

    Parameters
    ----------
    value : float
    influence : ndarray of shape (n,)
        What each example adds to value - E value, to first order; sums to 0 over the sample.
    groups : ndarray of shape (n,), int64, or None
        Cluster of each example, from 0 without gaps; each example its own where None.
    """
    totals = influence if groups is None else np.bincount(groups, influence)
    n = len(totals)
    if n < 2:
        return Estimate(float(value), None, None, n)
    error = float((n / (n - 1) * (totals**2).sum()) ** 0.5)
    if n < FEWEST_CLUSTERS:
        return Estimate(float(value), error, None, n)
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    reach = float(stdtrit(n - 1, 0.975)) * error
    return Estimate(float(value), error, (float(value) - reach, float(value) + reach), n)


def within(found: Estimate, low: float, high: float) -> Estimate:
    """Return an estimate cut off at what is possible; without an interval where nothing varies, which says nothing."""
    value, span = min(high, max(low, found.value)), found.interval
    if span is None or found.se is None or found.se < ROUNDING:
        return replace(found, value=value, interval=None)
    return replace(found, value=value, interval=(max(low, span[0]), min(high, span[1])))
