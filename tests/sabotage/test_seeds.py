"""Ids that move in step over their seeds, folds, and a test for each seed: from definitions, id by id."""

from dataclasses import replace
from itertools import permutations, product
from math import log

import naive
import numpy as np
import pytest
from builders import seeded, to_naive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import t

from sabotage import SabotageError, permute, replay
from sabotage.engines import make_engine
from sabotage.trials import make_trial, make_trials

some = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Let small blocks be deranged, which can be enumerated."""
    monkeypatch.setattr("sabotage.outcomes.FEWEST_DERANGED", 2)


def rows_of(panel):
    """Return {seed: {id: row}} of a panel."""
    found = {}
    for row, (name, value) in enumerate(zip(panel.ids.to_pylist(), panel.columns["seed"].to_pylist(), strict=True)):
        found.setdefault(value, {})[name] = row
    return found


def parts_of(panel, rule, *names):
    """Return the ids that may be exchanged: who speaks in which seed, and the values of columns, in sets."""
    tiny, found = to_naive(panel), {}
    for name in dict.fromkeys(panel.ids.to_pylist()):
        key = tuple(
            (naive.speaks(tiny, rule, rows[name]), *(panel.columns[c][rows[name]].as_py() for c in names))
            if name in rows
            else None
            for rows in rows_of(panel).values()
        )
        found.setdefault(key, []).append(name)
    return list(found.values())


def value_of(panel, rule, statistic, rows, moved):
    """Return the statistic of one seed's rows when row i has the reliability moved[i]."""
    tiny = to_naive(panel)
    fused = [naive.fuse(tiny, rule, i, [None if np.isnan(q) else float(q) for q in moved[i]]) for i in rows]
    truth = [tiny.truth[i] for i in rows]
    if statistic == "log_likelihood":
        parts = [
            log(1e-12) if label is None or sum(totals) <= 0 else log(max(totals[y] / sum(totals), 1e-12))
            for (label, totals), y in zip(fused, truth, strict=True)
        ]
        return sum(parts) / len(parts)
    return naive.statistic(replace(tiny, truth=truth), [label for label, _ in fused], statistic)


def mean_over_seeds(panel, rule, statistic, donor_of, scheme="joint", agent=None):
    """Return the mean over seeds when each id takes the reliability of donor_of[m][id] for agent m, in every seed."""
    values = []
    for rows in rows_of(panel).values():
        moved = panel.reliability.copy()
        for m in range(panel.n_agents):
            if scheme != "single" or m == agent:
                for name, row in rows.items():
                    moved[row, m] = panel.reliability[rows[donor_of[m][name]], m]
        values.append(value_of(panel, rule, statistic, list(rows.values()), moved))
    return sum(values) / len(values)


@some
@given(seed=st.integers(0, 999), missing=st.sampled_from([0.0, 0.3]), numbers=st.booleans(), within=st.booleans())
def test_blocks_are_those_of_brute_force(seed, missing, numbers, within):
    panel = seeded(12, 2, seed, missing=missing, numbers=numbers, site=lambda i, s: "ab"[i % 2])
    trial = make_trial(replay(panel), "accuracy", ["site"] if within else [])
    names = list(dict.fromkeys(panel.ids.to_pylist()))
    found = {}
    for name, block in zip(names, trial.block, strict=True):
        found.setdefault(block, []).append(name)
    expected = parts_of(panel, "weighted_mean", *(["site"] if within else []))
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, expected))
    assert (trial.n_units, trial.n_blocks) == (len(names), len(expected))
    for run, rows in zip(
        trial.runs, (rows_of(panel)[None if run.name == "None" else run.name] for run in trial.runs), strict=True
    ):
        assert run.rows.tolist() == sorted(rows.values())
        assert [names[k] for k in run.unit] == [panel.ids[int(row)].as_py() for row in run.rows]


@pytest.mark.parametrize("derangement", [False, True])
@pytest.mark.parametrize("engine", ["core", "numba"])
@pytest.mark.parametrize(
    ("rule", "statistic", "scheme"),
    [
        ("weighted_mean", "balanced_accuracy", "joint"),
        ("weighted_mean", "log_likelihood", "single"),
        ("select_best", "accuracy", "independent"),
        ("softmax_gate", "macro_f1", "single"),
        ("weighted_vote", "accuracy", "joint"),
    ],
)
def test_each_replicate_moves_an_id_alike_in_all_seeds(rule, statistic, scheme, engine, derangement):
    panel = seeded(9, 3, 4, missing=0.1, steps=6)
    agent = "agent1" if scheme == "single" else None
    ready = replay(panel, rule)
    options = {"statistic": statistic, "scheme": scheme, "agent": agent, "seed": 6, "derangement": derangement}
    found = permute(ready, n_permutations=12, engine=engine, **options)
    again = permute(ready, n_permutations=12, engine=engine, threads=7, **options)
    assert found.broken.tobytes() == again.broken.tobytes()
    trial, names = make_trial(ready, statistic), list(dict.fromkeys(panel.ids.to_pylist()))
    alike = []
    for run in trial.runs:
        plan = run.stepped
        shuffle = make_engine(plan, scheme, 1 if agent else None, engine, in_step=True, derangement=derangement)
        n_streams = shuffle.n_streams
        donors = np.empty((12, n_streams, len(plan.order)), np.int32)
        shuffle.start(6, 0).draw(donors)
        unit = run.unit[plan.order]
        alike.append(
            [[{names[unit[p]]: names[unit[row[p]]] for p in range(len(unit))} for row in draw] for draw in donors]
        )
    assert len(alike) == 3
    for r in range(12):
        donor_of = []
        for m in range(3):
            maps = [draws[r][m if scheme == "independent" else 0] for draws in alike]
            merged = {name: donor for one in maps for name, donor in one.items()}
            assert all(one[name] == merged[name] for one in maps for name in one)
            assert not derangement or all(
                merged[name] != name for part in parts_of(panel, rule) for name in part if len(part) > 1
            )
            donor_of.append(merged)
        expected = mean_over_seeds(panel, rule, statistic, donor_of, scheme, 1)
        assert found.broken[r] == pytest.approx(expected, abs=1e-12)
    keep = [{name: name for name in names}] * 3
    assert found.clean == pytest.approx(mean_over_seeds(panel, rule, statistic, keep), abs=1e-12)


@pytest.mark.parametrize("rule", ["weighted_mean", "select_best"])
@pytest.mark.parametrize(("seed", "dropped"), [(0, 0.0), (1, 0.0), (3, 0.2), (5, 0.2)])
def test_p_and_mean_are_those_of_all_permutations_of_ids(rule, seed, dropped):
    panel = seeded(5, 2, seed, dropped=dropped)
    found = permute(replay(panel, rule), statistic="accuracy", n_permutations=4000, seed=1)
    parts, every = parts_of(panel, rule), []
    for arrangement in product(*(permutations(part) for part in parts)):
        donor_of = {
            i: j for part, order in zip(parts, arrangement, strict=True) for i, j in zip(part, order, strict=True)
        }
        every.append(mean_over_seeds(panel, rule, "accuracy", [donor_of] * 3))
    every = np.array(every)
    share = (every >= found.clean - 1e-12).mean()
    assert found.p_value == pytest.approx(share, abs=4.5 * (share * (1 - share) / 4000) ** 0.5 + 1 / 4000)
    assert found.moments.exact_mean == pytest.approx(every.mean(), abs=1e-12)
    assert found.broken_mean == pytest.approx(every.mean(), abs=4.5 * every.std() / 4000**0.5 + 1e-12)
    assert set(np.round(found.broken, 9)) <= set(np.round(every, 9))
    assert (found.n_blocks, found.n_units) == (len(parts), sum(map(len, parts)))


@pytest.mark.parametrize("group", [None, "film"])
@pytest.mark.parametrize("statistic", ["accuracy", "balanced_accuracy"])
@pytest.mark.parametrize("rule", ["weighted_mean", "select_best"])
def test_the_gap_and_its_error_are_over_ids(rule, statistic, group):
    panel = replace(seeded(36, 2, 8, missing=0.1, film=lambda i, s: i // 3), group=group)
    found = permute(replay(panel, rule), statistic=statistic, n_permutations=2).moments
    tiny, parts = to_naive(panel), parts_of(panel, rule)
    total, gaps = {}, []
    for rows in rows_of(panel).values():
        n_true = np.bincount(panel.truth[list(rows.values())], minlength=3)
        hit, u, r, others = {}, {}, {}, {}
        w = {
            i: 1 / len(rows) if statistic == "accuracy" else 1 / ((n_true > 0).sum() * n_true[tiny.truth[rows[i]]])
            for i in rows
        }
        for part in parts:
            for i in (name for name in part if name in rows):
                others[i] = [k for k in part if k != i]
                for j in part:
                    hit[i, j] = naive.fuse(tiny, rule, rows[i], tiny.q[rows[j]])[0] == tiny.truth[rows[i]]
                r[i] = np.mean([hit[i, k] for k in others[i]]) if others[i] else float(hit[i, i])
                u[i] = hit[i, i] - r[i]
        gaps.append(sum(w[i] * u[i] for i in rows))
        for i in rows:
            alike = [u[k] for k in rows if tiny.truth[rows[k]] == tiny.truth[rows[i]]]
            psi = w[i] * (u[i] - np.mean(list(u.values())))
            if statistic == "balanced_accuracy" and len(alike) > 1:
                psi = w[i] * (u[i] - np.mean(alike)) * (len(alike) / (len(alike) - 1)) ** 0.5
            if others[i]:
                psi -= sum(w[k] * (hit[k, i] - r[k]) for k in others[i]) / len(others[i])
            cluster = i if group is None else panel.columns["film"][rows[i]].as_py()
            if group is None:  # both of a pair are one cluster
                cluster = next((tuple(part) for part in parts if i in part and len(part) == 2), i)
            total[cluster] = total.get(cluster, 0.0) + psi / 2
    n = len(total)
    se = (n / (n - 1) * sum(value**2 for value in total.values())) ** 0.5
    pairs = sum(len(part) == 2 for part in parts)
    assert found.n_clusters == n == (12 if group else len(set(panel.ids.to_pylist())) - pairs)
    assert found.gap_u == pytest.approx(np.mean(gaps), abs=1e-12)
    assert found.gap_se == pytest.approx(se, abs=1e-12)
    reach = t.ppf(0.975, n - 1) * se
    assert found.gap_interval == pytest.approx((np.mean(gaps) - reach, np.mean(gaps) + reach), abs=1e-12)
    assert found.exact_sd is None


def test_a_fold_is_a_block_where_ids_keep_it():
    def fold(kept):
        return lambda i, s: i % 3 if kept else (i + s) % 3

    for kept in (True, False):
        panel = replace(seeded(12, 2, 1, dropped=0.1, fold=fold(kept)), fold_column="fold")
        ready = replay(panel)
        found = permute(ready, n_permutations=5)
        assert found.within == (("fold",) if kept else ())
        assert found.n_blocks == len(parts_of(panel, "weighted_mean", *found.within))
        each = permute(ready, per_seed=True, n_permutations=5)
        assert (each.within, each.n_blocks) == (("fold",), 6)
    with pytest.raises(SabotageError, match="an id must keep its fold over the seeds to move within it: some do not"):
        permute(ready, within=["fold"], n_permutations=5)
    # Where the fold alone tells repeated ids apart, it is no block of theirs.
    both = replace(panel, fold_column="seed")
    assert permute(replay(both), n_permutations=5).within == ()


@pytest.mark.parametrize("n_seeds", [1, 2, 3, 4])
@pytest.mark.parametrize("scheme", ["joint", "independent"])
def test_a_test_for_each_seed_is_that_of_its_rows_alone(n_seeds, scheme):
    panel = seeded(20, n_seeds, 3)
    found = permute(replay(panel), scheme=scheme, per_seed=True, n_permutations=99, seed=2)
    assert len(found.seeds) == n_seeds
    ps, twos, broken = [], [], []
    for test in found.seeds:
        part = [k for k, name in enumerate(panel.columns["seed"].to_pylist()) if str(name) == test.seed]
        alone = replace(panel.take(np.array(part)), seed_column=None)
        own = permute(replay(alone), scheme=scheme, n_permutations=99, seed=2)
        assert (test.n_examples, test.clean, test.p_value) == (len(part), own.clean, own.p_value)
        assert (test.p_value_two_sided, test.gap) == (own.p_value_two_sided, own.gap)
        ps.append(own.p_value)
        twos.append(own.p_value_two_sided)
        broken.append(own.broken)
    assert found.p_value == min(1, 2 * np.median(ps))
    assert found.p_value_two_sided == min(1, 2 * np.median(twos))
    assert found.smallest_p == min(1, 2 / 100)
    np.testing.assert_allclose(found.broken, np.mean(broken, axis=0), rtol=0, atol=1e-12)
    step = permute(replay(panel), scheme=scheme, n_permutations=99, seed=2)
    if found.moments is not None:
        assert found.moments.n_clusters == len(set(panel.ids.to_pylist()))
    assert len(make_trials(replay(panel), "accuracy", per_seed=True)) == n_seeds
    assert [run.seed for run in step.seeds] == ([] if n_seeds == 1 else [run.seed for run in found.seeds])


def test_one_seed_is_a_plain_panel():
    panel = seeded(30, 1, 5, numbers=True)
    plain = replace(panel, seed_column=None)
    for options in (
        {},
        {"derangement": True},
        {"statistic": "log_likelihood"},
        {"scheme": "single", "agent": "agent2"},
    ):
        one, other = (permute(replay(own), n_permutations=70, **options) for own in (panel, plain))
        assert one.broken.tobytes() == other.broken.tobytes()
        assert one.moments == other.moments
    with pytest.raises(SabotageError, match="a test for each seed needs a seed column"):
        permute(replay(plain), per_seed=True)


def test_an_id_that_a_seed_lacks_does_not_stop_the_others():
    # Ids 0 to 7 are in both seeds, 8 to 15 in the first alone: a block of which the second seed has nobody.
    panel = seeded(16, 2, 2, dropped=0.0)
    names, runs = panel.ids.to_pylist(), panel.columns["seed"].to_pylist()
    rows = [k for k in range(32) if runs[k] == "x" or int(names[k].split()[1]) < 8]
    for engine in ("core", "numba"):
        found = permute(replay(panel.take(np.array(rows))), n_permutations=50, engine=engine)
        assert (found.n_units, found.n_blocks) == (16, 2)
        assert found.gap != 0


@pytest.mark.parametrize("statistic", ["balanced_accuracy", "log_likelihood", "top_2"])
@pytest.mark.parametrize("rule", ["weighted_mean", "log_pool", "weighted_vote"])
def test_a_seed_in_which_nobody_speaks_adds_what_silence_is_worth(rule, statistic):
    panel = seeded(12, 2, 3, dropped=0.0)
    silent = np.array([name == "x" for name in panel.columns["seed"].to_pylist()])
    for name, nothing in (("labels", -1), ("confidence", np.nan), ("scores", np.nan), ("reliability", np.nan)):
        getattr(panel, name)[silent] = nothing
    spoken = replace(panel.take(np.flatnonzero(~silent)), seed_column=None)
    worth = log(1e-12) if statistic == "log_likelihood" else 0.0
    for per_seed in (False, True):
        found = permute(replay(panel, rule), statistic=statistic, per_seed=per_seed, n_permutations=20)
        alone = permute(replay(spoken, rule), statistic=statistic, n_permutations=20)
        assert found.clean == pytest.approx((alone.clean + worth) / 2, abs=1e-12)
        assert found.moments.gap_u == pytest.approx(alone.moments.gap_u / 2, abs=1e-12)


def test_an_interrupt_stops_seeds_in_step():
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        permute(replay(seeded(30, 2)), n_permutations=10**6, progress=interrupt)
