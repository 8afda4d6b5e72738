"""Slices with more sabotage: found and confirmed where a cause is planted, hardly ever where there is none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders import make_panel, panels, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from sabotage import SabotageError, analyze, find_slices, judge, simulate

BY = ("class", "site", "noise", "device")


def find(panel, by=("class",), **options):
    return find_slices(judge(panel), by, **{"n_permutations": 200} | options)


def simulated(scenario, n=2000, seed=0, by=BY, **options):
    return find(simulate(scenario, n, seed), by, seed=seed, **options)


def names(found):
    return {(own.column, own.name, own.agent) for own in found.confirmed}


def by_name(found):
    return {(own.column, own.name, own.agent): own for own in found.slices}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("scenario", "planted"),
    [("corrupted-class", ("y", "fear", "video")), ("corrupted-group", ("site", "north", "audio"))],
)
def test_a_planted_cause_is_confirmed(scenario, planted, seed):
    found = simulated(scenario, seed=seed, n_permutations=1000)
    assert {planted, (*planted[:2], None)} <= names(found)
    first = found.slices[0]
    assert (first.column, first.name) == planted[:2]
    assert all(half.lift > 1.5 for half in (first.first, first.second))
    assert by_name(found)[planted].lift > 2.3
    assert found.n_confirmed <= 4


def test_without_a_cause_hardly_anything_is_confirmed():
    # Found at level .05: of 40 panels 2 are expected to confirm something at the very most, 6 have a chance of 1 in 100.
    found = [simulated("no-cause", 800, seed, n_permutations=199) for seed in range(40)]
    assert sum(own.n_confirmed > 0 for own in found) <= 5
    tested = sum(own.n_tested for own in found)
    assert 0.02 < sum(own.n_found for own in found) / tested < 0.07
    p = np.array([own.p_value for one in found for own in one.slices])
    assert (p <= 0.05).mean() < 0.07
    assert (p <= 0.5).mean() < 0.6


def test_subjects_that_differ_are_no_cause():
    # Half of the subjects are sabotaged four times as often, whatever their site; examples alone would not know.
    n_confirmed = 0
    for seed in range(30):
        panel = simulate("no-cause", 1200, seed)
        random = np.random.default_rng(seed)
        hard = random.random(60) < 0.5
        wrong = random.random(1200) < np.where(hard[panel.codes("group") - 1], 0.4, 0.1)
        said = np.where(wrong, (panel.truth + 1) % 5, panel.truth).astype(np.int32)
        labels = np.repeat(said[:, None], 3, axis=1)
        confidence = np.full(labels.shape, 0.8)
        panel = replace(panel, labels=labels, confidence=confidence, scores=None)
        n_confirmed += find(panel, ("site", "device", "noise"), n_permutations=199, seed=seed).n_confirmed > 0
    assert n_confirmed <= 5


def test_numbers_are_those_of_pandas():
    panel = simulate("corrupted-class", 1000, 3)
    judged = judge(panel)
    found = find_slices(judged, ("site",), n_permutations=200)
    saboteur = judged.roles.role == 3
    frame = pd.DataFrame(saboteur, columns=panel.agents)
    frame["any"], frame["site"] = saboteur.any(axis=1), panel.column("site").to_pylist()
    frame["wrong"] = judged.roles.decision.labels != panel.truth
    assert found.n_wrong == frame["wrong"].sum()
    for own in found.slices:
        who = own.agent or "any"
        inside = frame[frame["site"] == own.name]
        assert (own.n, own.n_sabotaged) == (len(inside), inside[who].sum())
        assert own.rate == pytest.approx(inside[who].mean())
        assert own.of_wrong == pytest.approx(inside[who].sum() / inside["wrong"].sum())
        assert own.lift == pytest.approx(inside[who].mean() / frame[who].mean())
        assert own.first.n + own.second.n == own.n
        assert own.first.n_sabotaged + own.second.n_sabotaged == own.n_sabotaged
        assert own.rate_interval[0] <= own.rate <= own.rate_interval[1]
        assert own.lift_interval[0] <= own.lift <= own.lift_interval[1]
    for overall in found.panel:
        assert overall.n_sabotaged == frame[overall.agent or "any"].sum()
    assert found.n_first + found.n_second == 1000


def test_what_is_found_is_adjusted_by_holm():
    found = simulated("corrupted-class", level=0.3)
    rows = [own for own in found.slices if own.is_found]
    assert len(rows) == found.n_found > 5
    expected = multipletests([own.second.p_value for own in rows], 0.3, "holm")
    np.testing.assert_allclose([own.p_adjusted for own in rows], expected[1])
    assert [own.is_confirmed for own in rows] == expected[0].tolist()
    for own in found.slices:
        wanted = own.is_tested and own.first.p_value <= 0.3 and own.first.lift > 1
        assert own.is_found == wanted
        assert (own.p_adjusted is not None) == own.is_found
    places = [(own.is_confirmed, own.is_found, own.is_tested) for own in found.slices]
    assert places == sorted(places, reverse=True)


def test_another_column_changes_no_p_value():
    alone, beside = by_name(simulated("no-cause", by=("site",))), by_name(simulated("no-cause", by=("class", "site")))
    for key, own in alone.items():
        assert (own.p_value, own.first, own.second) == (beside[key].p_value, beside[key].first, beside[key].second)


def test_rows_in_another_order_are_the_same_slices():
    panel = simulate("corrupted-class", 600, 1)
    found = find(panel, (*BY, "group"))
    other = find(panel.take(np.random.default_rng(0).permutation(600)), (*BY, "group"))
    for key, own in by_name(found).items():
        again = by_name(other)[key]
        assert (own.n, own.n_sabotaged, own.first, own.second) == (
            again.n,
            again.n_sabotaged,
            again.first,
            again.second,
        )
        assert (
            own.lift_interval == pytest.approx(again.lift_interval)
            if own.lift_interval
            else again.lift_interval is None
        )


@settings(deadline=None, max_examples=40)
@given(panels(30, recorded=True), st.integers(0, 5), st.booleans(), st.booleans())
def test_any_panel_has_slices(panel, seed, is_grouped, has_nulls):
    random = np.random.default_rng(seed)
    n = panel.n_examples
    numbers = [None if has_nulls and k % 3 == 0 else float(k % 7) / 2 for k in range(n)]
    columns = {"film": pa.array(random.integers(0, 4, n)), "age": pa.array(numbers, pa.float64())}
    panel = replace(panel, columns=columns, group="film" if is_grouped else None)
    by = ("class", "film", "age") if n > 1 or not has_nulls else ("class",)
    found = find(panel, by, smallest=1, n_permutations=9)
    for own in found.slices:
        assert 0 <= own.n_sabotaged <= own.n_wrong <= own.n
        for share, span in ((own.rate, own.rate_interval), (own.lift, own.lift_interval)):
            assert span is None or span[0] <= share + 1e-12 <= span[1] + 2e-12
        for p in (own.p_value, own.p_value_two_sided, own.p_adjusted):
            assert p is None or 0 < p <= 1
        assert not own.is_confirmed or own.is_found
        assert not own.is_found or own.is_tested
    text = str(found.to_dict())
    assert "nan" not in text.replace("fin", "")
    assert "inf," not in text
    for column in found.columns:
        rows = [own for own in found.slices if own.column == column.column and own.agent is None]
        assert sum(own.n for own in rows) + column.n_examples_left_out == n


def test_classes_by_other_names_are_the_same_slices():
    panel = simulate("corrupted-class", 600, 2)
    other = replace(panel, classes=("e", "d", "c", "b", "a"))
    renamed = dict(zip(panel.classes, other.classes, strict=True))
    found, again = by_name(find(panel)), by_name(find(other))
    for (column, name, agent), own in found.items():
        assert again[column, renamed[name], agent].p_value == own.p_value


def test_ids_that_repeat_over_seeds_are_not_parted():
    panel = seeded(60, 3, site=lambda i, k: f"s{i % 3}", prompt=lambda i, k: f"p{k}")
    found = find(panel, ("site", "prompt"), smallest=5)
    moves = {own.column: own.moves for own in found.columns}
    assert moves == {"site": "ids change places whole", "prompt": "marks of sabotage move inside each id"}
    assert {own.cluster for own in found.columns} == {"ids"}
    both = replace(panel, columns={**panel.columns, "film": pa.array(panel.units % 12)}, group="film")
    moves = {own.column: own.moves for own in find(both, ("site", "class", "prompt", "film"), smallest=5).columns}
    assert moves["prompt"] == "marks of sabotage move inside each id of a group of film"
    assert moves["film"] == "ids change places whole"


def test_the_group_itself_is_halved_inside():
    panel = simulate("corrupted-group", 3000, 1)
    found = find(panel, ("group",), smallest=20)
    assert found.columns[0].kind == "group"
    assert (found.columns[0].n_slices, found.columns[0].n_left_out) == (50, 10)
    north = {
        str(g)
        for g, site in zip(*(panel.column(name).to_pylist() for name in ("group", "site")), strict=True)
        if site == "north"
    }
    sure = {own.name for own in found.confirmed if own.agent == "audio"}
    assert sure
    assert sure <= north


def test_few_clusters_have_no_halves():
    panel = replace(make_panel(60), columns={"film": pa.array(np.arange(60) % 3)}, group="film")
    judged = judge(panel)
    found = find_slices(judged, ("class",), n_permutations=50)
    assert (found.n_first, found.n_tested, found.n_found, found.n_too_small) == (None, 0, 0, 0)
    assert all(own.first is None and own.rate is not None for own in found.slices)
    assert any("fewer than 4 groups of film cannot be parted into halves of 2" in note for note in judged.notes)
    assert "too few clusters" in repr(found)
    assert find(panel, ("film",), smallest=1).n_tested > 0  # inside each film there are halves


def test_without_permutations_there_is_no_p():
    found = simulated("corrupted-class", 300, n_permutations=0)
    assert all(own.p_value is None and own.p_adjusted is None and own.first.p_value is None for own in found.slices)
    assert found.n_tested == 0
    assert "0 permutations were asked for" in found.notes[0]


def test_notes_say_what_a_name_means():
    panel = simulate("no-cause", 300)
    panel = replace(panel, columns={**panel.columns, "class": pa.array(["x"] * 300)})
    assert find(panel).notes[0] == "by class is by y; to slice by the column class, give it another name"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ()}, "by must name a column, class or group: found none"),
        ({"by": ("sit",)}, r"by sit needs a column that the panel keeps \(did you mean site\?\)"),
        ({"smallest": 0}, "smallest must be at least 1: found 0"),
        ({"level": 1.0}, "level must lie between 0 and 1: found 1"),
        ({"seed": -1}, r"seed lie in \[0, 2\^64\): found 200 and -1"),
        ({"n_permutations": -1}, "n_permutations must be at least 0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(SabotageError, match=message):
        find(simulate("no-cause", 50), **options)


def test_an_audit_has_slices_where_they_were_asked_for():
    panel = simulate("corrupted-class", 600)
    audit = analyze(panel, n_permutations=99, controls=False, by=["class", "group"], smallest=5)
    own = audit.content["slices"]
    assert own["n_slices_left_out"] == max(0, 4 * 55 - 500)
    assert own["slices"][0]["is_confirmed"]
    assert own["smallest"] == 5
    assert analyze(panel, n_permutations=0).content["slices"] is None
    many = find(
        replace(panel, columns={"page": pa.array([f"{k % 50}" for k in range(600)])}, group=None), ("page", *["class"])
    )
    more = many.to_dict(20)
    assert (len(more["slices"]), more["n_slices_left_out"]) == (20, len(many.slices) - 20)


def test_without_permutations_no_slice_is_too_small_for_that():
    judged = judge(make_panel(200, 3, 3))
    found, none = (find_slices(judged, ["class"], smallest=5, n_permutations=count) for count in (9, 0))
    assert (found.n_tested, found.n_too_small) == (len(found.slices), 0)
    assert (none.n_tested, none.n_too_small) == (0, 0)


def test_a_frame_has_all_slices_with_their_intervals_and_halves():
    found = find_slices(judge(simulate("corrupted-class", 300)), ["class"], smallest=5, n_permutations=99)
    frame = found.to_frame()
    assert len(frame) == len(found.slices)
    first, row = found.slices[0], frame.iloc[0]
    assert (row["rate_low"], row["rate_high"]) == first.rate_interval
    assert row["second_n"] == first.second.n
    assert row["first_lift"] == first.first.lift
    assert frame["is_confirmed"].sum() == found.n_confirmed
    assert not any(name.endswith("_interval") for name in frame.columns)


def test_a_frame_without_halves_has_their_columns():
    panel = replace(simulate("corrupted-class", 30), group=None).take(np.arange(3))
    frame = find_slices(judge(panel), ["class"], n_permutations=9).to_frame()
    assert frame["first_n"].isna().all()
    assert "second_p_value" in frame.columns
