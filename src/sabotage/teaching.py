"""What learned rules may see: calibration rows, or the other folds of the panel; and fitting them to it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sabotage.calibration import read_calibration
from sabotage.custom import interpreted, load_rule
from sabotage.errors import SabotageError, SabotageWarning
from sabotage.learning import Fitted, check_name, cross_fit, fit, is_learned, load_fitted
from sabotage.panel import Panel
from sabotage.rules import Rule


@dataclass(frozen=True, eq=False)
class Teaching:
    """How learned rules are fitted: on `calibration` rows, or crosswise in `n_folds` of the panel by `group`."""

    calibration: Panel | None = None
    n_folds: int | None = None
    group: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.calibration is not None and self.n_folds is not None:
            raise SabotageError("learned rules are fitted on calibration rows or crosswise: give one of the two")

    @property
    def is_possible(self) -> bool:
        """Whether there is anything to learn from."""
        return self.calibration is not None or self.n_folds is not None

    def fit(self, panel: Panel, rule: str | Rule | Fitted, clip: float) -> str | Rule | Fitted:
        """Return a learned rule's name as the fitted rule, where there is anything to learn from, or a file's as read.

        Any other rule is returned as it is.

        Raises
        ------
        SabotageError
            As `sabotage.fit`, `sabotage.cross_fit` and `sabotage.load_fitted`.
        """
        if isinstance(rule, str) and rule.endswith(".json"):
            return load_fitted(rule)
        if not isinstance(rule, str) or not is_learned(rule) or not self.is_possible:
            return rule
        if self.calibration is not None:
            return fit(self.calibration, rule, clip=clip)
        assert self.n_folds is not None  # one of the two is there
        return cross_fit(panel, rule, self.n_folds, group=self.group, seed=self.seed, clip=clip)


def make_teaching(
    data: Any, panel: Panel, wanted: bool | None, n_folds: int | None = None, seed: int = 0, **options: Any
) -> tuple[Teaching, Panel]:
    """Find what learned rules may see: folds of the panel where asked for, else the rows of other splits.

    Parameters
    ----------
    data : path, pandas DataFrame or pyarrow Table
        What the panel was read from.
    panel : Panel
    wanted : bool, optional
        Whether calibration rows must be read; where None, if there are any.
    n_folds, seed
        As for `sabotage.cross_fit`.
    **options
        With which the panel was read.

    Returns
    -------
    tuple of Teaching and Panel
        The panel with the classes of the calibration rows.

    Raises
    ------
    SabotageError
        As `read_calibration`.
    """
    if n_folds is not None:
        return Teaching(n_folds=n_folds, seed=seed), panel
    is_needed = wanted is True
    if wanted is None:
        wanted = panel.origin.n_other_split > 0
    if not wanted:
        return Teaching(), panel
    try:
        calibration, panel = read_calibration(data, panel, **options)
    except SabotageError as error:
        if is_needed:
            raise
        # Nobody asked for what needs them.
        warnings.warn(SabotageWarning(f"the rows of other splits are no use to learned rules: {error}"), stacklevel=2)
        return Teaching(), panel
    return Teaching(calibration), panel


def prepare_rules(
    data: Any,
    panel: Panel,
    names: Sequence[str],
    *,
    n_folds: int | None = None,
    interpret: bool = False,
    seed: int = 0,
    clip: float,
    **options: Any,
) -> tuple[Panel, list[str | Rule | Fitted]]:
    """Make rules that were named ready to be replayed: learned ones fitted, a user's own loaded.

    Parameters
    ----------
    data, panel, n_folds, seed, **options
        As for `make_teaching`.
    names : sequence of str
    interpret : bool
        Run a user's own rules uncompiled.
    clip : float
        Of logarithms, for what is fitted.

    Returns
    -------
    tuple of Panel and list
        The panel, with the classes of the calibration rows where these were read.
    """
    for name in filter(is_learned, names):
        check_name(name)
    own = [own_rule(name, interpret) for name in names]
    teaching, panel = make_teaching(data, panel, any(is_learned(name) for name in names), n_folds, seed, **options)
    return panel, [teaching.fit(panel, rule, clip) for rule in own]


def wants_rows(rules: Sequence[str | Rule]) -> bool | None:
    """Whether rules that were named need calibration rows; None where none is named but the last, the reference."""
    if any(isinstance(rule, str) and is_learned(rule) for rule in rules):
        return True
    return None if len(rules) == 1 or rules[-1] == "best_agent" else False


def own_rule(name: str, interpret: bool) -> str | Rule:
    """Return a user's own rule, "file.py:function", uncompiled where asked for; any other name as it is."""
    is_own = ".py:" in name and not is_learned(name)
    return interpreted(load_rule(name, interpret)) if interpret and is_own else name
