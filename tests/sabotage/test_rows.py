"""Rules that are functions of one example through the permutation test: enumeration, and ours that do the same."""

from dataclasses import replace
from itertools import permutations, product

import naive
import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded, to_naive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sabotage.kernels import pairs

import sabotage.engines as module
from sabotage import permute, permute_each, replay
from sabotage.custom import interpreted, make_rule
from sabotage.engines import NumbaEngine, RowsEngine, make_engine
from sabotage.notes import Notes
from sabotage.planning import make_plan
from sabotage.remarks import note_permutation
from sabotage.sampling import proves_still
from sabotage.trials import make_trial

some = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCHEMES = [("joint", None), ("independent", None), ("single", "agent1")]


def weighted_sum(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(available)):
            if available[m]:
                out[c] += weights[m] * evidence[m, c]


def of_the_largest_weight(evidence, weights, available, out):
    best = -1
    for m in range(len(available)):
        if available[m] and (best < 0 or weights[m] > weights[best]):
            best = m
    for c in range(len(out)):
        out[c] = evidence[best, c]


COPIES = {
    "weighted_mean": make_rule(weighted_sum, "my_mean"),
    "weighted_vote": make_rule(weighted_sum, "my_vote", "votes"),
    "select_best": make_rule(of_the_largest_weight, "my_best", "votes", distribution=None),
}


@pytest.fixture
def small_blocks(monkeypatch):
    """Let small blocks be deranged, which can be enumerated."""
    monkeypatch.setattr("sabotage.outcomes.FEWEST_DERANGED", 2)


def every(panel, statistic, agent=None, derangement=False):
    """Return the statistic under dempster_shafer for all permutations inside blocks, and the share that changes."""
    tiny, n, found = to_naive(panel), panel.n_examples, []
    parts, clean = naive.blocks(tiny, "dempster_shafer"), naive.decide_all(tiny, "dempster_shafer")

    def moved(i, k):
        return tiny.q[k] if agent is None else [tiny.q[k if m == agent else i][m] for m in range(panel.n_agents)]

    with_donor = {
        (i, k): naive.fuse(tiny, "dempster_shafer", i, moved(i, k))[0] for part in parts for i in part for k in part
    }
    for arrangement in product(*(permutations(part) for part in parts)):
        donor = {i: k for part, own in zip(parts, arrangement, strict=True) for i, k in zip(part, own, strict=True)}
        if derangement and any(donor[i] == i for part in parts if len(part) > 1 for i in part):
            continue
        broken = [with_donor[i, donor[i]] for i in range(n)]
        flips = sum(a != b for a, b in zip(broken, clean, strict=True)) / n
        found.append((naive.statistic(tiny, broken, statistic), flips))
    return np.array(found).T


@pytest.mark.parametrize("statistic", ["balanced_accuracy", "accuracy", "macro_f1"])
@pytest.mark.parametrize(("agent", "derangement"), [(None, False), (0, False), (None, True)])
@some
@given(n=st.integers(1, 6), n_agents=st.integers(1, 3), seed=st.integers(0, 9999), missing=st.sampled_from([0.0, 0.3]))
@pytest.mark.usefixtures("small_blocks")
def test_dempsters_rule_over_all_permutations(statistic, agent, derangement, n, n_agents, seed, missing):
    # Without rounded scores, for the oracle's fractions would tie where floats do not.
    panel = make_panel(n, n_agents, 3, seed, missing=missing, no_reliability=0.1)
    options = {"scheme": "joint" if agent is None else "single", "agent": None if agent is None else "agent0"}
    options |= {"statistic": statistic, "derangement": derangement}
    found = permute(replay(panel, "dempster_shafer"), n_permutations=1500, seed=3, **options)
    values, flips = every(panel, statistic, agent, derangement)
    assert found.clean == pytest.approx(naive.statistic(to_naive(panel), naive.decide_all(to_naive(panel), "dempster_shafer"), statistic), abs=1e-12)  # fmt: skip
    if found.moments is not None:
        assert found.moments.exact_mean == pytest.approx(values.mean(), abs=1e-12)
        if not derangement:
            assert found.moments.exact_sd == pytest.approx(values.std(), abs=1e-7)
    assert found.broken_mean == pytest.approx(values.mean(), abs=5 * values.std() / 1500**0.5 + 1e-12)
    assert found.flip_rate == pytest.approx(flips.mean(), abs=5 * flips.std() / 1500**0.5 + 1e-12)
    assert set(np.round(found.broken, 9)) <= set(np.round(values, 9))
    share = (values >= found.clean - 1e-12).mean()
    assert found.p_value == pytest.approx(share, abs=5 * (share * (1 - share) / 1500) ** 0.5 + 1 / 1500)
    if found.verdict.word == "inert":
        assert (flips == 0).all()


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize(("scheme", "agent"), [("joint", None), ("independent", None), ("single", 1)])
@pytest.mark.parametrize("what", ["hits", "top", "said", "log"])
@pytest.mark.parametrize("derangement", [False, True])
def test_rows_are_counted_as_examples_are(name, scheme, agent, what, derangement):
    if what == "log" and name == "select_best":
        return
    panel = make_panel(90, 3, 4, 2, missing=0.2, no_reliability=0.1, steps=5)
    options = {"top": 2 * (what == "top"), "counts_said": what == "said", "log": pairs.SHARE * (what == "log")}
    plan = make_plan(replay(panel, COPIES[name]), **options)
    same = replace(plan, replay=replay(panel, name))  # ours, in the order of a rule that nothing is known of
    found = []
    for own, kind in ((plan, RowsEngine), (same, NumbaEngine)):
        engine = make_engine(own, scheme, agent, "numba", derangement=derangement)
        assert type(engine) is kind
        counts = np.zeros((7, own.width), np.int64)
        shuffle = engine.start(5, 1)
        engine.run([shuffle], counts[None, :3])
        engine.run([shuffle], counts[None, 3:])
        found.append(counts)
    if what == "log":
        sums = [np.ascontiguousarray(counts[:, -1]).view(np.float64) for counts in found]
        np.testing.assert_allclose(*sums, rtol=1e-12)
        found = [counts[:, :-1] for counts in found]
    np.testing.assert_array_equal(*found)
    assert np.abs(found[0]).sum() > 0


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("statistic", ["balanced_accuracy", "accuracy", "top_2", "log_likelihood"])
@pytest.mark.parametrize(("scheme", "agent"), SCHEMES)
def test_moments_are_those_of_ours(name, statistic, scheme, agent):
    if statistic == "log_likelihood" and name == "select_best":
        return
    group = pa.array([k // 4 for k in range(120)])
    panel = replace(make_panel(120, 3, 4, 7, missing=0.1, steps=5, columns={"g": group}), group="g")
    options = {"statistic": statistic, "scheme": scheme, "agent": agent, "n_permutations": 40}
    found, ours = (permute(replay(panel, rule), **options) for rule in (COPIES[name], name))
    assert found.clean == pytest.approx(ours.clean, abs=1e-12)
    assert found.against_weightless.value == pytest.approx(ours.against_weightless.value, abs=1e-12)
    if scheme == "independent":
        assert found.moments is ours.moments is None
        return
    for field in ("exact_mean", "exact_sd", "gap_u", "gap_se", "n_clusters", "n_changed"):
        assert getattr(found.moments, field) == pytest.approx(getattr(ours.moments, field), abs=1e-9), field


@pytest.mark.parametrize(("scheme", "agent"), [("joint", None), ("single", "agent1")])
def test_a_sample_of_pairs_is_that_of_ours(scheme, agent, monkeypatch):
    monkeypatch.setattr("sabotage.sampling.PAIRS", 1)
    panel = make_panel(200, 3, 4, 7, missing=0.1, steps=5)
    options = {"statistic": "log_likelihood", "scheme": scheme, "agent": agent, "n_permutations": 5, "exact": False}
    found, ours, threaded = (
        permute(replay(panel, rule), threads=threads, **options).moments
        for rule, threads in ((COPIES["weighted_mean"], 1), ("weighted_mean", 1), (COPIES["weighted_mean"], 3))
    )
    assert found == threaded
    assert (found.n_donors, ours.n_donors, found.exact_mean) == (64, 64, None)
    assert found.gap_u == pytest.approx(ours.gap_u, abs=1e-12)
    assert found.gap_se == pytest.approx(ours.gap_se, abs=1e-12)


@pytest.mark.parametrize("statistic", ["balanced_accuracy", "macro_f1", "top_2", "log_likelihood"])
@pytest.mark.parametrize(("scheme", "agent"), SCHEMES)
@pytest.mark.parametrize("derangement", [False, True])
def test_threads_batches_and_python_make_no_difference(
    statistic, scheme, agent, derangement, monkeypatch, small_blocks
):
    panel = make_panel(60, 3, 4, 2, missing=0.2, no_reliability=0.1, steps=6)
    options = {"statistic": statistic, "scheme": scheme, "agent": agent, "derangement": derangement, "seed": 11}
    ready = replay(panel, COPIES["weighted_mean"])
    results = [permute(ready, n_permutations=80, threads=threads, **options) for threads in (1, 2, 7)]
    monkeypatch.setattr(module, "DONORS", 60 * 3 * 5)
    results.append(permute(ready, n_permutations=80, threads=2, engine="numba", **options))
    results.append(permute(replay(panel, interpreted(ready.rule)), n_permutations=80, **options))
    assert len({found.broken.tobytes() for found in results}) == 1
    assert len({(found.p_value, found.flip_rate) for found in results}) == 1
    assert len({found.moments for found in results}) == 1


@pytest.mark.parametrize(("scheme", "agent"), SCHEMES)
@pytest.mark.parametrize("per_seed", [False, True])
@pytest.mark.parametrize("statistic", ["balanced_accuracy", "log_likelihood", "macro_f1"])
def test_seeds_move_in_step_or_one_by_one(scheme, agent, per_seed, statistic, small_blocks):
    panel = seeded(24, 3, 3, missing=0.1, steps=6)
    options = {"scheme": scheme, "agent": agent, "per_seed": per_seed, "statistic": statistic, "n_permutations": 60}
    for derangement in (False, True):
        if derangement and not per_seed:
            continue
        found, ours = (
            permute(replay(panel, rule), derangement=derangement, **options)
            for rule in (COPIES["weighted_mean"], "weighted_mean")
        )
        assert (found.n_units, found.n_blocks, len(found.seeds)) == (ours.n_units, ours.n_blocks, len(ours.seeds))
        assert found.clean == pytest.approx(ours.clean, abs=1e-12)
        if ours.moments is None:
            assert found.moments is None
        else:
            for field in ("gap_u", "gap_se", "exact_mean"):
                expected = getattr(ours.moments, field)
                assert getattr(found.moments, field) == pytest.approx(expected, abs=1e-9), field
    again = permute(replay(panel, COPIES["weighted_mean"]), threads=7, derangement=derangement and per_seed, **options)
    assert again.broken.tobytes() == found.broken.tobytes()


def test_each_seed_alone():
    panel = seeded(20, 3, 5)
    found = permute(replay(panel, "dempster_shafer"), per_seed=True, n_permutations=70)
    names = panel.columns["seed"].to_pylist()
    for test in found.seeds:
        rows = np.array([k for k, name in enumerate(names) if str(name) == test.seed])
        alone = permute(replay(replace(panel.take(rows), seed_column=None), "dempster_shafer"), n_permutations=70)
        assert (test.clean, test.p_value, test.gap) == (alone.clean, alone.p_value, alone.gap)


def test_a_rule_that_cuts_weights_is_proven_still():
    panel = make_panel(60, 3, 4, seed=2, missing=0.2)
    sure = np.where(panel.spoke, 1.0 + np.nan_to_num(panel.reliability), np.nan)
    ready = replay(panel.with_weights(sure), "dempster_shafer")  # above 1 all weights are 1
    for options in ({}, {"scheme": "single", "agent": "agent1"}):
        found = permute(ready, n_permutations=20, **options)
        assert (found.flip_rate, found.verdict.word) == (0, "inert")
        assert "(all pairs tried)" in found.verdict.evidence
        assert (found.moments.gap_u, found.moments.gap_se) == (0, 0)
    assert permute(ready, n_permutations=20, statistic="top_2").verdict.word == "neutral"
    for found in permute_each(ready, n_permutations=20).values():
        assert found.verdict.word == "inert"
    assert proves_still(make_plan(ready), None, most_pairs=10) is None
    slow = replay(panel, interpreted(COPIES["weighted_mean"]))
    assert proves_still(make_plan(slow), None) is None
    assert proves_still(make_plan(replay(panel, "dempster_shafer")), None) is False


@pytest.mark.parametrize("rule", ["dempster_shafer", COPIES["weighted_mean"], COPIES["select_best"]])
@pytest.mark.parametrize("agent", [None, 1])
def test_still_is_what_no_pair_changes(rule, agent):
    found = []
    for seed in range(60):
        panel = make_panel(5, 2, 2, seed, missing=0.2 * (seed % 2))
        ready = replay(panel, rule)
        plan, clean = make_plan(ready), ready.decision.labels
        of = np.empty(5, np.int64)
        of[plan.order] = plan.block_of
        changes = False
        for i, k in product(range(5), range(5)):
            moved = panel.reliability[i].copy()
            own = slice(None) if agent is None else agent
            moved[own] = panel.reliability[k, own]
            if of[i] == of[k]:
                weights = ready.weigh(moved[None], ready.spoken[i][None], np.array([i]))
                changes |= ready.labels_of(np.array([i]), weights)[0] != clean[i]
        assert proves_still(plan, agent) is (not changes)
        found.append(changes)
    assert 5 < sum(found) < 55


def test_strata_of_difficulty_and_parts_of_a_fit_are_blocks():
    fold = np.arange(80) % 4
    panel = make_panel(80, 3, 4, seed=1, columns={"k": pa.array(fold)})
    trial = make_trial(replay(panel, "dempster_shafer"), "accuracy", within_difficulty=4)
    assert trial.n_blocks == 4
    ready = replay(panel, "weighted_mean")
    parted, within = replace(ready, part=fold), permute(ready, within=["k"], n_permutations=30)
    found = permute(parted, n_permutations=30)
    assert found.broken.tobytes() == within.broken.tobytes()
    assert (found.n_blocks, found.within) == (4, ())
    notes = Notes()
    note_permutation(parted, found, notes)
    assert "weighted_mean is cross-fitted: reliability stays within its fold" in set(notes)
