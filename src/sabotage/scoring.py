"""Metrics, as scikit-learn has them where it does, to rounding.

A label of -1 (an abstention) is wrong. Classes are those present in the truth. What cannot be had is None.
"""

import numpy as np

from sabotage.panel import chunks

BINS = 15
LOG_CLIP = 1e-12


def count_by_class(truth: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count hits, examples and labels of each class: three int64 arrays of shape (C,)."""
    hits = np.bincount(truth[labels == truth], minlength=n_classes)
    return hits, np.bincount(truth, minlength=n_classes), np.bincount(labels[labels >= 0], minlength=n_classes)


def accuracies(truth: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[float, float, float]:
    """Return accuracy, balanced accuracy and macro-F1.

    They agree with scikit-learn's accuracy_score, recall_score and f1_score with average="macro" over the classes
    present in the truth, zero_division=0.
    """
    hits, n_true, n_said = count_by_class(truth, labels, n_classes)
    present = n_true > 0
    f1 = 2 * hits[present] / (n_true[present] + n_said[present])
    return float(hits.sum() / len(truth)), balanced(hits, n_true), float(f1.mean())


def balanced(hits: np.ndarray, n_true: np.ndarray) -> float:
    """Return the mean over the classes present of hits / n, added in class order, from integers."""
    present = n_true > 0
    return float((hits[present] / n_true[present]).sum() / present.sum())


def auroc(positive: np.ndarray, value: np.ndarray) -> float | None:
    """Return the area under the ROC curve of `value` for `positive`, both (n,); None where one kind is missing."""
    if not len(positive) or positive.all() or not positive.any():
        return None
    order = np.argsort(value)
    starts = _starts(value[order])
    with_it = np.add.reduceat(positive[order], starts, dtype=np.int64)
    without = np.diff(starts, append=len(order)) - with_it
    # Twice the wins, ties counting one half: whole numbers, so that an area of 0 or 1 is exactly that.
    wins = int((with_it * (2 * np.cumsum(without) - without)).sum())
    return wins / (2 * int(with_it.sum()) * int(without.sum()))


def expected_calibration_error(right: np.ndarray, confidence: np.ndarray, bins: int = BINS) -> float:
    """ECE over equal-width bins [lo, hi), the last closed; an edge is the double nearest to k / bins.

    right : (n,) bool; confidence : (n,) in [0, 1] (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599).
    """
    edges = np.arange(1, bins) / bins
    return _calibration_gap(right, confidence, np.searchsorted(edges, confidence, side="right"), bins)


def equal_mass_calibration_error(right: np.ndarray, confidence: np.ndarray, bins: int = BINS) -> float:
    """ECE over the bins of `mass_bins`."""
    return _calibration_gap(right, confidence, mass_bins(confidence, bins), bins)


def mass_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """Number bins of equal counts: bin(v) = min(bins - 1, floor(bins x share of values < v)), in integers, (n,)."""
    order = np.argsort(values)
    starts = _starts(values[order])
    below = np.empty(len(values), np.int64)
    below[order] = np.repeat(starts, np.diff(starts, append=len(values)))
    return np.minimum(bins - 1, bins * below // len(values))


def _calibration_gap(right: np.ndarray, confidence: np.ndarray, bin_of: np.ndarray, bins: int) -> float:
    gap = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def aurc(right: np.ndarray, confidence: np.ndarray) -> float:
    """Area under the risk-coverage curve: the mean over k of the error rate among the k most confident.

    Examples of equal confidence are taken in expectation over their order (Geifman et al. 2019, arXiv:1805.08206).
    """
    return float(risks(right, confidence).mean())


def risks(right: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Return the error rate among the 1, 2 ... n most confident, equals in expectation over their order: (n,)."""
    order = np.argsort(-confidence, kind="stable")
    wrong = (~right[order]).astype(np.float64)
    ordered = confidence[order]
    starts = _starts(ordered)
    sizes = np.diff(np.r_[starts, len(ordered)])
    share = np.add.reduceat(wrong, starts) / sizes  # of errors in each group of equals, spread evenly over it
    return np.cumsum(np.repeat(share, sizes)) / np.arange(1, len(ordered) + 1)


def _starts(ordered: np.ndarray) -> np.ndarray:
    """Return where runs of equal values start, of values in order (n,): ndarray of shape (runs,), int64."""
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def brier_and_log_loss(truth: np.ndarray, scores: np.ndarray) -> tuple[float, float] | None:
    """Return the Brier score summed over classes and the log loss, of scores normalised to sum 1.

    truth : (n,); scores : (n, C). Probabilities are clipped at 1e-12 in the logarithm. None where a score is negative
    or a row sums to 0 or overflows: such scores are no probabilities.
    """
    if not len(truth):
        return None
    brier = loss = 0.0
    for rows in chunks(len(truth), scores.shape[1]):
        part, own = scores[rows], truth[rows]
        with np.errstate(over="ignore"):
            total = part.sum(axis=1)
        if part.min() < 0 or total.min() <= 0 or total.max() == np.inf:
            return None
        probability = part / total[:, None]
        of_truth = probability[np.arange(len(own)), own]
        # sum over c of (p_c - y_c)^2, spread out so that no one-hot array is needed
        brier += float((np.square(probability).sum(axis=1) - 2 * of_truth + 1).sum())
        loss -= float(np.log(np.clip(of_truth, LOG_CLIP, 1.0)).sum())
    return (brier / len(truth), loss / len(truth)) if np.isfinite(brier) else None
