"""What a test can show before anything is drawn: usable and contested examples, arrangements, strata of difficulty."""

from itertools import permutations, product
from math import exp, inf, log, prod

import naive
import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels, seeded, to_naive
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sabotage import Panel, SabotageError, permute, replay
from sabotage.trials import make_trial, margin

some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def rebuilt(panel, **changes):
    return Panel(
        **{name: getattr(panel, name) for name in panel.__dataclass_fields__ if name not in changes}, **changes
    )


def seen(tiny, i, agent):
    """Return what of a row of reliability a rule of raw weights can see: silent agents and nulls weigh 0."""
    row = tuple(0.0 if q is None or label is None else q for q, label in zip(tiny.q[i], tiny.labels[i], strict=True))
    return row if agent is None else row[agent]


def arrangements(rows):
    """Count the different orders of some rows by writing them all down."""
    return len(set(permutations(rows)))


@some
@given(panel=panels(most=6), agent=st.booleans(), halves=st.booleans())
def test_usable_rows_and_arrangements_are_those_of_brute_force(panel, agent, halves):
    half = [k % 2 for k in range(panel.n_examples)]
    panel, m = rebuilt(panel, columns={"half": pa.array(half)}), 0 if agent else None
    tiny, within = to_naive(panel), ["half"] if halves else []
    trial = make_trial(replay(panel, "weighted_vote"), "accuracy", within)
    parts = naive.blocks(tiny, "weighted_vote", half if halves else None)
    expected = np.zeros(panel.n_examples, bool)
    for part in parts:
        expected[part] = len({seen(tiny, i, m) for i in part}) > 1
    assert trial.usable(m).tolist() == expected.tolist()
    count = prod(arrangements([seen(tiny, i, m) for i in part]) for part in parts)
    assert exp(trial.log_arrangements(m, inf)) == pytest.approx(count, rel=1e-9)
    enough = log(7)
    assert min(trial.log_arrangements(m, enough), enough) == pytest.approx(min(log(count), enough), abs=1e-12)
    scheme = "single" if agent else "joint"
    options = {"scheme": scheme, "agent": panel.agents[0] if agent else None, "within": within}
    found = permute(replay(panel, "weighted_vote"), n_permutations=99, **options)
    assert found.smallest_p == pytest.approx(max(0.01, 1 / count), rel=1e-9)
    assert found.n_usable == expected.sum()
    assert (found.verdict.word == "untestable") == (not expected.any())
    apart = permute(replay(panel, "weighted_vote"), n_permutations=99, scheme="independent", within=within)
    each = prod(arrangements([seen(tiny, i, k) for i in part]) for part in parts for k in range(panel.n_agents))
    assert apart.smallest_p == pytest.approx(max(0.01, 1 / each), rel=1e-9)


def test_what_a_silent_agent_has_does_not_count():
    panel = make_panel(12, 2, 3)
    panel.labels[:6, 1] = -1
    panel.reliability[:, 0] = 1.0
    panel.reliability[6:, 1] = 1.0  # the first six differ in the silent agent's reliability alone
    trial = make_trial(replay(panel, "weighted_vote"), "accuracy")
    for agent in (None, 0, 1):
        assert not trial.usable(agent).any()
        assert trial.log_arrangements(agent, inf) == 0


def test_a_block_of_many_rows_has_as_many_arrangements_as_all_of_them_give():
    # 64 equal rows first: only the 65th differs, and there are 66! / 65! = 66 places for it.
    panel = make_panel(66, 2, 3)
    q = np.ones((66, 2))
    q[65] = 2.0
    trial = make_trial(replay(panel.with_weights(q)), "accuracy")
    assert exp(trial.log_arrangements(None, inf)) == pytest.approx(66, rel=1e-9)
    found = permute(replay(panel.with_weights(q)), n_permutations=999)
    assert found.smallest_p == pytest.approx(1 / 66, rel=1e-9)


@some
@given(seed=st.integers(0, 999), agent=st.booleans())
def test_ids_differ_where_any_seed_tells_them_apart(seed, agent):
    panel, m = seeded(4, 2, seed, dropped=0.1, missing=0.2, steps=1), 1 if agent else None
    trial, tiny = make_trial(replay(panel, "weighted_vote"), "accuracy"), to_naive(panel)
    rows, names = {}, list(dict.fromkeys(panel.ids.to_pylist()))
    for k, (name, run) in enumerate(zip(panel.ids.to_pylist(), panel.columns["seed"].to_pylist(), strict=True)):
        rows.setdefault(name, {})[run] = k
    blocks = {}
    for name in names:
        pattern = tuple((run, naive.speaks(tiny, "weighted_vote", k)) for run, k in sorted(rows[name].items(), key=str))
        blocks.setdefault(pattern, []).append(name)
    profile = {name: tuple(seen(tiny, k, m) for _, k in sorted(rows[name].items(), key=str)) for name in names}
    usable = [name for part in blocks.values() for name in part if len({profile[other] for other in part}) > 1]
    assert {name for name, kept in zip(names, trial.usable(m), strict=True) if kept} == set(usable)
    count = prod(arrangements([profile[name] for name in part]) for part in blocks.values())
    assert exp(trial.log_arrangements(m, inf)) == pytest.approx(count, rel=1e-9)


@pytest.mark.parametrize("rule", ["weighted_mean", "select_best", "softmax_gate", "log_pool"])
@some
@given(panel=panels(most=8))
def test_the_contested_bound_every_replicate(rule, panel):
    tiny, ready = to_naive(panel), replay(panel, rule)
    trial = make_trial(ready, "balanced_accuracy")
    can_flip = set()
    for part in naive.blocks(tiny, rule):
        for i, j in product(part, repeat=2):
            if naive.fuse(tiny, rule, i, tiny.q[i])[0] != naive.fuse(tiny, rule, i, tiny.q[j])[0]:
                can_flip.add(i)
    assert can_flip <= set(np.flatnonzero(trial.contested).tolist())
    assert not trial.contested[(ready.spoken < 0).all(axis=1)].any()
    found = permute(ready, n_permutations=50)
    n_true = np.bincount(panel.truth, minlength=panel.n_classes)
    weight = [1 / ((n_true > 0).sum() * n_true[y]) for y in panel.truth[trial.contested]]
    assert found.contested_weight == pytest.approx(sum(weight), abs=1e-12)
    assert (np.abs(found.broken - found.clean) <= found.contested_weight + 1e-12).all()
    assert found.n_contested == trial.contested.sum()


def by_margin(margins):
    """Make a panel of one agent with the given leads of the best class."""
    scores = np.array([[[0.5 + lead / 2, 0.5 - lead / 2, 0.0]] for lead in margins])
    n = len(margins)
    labels = np.zeros((n, 1), np.int32)
    q = np.arange(1.0, n + 1)[:, None]
    return Panel(("a",), (0, 1, 2), pa.array(range(n)), labels[:, 0], labels, scores.max(axis=2), scores, q)


def test_margins_by_hand():
    # Two agents whose scores add up to (0.9, 0.7, 0.4), (0.25, 0.5, 1.25) and, the first alone, (0.5, 0.5, 0).
    scores = np.array(
        [[[0.6, 0.3, 0.1], [0.3, 0.4, 0.3]], [[0.0, 0.5, 0.5], [0.25, 0.0, 0.75]], [[0.5, 0.5, 0.0], [0, 0, 0]]]
    )
    labels = np.array([[0, 1], [1, 2], [0, -1]], np.int32)
    scores[2, 1] = np.nan
    panel = Panel(
        ("a", "b"),
        (0, 1, 2),
        pa.array(range(3)),
        np.zeros(3, np.int32),
        labels,
        np.ones((3, 2)),
        scores,
        np.ones((3, 2)),
    )
    np.testing.assert_allclose(margin(replay(panel)), [0.2 / 2, 0.75 / 2, 0.0], rtol=0, atol=1e-12)
    # One vote against none, one each, one against none of the only speaker.
    np.testing.assert_allclose(margin(replay(panel, "weighted_vote")), [0, 0, 1])
    np.testing.assert_allclose(margin(replay(panel, "select_best")), [0.5, 0.5, 1])


def test_strata_hold_equal_counts_and_never_split_equals():
    margins = [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    trial = make_trial(replay(by_margin(margins)), "accuracy", within_difficulty=4)
    assert trial.block.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    tied = [0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 0.5, 0.75]  # below .25: none; below .5: 3 of 8; below .75: 7 of 8
    for strata, expected in (
        (2, [0, 0, 0, 0, 0, 0, 0, 1]),
        (3, [1, 0, 1, 0, 1, 0, 1, 2]),
        (8, [1, 0, 1, 0, 1, 0, 1, 2]),
    ):
        trial = make_trial(replay(by_margin(tied)), "accuracy", within_difficulty=strata)
        assert trial.block.tolist() == expected
    everyone_alike = permute(replay(by_margin([0.5] * 8)), within_difficulty=3, n_permutations=5)
    assert everyone_alike.n_blocks == 1


@some
@given(panel=panels(most=12), strata=st.integers(2, 5))
def test_strata_are_blocks_inside_blocks(panel, strata):
    assume(strata <= panel.n_examples)
    ready = replay(panel, "weighted_mean")
    plain, cut = (make_trial(ready, "accuracy", within_difficulty=k) for k in (None, strata))
    lead = margin(ready)
    for i, j in product(range(panel.n_examples), repeat=2):
        if cut.block[i] == cut.block[j]:
            assert plain.block[i] == plain.block[j]
        elif plain.block[i] == plain.block[j]:
            assert lead[i] != lead[j]


def test_ids_go_by_their_mean_margin():
    panel = by_margin([1.0, 0.5, 0.0, 0.0, 0.25, 0.5])
    ids, runs = pa.array(["a", "b", "c"] * 2), pa.array([1, 1, 1, 2, 2, 2])
    panel = rebuilt(panel, ids=ids, columns={"s": runs}, seed_column="s")
    trial = make_trial(replay(panel), "accuracy", within_difficulty=3)
    assert trial.block.tolist() == [2, 1, 0]  # (1 + 0) / 2, (.5 + .25) / 2 and (0 + .5) / 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"within_difficulty": 1}, "a number of strata from 2 to the number of examples, 20: found 1"),
        ({"within_difficulty": 21}, "a number of strata from 2 to the number of examples, 20: found 21"),
        ({"per_seed": True}, "--seed-column"),
        ({"delta": -0.01}, "delta must be a gap, 0 or more: found -0.01"),
        ({"delta": inf}, "delta must be a gap, 0 or more: found inf"),
        ({"delta": float("nan")}, "delta must be a gap, 0 or more: found nan"),
        ({"within": ["film"]}, "keeps no column 'film'"),
    ],
)
def test_refused(options, says):
    with pytest.raises(SabotageError, match=says):
        permute(replay(make_panel(20)), n_permutations=2, **options)
