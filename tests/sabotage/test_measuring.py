"""Measures in parts: what of them has no interval, and the lift's."""

import numpy as np
import pytest

from sabotage.measuring import Measured, measure_classes, measure_lift, measure_ranks
from sabotage.partition import Partition
from sabotage.speaking import Speaking


def everything(n):
    return Partition(None, ("all",), np.zeros(n, np.int64), 0, None)


def lift_of(saboteur, potential, wrong):
    out = Measured()
    flags = {"saboteur": saboteur, "potential_saboteur": potential}
    measure_lift(Speaking(np.zeros(len(wrong)), wrong, ~wrong, flags=flags), everything(len(wrong)), wrong, out)
    return out.values["saboteur_lift"][0], out.spans["saboteur_lift"][0]


def test_the_lift_varies_as_its_logarithm_does():
    random = np.random.default_rng(0)
    n = 500
    potential = random.random(n) < 0.2
    wrong = random.random(n) < np.where(potential, 0.6, 0.2)
    saboteur = potential & wrong & (random.random(n) < 0.8)
    value, (low, high) = lift_of(saboteur, potential, wrong)
    assert value == pytest.approx(saboteur.mean() / (potential.mean() * wrong.mean()))
    again = []
    for _ in range(400):
        rows = random.integers(0, n, n)
        again.append(saboteur[rows].mean() / (potential[rows].mean() * wrong[rows].mean()))
    assert np.log(high / low) / 2 == pytest.approx(1.965 * np.log(again).std(), rel=0.12)
    assert np.sqrt(low * high) == pytest.approx(value)


def test_few_saboteurs_have_a_lift_and_no_interval():
    flags = np.arange(100) < 4
    value, span = lift_of(flags, np.arange(100) < 10, np.arange(100) < 20)
    assert value == pytest.approx(2.0)
    assert np.isnan(span).all()


def test_macro_f1_takes_ten_examples_a_class():
    random = np.random.default_rng(0)
    for n, there in ((60, True), (30, False)):
        truth, out = random.integers(0, 5, n).astype(np.int32), Measured()
        labels = np.where(random.random(n) < 0.7, truth, 0).astype(np.int32)
        measure_classes(Speaking(labels, labels == truth, np.ones(n, bool)), everything(n), truth, 5, out)
        assert np.isnan(out.spans["macro_f1"][0]).any() != there
        assert not np.isnan(out.spans["balanced_accuracy"][0]).any()


def test_all_right_is_not_certain():
    truth, out = np.arange(40, dtype=np.int32) % 2, Measured()
    measure_classes(Speaking(truth, truth == truth, np.ones(40, bool)), everything(40), truth, 2, out)
    low, high = out.spans["balanced_accuracy"][0]
    assert 0.8 < low < 1
    assert high == 1


@pytest.mark.parametrize(("n_right", "there"), [(9, False), (10, True), (20, True), (21, False)])
def test_areas_take_ten_examples_of_either_kind(n_right, there):
    right = np.random.default_rng(0).permutation(30) < n_right
    confidence = np.random.default_rng(1).random(30)
    own = Speaking(right, right, np.ones(30, bool), confidence, confidence, flags={"saboteur": ~right})
    out = Measured()
    measure_ranks(own, everything(30), out)
    for name in ("aurc", "auroc_confidence", "auroc_reliability", "auroc_reliability_saboteur"):
        assert not np.isnan(out.values[name][0])
        assert np.isnan(out.spans[name][0]).any() != there
