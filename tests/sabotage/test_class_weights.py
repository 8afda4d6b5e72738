"""Precision by agent and class, counted again by hand."""

import numpy as np
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import precision_score

from sabotage import class_weights


def test_precision_of_scikit_learn_where_it_is_not_smoothed():
    panel = make_panel(20_000, 2, 4, 1)
    found = np.array(class_weights.fit(panel)["precision"])
    for m in range(2):
        assert_allclose(found[m], precision_score(panel.truth, panel.labels[:, m], average=None), atol=2e-3)


@settings(max_examples=60, deadline=None)
@given(panel=panels() | panels(scores=False), listed=st.booleans())
def test_counted_by_hand(panel, listed):
    if listed and panel.scores is not None:
        panel.scores[:, 0, 0] = np.nan  # a candidate list
    parameters = class_weights.fit(panel)
    evidence = class_weights.evidence(panel, parameters)
    assert class_weights.wrong(parameters, panel.n_agents, panel.n_classes) is None
    for m in range(panel.n_agents):
        for c in range(panel.n_classes):
            said = [int(y) for y, label in zip(panel.truth, panel.labels[:, m], strict=True) if label == c]
            precision = (said.count(c) + 1) / (len(said) + panel.n_classes)
            assert parameters["precision"][m][c] == precision
            for i, label in enumerate(panel.labels[:, m]):
                p = float(label == c)
                if label >= 0 and panel.scores is not None and not np.isnan(panel.scores[i, m]).any():
                    p = panel.scores[i, m, c]
                assert evidence[i, m, c] == p * precision


def test_evidence_of_a_row_does_not_depend_on_the_others():
    panel = make_panel(50, 3, 4, 1, missing=0.3)
    parameters = class_weights.fit(panel)
    rows = np.array([4, 4, 40])
    whole = class_weights.evidence(panel, parameters)
    assert_array_equal(class_weights.evidence(panel.take(rows), parameters), whole[rows])
    assert not whole[panel.labels < 0].any()


def test_what_does_not_fit_is_said():
    assert class_weights.wrong({"precision": [[1.0, 0.5]]}, 2, 2) == "precision must have shape (2, 2): found (1, 2)"
