"""What all causes together must be: those that their functions find, without NaN, whatever the order of examples."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import (
    analyze,
    compare_people,
    compare_runs,
    find_slices,
    judge,
    measure_annotators,
    measure_disagreement,
    measure_dominance,
)


def annotated(n=60, seed=0, **options):
    random = np.random.default_rng(seed)
    columns = {f"annotator_{k}": pa.array(random.choice(["anger", "fear", None], n).tolist()) for k in (1, 2, 3)}
    columns |= {"film": pa.array([f"film {k // 4}" for k in range(n)]), "age": pa.array(random.random(n))}
    return replace(make_panel(n, 3, 4, seed, columns=columns, **options), group="film")


def test_causes_are_what_their_functions_find():
    panel = annotated(missing=0.2)
    other = replace(make_panel(60, 3, 4, 7), truth=panel.truth)
    people = {"people": panel.agents[:2], "full": "agent0"}
    drawn = {"n_permutations": 100, "seed": 4}
    found = analyze(panel, rule="mean", by=["class", "film"], smallest=3, runs={"q": other}, run_name="p", **people, **drawn)  # fmt: skip

    def own():
        return judge(panel, rule="mean")

    causes = found.causes
    assert causes.disagreement.to_dict() == measure_disagreement(own()).to_dict()
    assert causes.dominance.to_dict() == measure_dominance(own(), seed=4).to_dict()
    assert causes.annotators.to_dict() == measure_annotators(own(), **drawn).to_dict()
    assert causes.people.to_dict() == compare_people(own(), **people).to_dict()
    assert causes.slices.to_dict() == find_slices(own(), ["class", "film"], smallest=3, **drawn).to_dict()
    alone = compare_runs({"p": panel, "q": other}, rule="mean", seed=4).to_dict()
    assert {**causes.runs.to_dict(), "notes": None} == {**alone, "notes": None}


@pytest.mark.filterwarnings("error")
@settings(max_examples=25, deadline=None)
@given(panels(recorded=True), st.integers(0, 99))
def test_there_is_no_nan(panel, seed):
    random = np.random.default_rng(seed)
    values = random.choice(["anger", None], panel.n_examples).tolist()
    panel = replace(panel, columns={"annotator_1": pa.array(values, pa.string()), "annotator_2": pa.array(values[::-1], pa.string())})  # fmt: skip
    runs = {"other": panel.take(random.permutation(panel.n_examples))}
    found = analyze(panel, by=["class"], smallest=1, runs=runs, n_permutations=9)
    json.dumps(found.causes.to_dict(), allow_nan=False)


def close(found, expected):
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[key], own) for key, own in expected.items())
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(close(*pair) for pair in zip(found, expected, strict=True))
    if isinstance(expected, float):
        return found == pytest.approx(expected, abs=1e-9)
    return bool(found == expected)


@pytest.mark.parametrize("options", [{}, {"missing": 0.3, "recorded": True}])
def test_order_of_examples_is_nothing_to_causes(options):
    panel = annotated(seed=3, **options)
    order = np.random.default_rng(1).permutation(60)
    found = []
    for own in (panel, panel.take(order)):
        judged = judge(own)
        annotators = measure_annotators(judged, n_permutations=99).to_dict()
        del annotators["ambiguous"]  # of equals the first in the file is first
        parts = [measure_disagreement(judged), measure_dominance(judged)]
        parts += [compare_people(judged, own.agents[:2], "agent0"), find_slices(judged, ["class", "age", "group"], smallest=3, n_permutations=99)]  # fmt: skip
        found.append([annotators, *(part.to_dict() for part in parts)])
    assert close(*found)
