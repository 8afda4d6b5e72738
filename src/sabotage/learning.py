"""Learned rules: fitted on calibration rows, or crosswise on folds, kept as plain parameters, saved and read back."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sabotage.errors import SabotageError, listed
from sabotage.files import written
from sabotage.folds import assign_folds
from sabotage.labels import Label
from sabotage.learners import LEARNERS, is_learned, parse_learned
from sabotage.panel import Panel
from sabotage.parameters import Parameters
from sabotage.rules import find_rule
from sabotage.sketches import sketch
from sabotage.stacking import CLIP

__all__ = [
    "LEARNERS",
    "Fitted",
    "check_fits",
    "check_name",
    "cross_fit",
    "fit",
    "is_learned",
    "load_fitted",
    "parse_learned",
]

VERSION = 1  # of the file


@dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """A rule with what it learned.

    Attributes
    ----------
    name : str
        As it was asked for, such as "stacking" or "calibrated-platt:log_pool".
    learner : str
        A name of `LEARNERS`.
    inner : str or None
        The rule over calibrated agents.
    agents : tuple of str
    classes : tuple of labels
    weights : str
        What the reliability of the panel was.
    n_fit : int
        Rows that it was fitted on; of a cross-fitted rule, all of them.
    parts : tuple of dict
        Parameters, plain JSON: one set, or one for each fold, which was fitted on the rows of the others.
    fold : ndarray of shape (n,), int64, or None
        Which part decides each row of the panel that it was cross-fitted on.
    ids, truth : pyarrow.Array of length n and ndarray of shape (n,), int32, or None
        By which those rows are known again.
    notes : tuple of str
    silent : tuple of str
        Agents that were silent on some of the rows: what decisions are worth without them could be learned.
    sketch : tuple of int
        Hashes of some of the rows, see `sabotage.sketches`; empty where nothing tells them apart.
    file : str or None
        Name of the file that it was read from.
    seen : float or None
        Of a replay: which share of those rows its panel holds; None where that cannot be told.
    """

    name: str
    learner: str
    inner: str | None
    agents: tuple[str, ...]
    classes: tuple[Label, ...]
    weights: str
    n_fit: int
    parts: tuple[Parameters, ...]
    fold: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    ids: pa.Array | None = None
    truth: np.ndarray | None = None
    silent: tuple[str, ...] = ()
    sketch: tuple[int, ...] = ()
    file: str | None = None
    seen: float | None = None

    def each(self, panel: Panel) -> Iterator[tuple[Parameters, np.ndarray]]:
        """Yield each set of parameters with the rows that it decides, ndarray of shape (k,), int64.

        Raises SabotageError for a panel that the rule does not fit, or that has other rows than it was cross-fitted on.
        """
        check_fits(self, panel)
        if self.fold is not None and len(self.fold) != panel.n_examples:
            raise SabotageError(
                f"{self.name} was cross-fitted on {len(self.fold):,} rows and decides no others: found"
                f" {panel.n_examples:,}; fit it on calibration rows to decide new ones"
            )
        same = self.truth is not None and panel.ids.equals(self.ids) and np.array_equal(panel.truth, self.truth)
        if self.fold is not None and not same:
            raise SabotageError(
                f"{self.name} was cross-fitted on other rows than those of the panel, or in another order, and may have"
                f" learned from those that it would decide; fit it anew, or on calibration rows"
            )
        for k, parameters in enumerate(self.parts):
            yield parameters, np.arange(panel.n_examples) if self.fold is None else np.flatnonzero(self.fold == k)

    def save(self, path: str | Path) -> None:
        """Write one JSON file that `load_fitted` reads; raises SabotageError for a cross-fitted rule."""
        if self.fold is not None:
            raise SabotageError(
                f"{self.name} was cross-fitted: its rows are decided by {len(self.parts)} sets of parameters, none of"
                f" which is the rule; fit it on calibration rows to save it"
            )
        content = {
            "sabotage_rule": VERSION,
            "name": self.name,
            "agents": list(self.agents),
            "classes": list(self.classes),
            "weights": self.weights,
            "n_fit": self.n_fit,
            "parameters": self.parts[0],
            "notes": list(self.notes),
            "silent": list(self.silent),
            "rows": [f"{one:016x}" for one in self.sketch],
        }
        with written(path) as temporary:
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            temporary.write_text(text, encoding="utf-8")

    def __repr__(self) -> str:
        how = "fitted on" if self.fold is None else f"cross-fitted in {len(self.parts)} folds on"
        lines = [
            f"{self.name}, {how} {self.n_fit:,} rows",
            f"  agents   {listed(self.agents)}",
            f"  classes  {len(self.classes)}: {listed(self.classes)}",
            f"  weights  {self.weights}",
        ]
        return "\n".join([*lines, *(f"  note     {note}" for note in self.notes)])


def fit(panel: Panel, name: str, *, clip: float = CLIP) -> Fitted:
    """Fit a learned rule on all rows of a panel.

    Parameters
    ----------
    panel : Panel
        The calibration rows, and none that the rule is to be judged on.
    name : str
        "stacking", "weighted_stacking", "learned_gate", "class_weighted", or "calibrated:RULE",
        "calibrated-platt:RULE", "calibrated-isotonic:RULE".
    clip : float
        Below it class scores are clipped before the logarithm (`stacking`, `weighted_stacking`).

    Raises
    ------
    SabotageError
        If the name is unknown, or the panel does not have what the rule needs.
    """
    learn = _learn(panel, name, clip)
    parameters = learn(panel)
    return _fitted(panel, name, (parameters,), None, tuple(parameters["notes"]))


def cross_fit(
    panel: Panel,
    name: str,
    n_folds: int,
    *,
    group: str | None = None,
    seed: int = 0,
    clip: float = CLIP,
) -> Fitted:
    """Fit a learned rule once for each fold of a panel, on the rows of the other folds.

    No row is decided by what was learned from it, or from its group or id.

    Parameters
    ----------
    panel : Panel
    name, clip
        As for `fit`.
    n_folds, group, seed
        As for `assign_folds`.

    Raises
    ------
    SabotageError
        As `fit` and `assign_folds`; a fold without which something is missing is named.
    """
    learn = _learn(panel, name, clip)
    n_folds = index(n_folds)
    fold = assign_folds(panel, n_folds, group, seed)
    parts = []
    for k in range(n_folds):
        try:
            parts.append(learn(panel.take(np.flatnonzero(fold != k))))
        except SabotageError as error:
            raise SabotageError(f"without fold {k + 1} of {n_folds}: {error}") from None
    heard = Counter(note for part in parts for note in part["notes"])
    notes = (f"{note} ({count} of {n_folds} folds)" for note, count in heard.items())
    return _fitted(panel, name, tuple(parts), fold, tuple(notes))


def check_name(name: str) -> None:
    """Raise SabotageError for a name that is no learned rule's, or of one over agents that cannot be calibrated."""
    _, _, inner = parse_learned(name)
    if inner is None:
        return
    if is_learned(inner) or find_rule(inner).learned:
        raise SabotageError(f"{name}: over calibrated agents go rules that learn nothing themselves; found {inner!r}")


def check_fits(fitted: Fitted, panel: Panel) -> None:
    """Raise SabotageError where a panel's agents, classes or weights are not those that a rule was fitted on."""
    for what, own, other in (
        ("agents", fitted.agents, panel.agents),
        ("classes", _spelled(fitted.classes), _spelled(panel.classes)),
        ("weights", (fitted.weights,), (panel.weights,)),
    ):
        if own != other:
            lost, new = [name for name in own if name not in other], [name for name in other if name not in own]
            how = "; in another order" * (not lost and not new)
            how += f"; {listed(lost)} not in the panel" * bool(lost) + f"; {listed(new)} not in the rule" * bool(new)
            # Agents can be left out and classes added; what one panel lacks otherwise it cannot be given.
            if {"agents": bool(new) and not lost, "classes": not new, "weights": own != ("given",)}[what]:
                texts = map(str, fitted.classes if what == "classes" else own)
                how += f"; --{what} {','.join(texts)} would do"
            raise SabotageError(f"{fitted.name} was fitted on other {what} than the panel has{how}")


def load_fitted(path: str | Path) -> Fitted:
    """Read a learned rule from the file that `Fitted.save` wrote.

    Raises
    ------
    SabotageError
        If it cannot be read, is no such file, or holds parameters that do not fit its agents and classes.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, or not JSON
        raise SabotageError(f"{path} is not strict JSON, as a saved rule is: {str(error)[:160]}") from None
    if not isinstance(content, dict) or "sabotage_rule" not in content:
        raise SabotageError(f"{path} holds no saved rule: it has no field sabotage_rule")
    version = content["sabotage_rule"]
    if version != VERSION or isinstance(version, bool):
        raise SabotageError(f"{path} holds a rule of version {version!r}: this sabotage reads version {VERSION}")
    for field, (holds, said) in _FIELDS.items():
        if field not in content:
            raise SabotageError(f"{path}: the field {field} is missing")
        if not holds(content[field]):
            raise SabotageError(f"{path}: {field} must be {said}")
    agents, classes, parameters = tuple(content["agents"]), tuple(content["classes"]), content["parameters"]
    try:
        check_name(content["name"])
        learner, method, inner = parse_learned(content["name"])
    except SabotageError as error:
        raise SabotageError(f"{path}: {error}") from None
    why = LEARNERS[learner].wrong(parameters, len(agents), len(classes), method)
    if why is not None:
        raise SabotageError(
            f"{path}: its parameters are not those of {learner} with {len(agents)} agents and {len(classes)} classes:"
            f" {why}"
        )
    weights, n_fit, notes = content["weights"], content["n_fit"], tuple(content["notes"])
    silent, known = tuple(content["silent"]), tuple(int(one, 16) for one in content["rows"])
    return Fitted(
        content["name"], learner, inner, agents, classes, weights, n_fit, (parameters,), None, notes,
        silent=silent, sketch=known, file=Path(path).name,
    )  # fmt: skip


def _learn(panel: Panel, name: str, clip: float) -> Callable[[Panel], Parameters]:
    """Return what fits a rule to a panel, once its name and options are sound."""
    if not 0 < clip < 1:
        raise SabotageError(f"clip must lie in (0, 1): found {clip}")
    check_name(name)
    learner, method, _ = parse_learned(name)
    if not isinstance(panel, Panel):
        raise SabotageError(f"a panel is needed to fit {name} on: found a {type(panel).__name__}")
    return lambda panel: LEARNERS[learner].fit(panel, method, clip)


def _fitted(
    panel: Panel, name: str, parts: tuple[Parameters, ...], fold: np.ndarray | None, notes: tuple[str, ...]
) -> Fitted:
    learner, _, inner = parse_learned(name)
    n = panel.n_examples
    return Fitted(
        name, learner, inner, panel.agents, panel.classes, panel.weights, n, parts, fold, notes,
        ids=None if fold is None else panel.ids,
        truth=None if fold is None else panel.truth,
        silent=tuple(agent for m, agent in enumerate(panel.agents) if (panel.labels[:, m] < 0).any()),
        sketch=sketch(panel) if fold is None else (),
    )  # fmt: skip


def _spelled(classes: Sequence[Label]) -> tuple[str, ...]:
    """Spell classes so that 1, "1" and True differ."""
    return tuple(repr(label) for label in classes)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


# What a file holds beside its version: a test of each field, and what it should be.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda value: isinstance(value, str), "a text"),
    "agents": (
        lambda value: _are_texts(value) and 0 < len(set(value)) == len(value),
        "a list of different names",
    ),
    "classes": (
        lambda value: (
            isinstance(value, list)
            and all(isinstance(one, bool | int | float | str) for one in value)
            and 1 < len(set(_spelled(value))) == len(value)
        ),
        "a list of two or more different labels",
    ),
    "weights": (lambda value: isinstance(value, str), "a text"),
    "n_fit": (lambda value: type(value) is int and value > 0, "a whole number above 0"),
    "parameters": (lambda value: isinstance(value, dict), "an object"),
    "notes": (_are_texts, "a list of texts"),
    "silent": (_are_texts, "a list of names"),
    "rows": (
        lambda value: _are_texts(value) and all(re.fullmatch("[0-9a-f]{16}", one) for one in value),
        "a list of hashes, 16 hexadecimal digits each",
    ),
}
