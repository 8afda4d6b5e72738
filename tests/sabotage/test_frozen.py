"""Permutation tests of learned rules: what was learned stays as it is, and so do the folds that it was learned without."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from numpy.testing import assert_allclose, assert_array_equal
from sabotage.kernels import fusing
from scipy.special import softmax

from sabotage import diagnose, fuse, permute, permute_each, replay, run_controls
from sabotage.controls import ideal_reliability
from sabotage.engines import NumbaEngine, RowsEngine, make_engine
from sabotage.learning import cross_fit, fit
from sabotage.trials import make_trial

NAMES = ("weighted_stacking", "learned_gate", "calibrated:weighted_mean", "calibrated-platt:dempster_shafer")
STILL = ("stacking", "class_weighted", "calibrated:mean")


def teacher(**options):
    """Rows to learn from."""
    return make_panel(150, 3, 3, 50, **({"missing": 0.1, "no_reliability": 0.1} | options))


def judged(n=90, **options):
    """Rows to judge on, in nine films."""
    films = pa.array([f"film {k % 9}" for k in range(n)])
    panel = make_panel(n, 3, 3, 51, columns={"film": films}, **({"missing": 0.1, "no_reliability": 0.1} | options))
    return replace(panel, group="film")


def readied(name, cross=False, **options):
    """A learned rule ready for a panel, fitted on other rows or crosswise."""
    panel = judged(**options)
    return replay(panel, cross_fit(panel, name, 3) if cross else fit(teacher(), name))


def moved(ready, donors):
    """Decisions and scores when example i takes the reliability of donors[i, m] for agent m, replayed anew."""
    q = ready.panel.reliability[donors, np.arange(donors.shape[1])]
    other = ready.with_reliability(q)
    return other.decide(other.weights, keep_scores=True)


class Given:
    """Shuffles that were written down, in place of drawn ones."""

    def __init__(self, donors):
        self.donors = donors

    def draw(self, out):
        out[:] = self.donors[: len(out)]


def counted(engine_class, ready, statistic, scheme, agent, donors):
    """Counts of the replicates that the donors (R, streams, n), by position, make; and the plan."""
    (run,) = make_trial(ready, statistic).runs
    engine = engine_class(run.stepped, scheme, agent)
    counts = np.zeros((1, len(donors), run.stepped.width), np.int64)
    engine.run([Given(donors)], counts)
    return counts[0], run.stepped


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", [*NAMES, *STILL])
def test_nothing_is_fitted_again(name, cross, monkeypatch):
    ready = readied(name, cross)

    def refuse(*_, **__):
        raise AssertionError("fitted again")

    for place in ("stacking.fit", "gating.fit", "class_weights.fit", "calibrating.fit", "calibrating.calibrate"):
        monkeypatch.setattr(f"sabotage.{place}", refuse)
    monkeypatch.setattr("sabotage.fitted.replay_fitted", refuse)
    before = {field: getattr(ready, field).copy() for field in ("evidence", "spoken")}
    test = permute(ready, n_permutations=50)
    assert test.clean == pytest.approx(permute(ready, n_permutations=1).clean, abs=0)
    if name in STILL:
        assert (test.broken == test.clean).all()
        assert test.verdict.word in ("inert", "untestable")
    else:
        assert test.broken_sd > 0
        controls = run_controls(ready, n_permutations=50)
        assert controls.negative.gap == 0
        own = ready.with_reliability(ideal_reliability(ready))
        right = own.decision.labels == ready.panel.truth
        each = [right[ready.panel.truth == c].mean() for c in range(3)]
        assert_allclose(controls.positive.clean, np.mean(each))
    for field, array in before.items():
        assert_array_equal(getattr(ready, field), array)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("statistic", ["accuracy", "log_likelihood", "top_2", "macro_f1"])
def test_the_identity_reproduces_every_decision(name, cross, statistic):
    ready = readied(name, cross)
    n = ready.panel.n_examples
    for scheme, agent in (("joint", None), ("independent", None), ("single", 1)):
        streams = 3 if scheme == "independent" else 1
        same = np.tile(np.arange(n, dtype=np.int32), (2, streams, 1))
        for runner in (RowsEngine,) if ready.kind == fusing.POOL else (NumbaEngine, RowsEngine):
            counts, plan = counted(runner, ready, statistic, scheme, agent, same)
            n_classes = ready.panel.n_classes
            assert (counts[:, n_classes] == 0).all()
            if statistic == "log_likelihood":
                sums = counts[:, -1].copy().view(np.float64)
                worth = ready.worth_of(plan.log, ready.weights)[1].sum()
                assert_allclose(sums, worth, rtol=1e-12)
            elif statistic != "top_2":
                assert (counts == 0).all()


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", ["learned_gate", "calibrated:weighted_mean", "calibrated:softmax_gate"])
def test_core_numba_and_rows_are_one_test(name, cross):
    ready = readied(name, cross)
    for scheme, agent in (("joint", None), ("independent", None), ("single", "agent1")):
        options = {"scheme": scheme, "agent": agent, "n_permutations": 130, "seed": 4}
        runs = [permute(ready, engine=engine, threads=threads, **options) for engine, threads in
                (("core", 1), ("numba", 2), (None, 1))]  # fmt: skip
        for other in runs[1:]:
            assert_array_equal(other.broken, runs[0].broken)
            assert (other.p_value, other.flip_rate, other.moments) == (
                runs[0].p_value, runs[0].flip_rate, runs[0].moments
            )  # fmt: skip
        number = None if agent is None else 1
        (run,) = make_trial(ready, "balanced_accuracy").runs
        found = []
        for runner in (NumbaEngine, RowsEngine):
            engine = runner(run.stepped, scheme, number)
            counts = np.zeros((1, 20, run.stepped.width), np.int64)
            engine.run([engine.start(4, 0)], counts)
            found.append(counts)
        assert_array_equal(*found)
    assert not np.array_equal(permute(ready, n_permutations=130, seed=5).broken, runs[0].broken)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_each_row_is_weighed_anew_by_its_own_part(name, cross):
    ready = readied(name, cross, missing=0.0)
    trial = make_trial(ready, "accuracy")
    (run,) = trial.runs
    plan, random = run.stepped, np.random.default_rng(0)
    by_block = [np.flatnonzero(plan.block_of == block) for block in range(plan.n_blocks)]
    for scheme, agent in (("joint", None), ("independent", None), ("single", 2)):
        streams = 3 if scheme == "independent" else 1
        donors = np.tile(np.arange(90, dtype=np.int32), (8, streams, 1))
        for r, s in product(range(8), range(streams)):
            for positions in by_block:
                donors[r, s, positions] = random.permutation(positions)
        runner = type(make_engine(plan, scheme, agent, "numba"))
        counts, _ = counted(runner, ready, "accuracy", scheme, agent, donors)
        for r in range(8):
            examples = np.tile(np.arange(90)[:, None], (1, 3))
            columns = range(3) if agent is None else [agent]
            for m in columns:
                examples[plan.order, m] = plan.order[donors[r, m if streams == 3 else 0]]
            labels = moved(ready, examples).labels
            clean = ready.decision.labels
            assert counts[r, 3] == np.count_nonzero(labels != clean)
            hits = (labels == ready.panel.truth).sum() - (clean == ready.panel.truth).sum()
            assert counts[r, :3].sum() == hits


def test_a_moved_gate_is_that_of_the_formula():
    panel = judged(missing=0.0, no_reliability=0.0)
    fitted = cross_fit(panel, "learned_gate", 3)
    ready, random = replay(panel, fitted), np.random.default_rng(1)
    q = panel.reliability[random.permutation(90)]
    weights = np.empty((90, 3))
    for i in range(90):
        own = fitted.parts[fitted.fold[i]]
        x = (q[i] - own["mean"]) / own["sd"]
        z = own["bias"] + np.array(own["reliability"]) @ x + np.array(own["availability"]).sum(axis=1)
        weights[i] = softmax(z)
    found = ready.weigh(q)
    assert_allclose(found / found.sum(axis=1, keepdims=True), weights, rtol=1e-10)
    some = np.array([4, 80, 33])
    assert_array_equal(ready.weigh(q[some], ready.spoken[some], some), found[some])
    assert_array_equal(ready.take(some).weigh(q[some]), found[some])


def tiny(weights="reliability"):
    """Eight rows that are cut into two folds, and rows of reliability that matter."""
    panel = make_panel(8, 2, 2, 5)
    films = pa.array([str(k // 4) for k in range(8)])
    q = np.random.default_rng(2).random((8, 2)) * 3
    panel = replace(panel, columns={"film": films}, group="film", reliability=q, truth=np.arange(8, dtype=np.int32) % 2)
    return panel.with_weights("confidence") if weights == "confidence" else panel


@pytest.mark.parametrize("weights", ["reliability", "confidence"])
@pytest.mark.parametrize("agent", [None, "agent1"])
@pytest.mark.parametrize("name", ["weighted_stacking", "learned_gate", "calibrated:weighted_mean"])
def test_the_exact_mean_is_over_permutations_within_the_parts(name, agent, weights):
    panel = tiny(weights)
    fitted = cross_fit(panel, name, 2)
    ready = replay(panel, fitted)
    parts = [np.flatnonzero(fitted.fold == k) for k in range(2)]
    assert {len(rows) for rows in parts} == {4}
    trial = make_trial(ready, "accuracy")
    assert all(len(set(fitted.fold[trial.block == block])) == 1 for block in range(trial.n_blocks))
    values = []
    for first, second in product(permutations(parts[0]), permutations(parts[1])):
        donors = np.empty(8, np.int64)
        donors[parts[0]], donors[parts[1]] = first, second
        q = ready.panel.reliability.copy()
        if agent is None:
            q = q[donors]
        else:
            q[:, 1] = q[donors, 1]
        if weights == "confidence":
            labels = ready.with_reliability(q).decision.labels
        else:
            labels = fuse(replace(panel, reliability=q), fitted).labels
        values.append((labels == panel.truth).mean())
    scheme = {"scheme": "joint"} if agent is None else {"scheme": "single", "agent": agent}
    test = permute(ready, statistic="accuracy", n_permutations=2000, exact=True, **scheme)
    assert_allclose(test.moments.exact_mean, np.mean(values), atol=1e-12)
    assert_allclose(test.moments.exact_sd, np.std(values), atol=1e-12)
    assert_allclose(test.broken_mean, np.mean(values), atol=5 * np.std(values) / 2000**0.5 + 1e-12)
    assert {round(8 * value) for value in test.broken} <= {round(8 * value) for value in values}


def test_it_is_said_that_reliability_stays_in_its_fold():
    panel = judged()
    crossed = [cross_fit(panel, name, 3) for name in ("learned_gate", "stacking")]
    found = diagnose(panel, rules=crossed, n_permutations=19)
    assert sum(note == "learned_gate is cross-fitted: reliability stays within its fold" for note in found.notes) == 1
    assert not any(note.startswith("stacking is cross-fitted") for note in found.notes)
    assert any(note.startswith("learned_gate was fitted in 3 folds") for note in found.notes)
    plain = diagnose(panel, rules=[fit(teacher(), "learned_gate")], n_permutations=19)
    assert not any("stays within its fold" in note for note in plain.notes)
    ready = replay(panel, crossed[0])
    n_patterns = len(np.unique(ready.spoken >= 0, axis=0))
    assert permute(replay(panel), n_permutations=19).n_blocks == n_patterns
    pairs = np.unique(np.c_[ready.spoken >= 0, crossed[0].fold], axis=0)
    test = permute(ready, n_permutations=19)
    assert test.n_blocks == len(pairs) > n_patterns
    assert test.exchanged.endswith("among examples of the same availability pattern and fold of the cross-fit")
    assert permute(replay(panel), n_permutations=19).exchanged.endswith("of the same availability pattern")


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_weightless_arm_has_every_reliability_one(name, cross):
    ready = readied(name, cross)
    panel = ready.panel
    ones = ready.with_reliability(np.where(panel.spoke, 1.0, np.nan))
    test = permute(ready, statistic="accuracy", n_permutations=19)
    plain = (ones.decision.labels == panel.truth).mean()
    assert test.uniform_weights == pytest.approx(plain)
    assert test.against_weightless.value == pytest.approx((ready.decision.labels == panel.truth).mean() - plain)


@pytest.mark.parametrize("name", NAMES[:3])
def test_runs_in_step_keep_their_parts(name):
    panel = seeded(40, 3, 1, dropped=0.0)
    fitted = cross_fit(panel, name, 3)
    ready = replay(panel, fitted)
    trial = make_trial(ready, "accuracy")
    of_unit = np.zeros(40, int)
    of_unit[panel.units] = fitted.fold
    assert all(len(set(of_unit[trial.block == block])) == 1 for block in range(trial.n_blocks))
    first, second = (permute(ready, n_permutations=70, threads=threads, engine=engine) for threads, engine in
                     ((1, "numba"), (2, None)))  # fmt: skip
    assert_array_equal(first.broken, second.broken)
    alone = permute(ready, n_permutations=30, per_seed=True)
    assert len(alone.seeds) == len(first.seeds) == 3
    assert alone.n_blocks == 9


@pytest.mark.parametrize("name", NAMES[:2])
def test_one_test_an_agent(name):
    ready = readied(name, cross=True)
    each = permute_each(ready, n_permutations=60, seed=2)
    for agent, test in each.items():
        alone = permute(ready, scheme="single", agent=agent, n_permutations=60, seed=2)
        assert_array_equal(test.broken, alone.broken)
        assert test.moments == alone.moments
