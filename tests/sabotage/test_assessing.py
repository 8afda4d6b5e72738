"""Estimated reliability: fitted on what is not judged, judged as scikit-learn judges, and better where it knows more."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from sabotage import Panel, SabotageError, assess, permute, read_panel, replay
from sabotage.folds import assign_folds

METHODS = ("learned", "margin", "entropy")


def filmed(panel: Panel, n_films: int) -> Panel:
    film = pa.array([f"film {k % n_films}" for k in range(panel.n_examples)])
    return replace(panel, columns={"film": film}, group="film")


def one_class_knows(n=600, seed=0):
    """Draw agents that know one class and guess between the others, whatever their confidence."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n).astype(np.int32)
    sees = (truth == 0)[:, None] & (random.random((n, 2)) < 0.8)
    guess = np.where(random.random((n, 2)) < 0.05, 0, random.integers(1, 3, (n, 2)))
    labels = np.where(sees, 0, guess).astype(np.int32)
    q = random.random((n, 2))
    return Panel(("voice", "face"), (0, 1, 2), pa.array(range(n)), truth, labels, random.random((n, 2)), None, q)


def within_folds(right, fold, *values):
    """Return the AUROC of each over the pairs of one fold."""
    weights, areas = [], []
    for k in set(fold.tolist()):
        inside = fold == k
        if len(set(right[inside].tolist())) == 2:
            weights.append(right[inside].sum() * (~right[inside]).sum())
            areas.append([roc_auc_score(right[inside], value[inside]) for value in values])
    return np.average(areas, axis=0, weights=weights).tolist() if weights else [None] * len(values)


@settings(max_examples=60, deadline=None)
@given(panels(most=40), st.sampled_from(METHODS))
def test_what_comes_out_is_sound(panel, method):
    if panel.n_examples < 2:
        return
    found = assess(panel, method, cross_fit=2)
    reliability = found.panel.reliability
    assert found.panel.weights == "given"
    assert (np.isnan(reliability) == ~panel.spoke).all()
    known = reliability[panel.spoke]
    assert ((known >= 0) & (known <= 1)).all()
    for m, own in enumerate(found.table):
        rows = panel.spoke[:, m]
        right = (panel.labels[:, m] == panel.truth)[rows]
        assert (own.agent, own.n, own.n_fit, own.n_right) == (panel.agents[m], rows.sum(), rows.sum(), right.sum())
        if len(set(right.tolist())) < 2:
            assert own.auroc is own.difference is own.auroc_confidence is None
            assert any(own.agent in note for note in found.notes)
            continue
        area, beside = within_folds(right, found.fold[rows], reliability[rows, m], panel.confidence[rows, m])
        if area is None:
            assert own.auroc is own.difference is own.auroc_confidence is None
            continue
        assert own.auroc.value == pytest.approx(area, abs=1e-14)
        assert own.auroc_confidence.value == pytest.approx(beside, abs=1e-14)
        assert own.difference.value == pytest.approx(area - beside, abs=1e-14)


def test_margin_is_scikit_learns_regression_on_calibration_rows():
    panel, calibration = make_panel(150, 2, 4, 1, missing=0.1), make_panel(200, 2, 4, 2, missing=0.1)
    found = assess(panel, "margin", calibration=calibration)
    for m in range(2):
        ordered, ours = np.sort(calibration.scores[:, m], axis=1), np.sort(panel.scores[:, m], axis=1)
        fit_on, judged = calibration.spoke[:, m], panel.spoke[:, m]
        gaps, own = (ordered[fit_on, -1] - ordered[fit_on, -2])[:, None], (ours[judged, -1] - ours[judged, -2])[:, None]
        scale = StandardScaler().fit(gaps)
        right = calibration.labels[fit_on, m] == calibration.truth[fit_on]
        model = LogisticRegression(tol=1e-10).fit(scale.transform(gaps), right)
        expected = model.predict_proba(scale.transform(own))[:, 1]
        assert found.panel.reliability[judged, m] == pytest.approx(expected, abs=1e-5)
        assert found.table[m].n_fit == fit_on.sum()
    assert found.fold is None


@pytest.mark.parametrize("method", METHODS)
def test_poisoned_labels_of_a_fold_leave_its_own_estimates_alone(method):
    panel = filmed(make_panel(240, 3, 4, 3), 24)
    clean = assess(panel, method, cross_fit=4)
    for k in range(4):
        inside = clean.fold == k
        poisoned = replace(panel, truth=np.where(inside, (panel.truth + 1) % 4, panel.truth).astype(np.int32))
        found = assess(poisoned, method, cross_fit=4)
        assert (found.fold == clean.fold).all()
        assert found.panel.reliability[inside].tolist() == clean.panel.reliability[inside].tolist()
        assert (found.panel.reliability[~inside] != clean.panel.reliability[~inside]).any()


def test_labels_of_judged_rows_leave_all_estimates_alone():
    panel, calibration = make_panel(100, 2, 3, 1), make_panel(100, 2, 3, 2)
    clean = assess(panel, calibration=calibration)
    poisoned = assess(replace(panel, truth=panel.truth[::-1].copy()), calibration=calibration)
    assert poisoned.panel.reliability.tolist() == clean.panel.reliability.tolist()
    assert poisoned.table != clean.table


def test_no_film_is_estimated_by_what_saw_it():
    panel = filmed(make_panel(120, 2, 3), 15)
    found = assess(panel, cross_fit=5)
    films = panel.codes("film")
    assert all(len(set(found.fold[films == film].tolist())) == 1 for film in set(films.tolist()))
    assert (found.fold == assign_folds(panel, 5)).all()
    assert found.table[0].auroc.n_clusters == 15
    plain = replace(panel, group=None)
    assert (assess(plain, cross_fit=5, group="film").fold == found.fold).all()
    assert (assess(plain, cross_fit=5, seed=1).fold != assess(plain, cross_fit=5).fold).any()


def test_it_learns_what_the_confidence_does_not_say():
    panel = one_class_knows()
    found = assess(panel, cross_fit=5)
    voice = found.table[0]
    assert voice.auroc.interval[0] > 0.5
    assert voice.difference.interval[0] > 0
    frame = found.to_frame()
    assert frame.agent.tolist() == ["voice", "face"]
    assert frame.auroc[0] == voice.auroc.value
    assert frame.difference_low[0] == voice.difference.interval[0]
    assert "Assessment by learned" in repr(found)
    assert "voice" in found._repr_html_()
    assert found.to_dict()["agents"]["voice"]["n_paired"] == 600
    assert assess(panel, cross_fit=5).panel.reliability.tolist() == found.panel.reliability.tolist()


def test_estimates_are_calibrated():
    panel = make_panel(2000, 1, 4, 5)
    found = assess(panel, "margin", calibration=make_panel(2000, 1, 4, 6))
    reliability, right = found.panel.reliability[:, 0], panel.labels[:, 0] == panel.truth
    for low, high in ((0.0, 0.5), (0.5, 0.75), (0.75, 1.0)):
        some = (reliability >= low) & (reliability < high)
        if some.sum() > 100:
            assert reliability[some].mean() == pytest.approx(right[some].mean(), abs=0.08)


def test_energy_and_distance_run_through():
    random = np.random.default_rng(0)
    panel, calibration = make_panel(200, 2, 3, 1), make_panel(200, 2, 3, 2)
    for one in (panel, calibration):
        one.scores[:] = 5 * np.log(one.scores + 1e-3)
    assert assess(panel, "energy", calibration=calibration).table[0].auroc is not None
    own, other, trained = ({a: random.normal(0, 1, (k, 3)) for a in panel.agents} for k in (200, 200, 50))
    far = {agent: values * np.where(panel.labels[:, m] == panel.truth, 1, 4)[:, None]
           for m, (agent, values) in enumerate(own.items())}  # fmt: skip
    found = assess(panel, "distance", cross_fit=4, features=far, training=trained)
    assert all(one.auroc.interval[0] > 0.8 for one in found.table)
    both = assess(panel, calibration=calibration, features=own, calibration_features=other)
    assert both.panel.reliability.shape == (200, 2)


def test_who_is_always_right_gets_a_constant_and_a_note():
    panel = make_panel(60, 2, 3)
    labels = panel.labels.copy()
    labels[:, 0] = panel.truth
    found = assess(filmed(replace(panel, labels=labels), 15), cross_fit=3)
    assert found.panel.reliability[:, 0] == pytest.approx(41 / 42)
    assert found.notes[0].startswith("agent0: right on all of the 40 rows to learn from")
    assert found.notes[0].endswith("(3 of 3 folds)")
    assert found.table[0].auroc is None


def test_what_has_no_confidence_has_nothing_beside_it():
    panel = make_panel(100, 2, 3)
    confidence = panel.confidence.copy()
    confidence[:, 0], confidence[::2, 1] = np.nan, np.nan
    found = assess(replace(panel, confidence=confidence), cross_fit=4)
    assert found.table[0].auroc is not None
    assert found.table[0].difference is found.table[0].auroc_confidence is None
    assert found.table[1].n_paired == 50
    assert sum("has a confidence on" in note for note in found.notes) == 2


def test_the_estimates_are_written_read_and_weighed_by(tmp_path):
    found = assess(filmed(make_panel(150, 2, 3, missing=0.1), 15), cross_fit=5)
    found.panel.to_parquet(tmp_path / "assessed.parquet")
    back = read_panel(tmp_path / "assessed.parquet", group="film")
    assert back.weights == "reliability"
    assert np.array_equal(back.reliability, found.panel.reliability, equal_nan=True)
    assert permute(replay(back), n_permutations=50).n_usable > 0


def test_agents_of_other_classes_share_them():
    panel, calibration = make_panel(80, 2, 3, 1), make_panel(80, 2, 4, 2)
    found = assess(panel, calibration=calibration)
    assert found.panel.classes == calibration.classes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "margins", "cross_fit": 3}, "unknown method 'margins' .did you mean margin"),
        ({}, "give calibration rows"),
        ({"cross_fit": 3, "calibration": make_panel(20, 2, 3)}, "one of the two"),
        ({"cross_fit": 1}, "n_folds must be at least 2"),
        ({"cross_fit": 2.5}, "cross_fit must be a number of folds: found 2.5"),
        ({"cross_fit": "5"}, "cross_fit must be a number of folds: found '5'"),
        ({"cross_fit": 3, "features": [1]}, "features must be a dict of arrays by agent: found a list"),
        ({"calibration": make_panel(20, 3, 3)}, "must have the agents of the panel, agent0, agent1"),
        ({"method": "energy", "cross_fit": 3}, "energy needs logits"),
        ({"method": "distance", "cross_fit": 3}, "distance needs features.*only Python"),
        ({"cross_fit": 3, "calibration_features": {}}, "there are none"),
        (
            {"calibration": make_panel(20, 2, 3), "features": {a: np.zeros((20, 1)) for a in ("agent0", "agent1")}},
            "go together",
        ),
    ],
)
def test_what_cannot_be_done_is_said(options, said):
    with pytest.raises(SabotageError, match=said):
        assess(make_panel(20, 2, 3), **options)


def test_who_tells_nothing_is_no_worse_than_chance():
    # A fit without a fold that is often right expects less of it: over pairs of all folds the mean was .43 here.
    areas = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 2, 120)
        labels = np.where(random.random(120) < 0.75, truth, 1 - truth)
        top = random.uniform(0.5, 1, 120)
        high = np.where(labels == 1, top, 1 - top)
        panel = read_panel(pa.table({"id": range(120), "y": truth, "a_p_0": 1 - high, "a_p_1": high}))
        areas.append(assess(panel, "margin", cross_fit=5, seed=seed).table[0].auroc.value)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.04)


def test_rows_that_are_judged_are_not_learned_from():
    panel = make_panel(60, 2, 3)
    with pytest.raises(SabotageError, match="calibration must be other rows"):
        assess(panel, calibration=panel)
    table = {"id": range(60), "y": [0, 1] * 30, "a_label": [0, 0, 1] * 20, "a_confidence": np.linspace(0, 1, 60)}
    one = read_panel(pa.table(table))
    other = read_panel(pa.table(table | {"id": range(50, 110)}))
    notes = assess(one, calibration=other).notes
    assert any(note.startswith("10 of the ids judged are among the calibration rows") for note in notes)
    features = {"a": np.arange(60.0)[:, None]}
    with pytest.raises(SabotageError, match="training of a must be other rows than its features"):
        assess(one, "distance", cross_fit=3, features=features, training=features)
