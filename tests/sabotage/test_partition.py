"""Parts of a panel and the clusters inside them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from builders import make_panel, seeded

from sabotage import Panel
from sabotage.intervals import estimate
from sabotage.partition import MOST_PARTS, MOST_UNITS, Partition, by_class, by_group, whole


def grouped(values, **options) -> Panel:
    panel = make_panel(len(values), **options)
    return replace(panel, columns={"film": pa.array(values)}, group="film")


def test_classes_are_in_their_order_and_all_there():
    panel = make_panel(50, n_classes=6)
    panel.truth[panel.truth == 2] = 1
    found = by_class(panel)
    assert found.labels == panel.classes
    assert found.count(np.ones(50, bool)).tolist() == [*np.bincount(panel.truth, minlength=6), 0]
    assert (found.n_left_out, found.has_classes, found.cell) == (0, False, None)


def test_groups_are_the_largest_first_and_nulls_have_a_name():
    found = by_group(grouped(["b"] * 3 + [None] * 5 + ["a"] * 3))
    assert found.labels == ("no film", "b", "a")
    assert found.part.tolist() == [1] * 3 + [0] * 5 + [2] * 3
    assert set(by_group(grouped(["no film", None, "x"])).labels) == {"no film", "(no film)", "x"}
    assert by_group(make_panel(10)) is None


def test_more_groups_than_two_hundred_are_left_out():
    values = [f"g{k}" for k in range(250)] + [f"g{k}" for k in range(120)]
    found = by_group(grouped(values))
    assert (found.n_parts, found.n_left_out) == (MOST_PARTS, 50)
    assert found.count(np.ones(370, bool))[-1] == 50
    assert found.labels[:2] == ("g0", "g1")


def test_clusters_are_inside_parts():
    random = np.random.default_rng(0)
    panel = grouped(random.integers(0, 9, 120).tolist(), n_classes=3)
    found, influence = by_class(panel), random.normal(size=120)
    rows = np.flatnonzero(random.random(120) < 0.7)
    error, n_clusters = found.error(rows, influence[rows])
    films = np.array(panel.columns["film"].to_pylist())
    for c in range(3):
        own = rows[panel.truth[rows] == c]
        expected = estimate(0, influence[own], np.unique(films[own], return_inverse=True)[1])
        assert np.isclose(error[c], expected.se)
        assert n_clusters[c] == expected.n_clusters


def test_ids_over_seeds_are_clusters_inside_a_group():
    panel = seeded(20, 3, film=lambda i, k: "x" if i < 9 else "y")
    panel = replace(panel, group="film")
    found = by_group(panel)
    sizes = found.count_clusters(np.arange(panel.n_examples))
    ids = np.array(panel.ids.to_pylist())
    for place in range(2):
        assert sizes[place] == len(set(ids[found.part == place]))


def test_many_clusters_are_dealt_into_whole_batches():
    cluster = np.repeat(np.arange(2500), 2)
    found = Partition(None, ("all",), np.zeros(5000, np.int64), 0, cluster)
    assert found.unit_starts.tolist() == [0, MOST_UNITS, MOST_UNITS]
    assert (found.unit[::2] == found.unit[1::2]).all()
    assert set(np.bincount(found.unit)) <= {4, 6}
    again = Partition(None, ("all",), np.zeros(5000, np.int64), 0, cluster)
    assert (again.unit == found.unit).all()
    assert whole(make_panel(5)).labels == ("all",)
