"""Black-box callables against the rules that they imitate, and what a callable must not do."""

import signal
import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel, panels, seeded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sabotage import SabotageError, assign_roles, measure_headroom, permute, replay, run_controls
from sabotage.callables import replay_callable
from sabotage.diagnosis import examine
from sabotage.notes import Notes

many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mean_of(panel, labels=False):
    """Return a callable that does what weighted_mean does."""

    def call(q):
        there = ~np.isnan(panel.scores[:, :, 0]) & panel.spoke
        w = np.where(there & ~np.isnan(q), q, 0.0)
        w[w.sum(axis=1) == 0] = 1.0
        total = np.zeros((panel.n_examples, panel.n_classes))
        for m in range(panel.n_agents):
            total += np.where(there[:, [m]], w[:, [m]] * panel.scores[:, m], 0.0)
        nobody = ~there.any(axis=1)
        if labels:
            return [None if none else panel.classes[c] for none, c in zip(nobody, total.argmax(axis=1), strict=True)]
        return np.where(nobody[:, None], np.nan, total)

    return call


def same(found, expected):
    """Whether two tests, with draws of their own, know the same of what does not depend on draws."""
    assert found.clean == pytest.approx(expected.clean, abs=1e-12)
    assert found.uniform_weights == pytest.approx(expected.uniform_weights, abs=1e-12)
    if expected.moments is None:
        assert found.moments is None
        return
    for name in ("gap_u", "gap_se", "exact_mean", "n_changed"):
        assert getattr(found.moments, name) == pytest.approx(getattr(expected.moments, name), abs=1e-12), name
    assert found.moments.exact_sd == pytest.approx(expected.moments.exact_sd, abs=1e-9)
    assert found.moments.n_clusters == expected.moments.n_clusters
    assert found.moments.gap_interval == pytest.approx(expected.moments.gap_interval, abs=1e-12)


@many
@given(panels(), st.booleans())
def test_decisions_are_those_of_the_rule(panel, labels):
    found, ours = replay_callable(panel, mean_of(panel, labels)), replay(panel, "weighted_mean")
    assert_array_equal(found.decision.labels, ours.decision.labels)
    assert_array_equal(found.weightless_decision.labels, ours.weightless_decision.labels)
    if labels:
        assert (found.decision.truth_rank, found.decision.tied, found.decision.winnable) == (None, None, None)
    else:
        for name in ("truth_rank", "tied", "winnable"):
            assert_array_equal(getattr(found.decision, name), getattr(ours.decision, name))


@pytest.mark.parametrize(
    ("statistic", "labels"),
    [
        ("accuracy", True),
        ("balanced_accuracy", False),
        ("top_2", False),
        ("log_likelihood", False),
        ("macro_f1", True),
    ],
)
@pytest.mark.parametrize("scheme", ["joint", "single", "independent"])
def test_a_test_is_that_of_the_rule(statistic, labels, scheme):
    panel = make_panel(70, 3, 4, seed=3, missing=0.1, no_reliability=0.1, steps=6)
    call = mean_of(panel, labels)
    options = {"statistic": statistic, "scheme": scheme, "agent": "agent1" if scheme == "single" else None}
    found = permute(
        replay_callable(panel, call, distribution=None if labels else "share"), n_permutations=100, **options
    )
    expected = permute(replay(panel, "weighted_mean"), n_permutations=2000, **options)
    same(found, expected)
    slack = 4.5 * (found.broken_sd**2 / 100 + expected.broken_sd**2 / 2000) ** 0.5 + 1e-12
    assert found.broken_mean == pytest.approx(expected.broken_mean, abs=slack)
    assert found.n_contested >= expected.n_contested
    assert 0 < found.flip_rate < 1


def test_the_softmax_of_its_scores():
    panel = make_panel(60, 2, 3, seed=5)

    def call(q):
        return np.einsum("im,imc->ic", q, np.log(np.maximum(panel.scores, 1e-6)))

    options = {"statistic": "log_likelihood", "n_permutations": 20}
    found = permute(replay_callable(panel, call, distribution="softmax"), **options)
    same(found, permute(replay(panel, "log_pool"), **options))


def test_the_same_seed_gives_the_same_draws_for_any_number_of_threads():
    panel = make_panel(50, 2, 3, seed=6)
    calls = [permute(replay_callable(panel, mean_of(panel)), n_permutations=90, threads=k).broken for k in (1, 2, 7)]
    assert calls[0].tobytes() == calls[1].tobytes() == calls[2].tobytes()


def test_calls_come_one_at_a_time():
    panel, inside, seen = make_panel(40, 2, 3), threading.Lock(), []
    call = mean_of(panel)

    def alone(q):
        seen.append(inside.acquire(blocking=False))
        time.sleep(0.0005)
        answer = call(q)
        inside.release()
        return answer

    permute(replay_callable(panel, alone), n_permutations=130, threads=7)
    assert all(seen)
    assert len(seen) > 130


def test_an_interrupt_is_soon_heard():
    panel = make_panel(40, 2, 3)
    call, calls = mean_of(panel), []

    def interrupted(q):
        calls.append(1)
        if len(calls) == 30:
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)
        return call(q)

    with pytest.raises(KeyboardInterrupt):
        permute(replay_callable(panel, interrupted), n_permutations=10_000, interval=False)
    assert len(calls) < 60  # a cohort has 64


@pytest.mark.parametrize("kind", ["list", "objects", "texts", "pandas", "arrow", "nan"])
def test_labels_in_any_dress(kind):
    panel = make_panel(30, 2, 3, seed=1)
    names = [panel.classes[k % 3] for k in range(30)]
    none = {"list": None, "objects": "", "texts": "", "pandas": pd.NA, "arrow": None, "nan": float("nan")}[kind]
    names[4] = none
    dress = {
        "objects": lambda: np.array(names, object),
        "texts": lambda: np.array(names),
        "pandas": lambda: pd.Series(names, dtype="string"),
        "arrow": lambda: pa.array(names),
    }.get(kind, lambda: names)
    found = replay_callable(panel, lambda q: dress()).decision.labels
    assert found.tolist() == [-1 if k == 4 else k % 3 for k in range(30)]


@pytest.mark.parametrize("dtype", [int, float, np.int8, np.float32, object])
def test_labels_that_are_numbers(dtype):
    panel = make_panel(30, 2, 9, seed=1)  # classes 0 .. 8
    names = np.arange(30) % 9
    assert replay_callable(panel, lambda q: names.astype(dtype)).decision.labels.tolist() == names.tolist()
    texts = [str(name) for name in names]
    assert replay_callable(panel, lambda q: texts).decision.labels.tolist() == names.tolist()
    holes = np.where(names == 3, np.nan, names)
    assert replay_callable(panel, lambda q: holes).decision.labels.tolist() == np.where(names == 3, -1, names).tolist()


def test_scores_abstain_by_nan_or_by_minus_infinity():
    panel = make_panel(10, 2, 3)
    scores = np.eye(3)[np.arange(10) % 3]
    scores[2, 1], scores[5] = np.nan, -np.inf
    scores[7] = [-np.inf, 0.0, 0.0]
    decision = replay_callable(panel, lambda q: scores).decision
    assert decision.labels.tolist() == [-1 if k in (2, 5) else k % 3 for k in range(10)]
    assert (decision.truth_rank[[2, 5]] == 3).all()
    assert np.flatnonzero(decision.tied).tolist() == [7]
    whole = np.eye(3, dtype=int)[np.arange(10) % 3]
    assert replay_callable(panel, lambda q: whole).decision.labels.tolist() == [k % 3 for k in range(10)]


def raises(q):
    raise RuntimeError("no\nGPU")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda q: np.zeros(7), r"gate must return 20 labels, or scores of shape \(20, 4\): found shape \(7,\)"),
        (lambda q: np.zeros((20, 4, 1)), r"found shape \(20, 4, 1\)"),
        (lambda q: None, r"found shape \(\)"),
        (lambda q: np.zeros((20, 3)), r"gate must return one score for each of the 4 classes: found float64 of shape"),
        (lambda q: np.full((20, 4), "a"), "one score for each of the 4 classes: found <U1"),
        (lambda q: np.full((20, 4), np.inf), "gate gives infinite scores: -inf for all classes, or a row of NaN"),
        (lambda q: ["joy"] * 20, "gate decided for joy: its labels must be of the classes, anger, disgust, fear, happy"),
        (lambda q: np.arange(20), "gate decided for 0, 1, 10, 11 and 16 more: its labels must be of the classes"),
        (raises, "gate raised RuntimeError: no GPU$"),
        (lambda q: [[1], [1, 2]] * 10, "gate raised ValueError: "),
        (lambda q: np.random.default_rng().random((20, 4)), "gate answers differently when asked again: a fusion under"),
    ],
)  # fmt: skip
def test_one_sentence_says_what_is_wrong(call, says):
    with pytest.raises(SabotageError, match=says) as caught:
        replay_callable(make_panel(20), call, "gate")
    assert "\n" not in str(caught.value)


def test_what_it_cannot_do_is_refused():
    panel = make_panel(20, 2, 3)
    ready = replay_callable(panel, mean_of(panel, labels=True), "gate", distribution="softmax")
    with pytest.raises(SabotageError, match="statistic top_2 needs scores: gate gives labels alone"):
        permute(ready, statistic="top_2")
    with pytest.raises(SabotageError, match="log_likelihood needs scores: gate gives labels alone"):
        permute(ready, statistic="log_likelihood")
    scored = replay_callable(panel, mean_of(panel), "gate")
    with pytest.raises(SabotageError, match="log_likelihood needs scores that make a distribution: gate has none"):
        permute(scored, statistic="log_likelihood")
    negative = replay_callable(panel, lambda q: mean_of(panel)(q) - 1, "gate", distribution="share")
    with pytest.raises(SabotageError, match="log_likelihood needs scores that are not negative: gate gives others"):
        permute(negative, statistic="log_likelihood")
    with pytest.raises(SabotageError, match="within_difficulty needs a rule whose scores have a margin: gate has none"):
        permute(ready, within_difficulty=2)
    several = seeded(10, 2)
    with pytest.raises(SabotageError, match="gate decides all examples at once, so that runs cannot be told apart"):
        permute(replay_callable(several, mean_of(several), "gate"))


def test_it_sees_reliability_as_it_is_and_may_do_with_it_what_it_likes():
    panel = make_panel(40, 3, 4, missing=0.3, no_reliability=0.2)
    patterns = []

    def call(q):
        patterns.append(np.isnan(q) & ~panel.spoke)
        assert np.isnan(q[~panel.spoke]).all()
        assert not np.isnan(q[panel.spoke & ~np.isnan(panel.reliability)]).all()
        answer = mean_of(panel)(q)
        q[:] = -1.0
        return answer

    before = panel.reliability.copy()
    found = permute(replay_callable(panel, call), n_permutations=30)
    same(found, permute(replay(panel), n_permutations=30))
    assert_array_equal(panel.reliability, before)
    assert all((own == ~panel.spoke).all() for own in patterns)


def batch_softmax(panel):
    """Weights are softmaxes over the examples of a batch: what one weighs depends on all."""

    def call(q):
        w = np.exp(8 * q)
        return np.einsum("im,imc->ic", w / w.sum(axis=0), panel.scores)

    return call


def smoothed(panel):
    """Return a callable that takes the mean of the reliabilities of neighbours."""

    def call(q):
        return np.einsum("im,imc->ic", (q + np.roll(q, 1, axis=0)) / 2, panel.scores)

    return call


@pytest.mark.parametrize("mixes", [batch_softmax, smoothed])
def test_one_that_mixes_examples_has_a_p_and_no_interval(mixes):
    panel = make_panel(80, 3, 4, seed=2)
    ready = replay_callable(panel, mixes(panel), "gate")
    assert not ready.is_rowwise
    found = permute(ready, n_permutations=60)
    assert found.moments is None
    assert found.why_no_moments == "what gate decides on one example depends on the reliability of others"
    assert 0 < found.p_value <= 1
    assert (found.verdict.word, found.flip_rate > 0) == ("inconclusive", True)
    with pytest.raises(SabotageError, match="exact sums do not exist: what gate decides"):
        permute(ready, exact=True)
    controls = run_controls(ready, n_permutations=60)
    assert controls.can_respond is None
    assert controls.positive.gap_interval is None


def test_one_that_mixes_examples_may_change_one_that_is_alone_in_its_block():
    column = pa.array([k if k < 3 else 3 for k in range(40)])
    panel = make_panel(40, 2, 3, seed=4, columns={"c": column})
    ready = replay_callable(panel, smoothed(panel))
    found = [permute(ready, statistic=name, within=["c"], n_permutations=40) for name in ("accuracy", "top_1")]
    assert_array_equal(found[0].broken, found[1].broken)
    assert found[0].n_contested == 40


def test_what_stands_beside_the_test():
    panel = make_panel(120, 3, 4, seed=3, missing=0.1)
    ready, ours = replay_callable(panel, mean_of(panel)), replay(panel, "weighted_mean")
    assert measure_headroom(ready) == measure_headroom(ours)
    found, expected = (run_controls(own, n_permutations=50) for own in (ready, ours))
    assert found.can_respond == expected.can_respond
    assert found.positive.gap_u == pytest.approx(expected.positive.gap_u, abs=1e-12)
    assert found.negative.flip_rate == 0
    options = {"statistic": "accuracy", "scheme": "joint", "n_permutations": 50, "exact": None, "delta": 0.01}
    beside = {"headroom": True, "controls": True, "dose_response": False, "progress": None}
    tests, context = examine(ready, Notes(), **options, **beside)
    assert len(tests) == 1
    assert context.headroom.rule == pytest.approx(tests[0].clean, abs=1e-12)


def test_nobody_knows_what_it_would_decide_without_an_agent():
    panel = make_panel(40, 3, 4)
    ready = replay_callable(panel, mean_of(panel))
    roles, ours = assign_roles(panel, ready.decision, ready), assign_roles(panel, ready.decision, replay(panel))
    assert (roles.pivotal == -1).all()
    assert_array_equal(roles.role, ours.role)
    assert_array_equal(assign_roles(panel, ready.decision, None).pivotal, roles.pivotal)
    assert "pivotal" in roles.to_frame().columns


def test_a_large_panel_has_an_interval_from_a_sample_of_pairs():
    panel = make_panel(2000, 2, 3, seed=1)
    found = permute(replay_callable(panel, mean_of(panel)), n_permutations=10)
    ours = permute(replay(panel), n_permutations=10)
    assert found.moments.n_donors == 500  # a million pairs
    assert found.why_no_moments.startswith("exact sums over 3,998,000 pairs of examples take long")
    assert found.moments.gap_u == pytest.approx(ours.moments.gap_u, abs=0.2 * ours.moments.gap_se)
    assert found.moments.gap_se == pytest.approx(ours.moments.gap_se, rel=0.02)
