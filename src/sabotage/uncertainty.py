"""How unsure annotators are of each example: from their labels, or from a measure that the table brings."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.agreement import disagreeing, fleiss, krippendorff
from sabotage.annotation_columns import AGREEMENT, ENTROPY, annotations_of, is_labels, require_measure
from sabotage.areas import subset
from sabotage.errors import listed
from sabotage.intervals import Estimate, clusters, estimate, within
from sabotage.labels import number
from sabotage.notes import Notes
from sabotage.panel import Panel, chunks
from sabotage.unifying import spelled

DECIMALS = 12  # which labels had the votes must not tell two examples with the same split of them apart
LABELS = "labels"


@dataclass(frozen=True)
class Votes:
    """The labels of several annotators.

    Attributes
    ----------
    n_annotators : int
    fewest, most : int
        Labels of an example, over the examples that have any.
    mean : float
    n_shared : int
        Examples with two labels or more, from which uncertainty is known.
    n_unanimous : int
        Of these, the ones on which all labels are alike.
    fleiss_kappa : float or None
        None unless every example has as many labels; `why_no_fleiss` is the reason.
    krippendorff_alpha : Estimate or None
        Nominal, over the shared examples, with its error over clusters of examples; None where all labels are alike.
    """

    n_annotators: int
    fewest: int
    mean: float
    most: int
    n_shared: int
    n_unanimous: int
    fleiss_kappa: float | None
    why_no_fleiss: str | None
    krippendorff_alpha: Estimate | None


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How unsure annotators are.

    Attributes
    ----------
    source : {"labels", "annotation_entropy", "annotator_agreement"}
    columns : tuple of str
    value : ndarray of shape (n,)
        The entropy of the votes in nats, that of the table, or 1 less its agreement; NaN where it is not known.
    agreement : ndarray of shape (n,), or None
        The share of pairs of annotators with one label, of those with labels; NaN for fewer than two.
    votes : Votes or None
        None where there are no labels.
    """

    source: str
    columns: tuple[str, ...]
    value: np.ndarray
    agreement: np.ndarray | None = None
    votes: Votes | None = None

    @property
    def known(self) -> np.ndarray:
        """Where it is known: ndarray of shape (n,), bool."""
        return ~np.isnan(self.value)


def read_uncertainty(panel: Panel, notes: Notes) -> Uncertainty | None:
    """Return how unsure annotators are of each example; None where no column says so.

    Labels win over an entropy, which wins over an agreement; what is not used is noted. Where ids repeat over seeds an
    id has one uncertainty, the mean of its rows'.

    Raises
    ------
    SabotageError
        Where a measure is no number or out of range.
    """
    columns = annotations_of(panel)
    if not columns:
        return None
    labelled = tuple(name for name in columns if is_labels(name))
    source = LABELS if labelled else ENTROPY if ENTROPY in columns else AGREEMENT
    used = labelled or (source,)
    unused = [name for name in columns if name not in used]
    if unused:
        what = "the annotators' labels" if labelled else source
        notes.add(f"annotators' uncertainty is taken from {what}: {listed(unused)} is not used")
    if labelled:
        found = _from_labels(panel, labelled)
    else:
        require_measure(source, panel.column(source))
        value = pc.cast(panel.column(source), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        found = Uncertainty(source, used, np.round(value if source == ENTROPY else 1 - value, DECIMALS))
    if panel.runs.any():
        found = Uncertainty(found.source, found.columns, _of_ids(panel, found.value), found.agreement, found.votes)
    return found


def _of_ids(panel: Panel, value: np.ndarray) -> np.ndarray:
    """Return the mean over the rows of each id, of those that know."""
    known = ~np.isnan(value)
    count = np.bincount(panel.units[known], minlength=int(panel.units.max()) + 1)
    total = np.bincount(panel.units[known], value[known], minlength=len(count))
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return np.round(mean, DECIMALS)[panel.units]


def _from_labels(panel: Panel, columns: tuple[str, ...]) -> Uncertainty:
    codes, n_labels = label_codes(panel, columns)
    n = panel.n_examples
    said, same = np.zeros(n, np.int64), np.zeros(n, np.int64)
    entropy, totals = np.full(n, np.nan), np.zeros(n_labels, np.int64)
    for rows in chunks(n, n_labels):
        votes = count_votes(codes[rows], n_labels)
        said[rows], same[rows] = votes.sum(axis=1), (votes * (votes - 1)).sum(axis=1)
        totals += votes[said[rows] > 1].sum(axis=0)
        entropy[rows] = vote_entropy(votes)
    shared = said > 1
    entropy[~shared] = np.nan
    agreement = np.divide(same, said * (said - 1), out=np.full(n, np.nan), where=shared)
    some = said[said > 0]
    fewest, most = (int(some.min()), int(some.max())) if len(some) else (0, 0)
    kappa, why = None, None
    if not shared.any():
        why = "no example has two labels"
    elif fewest < most:
        why = f"examples have {fewest} to {most} labels, and kappa needs as many of each"
    else:
        kappa = fleiss(same[shared], totals, most)
        why = "all labels are alike" if kappa is None else None
    found = Votes(
        n_annotators=len(columns),
        fewest=fewest,
        mean=float(some.mean()) if len(some) else 0.0,
        most=most,
        n_shared=int(shared.sum()),
        n_unanimous=int(np.count_nonzero(agreement == 1)),
        fleiss_kappa=kappa,
        why_no_fleiss=why,
        krippendorff_alpha=_alpha(panel, codes, same, said, totals),
    )
    return Uncertainty(LABELS, columns, entropy, agreement, found)


def label_codes(panel: Panel, columns: tuple[str, ...]) -> tuple[np.ndarray, int]:
    """Return annotators' labels as numbers, (n, K) int32, -1 for none, and how many different ones there are.

    Classes of the panel come first, by their index; labels that are none of them follow. 1, 1.0 and "1" are one.
    """
    place = {str(label): code for code, label in enumerate(panel.classes)}
    codes = np.full((panel.n_examples, len(columns)), -1, np.int32)
    for k, name in enumerate(columns):
        array = panel.column(name)
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        values = array.dictionary
        is_bool = pa.types.is_boolean(values.type)
        texts = [str(value) for value in values.to_pylist()] if is_bool else spelled(values).to_pylist()
        lookup = np.full(len(texts) + 1, -1, np.int32)  # the last entry serves a null
        for at, text in enumerate(texts):
            if text is not None:
                own = text if text in place else _as_number(text)
                lookup[at] = place.setdefault(own, len(place))
        indices = pc.fill_null(pc.cast(array.indices, pa.int32()), -1).to_numpy(zero_copy_only=False)
        codes[:, k] = lookup[indices]
    return codes, len(place)


def _as_number(text: str) -> str:
    value = number(text)
    return text if value is None else str(value)


def count_votes(codes: np.ndarray, n_labels: int) -> np.ndarray:
    """Count the labels of each example: codes (k, K), -1 for none, to ndarray of shape (k, n_labels), int64."""
    rows, _ = np.nonzero(codes >= 0)
    cells = rows * n_labels + codes[codes >= 0]
    return np.bincount(cells, minlength=len(codes) * n_labels).reshape(len(codes), n_labels)


def vote_entropy(votes: np.ndarray) -> np.ndarray:
    """Return the entropy in nats of each row's votes (k, L), NaN for none: ndarray of shape (k,)."""
    said = votes.sum(axis=1)
    logs = np.log(np.maximum(votes, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(said) - (votes * logs).sum(axis=1) / said
    return np.where(said > 0, np.round(np.maximum(found, 0.0), DECIMALS), np.nan)


def _alpha(panel: Panel, codes: np.ndarray, same: np.ndarray, said: np.ndarray, totals: np.ndarray) -> Estimate | None:
    """Return Krippendorff's alpha with its error: its derivative by what each example adds to the sums in it."""
    several = said > 1
    alpha = krippendorff(same[several], said[several], totals)
    if alpha is None:
        return None
    n = float(totals.sum())
    expected = n * n - float(np.square(totals, dtype=np.float64).sum())
    observed = np.zeros(len(said))
    observed[several] = disagreeing(same[several], said[several])
    met = np.r_[totals.astype(np.float64), 0.0][codes].sum(axis=1)  # how often each label of an example was given
    total = float(observed.sum())
    influence = -(n - 1) / expected * observed - total / expected * said
    influence += (n - 1) * total / expected**2 * 2 * (n * said - met)
    rows = np.flatnonzero(several)
    own = influence[rows] - influence[rows].mean()
    return within(estimate(alpha, own, subset(clusters(panel), rows)), -1.0, 1.0)
