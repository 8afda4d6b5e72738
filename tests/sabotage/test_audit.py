"""The audit as a whole: its JSON contract, its repeatability, and what must not change it."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings

import sabotage
from sabotage import Panel, SabotageError, analyze, read_panel

KEYS = "schema sabotage input settings decision bounds agents sabotage_totals permutation finding notes".split()
INPUT = "path format sha256 n_examples n_dropped agents classes missing n_abstained ignored_columns".split()
DECISION = """source rule accuracy balanced_accuracy macro_f1 top_k n_tied accuracy_if_ties_lost
    accuracy_if_ties_won replay_agreement""".split()
AGENT = """n missing accuracy balanced_accuracy macro_f1 top_k mean_confidence ece ece_equal_mass brier log_loss
    auroc_confidence auroc_reliability aurc roles potential_saboteur recoverable_saboteur shared_saboteur
    pivotal_saboteur pivotal_contributor""".split()
PERMUTATION = """scheme statistic within n_blocks n_permutations clean broken_mean broken_sd monte_carlo_error gap
    p_value p_value_two_sided flip_rate uniform_weights exact_mean exact_sd gap_u gap_se gap_interval n_clusters
    verdict""".split()


def in_order(keys, found) -> bool:
    """Whether the keys of the contract stand in their order among those found."""
    return [key for key in found if key in keys] == list(keys)


def refuse(token):
    raise AssertionError(f"{token} in JSON")


def loaded(audit) -> dict:
    return json.loads(audit.to_json(), parse_constant=refuse)


def test_the_contract():
    found = loaded(analyze(make_panel(200, recorded=True, missing=0.2), n_permutations=100))
    assert list(found)[: len(KEYS)] == KEYS
    assert in_order(INPUT, found["input"])
    assert in_order(DECISION, found["decision"])
    assert in_order(PERMUTATION, found["permutation"])
    for agent in found["agents"].values():
        assert in_order(AGENT, agent)
        assert sum(agent["roles"].values()) == 200
    assert found["schema"] == 1
    assert found["sabotage"] == sabotage.__version__
    assert found["settings"]["decision"] == "recorded"
    assert found["decision"]["rule"] is None
    assert len(found["finding"]) == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panel=panels(recorded=True))
def test_any_panel_gives_strict_json_and_a_reason_for_its_nulls(panel):
    found = loaded(analyze(panel, n_permutations=3))
    for name, agent in found["agents"].items():
        for field in [*(field for field in agent if agent[field] is None)]:
            assert any(name in note and field in note for note in found["notes"]), (name, field)
        if None in agent["rates"]["per_wrong_decision"].values():
            assert "no decision is wrong: the rates per wrong decision are null" in found["notes"]
    for field in ("top_k", "n_tied", "replay_agreement"):
        if found["decision"][field] is None:
            assert any(field in note for note in found["notes"]), field


def test_the_same_input_gives_the_same_bytes_for_any_number_of_threads(tmp_path):
    path = tmp_path / "p.parquet"
    make_panel(300, missing=0.2).to_parquet(path)
    said = [analyze(read_panel(path), n_permutations=200, threads=threads).to_json() for threads in (1, 2, 7, 1)]
    assert len(set(said)) == 1
    assert (
        analyze(read_panel(path), n_permutations=200).to_html()
        == analyze(read_panel(path), n_permutations=200).to_html()
    )


def test_shuffling_rows_changes_no_role_no_profile_and_no_clean_statistic():
    panel = make_panel(300, 3, 4, missing=0.2, no_reliability=0.1, steps=5, recorded=True)
    order = np.random.default_rng(0).permutation(300)
    moved = read_panel(panel.to_table().take(pa.array(order)))
    first, second = (analyze(p, n_permutations=20) for p in (panel, moved))
    one, other = loaded(first), loaded(second)
    assert one["sabotage_totals"] == other["sabotage_totals"]
    assert one["permutation"]["clean"] == other["permutation"]["clean"]
    assert one["permutation"]["uniform_weights"] == other["permutation"]["uniform_weights"]
    assert one["finding"][:2] == other["finding"][:2]
    columns = ["id", "agent"]
    pd.testing.assert_frame_equal(
        first.roles.sort_values(columns, ignore_index=True), second.roles.sort_values(columns, ignore_index=True)
    )
    pd.testing.assert_frame_equal(first.profiles, second.profiles, rtol=1e-12)


def test_reordering_agents_reorders_profiles():
    panel = make_panel(200, 3, 4, seed=7)
    back = panel.to_table()
    names = [name for agent in ("agent2", "agent0", "agent1") for name in back.column_names if name.startswith(agent)]
    moved = read_panel(back.select(["id", "y", *names]))
    assert moved.agents == ("agent2", "agent0", "agent1")
    first, second = analyze(panel, n_permutations=5), analyze(moved, n_permutations=5)
    pd.testing.assert_frame_equal(first.profiles.loc[list(moved.agents)], second.profiles)


def test_a_file_is_hashed_and_what_was_ignored_is_named(tmp_path):
    import hashlib

    frame = make_panel(50).to_table().to_pandas().assign(comment="x")
    frame.to_parquet(tmp_path / "p.parquet")
    found = loaded(analyze(read_panel(tmp_path / "p.parquet"), n_permutations=2))
    assert found["input"]["sha256"] == hashlib.sha256((tmp_path / "p.parquet").read_bytes()).hexdigest()
    assert found["input"]["ignored_columns"] == ["comment"]
    assert found["input"]["format"] == "parquet"


def test_notes_say_what_was_worked_around():
    panel = make_panel(300, 3, 3, missing=0.3, no_reliability=0.3, steps=2, columns={"group": pa.array(range(300))})
    panel = Panel(
        **{name: getattr(panel, name) for name in panel.__dataclass_fields__ if name not in ("group", "origin")},
        group="group",
    )
    panel.scores[0, panel.labels[0] >= 0] = np.nan
    notes = " ".join(analyze(panel, rule="weighted_mean", top_k=(1, 4), n_permutations=2).notes)
    for part in (
        "speaks without a reliability on",
        "the weights sum to 0: the agents that speak weigh 1 each",
        "under weighted_mean that is an abstention, which counts as wrong",
        "decisions are ties, which go to the first class",
        "top-k is null for k = 4: there are 3 classes",
        "has a label and nothing that weighted_mean could use on 1 example",
        "p takes the examples of one group to be exchangeable",
        "p_normal takes the statistic to be normal over permutations: an approximation",
        "dose_response is null: it was not asked for",
        "no decision is recorded: replay_agreement is null",
    ):
        assert part in notes


def test_without_permutations_the_test_is_null_with_its_reason():
    found = loaded(analyze(make_panel(30), n_permutations=0))
    assert found["permutation"] is None
    assert "permutation, controls and headroom are null: 0 permutations were asked for" in found["notes"]


def test_top_k_stands_beside_chance_and_the_most_frequent_classes():
    panel = make_panel(100, 2, 4)
    decision = analyze(panel, n_permutations=0, top_k=(1, 4)).decision
    assert decision.top_k["1"] == decision.accuracy
    assert decision.top_k["4"] == 1
    assert decision.chance_top_k == {"1": 0.25, "4": 1.0}
    assert decision.frequent_top_k["1"] == np.bincount(panel.truth).max() / 100


def test_an_audit_shows_itself():
    panel = make_panel(60)
    audit = analyze(panel, n_permutations=20)
    assert audit.finding[0] in repr(audit)
    assert "agent0" in audit._repr_html_()
    assert "Permutation test" in audit.permutation._repr_html_()
    assert "gap" in repr(audit.permutation)
    assert "agents" in repr(panel)
    assert audit.roles is audit.roles
    assert len(audit.roles) == 180
    assert audit.to_html().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"decision": "recorded"}, "holds no recorded decision"),
        ({"decision": "both"}, "decision must be recorded or replayed"),
        ({"top_k": (0,)}, "top_k must be whole numbers from 1 on"),
        ({"rule": "staking"}, "unknown rule 'staking'"),
        ({"rule": "stacking"}, "stacking is learned, and nothing to learn from was given"),
    ],
)
def test_refused(options, says):
    with pytest.raises(SabotageError, match=says):
        analyze(make_panel(20), **options)


def test_a_panel_is_checked():
    sound = make_panel(10)
    fields = {name: getattr(sound, name) for name in sound.__dataclass_fields__}
    for name, value, says in (
        ("truth", sound.truth.astype(np.int64), "truth must be int32 of shape"),
        ("labels", sound.labels + 9, "labels in -1 to 3"),
        ("confidence", sound.confidence + 1, "confidence must lie in"),
        ("reliability", -sound.reliability, "reliability in"),
        ("ids", sound.ids[:3], "one entry an example, 10: found 3"),
        ("agents", ("a", "a", "b"), "agents must have different names"),
        ("scores", sound.scores[:, :, :2], r"scores must be float64 of shape \(10, 3, 4\)"),
    ):
        with pytest.raises(SabotageError, match=says):
            Panel(**(fields | {name: value}))


def test_public_names_exist():
    for name in sabotage.__all__:
        assert getattr(sabotage, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sabotage.nothing  # noqa: B018
    assert "read_panel" in dir(sabotage)


def test_lists_of_numbers_are_one_line_of_the_file():
    panel = replace(make_panel(40), classes=("a\nb", "[\n1,\n2]", '["x"', "]"))
    audit = analyze(panel, n_permutations=0)
    text = audit.to_json()
    assert json.loads(text) == json.loads(json.dumps(audit.content))
    low, high = audit.decision.intervals["accuracy"]
    assert f'      "accuracy": [{low!r}, {high!r}],\n' in text
    assert len(text) < 0.85 * len(json.dumps(audit.content, indent=2))
