"""From which lead in confidence on decisions follow an agent at least half the time."""

from dataclasses import dataclass

import numpy as np

from sabotage.intervals import FEWEST_CLUSTERS

FEWEST = 20  # examples
MOST_LEVELS = 2_000  # different gaps; more are rounded
DIGITS = 3
N_RESAMPLES = 200
MOST_WITHOUT = 0.025  # of the resamples


@dataclass(frozen=True)
class Onset:
    """The smallest gap of confidence from which a decision follows an agent at least half the time.

    Attributes
    ----------
    value : float or None
        In [-1, 1].
    interval : tuple of float, or None
        Percentiles 2.5 and 97.5 of resamples.
    is_lowest : bool or None
        Whether it is the lowest gap that there is: the decision follows at all that were seen.
    share_without : float or None
        Share of the resamples that have none.
    is_rounded : bool
        Whether gaps were rounded to .001, as more than 2,000 different ones are.
    n : int
        Examples that it is over.
    why : str or None
        The reason where the value or the interval is None.
    """

    value: float | None
    interval: tuple[float, float] | None
    is_lowest: bool | None
    share_without: float | None
    is_rounded: bool
    n: int
    why: str | None = None


def measure_onset(
    gaps: np.ndarray, followed: np.ndarray, cluster: np.ndarray | None, seed: int | tuple[int, ...]
) -> Onset:
    """Find where the isotonic regression of following on the gap reaches one half.

    Parameters
    ----------
    gaps : ndarray of shape (n,)
        Without NaN, in [-1, 1].
    followed : ndarray of shape (n,), bool
    cluster : ndarray of shape (n,), int64, or None
        What resamples draw, numbered from 0, not all numbers in use; None for single examples.
    seed : int or tuple of int

    Notes
    -----
    The fit is at least one half from that level on from which (followed less not followed), summed over all that have
    at least its gap, is largest, the lowest of equals; nowhere where that is negative. So a resample takes one sum from
    above, and no fit.

    References
    ----------
    Barlow, Bartholomew, Bremner and Brunk 1972, Statistical inference under order restrictions.
    """
    n = len(gaps)
    if n < FEWEST:
        return Onset(None, None, None, None, False, n, f"it takes {FEWEST} examples on which the agent stands alone")
    values, level = np.unique(gaps, return_inverse=True)
    is_rounded = len(values) > MOST_LEVELS
    if is_rounded:
        values, level = np.unique(np.round(gaps, DIGITS), return_inverse=True)
    size = len(values)
    lean = np.bincount(level, np.where(followed, 1.0, -1.0), minlength=size)
    (at,) = onsets(lean[None, :])
    value = None if at < 0 else float(values[at])
    drawn = _resampled(level, followed, cluster, size, np.random.default_rng(seed))
    why = "decisions never follow it half the time" if value is None else None
    if drawn is None:
        few = f"an interval takes {FEWEST_CLUSTERS} clusters"
        return Onset(value, None, None if value is None else bool(at == 0), None, is_rounded, n, why or few)
    places = onsets(drawn)
    without = float(np.mean(places < 0))
    if value is None:
        return Onset(None, None, None, without, is_rounded, n, why)
    if without > MOST_WITHOUT:
        why = f"{100 * without:.1f} % of the resamples have none"
        return Onset(value, None, bool(at == 0), without, is_rounded, n, why)
    if at == 0:
        return Onset(value, None, True, without, is_rounded, n, "it may lie below the lowest gap that there is")
    low, high = np.percentile(values[places[places >= 0]], [2.5, 97.5])
    return Onset(value, (float(low), float(high)), False, without, is_rounded, n)


def onsets(lean: np.ndarray) -> np.ndarray:
    """Return the lowest level from which an isotonic fit is at least one half: ndarray of shape (R,), -1 for none.

    `lean` (R, levels) is followed less not followed, of every level in ascending order.
    """
    above = np.cumsum(lean[:, ::-1], axis=1)[:, ::-1]
    place: np.ndarray = above.argmax(axis=1)  # the first of equals is the lowest
    return np.where(above.max(axis=1) >= 0, place, -1)


def _resampled(
    level: np.ndarray, followed: np.ndarray, cluster: np.ndarray | None, size: int, random: np.random.Generator
) -> np.ndarray | None:
    """Return followed less not followed by level in resamples (R, levels); None for fewer than 10 clusters."""
    if cluster is None:
        counts = np.bincount(2 * level + followed, minlength=2 * size)
        drawn = random.multinomial(len(level), counts / len(level), N_RESAMPLES)
        return drawn[:, 1::2] - drawn[:, ::2].astype(np.float64)
    own = np.unique(cluster, return_inverse=True)[1]
    n_units = int(own.max()) + 1
    if n_units < FEWEST_CLUSTERS:
        return None
    lean = np.bincount(own * size + level, np.where(followed, 1.0, -1.0), minlength=n_units * size)
    times = random.multinomial(n_units, np.full(n_units, 1 / n_units), N_RESAMPLES)
    found: np.ndarray = times.astype(np.float64) @ lean.reshape(n_units, size)  # whole numbers: in any order the same
    return found
