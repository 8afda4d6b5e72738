"""Slow, obvious calibration and agreement measures, derived from the definitions alone; an oracle for tests."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from naive import Tiny, plain_mean

# ---- calibration and ranking of one agent ----


def gap_over_bins(members: list[list[int]], right: Sequence[bool | int], confidence: Sequence[float]) -> float:
    """The sum over bins of n_b / n |accuracy - mean confidence|."""
    total = Fraction(0)
    for part in members:
        hits = sum((Fraction(int(right[i])) for i in part), Fraction(0))
        claimed = sum((Fraction(confidence[i]) for i in part), Fraction(0))
        total += abs(hits - claimed)
    return float(total / len(right))


def ece(right: Sequence[bool | int], confidence: Sequence[float], bins: int) -> float:
    """Expected calibration error over equal-width bins [lo, hi), the last closed."""
    members: list[list[int]] = [[] for _ in range(bins)]
    for i, v in enumerate(confidence):
        inside = [b for b in range(bins) if b / bins <= v < (b + 1) / bins]
        if v == 1.0:
            inside = [bins - 1]
        if len(inside) != 1:
            raise ValueError(f"confidence {v} is in no bin")
        members[inside[0]].append(i)
    return gap_over_bins(members, right, confidence)


def ece_equal_mass(right: Sequence[bool | int], confidence: Sequence[float], bins: int) -> float:
    """Expected calibration error over the bins min(B - 1, floor(B x share of confidences < v))."""
    members: list[list[int]] = [[] for _ in range(bins)]
    for i, v in enumerate(confidence):
        share = Fraction(sum(1 for other in confidence if other < v), len(confidence))
        members[min(bins - 1, math.floor(bins * share))].append(i)
    return gap_over_bins(members, right, confidence)


def aurc(right: Sequence[bool | int], confidence: Sequence[float]) -> float:
    """Mean risk over coverage, averaged over all orders of equal confidences (at most 7 examples)."""
    n = len(right)
    if n > 7:
        raise ValueError("brute force is for at most 7 examples")
    areas = []
    for order in itertools.permutations(range(n)):
        if any(confidence[order[j]] < confidence[order[j + 1]] for j in range(n - 1)):
            continue
        risks = [Fraction(sum(1 for i in order[:k] if not right[i]), k) for k in range(1, n + 1)]
        areas.append(plain_mean(risks))
    return float(plain_mean(areas))


def routing_auroc(panel: Tiny) -> float | None:
    """Mean over examples of the share of (right, wrong) agent pairs whose right one is the more reliable."""
    shares = []
    for i, y in enumerate(panel.truth):
        known = [(label, q) for label, q in zip(panel.labels[i], panel.q[i], strict=True) if label is not None]
        right = [q for label, q in known if label == y and q is not None]
        wrong = [q for label, q in known if label != y and q is not None]
        credit = [pair_credit(a, b) for a in right for b in wrong]
        if credit:
            shares.append(plain_mean(credit))
    return float(plain_mean(shares)) if shares else None


def pair_credit(of_right: float, of_wrong: float) -> Fraction:
    """1 where the right one has more, one half in a tie, else 0."""
    if of_right == of_wrong:
        return Fraction(1, 2)
    return Fraction(1 if of_right > of_wrong else 0)


def normalised(row: Sequence[float]) -> list[float]:
    """The row divided by its sum."""
    total = math.fsum(row)
    return [value / total for value in row]


def brier(truth: Sequence[int], rows: Sequence[Sequence[float]]) -> float:
    """Mean over examples of the squared error summed over classes."""
    errors = []
    for y, row in zip(truth, rows, strict=True):
        errors.append(math.fsum((p - (1.0 if c == y else 0.0)) ** 2 for c, p in enumerate(normalised(row))))
    return math.fsum(errors) / len(errors)


def log_loss(truth: Sequence[int], rows: Sequence[Sequence[float]]) -> float:
    """Mean negative log of the score of the truth, clipped below at 1e-12."""
    losses = [-math.log(max(normalised(row)[y], 1e-12)) for y, row in zip(truth, rows, strict=True)]
    return math.fsum(losses) / len(losses)


# ---- between agents ----


def both_present(a: Sequence[int | None], b: Sequence[int | None]) -> list[int]:
    """The examples on which both agents have a label."""
    return [i for i in range(len(a)) if a[i] is not None and b[i] is not None]


def cohen_kappa(a: Sequence[int | None], b: Sequence[int | None]) -> float | None:
    """Cohen's kappa over the examples with both labels, None where chance agreement is 1."""
    both = both_present(a, b)
    if not both:
        return None
    agreed = plain_mean([a[i] == b[i] for i in both])
    chance = Fraction(0)
    for c in {a[i] for i in both}:
        chance += plain_mean([a[i] == c for i in both]) * plain_mean([b[i] == c for i in both])
    return None if chance == 1 else float((agreed - chance) / (1 - chance))


def double_fault(a: Sequence[int | None], b: Sequence[int | None], truth: Sequence[int]) -> float | None:
    """Share of the examples with both labels on which both are wrong."""
    both = both_present(a, b)
    if not both:
        return None
    return float(plain_mean([a[i] != truth[i] and b[i] != truth[i] for i in both]))


def q_statistic(a: Sequence[int | None], b: Sequence[int | None], truth: Sequence[int]) -> float | None:
    """Yule's Q of being right, over the examples with both labels."""
    both = both_present(a, b)
    cells = [(a[i] == truth[i], b[i] == truth[i]) for i in both]
    same = cells.count((True, True)) * cells.count((False, False))
    crossed = cells.count((True, False)) * cells.count((False, True))
    return None if same + crossed == 0 else float(Fraction(same - crossed, same + crossed))


def fleiss(rows: Sequence[Sequence[int]], n_classes: int) -> float | None:
    """Fleiss' kappa of rows (one an example) of labels that are all present."""
    raters = len(rows[0]) if rows else 0
    if raters < 2:
        return None
    counts = [[list(row).count(c) for c in range(n_classes)] for row in rows]
    agreed = plain_mean([Fraction(sum(k * (k - 1) for k in row), raters * (raters - 1)) for row in counts])
    chance = Fraction(0)
    for c in range(n_classes):
        chance += Fraction(sum(row[c] for row in counts), len(rows) * raters) ** 2
    return None if chance == 1 else float((agreed - chance) / (1 - chance))


def krippendorff(rows: Sequence[Sequence[int | None]]) -> float | None:
    """Nominal Krippendorff alpha of rows (one an example) from the coincidence matrix."""
    classes = sorted({label for row in rows for label in row if label is not None})
    coincidence = {(c, k): Fraction(0) for c in classes for k in classes}
    for row in rows:
        values = [label for label in row if label is not None]
        for c, k in itertools.permutations(values, 2):
            coincidence[c, k] += Fraction(1, len(values) - 1)
    margin = {c: sum((coincidence[c, k] for k in classes), Fraction(0)) for c in classes}
    n = sum(margin.values(), Fraction(0))
    observed, expected = Fraction(0), Fraction(0)
    for c in classes:
        for k in classes:
            if c != k:
                observed += coincidence[c, k]
                expected += margin[c] * margin[k]
    return None if expected == 0 else float(1 - (n - 1) * observed / expected)
