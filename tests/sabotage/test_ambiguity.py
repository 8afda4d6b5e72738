"""The ranking of ambiguous examples."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel
from scipy.stats import rankdata

from sabotage.ambiguity import LISTED, percentile_ranks
from sabotage.annotators import measure_annotators
from sabotage.judging import judge


def ambiguous(panel):
    return measure_annotators(judge(panel), n_permutations=0).ambiguous


def test_percentile_ranks_as_scipy():
    values = np.array([3.0, 1.0, 1.0, 2.0, 3.0])
    assert percentile_ranks(values) == pytest.approx((rankdata(values) - 0.5) / 5)


def test_the_mean_of_two_ranks():
    value = np.round(np.random.default_rng(0).random(80), 1)
    value[:20] = np.nan
    panel = make_panel(80, 3, 4, columns={"annotation_entropy": pa.array(value)})
    found = ambiguous(panel)
    assert found.by == ("annotators", "divergence")
    known = ~np.isnan(value)
    expected = (rankdata(found.values["divergence"]) - 0.5) / 80
    expected[known] = (expected[known] + (rankdata(value[known]) - 0.5) / known.sum()) / 2
    assert found.ambiguity == pytest.approx(expected)
    assert (np.diff(found.ambiguity[found.rows]) <= 0).all()


def test_columns_and_order_of_equals():
    columns = {"film": pa.array(["a"] * 5), "seed": pa.array([1] * 5)}
    panel = replace(make_panel(5, 2, 3, columns=columns, scores=False), group="film", seed_column="seed")
    panel = replace(panel, labels=np.array([[0, 1], [0, 0], [1, 2], [0, -1], [0, 1]], np.int32))
    found = ambiguous(panel)
    assert found.by == ("votes",)
    assert found.rows.tolist() == [0, 2, 4, 1]
    frame = found.to_frame()
    assert list(frame)[:8] == ["rank", "id", "seed", "group", "truth", "decision", "right", "ambiguity"]
    assert list(frame)[-2:] == ["label:agent0", "label:agent1"]
    assert frame["rank"].tolist() == [1, 2, 3, 4]
    assert frame["label:agent1"].tolist()[0] == panel.classes[1]


def test_the_list_of_an_audit_is_bounded():
    content = ambiguous(make_panel(200)).to_dict()
    assert len(content["examples"]) == LISTED
    assert content["n"] - content["n_left_out"] == LISTED


def test_nothing_is_known():
    found = ambiguous(make_panel(5, 1, 3))
    assert found.to_dict() == {"by": [], "n": 0, "n_left_out": 0, "examples": []}
    assert found.to_frame().empty
