"""Roles and flags against brute force."""

import naive
import numpy as np
import pytest
from builders import decisions, make_panel, panels, to_naive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sabotage import SabotageError, assign_roles, recorded, replay
from sabotage.roles import NULL, ROLES, parse_threshold

RULES = ["weighted_mean", "weighted_vote", "select_best", "weighted_confidence_sum", "max_confidence", "borda"]
many = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("rule", RULES)
@many
@given(panel=panels(recorded=True), is_recorded=st.booleans(), tau=st.sampled_from([0.0, 0.5, 0.7, 1.0]))
def test_roles_and_flags_are_the_oracles(rule, panel, is_recorded, tau):
    ready = replay(panel, rule)
    decision = recorded(panel) if is_recorded else ready.decision
    found = assign_roles(panel, decision, ready, tau)
    tiny, decided = to_naive(panel), decisions(decision.labels)
    assert [[ROLES[role] for role in row] for row in found.role] == naive.roles(tiny, decided, tau)
    again = assign_roles(panel, decision, ready, 0.3).at(tau)
    for name in ("role", "potential", "recoverable", "shared", "pivotal", "thresholds"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    flags = naive.flags(tiny, rule, decided, tau)
    for i, row in enumerate(flags):
        for m, expected in enumerate(row):
            pivotal = {1: True, 0: False, NULL: None}[int(found.pivotal[i, m])]
            assert (found.potential[i, m], found.recoverable[i, m], found.shared[i, m], pivotal) == (
                expected["potential"],
                expected["recoverable"],
                expected["shared"],
                expected["pivotal"],
            )


def test_roles_of_an_agent_sum_to_n():
    panel = make_panel(300, missing=0.3, no_reliability=0.2, recorded=True)
    ready = replay(panel)
    for decision in (ready.decision, recorded(panel)):
        roles = assign_roles(panel, decision, ready)
        for m in range(panel.n_agents):
            assert sum(roles.count(m, role) for role in range(len(ROLES))) == 300


def test_a_quantile_is_of_each_agents_own_confidence():
    panel = make_panel(200, missing=0.2)
    thresholds = parse_threshold("q0.9", panel)
    for m in range(3):
        own = panel.confidence[~np.isnan(panel.confidence[:, m]), m]
        assert thresholds[m] == np.quantile(own, 0.9)
    assert parse_threshold("0.5", panel).tolist() == [0.5] * 3


@pytest.mark.parametrize("threshold", ["high", "1.5", "q2", "-0.1", "q", "nan"])
def test_refused_thresholds(threshold):
    with pytest.raises(SabotageError, match=r"threshold must be a confidence in \[0, 1\] or a quantile"):
        parse_threshold(threshold, make_panel())


def test_a_null_confidence_is_never_a_saboteur():
    panel = make_panel(100, seed=3)
    panel.confidence[:, 0] = np.nan
    roles = assign_roles(panel, replay(panel).decision, replay(panel), 0.0)
    assert roles.count(0, ROLES.index("saboteur")) == 0
    assert not roles.potential[:, 0].any()
    assert roles.count(0, ROLES.index("misleader")) > 0


def test_table_has_one_row_an_example_and_agent(monkeypatch):
    panel = make_panel(70, missing=0.3, recorded=True)
    roles = assign_roles(panel, recorded(panel), replay(panel))
    frame = roles.to_frame()
    assert len(frame) == 210
    row = frame.iloc[3 * 40 + 1]
    assert (row["id"], row["agent"]) == (40, "agent1")
    assert row["role"] == ROLES[roles.role[40, 1]]
    assert row["truth"] == panel.classes[panel.truth[40]]
    assert frame["label"].isna().sum() == (~panel.spoke).sum()
    assert frame["pivotal"].isna().sum() == (roles.pivotal == NULL).sum()
    monkeypatch.setattr("sabotage.panel.CHUNK_ROWS", 16)
    assert sum(table.num_rows for table in roles.tables()) == 210
