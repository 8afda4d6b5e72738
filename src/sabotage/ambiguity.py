"""The examples by how ambiguous they are: where annotators are unsure and agents disagree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sabotage.fusion import Decision
from sabotage.judging import Judged
from sabotage.panel import Panel
from sabotage.uncertainty import Uncertainty

if TYPE_CHECKING:
    import pandas as pd

LISTED = 50  # in audit.json


@dataclass(frozen=True, eq=False, repr=False)
class Ambiguous:
    """Examples in the order of their ambiguity, the most ambiguous first.

    Attributes
    ----------
    by : tuple of str
        What ranks were averaged: "annotators" and a score of disagreement, or one of them.
    rows : ndarray of shape (k,), int64
        The examples that have a rank, by their place in the panel; of equals the first in the file is first.
    ambiguity : ndarray of shape (n,)
        The mean over `by` of the share of examples with less of it, equals counting one half; NaN where nothing is
        known.
    """

    panel: Panel
    decision: Decision
    uncertainty: Uncertainty | None
    values: Mapping[str, np.ndarray]
    by: tuple[str, ...]
    rows: np.ndarray
    ambiguity: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json: the 50 most ambiguous, and how many there are."""
        return {
            "by": list(self.by),
            "n": len(self.rows),
            "n_left_out": max(0, len(self.rows) - LISTED),
            "examples": self.records(LISTED),
        }

    def records(self, most: int | None = None) -> list[dict[str, Any]]:
        """Return the most ambiguous examples as plain dicts, or all of them."""
        panel, decision = self.panel, self.decision
        names = [str(label) for label in panel.classes]
        rows = self.rows[:most]
        at = rows.tolist()

        def labels(codes: np.ndarray) -> list[str | None]:
            return [None if code < 0 else names[code] for code in codes.tolist()]

        def numbers(values: np.ndarray) -> list[float | None]:
            return [None if value != value else value for value in values.tolist()]

        def texts(column: str) -> list[str | None]:
            found = panel.column(column)
            return [None if (value := found[row].as_py()) is None else str(value) for row in at]

        columns: dict[str, list[Any]] = {
            "rank": list(range(1, len(at) + 1)),
            "id": [str(panel.ids[row].as_py()) for row in at],
        }
        for key, column in (("seed", panel.seed_column), ("group", panel.group)):
            if column is not None:
                columns[key] = texts(column)
        columns["truth"] = labels(panel.truth[rows])
        columns["decision"] = labels(decision.labels[rows])
        columns["right"] = (decision.labels[rows] == panel.truth[rows]).tolist()
        columns["ambiguity"] = numbers(self.ambiguity[rows])
        if self.uncertainty is not None:
            columns["annotator_uncertainty"] = numbers(self.uncertainty.value[rows])
        for score, values in self.values.items():
            columns[score] = numbers(values[rows])
        for m, agent in enumerate(panel.agents):
            columns[f"label:{agent}"] = labels(panel.labels[rows, m])
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_frame(self, most: int | None = None) -> "pd.DataFrame":
        """Return one row an example as a pandas DataFrame, the most ambiguous first; all of them, or `most`."""
        import pandas as pd

        records = self.records(most)
        return pd.DataFrame(records, columns=list(records[0]) if records else None)

    def __repr__(self) -> str:
        first = ", ".join(str(self.panel.ids[int(row)].as_py()) for row in self.rows[:5])
        return f"Ambiguous({len(self.rows):,} examples by {' and '.join(self.by)}: {first} ...)"


def rank_ambiguous(judged: Judged, uncertainty: Uncertainty | None, values: Mapping[str, np.ndarray]) -> Ambiguous:
    """Rank examples by how ambiguous they are.

    Ambiguity is the mean of two percentile ranks: of the annotators' uncertainty, and of the divergence of the agents'
    class scores, or of the share of pairs with different labels where no example has the former. Each rank is over the
    examples that have the number; an example with one of them is ranked by that alone.

    Parameters
    ----------
    judged : Judged
    uncertainty : Uncertainty or None
        Of `sabotage.uncertainty.read_uncertainty`.
    values : mapping of str to ndarray of shape (n,)
        Of `sabotage.disputes.dispute_scores`.
    """
    by: dict[str, np.ndarray] = {}
    if uncertainty is not None and uncertainty.known.any():
        by["annotators"] = uncertainty.value
    score = next((name for name in ("divergence", "votes") if not np.isnan(values[name]).all()), None)
    if score is not None:
        by[score] = values[score]
    panel = judged.panel
    if by:
        total, count = np.zeros(panel.n_examples), np.zeros(panel.n_examples)
        for own in by.values():
            known = ~np.isnan(own)
            total[known] += percentile_ranks(own[known])
            count += known
        ambiguity = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    else:
        ambiguity = np.full(panel.n_examples, np.nan)
    order = np.argsort(-ambiguity, kind="stable")  # NaN goes last
    rows = order[: int(np.count_nonzero(~np.isnan(ambiguity)))]
    return Ambiguous(panel, judged.roles.decision, uncertainty, values, tuple(by), rows, ambiguity)


def percentile_ranks(values: np.ndarray) -> np.ndarray:
    """Return the share of values below each, equals counting one half: ndarray of shape (n,), in (0, 1)."""
    level = np.unique(values, return_inverse=True)[1]
    count = np.bincount(level)
    found: np.ndarray = ((np.cumsum(count) - count / 2) / len(values))[level]
    return found
