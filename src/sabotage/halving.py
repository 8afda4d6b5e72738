"""Halves of the examples: found on one, confirmed on the other."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sabotage.panel import Panel
from sabotage.partition import by_group, whole

STREAM = 7  # of the halves; every test has others


@dataclass(frozen=True, eq=False)
class Sampling:
    """What is one draw from the population when examples are sliced.

    Attributes
    ----------
    cluster : ndarray of shape (n,), int64
        From 0 without gaps and whatever the order of the rows; each example its own where `is_plain`.
    stratum : ndarray of shape (n,), int64, or None
        Where the group is what is sliced by: inside it lie its examples, and halves have half of it each.
    finer : ndarray of shape (n,), int64, or None
        Clusters inside clusters: an id that stands in several rows of one group.
    is_plain : bool
    word : str
        What a cluster is: "examples", "ids", or "groups of <column>".
    """

    cluster: np.ndarray
    stratum: np.ndarray | None
    finer: np.ndarray | None
    is_plain: bool
    word: str


def sampling_of(panel: Panel, of_group: bool) -> Sampling:
    """Return what is drawn; inside each group where `of_group`, which then is what is sliced by."""
    repeats = bool(panel.runs.any())
    everything = whole(panel)
    if of_group:
        stratum = everything.cell
        parts = by_group(panel)
        if repeats and parts is not None:
            inside = parts.cell
            assert inside is not None  # ids repeat
            return Sampling(inside, stratum, None, False, "ids")
        return Sampling(_by_id(panel), stratum, None, True, "examples")
    if everything.cell is None:
        return Sampling(_by_id(panel), None, None, True, "examples")
    if panel.group is None:
        return Sampling(everything.cell, None, None, False, "ids")
    finer = None
    if repeats:
        finer = np.unique(everything.cell * (int(panel.units.max()) + 1) + panel.units, return_inverse=True)[1]
    return Sampling(everything.cell, None, finer, False, f"groups of {panel.group}")


def _by_id(panel: Panel) -> np.ndarray:
    """Number examples by their id, equal ids in the order of rows."""
    ids = panel.ids
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    ids = ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids
    place = np.empty(panel.n_examples, np.int64)
    place[pc.array_sort_indices(ids).to_numpy()] = np.arange(panel.n_examples)
    return place


def halve(sampling: Sampling, seed: int) -> np.ndarray | None:
    """Part the examples into two halves of whole clusters with about as many examples.

    Clusters next to each other in size go to different halves, which of them to which by chance.

    Returns
    -------
    ndarray of shape (n,), bool
        Whether an example is in the second half. None where a half would have fewer than two clusters.
    """
    sizes = np.bincount(sampling.cluster)
    n = len(sizes)
    if n < 4:
        return None
    random = np.random.default_rng([seed, STREAM])
    stratum = np.zeros(n, np.int64)
    if sampling.stratum is not None:
        stratum[sampling.cluster] = sampling.stratum
    order = np.lexsort((random.random(n), -sizes, stratum))
    first = np.concatenate([[True], np.diff(stratum[order]) != 0])
    start = np.flatnonzero(first)[np.cumsum(first) - 1]  # where the stratum of each place begins
    place = np.arange(n) - start
    pair = np.cumsum(place % 2 == 0) - 1
    coin = random.integers(0, 2, int(pair[-1]) + 1)
    is_second = np.empty(n, bool)
    is_second[order] = (place + coin[pair]) % 2 == 1
    found: np.ndarray = is_second[sampling.cluster]
    return found
