"""Raters as an agent: votes counted by hand, agreement against statsmodels, a published example and brute force."""

from collections import Counter, defaultdict

import naive_measures
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import KRIPPENDORFF
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from statsmodels.stats.inter_rater import fleiss_kappa

from sabotage import HumanAgent, Panel, SabotageError, emit
from sabotage.raters import measure_raters


def long_table(rows, columns=("task", "worker", "answer", "sure")) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)[: len(rows[0])])


RATINGS = long_table(
    [
        ("t1", "w1", "sad", 0.9),
        ("t1", "w2", "sad", 0.5),
        ("t1", "w3", "joy", 1.0),
        ("t2", "w1", "joy", 0.25),
        ("t2", "w2", "sad", 0.75),
        ("t3", "w3", "fear", None),
        ("t3", "w1", None, 1.0),
    ]
)


def test_votes_are_shares_and_ties_go_to_the_lowest_class():
    said = HumanAgent("crowd", RATINGS).emit(["t3", "t1", "nobody's", "t2"])
    assert said.classes == ("fear", "joy", "sad")
    assert said.labels == ["fear", "sad", None, "joy"]
    assert_allclose(said.scores, [[1, 0, 0], [0, 1 / 3, 2 / 3], [np.nan] * 3, [0, 0.5, 0.5]])
    assert_allclose(said.confidence, [1, 2 / 3, np.nan, 0.5])
    assert said.reliability is None
    assert said.reasons == [None, None, "no ratings of it in the DataFrame", None]


def test_certainty_is_that_of_those_who_gave_the_label():
    agent = HumanAgent("crowd", RATINGS, certainty="sure", confidence="certainty", reliability="share")
    said = agent.emit(["t1", "t2", "t3"])
    assert_allclose(said.confidence, [0.7, 0.25, np.nan])
    assert_allclose(said.reliability, [2 / 3, 0.5, 1])


def test_a_batch_may_be_a_table():
    agent = HumanAgent("crowd", RATINGS)
    for batch in (pd.DataFrame({"task": ["t2"]}), pa.table({"task": ["t2"]}), {"task": ["t2"]}, np.array(["t2"])):
        assert agent.emit(batch).labels == ["joy"]
    with pytest.raises(SabotageError, match="crowd finds an example by its task, and the batch has no such column"):
        agent.emit(pd.DataFrame({"clip": ["t2"]}))
    with pytest.raises(SabotageError, match="crowd answered none of 2 examples: the first failed by no ratings of it"):
        agent.emit(["x", "y"])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_and_ids_of_any_type(tmp_path, suffix):
    table = long_table([(7, 1, 2, 0.5), (7, 2, 2, 1.0), (8, 1, 3, 0.0)], ("clip", "annotator", "Rating", "sure"))
    path = tmp_path / f"ratings.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    agent = HumanAgent("crowd", path, certainty="sure")
    for batch in ([8, 7], ["8", "7"], np.array([8.0, 7.0])):
        said = agent.emit(batch)
        assert said.labels == [3, 2]
        assert said.classes == (2, 3)
    assert agent.agreement().n_raters == 2


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        (RATINGS, {"rater": "workr"}, r"the DataFrame has no column 'workr' \(did you mean worker\?\), given by rater"),
        (RATINGS.rename(columns={"task": "x"}), {}, "the DataFrame has no column with the id: name one id, example_id"),
        (RATINGS.assign(id=1), {}, "id and task could each be the id: say which with id='id'"),
        (RATINGS, {"confidence": "certainty"}, "confidence by certainty needs its column"),
        (RATINGS, {"confidence": "mean"}, "unknown confidence 'mean'"),
        (RATINGS, {"reliability": "no"}, "unknown reliability 'no'"),
        (RATINGS, {"label": "task"}, "must be different columns"),
        (RATINGS, {"certainty": "answer"}, "must be different columns"),
        (RATINGS.assign(sure=[90.0] * 7), {"certainty": "sure"}, r"sure must lie in \[0, 1\]: found 90 in row 0"),
        (RATINGS.assign(sure=["high"] * 7), {"certainty": "sure"}, "sure of the DataFrame must be a number"),
        (RATINGS.assign(worker=["w1", None] + ["w2"] * 5), {}, "worker must be there for every rating: found null in row 1"),
        (RATINGS.assign(worker="w"), {}, "w rates t1 in rows 0 and 1 of the DataFrame"),
        (RATINGS.assign(answer=None), {}, "answer of the DataFrame is null throughout"),
    ],
)  # fmt: skip
def test_ratings_that_cannot_be_read(table, options, says):
    with pytest.raises(SabotageError, match=says):
        HumanAgent("crowd", table, **options)


def test_people_are_an_agent_of_a_panel():
    ids = ["t1", "t2", "t3", "t4"]
    panel = Panel.from_agents([HumanAgent("crowd", RATINGS)], ids, ["sad", "sad", "fear", "joy"], ids=ids)
    assert panel.labels[:, 0].tolist() == [2, 1, 0, -1]
    assert "crowd has no emission on 1 of the examples it was asked about: no ratings of it" in " ".join(panel.notes)
    assert list(emit([HumanAgent("crowd", RATINGS)], ids)) == ["crowd"]


def votes_of(rows, n_classes):
    votes = np.zeros((len(rows), n_classes), np.int64)
    for own, row in zip(votes, rows, strict=True):
        for label in row:
            if label is not None:
                own[label] += 1
    return votes


def test_fleiss_kappa_is_statsmodels():
    votes = np.random.default_rng(0).multinomial(6, [0.5, 0.3, 0.2], 80)
    found = measure_raters(votes, 9)
    assert found.fleiss_kappa == pytest.approx(fleiss_kappa(votes), abs=1e-12)
    assert (found.why_no_fleiss, found.fewest, found.median, found.most) == (None, 6, 6, 6)
    uneven = measure_raters(np.vstack([votes, [[1, 0, 0]]]), 9)
    assert (uneven.fleiss_kappa, uneven.fewest) == (None, 1)
    assert uneven.why_no_fleiss == "examples have 1 to 6 ratings, and kappa needs as many of each"


def test_krippendorffs_own_example():
    table = long_table([(u, f"o{o}", row[u]) for o, row in enumerate(KRIPPENDORFF) for u in range(12) if row[u]])
    found = HumanAgent("crowd", table).agreement()
    assert found.krippendorff_alpha == pytest.approx(0.743, abs=5e-4)
    assert (found.n_raters, found.n_examples, found.n_ratings, found.n_krippendorff) == (4, 12, 41, 11)
    low, high = found.alpha_interval
    assert 0 < low < 0.743 < high <= 1
    assert found == HumanAgent("crowd", table).agreement()


@settings(max_examples=60)
@given(st.lists(st.lists(st.none() | st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=9))
def test_alpha_and_ties_by_brute_force(rows):
    rows = [row for row in rows if any(label is not None for label in row)] or [[0, None, None, None]]
    found = measure_raters(votes_of(rows, 4), 4)
    expected = naive_measures.krippendorff(rows)
    assert (found.krippendorff_alpha is None) == (expected is None)
    if expected is not None:
        assert found.krippendorff_alpha == pytest.approx(expected, abs=1e-12)
    assert found.alpha_interval is None
    assert found.why_no_interval
    counts = [Counter(label for label in row if label is not None).most_common() for row in rows]
    assert found.n_tied == sum(len(own) > 1 and own[0][1] == own[1][1] for own in counts)
    assert found.share_tied == found.n_tied / len(rows)


def test_alphas_interval_is_the_bootstraps():
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 120)
    rows = [[int(t) if random.random() < 0.7 else int(random.integers(0, 3)) for _ in range(3)] for t in truth]
    found = measure_raters(votes_of(rows, 3), 3)
    drawn = [naive_measures.krippendorff([rows[k] for k in random.integers(0, 120, 120)]) for _ in range(300)]
    assert_allclose(found.alpha_interval, np.percentile(drawn, [2.5, 97.5]), atol=0.03)
    assert measure_raters(np.ones((20, 1), np.int64) * 2, 2).why_no_interval == "there is no alpha"
    rare = measure_raters(np.array([[2, 0]] * 20 + [[1, 1]]), 2)
    assert (rare.alpha_interval, rare.why_no_interval) == (None, "in some resamples all ratings are alike")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_emissions_are_the_votes_counted_one_by_one(data):
    pairs = st.tuples(st.integers(0, 4), st.integers(0, 4))
    given_ = data.draw(st.dictionaries(pairs, st.sampled_from("xyz"), min_size=1))
    order = data.draw(st.permutations(list(given_.items())))
    agent = HumanAgent("crowd", long_table([(task, worker, label) for (task, worker), label in order]))
    votes = defaultdict(Counter)
    for (task, _), label in order:
        votes[task][label] += 1
    said = agent.emit(list(votes))
    for row, task in enumerate(votes):
        best = max(sorted(votes[task]), key=lambda label: votes[task][label])
        assert said.labels[row] == best
        shares = [votes[task][label] / votes[task].total() for label in said.classes]
        assert_allclose(said.scores[row], shares)
        assert said.confidence[row] == max(shares)
    assert_array_equal(said.scores.argmax(axis=1), [said.classes.index(label) for label in said.labels])


def test_one_id_alone_is_no_batch():
    ratings = pd.DataFrame({"task": ["a", "b"], "worker": [1, 1], "label": ["x", "y"]})
    with pytest.raises(SabotageError, match="a batch of examples must be"):
        HumanAgent("h", ratings).emit("ab")


def test_agreement_reads_as_a_table():
    rows = [(t, w, "ab"[(t * w) % 2]) for t in range(12) for w in range(3)]
    ratings = pd.DataFrame(rows, columns=["task", "worker", "label"])
    lines = repr(HumanAgent("crowd", ratings).agreement()).splitlines()
    assert lines[:2] == ["Agreement of 3 raters", "  ratings              36 of 12 examples, 3 to 3 of each, median 3"]
    assert lines[2].startswith("  Fleiss' kappa        -0.")
    assert lines[3].endswith("over 12 examples")
    assert lines[4] == "  ties                 0 examples (0.0 %)"
