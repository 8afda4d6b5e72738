"""The plain shares of a profile in every part of a partition: what was counted, of what, with intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sabotage.measuring import Measured
from sabotage.partition import Partition
from sabotage.resampled_shares import Draws, resampled_spans
from sabotage.spans import wilson
from sabotage.speaking import WRONG_ROLES, Speaking

ALL, WRONG = "all", "wrong"  # what shares are of, beside what a speaker counts
OF_WRONG = (*WRONG_ROLES, "recoverable_saboteur", "shared_saboteur", "pivotal_saboteur")


@dataclass(frozen=True, eq=False)
class Share:
    """A share of one speaker: the field, the examples that are in it, (n,) bool, and what it is of."""

    speaker: int
    field: str
    which: np.ndarray
    base: str


def count_shares(
    speakers: Sequence[Speaking], partition: Partition, wrong: np.ndarray, top_k: Sequence[int], out: Sequence[Measured]
) -> None:
    """Count every share of some speakers in every part.

    Parameters
    ----------
    speakers : sequence of Speaking
    partition : Partition
    wrong : ndarray of shape (n,), bool
        Where the decision is.
    top_k : sequence of int
        At most the number of classes.
    out : sequence of Measured
        Of each speaker; takes shares, intervals and counts.
    """
    bases = {ALL: np.ones(len(wrong), bool), WRONG: wrong}
    shares: list[Share] = []
    for place, own in enumerate(speakers):
        bases[f"counted {place}"] = own.counted
        if own.top is not None:
            bases[f"scored {place}"] = own.top >= 0
        shares += _shares(place, own, top_k)
    # One count for the shares of one kind of example, per example and per wrong decision.
    kinds = {id(share.which): share.which for share in shares}
    base_of = [list(bases).index(share.base) for share in shares]
    kind_of = [list(kinds).index(id(share.which)) for share in shares]
    hits, of = _by_part(partition, list(kinds.values())), _by_part(partition, list(bases.values()))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = hits[kind_of] / of[base_of]
    if partition.cell is None:
        spans = wilson(hits[kind_of], of[base_of])
    else:
        spans = _resampled(partition, list(kinds.values()), list(bases.values()), kind_of, base_of)
    for share, value, span, kind in zip(shares, values, spans, kind_of, strict=True):
        own_out = out[share.speaker]
        own_out.values[share.field], own_out.spans[share.field] = value, span
        own_out.counts[share.field] = hits[kind]
    for place, own_out in enumerate(out):
        own_out.counts["n"] = of[list(bases).index(f"counted {place}")]


def _shares(place: int, own: Speaking, top_k: Sequence[int]) -> Iterator[Share]:
    yield Share(place, "accuracy", own.right, f"counted {place}")
    if own.top is not None:
        for k in top_k:
            yield Share(place, f"top_{k}", (own.top >= 0) & (own.top < k), f"scored {place}")
    if own.flags:
        yield Share(place, "coverage", own.counted, ALL)
    for name, which in own.flags.items():
        yield Share(place, f"{name}_per_example", which, ALL)
        if name in OF_WRONG:
            yield Share(place, f"{name}_per_wrong_decision", which, WRONG)


def _by_part(partition: Partition, which: Sequence[np.ndarray]) -> np.ndarray:
    """Count examples by part: ndarray of shape (kinds, P + 1)."""
    return np.array([partition.count(own) for own in which])


def _resampled(
    partition: Partition,
    kinds: Sequence[np.ndarray],
    bases: Sequence[np.ndarray],
    kind_of: list[int],
    base_of: list[int],
) -> np.ndarray:
    """Return intervals from resamples of clusters, part by part: ndarray of shape (shares, P + 1, 2)."""
    unit, starts = partition.unit, partition.unit_starts
    n_units = int(starts[-1])
    counts = np.empty((n_units, len(kinds) + len(bases)), np.int32)
    for column, which in enumerate((*kinds, *bases)):
        counts[:, column] = np.bincount(unit[which], minlength=n_units)
    spans = np.full((len(kind_of), partition.n_parts + 1, 2), np.nan)
    draws, to_base, taken = Draws(), np.array(base_of), np.array(kind_of)
    for place in np.argsort(np.diff(starts)[:-1], kind="stable"):  # parts with equally many units share their draws
        own = counts[starts[place] : starts[place + 1]]
        spans[:, place] = resampled_spans(own[:, taken], own[:, len(kinds) :], to_base, draws)
    return spans
