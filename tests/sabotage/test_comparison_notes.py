"""What is null in a comparison, said; and nothing said of what is there."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panel_of, seeded

from sabotage import Panel, compare

FEW = {"n_resamples": 50, "n_permutations": 0}
LABELS = ["majority", "weighted_vote", "select_best"]


def grouped(n=200, n_groups=25, seed=0, **options) -> Panel:
    group = np.random.default_rng(seed).integers(0, n_groups, n)
    return replace(make_panel(n, 3, 4, seed, columns={"g": pa.array(group)}, **options), group="g")


def notes_on(comparison, word):
    return [note for note in comparison.notes if word in note]


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        (make_panel(6), ["intervals are null: it takes 10 examples, found 6"]),
        (grouped(60, 5), ["intervals, p_clusters and p_adjusted are null: it takes 10 clusters, found 5"]),
        (grouped(60, 30), ["p_adjusted is of a t-test over clusters, by g"]),
        (
            make_panel(60),
            ["p_clusters is null: no group is named", "McNemar's test and the t-test over clusters are of"],
        ),
        (make_panel(60, recorded=True), ["top-k coverage is null for recorded", "pivotal is null for what cannot be"]),
        (make_panel(60, 3, 2), ["top_3 is null: there are 2 classes"]),
        (make_panel(60, scores=False), ["gap is null: 0 permutations were asked for"]),
    ],
)
def test_what_is_null_is_said_to_be(panel, words):
    found = compare(panel, **FEW)
    for word in words:
        assert notes_on(found, word), (word, found.notes)


def test_nothing_is_said_of_what_is_there():
    panel = replace(make_panel(200, 3, 4, columns={"g": pa.array(np.arange(200) % 25)}), group="g")
    found = compare(panel, ["weighted_mean", "log_pool", "softmax_gate"], against="weighted_mean", n_permutations=60)
    assert all(entry.gap is not None and entry.gap.interval is not None for entry in found.entries)
    assert notes_on(found, "null") == []


def test_a_difference_without_a_spread():
    wrong = np.zeros((36, 1), bool)
    panel = panel_of(np.c_[~wrong, wrong], np.ones((36, 2)), group=np.repeat(np.arange(12), 3))
    panel = replace(panel, confidence=np.where(np.arange(2) == 0, 0.9, 0.1) * np.ones((36, 1)))
    found = compare(replace(panel, labels=panel.labels[:, ::-1].copy()), ["select_best", "max_confidence"], **FEW)
    own = {entry.name: entry.difference for entry in found.entries if entry.difference is not None}
    assert own["max_confidence"].p_clusters is None
    assert notes_on(found, "p_clusters is null where the difference is the same in every cluster")


def test_a_share_of_nothing():
    right = np.random.default_rng(0).random((60, 1)) < 0.6
    found = compare(panel_of(np.repeat(right, 2, axis=1), np.ones((60, 2))), LABELS, **FEW)
    assert notes_on(found, "captured is null where an oracle gains nothing on the reference")
    found = compare(make_panel(60), LABELS, statistic="macro_f1", **FEW)
    assert notes_on(found, "captured and oracle are null: macro-F1 is no sum over examples")
    assert found.oracle is None


def test_runs_are_told_apart():
    found = compare(seeded(12, 3, 1), LABELS, **FEW)
    assert notes_on(found, "of the mean over seed; the rest counts each row")
    assert not notes_on(compare(make_panel(60), LABELS, **FEW), "the rest counts each row")
