"""Examples that every run gets wrong in the same way: suspected label or data problems."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.aligning import Aligned
from sabotage.intervals import Estimate, estimate, within
from sabotage.run_rates import Rate, rates_of
from sabotage.tallies import Tally

MOST_LISTED = 50  # in audit.json; suspects.csv has all
COLUMNS = ("id", "group", "truth", "suspected_label", "votes", "n_votes", "mean_confidence", "n_runs")


@dataclass(frozen=True)
class Suspect:
    """An example that every run decides wrong with one label.

    `votes` of the `n_votes` labels that the agents in common gave in all runs are that label, with `mean_confidence`;
    None where no vote has a confidence.
    """

    id: str
    group: str | None
    truth: str
    suspected_label: str
    votes: int
    n_votes: int
    mean_confidence: float | None
    n_runs: int


@dataclass(frozen=True)
class Suspects:
    """Examples that every run decides wrong with the same label.

    Attributes
    ----------
    n : int
    share : Rate
        Of all examples in common.
    expected : float
        How many there would be if runs erred independently within each class.
    ratio : float or None
        n over that; None where none would be expected.
    excess : Estimate
        The share less the expected one.
    examples : tuple of Suspect
        All of them, those that most agent-votes speak for first, then the more confident.
    """

    n: int
    share: Rate
    expected: float
    ratio: float | None
    excess: Estimate
    examples: tuple[Suspect, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json, in which the examples are the first 50."""
        return {
            "n": self.n,
            "share": asdict(self.share),
            "expected": self.expected,
            "ratio": self.ratio,
            "excess": asdict(self.excess),
            "n_listed": min(self.n, MOST_LISTED),
            "examples": [asdict(one) for one in self.examples[:MOST_LISTED]],
        }


def find_suspects(aligned: Aligned) -> Suspects:
    """Find the examples that every run decides wrong with the same label.

    Runs that err independently within a class c would all say l on n_c times the product over runs of P(l | c), P
    being the share of the run's decisions: summed over classes and wrong labels. Examples that are hard for everyone
    make more of them, a wrong truth is one reason.

    Parameters
    ----------
    aligned : Aligned
        Of at least two runs.
    """
    decided, truth, n = aligned.decided, aligned.truth, aligned.n_examples
    n_runs, n_classes = decided.shape[1], len(aligned.classes)
    label = decided[:, 0]
    which = (decided == label[:, None]).all(axis=1) & (label >= 0) & (label != truth)
    expected, influence = _expected(decided, truth, n_classes)
    ahead, tally = which - influence, Tally(aligned.panel)
    excess = within(estimate(ahead.mean(), (ahead - ahead.mean()) / n, tally.groups), -1.0, 1.0)
    (share,) = rates_of(tally, [which])
    rows = np.flatnonzero(which)
    votes, said, sure = _votes(aligned, rows, label[rows], n_runs)
    order = np.lexsort([-np.nan_to_num(sure, nan=-1.0), -votes])
    rows, votes, said, sure = rows[order], votes[order], said[order], sure[order]
    panel = aligned.panel
    groups: Sequence[Any] = [None] * len(rows)
    if panel.group is not None:
        groups = panel.column(panel.group).take(pa.array(rows)).to_pylist()
    ids = panel.ids.take(pa.array(rows)).to_pylist()
    examples = tuple(
        Suspect(
            str(ids[k]),
            None if groups[k] is None else str(groups[k]),
            aligned.classes[truth[row]],
            aligned.classes[label[row]],
            int(votes[k]),
            int(said[k]),
            None if np.isnan(sure[k]) else float(sure[k]),
            n_runs,
        )
        for k, row in enumerate(rows.tolist())
    )
    return Suspects(len(rows), share, expected, len(rows) / expected if expected else None, excess, examples)


def _expected(decided: np.ndarray, truth: np.ndarray, n_classes: int) -> tuple[float, np.ndarray]:
    """Return the expected number, and what each example adds to it to first order (n,), which sums to it."""
    n_runs = decided.shape[1]
    counts = np.zeros((n_runs, n_classes, n_classes))
    for r in range(n_runs):
        spoke = decided[:, r] >= 0
        counts[r] = np.bincount(truth[spoke] * n_classes + decided[spoke, r], minlength=n_classes**2).reshape(
            n_classes, n_classes
        )
    n_true = np.bincount(truth, minlength=n_classes)
    shares = counts / np.maximum(n_true, 1)[:, None]
    shares[:, np.arange(n_classes), np.arange(n_classes)] = 0.0  # a right label is no suspect
    together = shares.prod(axis=0).sum(axis=1)
    influence = (1 - n_runs) * together[truth]
    for r in range(n_runs):
        others = shares[np.arange(n_runs) != r].prod(axis=0)
        others[np.arange(n_classes), np.arange(n_classes)] = 0.0
        influence += np.where(decided[:, r] >= 0, others[truth, decided[:, r]], 0.0)
    return float((n_true * together).sum()), influence


def _votes(
    aligned: Aligned, rows: np.ndarray, label: np.ndarray, n_runs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the agents' labels that are the suspected one, and all, and average the confidence of the first."""
    votes, said = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    total, known = np.zeros(len(rows)), np.zeros(len(rows), np.int64)
    for r in range(n_runs):
        for m in range(len(aligned.agents)):
            own = aligned.labels(r, m, rows)
            sure = aligned.confidence(r, m, rows)
            votes += own == label
            said += own >= 0
            counts = (own == label) & ~np.isnan(sure)
            total += np.where(counts, sure, 0.0)
            known += counts
    return votes, said, np.where(known > 0, total / np.maximum(known, 1), np.nan)
