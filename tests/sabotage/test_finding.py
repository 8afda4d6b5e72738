"""The finding's sentences, golden: the numbers are those that `sabotage analyze` finds for the human
raters of CREMA-D, weighed four ways."""

import dataclasses
from types import SimpleNamespace

import pytest
from builders import make_panel

from sabotage import permute, replay
from sabotage.finding import find, p_text, points, series, shuffling

VOICE_FACE = ("voice", "face")


def agent(name, saboteur, recoverable, threshold=0.7):
    return SimpleNamespace(
        agent=name, roles={"saboteur": saboteur}, recoverable_saboteur=recoverable, threshold=threshold
    )


def shuffled(clean, mean, p, p2, flips, n=10_000, n_blocks=1):
    return SimpleNamespace(
        clean=clean,
        broken_mean=mean,
        gap=clean - mean,
        p_value=p,
        p_value_two_sided=p2,
        flip_rate=flips,
        n_permutations=n,
        n_blocks=n_blocks,
        measure="balanced accuracy",
        scheme="joint",
        agent=None,
    )


def sentences(
    agents,
    n_wrong,
    accuracy,
    permutation,
    weights="reliability",
    rule="weighted_mean",
    source="replayed",
    best=("face", 0.6901370599301263),
    there=None,
    n_there=7442,
    oracle=0.7660575114216609,
    names=VOICE_FACE,
):
    panel = SimpleNamespace(n_examples=7442, n_agents=len(names), agents=names, weights=weights)
    bounds = SimpleNamespace(
        best_agent=best[0],
        best_agent_accuracy=best[1],
        best_agent_n=n_there,
        decision_accuracy_there=accuracy if there is None else there,
        oracle_accuracy=oracle,
    )
    decision = SimpleNamespace(source=source, accuracy=accuracy)
    return find(panel, rule, decision, bounds, agents, SimpleNamespace(n_wrong=n_wrong), permutation)


def test_learned_reliability():
    found = sentences(
        [agent("voice", 707, 199), agent("face", 649, 107)],
        2269,
        0.6951088417092179,
        shuffled(0.7019769196119121, 0.6727008907212555, 0.0001, 0.0002, 0.08727),
    )
    assert found == (
        "voice sabotages 707 of 2,269 wrong decisions (31.2 %; in 199 of them another agent had the right label) and"
        " face 649 (28.6 %; 107).",
        "The replayed weighted_mean of voice and face is right on 69.5 % of 7,442 examples, 0.5 points more than its"
        " best agent, face (69.0 %); some agent is right on 76.6 %, which is as far as choosing among them could go.",
        "Shuffling reliability across examples changes 8.7 % of the decisions of weighted_mean and costs 2.93 points of"
        " balanced accuracy (70.20 % as observed against 67.27 % shuffled, one-sided p = 0.0001, two-sided p = 0.0002,"
        " 10,000 shuffles).",
    )


def test_confidence_as_the_weight():
    found = sentences(
        [agent("voice", 932, 374), agent("face", 638, 103)],
        2577,
        0.653722117710293,
        shuffled(0.6618329392184922, 0.6588069933489049, 0.0609, 0.1218, 0.06075),
        weights="confidence",
    )
    assert found == (
        "voice sabotages 932 of 2,577 wrong decisions (36.2 %; in 374 of them another agent had the right label) and"
        " face 638 (24.8 %; 103).",
        "The replayed weighted_mean of voice and face is right on 65.4 % of 7,442 examples, 3.6 points fewer than its"
        " best agent, face (69.0 %); some agent is right on 76.6 %, which is as far as choosing among them could go.",
        "Shuffling confidence across examples changes 6.1 % of the decisions of weighted_mean, so they depend on it; on"
        " balance the shuffle costs 0.30 points of balanced accuracy, which does not stand out from chance pairings"
        " (66.18 % as observed against 65.88 % shuffled, one-sided p = 0.061, two-sided p = 0.122, 10,000 shuffles).",
    )


def test_votes():
    found = sentences(
        [agent("voice", 909, 351), agent("face", 650, 113)],
        2597,
        0.6510346680999731,
        shuffled(0.6591215449205269, 0.6070057908583211, 0.0001, 0.0002, 0.2345235),
        weights="confidence",
        rule="weighted_vote",
    )
    assert found[0] == (
        "voice sabotages 909 of 2,597 wrong decisions (35.0 %; in 351 of them another agent had the right label) and"
        " face 650 (25.0 %; 113)."
    )
    assert found[2] == (
        "Shuffling confidence across examples changes 23.5 % of the decisions of weighted_vote and costs 5.21 points of"
        " balanced accuracy (65.91 % as observed against 60.70 % shuffled, one-sided p = 0.0001, two-sided p = 0.0002,"
        " 10,000 shuffles)."
    )


def test_intensity_moves_decisions_without_a_gap_and_is_not_called_idle():
    found = sentences(
        [agent("voice", 904, 361), agent("face", 643, 108)],
        2565,
        0.6553345874764848,
        shuffled(0.6634287001979139, 0.6652459812470339, 0.8898, 0.2234, 0.0428403),
        weights="intensity",
    )
    assert found[2] == (
        "Shuffling the weights (intensity) across examples changes 4.3 % of the decisions of weighted_mean, so they"
        " depend on it; on balance the shuffle gains 0.18 points of balanced accuracy, which does not stand out from"
        " chance pairings (66.34 % as observed against 66.52 % shuffled, one-sided p = 0.890, two-sided p = 0.223,"
        " 10,000 shuffles)."
    )
    for word in ("unused", "no effect", "not used", "ignores", "irrelevant", "useless"):
        assert word not in " ".join(found)


def test_recorded_decisions_and_a_best_agent_that_is_sometimes_silent():
    found = sentences(
        [agent("voice", 421, 67)],
        1988,
        0.7328675,
        None,
        source="recorded",
        best=("face", 0.6894),
        there=0.7501,
        n_there=6613,
    )
    assert found[1].startswith(
        "The recorded decision is right on 73.3 % of 7,442 examples, 6.1 points more than its best agent, face (68.9 %)"
        " on the 6,613 where face speaks (75.0 %); some agent is right on 76.6 %"
    )
    assert found[2] == "Whether the reliability scores do anything was not tested."


def test_harmful_scores_are_said_to_mislead():
    found = sentences([agent("voice", 1, 1)], 5, 0.5, shuffled(0.5, 0.55, 0.999, 0.004, 0.2))
    assert "gains 5.00 points of balanced accuracy: as observed, the scores mislead the fusion" in found[2]


def test_no_flip_is_a_count_of_shuffles_and_no_claim():
    found = sentences([agent("voice", 1, 1)], 5, 0.5, shuffled(0.5, 0.5, 1.0, 1.0, 0.0, n=1))
    assert found[2] == "No decision of weighted_mean changed in 1 shuffle of reliability across examples."


def test_what_could_not_move_is_not_called_shuffled():
    still = shuffled(0.5, 0.5, 1.0, 1.0, 0.0)
    found = sentences([agent("voice", 1, 1)], 5, 0.5, still, rule="majority")
    assert found[2] == "majority takes no reliability, so there was nothing to shuffle."
    alone = shuffled(0.5, 0.5, 1.0, 1.0, 0.0, n_blocks=7442)
    found = sentences([agent("voice", 1, 1)], 5, 0.5, alone)
    assert found[2] == "Nothing could be shuffled: every block holds one example."


def test_a_gap_in_the_last_bit_is_none():
    found = sentences([agent("voice", 1, 1)], 5, 0.5, shuffled(0.5, 0.5 + 1e-16, 1.0, 1.0, 0.5))
    assert "costs 0.00 points" in found[2]


def test_nobody_sabotages():
    none = sentences([agent("voice", 0, 0), agent("face", 0, 0)], 12, 0.5, None)
    assert none[0] == (
        "Nobody sabotages: none of the 12 wrong decisions follows a label that its agent held with a confidence of at"
        " least 0.7."
    )
    perfect = sentences([agent("voice", 0, 0)], 0, 1.0, None)
    assert perfect[0] == "None of the 7,442 decisions is wrong, so nobody sabotages."


def test_many_agents_and_one():
    names = tuple(f"m{k}" for k in range(6))
    found = sentences([agent(name, 10 - k, k) for k, name in enumerate(names)], 100, 0.5, None, names=names)
    assert found[0].endswith("m3 7 (7.0 %; 3) and 2 more, 11 together.")
    assert "weighted_mean of 6 agents is" in found[1]
    alone = sentences([agent("voice", 3, 0)], 10, 0.69, None, names=("voice",), best=("voice", 0.69))
    assert alone[0] == "voice sabotages 3 of 10 wrong decisions (30.0 %)."


@pytest.mark.parametrize(
    ("difference", "digits", "text"),
    [(0.0293, 2, "2.93 points"), (-0.01, 1, "1.0 point"), (0.0004, 1, "0.04 points"), (0, 2, "0.00 points")],
)
def test_points(difference, digits, text):
    assert points(difference, digits) == text


def test_words():
    assert [p_text(p) for p in (1, 0.0676, 0.0001, 0.00999)] == ["1.000", "0.068", "0.0001", "0.01"]
    assert series(["a"]) == "a"
    assert series(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("scheme", "agent", "says"),
    [
        ("independent", None, "Shuffling reliability, each agent's on its own, across examples changes"),
        ("single", "voice", "Shuffling reliability of voice alone across examples changes"),
    ],
)
def test_the_scheme_is_named(scheme, agent, says):
    panel = make_panel(60)
    permutation = permute(replay(panel), n_permutations=20)
    moved = dataclasses.replace(permutation, scheme=scheme, agent=agent)
    assert shuffling(panel, "weighted_mean", moved).startswith(says)
