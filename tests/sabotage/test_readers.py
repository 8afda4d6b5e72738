"""Readers as entry points: those of this package, those of another, and what can go wrong with them."""

import sys

import pyarrow as pa
import pytest

from sabotage import SabotageError, npz, rating_tables
from sabotage.readers import find_reader, names, read_files

MODULE = """
import pyarrow as pa


def read(path, *, times="1"):
    return pa.table({"id": [path] * int(times), "y": ["a"] * int(times)})


def ints(path):
    return pa.table({"id": [1]})


def broken(path):
    raise KeyError("no such thing")


def nothing(path):
    return {"id": [1]}


def leaves(path):
    raise SystemExit(4)


def blind():
    return 1


def deep(path, *, depth, **more):
    return ints(path)


constant = 3
"""
DECLARED = """[sabotage.readers]
theirs = other_package:read
ints = other_package:ints
broken = other_package:broken
nothing = other_package:nothing
constant = other_package:constant
lost = other_package:lost
leaves = other_package:leaves
blind = other_package:blind
deep = other_package:deep
"""


@pytest.fixture
def other(tmp_path, monkeypatch):
    """A package of somebody else's, as pip leaves it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "other_package", raising=False)
    (tmp_path / "other_package.py").write_text(MODULE)
    place = tmp_path / "other_package-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n")
    (place / "entry_points.txt").write_text(DECLARED)
    yield tmp_path
    monkeypatch.delitem(sys.modules, "other_package", raising=False)


def test_our_own_go_the_same_way():
    assert {"quality-npz", "ratings"} <= set(names())
    assert find_reader("quality-npz") is npz.read
    assert find_reader("ratings") is rating_tables.read


def test_another_packages_reader_is_found_and_runs(other):
    assert "theirs" in names()
    table = read_files(["one", "two"], "theirs", {"times": "2"})
    assert table["id"].to_pylist() == ["one", "one", "two", "two"]


def test_names_are_asked_for_when_they_are_needed(other, monkeypatch):
    assert "theirs" in names()
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(other)])
    assert "theirs" not in names()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("their", {}, r"unknown input format 'their' \(did you mean theirs\?\).*quality-npz, ratings"),
        ("theirs", {"time": "2"}, "takes the options times: found time$"),
        ("theirs", {"times": "2", "time": "2"}, "takes the options times: found time$"),
        ("broken", {}, "x cannot be read as broken: KeyError: 'no such thing'"),
        ("nothing", {}, "must return a pyarrow Table: found a dict"),
        ("constant", {}, "of other-package must be callable: found a int"),
        ("lost", {}, "the reader 'lost' of other-package cannot be imported: AttributeError"),
        ("leaves", {}, "x cannot be read as leaves: SystemExit: 4"),
        ("blind", {}, "the reader 'blind' must take a path: it takes nothing"),
        ("deep", {}, "the reader 'deep' takes the options depth: found none"),
        ("theirs", {"times": "many"}, "x cannot be read as theirs: ValueError"),
    ],
)
def test_what_goes_wrong_is_one_sentence(other, name, options, said):
    with pytest.raises(SabotageError, match=said):
        read_files(["x"], name, options)


def test_a_name_that_two_packages_declare_is_refused(other):
    place = other / "third-2.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 2.0\n")
    (place / "entry_points.txt").write_text("[sabotage.readers]\ntheirs = third:read\nints = other_package:ints\n")
    with pytest.raises(
        SabotageError, match=r"more than once, by other-package .other_package:read., third .third:read"
    ):
        find_reader("theirs")
    assert read_files(["x"], "ints").num_rows == 1  # the same thing, declared twice


def test_tables_that_do_not_go_together_are_refused(monkeypatch):
    tables = {"a": pa.table({"id": [1], "more": [2]}), "b": pa.table({"id": [3]}), "c": pa.table({"id": ["x"]})}
    monkeypatch.setattr("sabotage.readers.find_reader", lambda name: tables.__getitem__)
    assert read_files(["a", "b"], "any")["more"].to_pylist() == [2, None]
    with pytest.raises(SabotageError, match="a, c do not go together as one table"):
        read_files(["a", "c"], "any")


def test_no_file_is_said():
    with pytest.raises(SabotageError, match="there is no file to read as quality-npz"):
        read_files([], "quality-npz")
