"""Who speaks for a modality: the protocol, agents recorded in a table, and fitted scikit-learn classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sabotage.errors import SabotageError

if TYPE_CHECKING:
    from sabotage.emitting import emit as emit


def __getattr__(name: str) -> Any:
    # `emit` stands here too, beside what it asks; it is imported when it is asked for, since it imports this file.
    if name == "emit":
        from sabotage.emitting import emit

        return emit
    raise AttributeError(f"module 'sabotage.agents' has no attribute {name!r}")


@dataclass(frozen=True)
class Emissions:
    """What one agent said about a batch of n examples.

    Attributes
    ----------
    labels : sequence of n labels, or None
        None (the whole or an entry) where the agent gave no label; a label of None with scores is their argmax.
    confidence : ndarray of shape (n,), or None
        In [0, 1]; NaN where there is none. None: the top score.
    scores : ndarray of shape (n, len(classes)), or None
        Class scores, NaN where a class was not listed.
    classes : sequence of labels
        What the columns of `scores` stand for.
    reliability : ndarray of shape (n,), or None
        The self-assessment, in [0, inf); NaN where there is none.
    reasons : sequence of n texts or None, or None
        Why an example has no emission, such as the error that came instead; None where it has one or nothing is known.
    rationales : sequence of n texts or None, or None
        What the agent said for its labels.
    """

    labels: Sequence[object] | None = None
    confidence: np.ndarray | None = None
    scores: np.ndarray | None = None
    classes: Sequence[object] = ()
    reliability: np.ndarray | None = None
    reasons: Sequence[str | None] | None = None
    rationales: Sequence[str | None] | None = None


@runtime_checkable
class Agent(Protocol):
    """Anything with a name that turns a batch of examples into emissions."""

    @property
    def name(self) -> str:
        """How tables and figures call the agent."""
        ...

    def emit(self, batch: Any) -> Emissions:
        """Say something about every example of the batch."""
        ...


@dataclass(frozen=True)
class RecordedAgent:
    """An agent whose emissions stand in columns of a table; `scores` maps a class, as text, to its column."""

    name: str
    label: str | None = None
    confidence: str | None = None
    reliability: str | None = None
    scores: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """All columns of the agent."""
        own = (self.label, self.confidence, self.reliability)
        return [column for column in own if column is not None] + list(self.scores.values())

    def emit(self, batch: Any) -> Emissions:
        """Read the emissions out of a pandas DataFrame, a pyarrow Table or a mapping of columns.

        Raises KeyError for a column that the batch does not have.
        """

        def floats(column: str | None) -> np.ndarray | None:
            return None if column is None else np.asarray(batch[column], dtype=np.float64)

        labels = None
        if self.label is not None:
            values = batch[self.label]
            labels = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
        scores = None
        if self.scores:
            scores = np.column_stack([np.asarray(batch[column], np.float64) for column in self.scores.values()])
        return Emissions(labels, floats(self.confidence), scores, tuple(self.scores), floats(self.reliability))


@dataclass(frozen=True)
class EstimatorAgent:
    """A fitted scikit-learn classifier that speaks for its own columns.

    Parameters
    ----------
    name : str
    estimator : fitted classifier
        With `predict_proba` it emits class scores, without it labels alone.
    columns : sequence of column names or positions, optional
        What the estimator sees of a batch; all of it where this is None.
    assessor : fitted binary classifier, optional
        Predicts from the class scores whether `estimator` is right (class 1); its probability is the self-assessment.
        `with_assessor` fits one.
    """

    name: str
    estimator: Any
    columns: Any = None
    assessor: Any = None

    def emit(self, batch: Any) -> Emissions:
        """Predict labels, class scores and the self-assessment of a DataFrame or a 2-d array."""
        own = self._own(batch)
        labels = list(self.estimator.predict(own))
        if not hasattr(self.estimator, "predict_proba"):
            return Emissions(labels)
        scores = np.asarray(self.estimator.predict_proba(own), dtype=np.float64)
        reliability = None
        if self.assessor is not None:
            right = list(self.assessor.classes_).index(1)
            reliability = self.assessor.predict_proba(_assessor_features(scores))[:, right]
        chosen = scores[np.arange(len(scores)), np.searchsorted(self.estimator.classes_, labels)]
        return Emissions(labels, chosen, scores, tuple(self.estimator.classes_), reliability)

    def with_assessor(self, X: Any, y: Sequence[object], assessor: Any = None) -> "EstimatorAgent":
        """Return the agent with a self-assessment, learned on calibration rows that the estimator was not fitted on.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, n_features)
            Calibration rows.
        y : array of shape (n,)
            Their truth.
        assessor : unfitted binary classifier, optional
            Default: a logistic regression.

        Raises
        ------
        SabotageError
            If the estimator has no `predict_proba`, or is right on all or on none of the rows: nothing can be learned.
        """
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression

        if not hasattr(self.estimator, "predict_proba"):
            raise SabotageError(f"{self.name}: an assessor learns from class scores, and its estimator has none")
        own = self._own(X)
        right = np.asarray(self.estimator.predict(own) == np.asarray(y), dtype=np.int64)
        if right.min() == right.max():
            raise SabotageError(
                f"{self.name} is right on {right.sum()} of {len(right)} calibration rows: an assessor needs both kinds"
            )
        features = _assessor_features(np.asarray(self.estimator.predict_proba(own), dtype=np.float64))
        fitted = clone(assessor if assessor is not None else LogisticRegression()).fit(features, right)
        return EstimatorAgent(self.name, self.estimator, self.columns, fitted)

    def _own(self, batch: Any) -> Any:
        if self.columns is None:
            return batch
        if hasattr(batch, "loc"):
            return batch[list(self.columns)]
        return np.asarray(batch)[:, list(self.columns)]


def _assessor_features(scores: np.ndarray) -> np.ndarray:
    """Top score, margin to the second and entropy: what a classifier's own scores say about being right."""
    ordered = np.sort(scores, axis=1)
    entropy = -np.sum(scores * np.log(np.clip(scores, 1e-12, None)), axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if scores.shape[1] > 1 else 0.0)
    return np.column_stack([ordered[:, -1], margin, entropy])
