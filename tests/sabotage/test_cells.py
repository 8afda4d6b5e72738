"""Cells and patterns against the definitions, example by example."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
from builders import panels
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import Panel
from sabotage.cells import CELLS, cells_of, patterns_of
from sabotage.judging import judge


def slow_cell(labels, truth, fused):
    said = [label for label in labels if label >= 0]
    if not said:
        return "silent"
    right = [label == truth for label in said]
    if fused == truth:
        return "all_right" if all(right) else "resolved" if any(right) else "rescued"
    return "lost" if any(right) else "all_wrong"


def slow_pattern(labels, truth, fused):
    signs = ["." if label < 0 else "+" if label == truth else "-" for label in labels]
    return "".join(signs) + ("+" if fused == truth else "-")


@given(panels(recorded=True), st.sampled_from(["recorded", "replayed"]))
@settings(max_examples=60, deadline=None)
def test_cells_and_patterns_are_their_definitions(panel, decision):
    decided = judge(panel, decision=decision).roles.decision.labels
    rows = list(zip(panel.labels.tolist(), panel.truth.tolist(), decided.tolist(), strict=True))
    assert [CELLS[at] for at in cells_of(panel, decided)] == [slow_cell(*row) for row in rows]
    counts = Counter(slow_pattern(*row) for row in rows)
    names, n, place = patterns_of(panel, decided, 100)
    assert n == len(counts) == len(names)
    assert [names[at] for at in place] == [slow_pattern(*row) for row in rows]
    assert [counts[name] for name in names] == sorted(counts.values(), reverse=True)


@given(panels(recorded=True), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_examples_agents_and_classes_is_nothing_to_a_cell(panel, random):
    decided = panel.fused_label
    cells = cells_of(panel, decided)
    rows = np.array(random.sample(range(panel.n_examples), panel.n_examples))
    taken = panel.take(rows)
    assert (cells_of(taken, taken.fused_label) == cells[rows]).all()
    turned = np.ascontiguousarray(panel.labels[:, ::-1])
    assert (cells_of(replace(panel, labels=turned), decided) == cells).all()
    other = np.append(np.array(random.sample(range(panel.n_classes), panel.n_classes), np.int32), np.int32(-1))
    relabelled = replace(panel, labels=other[panel.labels], truth=other[panel.truth])
    assert (cells_of(relabelled, other[decided]) == cells).all()


def test_ninety_agents_have_patterns_too():
    random = np.random.default_rng(0)
    labels = random.integers(-1, 3, (200, 90)).astype(np.int32)
    labels[100:] = labels[:100]  # each twice
    none = np.full((200, 90), np.nan)
    panel = Panel(
        tuple(f"a{m}" for m in range(90)), ("x", "y", "z"), pa.array(range(200)), np.zeros(200, np.int32), labels,
        none, None, none.copy(),
    )  # fmt: skip
    names, n, place = patterns_of(panel, np.zeros(200, np.int32), 30)
    assert (n, len(names)) == (100, 30)
    assert (place[:100] == place[100:]).all()
    for row in np.flatnonzero(place < 30):
        assert names[place[row]] == slow_pattern(labels[row].tolist(), 0, 0)
