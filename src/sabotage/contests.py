"""Rules against each other: McNemar's exact test of two, and ranks over folds with Friedman's test of several."""

from dataclasses import dataclass

import numpy as np

from sabotage.errors import SabotageError
from sabotage.resampling import check_decisions, score_counts

TIE = 12  # decimals: what differs by less differs in rounding


@dataclass(frozen=True)
class McNemar:
    """Two rules on the same examples.

    Attributes
    ----------
    n_first_only, n_second_only : int
        Examples that the one alone has right.
    p_value : float
        Exact, two-sided; at least 2.2e-308, the smallest normal double.
    """

    n_first_only: int
    n_second_only: int
    p_value: float


@dataclass(frozen=True, eq=False)
class Ranks:
    """Several rules over folds, or groups.

    Attributes
    ----------
    statistic : {"accuracy", "balanced_accuracy", "macro_f1"}
    values : ndarray of shape (R, F), float64
        The statistic of each rule within each fold that has examples, in the order of their numbers.
    mean_ranks : tuple of float, length R
        Mean over folds of the rank within a fold: 1 is the best, equals share the mean of their places.
    n_folds : int
        F.
    friedman_p : float or None
        That all rules rank the same; None for fewer than 3 rules or 2 folds, and where all are tied in every fold.
    """

    statistic: str
    values: np.ndarray
    mean_ranks: tuple[float, ...]
    n_folds: int
    friedman_p: float | None


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> McNemar:
    """Test whether two rules are right equally often on the examples where one alone is right.

    p = min(1, 2 P(X <= min(b, c))) with X ~ Binomial(b + c, 1/2), b and c the examples that the one and the other
    alone has right; 1 where there are none. It takes examples to be independent of each other. It agrees with
    `statsmodels.stats.contingency_tables.mcnemar(exact=True)`.

    Parameters
    ----------
    first_right, second_right : ndarray of shape (n,), bool

    Raises
    ------
    SabotageError
        If the lengths differ.

    References
    ----------
    McNemar 1947 (doi:10.1007/BF02295996).
    """
    if first_right.shape != second_right.shape:
        raise SabotageError(
            f"the two rules must have decided the same examples: found {first_right.shape} and {second_right.shape}"
        )
    n_first_only = int(np.count_nonzero(first_right & ~second_right))
    n_second_only = int(np.count_nonzero(second_right & ~first_right))
    n = n_first_only + n_second_only
    if not n:
        return McNemar(0, 0, 1.0)
    from scipy.stats import binom

    p = 2 * float(binom.cdf(min(n_first_only, n_second_only), n, 0.5))
    # Thousands against none are less likely than any double can say; a p-value may be too large, but is never 0.
    return McNemar(n_first_only, n_second_only, min(1.0, max(p, float(np.finfo(float).tiny))))


def rank_rules(truth: np.ndarray, labels: np.ndarray, fold: np.ndarray, statistic: str, n_classes: int) -> Ranks:
    """Rank rules within each fold, and test whether they rank the same.

    Values that agree to 12 decimals are tied. Friedman's test compares its statistic, corrected for ties, to
    chi-squared with R - 1 degrees of freedom: an approximation, rough for fewer than ten folds or so. It takes folds to
    be independent of each other, which those of one cross-validation are but roughly.

    Parameters
    ----------
    truth : ndarray of shape (n,), int32
        Classes, 0 .. C - 1.
    labels : ndarray of shape (R, n), int32
        What each rule decided, 0 .. C - 1; -1, an abstention, is wrong.
    fold : ndarray of shape (n,), int64
        Fold, or group, of each example, from 0.
    statistic : {"accuracy", "balanced_accuracy", "macro_f1"}
        Over the classes present in the truth of the fold.
    n_classes : int
        C.

    Raises
    ------
    SabotageError
        For an unknown statistic, no examples, or arrays that do not fit each other.

    References
    ----------
    Friedman 1937 (doi:10.1080/01621459.1937.10503522); Demsar 2006, Journal of Machine Learning Research 7, 1-30.
    """
    check_decisions(truth, labels, statistic, n_classes)
    if fold.shape != truth.shape or fold.min() < 0:
        raise SabotageError(
            f"fold must have one number an example, {len(truth)}, from 0: found the shape {fold.shape},"
            f" numbers from {fold.min()}"
        )
    from scipy.stats import friedmanchisquare, rankdata

    values = _score_folds(truth, labels, fold, statistic, n_classes)
    rounded = values.round(TIE)
    ranks = rankdata(-rounded, axis=0)
    n_rules, n_folds = values.shape
    p = None
    if n_rules >= 3 and n_folds >= 2 and (rounded != rounded[0]).any():
        p = float(friedmanchisquare(*rounded).pvalue)
    return Ranks(statistic, values, tuple(ranks.mean(axis=1).tolist()), n_folds, p)


def _score_folds(truth: np.ndarray, labels: np.ndarray, fold: np.ndarray, statistic: str, n_classes: int) -> np.ndarray:
    """Return the statistic of each rule within each fold that has examples, (R, F)."""
    has_any = np.bincount(fold) > 0
    place = (np.cumsum(has_any) - 1)[fold]
    n_folds = int(np.count_nonzero(has_any))
    width = 1 if statistic == "accuracy" else n_classes
    own = place if width == 1 else place + n_folds * truth.astype(np.int64)  # a fold and class

    def count(cells: np.ndarray) -> np.ndarray:
        return np.bincount(cells, minlength=width * n_folds).reshape(width, n_folds)

    n_true = count(own)
    values = np.empty((len(labels), n_folds))
    for value, decided in zip(values, labels, strict=True):
        hits = count(own[decided == truth])
        said = decided >= 0
        needs_said = statistic == "macro_f1"
        n_said = count(place[said] + n_folds * decided[said].astype(np.int64)) if needs_said else hits
        value[:] = score_counts(statistic, n_true, hits, n_said)
    return values
