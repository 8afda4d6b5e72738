"""Profiles in full: the whole against the profiles, parts against panels of those examples, intervals against both."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, panels, seeded
from hypothesis import HealthCheck, given, settings
from statsmodels.stats.proportion import proportion_confint

from sabotage import analyze, assign_roles, replay
from sabotage.intervals import clusters
from sabotage.leading import find_leader
from sabotage.notes import Notes
from sabotage.profiles import profile_agents
from sabotage.profiling import FLAGS, PER_CLASS, SCORES, profile_in_full
from sabotage.resampling import resample
from sabotage.roles import ROLES
from sabotage.sweeping import THRESHOLDS

RULE = "weighted_vote"


def grouped(n, n_groups=20, seed=0, **options):
    values = np.random.default_rng(seed + 99).integers(0, n_groups, n)  # not the stream of the truth
    films = pa.array([None if k == 0 else f"film {k}" for k in values.tolist()])
    return replace(make_panel(n, seed=seed, **options), columns={"film": films}, group="film")


def audit_of(panel, **options):
    return analyze(panel, rule=RULE, n_permutations=0, **options)


def alone(panel, rows, decision):
    """Profile some examples as a panel of their own, under the decisions of the whole."""
    part = replace(panel.take(rows), group=None)
    own = replay(part, RULE)
    roles = assign_roles(part, replace(own.decision, labels=decision.labels[rows]), own)
    return profile_agents(part, roles, (1, 2, 3), Notes())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panel=panels(most=25))
def test_a_part_is_profiled_as_a_panel_of_its_examples(panel):
    films = pa.array([("a", "b", None)[i % 3] for i in range(panel.n_examples)])
    panel = replace(panel, columns={"film": films}, group="film")
    ready = replay(panel, RULE)
    audit = audit_of(panel)
    all_of = {profile.agent: vars(profile) for profile in audit.agents}  # scores of one row may rule out all
    for breakdown, codes in (
        (audit.breakdowns.by_class, [str(panel.classes[label]) for label in panel.truth]),
        (audit.breakdowns.by_group, [film or "no film" for film in films.to_pylist()]),
    ):
        for part in breakdown.parts:
            rows = np.flatnonzero(np.array(codes) == part.label)
            assert part.n == len(rows)
            if not len(rows) or not panel.spoke[rows].all():  # a panel has no agents that never speak
                continue
            whole = alone(panel, rows, ready.decision)
            assert part.n_wrong == (ready.decision.labels != panel.truth)[rows].sum()
            for name, expected in zip(panel.agents, whole, strict=True):
                fields, wanted = part.agents[name], expected.to_dict()
                assert fields["n"] == wanted["n"]
                assert fields["roles"] == wanted["roles"]
                assert fields["rates"] == wanted["rates"]
                for field in (*SCORES, *FLAGS, "saboteur_lift"):
                    if field in PER_CLASS and breakdown is audit.breakdowns.by_class:
                        assert field not in fields
                    elif field == "top_k":
                        assert fields[field] == {k: v for k, v in wanted[field].items() if v is not None}
                    elif field not in ("brier", "log_loss") or all_of[name][field] is not None:
                        assert fields[field] == pytest.approx(wanted[field], abs=1e-9), field


def test_everything_as_one_part_is_the_profile():
    panel = grouped(400, 1, missing=0.2, no_reliability=0.2, n_classes=5)
    audit = audit_of(panel)
    (part,) = audit.breakdowns.by_group.parts
    for profile in audit.agents:
        fields = part.agents[profile.agent]
        for field in SCORES:
            if field != "top_k":
                assert fields[field] == pytest.approx(getattr(profile, field), abs=1e-12), field


def test_shares_have_wilsons_intervals():
    panel = make_panel(300, missing=0.1)
    audit = audit_of(panel)
    wrong = audit.totals.n_wrong
    for profile in audit.agents:
        counts = {
            "accuracy": (round(profile.accuracy * profile.n), profile.n),
            "top_2": (round(profile.top_k["2"] * profile.n_scored), profile.n_scored),
            **{f"{role}_per_example": (profile.roles[role], 300) for role in ROLES},
            "saboteur_per_wrong_decision": (profile.roles["saboteur"], wrong),
            "pivotal_saboteur_per_wrong_decision": (profile.pivotal_saboteur, wrong),
            "potential_saboteur_per_example": (profile.potential_saboteur, 300),
        }
        for field, (hits, n) in counts.items():
            assert profile.intervals[field] == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)
    assert audit.breakdowns.method["rates"] == "wilson"
    low, high = audit.decision.intervals["accuracy"]
    assert low < audit.decision.accuracy < high


def test_ranks_have_the_intervals_of_the_alignment():
    for panel in (make_panel(300, missing=0.1), grouped(600, missing=0.1)):
        audit = audit_of(panel)
        for profile, own in zip(audit.agents, audit.alignment, strict=True):
            assert profile.intervals["auroc_reliability"] == pytest.approx(own.auroc.interval, rel=1e-9)


def test_scores_over_classes_are_about_as_wide_as_a_bootstrap():
    for panel in (make_panel(400, 1), grouped(900, 60, n_agents=1)):
        audit = audit_of(panel)
        labels = panel.labels.T.copy()
        found = resample(panel.truth, labels, PER_CLASS, panel.n_classes, clusters(panel))
        for field in PER_CLASS:
            expected = found.against(field, 0).rules[0].interval
            low, high = audit.agents[0].intervals[field]
            assert high - low == pytest.approx(expected[1] - expected[0], rel=0.15)
            assert (low + high) / 2 == pytest.approx(getattr(audit.agents[0], field), abs=1e-9)


def test_clusters_of_one_change_little_and_clusters_of_copies_much():
    panel = make_panel(200)
    single = replace(panel, columns={"film": pa.array(range(200))}, group="film")
    twice = replace(panel.take(np.repeat(np.arange(200), 2)), columns={"film": pa.array(np.repeat(range(200), 2))})
    plain, own = audit_of(panel).agents[0], audit_of(single).agents[0]
    copies, apart = (audit_of(replace(twice, group=group)).agents[0] for group in ("film", None))
    for field, span in plain.intervals.items():
        if span is None:
            continue
        width = span[1] - span[0]
        assert own.intervals[field][1] - own.intervals[field][0] == pytest.approx(width, rel=0.12, abs=1e-3), field
        low, high = copies.intervals[field]
        assert high - low == pytest.approx(width, rel=0.15, abs=4e-3), field
    assert np.diff(apart.intervals["accuracy"]) < 0.75 * np.diff(copies.intervals["accuracy"])


def test_fewer_than_ten_clusters_have_no_interval_and_say_so_once():
    audit = audit_of(grouped(200, 6))
    assert not any(span is not None for profile in audit.agents for span in profile.intervals.values())
    assert not any(span is not None for span in audit.decision.intervals.values())
    assert sum(note.startswith("intervals are null: it takes 10 clusters, found 6") for note in audit.notes) == 1
    assert audit.breakdowns.method["n_resamples"] == 0
    groups = audit.by_group  # in a group its examples are the sample
    assert groups["accuracy_low"].notna().all()


def test_intervals_over_few_clusters_are_called_rough():
    said = [sum("clusters are rough" in note for note in audit_of(grouped(400, n)).notes) for n in (8, 20, 40)]
    assert said == [0, 1, 0]


def test_notes_do_not_grow_with_agents_and_classes():
    few, many = (audit_of(make_panel(400, m, c)) for m, c in ((2, 3), (12, 40)))
    own = [[note for note in audit.notes if "interval" in note and "gain" not in note] for audit in (few, many)]
    assert len(own[1]) <= len(own[0]) + 2
    assert max(map(len, own[1])) < 400


def test_ids_over_seeds_are_clusters():
    audit = audit_of(seeded(40, 3))
    assert audit.breakdowns.method["rates"] == "cluster bootstrap"
    assert audit.breakdowns.method["n_clusters"] <= 40


@pytest.mark.parametrize("recorded", [False, True])
def test_the_sweep_is_what_every_threshold_gives(recorded):
    panel = make_panel(300, missing=0.1, steps=20, recorded=recorded)
    audit = audit_of(panel)
    sweep = audit.breakdowns.sweep
    assert sweep.thresholds == THRESHOLDS
    for place in (0, 7, 14, 20):
        own = audit_of(panel, threshold=THRESHOLDS[place])
        assert sweep.with_saboteur[place] == own.totals.n_with_saboteur
        for profile in own.agents:
            agent = sweep.agents[profile.agent]
            expected = (profile.roles["saboteur"], profile.recoverable_saboteur, profile.pivotal_saboteur)
            assert (agent.saboteur[place], agent.recoverable[place], agent.pivotal[place]) == expected
            assert agent.potential[place] == profile.potential_saboteur
            assert agent.interval[place] == pytest.approx(profile.intervals["saboteur_per_wrong_decision"], abs=1e-12)


def test_the_sweep_of_clusters_has_the_intervals_of_the_profile():
    audit = audit_of(grouped(400))
    for profile in audit.agents:
        expected = profile.intervals["saboteur_per_wrong_decision"]
        assert audit.breakdowns.sweep.agents[profile.agent].interval[14] == pytest.approx(expected, abs=1e-12)


def test_what_is_not_known_to_be_pivotal_has_no_interval():
    panel = make_panel(60)
    ready = replay(panel, RULE)
    roles = assign_roles(panel, ready.decision, None)
    notes = Notes()
    profiles = profile_agents(panel, roles, (1,), notes)
    audit = audit_of(panel)
    full, _, _ = profile_in_full(panel, roles, profiles, audit.decision, notes)
    assert full[0].intervals["pivotal_saboteur_per_example"] is None
    assert full[0].intervals["saboteur_per_example"] is not None


def test_frames_have_the_ends_of_intervals():
    audit = audit_of(grouped(300))
    frame = audit.profiles
    low, high = audit.agents[0].intervals["saboteur_per_wrong_decision"]
    row = frame.loc["agent0"]
    assert (row["saboteur_rate_per_wrong_decision_low"], row["saboteur_rate_per_wrong_decision_high"]) == (low, high)
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    assert audit.by_class.index.names == ["part", "agent"]
    assert audit.by_group.loc[("no film", "agent1"), "n_examples"] == audit.panel.columns["film"].null_count
    assert audit_of(make_panel(30)).by_group is None


def test_the_leader_is_ahead_of_every_other():
    panel = make_panel(400, 3)
    panel.labels[:, 1] = panel.truth
    assert find_leader(panel) == "agent1"
    panel.labels[:, 2] = panel.truth
    assert find_leader(panel) is None
    assert find_leader(make_panel(400, 1)) is None


@pytest.mark.parametrize("panel", [grouped(200, 15, missing=0.1), seeded(40, 3)])
def test_the_order_of_rows_changes_nothing(panel):
    turned = panel.take(np.random.default_rng(1).permutation(panel.n_examples))
    first, second = (audit_of(own).content for own in (panel, turned))
    parts = "by_class" if panel.group is None else "by_group"
    for agent in panel.agents:
        for own, other in (
            (first["agents"][agent], second["agents"][agent]),
            *(
                (part["agents"][agent], second["profiles"][parts]["parts"][name]["agents"][agent])
                for name, part in first["profiles"][parts]["parts"].items()
            ),
        ):
            assert own["roles"] == other["roles"]
            for field, span in own["intervals"].items():
                assert other["intervals"][field] == (None if span is None else pytest.approx(span, abs=1e-9)), field


def test_it_is_the_same_to_the_last_bit():
    panel = grouped(300, missing=0.1)
    assert audit_of(panel).to_json() == audit_of(panel).to_json()
