"""Simulated panels: well-formed at any size, and the audit finds in them what they say of themselves."""

import numpy as np
import pytest

from sabotage import SabotageError, analyze, permute, read_panel, replay
from sabotage.planted_runs import WITH_CAUSE
from sabotage.scenarios import AGENTS, AUDIO, CLASSES, TEXT, VIDEO
from sabotage.simulation import FEWEST_GROUPS, SCENARIOS, simulate

ARRAYS = ("truth", "labels", "confidence", "scores", "reliability")
PLANTED_COLUMNS = {"group", "site", "noise", "device", *(f"annotator_{k}" for k in range(1, 6))}
DELTA = 0.01  # a gap within this is neutral
every = pytest.mark.parametrize("scenario", SCENARIOS)


def assert_same(panel, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(panel, name), getattr(other, name), err_msg=name)
    assert (panel.agents, panel.classes, panel.group) == (other.agents, other.classes, other.group)
    assert panel.ids.equals(other.ids)
    assert panel.columns == other.columns


def shuffle(panel, **options):
    return permute(replay(panel), **{"n_permutations": 500, "exact": True} | options)


def roles(panel):
    return {profile.agent: profile for profile in analyze(panel, n_permutations=0).agents}


@every
def test_a_seed_is_a_panel(scenario):
    panel = simulate(scenario, 300, 5)
    assert_same(panel, simulate(scenario, 300, 5))
    for seed in (6, 2**64 - 1):
        other = simulate(scenario, 300, seed)
        assert all((getattr(panel, name) != getattr(other, name)).any() for name in ARRAYS)


def test_scenarios_draw_from_streams_of_their_own():
    # Two scenarios of the same generator and the same first numbers.
    assert (simulate("aligned", 300).truth != simulate("uninformative", 300).truth).any()


@every
def test_runs_share_the_examples_and_not_what_agents_emit(scenario):
    first, second, third = (simulate(scenario, 300, 5, run) for run in (0, 1, 2))
    assert_same(second, simulate(scenario, 300, 5, 1))
    for own, other in ((first, second), (second, third)):
        np.testing.assert_array_equal(own.truth, other.truth)
        assert own.ids.equals(other.ids)
        assert (own.columns, own.group) == (other.columns, other.group)
        assert (own.labels != other.labels).any()
        assert (own.confidence != other.confidence).any()
        # Errors have nothing in common but what makes examples alike.
        assert own.origin.name != other.origin.name


@every
@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_panels_are_well_formed_at_any_size(scenario, n):
    panel = simulate(scenario, n, 3)
    assert (panel.n_examples, panel.agents, panel.classes) == (n, AGENTS, CLASSES)
    assert panel.ids.to_pylist() == list(range(n))
    assert panel.origin.name == f"simulated {scenario}"
    spoke = panel.spoke
    assert spoke.any(axis=0).all()
    said = panel.scores[spoke]
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    assert (said > 0).all()
    np.testing.assert_array_equal(said.argmax(axis=1), panel.labels[spoke])
    np.testing.assert_array_equal(said.max(axis=1), panel.confidence[spoke])
    assert (np.sort(said, axis=1)[:, -2] < panel.confidence[spoke]).all()  # no ties
    assert ((panel.reliability[spoke] > 0) & (panel.reliability[spoke] <= 1)).all()
    assert all(np.isnan(getattr(panel, name)[~spoke]).all() for name in ("scores", "confidence", "reliability"))
    assert spoke.all() or scenario == "missing-modality"
    kept = {"grouped": {"group"}, "easy": {"kind"}} | dict.fromkeys(WITH_CAUSE, PLANTED_COLUMNS)
    kept["mislabelled"] = {*PLANTED_COLUMNS, "mislabelled"}
    assert set(panel.columns) == kept.get(scenario, set())
    assert 0 <= permute(replay(panel), n_permutations=3).clean <= 1


@every
@pytest.mark.parametrize("n", [1, 70])
def test_panels_survive_a_file(scenario, n, tmp_path):
    panel = simulate(scenario, n, 2)
    path = tmp_path / "preds.parquet"
    panel.to_parquet(path)
    assert_same(panel, read_panel(path, keep=[name for name in panel.columns if name != panel.group]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("alinged",),
            r"unknown scenario 'alinged' \(did you mean aligned\?\): choose from aligned, ambiguous, bad-backbone, ",
        ),
        (("easy", 0), "n must be at least 1: found 0"),
        (("easy", 10, -1), r"seed must lie in \[0, 2\^64\): found -1"),
        (("easy", 10, 0, -1), r"run must lie in \[0, 2\^32\): found -1"),
        (("easy", 10, 2**64), r"seed must lie in \[0, 2\^64\): found 18446744073709551616"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(SabotageError, match=message):
        simulate(*arguments)


@every
def test_scenarios_describe_themselves(scenario):
    described = SCENARIOS[scenario]
    assert described.name == scenario
    assert described.verdict in ("helpful", "neutral", "harmful")
    for sentence in (described.summary, described.roles):
        assert sentence.endswith(".")
        assert ". " not in sentence
    assert described.parameters


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "grouped"])
def test_the_permutation_test_answers_as_announced(scenario, seed):
    verdict = SCENARIOS[scenario].verdict
    found = shuffle(simulate(scenario, 20_000 if verdict == "neutral" else 4000, seed), seed=seed)
    low, high = found.moments.gap_interval
    assert found.flip_rate > 0.05
    if verdict == "neutral":
        assert -DELTA < low < 0 < high < DELTA
        assert found.p_value_two_sided > 0.05
    elif verdict == "helpful":
        assert low > 0.05
        assert found.p_value_two_sided <= 0.05
    else:
        assert high < -0.05
        assert found.p_value_two_sided <= 0.05


@pytest.mark.parametrize("scenario", ["aligned", "uninformative"])
def test_there_is_much_to_gain_and_only_telling_reliability_gains_it(scenario):
    panel = simulate(scenario, 8000, 4)
    audit = analyze(panel, n_permutations=500)
    best = max(profile.accuracy for profile in audit.agents)
    assert audit.bounds.oracle_accuracy > best + 0.25
    gained = audit.decision.accuracy - best
    assert gained > 0.2 if scenario == "aligned" else gained < 0.1
    if scenario == "aligned":
        assert audit.permutation.gap > 0.7 * (audit.bounds.oracle_accuracy - best)


def test_the_overconfident_agent_sabotages():
    panel = simulate("overconfident-agent", 4000)
    found = roles(panel)
    saboteur = {agent: profile.roles["saboteur"] for agent, profile in found.items()}
    assert saboteur["video"] > 5 * max(saboteur["text"], saboteur["audio"])
    wrong = panel.labels[:, VIDEO] != panel.truth
    assert 0.4 < wrong.mean() < 0.5
    assert (panel.confidence[wrong, VIDEO] >= 0.9).all()
    assert (panel.reliability[wrong].argmax(axis=1) == VIDEO).all()
    # The others mean what they say: among those near a confidence, that share is right.
    for m in (TEXT, AUDIO):
        right = panel.labels[:, m] == panel.truth
        for confidence in (0.5, 0.7, 0.9):
            near = np.abs(panel.confidence[:, m] - confidence) < 0.05
            assert right[near].mean() == pytest.approx(confidence, abs=4 * 0.5 / near.sum() ** 0.5)
        # Their reliability has nothing to do with it.
        own = panel.reliability[:, m]
        assert abs(np.corrcoef(own, right)[0, 1]) < 4 / len(own) ** 0.5


def test_colluding_agents_share_their_sabotage():
    panel = simulate("colluding-agents", 4000)
    found = roles(panel)
    for agent in ("audio", "video"):
        assert found[agent].shared_saboteur > 0.9 * found[agent].roles["saboteur"]
        assert found[agent].roles["saboteur"] > 5 * found["text"].roles["saboteur"]
    wrong = panel.labels[:, AUDIO] != panel.truth
    same = panel.labels[wrong, VIDEO] == panel.labels[wrong, AUDIO]
    assert same.mean() == pytest.approx(SCENARIOS["colluding-agents"].parameters["rho"], abs=0.03)
    assert (panel.labels[wrong, TEXT] == panel.truth[wrong]).mean() > 0.9


def test_the_other_scenarios_have_the_roles_that_they_name():
    found = roles(simulate("aligned", 8000))
    for profile in found.values():
        assert profile.roles["overruled"] > 2 * (profile.roles["misleader"] + profile.roles["saboteur"])
    for scenario in ("uninformative", "grouped"):
        counts = [profile.roles["saboteur"] for profile in roles(simulate(scenario, 8000)).values()]
        assert min(counts) > 0.8 * max(counts) > 400
    panel = simulate("missing-modality", 8000)
    found = analyze(panel, n_permutations=0)
    alone = panel.spoke & (panel.spoke.sum(axis=1) == 1)[:, None]
    wrong = alone & (panel.labels != panel.truth[:, None])
    assert set(found.roles["role"].to_numpy()[wrong.ravel()]) == {"misleader", "saboteur"}
    found = roles(simulate("easy", 8000))
    assert found["text"].roles["saboteur"] == 0
    for agent in ("audio", "video"):
        assert found[agent].shared_saboteur == found[agent].roles["saboteur"] > 400


def test_modalities_are_missing_at_their_own_rates():
    spoke = simulate("missing-modality", 8000).spoke
    rates = SCENARIOS["missing-modality"].parameters["silent"]
    np.testing.assert_allclose(1 - spoke.mean(axis=0), rates, rtol=0, atol=4 * 0.5 / 8000**0.5)
    patterns, counts = np.unique(spoke, axis=0, return_counts=True)
    assert len(patterns) == 8
    assert 0 < counts[~patterns.any(axis=1)].sum() <= 80
    assert counts[patterns.sum(axis=1) == 1].sum() > 400


@pytest.mark.parametrize(("n", "groups"), [(5, 5), (100, FEWEST_GROUPS), (240, 12), (2000, 100), (2010, 100)])
def test_subjects_are_a_twentieth_of_the_examples(n, groups):
    panel = simulate("grouped", n)
    sizes = np.bincount(panel.codes("group") - 1)
    assert panel.group == "group"
    assert len(sizes) == groups
    assert sizes.max() - sizes.min() <= 1


def test_the_gap_between_subjects_is_zero_though_p_is_often_small():
    tests = [shuffle(simulate("grouped", 300, seed), n_permutations=200, seed=seed) for seed in range(100)]
    gaps = np.array([test.moments.gap_u for test in tests])
    assert abs(gaps.mean()) < 3 * gaps.std(ddof=1) / len(gaps) ** 0.5
    # Were p what it says, 15 of 100 or more would have a chance of 1 in 7,000.
    assert sum(test.p_value_two_sided <= 0.05 for test in tests) >= 15
    holds = sum(test.moments.gap_interval[0] <= 0 <= test.moments.gap_interval[1] for test in tests)
    assert holds >= 85  # the interval knows of the subjects


def test_the_gap_between_subjects_is_neutral_in_a_large_sample():
    low, high = shuffle(simulate("grouped", 60_000), n_permutations=64).moments.gap_interval
    assert -DELTA < low < 0 < high < DELTA


def test_difficulty_is_all_that_reliability_knows():
    panel = simulate("easy", 8000)
    kind = np.array(panel.column("kind").to_pylist())
    means = np.sort(panel.scores.mean(axis=1), axis=1)
    margin = means[:, -1] - means[:, -2]
    assert set(kind) == {"easy", "hard"}
    assert margin[kind == "easy"].min() > 0.5
    assert margin[kind == "hard"].max() < 0.3
    right = panel.labels == panel.truth[:, None]
    assert (right[kind == "easy"].mean(axis=0).argsort()[0], right[kind == "hard"].mean(axis=0).argmax()) == (
        TEXT,
        TEXT,
    )

    whole, inside = shuffle(panel), shuffle(panel, within=["kind"])
    assert inside.n_blocks == 2
    assert whole.moments.gap_interval[0] > 0.05
    low, high = inside.moments.gap_interval
    assert -DELTA < low < 0 < high < DELTA
    assert inside.p_value_two_sided > 0.05
    assert inside.flip_rate > 0.01  # not for want of anything to change


def test_truths_are_wrong_where_the_column_says_so_and_agents_are_not():
    runs = [simulate("mislabelled", 2000, 1, run) for run in range(2)]
    planted = runs[0].column("mislabelled").to_numpy(zero_copy_only=False)
    assert 0.03 < planted.mean() < 0.07
    for panel in runs:
        right = panel.labels == panel.truth[:, None]
        assert right[~planted].mean() > 0.8
        assert right[planted].mean() < 0.1


def test_video_is_bad_in_one_run_alone():
    share = [(panel.labels[:, VIDEO] == panel.truth).mean() for panel in
             (simulate("bad-backbone", 1000, 1, run) for run in range(4))]  # fmt: skip
    assert share[2] < 0.3
    assert min(share[:2] + share[3:]) > 0.7
