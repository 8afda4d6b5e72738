"""Dominance against loops over examples."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import Panel, SabotageError, judge, measure_dominance
from sabotage.dominance import THREE, TWO


def slow(panel, decided, m):
    """Count, of one agent, followed and all by kind and by whether it is right; and list its leads."""
    counts, leads = {}, []
    for i in range(panel.n_examples):
        said = {k: int(label) for k, label in enumerate(panel.labels[i]) if label >= 0}
        if m not in said or said[m] in [label for k, label in said.items() if k != m] or len(said) < 2:
            continue
        others = [label for k, label in said.items() if k != m]
        kinds = ["of_two"] if len(said) == 2 else ["alone"]
        if len(said) > 2 and len(set(others)) == 1:
            kinds.append("against_unanimous")
        followed, right = said[m] == decided[i], said[m] == panel.truth[i]
        for kind in kinds:
            for part in ("followed", "when_right" if right else "when_wrong"):
                k, n = counts.get((kind, part), (0, 0))
                counts[kind, part] = k + followed, n + 1
        if kinds[0] == ("of_two" if panel.n_agents == 2 else "alone"):
            rivals = [panel.confidence[i, k] for k in said if k != m and not np.isnan(panel.confidence[i, k])]
            own = panel.confidence[i, m]
            if rivals and not np.isnan(own):
                leads.append((float(own - max(rivals)), bool(followed)))
    return counts, leads


@given(panels(recorded=True), st.sampled_from(["recorded", "replayed"]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_counts_are_those_of_a_loop(panel, decision, gaps):
    if gaps:
        confidence = panel.confidence.copy()
        confidence[::2, 0] = np.nan
        panel = replace(panel, confidence=confidence)
    judged = judge(panel, rule="majority", decision=decision)
    found = measure_dominance(judged)
    assert found.basis == (TWO if panel.n_agents == 2 else THREE)
    for m, agent in enumerate(panel.agents):
        counts, leads = slow(panel, judged.roles.decision.labels, m)
        own = found.agents[agent]
        for kind in ("alone", "against_unanimous", "of_two"):
            for part in ("followed", "when_right", "when_wrong"):
                rate = getattr(getattr(own, kind), part)
                assert (rate.count, rate.n) == counts.get((kind, part), (0, 0))
        assert own.n_gaps == len(leads) == sum(one.followed.n for one in own.bins)
        for one in own.bins:
            last = one.high == 1.0
            inside = [f for lead, f in leads if one.low - 1e-8 <= lead < one.high - 1e-8 or (last and lead > 1 - 1e-8)]
            assert (one.followed.count, one.followed.n) == (sum(inside), len(inside))
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_missing_decision_follows_nobody():
    labels = np.array([[0, 1, 2]] * 3, np.int32)
    half = np.full((3, 3), 0.5)
    panel = Panel(
        ("a", "b", "c"), ("x", "y", "z"), pa.array(range(3)), np.zeros(3, np.int32), labels, half, None, half.copy(),
        fused_label=np.array([0, -1, 2], np.int32),
    )  # fmt: skip
    found = measure_dominance(judge(panel))
    assert [own.alone.followed.count for own in found.agents.values()] == [1, 0, 1]
    assert [own.alone.followed.n for own in found.agents.values()] == [3, 3, 3]
    assert [own.against_unanimous.followed.n for own in found.agents.values()] == [0, 0, 0]
    assert found.agents["a"].bins[5].followed.n == 3  # 0 to .2


@given(panels(recorded=True), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_and_names_are_nothing_and_a_block_twice_counts_twice(panel, random):
    found = measure_dominance(judge(panel, rule="majority", decision="recorded"))
    rows = np.array(random.sample(range(panel.n_examples), panel.n_examples))
    other = np.append(np.array(random.sample(range(panel.n_classes), panel.n_classes), np.int32), np.int32(-1))
    turned = replace(
        panel, labels=other[panel.labels], truth=other[panel.truth], fused_label=other[panel.fused_label], scores=None
    ).take(np.concatenate([rows, rows]))
    again = measure_dominance(judge(turned, rule="majority", decision="recorded"))
    for agent, own in found.agents.items():
        for kind in ("alone", "against_unanimous", "of_two"):
            for name, rate in vars(getattr(own, kind)).items():
                twice = getattr(getattr(again.agents[agent], kind), name)
                assert (twice.count, twice.n) == (2 * rate.count, 2 * rate.n)


def test_a_planted_dominator_is_found_with_its_onset():
    random = np.random.default_rng(0)
    n = 3000
    panel = make_panel(n, 3, 4, seed=1, scores=False)
    confidence = random.random((n, 3))
    lead = confidence[:, 0] - confidence[:, 1:].max(axis=1)
    strong = lead > 0.3
    fused = np.where(strong, panel.labels[:, 0], panel.labels[:, 1]).astype(np.int32)
    found = measure_dominance(judge(replace(panel, confidence=confidence, fused_label=fused)))
    own = found.agents["agent0"]
    assert own.onset.value == pytest.approx(0.3, abs=0.02)
    assert own.onset.interval[0] <= 0.3 <= own.onset.interval[1] + 0.01
    assert [one.followed.share for one in own.bins if one.followed.n and one.high <= 0.2] == [0.0] * 5 or own.bins
    assert found.agents["agent2"].onset.value is None


def test_one_agent_and_one_example():
    own = measure_dominance(judge(make_panel(1, 1, 2), rule="majority")).agents["agent0"]
    assert (own.alone.followed.n, own.n_gaps, own.onset.value) == (0, 0, None)
    with pytest.raises(SabotageError):
        judge(make_panel(1, 1, 2), decision="guessed")
