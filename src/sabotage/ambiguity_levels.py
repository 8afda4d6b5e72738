"""Examples in thirds by how ambiguous they are to people, judged by others than those who saw everything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.divergence import DECIMALS, entropy, mean_shares, shares_of
from sabotage.judging import Judged
from sabotage.notes import Notes
from sabotage.panel import Panel
from sabotage.uncertainty import read_uncertainty

LEVELS = ("low", "middle", "high")
ANNOTATORS, SINGLES = "annotators", "singles"


@dataclass(frozen=True, eq=False)
class Levels:
    """Thirds of the ambiguity.

    Attributes
    ----------
    part : ndarray of shape (n,), int64, or None
        0, 1 or 2; -1 where the ambiguity is not known. None where there are no thirds.
    source : {"annotators", "singles"} or None
    cuts : tuple of float
        Above the first an example is not in the lowest third, above the second it is in the highest.
    why_none : str or None
    """

    part: np.ndarray | None
    source: str | None
    cuts: tuple[float, ...] = ()
    why_none: str | None = None


def ambiguity_levels(judged: Judged, singles: Sequence[str]) -> Levels:
    """Cut the examples into thirds, by annotators' uncertainty, else by the entropy of the singles' mean scores.

    Of examples with one ambiguity all are in one third, so that thirds may differ in size.
    """
    panel = judged.panel
    uncertainty = read_uncertainty(panel, Notes())  # what is to be noted of it was noted with the annotators
    if uncertainty is not None and uncertainty.known.any():
        value, source = uncertainty.value, ANNOTATORS
    else:
        value, source = singles_entropy(panel, singles), SINGLES
    known = ~np.isnan(value)
    if not known.any():
        return Levels(
            None, None, (), "no column says how sure annotators are, and those with one modality have no scores"
        )
    cuts = tuple(float(cut) for cut in np.quantile(value[known], [1 / 3, 2 / 3]))
    part = np.where(known, (value > cuts[0]).astype(np.int64) + (value > cuts[1]), -1)
    if len(np.unique(part[known])) < 2:
        return Levels(None, source, cuts, f"by {source} all examples are equally ambiguous, or nearly all")
    return Levels(part, source, cuts)


def singles_entropy(panel: Panel, singles: Sequence[str]) -> np.ndarray:
    """Return the entropy in bits of the mean class scores of some agents: ndarray of shape (n,), NaN without scores."""
    at = [m for name in singles if panel.has_scores[m := panel.agents.index(name)]]
    found = np.full(panel.n_examples, np.nan)
    for rows in panel.chunks() if at else ():
        found[rows] = np.round(entropy(mean_shares([shares_of(panel, m, rows) for m in at])), DECIMALS)
    return found
