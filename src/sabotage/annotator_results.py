"""What is found about annotators: what they said, and every score of disagreement against it and against errors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sabotage.intervals import Estimate
from sabotage.uncertainty import Uncertainty, Votes

if TYPE_CHECKING:
    from sabotage.ambiguity import Ambiguous


@dataclass(frozen=True)
class Known:
    """What annotators said, in numbers.

    Attributes
    ----------
    source : {"labels", "annotation_entropy", "annotator_agreement"}
        What uncertainty was taken from: the entropy of the labels in nats, the table's, or 1 less an agreement.
    columns : tuple of str
    n : int
        Examples whose uncertainty is known.
    mean : float or None
        Of the uncertainty, over these.
    cut : float or None
        Above it annotators are unsure.
    n_unsure : int
    votes : Votes or None
        None where there are no labels.
    why_not_compared : str or None
        Why unsure and sure examples could not be compared, where that is so.
    """

    source: str
    columns: tuple[str, ...]
    n: int
    mean: float | None
    cut: float | None
    n_unsure: int
    votes: Votes | None
    why_not_compared: str | None


@dataclass(frozen=True)
class Comparison:
    """One score where annotators are unsure against where they are sure.

    Attributes
    ----------
    n_unsure, n_sure : int
        Examples with the score.
    mean_unsure, mean_sure : float
    difference : Estimate
        The first less the second. Its interval is None where fewer than 10 clusters have either kind, or nothing
        varies.
    cliffs_delta : Estimate
        How much more often an unsure example has the higher score than a sure one than the other way round: twice the
        AUROC less 1.
    auroc : Estimate
        Of the score for annotators being unsure.
    p_two_sided, p_greater, p_adjusted : float or None
        Of shuffling who is unsure, inside groups where a column of them is named; adjusted: the two-sided, by Holm for
        the number of scores. None where no shuffle could change anything, or none was asked for.
    p_method : {"permutation", "normal"}, or None
        By replicates, or by the exact mean and variance of all shuffles and a normal tail where those are too many.
    n_permutations : int or None
        Replicates: fewer than were asked for where these are too many and few examples carry the sum, so that its tail
        is not normal; None without any.
    """

    n_unsure: int
    n_sure: int
    mean_unsure: float
    mean_sure: float
    difference: Estimate
    cliffs_delta: Estimate
    auroc: Estimate
    p_two_sided: float | None
    p_greater: float | None
    p_adjusted: float | None
    p_method: str | None
    n_permutations: int | None = None


@dataclass(frozen=True)
class ScoreFound:
    """One score of disagreement.

    Attributes
    ----------
    score : str
        A key of `sabotage.disputes.SCORES`.
    n : int
        Examples that have it.
    mean : Estimate or None
    n_wrong : int
        Wrong decisions among these.
    auroc_error : Estimate or None
        Of the score for the decision being wrong; None where all are right or all are wrong.
    n_both : int
        Examples whose uncertainty is known too.
    spearman : Estimate or None
        Rank correlation with the annotators' uncertainty over these; None where either never varies.
    comparison : Comparison or None
    """

    score: str
    n: int
    mean: Estimate | None
    n_wrong: int
    auroc_error: Estimate | None
    n_both: int
    spearman: Estimate | None
    comparison: Comparison | None


@dataclass(frozen=True, eq=False)
class Annotators:
    """Disagreement between agents against the uncertainty of annotators, and against wrong decisions.

    Attributes
    ----------
    known : Known or None
        None where the panel has no columns of annotators; the scores are there all the same.
    scores : tuple of ScoreFound
        Of those that some example has, in the order of `sabotage.disputes.SCORES`.
    reasons : mapping of str to str
        Why a score is not among them.
    within : str or None
        The column inside whose groups unsureness was shuffled.
    n_permutations : int
    finding : tuple of str
        What was found, in sentences.
    ambiguous : Ambiguous
        The examples by how ambiguous they are.
    uncertainty : Uncertainty or None
        Of each example.
    values : mapping of str to ndarray of shape (n,)
        The scores of each example.
    """

    known: Known | None
    scores: tuple[ScoreFound, ...]
    reasons: Mapping[str, str]
    within: str | None
    n_permutations: int
    finding: tuple[str, ...]
    ambiguous: "Ambiguous"
    uncertainty: Uncertainty | None = field(repr=False)
    values: Mapping[str, np.ndarray] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json."""
        return {
            "known": None if self.known is None else asdict(self.known),
            "scores": [asdict(one) for one in self.scores],
            "reasons": dict(self.reasons),
            "within": self.within,
            "n_permutations": self.n_permutations,
            "finding": list(self.finding),
            "ambiguous": self.ambiguous.to_dict(),
        }

    def __repr__(self) -> str:
        return "\n".join(["Annotators", *self.finding])
