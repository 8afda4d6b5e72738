"""Ablations: masks against a loop over examples, draws that do not depend on the batch, and what a report says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sabotage import AblationAgent, Emissions, Panel, SabotageError, ablation_agents, analyze, diagnose, emit
from sabotage.ablation import full_model
from sabotage.masking import Masking
from sabotage.remarks import about_ablations

BLOCKS = {"one": [0, 2], "two": [1], "three": [3, 4]}
RANDOM = np.random.default_rng(0)
BACKGROUND = RANDOM.normal(size=(9, 6)).round(3)
X = RANDOM.normal(size=(7, 6)).round(3)


def frame(values):
    return pd.DataFrame(values, columns=list("abcdef"), index=range(40, 40 + len(values)))


FRAME_BLOCKS = {name: ["abcdef"[k] for k in columns] for name, columns in BLOCKS.items()}


def expected(values, masked, new):
    out = values.copy()
    for name in masked:
        for column in BLOCKS[name]:
            out[:, column] = new[column]
    return out


@pytest.mark.parametrize(("mask", "new"), [("mean", BACKGROUND.mean(axis=0)), ("zeros", np.zeros(6))])
def test_means_and_zeros(mask, new):
    before = X.copy()
    plain = Masking(BLOCKS, mask, BACKGROUND).apply(X, ["two", "three"])
    assert_allclose(plain, expected(X, ["two", "three"], new), atol=1e-15)
    table = Masking(FRAME_BLOCKS, mask, frame(BACKGROUND)).apply(frame(X), ["two", "three"])
    # A mean is added up along memory, which a frame lays out in another order than an array: the last digit may differ.
    assert_allclose(table.to_numpy(), plain, rtol=0, atol=1e-15)
    assert list(table.index) == list(range(40, 47))
    parts = {name: X[:, columns] for name, columns in BLOCKS.items()}
    behind = {name: BACKGROUND[:, columns] for name, columns in BLOCKS.items()}
    mapped = Masking(list(BLOCKS), mask, behind).apply(parts, ["two", "three"])
    for name, columns in BLOCKS.items():
        assert_allclose(mapped[name], plain[:, columns], rtol=0, atol=1e-15)
    assert_array_equal(X, before)  # a copy is masked, not the batch


def test_a_mean_of_whole_numbers_is_none():
    counts = np.array([[1, 2], [3, 5]])
    assert_array_equal(Masking({"a": [0], "b": [1]}, "mean", counts).apply(counts, ["b"]), [[1, 3.5], [3, 3.5]])


def test_a_function_may_give_fractions_for_whole_numbers():
    counts = np.array([[1, 2], [3, 5]])
    assert_array_equal(Masking({"a": [0]}, lambda _, own: own / 2).apply(counts, ["a"]), [[0.5, 2], [1.5, 5]])


@pytest.mark.parametrize("as_frame", [False, True])
def test_shuffled_blocks_are_rows_of_the_background(as_frame):
    masking = Masking(BLOCKS, "shuffle", BACKGROUND, seed=3)
    batch = X
    if as_frame:
        masking, batch = Masking(FRAME_BLOCKS, "shuffle", frame(BACKGROUND), seed=3), frame(X)
    new = np.asarray(masking.apply(batch, ["one", "three"]))
    kept = [1, 5]
    assert_array_equal(new[:, kept], X[:, kept])
    for name in ("one", "three"):
        rows = {tuple(row) for row in BACKGROUND[:, BLOCKS[name]]}
        assert all(tuple(row) in rows for row in new[:, BLOCKS[name]])
    assert not np.array_equal(new, np.asarray(masking.apply(batch, ["one", "three"], draw=1)))


@settings(max_examples=30)
@given(st.permutations(range(7)), st.integers(1, 7), st.integers(0, 3))
def test_draws_do_not_depend_on_the_batch(order, size, seed):
    masking = Masking(BLOCKS, "shuffle", BACKGROUND, seed=seed)
    whole = masking.apply(X, ["one", "two"])
    some = order[:size]
    assert_array_equal(masking.apply(X[some], ["one", "two"]), whole[some])
    # Whoever else is masked, an example gets the same row: agents differ in what they see, not in the draw.
    assert_array_equal(masking.apply(X[some], ["two"])[:, 1], whole[some][:, 1])


def test_every_row_is_drawn_about_as_often():
    many = RANDOM.normal(size=(6000, 2))
    behind = np.column_stack([np.arange(6.0), np.arange(6.0)])
    new = Masking({"a": [0], "b": [1]}, "shuffle", behind).apply(many, ["a", "b"])
    for column in new.T:
        counts = np.bincount(column.astype(int), minlength=6)
        assert ((counts - 1000) ** 2 / 1000).sum() < 25  # chi-square of 5 degrees of freedom: p < 2e-4 beyond
    assert abs(np.corrcoef(new.T)[0, 1]) < 0.05


def test_a_mask_of_ones_own_and_columns_of_two_blocks():
    seen = []

    def flip(name, values):
        seen.append(name)
        return -values

    overlapping = {"left": [0, 1], "right": [1, 2], "rest": [2, 3]}
    new = Masking(overlapping, flip).apply(X, ["right", "rest"], kept=["left"])
    assert_array_equal(new, X * [1, 1, -1, -1, 1, 1])
    assert seen == ["right", "rest"]
    with pytest.raises(SabotageError, match=r"mask gave \(2,\) values for left, which has \(7, 2\)"):
        Masking(overlapping, lambda *_: [1, 2]).apply(X, ["left"])


def test_texts_can_be_shuffled_and_have_no_mean():
    table = pd.DataFrame({"words": ["hm", "oh", "ah"], "pitch": [1.0, 2.0, 3.0]})
    blocks = {"text": ["words"], "audio": ["pitch"]}
    new = Masking(blocks, "shuffle", table).apply(table, ["text"])
    assert set(new["words"]) <= {"hm", "oh", "ah"}
    assert Masking({"all": list(table)}, "shuffle", table).apply(table, ["all"]).dtypes.equals(table.dtypes)
    for mask in ("mean", "zeros"):
        with pytest.raises(SabotageError, match=r"text holds .* which has neither mean nor zero"):
            Masking(blocks, mask, table).apply(table, ["text"])


def linear(batch):
    weights = np.arange(18.0).reshape(6, 3) / 50
    scores = np.exp(np.asarray(batch) @ weights)
    return scores / scores.sum(axis=1, keepdims=True)


def test_agents_are_the_model_on_masked_inputs():
    new = BACKGROUND.mean(axis=0)
    only = ablation_agents(linear, BLOCKS, background=BACKGROUND, classes="xyz")
    without = ablation_agents(linear, BLOCKS, "without", background=BACKGROUND, classes="xyz")
    assert [agent.name for agent in only + without] == [*BLOCKS, *(f"without_{name}" for name in BLOCKS)]
    assert [agent.kind for agent in only + without] == ["only"] * 3 + ["without"] * 3
    for name, alone, gone in zip(BLOCKS, only, without, strict=True):
        others = [other for other in BLOCKS if other != name]
        assert_allclose(alone.emit(X).scores, linear(expected(X, others, new)), atol=1e-14)
        assert_allclose(gone.emit(X).scores, linear(expected(X, [name], new)), atol=1e-14)
        assert alone.emit(X).classes == ("x", "y", "z")


def test_draws_are_averaged_and_chunks_change_nothing():
    def slow(batch):  # row by row: a product of matrices may differ in the last bit with their size
        return np.vstack([linear(row[None]) for row in np.asarray(batch)])

    options = {"mask": "shuffle", "background": BACKGROUND, "classes": "xyz", "seed": 5}
    agent = AblationAgent("a", slow, "one", BLOCKS, n_draws=4, **options)
    masking = Masking(BLOCKS, "shuffle", BACKGROUND, 5)
    by_hand = sum(slow(masking.apply(X, ["two", "three"], ["one"], draw)) for draw in range(4)) / 4
    assert_allclose(agent.emit(X).scores, by_hand, atol=1e-15)
    object.__setattr__(agent, "batch_size", 2)
    assert_array_equal(emit([agent], X, n_jobs=2)["a"].scores, agent.emit(X).scores)


def test_classifiers_emissions_and_mappings():
    values, y = load_iris(return_X_y=True)
    fitted = LogisticRegression(max_iter=500).fit(values, y)
    blocks = {"sepal": [0, 1], "petal": [2, 3]}
    agents = ablation_agents(fitted, blocks, background=values)
    agents += ablation_agents(fitted, blocks, "without", background=values)
    panel = Panel.from_agents(agents, values, y, columns=full_model(fitted, values))
    assert panel.kinds == {"sepal": "only", "petal": "only", "without_sepal": "without", "without_petal": "without"}
    assert_array_equal(panel.fused_label, fitted.predict(values))
    assert_array_equal(panel.fused_scores, fitted.predict_proba(values))
    # Of two modalities, one alone is the other left out.
    assert_array_equal(panel.scores[:, 0], panel.scores[:, 3])
    parts = {"sepal": values[:, :2], "petal": values[:, 2:]}

    def model(batch):
        return Emissions(list(fitted.predict(np.column_stack([batch["sepal"], batch["petal"]]))))

    said = ablation_agents(model, list(parts), mask="zeros")[1].emit(parts)
    assert said.labels == list(fitted.predict(values * [0, 0, 1, 1]))
    assert full_model(model, parts) == {"fused_label": list(fitted.predict(values))}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mode": "onyl"}, r"unknown mode 'onyl' \(did you mean only\?\)"),
        ({"modality": "four"}, "unknown modality 'four'"),
        ({"mask": "noise"}, "unknown mask 'noise'"),
        ({"mask": "shuffle", "background": None}, "mask shuffle needs background"),
        ({"background": None}, "mask mean needs background"),
        ({"blocks": {}}, "blocks must give the columns of each modality"),
        ({"blocks": {"one": [0]}}, "mode only masks the other modalities"),
        ({"n_draws": 2}, "n_draws must be 1 with mask mean"),
        ({"n_draws": 0, "mask": "shuffle"}, "found 0"),
    ],
)
def test_agents_that_cannot_be(options, says):
    plain = {"name": "a", "model": linear, "modality": "one", "blocks": BLOCKS, "background": BACKGROUND}
    with pytest.raises(SabotageError, match=says):
        AblationAgent(**plain | options)


@pytest.mark.parametrize(
    ("model", "batch", "options", "says"),
    [
        (linear, X, {}, "a has scores and no classes"),
        (linear, X, {"classes": "xy"}, r"a emitted scores of shape \(7, 3\) for 2 classes"),
        ("model", X, {}, "a: model must be callable or have a predict_proba: found a str"),
        (linear, X[:, :3], {"classes": "xyz"}, r"must give positions .* found 3, 4 for a batch of shape \(7, 3\)"),
        (linear, X, {"classes": "xyz", "blocks": {"one": [0], "two": [True, False]}}, "found True for a batch"),
        (linear, X, {"classes": "xyz", "blocks": {"one": [0], "two": ["b"]}}, "found b for a batch of shape"),
        (linear, frame(X), {"classes": "xyz"}, "blocks name .*, and the batch has a, b, c"),
        (linear, {"one": X}, {"classes": "xyz"}, "a batch that is a mapping is masked by its names"),
        (linear, X, {"classes": "xyz", "blocks": ["one", "two"]}, "a batch must be a mapping of one, two to arrays"),
        (
            lambda batch: Emissions(["x"] * len(batch)), X, {"mask": "shuffle", "n_draws": 2},
            "a: draws are averaged in their class scores",
        ),
    ],
)  # fmt: skip
def test_batches_and_models_that_do_not_fit(model, batch, options, says):
    agent = AblationAgent(
        **{"name": "a", "model": model, "modality": "one", "blocks": BLOCKS, "background": BACKGROUND} | options
    )
    with pytest.raises(SabotageError, match=says):
        agent.emit(batch)


def test_results_say_first_how_ablations_are_read():
    panel = replace(make_panel(recorded=True), kinds={"agent0": "only", "agent1": "without"})
    sentences = about_ablations(panel)
    assert sentences[0].startswith("agent0 is an ablation, one model that was given a single modality")
    assert sentences[1].startswith("agent1 is an ablation, one model with the named modality masked")
    assert "where it is suppressed that modality brought the error about" in sentences[1]
    assert sentences[2].endswith("roles in a recorded decision take it for that of the unmasked model")
    assert analyze(panel, n_permutations=0).notes[:3] == tuple(sentences)
    assert diagnose(panel, n_permutations=3).notes[:3] == tuple(sentences)
    page = analyze(panel, n_permutations=0).to_html()
    assert page.count("is an ablation, one model with the named modality masked") == 2  # finding and notes
    unrecorded = about_ablations(replace(panel, fused_label=None))
    assert unrecorded[1].endswith("so roles are read the other way round")
    assert "record the decision of the unmasked model as fused_label" in unrecorded[2]
    assert about_ablations(panel.select(["agent2"])) == []


def test_the_way_to_read_roles_is_what_they_are():
    # A model that adds two blocks: where the block that is masked turns a right answer wrong, its agent is suppressed.
    values = np.array([[2.0, -3.0], [2.0, 1.0], [2.0, 3.0], [-1.0, -3.0]])
    model = lambda batch: np.column_stack([batch.sum(axis=1) < 0, batch.sum(axis=1) >= 0]).astype(float)  # noqa: E731
    agents = ablation_agents(model, {"a": [0], "b": [1]}, "without", "zeros", classes=(0, 1))
    panel = Panel.from_agents(agents, values, [1, 1, 0, 1], columns=full_model(model, values, (0, 1)))
    roles = analyze(panel, n_permutations=0).roles.pivot(index="id", columns="agent", values="role")
    assert roles["without_b"].tolist() == ["suppressed", "contributor", "saboteur", "saboteur"]
    assert roles["without_a"].tolist() == ["saboteur", "contributor", "saboteur", "saboteur"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"background": np.array([[1.0, np.nan, 1, 1, 1, 1]])}, "two has no mean: background holds NaN"),
        ({"background": np.zeros((0, 6))}, "background must hold at least one row"),
        ({"blocks": {"two": "b"}}, "blocks must give a list of columns for two: found 'b'"),
        ({"blocks": {"two": []}}, "blocks must give a list of columns for two"),
        ({"blocks": {"two": 1}}, "blocks must give a list of columns for two"),
        ({"blocks": ["two"], "background": {"two": np.ones((4, 1))}}, r"two of a row is \(1,\), and there \(6,\)"),
    ],
)
def test_backgrounds_and_blocks_that_would_mask_wrongly(options, says):
    masking = {"blocks": BLOCKS, "mask": "mean", "background": BACKGROUND} | options
    batch = X if isinstance(masking["blocks"], dict) else {"two": X}
    with pytest.raises(SabotageError, match=says):
        Masking(**masking).apply(batch, ["two"])


def test_tables_that_are_not_masked():
    for batch in (pa.table({"p": [1, 2]}), sparse.csr_matrix(X)):
        with pytest.raises(SabotageError, match="a batch to mask must be an array, a pandas DataFrame or a mapping"):
            Masking({"a": [0]}, "zeros").apply(batch, ["a"])


def test_numbers_of_several_types_are_numbers():
    table = pd.DataFrame({"p": pd.array([1, 2], "Int64"), "q": [True, False], "r": [0.5, 1.5]})
    masked = Masking({"a": ["p", "q", "r"]}, "mean", table).apply(table, ["a"])
    assert_array_equal(masked.to_numpy(), [[1.5, 0.5, 1.0]] * 2)


def test_lists_of_different_lengths():
    texts = {"t": [[1, 2, 3], [4]]}
    masked = Masking(["t"], "shuffle", {"t": [[7, 8]]}).apply(texts, ["t"])
    assert masked == {"t": [[7, 8], [7, 8]]}
    with pytest.raises(SabotageError, match="t holds object, which has neither mean nor zero"):
        Masking(["t"], "zeros").apply(texts, ["t"])


def test_draws_are_whole_numbers():
    with pytest.raises(SabotageError, match=r"n_draws must be a whole number from 1 on: found 2\.5"):
        AblationAgent("a", len, "one", BLOCKS, mask="shuffle", background=BACKGROUND, n_draws=2.5)
