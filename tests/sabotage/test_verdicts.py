"""The verdict: every word and every border between two, by rule and on panels small enough to work out by hand."""

from dataclasses import replace
from math import comb, inf, nextafter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from statsmodels.stats.multitest import multipletests

from sabotage import Panel, SabotageError, permute, replay
from sabotage.adjusting import adjust
from sabotage.permutation import permute_each
from sabotage.results import adjust_tests
from sabotage.verdicts import WORDS, judge

DEFAULTS = {
    "n_usable": 10,
    "still": None,
    "interval": (-0.1, 0.1),
    "why_no_interval": None,
    "p_two_sided": 0.5,
    "smallest_visible_gap": 0.14,
    "delta": 0.01,
}


@pytest.mark.parametrize(
    ("word", "given", "says"),
    [
        # The first that matches: nothing to exchange, then the proof, then no interval.
        ("untestable", {"n_usable": 0, "still": "proof", "interval": None}, "no block holds two different rows"),
        ("inert", {"n_usable": 1, "still": "proof", "interval": None}, "proof"),
        ("inert", {"still": "proof", "interval": (0.2, 0.3), "p_two_sided": 0.001}, "proof"),
        ("inconclusive", {"interval": None, "why_no_interval": "few", "p_two_sided": 0.001}, "no interval: few"),
        # Inside +-delta, its ends included.
        ("neutral", {"interval": (-0.01, 0.01)}, "inside +-0.01"),
        ("neutral", {"interval": (0.0, 0.01), "p_two_sided": 0.001}, "inside +-0.01"),
        ("inconclusive", {"interval": (-0.01, nextafter(0.01, inf))}, "holds 0 and reaches beyond +-0.01"),
        ("inconclusive", {"interval": (nextafter(-0.01, -inf), 0.01)}, "holds 0 and reaches beyond +-0.01"),
        ("neutral", {"interval": (0.001, 0.01), "p_two_sided": 0.001}, "detectable but below delta"),
        ("neutral", {"interval": (-0.01, -0.001), "p_two_sided": 0.001}, "detectable but below delta"),
        ("helpful", {"interval": (0.001, nextafter(0.01, inf)), "p_two_sided": 0.05}, "lies above 0"),
        ("harmful", {"interval": (nextafter(-0.01, -inf), -0.001), "p_two_sided": 0.05}, "lies below 0"),
        # An end of exactly 0 holds 0.
        ("inconclusive", {"interval": (0.0, 0.2), "p_two_sided": 0.05}, "p is at most .05, but the interval of the gap holds 0"),
        ("helpful", {"interval": (5e-324, 0.2), "p_two_sided": 0.05}, "above 0 and the two-sided p is at most .05"),
        ("inconclusive", {"interval": (-0.2, 0.0), "p_two_sided": 0.05}, "p is at most .05, but the interval of the gap holds 0"),
        ("harmful", {"interval": (-0.2, -5e-324), "p_two_sided": 0.05}, "below 0 and the two-sided p is at most .05"),
        # p of exactly .05 is enough.
        ("inconclusive", {"interval": (0.1, 0.2), "p_two_sided": nextafter(0.05, 1)}, "leaves out 0, but the two-sided p is above .05"),
        ("inconclusive", {"interval": (-0.2, -0.1), "p_two_sided": nextafter(0.05, 1)}, "leaves out 0, but the two-sided p"),
        ("inconclusive", {"interval": (-0.2, 0.2)}, "the smallest visible gap is 0.1400"),
        # delta of 0 leaves only the gap that is known to be 0.
        ("neutral", {"interval": (0.0, 0.0), "delta": 0.0}, "inside +-0"),
        ("helpful", {"interval": (0.1, 0.1), "delta": 0.0, "p_two_sided": 0.01}, "above 0"),
    ],
)  # fmt: skip
def test_words_and_borders(word, given, says):
    verdict = judge(**(DEFAULTS | given))
    assert verdict.word == word
    assert verdict.word in WORDS
    assert says in verdict.evidence


def votes(trusted, truth=None, group=None, **columns):
    """Make a panel of agent a, for class 0, and agent b, for class 1; each row of reliability trusts one of them.

    The truth is 0, 1, 0, 1 ... unless given: example i is right with row j if trusted[j] is the truth of i.
    """
    n = len(trusted)
    truth = np.arange(n, dtype=np.int32) % 2 if truth is None else np.array(truth, np.int32)
    scores = np.tile(np.eye(2), (n, 1, 1))
    q = np.eye(2)[trusted]
    labels = np.tile(np.array([0, 1], np.int32), (n, 1))
    kept = {name: pa.array(values) for name, values in columns.items()}
    return Panel(
        ("a", "b"), (0, 1), pa.array(range(n)), truth, labels, np.ones((n, 2)), scores, q, columns=kept, group=group
    )


def half_right(n_right, group=None, **columns):
    """Of 20 examples, 10 of each class, let the first n_right of each class trust the right agent."""
    return votes([k % 2 if k // 2 < n_right else 1 - k % 2 for k in range(20)], group=group, **columns)


def test_all_rows_right_is_helpful_and_all_wrong_is_harmful():
    # With another row of the 19 an example is right with chance 9/19 (its own is right) or 10/19 (its own is wrong):
    # the gap is 10/19 or -10/19. It is the same for all examples, and every row gives as much: no error at all.
    # A shuffle as extreme has a chance of 1 / C(20, 10): of 39 none is, and the two-sided p is 2 / 40.
    for n_right, sign, word in ((10, 1, "helpful"), (0, -1, "harmful")):
        panel = half_right(n_right)
        found = permute(replay(panel), n_permutations=39)
        assert found.moments.gap_u == pytest.approx(sign * 10 / 19, abs=1e-12)
        assert found.moments.gap_se == pytest.approx(0, abs=1e-12)
        assert found.p_value_two_sided == 0.05
        assert found.verdict.word == word
        # One shuffle fewer, and p is 2 / 39.
        less = permute(replay(panel), n_permutations=38)
        assert less.p_value_two_sided == pytest.approx(2 / 39)
        assert less.verdict.word == "inconclusive"
        assert "leaves out 0, but" in less.verdict.evidence
        # delta at the far end of the interval, and just inside it.
        end = max(abs(value) for value in found.moments.gap_interval)
        neutral = permute(replay(panel), n_permutations=39, delta=end)
        assert neutral.verdict.word == "neutral"
        assert neutral.verdict.evidence.endswith("detectable but below delta")
        assert permute(replay(panel), n_permutations=39, delta=nextafter(end, 0)).verdict.word == word


@pytest.mark.parametrize(
    ("n_right", "word"), [(8, "helpful"), (7, "inconclusive"), (6, "inconclusive"), (2, "harmful")]
)
def test_some_rows_right(n_right, word):
    # 2 k of 20 are right. An example whose row is right (wrong) is right with another row 9 (10) times of 19: u is
    # 10/19 (-10/19), and the gap (4 k - 20) / 20 x 10/19 = (2 k - 10) / 19. Less its mean, and with what deviations from
    # a mean of ten lose, u / 20 is (20 - 2 k) / 380 sqrt(10/9) with a right row and -2 k / 380 sqrt(10/9) with a wrong
    # one; what a row gives to the 19 others adds (20 - 2 k) / 7220 or -2 k / 7220.
    right, wrong = 2 * n_right, 20 - 2 * n_right
    gap = (2 * n_right - 10) / 19
    part = (10 / 9) ** 0.5 / 380 + 1 / 7220
    se = (20 / 19 * (right * wrong**2 + wrong * right**2)) ** 0.5 * part
    found = permute(replay(half_right(n_right)), n_permutations=9999)
    assert found.moments.gap_u == pytest.approx(gap, abs=1e-12)
    assert found.moments.gap_se == pytest.approx(se, abs=1e-12)
    reach = t.ppf(0.975, 19) * se
    assert found.moments.gap_interval == pytest.approx((gap - reach, gap + reach), abs=1e-12)
    # Shuffled, the right rows of class 0 are hypergeometric, and those of class 1 as many.
    share = sum(comb(10, k) ** 2 for k in range(n_right, 11)) / comb(20, 10)
    assert found.p_value == pytest.approx(share, abs=4.5 * (share * (1 - share) / 9999) ** 0.5 + 1e-4)
    assert found.verdict.word == word
    assert f"{2.8 * se:.4f}" in found.verdict.evidence or word != "inconclusive"
    wide = permute(replay(half_right(n_right)), n_permutations=99, delta=1.0)
    assert wide.verdict.word == "neutral"
    assert ("detectable" in wide.verdict.evidence) == (word != "inconclusive")


def test_p_without_the_interval_and_the_interval_without_p():
    # 16 of 20 right: two-sided p = 2 x 2126 / 184756 = .023, the interval (.09, .54). Nine shuffles cannot show it.
    few = permute(replay(half_right(8)), n_permutations=9)
    assert few.moments.gap_interval[0] > 0.09
    assert few.verdict.word == "inconclusive"
    assert "leaves out 0, but the two-sided p is above .05" in few.verdict.evidence
    # The four wrong ones in two clusters of ten: influences of 8 x 8 and 2 x -32 times the part above, se = .155,
    # t(9) = 2.262, and 6/19 -+ .352 holds 0.
    film = [9 if k in (16, 17) else 8 if k in (18, 19) else k // 2 for k in range(20)]
    found = permute(replay(half_right(8, group="film", film=film)), n_permutations=9999)
    part = (10 / 9) ** 0.5 / 380 + 1 / 7220
    assert found.moments.gap_se == pytest.approx((10 / 9 * (8 * 8**2 + 2 * 32**2)) ** 0.5 * part, abs=1e-12)
    assert found.p_value_two_sided < 0.05
    assert found.verdict.word == "inconclusive"
    assert "at most .05, but the interval of the gap holds 0" in found.verdict.evidence


def test_nine_clusters_are_too_few_and_ten_are_not():
    for n_groups, word in ((9, "inconclusive"), (10, "helpful")):
        found = permute(replay(half_right(10, group="g", g=[k % n_groups for k in range(20)])), n_permutations=39)
        assert found.verdict.word == word
        assert ("the gap has no interval: 9 clusters are too few" in found.verdict.evidence) == (n_groups == 9)


def test_two_different_rows_in_one_block():
    # Ten blocks of two with equal rows; then the two rows of one block differ.
    pair = [k // 2 for k in range(20)]
    trusted = [p % 2 for p in pair]
    same = permute(replay(votes(trusted, pair=pair)), within=["pair"], n_permutations=9)
    assert (same.n_usable, same.verdict.word) == (0, "untestable")
    trusted[0] = 1 - trusted[0]
    found = permute(replay(votes(trusted, pair=pair)), within=["pair"], n_permutations=9)
    assert found.n_usable == 2
    assert found.verdict.word != "untestable"
    assert permute(replay(votes(trusted, pair=pair)), n_permutations=9).n_usable == 20  # without the blocks


def one_contested(last_row, within=None):
    """Make a panel of 40 of which only the first is disputed; all rows trust agent a, but for the last one given."""
    scores = np.tile([[0.9, 0.1], [0.8, 0.2]], (40, 1, 1))
    scores[0, 1] = [0.2, 0.8]
    q = np.tile([2.0, 1.0], (40, 1))
    q[39] = last_row
    labels = scores.argmax(axis=2).astype(np.int32)
    site = {} if within is None else {"site": pa.array(within)}
    zeros = np.zeros(40, np.int32)
    return Panel(("a", "b"), (0, 1), pa.array(range(40)), zeros, labels, scores.max(axis=2), scores, q, columns=site)


@pytest.mark.parametrize(("scheme", "agent"), [("joint", None), ("single", "b")])
def test_one_pair_that_flips_or_does_not(scheme, agent):
    # Example 0: .9 x 2 + .2 x 1 = 2.0 against .1 x 2 + .8 x 1 = 1.0; with b's reliability q it is decided for class 1
    # if .2 + .8 q > 1.8 + .2 q, q > 8/3. Only row 39 has another one, 2.6 or 2.7, and one shuffle seldom puts it there.
    options = {"scheme": scheme, "agent": agent, "n_permutations": 1}
    no_flip = permute(replay(one_contested([2.0, 2.6])), **options)
    assert no_flip.verdict.word == "inert"
    assert no_flip.verdict.evidence.startswith("no decision of the 1 that could change does so for any donor")
    flip = permute(replay(one_contested([2.0, 2.7])), **options)
    assert flip.flip_rate == 0
    assert flip.verdict.word != "inert"
    apart = one_contested([2.0, 2.7], [0] * 20 + [1] * 20)
    found = permute(replay(apart), within=["site"], **options)
    assert (found.n_usable, found.verdict.word) == (20, "inert")


def test_inert_by_rule_and_by_evidence():
    panel = half_right(8)
    assert permute(replay(panel, "mean"), n_permutations=9).verdict.evidence == "mean takes no reliability"
    agreed = one_contested([1.0, 3.0])
    agreed.scores[0, 1] = [0.8, 0.2]  # nothing is disputed any more
    found = permute(replay(agreed), n_permutations=9)
    assert found.verdict.word == "inert"
    assert found.verdict.evidence.startswith("no decision can change under any reliability")
    # select_best follows agent a with any of the rows.
    rows = one_contested([5.0, 4.0])
    found = permute(replay(rows, "select_best"), n_permutations=9)
    assert (found.n_usable, found.n_contested, found.verdict.word) == (40, 1, "inert")
    # Torn apart, row 39 could leave a with 2.0 and b with 4.0: no proof, whatever a few shuffles say.
    apart = permute(replay(rows, "select_best"), n_permutations=1, scheme="independent")
    assert (apart.flip_rate, apart.verdict.word) == (0, "inconclusive")


@settings(max_examples=12, deadline=None)  # statsmodels collects garbage at every call
@given(ps=st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.05, 0.5]), min_size=1, max_size=12))
def test_adjusted_p_values_are_those_of_statsmodels(ps):
    for method, theirs in (("holm", "holm"), ("bh", "fdr_bh")):
        np.testing.assert_allclose(adjust(ps, method), multipletests(ps, method=theirs)[1], rtol=1e-12, atol=1e-15)


def test_an_unknown_adjustment_is_refused():
    with pytest.raises(SabotageError, match="unknown adjustment 'bonferroni'"):
        adjust([0.1, 0.2], "bonferroni")


def test_the_verdict_is_of_the_adjusted_p():
    # As above, p = .05 on its own. Of two tests Holm doubles it, and Benjamini and Hochberg leave two equals as they are.
    test = permute(replay(half_right(10)), n_permutations=39)
    assert adjust_tests([test])[0] is test
    for method, p, word in (("holm", 0.1, "inconclusive"), ("bh", 0.05, "helpful")):
        pair = adjust_tests([test, test], method)
        assert [own.p_two_sided_adjusted for own in pair] == [pytest.approx(p)] * 2
        assert [own.p_adjusted for own in pair] == [pytest.approx(p / 2)] * 2
        assert [(own.verdict.word, own.adjustment) for own in pair] == [(word, method)] * 2
        assert pair[0].p_value_two_sided == 0.05
    assert test.verdict.word == "helpful"
    assert [own.verdict.word for own in adjust_tests([test, replace(test, p_value_two_sided=1.0)], "bh")] == [
        "inconclusive"
    ] * 2


def test_each_agent_is_judged_among_the_others():
    # Agent a has reliability 3 where the truth is class 0 and 1 where it is not, agent b 2 throughout.
    panel = half_right(10)
    panel = panel.with_weights(np.stack([np.where(panel.truth == 0, 3.0, 1.0), np.full(20, 2.0)], axis=1))
    alone = permute(replay(panel), scheme="single", agent="a", n_permutations=39)
    assert (alone.p_value_two_sided, alone.verdict.word) == (0.05, "helpful")
    found = permute_each(replay(panel), n_permutations=39)
    assert (found["a"].p_value_two_sided, found["a"].p_two_sided_adjusted) == (0.05, 0.1)
    assert [found[name].verdict.word for name in "ab"] == ["inconclusive", "untestable"]
    assert found["a"].broken.tolist() == alone.broken.tolist()
