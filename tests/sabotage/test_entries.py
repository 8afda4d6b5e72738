"""Rows of a comparison: every order, nulls last and equals as they were, and one level of numbers for tables."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel

from sabotage import Intervention, Panel, SabotageError, compare
from sabotage.entries import ASCENDING, DESCENDING, flat

FEW = {"n_resamples": 50, "n_permutations": 0}
THREE = ["mean", "weighted_mean", "select_best"]


def grouped(n=200, n_groups=25, seed=0, **options) -> Panel:
    group = np.random.default_rng(seed).integers(0, n_groups, n)
    return replace(make_panel(n, 3, 4, seed, columns={"g": pa.array(group)}, **options), group="g")


@pytest.mark.parametrize("sort", [*DESCENDING, *ASCENDING, "top_2", "top_3"])
def test_every_order(sort):
    panel = grouped(60, 12, recorded=True)
    found = compare(panel, sort=sort, n_resamples=50, n_permutations=20)
    values = [flat(entry, found.statistic)["rule" if sort == "name" else sort] for entry in found.entries]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == known  # nulls last
    if sort != "name":
        known = np.round(known, 12).tolist()
    assert known == sorted(known, reverse=sort not in ASCENDING)
    asked = found.settings["rules"]
    groups = {}
    for entry, value in zip(found.entries, values, strict=True):
        groups.setdefault(value if value is None or sort == "name" else round(value, 12), []).append(entry.name)
    for names in groups.values():  # equals as they were asked for
        assert names == sorted(names, key=asked.index)
    assert found.settings["sort"] == sort


def test_the_statistic_sorts_where_nothing_is_named():
    found = compare(make_panel(100), THREE, statistic="macro_f1", **FEW)
    values = [entry.values["macro_f1"].value for entry in found.entries]
    assert values == sorted(values, reverse=True)


def test_to_dict_and_to_frame_hold_the_same():
    found = compare(grouped(), THREE, top_k=(1, 2), what_ifs=[Intervention("drop", "agent0")], **FEW)
    frame, data = found.to_frame(), json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["n_examples"] == 200
    assert [rule["name"] for rule in data["rules"]] == frame.index.tolist()
    for rule in data["rules"]:
        row = frame.loc[rule["name"]]
        assert row["balanced_accuracy"] == rule["values"]["balanced_accuracy"]["value"]
        assert row["top_1"] == rule["quality"]["top_k"]["1"] == rule["values"]["accuracy"]["value"]
        if rule["difference"] is not None:
            assert row["p_adjusted"] == rule["difference"]["p_adjusted"]
            assert row["reference"] == rule["difference"]["reference"]
            assert row["captured"] == rule["difference"]["captured"]["value"]
    with pytest.raises(SabotageError, match=r"unknown rule 'meen' \(did you mean mean\?\)"):
        found.entry("meen")
