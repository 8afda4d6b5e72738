"""How likely a label is right: a logistic function of what is measured of its agent, fitted on other rows."""

import warnings

import numpy as np

from sabotage.notes import Notes

TOLERANCE = 1e-8  # largest gradient of the mean loss at which the fit is at rest
MOST_STEPS = 1_000


def estimate_right(measured: np.ndarray, rows: np.ndarray, right: np.ndarray, who: str, notes: Notes) -> np.ndarray:
    """Estimate how likely labels are right, by a fit on other rows.

    Parameters
    ----------
    measured : ndarray of shape (n, d)
        NaN somewhere in a row of which nothing can be said.
    rows : ndarray of shape (k, d)
        The rows to learn from, without NaN.
    right : ndarray of shape (k,), bool
        Whether the labels of these were right.
    who : str
        Of whom a note speaks.
    notes : Notes
        Takes that nothing could be learned.

    Returns
    -------
    ndarray of shape (n,)
        In [0, 1], NaN where nothing can be said. Where all or none of the rows to learn from are right,
        (number right + 1) / (k + 2) throughout.

    Notes
    -----
    A logistic regression on standardised measures, with scikit-learn's penalty C = 1 and none on the intercept.
    """
    from scipy.special import expit

    n_right, n = int(np.count_nonzero(right)), len(right)
    there = ~np.isnan(measured).any(axis=1)
    out = np.full(len(measured), np.nan)
    if n_right in (0, n):
        share = "right on all" if n_right else "wrong on all"
        found = f"{share} of the {n:,} rows to learn from" if n else "no row to learn from"
        out[there] = (n_right + 1) / (n + 2)
        notes.add(f"{who}: {found}, so the reliability is {(n_right + 1) / (n + 2):.4g} throughout")
        return out
    intercept, slope = fit_right(rows, right)
    odds = np.full(int(there.sum()), intercept)
    # Not a matrix product, whose last digit depends on how many examples are in it.
    for column, weight in zip(measured[there].T, slope, strict=True):
        odds += weight * column
    out[there] = expit(odds)
    return out


def fit_right(rows: np.ndarray, right: np.ndarray) -> tuple[float, np.ndarray]:
    """Fit the log odds of being right.

    Parameters
    ----------
    rows : ndarray of shape (k, d)
    right : ndarray of shape (k,), bool
        Of both kinds.

    Returns
    -------
    float
        The intercept.
    ndarray of shape (d,)
        Coefficients of the measures as they are, not standardised.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    centre, spread = standard(rows)
    # Newton's method takes few steps and no seed; where its last one is lost in rounding, it says that L-BFGS goes on.
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=TOLERANCE, max_iter=MOST_STEPS)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit((rows - centre) / spread, right)
    slope = model.coef_[0] / spread
    return float(model.intercept_[0] - (slope * centre).sum()), slope


def standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the columns of (n, d), n > 0: 1 for a deviation of 0."""
    # Squares of 1e200 leave float64; those of shares of the largest do not.
    scale = np.abs(values).max(axis=0)
    scale[scale == 0] = 1.0
    shares = values / scale
    spread = np.where(values.min(axis=0) == values.max(axis=0), 0.0, shares.std(axis=0)) * scale
    return shares.mean(axis=0) * scale, np.where(spread > 0, spread, 1.0)
