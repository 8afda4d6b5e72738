"""Attribution against scikit-learn's scores of every subset, brute force over orders, and the axioms."""

import json
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from builders import make_panel, panel_of, panels, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from sabotage import Panel, SabotageError, attribution, replay, subsets
from sabotage.attribution import STATISTICS, attribute
from sabotage.contrasts import contrast, weigh_examples
from sabotage.fusion import fuse

SMALL = settings(max_examples=25, deadline=None)


def grouped(n=90, n_groups=12, seed=0, **options) -> Panel:
    group = [None if k == 0 else f"film {k}" for k in np.random.default_rng(seed).integers(0, n_groups, n)]
    return replace(make_panel(n, 3, 4, seed, columns={"film": pa.array(group)}, **options), group="film")


def mostly_silent(seed=0, n=40, **options) -> Panel:
    """A panel on whose first five examples nobody speaks."""
    panel = make_panel(n, 3, 3, seed, missing=0.4, **options)
    nobody = (np.arange(n) < 5)[:, None]
    scores = None if panel.scores is None else np.where(nobody[:, :, None], np.nan, panel.scores)
    return replace(panel, labels=np.where(nobody, np.int32(-1), panel.labels), scores=scores)


def reordered(panel: Panel, order, names=None) -> Panel:
    order = np.asarray(order)
    return replace(
        panel,
        agents=tuple(names or (panel.agents[m] for m in order)),
        labels=np.ascontiguousarray(panel.labels[:, order]),
        confidence=np.ascontiguousarray(panel.confidence[:, order]),
        scores=None if panel.scores is None else np.ascontiguousarray(panel.scores[:, order]),
        reliability=np.ascontiguousarray(panel.reliability[:, order]),
    )


def worths(ready, statistic) -> dict[frozenset, np.ndarray]:
    """What each example is worth by subset of agents, from replays alone."""
    panel = ready.panel
    share = np.bincount(panel.truth, minlength=panel.n_classes) / panel.n_examples
    share = share[share > 0]
    nobody = {
        "accuracy": (share**2).sum(),
        "balanced_accuracy": 1 / len(share),
        "log_likelihood": (share * np.log(share)).sum(),
    }[statistic]
    found = {}
    for size in range(panel.n_agents + 1):
        for chosen in combinations(range(panel.n_agents), size):
            inside = np.isin(np.arange(panel.n_agents), chosen)
            alone = replace(ready, spoken=np.where(inside, ready.spoken, np.int32(-1)))
            decision = alone.decide(alone.weights, keep_scores=True)
            if statistic == "log_likelihood":
                total = decision.scores.sum(axis=1)
                part = decision.scores[np.arange(len(total)), panel.truth] / np.where(total > 0, total, 1)
                value = np.log(np.maximum(part, 1e-12))
            else:
                value = (decision.labels == panel.truth).astype(float)
            found[frozenset(chosen)] = np.where((alone.spoken < 0).all(axis=1), nobody, value)
    return found


def mean_gain(worth, n):
    """The mean over all orders of the agents of what each adds to those before it, by example: (n examples, n)."""
    gains, orders = np.zeros((len(worth[frozenset()]), n)), list(permutations(range(n)))
    for order in orders:
        for place, m in enumerate(order):
            gains[:, m] += worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    return gains / len(orders)


def every_part(found):
    for one in found.statistics.values():
        if one is not None:
            yield one.panel
            yield from (part for part in (one.by_class or {}).values() if part is not None)
            yield from (one.by_group or {}).values()


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_values_are_those_of_brute_force(statistic, missing):
    panel = make_panel(60, 4, 3, seed=3, missing=missing)
    ready = replay(panel)
    found = attribute(ready, statistics=[statistic]).statistics[statistic]
    worth, weighting = worths(ready, statistic), weigh_examples(panel, statistic == "balanced_accuracy")
    gains = mean_gain(worth, 4)
    everybody = frozenset(range(4))
    for m, agent in enumerate(panel.agents):
        for values, own in (
            (gains[:, m], found.panel.shapley[agent]),
            (worth[everybody] - worth[everybody - {m}], found.panel.leave_one_out[agent]),
        ):
            expected = contrast(weighting, values)
            assert own.value == pytest.approx(expected.value, abs=1e-12)
            assert own.se == pytest.approx(expected.se, rel=1e-9)
            assert own.interval == pytest.approx(expected.interval, abs=1e-12)
        for c, label in enumerate(panel.classes):
            values = gains[panel.truth == c, m]
            own = found.by_class[label].shapley[agent]
            assert own.value == pytest.approx(values.mean(), abs=1e-12)
            assert own.se == pytest.approx(values.std(ddof=1) / len(values) ** 0.5, rel=1e-9)
            assert own.n_clusters == found.by_class[label].n_examples == len(values)
    for i, j in combinations(range(4), 2):
        second = 0.0
        for size, share in ((0, 1 / 3), (1, 1 / 6), (2, 1 / 3)):  # |S|! (2 - |S|)! / 3!
            for s in map(frozenset, combinations([k for k in range(4) if k not in (i, j)], size)):
                second += share * (worth[s | {i, j}] - worth[s | {i}] - worth[s | {j}] + worth[s])
        expected = contrast(weighting, second)
        own = found.panel.interactions[panel.agents[i], panel.agents[j]]
        assert own.value == pytest.approx(expected.value, abs=1e-12)
        assert own.se == pytest.approx(expected.se, rel=1e-9)


def test_subsets_are_scored_as_scikit_learn_scores_them():
    panel = make_panel(80, 2, 3, seed=5)
    found = attribute(panel).statistics
    whole, alone = fuse(panel), [fuse(panel.select([agent])) for agent in panel.agents]
    for statistic, score in (("accuracy", accuracy_score), ("balanced_accuracy", balanced_accuracy_score)):
        shares = found[statistic].panel
        both, first, second = (score(panel.truth, decision.labels) for decision in (whole, *alone))
        nobody = shares.nobody
        assert shares.everybody == pytest.approx(both, abs=1e-12)
        assert shares.shapley["agent0"].value == pytest.approx((first - nobody + both - second) / 2, abs=1e-12)
        assert shares.interactions["agent0", "agent1"].value == pytest.approx(both - first - second + nobody, abs=1e-12)
    shares = found["log_likelihood"].panel
    losses = []
    for decision in (whole, *alone):
        part = decision.scores / decision.scores.sum(axis=1, keepdims=True)
        losses.append(-log_loss(panel.truth, np.clip(part, 1e-12, 1), labels=range(3)))
    assert shares.everybody == pytest.approx(losses[0], abs=1e-9)
    assert shares.leave_one_out["agent0"].value == pytest.approx(losses[0] - losses[2], abs=1e-9)
    share = np.bincount(panel.truth) / 80
    assert found["accuracy"].panel.nobody == pytest.approx((share**2).sum())
    assert found["balanced_accuracy"].panel.nobody == pytest.approx(1 / 3)
    assert shares.nobody == pytest.approx(-log_loss(panel.truth, np.tile(share, (80, 1))))


@given(panel=panels(scores=False), rule=st.sampled_from(["majority", "weighted_vote", "select_best", "max_confidence"]))
@SMALL
def test_shapley_values_sum_to_what_all_reach(panel, rule):
    panel = replace(panel, columns={"g": pa.array(np.arange(panel.n_examples) % 3)}, group="g")
    for part in every_part(attribute(replay(panel, rule))):
        total = sum(found.value for found in part.shapley.values())
        assert total == pytest.approx(part.everybody - part.nobody, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("rule", ["weighted_mean", "log_pool", "softmax_gate"])
def test_they_do_in_seeds_and_where_nobody_speaks(rule):
    for panel in (seeded(12, 3, missing=0.3, numbers=True), mostly_silent()):
        for part in every_part(attribute(replay(panel, rule))):
            total = sum(found.value for found in part.shapley.values())
            assert total == pytest.approx(part.everybody - part.nobody, rel=1e-12, abs=1e-12)


@given(seed=st.integers(0, 500), rule=st.sampled_from(["weighted_mean", "weighted_vote", "mean"]))
@SMALL
def test_equals_share_alike_and_order_does_not_matter(seed, rule):
    # Quarters: sums of products are exact, so that ties do not depend on the order of the agents.
    panel = make_panel(15, 3, 3, seed, steps=4, missing=0.2)
    twins = reordered(panel, [0, 1, 2, 0], "abcd")
    found = attribute(replay(twins, rule))
    for shares in every_part(found):
        assert shares.shapley["a"].value == pytest.approx(shares.shapley["d"].value, abs=1e-12)
        assert shares.leave_one_out["a"].value == pytest.approx(shares.leave_one_out["d"].value, abs=1e-12)
        pairs = shares.interactions
        assert pairs["a", "b"].value == pytest.approx(pairs["b", "d"].value, abs=1e-12)
    turned = attribute(replay(reordered(twins, [2, 3, 0, 1]), rule))
    for one, other in zip(every_part(found), every_part(turned), strict=True):
        for agent in "abcd":
            assert one.shapley[agent].value == pytest.approx(other.shapley[agent].value, abs=1e-12)
        assert one.interactions["a", "c"].value == pytest.approx(other.interactions["c", "a"].value, abs=1e-12)


@given(panel=panels(scores=False))
@SMALL
def test_who_never_speaks_adds_nothing(panel):
    dumb = make_panel(panel.n_examples, 1, panel.n_classes)
    with_dumb = replace(
        panel,
        agents=(*panel.agents, "dumb"),
        labels=np.hstack([panel.labels, np.full_like(dumb.labels, -1)]),
        confidence=np.hstack([panel.confidence, np.full_like(dumb.confidence, np.nan)]),
        reliability=np.hstack([panel.reliability, np.full_like(dumb.reliability, np.nan)]),
    )
    before, after = (attribute(replay(p, "weighted_vote")) for p in (panel, with_dumb))
    for one, other in zip(every_part(before), every_part(after), strict=True):
        assert other.shapley["dumb"].value == pytest.approx(0, abs=1e-12)
        assert other.leave_one_out["dumb"].value == 0
        for agent in panel.agents:
            assert other.shapley[agent].value == pytest.approx(one.shapley[agent].value, abs=1e-12)
            assert other.interactions[agent, "dumb"].value == pytest.approx(0, abs=1e-12)
    # Hits are counted in whole numbers: nothing is nothing.
    assert after.statistics["balanced_accuracy"].panel.shapley["dumb"].value == 0


def test_one_who_repeats_another_is_redundant():
    right = np.random.default_rng(0).random(200) < 0.8
    panel = panel_of(np.stack([right, right], axis=1), np.ones((200, 2)))
    one_class = attribute(replay(panel, "majority")).statistics
    assert one_class["accuracy"].panel.nobody == one_class["balanced_accuracy"].panel.nobody == 1
    truth = (np.arange(200) % 2).astype(np.int32)
    panel = replace(panel, truth=truth, labels=panel.labels ^ truth[:, None])
    shares = attribute(replay(panel, "majority")).statistics["accuracy"].panel
    assert shares.leave_one_out["a0"].value == 0
    assert shares.shapley["a0"].value == pytest.approx((right.mean() - 0.5) / 2)
    assert shares.interactions["a0", "a1"].value == pytest.approx(0.5 - right.mean())


@given(panel=panels(), seed=st.integers(0, 99))
@SMALL
def test_the_whole_is_the_mean_of_its_parts(panel, seed):
    group = np.random.default_rng(seed).integers(0, 3, panel.n_examples)
    panel = replace(panel, columns={"g": pa.array(group)}, group="g")
    one = attribute(replay(panel, "weighted_vote"), statistics="accuracy").statistics["accuracy"]
    for parts in (one.by_class, one.by_group):
        parts = [part for part in parts.values() if part is not None]
        size = np.array([part.n_examples for part in parts]) / panel.n_examples
        for of in ("shapley", "leave_one_out", "interactions"):
            for key, found in getattr(one.panel, of).items():
                own = [getattr(part, of)[key].value for part in parts]
                assert found.value == pytest.approx((size * own).sum(), abs=1e-12)


def test_balanced_accuracy_is_the_mean_over_classes():
    found = attribute(seeded(20, 1), by_group=False).statistics
    balanced = found["balanced_accuracy"]
    assert balanced.by_group is None
    for agent, own in balanced.panel.leave_one_out.items():
        classes = [part.leave_one_out[agent].value for part in balanced.by_class.values() if part is not None]
        assert own.value == pytest.approx(np.mean(classes), abs=1e-12)


def test_errors_are_clustered_in_classes_and_not_in_groups():
    panel = grouped(300, 30, missing=0.2)
    ready = replay(panel)
    one = attribute(ready, statistics=["accuracy"]).statistics["accuracy"]
    gains, codes = mean_gain(worths(ready, "accuracy"), 3), panel.codes("film")
    rows = panel.truth == 1
    fit = sm.OLS(gains[rows, 0], np.ones(rows.sum())).fit(cov_type="cluster", cov_kwds={"groups": codes[rows]})
    own = one.by_class[panel.classes[1]].shapley["agent0"]
    assert own.se == pytest.approx(fit.bse[0], rel=1e-9)
    assert own.n_clusters == len(np.unique(codes[rows]))
    assert len(one.by_group) == len(np.unique(codes))
    for name, part in one.by_group.items():
        rows = codes == (0 if name == "no film" else codes[panel.column("film").to_pylist().index(name)])
        own = part.shapley["agent2"]
        assert own.value == pytest.approx(gains[rows, 2].mean(), abs=1e-12)
        assert own.n_clusters == part.n_examples == rows.sum()
        assert (own.interval is None) == (rows.sum() < 10)


def test_sampled_orders_agree_with_all_subsets(monkeypatch):
    panel = grouped(60, 4, missing=0.2)
    panel = reordered(panel, [0, 1, 2, 0, 1, 2], "abcdef")
    exact = attribute(panel)
    monkeypatch.setattr(attribution, "MOST_EXACT", 5)
    found = attribute(panel, n_permutations=199, seed=1)
    assert found.n_orders == 200
    assert found.seed == 1
    assert "interactions" in found.reasons
    for own, whole in zip(every_part(found), every_part(exact), strict=True):
        assert own.interactions is None
        assert own.everybody == whole.everybody
        assert own.leave_one_out == whole.leave_one_out
        assert sum(e.value for e in own.shapley.values()) == pytest.approx(own.everybody - own.nobody, abs=1e-12)
        for agent, error in own.monte_carlo_error.items():
            assert abs(own.shapley[agent].value - whole.shapley[agent].value) <= 5 * error + 1e-12
    assert attribute(panel, seed=2).statistics["accuracy"].panel.shapley != found.statistics["accuracy"].panel.shapley


def test_thirteen_agents_are_sampled():
    panel = make_panel(30, 13, 3)
    found = attribute(panel, n_permutations=8, by_class=False)
    assert found.n_orders == 8
    assert len(found.statistics["log_likelihood"].panel.monte_carlo_error) == 13
    whole = replay(panel)
    lost = (whole.decision.labels == panel.truth).mean() - (whole.without(4) == panel.truth).mean()
    assert found.statistics["accuracy"].panel.leave_one_out["agent4"].value == pytest.approx(lost, abs=1e-12)


@pytest.mark.parametrize("most", [12, 2])
def test_threads_and_chunks_change_nothing(monkeypatch, most):
    monkeypatch.setattr(attribution, "MOST_EXACT", most)
    panel = grouped(90, missing=0.3)
    whole = json.dumps(attribute(panel, n_permutations=10).to_dict(), allow_nan=False)
    monkeypatch.setattr(attribution, "chunks", lambda n, _: [slice(a, a + 7) for a in range(0, n, 7)])
    done = []
    texts = {
        json.dumps(attribute(panel, n_permutations=10, threads=k, progress=lambda *a: done.append(a)).to_dict())
        for k in (1, 2, 7)
    }
    assert len(texts) == 1
    assert done[:13] == [(min(7 * k, 90), 90) for k in range(1, 14)]
    for one, other in zip(_numbers(json.loads(whole)), _numbers(json.loads(texts.pop())), strict=True):
        assert one == pytest.approx(other, abs=1e-12)


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_confidence_sum", "select_best", "softmax_gate", "borda"])
def test_rules_that_the_kernel_does_not_know_take_the_long_way(monkeypatch, rule):
    ready = replay(mostly_silent(), rule)
    fast = attribute(ready).to_dict()
    monkeypatch.setattr(subsets, "is_known", lambda _: False)
    assert attribute(ready).to_dict() == fast


def test_a_statistic_that_cannot_be_had_says_why():
    found = attribute(replay(make_panel(20), "select_best"))
    assert found.statistics["log_likelihood"] is None
    assert "select_best has none" in found.reasons["log_likelihood"]
    assert found.to_dict()["statistics"]["log_likelihood"] is None
    assert "log_likelihood: none, " in repr(found)
    alone = attribute(replay(make_panel(20), "select_best"), statistics=["log_likelihood"])
    assert alone.to_frame().empty


def test_little_panels():
    alone = attribute(make_panel(12, 1, 2)).statistics["accuracy"].panel
    assert alone.shapley["agent0"] == alone.leave_one_out["agent0"]
    assert alone.interactions == {}
    one_class = replace(make_panel(12, 2, 3), truth=np.ones(12, np.int32))
    found = attribute(one_class)
    assert found.statistics["log_likelihood"].panel.nobody == 0
    assert found.statistics["accuracy"].by_class["anger"] is None
    assert found.statistics["accuracy"].by_class["disgust"].n_examples == 12
    silent = mostly_silent()
    silent = replace(silent, labels=np.full_like(silent.labels, -1))
    found = attribute(replay(silent, "majority"))
    assert found.n_silent == 40
    for part in every_part(found):
        assert all(own.value == 0 for own in part.shapley.values())
        assert part.everybody == pytest.approx(part.nobody)
    single = attribute(make_panel(1, 2, 2)).statistics["accuracy"].panel
    assert single.shapley["agent0"].se is None


def test_results_are_plain_and_readable():
    found = attribute(grouped(60, missing=0.2))
    fields = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    shares = fields["statistics"]["accuracy"]["by_group"]["no film"]
    assert shares["interactions"][1]["agents"] == ["agent0", "agent2"]
    assert set(shares["shapley"]["agent1"]) == {"value", "se", "interval", "n_clusters"}
    frame = found.to_frame()
    n_parts = 1 + 4 + len(fields["statistics"]["accuracy"]["by_group"])
    assert len(frame) == 3 * n_parts * (3 + 3 + 3)
    row = frame.query("statistic == 'accuracy' and part == 'panel' and quantity == 'interaction'").iloc[0]
    assert row.value == found.statistics["accuracy"].panel.interactions["agent0", "agent1"].value
    assert repr(found).startswith("Attribution of weighted_mean to 3 agents, 60 examples, all subsets")
    assert "agent0 with agent1" in repr(found)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"statistics": ["acuracy"]}, "did you mean accuracy"),
        ({"statistics": ["macro_f1"]}, "choose from"),
        ({"n_permutations": 3}, "at least 4"),
        ({"n_permutations": 3.5}, "whole numbers: found 3.5"),
        ({"seed": -1}, "seed at least 0"),
        ({"threads": 0}, "threads at least 1"),
    ],
)
def test_refusals(options, text):
    with pytest.raises(SabotageError, match=text):
        attribute(make_panel(12), **options)


def test_refusals_of_panels():
    with pytest.raises(SabotageError, match="at most 62"):
        attribute(make_panel(4, 63, 2, scores=False))
    huge = make_panel(12)
    with pytest.raises(SabotageError, match="could overflow"):
        attribute(replace(huge, reliability=huge.reliability * 1e305))
    with pytest.raises(SabotageError, match="a panel or a replay"):
        attribute("panel")


def test_what_goes_wrong_on_the_way_comes_out():
    def fail(*_):
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        attribute(make_panel(12), progress=fail)


def _numbers(fields):
    if isinstance(fields, dict):
        return [x for key in sorted(fields) for x in _numbers(fields[key])]
    if isinstance(fields, list):
        return [x for entry in fields for x in _numbers(entry)]
    return [fields] if isinstance(fields, int | float) else []
