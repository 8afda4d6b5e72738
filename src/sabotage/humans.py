"""Raters as one agent: vote shares for scores, the label of most votes, and how far they agree."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from sabotage.agents import Emissions
from sabotage.batches import count
from sabotage.errors import SabotageError, listed, unknown
from sabotage.raters import RaterAgreement, measure_raters
from sabotage.ratings import Ratings, as_id, read_ratings
from sabotage.records import require_some

SURE = ("certainty", "share")


@dataclass(frozen=True, eq=False)
class HumanAgent:
    """People who rated a modality, as one agent.

    Its class scores are the shares of the votes, its label is that of most votes; of a tie the lowest class, and
    `agreement` counts how often. An example without ratings has no emission.

    Parameters
    ----------
    name : str
    ratings : path, pandas DataFrame or pyarrow Table
        One row a rating; rows without a label are left out.
    id, rater, label : str, optional
        Columns; recognised by name where None (such as task, worker and answer).
    certainty : str, optional
        Column of how sure the rater was of it, in [0, 1].
    confidence : {"share", "certainty"}
        The share of the votes for the label, or the mean certainty of those who gave them.
    reliability : {"share", "certainty"}, optional
        A self-assessment, the same two; none where None.

    Raises
    ------
    SabotageError
        As `read_ratings`; for an unknown choice, or "certainty" without such a column.
    """

    name: str
    ratings: Any = field(repr=False)
    _: KW_ONLY
    id: str | None = None
    rater: str | None = None
    label: str | None = None
    certainty: str | None = None
    confidence: str = "share"
    reliability: str | None = None
    read: Ratings = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for option, choice in (("confidence", self.confidence), ("reliability", self.reliability)):
            if choice is None and option == "reliability":
                continue
            if choice not in SURE:
                raise unknown(option, str(choice), SURE)
            if choice == "certainty" and self.certainty is None:
                raise SabotageError(f"{option} by certainty needs its column: give certainty=COLUMN")
        read = read_ratings(self.ratings, id=self.id, rater=self.rater, label=self.label, certainty=self.certainty)
        object.__setattr__(self, "read", read)

    def emit(self, batch: Any) -> Emissions:
        """Say what was rated of some examples.

        Parameters
        ----------
        batch : sequence of n ids, or a table with the column of ids that the ratings have

        Raises
        ------
        SabotageError
            If the table has no such column, or none of the examples was rated.
        """
        said = self.answer(batch)
        return require_some(said, len(said.labels or ()), self.name)

    def answer(self, batch: Any) -> Emissions:
        """Say it as `emit` does, but take an unrated batch for an answer too."""
        read, ids = self.read, self._ids(batch)
        at = np.array([read.ids.get(text, -1) if text is not None else -1 for text in ids], np.int64)
        known = at >= 0
        votes = read.votes
        best = votes.argmax(axis=1)
        scores = np.where(known[:, None], (votes / votes.sum(axis=1, keepdims=True))[at], np.nan)
        reasons = [None if is_known else f"no ratings of it in {read.name}" for is_known in known]
        measures = {"share": scores.max(axis=1), "certainty": self._mean_certainty(best)[at]}
        return Emissions(
            labels=[read.classes[best[row]] if row >= 0 else None for row in at],
            confidence=np.where(known, measures[self.confidence], np.nan),
            scores=scores,
            classes=read.classes,
            reliability=None if self.reliability is None else np.where(known, measures[self.reliability], np.nan),
            reasons=None if known.all() else reasons,
        )

    def agreement(self, seed: int = 0) -> RaterAgreement:
        """Measure how far the raters agree; `seed` is that of the bootstrap."""
        return measure_raters(self.read.votes, self.read.n_raters, seed)

    def _mean_certainty(self, best: np.ndarray) -> np.ndarray:
        """Return the mean certainty of those who gave each example its label: (n,), NaN where none is known."""
        read = self.read
        if read.certainty is None:
            return np.full(len(best), np.nan)
        counted = (read.label == best[read.example]) & ~np.isnan(read.certainty)
        total = np.bincount(read.example[counted], read.certainty[counted], minlength=len(best))
        number = np.bincount(read.example[counted], minlength=len(best))
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    def _ids(self, batch: Any) -> list[str | None]:
        column = self.read.id_column
        names = batch.columns if hasattr(batch, "columns") else batch if isinstance(batch, Mapping) else None
        if hasattr(batch, "column_names"):
            names = batch.column_names
        if names is not None:
            if column not in names:
                raise SabotageError(
                    f"{self.name} finds an example by its {column}, and the batch has no such column: its columns are"
                    f" {listed(names)}"
                )
            batch = batch[column]
        count(batch)
        return [as_id(value) for value in (batch.to_pylist() if hasattr(batch, "to_pylist") else batch)]
