"""Cases: every cell against a slow count over the table of roles, what is listed against a sort."""

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import given, settings

from sabotage import analyze
from sabotage.cases import FLAGS, LISTED_ROLES, MOST_IN_A_CELL, fingerprint, list_cases
from sabotage.roles import ROLES


def cases_of(panel, **options):
    audit = analyze(panel, n_permutations=0, controls=False, **options)
    return audit, audit.cases()


def naive_cells(audit):
    """Every cell's examples, worst first, by sorting rows of the table of roles in plain Python."""
    panel, cells = audit.panel, {}
    table = audit.roles.to_dict("records")
    m_of = {name: m for m, name in enumerate(panel.agents)}
    for place, row in enumerate(table):
        i, m = divmod(place, panel.n_agents)
        assert m == m_of[row["agent"]]
        kinds = [row["role"]] if row["role"] in [ROLES[role] for role in LISTED_ROLES] else []
        kinds += [flag for flag in ("potential_saboteur", "recoverable", "shared") if row[flag]]
        if row["pivotal"] is True:
            kinds.append(f"pivotal_{row['role']}")
        confidence = -1.0 if np.isnan(row["confidence"]) else row["confidence"]
        key = (row["pivotal"] is not True, -confidence, i)
        for kind in kinds:
            cells.setdefault(f"{m}:{kind}", []).append(key)
            if kind not in FLAGS:
                cells.setdefault(f"{m}:{kind}:class:{panel.truth[i]}", []).append(key)
    return {name: [key[2] for key in sorted(keys)] for name, keys in cells.items()}


@settings(max_examples=25, deadline=None)
@given(panels())
def test_cells_are_those_of_a_slow_count(panel):
    audit, cases = cases_of(panel)
    expected = naive_cells(audit)
    own = {name: cell for name, cell in cases.cells.items() if not name.startswith("*") and ":group:" not in name}
    assert set(own) == set(expected)
    for name, (n, listed) in own.items():
        assert n == len(expected[name])
        assert cases.rows[list(listed)].tolist() == expected[name][:MOST_IN_A_CELL]


def test_cases_are_shown_in_a_line():
    cases = analyze(make_panel(30), n_permutations=0).cases()
    assert repr(cases) == f"Cases({len(cases.rows)} of 30 examples, in {len(cases.cells)} cells)"


def test_wrong_decisions_are_listed_by_the_confidence_behind_them():
    audit, cases = cases_of(make_panel(200, 3, 4, missing=0.2))
    n, listed = cases.cells["*:wrong"]
    rows = cases.rows[list(listed)]
    decided = audit.role_table.decision.labels
    assert n == audit.totals.n_wrong == int((decided != audit.panel.truth).sum())
    assert (decided[rows] != audit.panel.truth[rows]).all()
    behind = np.where(audit.panel.labels == decided[:, None], audit.panel.confidence, -1).max(axis=1)
    wrong = np.flatnonzero(decided != audit.panel.truth)
    np.testing.assert_allclose(behind[rows], np.sort(behind[wrong])[::-1][:MOST_IN_A_CELL])


def test_examples_say_what_the_panel_says():
    panel = make_panel(80, 3, 4, missing=0.2)
    audit, cases = cases_of(panel)
    full = audit.replay.decide(audit.replay.weights, keep_scores=True)
    for row, example in zip(cases.rows, cases.examples, strict=True):
        assert example["id"] == str(panel.ids[row].as_py())
        assert example["truth"] == panel.truth[row]
        assert example["decision"] == (None if full.labels[row] < 0 else full.labels[row])
        for m, (label, confidence, reliability, role, pivotal) in enumerate(example["agents"]):
            assert label == (None if panel.labels[row, m] < 0 else panel.labels[row, m])
            assert role == audit.role_table.role[row, m]
            assert pivotal == bool(audit.role_table.pivotal[row, m])
            assert confidence == (None if np.isnan(panel.confidence[row, m]) else panel.confidence[row, m])
            assert reliability == (None if np.isnan(panel.reliability[row, m]) else panel.reliability[row, m])
        if example["decision"] is not None:
            assert example["ranking"][0][0] == example["decision"]
            assert [score for _, score in example["ranking"]] == sorted(full.scores[row], reverse=True)[:5]


def test_room_is_shared_and_every_listing_is_a_beginning():
    panel = make_panel(3000, 16, 30)
    audit, cases = cases_of(panel)
    assert len(cases.rows) == cases.most_listed == 6000 // 16
    own = naive_cells(audit)
    for name, (_, listed) in cases.cells.items():
        if name in own:
            assert cases.rows[list(listed)].tolist() == own[name][: len(listed)]
    depths = [len(listed) for name, (_, listed) in cases.cells.items() if name.endswith(":saboteur")]
    assert len(depths) == sum(profile.roles["saboteur"] > 0 for profile in audit.agents)


def test_groups_have_cells_of_their_own():
    import pyarrow as pa

    panel = make_panel(120, 2, 3)
    names = [None if i % 5 == 0 else f"s{i % 3}" for i in range(120)]
    panel = replace(panel, columns={"who": pa.array(names)}, group="who")
    audit, cases = cases_of(panel)
    of = {}
    for i, name in enumerate(names):
        for m in range(2):
            if ROLES[audit.role_table.role[i, m]] == "saboteur":
                key = f"{m}:saboteur:group:{name or 'no who'}"
                of[key] = of.get(key, 0) + 1
    assert {name: n for name, (n, _) in cases.cells.items() if ":saboteur:group:" in name} == of
    assert {example["group"] for example in cases.examples} <= {"s0", "s1", "s2", "no who"}


def test_a_group_that_is_called_as_none_is_has_cells_of_its_own():
    import pyarrow as pa

    names = [("no who", None, "b")[i % 3] for i in range(90)]
    audit, cases = cases_of(replace(make_panel(90, 2, 3), columns={"who": pa.array(names)}, group="who"))
    parts = audit.content["profiles"]["by_group"]["parts"]
    assert set(parts) == {"no who", "(no who)", "b"}
    for name, part in parts.items():
        assert cases.cells.get(f"*:wrong:group:{name}", (0, ()))[0] == part["n_wrong"]
    assert {example["group"] for example in cases.examples} == set(parts)


@pytest.mark.parametrize("recorded", [False, True])
def test_cases_are_json_and_know_their_audit(recorded):
    audit, cases = cases_of(make_panel(60, 2, 3, recorded=recorded))
    found = json.loads(json.dumps(cases.to_dict(audit.content), allow_nan=False))
    assert found["audit"] == fingerprint(json.loads(audit.to_json()))
    assert found["n_listed"] == len(found["examples"]) == len(cases.rows)
    other, _ = cases_of(make_panel(61, 2, 3, recorded=recorded))
    assert found["audit"] != fingerprint(other.content)


def test_ids_are_cut_where_they_are_long_and_media_lead_to_the_whole_name():
    import pyarrow as pa

    panel = replace(make_panel(20, 2, 3), ids=pa.array([f"{'x' * 300}/{i} &" for i in range(20)]))
    audit = analyze(panel, n_permutations=0, controls=False)
    cases = list_cases(audit.role_table, audit.replay, "clips/{id}.mp4")
    assert all(len(example["id"]) == 200 for example in cases.examples)
    assert cases.examples[0]["media"].startswith(f"clips/{'x' * 300}/")
    assert cases.examples[0]["media"].endswith("%20%26.mp4")


def test_one_example_and_nobody_wrong():
    panel = make_panel(1, 1, 2)
    panel = replace(panel, labels=panel.truth[:, None].copy())
    _, cases = cases_of(panel, rule="majority")
    c = int(panel.truth[0])
    assert set(cases.cells) == {"0:contributor", "0:pivotal_contributor", f"0:contributor:class:{c}"}
    assert len(cases.rows) == 1
