"""Folds against scikit-learn's, and what must never be parted."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, StratifiedKFold

from sabotage import SabotageError
from sabotage.folds import assign_folds

few = settings(max_examples=40, deadline=None)


def as_folds(splits, n):
    fold = np.full(n, -1)
    for k, (_, rows) in enumerate(splits):
        fold[rows] = k
    return fold


def grouped(n=60, n_groups=9, seed=0, nulls=0.0):
    random = np.random.default_rng(seed)
    values = [None if random.random() < nulls else f"film {k}" for k in random.integers(0, n_groups, n)]
    return replace(make_panel(n, 2, 3, seed, columns={"film": pa.array(values)}), group="film")


def test_stratified_where_every_class_has_enough():
    panel = make_panel(80, 2, 3, 1)
    witness = StratifiedKFold(5, shuffle=True, random_state=4).split(panel.truth, panel.truth)
    found = assign_folds(panel, 5, seed=4)
    assert found.dtype == np.int64
    assert_array_equal(found, as_folds(witness, 80))
    assert not np.array_equal(found, assign_folds(panel, 5, seed=5))


def test_groups_as_scikit_learn_deals_them_out():
    panel = grouped(nulls=0.1)
    witness = GroupKFold(4).split(panel.truth, groups=panel.codes("film"))
    assert_array_equal(assign_folds(panel, 4), as_folds(witness, 60))
    assert_array_equal(assign_folds(replace(panel, group=None), 4, "film"), assign_folds(panel, 4))


@few
@given(n_folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_groups_stay_together(n_folds, seed):
    panel = grouped(seed=seed, nulls=0.2)
    fold = assign_folds(panel, n_folds)
    assert set(fold) == set(range(n_folds))
    for code in np.unique(panel.codes("film")):
        assert len(set(fold[panel.codes("film") == code])) == 1


@few
@given(n_folds=st.integers(2, 4), seed=st.integers(0, 99))
def test_ids_stay_together_over_seeds(n_folds, seed):
    panel = seeded(12, 3, seed)
    fold = assign_folds(panel, n_folds)
    assert set(fold) == set(range(n_folds))
    for unit in range(panel.units.max() + 1):
        assert len(set(fold[panel.units == unit])) == 1


def test_an_id_in_two_groups_ties_them():
    panel = seeded(12, 3, 0, dropped=0.0, film=lambda i, k: f"film {i // 3}" if (i, k) != (0, 1) else "film 3")
    fold = assign_folds(panel, 3, "film")
    for unit in range(12):
        assert len(set(fold[panel.units == unit])) == 1
    assert (
        len(set(fold[np.isin(panel.units, np.unique(panel.units[panel.codes("film") == panel.codes("film")[0]]))])) == 1
    )
    with pytest.raises(SabotageError, match="number of groups of film, 3: found 4"):
        assign_folds(panel, 4, "film")


@few
@given(n=st.integers(2, 30), n_folds=st.integers(2, 30), seed=st.integers(0, 99))
def test_a_class_with_few_members_does_not_stand_in_the_way(n, n_folds, seed):
    panel = make_panel(n, 1, 5, seed)
    if n_folds > n:
        with pytest.raises(SabotageError, match=f"number of examples, {n}: found {n_folds}"):
            assign_folds(panel, n_folds)
        return
    fold = assign_folds(panel, n_folds, seed=seed)
    sizes = np.bincount(fold, minlength=n_folds)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 5
    assert_array_equal(fold, assign_folds(panel, n_folds, seed=seed))


def test_what_is_refused():
    panel = grouped(n_groups=3)
    with pytest.raises(SabotageError, match="n_folds must be at least 2"):
        assign_folds(panel, 1)
    with pytest.raises(SabotageError, match="number of groups of film, 3: found 4"):
        assign_folds(panel, 4)
    with pytest.raises(SabotageError, match="keeps no column 'reel'"):
        assign_folds(panel, 2, "reel")
    with pytest.raises(SabotageError, match="number of ids, 4: found 5"):
        assign_folds(seeded(4, 3, 0), 5)
    with pytest.raises(SabotageError, match="seed must lie in"):
        assign_folds(panel, 2, seed=-1)
