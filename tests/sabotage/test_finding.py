"""The finding's sentences, golden: the numbers are those that `sabotage analyze` finds for the human
raters of CREMA-D, weighed four ways."""

import dataclasses
from types import SimpleNamespace

import pytest
from builders import make_panel

from sabotage import permute, replay
from sabotage.finding import find
from sabotage.intervals import Estimate
from sabotage.moments import Moments
from sabotage.saying import p_text, points, series, what_was_found, what_was_not_shown

VOICE_FACE = ("voice", "face")


def agent(name, saboteur, recoverable, threshold=0.7, interval=None):
    return SimpleNamespace(
        agent=name,
        roles={"saboteur": saboteur},
        recoverable_saboteur=recoverable,
        threshold=threshold,
        intervals={"saboteur_per_wrong_decision": interval},
    )


TEMPLATE = permute(replay(make_panel(60)), n_permutations=20)


def shuffled(clean, gap, reach, p2, flips, beside=None, n=10_000, **others):
    """Make a result with an interval gap +- reach, without one where reach is None."""
    interval = None if reach is None else (gap - reach, gap + reach)
    weightless = None if beside is None else Estimate(beside[0], 0.1, beside[1:], 91)
    return dataclasses.replace(
        TEMPLATE,
        clean=clean,
        gap=gap,
        p_value_two_sided=p2,
        flip_rate=flips,
        n_permutations=n,
        moments=None if reach is None else Moments(clean - gap, 0.002, gap, reach / 1.987, interval, 91, 100.0, None),
        why_no_moments="nobody looked" if reach is None else None,
        against_weightless=weightless,
        **{"rule": "weighted_mean", "still": None} | others,
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
    kinds=(),
    span=None,
    lead=None,
):
    panel = SimpleNamespace(n_examples=7442, n_agents=len(names), agents=names, weights=weights, kinds=dict(kinds))
    bounds = SimpleNamespace(
        best_agent=best[0],
        best_agent_accuracy=best[1],
        best_agent_n=n_there,
        decision_accuracy_there=accuracy if there is None else there,
        oracle_accuracy=oracle,
        lead=Estimate(0.0, None, lead, 91),
    )
    decision = SimpleNamespace(source=source, accuracy=accuracy, intervals={"accuracy": span})
    return find(panel, rule, decision, bounds, agents, SimpleNamespace(n_wrong=n_wrong), permutation)


def test_learned_reliability():
    found = sentences(
        [agent("voice", 707, 199), agent("face", 649, 107)],
        2269,
        0.6951088417092179,
        shuffled(0.7019769196119121, 0.0292671626, 0.0051346, 0.0002, 0.08722),
    )
    assert found == (
        "voice sabotages 707 of 2,269 wrong decisions (31.2 %; in 199 of them another agent had the right label) and"
        " face 649 (28.6 %; 107).",
        "The replayed weighted_mean of voice and face is right on 69.5 % of 7,442 examples, 0.5 points more than its"
        " best agent, face (69.0 %); some agent is right on 76.6 %, which is as far as choosing among them could go.",
        "With another example's reliability, 8.7 % of the decisions of weighted_mean change and balanced accuracy falls"
        " by 2.93 points (95 % interval of the loss +2.41 to +3.44 points, 70.20 % as observed, two-sided p = 0.0002,"
        " 10,000 shuffles): the scores are helpful.",
    )


def test_shares_and_the_lead_have_their_intervals():
    found = sentences(
        [agent("voice", 932, 374, interval=(0.3433, 0.3804)), agent("face", 638, 103, interval=(0.2313, 0.2646))],
        2577,
        0.653722117710293,
        None,
        span=(0.6428, 0.6645),
        lead=(-0.0436, -0.0292),
    )
    assert found[0] == (
        "voice sabotages 932 of 2,577 wrong decisions (36.2 % [34.3, 38.0]; in 374 of them another agent had the right"
        " label) and face 638 (24.8 % [23.1, 26.5]; 103)."
    )
    assert found[1].startswith(
        "The replayed weighted_mean of voice and face is right on 65.4 % [64.3, 66.5] of 7,442 examples, 3.6 points"
        " [+2.9, +4.4] fewer than its best agent, face (69.0 %);"
    )
    ahead = sentences([agent("voice", 1, 1)], 5, 0.6951, None, lead=(-0.004, 0.0139))
    assert "0.5 points [-0.4, +1.4] more than its best agent" in ahead[1]


def test_confidence_as_the_weight():
    found = sentences(
        [agent("voice", 932, 374), agent("face", 638, 103)],
        2577,
        0.653722117710293,
        shuffled(0.6618329392184922, 0.0030147584, 0.003169, 0.122, 0.06075),
        weights="confidence",
    )
    assert found == (
        "voice sabotages 932 of 2,577 wrong decisions (36.2 %; in 374 of them another agent had the right label) and"
        " face 638 (24.8 %; 103).",
        "The replayed weighted_mean of voice and face is right on 65.4 % of 7,442 examples, 3.6 points fewer than its"
        " best agent, face (69.0 %); some agent is right on 76.6 %, which is as far as choosing among them could go.",
        "With another example's confidence, 6.1 % of the decisions of weighted_mean change and balanced accuracy falls"
        " by 0.30 points (95 % interval of the loss -0.02 to +0.62 points, 66.18 % as observed, two-sided p = 0.122,"
        " 10,000 shuffles): the scores are neutral.",
    )


def test_votes():
    found = sentences(
        [agent("voice", 909, 351), agent("face", 650, 113)],
        2597,
        0.6510346680999731,
        shuffled(0.6591215449205269, 0.0520779793, 0.0066057, 0.0002, 0.2345235, rule="weighted_vote"),
        weights="confidence",
        rule="weighted_vote",
    )
    assert found[0] == (
        "voice sabotages 909 of 2,597 wrong decisions (35.0 %; in 351 of them another agent had the right label) and"
        " face 650 (25.0 %; 113)."
    )
    assert found[2] == (
        "With another example's confidence, 23.5 % of the decisions of weighted_vote change and balanced accuracy falls"
        " by 5.21 points (95 % interval of the loss +4.55 to +5.87 points, 65.91 % as observed, two-sided p = 0.0002,"
        " 10,000 shuffles): the scores are helpful."
    )


def test_intensity_moves_decisions_without_a_gap_and_is_not_called_idle():
    found = sentences(
        [agent("voice", 904, 361), agent("face", 643, 108)],
        2565,
        0.6553345874764848,
        shuffled(0.6634287001979139, -0.0018246777, 0.0032128, 0.212, 0.0428403),
        weights="intensity",
    )
    assert found[2] == (
        "With another example's intensity, 4.3 % of the decisions of weighted_mean change and balanced accuracy rises"
        " by 0.18 points (95 % interval of the loss -0.50 to +0.14 points, 66.34 % as observed, two-sided p = 0.212,"
        " 10,000 shuffles): the scores are neutral."
    )
    for word in ("unused", "no effect", "not used", "ignores", "irrelevant", "useless"):
        assert word not in " ".join(found)
    limit = what_was_not_shown(shuffled(0.66, -0.0018, 0.0032, 0.212, 0.04))
    assert limit.startswith("Not shown: that nothing depends on the scores, or that they carry no information;")
    assert "a gap within +-0.01 is not excluded" in limit


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


def third(permutation, **options):
    return sentences([agent("voice", 1, 1)], 5, 0.5, permutation, **options)[2]


def test_harmful_scores_are_called_so():
    harmful = shuffled(0.5, -0.05, 0.01, 0.004, 0.2, (-0.03, -0.04, -0.02))
    assert third(harmful).endswith("rises by 5.00 points (95 % interval of the loss -6.00 to -4.00 points, 50.00 % as"
                                   " observed, two-sided p = 0.004, 10,000 shuffles): the scores, as observed, are harmful.")  # fmt: skip
    assert what_was_not_shown(harmful) == ("Not shown: what other scores could do; equal weights do better than these.")
    unsure = dataclasses.replace(harmful, against_weightless=Estimate(-0.01, 0.01, (-0.03, 0.01), 91))
    assert what_was_not_shown(unsure) == (
        "Not shown: that equal weights would do better: the 95 % interval of what the rule gains on them is -3.00 to"
        " +1.00 points."
    )


def test_helpful_scores_need_not_beat_equal_weights():
    helpful = shuffled(0.5, 0.05, 0.01, 0.004, 0.2, (0.001, -0.02, 0.02))
    assert what_was_not_shown(helpful) == (
        "Not shown: whose scores do it (--scheme single tests each agent's), and that weighing by them beats equal"
        " weights: the 95 % interval of what the rule gains on them is -2.00 to +2.00 points."
    )
    assert "whose scores" not in what_was_not_shown(dataclasses.replace(helpful, agent="agent0", scheme="single"))
    better = dataclasses.replace(helpful, against_weightless=Estimate(0.04, 0.01, (0.02, 0.06), 91))
    assert what_was_not_shown(better).endswith("tests each agent's), and what other scores could do.")


def test_inconclusive_names_the_gap_that_would_be_seen():
    wide = shuffled(0.5, 0.0, 0.04, 0.9, 0.2)
    assert third(wide).endswith(
        "and balanced accuracy does not change on balance (95 % interval of the loss -4.00 to +4.00 points, 50.00 % as"
        " observed, two-sided p = 0.900, 10,000 shuffles): inconclusive, the interval of the gap holds 0 and reaches"
        " beyond +-0.01; the smallest visible gap is 0.0564."
    )
    assert what_was_not_shown(wide).endswith("a sample like this shows a gap of 5.64 points four times in five.")
    without = shuffled(0.5, 0.02, None, 0.01, 0.2)
    assert third(without).endswith("inconclusive, the gap has no interval: nobody looked.")
    assert what_was_not_shown(without).endswith("the gap has no interval here.")


def test_a_small_difference_that_is_seen_is_said_to_be_below_what_matters():
    small = shuffled(0.5, 0.005, 0.002, 0.001, 0.2)
    assert third(small).endswith("the scores are neutral, the difference is detectable but below what matters.")
    assert what_was_not_shown(small) == (
        "Not shown: that the difference is worth having, or avoiding: it is smaller than 0.01."
    )


def test_what_could_not_move_is_not_called_shuffled():
    still = shuffled(0.5, 0.0, 0.0, 1.0, 0.0, still="no decision can change")
    assert third(still) == "Reliability is inert under weighted_mean: no decision can change."
    unweighed = dataclasses.replace(still, rule="majority", still="majority takes no reliability")
    assert third(unweighed, rule="majority") == ("majority takes no reliability, so there was nothing to shuffle.")
    alone = shuffled(0.5, 0.0, 0.0, 1.0, 0.0, n_usable=0)
    assert third(alone) == ("Nothing could be shuffled: no block holds two different rows of reliability (untestable).")
    assert what_was_not_shown(still).startswith("Not shown: that the scores carry no information")
    assert what_was_not_shown(alone).startswith("Not shown: anything about the scores")


def test_a_gap_in_the_last_bit_is_none():
    assert "does not change on balance" in third(shuffled(0.5, 1e-16, 0.04, 1.0, 0.5))


def test_a_logarithm_is_no_percentage():
    found = third(shuffled(-0.8, 0.05, 0.01, 0.001, 0.1, statistic="log_likelihood"))
    assert (
        "and log-likelihood falls by 0.0500 (95 % interval of the loss +0.0400 to +0.0600, -0.8000 as observed" in found
    )


def test_several_tests_show_both_p():
    found = third(shuffled(0.5, 0.05, 0.01, 0.03, 0.1, p_adjusted=0.06, p_two_sided_adjusted=0.06, adjustment="holm"))
    assert "two-sided p = 0.030, 0.060 adjusted, 10,000 shuffles): inconclusive" in found


def test_nobody_sabotages():
    none = sentences([agent("voice", 0, 0), agent("face", 0, 0)], 12, 0.5, None)
    assert none[0] == (
        "Nobody sabotages: none of the 12 wrong decisions follows a label that its agent held with a confidence of at"
        " least 0.7."
    )
    one = sentences([agent("voice", 0, 0)], 1, 0.5, None)
    assert one[0].startswith("Nobody sabotages: the one wrong decision follows no label that its agent held")
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
        ("independent", None, "With another example's reliability, each agent's from an example of its own, "),
        ("single", "voice", "With another example's reliability for voice alone, "),
    ],
)
def test_the_scheme_is_named(scheme, agent, says):
    moved = dataclasses.replace(TEMPLATE, scheme=scheme, agent=agent)
    assert what_was_found(make_panel(60), moved).startswith(says)


@pytest.mark.parametrize(
    ("kinds", "verb"),
    [
        ({}, "sabotages"),
        ({"voice": "only", "face": "only"}, "alone holds"),
        ({"voice": "without", "face": "without"}, "still holds"),
        ({"voice": "without", "face": "only"}, "holds"),
    ],
)
def test_one_model_does_not_sabotage_itself(kinds, verb):
    found = sentences([agent("voice", 932, 374), agent("face", 638, 103)], 2577, 0.654, TEMPLATE, kinds=kinds)
    assert found[0].startswith(f"voice {verb} 932 of 2,577 wrong decisions (36.2 %; in 374 of them")
