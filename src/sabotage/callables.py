"""Fusion that only its own code knows: a callable from the reliabilities of all examples to their decisions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sabotage.errors import SabotageError, listed
from sabotage.fusion import CLIP, TEMPERATURE, Decision, Replay, rank_of
from sabotage.labels import whole
from sabotage.panel import Panel
from sabotage.rules import Rule
from sabotage.trying import one_line


@dataclass(frozen=True, eq=False)
class CalledReplay(Replay):
    """The replay of a callable; weights are reliabilities as they are, NaN where there is none."""

    call: Callable[[np.ndarray], Any] = np.asarray
    rowwise: bool = True

    @property
    def is_rowwise(self) -> bool:
        """Whether the decision on an example depends on its own reliabilities alone, as far as was tried."""
        return self.rowwise

    def weigh(self, q: np.ndarray, spoken: np.ndarray | None = None, rows: np.ndarray | None = None) -> np.ndarray:
        """Return reliabilities (k, M) as they are, NaN of the agents that are silent."""
        spoken = self.spoken if spoken is None else spoken
        return np.where(spoken >= 0, q, np.nan)

    def decide(self, weights: np.ndarray, keep_scores: bool = False) -> Decision:
        """Ask the callable; labels have no ranks and no ties."""
        panel, name = self.panel, self.rule.name
        q = weights.copy()  # what a callable does to its argument is its own affair
        try:
            answer = _array(self.call(q))
        except SabotageError:
            raise
        except Exception as error:
            raise SabotageError(f"{name} raised {one_line(error)}") from error
        if answer.shape[:1] != (panel.n_examples,) or answer.ndim > 2:
            raise SabotageError(
                f"{name} must return {panel.n_examples} labels, or scores of shape"
                f" ({panel.n_examples}, {panel.n_classes}): found shape {answer.shape}"
            )
        if answer.ndim == 1:
            return Decision("replayed", name, self._codes(answer), None, None, None)
        if answer.shape[1] != panel.n_classes or answer.dtype.kind not in "fiu":
            raise SabotageError(
                f"{name} must return one score for each of the {panel.n_classes} classes: found {answer.dtype} of shape"
                f" {answer.shape}"
            )
        scores = answer.astype(np.float64)
        if (scores == np.inf).any():
            raise SabotageError(f"{name} gives infinite scores: -inf for all classes, or a row of NaN, abstains")
        none = np.isnan(scores).any(axis=1) | (scores == -np.inf).all(axis=1)
        scores[none] = 0.0
        labels = np.where(none, -1, scores.argmax(axis=1)).astype(np.int32)
        rank = rank_of(panel.truth, scores)
        rank[none] = panel.n_classes
        best = scores == scores.max(axis=1)[:, None]
        tied = (best.sum(axis=1) > 1) & ~none
        winnable = tied & best[np.arange(len(labels)), panel.truth]
        return Decision("replayed", name, labels, rank, tied, winnable, scores if keep_scores else None)

    def decide_labels(self, weights: np.ndarray) -> np.ndarray:
        """Ask the callable for labels: ndarray of shape (n,), int32."""
        return self.decide(weights).labels

    def without(self, agent: int) -> None:
        """Return None: what a callable would decide without an agent is not known."""

    def take(self, rows: np.ndarray) -> Replay:
        """Raise SabotageError: a callable knows its own examples only."""
        raise SabotageError(
            f"{self.rule.name} decides all examples at once, so that runs cannot be told apart: leave the seed column"
            f" unnamed, or read one seed at a time"
        )

    def _codes(self, answer: np.ndarray) -> np.ndarray:
        """Return labels as indices into the classes, -1 for none."""
        import pandas as pd

        position = {str(label): at for at, label in enumerate(self.panel.classes)}
        none = pd.isna(answer)
        none[~none] = answer[~none] == ""
        texts = [_text(value) for value in answer[~none].tolist()]
        values, inverse = np.unique(texts, return_inverse=True)
        strange = [value for value in values.tolist() if value not in position]
        if strange:
            raise SabotageError(
                f"{self.rule.name} decided for {listed(strange, 4)}: its labels must be of the classes,"
                f" {listed(self.panel.classes)}"
            )
        codes = np.full(len(answer), -1, np.int32)
        codes[~none] = np.array([position[value] for value in values.tolist()], np.int32)[inverse]
        return codes


def _array(answer: Any) -> np.ndarray:
    """Return scores as they are, (n, C), and labels as an array of objects, (n,), lest a NaN among texts become one."""
    found = np.asarray(answer)
    return found if found.ndim != 1 else np.asarray(answer, object)


def _text(value: Any) -> str:
    """Return how a label is spelled: of a number that is whole, without a point."""
    return str(whole(float(value))) if isinstance(value, float | np.floating) and np.isfinite(value) else str(value)


def replay_callable(
    panel: Panel, call: Callable[[np.ndarray], Any], name: str = "callable", *, distribution: str | None = None
) -> Replay:
    """Make any fusion ready for the permutation test: a model with a gate, a service, somebody's code.

    Parameters
    ----------
    panel : Panel
        Truth, availability and reliability; what else the fusion looks at is its own.
    call : callable
        Takes reliabilities, ndarray of shape (n, M), NaN where there is none, in the order of the panel's examples and
        agents, and returns n labels (None or NaN to abstain), or class scores of shape (n, C), a row of NaN to abstain.
    name : str
        What results call it.
    distribution : {"share", "softmax"} or None
        How its scores become a distribution over classes, if they do.

    Returns
    -------
    Replay
        For `permute`, `diagnose`, `run_controls` and `assign_roles`. A test calls it once a replicate, and at least 64
        times for the interval of the gap; the pivotal flag is null. If one example's decision turns out to depend on
        the reliability of others, there is no interval either.

    Raises
    ------
    SabotageError
        If it fails, returns anything else, or answers differently when asked again.
    """
    if distribution not in (None, "share", "softmax"):
        raise SabotageError(f'distribution must be "share", "softmax" or None: found {distribution!r}')
    rule = Rule(name, "votes", "reliability", "a callable", "call", distribution, is_compiled=False)
    evidence = np.zeros((1, 1, panel.n_classes))
    ready = CalledReplay(panel, rule, CLIP, TEMPERATURE, evidence, panel.labels, call=call)
    clean = ready.decision.labels
    if not np.array_equal(ready.decide_labels(ready.weights), clean):
        raise SabotageError(f"{name} answers differently when asked again: a fusion under test must not draw at random")
    rowwise = _is_rowwise(ready, clean)
    return CalledReplay(panel, rule, CLIP, TEMPERATURE, evidence, panel.labels, call=call, rowwise=rowwise)


def _is_rowwise(ready: CalledReplay, clean: np.ndarray) -> bool:
    """Whether examples are decided as in `clean` (n,) when every second one gets other reliabilities, then the rest.

    Those are the highest that an agent has anywhere, or the lowest, the other for the agent beside it: what is brought
    to one scale over all examples would not notice if values were only exchanged. Where there is none, none is given.
    """
    n, n_agents = ready.weights.shape
    low = np.fmin.reduce(ready.weights, axis=0, initial=np.inf)
    high = np.fmax.reduce(ready.weights, axis=0, initial=-np.inf)
    for turn in (0, 1):
        moved, there = ready.weights.copy(), np.arange(n) % 2 == turn
        given = np.where(np.arange(n_agents) % 2 == turn, high, low)
        moved[there] = np.where(np.isnan(moved[there]), np.nan, given)
        if not np.array_equal(ready.decide_labels(moved)[~there], clean[~there]):
            return False
    return True
