"""Cells and what leads into them against loops over examples; agents against the decision."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import analyze, judge, measure_disagreement
from sabotage.cells import CELLS, cells_of
from sabotage.roles import ROLES


@given(panels(recorded=True), st.sampled_from(["recorded", "replayed"]))
@settings(max_examples=60, deadline=None)
def test_leads_are_those_of_a_loop(panel, decision):
    judged = judge(panel, rule="majority", decision=decision)
    found, decided = measure_disagreement(judged), judged.roles.decision.labels
    cells = [CELLS[at] for at in cells_of(panel, decided)]
    for name, cell in found.cells.items():
        rows = [i for i in range(panel.n_examples) if cells[i] == name]
        assert (cell.examples.count, cell.examples.n) == (len(rows), panel.n_examples)
        gaps = []
        for i in rows:
            sure = sorted(c for c, label in zip(panel.confidence[i], panel.labels[i], strict=True) if label >= 0)
            if len(sure) > 1:
                gaps.append(sure[-1] - sure[-2])
        assert cell.confidence_gap.value == (pytest.approx(np.mean(gaps), abs=1e-12) if gaps else None)
        for m, (agent, lead) in enumerate(zip(panel.agents, (cell.agents[a] for a in cell.agents), strict=False)):
            assert list(cell.agents)[m] == agent
            spoke = [i for i in rows if panel.labels[i, m] >= 0]
            assert (lead.followed.count, lead.followed.n) == (
                sum(panel.labels[i, m] == decided[i] for i in spoke), len(spoke)
            )  # fmt: skip
            paired = [i for i in spoke if (panel.labels[i] >= 0).sum() > 1]
            best = [panel.confidence[i, m] == np.nanmax(panel.confidence[i]) for i in paired]
            assert (lead.most_confident.count, lead.most_confident.n) == (sum(best), len(paired))
            for role in ("saboteur", "suppressed"):
                own = getattr(lead, role)
                count = sum(ROLES[judged.roles.role[i, m]] == role for i in rows)
                assert count == (0 if own is None else own.count)
    assert list(found.cells) == list(CELLS)
    assert found.cells["silent"].agents == {}
    json.dumps(found.to_dict(), allow_nan=False)


@given(panels(recorded=True))
@settings(max_examples=40, deadline=None)
def test_counts_add_up(panel):
    found = measure_disagreement(judge(panel, rule="majority"))
    n = panel.n_examples
    assert sum(cell.examples.count for cell in found.cells.values()) == n
    assert sum(one.examples.count for one in found.patterns) + found.n_left_out == n
    assert len(found.patterns) == min(30, found.n_patterns)
    for name in CELLS:
        in_parts = sum(cells[name].count for cells in found.by_class.parts.values())
        assert in_parts == found.cells[name].examples.count
    for m, own in enumerate(found.agents.values()):
        both = (panel.labels[:, m] >= 0) & (panel.fused_label >= 0)
        assert (own.differs.n, own.differs.count) == (
            both.sum(),
            (both & (panel.labels[:, m] != panel.fused_label)).sum(),
        )
        assert own.agent_right.count + own.decision_right.count + own.neither.count == own.differs.count
        assert own.agent_right.n == own.differs.count


def test_patterns_beyond_thirty_are_counted():
    panel = make_panel(2000, 6, 3, missing=0.2, recorded=True)
    found = measure_disagreement(judge(panel, rule="majority"))
    assert len(found.patterns) == 30 < found.n_patterns
    assert found.n_left_out == 2000 - sum(one.examples.count for one in found.patterns)
    assert all(len(one.pattern) == 7 for one in found.patterns)


def test_confidences_that_are_equal_are_all_the_highest():
    panel = make_panel(60, 3, 3, scores=False)
    flat = replace(panel, confidence=np.full((60, 3), 0.5))
    found = measure_disagreement(judge(flat, rule="majority"))
    for name in ("resolved", "lost", "all_wrong"):
        leads = found.cells[name].agents.values()
        assert all(lead.most_confident.count == lead.most_confident.n for lead in leads)
        assert found.cells[name].confidence_gap.value in (0.0, None)
    none = replace(panel, confidence=np.full((60, 3), np.nan))
    found = measure_disagreement(judge(none, rule="majority"))
    assert found.cells["lost"].confidence_gap.why == "no example of it has two speaking agents with a confidence"


def test_clusters_widen_and_few_of_them_leave_no_interval():
    panel = make_panel(400, 3, 4).take(np.repeat(np.arange(40), 10))
    plain = measure_disagreement(judge(replace(panel, ids=pa.array(range(400)))))
    who = {"who": pa.array([i // 10 for i in range(400)])}
    grouped = measure_disagreement(judge(replace(panel, columns=who, group="who")))
    for name in ("resolved", "lost"):
        first, second = plain.cells[name].examples, grouped.cells[name].examples
        assert first.count == second.count
        assert np.diff(second.interval) > 1.5 * np.diff(first.interval)
    few = {"who": pa.array([i % 9 for i in range(400)])}
    found = measure_disagreement(judge(replace(panel, columns=few, group="who")))
    assert found.cells["lost"].examples.interval is None
    assert found.cells["lost"].confidence_gap.why.startswith("an interval takes 10")


def test_it_stands_in_an_audit_with_one_note_for_margins():
    audit = analyze(make_panel(80, recorded=True), n_permutations=0, controls=False)
    assert audit.content["disagreement"]["n_examples"] == 80
    assert set(audit.content["dominance"]["agents"]) == set(audit.panel.agents)
    assert [note for note in audit.notes if "margin" in note] == [
        "the margins of cells are null: the recorded decisions have no scores"
    ]
    replayed = analyze(make_panel(80), n_permutations=0, controls=False)
    assert not [note for note in replayed.notes if "margin" in note]
    assert repr(replayed.causes.disagreement).startswith("Disagreement on 80 examples: all right ")
