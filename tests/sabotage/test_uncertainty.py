"""How unsure annotators are, against scipy, statsmodels and brute force."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from builders import KRIPPENDORFF, make_panel
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from sabotage import SabotageError
from sabotage.notes import Notes
from sabotage.uncertainty import read_uncertainty


def annotated(labels, **more):
    """Make a panel with annotators' labels (n, K), None for none."""
    labels = np.asarray(labels, dtype=object)
    columns = {f"annotator_{k}": pa.array(list(own)) for k, own in enumerate(labels.T)}
    return make_panel(len(labels), 2, 4, columns=columns | more)


def drawn(n=40, n_raters=5, missing=0.0, seed=0):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, n)
    labels = np.where(random.random((n, n_raters)) < 0.6, truth[:, None], random.integers(0, 4, (n, n_raters)))
    names = np.array(["anger", "disgust", "fear", "bored"], dtype=object)[labels]
    names[random.random(names.shape) < missing] = None
    return names


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_entropy_and_pairs(missing):
    labels = drawn(missing=missing)
    found = read_uncertainty(annotated(labels), Notes())
    for row, value, agreement in zip(labels, found.value, found.agreement, strict=True):
        said = [label for label in row if label is not None]
        if len(said) < 2:
            assert np.isnan(value)
            assert np.isnan(agreement)
            continue
        counts = [said.count(label) for label in set(said)]
        assert value == pytest.approx(entropy(counts), abs=1e-11)
        assert agreement == pytest.approx(np.mean([a == b for a, b in combinations(said, 2)]))
    votes = found.votes
    known = ~np.isnan(found.value)
    assert votes.n_shared == known.sum()
    assert votes.n_unanimous == (found.value[known] == 0).sum()
    assert votes.mean == pytest.approx(np.mean([n for n in (labels != None).sum(axis=1) if n]))  # noqa: E711


def test_fleiss_as_statsmodels():
    labels = drawn()
    counts, _ = aggregate_raters(labels)
    found = read_uncertainty(annotated(labels), Notes()).votes
    assert found.fleiss_kappa == pytest.approx(fleiss_kappa(counts))
    assert found.why_no_fleiss is None
    assert read_uncertainty(annotated(drawn(missing=0.3)), Notes()).votes.why_no_fleiss is not None


def test_alpha_of_the_published_example_and_its_error():
    labels = np.array([[code or None for code in rater] for rater in KRIPPENDORFF], dtype=object).T
    panel = annotated(labels)
    alpha = read_uncertainty(panel, Notes()).votes.krippendorff_alpha
    assert alpha.value == pytest.approx(0.743, abs=5e-4)
    labels = drawn(80, missing=0.2, seed=3)
    alpha = read_uncertainty(annotated(labels), Notes()).votes.krippendorff_alpha
    one_out = [
        read_uncertainty(annotated(np.delete(labels, at, axis=0)), Notes()).votes.krippendorff_alpha.value
        for at in range(len(labels))
    ]
    jackknife = np.sqrt((len(labels) - 1) * np.var(one_out))
    assert alpha.se == pytest.approx(jackknife, rel=0.05)


def test_measures_of_the_table():
    panel = make_panel(4, 2, 3, columns={"annotation_entropy": pa.array([0.0, None, float("nan"), 2.0])})
    found = read_uncertainty(panel, Notes())
    assert found.source == "annotation_entropy"
    assert np.array_equal(found.value, [0, np.nan, np.nan, 2], equal_nan=True)
    panel = make_panel(3, 2, 3, columns={"annotator_agreement": pa.array([1, None, 0])})
    assert np.array_equal(read_uncertainty(panel, Notes()).value, [0, np.nan, 1], equal_nan=True)


def test_labels_win_and_it_is_said():
    panel = annotated(drawn(4), annotation_entropy=pa.array([9.0] * 4), annotator_agreement=pa.array([0.1] * 4))
    notes = Notes()
    assert read_uncertainty(panel, notes).source == "labels"
    assert list(notes) == [
        "annotators' uncertainty is taken from the annotators' labels: annotation_entropy, annotator_agreement is not used"
    ]


def test_nothing_known():
    assert read_uncertainty(make_panel(), Notes()) is None
    found = read_uncertainty(annotated([["anger"], [None]]), Notes())
    assert np.isnan(found.value).all()
    assert found.votes.krippendorff_alpha is None
    with pytest.raises(SabotageError, match="annotation_entropy must be finite"):
        read_uncertainty(make_panel(1, columns={"annotation_entropy": pa.array([-1.0])}), Notes())


def test_spellings_of_a_label():
    columns = {"annotator_1": pa.array([1, 2, None]), "annotator_2": pa.array([1.0, 3.0, 1.0]),
               "annotator_3": pa.array(["1", "2", "x"]).dictionary_encode()}  # fmt: skip
    panel = replace(make_panel(3, 2, 2), classes=(1, 2), columns=columns)
    found = read_uncertainty(panel, Notes())
    assert found.value[0] == 0
    assert found.value[1] == pytest.approx(entropy([2, 1]))
    assert found.value[2] == pytest.approx(np.log(2))


def test_an_id_has_one_uncertainty():
    columns = {"annotation_entropy": pa.array([1.0, 0.0, None, 0.0]), "seed": pa.array([0, 0, 1, 1])}
    panel = replace(make_panel(4, columns=columns), ids=pa.array([7, 8, 7, 8]), seed_column="seed")
    assert read_uncertainty(panel, Notes()).value.tolist() == [1.0, 0.0, 1.0, 0.0]


@given(st.integers(0, 1000), st.randoms())
def test_neither_names_nor_order_matter(seed, random):
    labels = drawn(12, 4, 0.3, seed)
    first = read_uncertainty(annotated(labels), Notes())
    names = dict(zip(["anger", "disgust", "fear", "bored"], random.sample(["p", "q", "anger", "s"], 4), strict=True))
    raters = random.sample(range(4), 4)
    other = np.vectorize(lambda label: names.get(label), otypes=[object])(labels)[:, raters]
    again = read_uncertainty(annotated(other), Notes())
    assert np.array_equal(first.value, again.value, equal_nan=True)
    assert np.array_equal(first.agreement, again.agreement, equal_nan=True)
