"""Reliability for agents that give none: how often an agent is right where it looks as it does here."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sabotage.areas import ALIKE, area, paired_areas, subset
from sabotage.assessors import ASSESSORS, Given, check_given, find_logits, require
from sabotage.correctness import estimate_right
from sabotage.errors import SabotageError, listed, unknown
from sabotage.folds import assign_folds
from sabotage.intervals import FEWEST_CLUSTERS, Estimate, clusters
from sabotage.labels import merged
from sabotage.notes import Notes
from sabotage.panel import Panel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Assessed:
    """One agent's estimated reliability, judged on rows that it was not fitted on.

    Attributes
    ----------
    agent : str
    n_fit : int
        Rows that it was fitted on; crosswise, all of them, each estimated without its fold.
    n : int
        Rows judged: where the agent spoke and could be estimated.
    n_right : int
    auroc : Estimate or None
        Of the estimate against being right; None where the agent is right on all or none of them. Crosswise, the rows
        of one fold are compared with each other, here and in all that follows: the fit that leaves out a fold in which
        the agent is often right expects less of it, so that estimates of two folds are ordered the wrong way round.
    n_paired : int
        Of these, the rows that have a confidence.
    auroc_confidence : Estimate or None
        Of the confidence against being right, on the paired rows.
    difference : Estimate or None
        The estimate's AUROC on the paired rows less the confidence's.
    """

    agent: str
    n_fit: int
    n: int
    n_right: int
    auroc: Estimate | None
    n_paired: int
    auroc_confidence: Estimate | None
    difference: Estimate | None


@dataclass(frozen=True, eq=False, repr=False)
class Assessment:
    """What `assess` found.

    Attributes
    ----------
    method : str
    panel : Panel
        The panel with the estimates as its reliability, in [0, 1], NaN where an agent is silent or could not be
        estimated. Crosswise it keeps `fold` as a column, so that `fold_column` can hold estimates in their fold.
    table : tuple of Assessed, length M
    fold : ndarray of shape (n,), int64, or None
        The fold that each row was estimated without; None where calibration rows were given.
    notes : tuple of str
        What could not be learned, and the reason of every null.
    """

    method: str
    panel: Panel
    table: tuple[Assessed, ...]
    fold: np.ndarray | None
    notes: tuple[str, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row an agent; the columns ending in _low and _high are 95 % intervals."""
        import pandas as pd

        rows = []
        for own in self.table:
            row: dict[str, Any] = {name: getattr(own, name) for name in ("agent", "n_fit", "n", "n_right")}
            for name in ("auroc", "auroc_confidence", "difference"):
                found = getattr(own, name)
                low, high = (None, None) if found is None or found.interval is None else found.interval
                row |= {name: None if found is None else found.value, f"{name}_low": low, f"{name}_high": high}
            rows.append(row | {"n_paired": own.n_paired})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain dicts, lists and numbers, without the panel."""
        return {
            "method": self.method,
            "n_examples": self.panel.n_examples,
            "n_folds": None if self.fold is None else int(self.fold.max()) + 1,
            "agents": {own.agent: {k: v for k, v in asdict(own).items() if k != "agent"} for own in self.table},
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        from sabotage.reports.assessing import assessment_card

        return assessment_card(self)

    def __repr__(self) -> str:
        width = max(len(own.agent) for own in self.table)
        lines = [f"Assessment by {self.method}, {self.panel.n_examples:,} examples: AUROC against being right"]
        for own in self.table:
            numbers = [f"{name} {_text(getattr(own, name))}" for name in ("auroc", "auroc_confidence", "difference")]
            lines.append(f"  {own.agent:<{width}}  {', '.join(numbers)}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def assess(
    panel: Panel,
    method: str = "learned",
    *,
    calibration: Panel | None = None,
    cross_fit: int | None = None,
    group: str | None = None,
    seed: int = 0,
    features: Mapping[str, np.ndarray] | None = None,
    training: Mapping[str, np.ndarray] | None = None,
    calibration_features: Mapping[str, np.ndarray] | None = None,
) -> Assessment:
    """Estimate every agent's reliability: the probability that its label is right, from what it says.

    A logistic regression of being right on what the method measures, fitted for each agent on rows that are not judged,
    so that all agents are on one scale.

    Parameters
    ----------
    panel : Panel
        The rows to judge.
    method : {"learned", "margin", "entropy", "energy", "distance"}
        What is measured of an agent on one row. margin: its best class share less the second. entropy: of its class
        shares. energy: log of the sum of exponentials of its logits. distance: mean Euclidean distance to the 10
        nearest rows of its training data. learned: confidence, margin, entropy, label and given features together.
        Shares are scores over their sum; of an agent with negative scores, a softmax. In a candidate list what is not
        listed has a share of 0.
    calibration : Panel, optional
        Rows to fit on, with the same agents.
    cross_fit : int, optional
        Or as many folds of the panel, each estimated by what was fitted on the others.
    group, seed
        Of the folds, see `sabotage.folds.assign_folds`.
    features : mapping of str to ndarray of shape (n, d), optional
        What each agent saw of every row, for distance and learned; NaN where it is not known.
    training : mapping of str to ndarray of shape (k, d), optional
        The same of the rows that each agent's model was trained on, for distance. A row that is judged must not be
        among them, since its distance to itself is 0.
    calibration_features : mapping of str to ndarray, optional
        `features` of the rows of `calibration`.

    Returns
    -------
    Assessment

    Raises
    ------
    SabotageError
        Where the panel or the arrays do not have what the method measures; where there is nothing to fit on, or two
        things.

    Notes
    -----
    The fit is that of `sabotage.correctness.estimate_right`. Intervals are DeLong's, over clusters of the panel, and
    take the fits as given. Crosswise the fits share rows with each other and with what is judged: by simulation of 200
    to 500 rows, intervals hold the AUROC in 93 to 96 % where there is something to learn, and in 83 to 89 % where
    there is next to nothing.
    """
    assessor = ASSESSORS.get(method)
    if assessor is None:
        raise unknown("method", str(method), ASSESSORS)
    if (calibration is None) == (cross_fit is None):
        raise SabotageError(
            "reliability is learned from rows that are not judged: give calibration rows (on the command line, a column"
            " split) or cross_fit (--cross-fit K), one of the two"
        )
    if calibration is panel:
        raise SabotageError("calibration must be other rows than those that are judged: give cross_fit for these")
    if cross_fit is not None and not isinstance(cross_fit, Integral):
        raise SabotageError(f"cross_fit must be a number of folds: found {cross_fit!r:.80}")
    given = beside = check_given(panel, Given(features, training))
    fold = None
    if calibration is None:
        if calibration_features is not None:
            raise SabotageError("calibration_features are those of calibration rows: there are none")
        assert cross_fit is not None  # one of the two is there
        negative, odd = find_logits(panel)
        require(method, panel, odd, given)
        fold = assign_folds(panel, int(cross_fit), group, seed)
        source = panel
    else:
        if calibration.agents != panel.agents:
            raise SabotageError(
                f"calibration rows must have the agents of the panel, {listed(panel.agents)}: found"
                f" {listed(calibration.agents)}"
            )
        classes = merged(panel.classes, calibration.classes)
        panel, source = panel.with_classes(classes), calibration.with_classes(classes)
        negative, odd = (a | b for a, b in zip(find_logits(panel), find_logits(source), strict=True))
        require(method, panel, odd, given)
        widths = None if given.features is None else {name: own.shape[1] for name, own in given.features.items()}
        beside = check_given(source, Given(calibration_features, training), widths)
        if (beside.features is None) != (given.features is None):
            raise SabotageError("features and calibration_features go together: give both, or neither")
        require(method, source, odd, beside)
    notes = Notes()
    if calibration is not None and (twice := _shared(panel, calibration)):
        notes.add(
            f"{twice:,} of the ids judged are among the calibration rows: the AUROCs are too good, if they are one"
        )
    reliability, n_fit = np.full(panel.labels.shape, np.nan), []
    right, spoke = source.labels == source.truth[:, None], source.spoke
    for m, agent in enumerate(panel.agents):
        own = assessor.features(panel, m, bool(negative[m]), given)
        rows = own if fold is not None else assessor.features(source, m, bool(negative[m]), beside)
        known = spoke[:, m] & ~np.isnan(rows).any(axis=1)
        n_fit.append(int(np.count_nonzero(known)))
        if fold is None:
            reliability[:, m] = estimate_right(own, rows[known], right[known, m], agent, notes)
            continue
        heard: list[str] = []
        n_folds = int(fold.max()) + 1
        for k in range(n_folds):
            inside, others, said = fold == k, known & (fold != k), Notes()
            reliability[inside, m] = estimate_right(own[inside], rows[others], right[others, m], agent, said)
            heard += said
        for note, count in Counter(heard).items():
            notes.add(f"{note} ({count} of {n_folds} folds)")
    assessed = panel.with_weights(reliability)
    if fold is not None:
        name = "assessed_fold" if "fold" in panel.columns else "fold"
        assessed = replace(assessed, columns={**panel.columns, name: pa.array(fold)})
        notes.add(
            f"estimates of different folds come from different fits: column {name} says which, and --fold-column {name}"
            f" keeps them apart in a permutation test"
        )
    return Assessment(method, assessed, _judge(assessed, n_fit, fold, notes), fold, tuple(notes))


def _shared(panel: Panel, calibration: Panel) -> int:
    """Count the ids that both have; none where an id is the row number of its own table."""
    if panel.origin.id_column is None or calibration.origin.id_column is None:
        return 0
    return len(set(panel.ids.to_pylist()) & set(calibration.ids.to_pylist()))


def _judge(panel: Panel, n_fit: Sequence[int], fold: np.ndarray | None, notes: Notes) -> tuple[Assessed, ...]:
    """Judge the reliability of every agent, and its confidence beside it."""
    groups = clusters(panel)
    table = []
    for m, agent in enumerate(panel.agents):
        rows = np.flatnonzero(panel.spoke[:, m] & ~np.isnan(panel.reliability[:, m]))
        right = panel.labels[rows, m] == panel.truth[rows]
        own = area(right, panel.reliability[rows, m], subset(groups, rows), None if fold is None else fold[rows])
        paired = rows[~np.isnan(panel.confidence[rows, m])]
        beside = paired_areas(
            panel.labels[paired, m] == panel.truth[paired],
            panel.reliability[paired, m],
            panel.confidence[paired, m],
            subset(groups, paired),
            None if fold is None else fold[paired],
        )
        if own is None:
            where = "" if fold is None else ", or of those of each fold"
            notes.add(f"{agent} is right on all or none of the {len(rows):,} rows judged{where}: its AUROCs are null")
        elif own[1] is not None:
            notes.add(
                f"{agent}: fewer than {FEWEST_CLUSTERS} clusters are right, or wrong, or the estimate parts them"
                f" without exception: its intervals are null"
            )
        if len(paired) < len(rows):
            notes.add(
                f"{agent} has a confidence on {len(paired):,} of the {len(rows):,} rows judged: the difference is over"
                f" these"
            )
        if beside is not None and beside.missing == ALIKE:
            notes.add(f"{agent}: estimate and confidence put the rows in one order: the difference has no interval")
        table.append(
            Assessed(
                agent, n_fit[m], len(rows), int(np.count_nonzero(right)), None if own is None else own[0], len(paired),
                None if beside is None else beside.second, None if beside is None else beside.difference,
            )
        )  # fmt: skip
    return tuple(table)


def _text(found: Estimate | None) -> str:
    if found is None:
        return "null"
    span = "" if found.interval is None else f" [{found.interval[0]:.3f}, {found.interval[1]:.3f}]"
    return f"{found.value:.3f}{span}"
