"""Folds for cross-fitting: which part of the rows each row is decided without."""

import numpy as np

from sabotage.errors import SabotageError
from sabotage.intervals import clusters
from sabotage.panel import Panel


def assign_folds(panel: Panel, n_folds: int, group: str | None = None, seed: int = 0) -> np.ndarray:
    """Cut the rows of a panel into folds that share no group and no id.

    Parameters
    ----------
    panel : Panel
    n_folds : int
        At least 2.
    group : str, optional
        A column that the panel keeps; its own group where None. The nulls of a group are one together.
    seed : int
        Of the shuffle, in [0, 2^32); groups are dealt out by size, without one.

    Returns
    -------
    ndarray of shape (n,), int64
        0 to n_folds - 1. By scikit-learn's GroupKFold where there are groups, or ids that stand in several rows; else
        by class, StratifiedKFold, or KFold where a class has fewer examples than there are folds.

    Raises
    ------
    SabotageError
        If there are fewer groups, or examples, than folds.
    """
    from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, StratifiedKFold

    if n_folds < 2:
        raise SabotageError(f"n_folds must be at least 2, one to learn from and one to decide: found {n_folds}")
    if not 0 <= seed < 2**32:
        raise SabotageError(f"seed must lie in [0, 2^32) for scikit-learn: found {seed}")
    together = _together(panel, group)
    n = panel.n_examples if together is None else int(together.max()) + 1
    if n_folds > n:
        column = group or panel.group
        what = "examples" if together is None else "ids" if column is None else f"groups of {column}"
        raise SabotageError(f"n_folds must be at most the number of {what}, {n:,}: found {n_folds}")
    splitter: BaseCrossValidator
    if together is not None:
        splitter = GroupKFold(n_folds)
    elif np.unique(panel.truth, return_counts=True)[1].min() >= n_folds:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    else:
        splitter = KFold(n_folds, shuffle=True, random_state=seed)
    fold = np.empty(panel.n_examples, np.int64)
    for k, (_, rows) in enumerate(splitter.split(panel.truth[:, None], panel.truth, together)):
        fold[rows] = k
    return fold


def _together(panel: Panel, group: str | None) -> np.ndarray | None:
    """Number the rows that must not be parted (n,), from 0 without gaps; None where each is on its own.

    An id that stands in rows of two groups, as over seeds, ties these to each other.
    """
    cluster = clusters(panel) if group is None else np.unique(panel.codes(group), return_inverse=True)[1]
    if panel.units.max() + 1 == panel.n_examples:
        return cluster
    if cluster is None:
        return panel.units
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first = int(panel.units.max()) + 1
    size = first + int(cluster.max()) + 1
    edges = coo_matrix((np.ones(panel.n_examples, bool), (panel.units, first + cluster)), (size, size))
    part = connected_components(edges, directed=False)[1][panel.units]
    return np.unique(part, return_inverse=True)[1].astype(np.int64)
