"""The store of answers: whole after a kill, shared by processes, and told what is no store."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sabotage import SabotageError
from sabotage.batches import contents
from sabotage.storing import Store, fingerprint

PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text()


@given(
    st.dictionaries(st.text(min_size=1), st.dictionaries(st.text(), PLAIN | st.lists(PLAIN)), min_size=1, max_size=5)
)
def test_what_was_put_is_got(answers):
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"sabotage-{os.getpid()}.sqlite")
    try:
        store = Store(path)
        store.put("voice", "1", answers)
        assert store.get("voice", "1", [*answers, "no such"]) == answers
        assert store.get("voice", "2", answers) == store.get("face", "1", answers) == {}
    finally:
        os.unlink(path)


def test_the_first_answer_stays(tmp_path):
    store = Store(tmp_path / "s.sqlite")
    store.put("a", "", {"x": {"label": 1}})
    store.put("a", "", {"x": {"label": 2}, "y": {"label": 3}})
    assert store.get("a", "", ["y", "x"]) == {"x": {"label": 1}, "y": {"label": 3}}


def test_values_are_json_that_anyone_can_read(tmp_path):
    Store(tmp_path / "s.sqlite").put("a", "v", {"x": {"label": "né", "scores": [[1, 0.1]]}})
    rows = sqlite3.connect(tmp_path / "s.sqlite").execute("SELECT * FROM answers").fetchall()
    assert rows == [("a", "v", "x", '{"label": "n\\u00e9", "scores": [[1, 0.1]]}')]


def test_what_cannot_be_stored(tmp_path):
    with pytest.raises(SabotageError, match="a: an answer must hold texts, numbers and booleans"):
        Store(tmp_path / "s.sqlite").put("a", "", {"x": {"label": object()}})
    (tmp_path / "notes.txt").write_text("not a database, but longer than its header would be " * 9)
    with pytest.raises(
        SabotageError, match=r"notes\.txt cannot be used as a store of answers \(file is not a database"
    ):
        Store(tmp_path / "notes.txt").get("a", "", ["x"])
    with pytest.raises(SabotageError, match="cannot be used as a store of answers"):
        Store(tmp_path / "nowhere" / "s.sqlite").get("a", "", ["x"])
    with pytest.raises(SabotageError, match="an example must hold plain values"):
        fingerprint(lambda: None)


@pytest.mark.parametrize("order", ["C", "F"])
def test_equal_examples_have_one_fingerprint(order):
    X = np.random.default_rng(0).random((6, 4))
    again = np.asarray(np.vstack([X, X]), order=order)[::2]
    assert [fingerprint(row) for row in contents(X[[0, 2, 4]])] == [fingerprint(row) for row in contents(again[:3])]
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 9])
    other = pa.table({"b": ["y", "x"], "a": [2, 1]})
    listed = [{"a": np.int64(1), "b": np.str_("x")}]
    prints = [fingerprint(row) for batch in (frame, other, listed) for row in contents(batch)]
    assert prints[0] == prints[3] == prints[4]
    assert prints[1] == prints[2] != prints[0]


@given(arrays(np.float64, (3, 2), elements=st.floats(-2, 2, width=16)))
def test_fingerprints_differ_where_examples_do(values):
    prints = [fingerprint(row) for row in contents(values)]
    assert len(set(prints)) == len({row.tobytes() for row in values})


def run(code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], stdout=subprocess.PIPE, text=True
    )


def test_processes_share_a_store(tmp_path):
    code = """
        import sys
        from sabotage.storing import Store
        store = Store(sys.argv[1])
        for k in range(60):
            store.put("a", "", {f"{k}-{j}": {"label": sys.argv[2]} for j in range(3)})
    """
    path = str(tmp_path / "s.sqlite")
    runs = [run(code, path, name) for name in ("first", "second")]
    assert [one.wait(60) for one in runs] == [0, 0]
    keys = [f"{k}-{j}" for k in range(60) for j in range(3)]
    found = Store(path).get("a", "", keys)
    assert list(found) == keys
    # Each transaction is whole: the three of one put are one process's.
    assert all(len({found[f"{k}-{j}"]["label"] for j in range(3)}) == 1 for k in range(60))


def test_a_kill_leaves_whole_answers(tmp_path):
    code = """
        import sys
        from sabotage.storing import Store
        store, k = Store(sys.argv[1]), 0
        while True:
            store.put("a", "", {f"{k}-{j}": {"label": k} for j in range(50)})
            k += 1
            if k == 5:
                print("five", flush=True)
    """
    path = str(tmp_path / "s.sqlite")
    one = run(code, path)
    assert one.stdout.readline() == "five\n"
    os.kill(one.pid, signal.SIGKILL)
    one.wait()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (n,) = connection.execute("SELECT count(*) FROM answers").fetchone()
    assert n >= 250
    assert n % 50 == 0


@pytest.mark.parametrize("text", ['{"label"', "[1, 2]", "", b"\xff"])
def test_an_answer_of_another_program(tmp_path, text):
    store = Store(tmp_path / "s.sqlite")
    store.put("a", "", {"k": {"label": 1}})
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE answers SET answer = ?", (text,))
    with pytest.raises(SabotageError, match="holds an answer of a that is no JSON object: found"):
        store.get("a", "", ["k"])


def test_names_that_sqlite_would_keep_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store(":memory:").put("a", "", {"k": {"label": 1}})
    assert Store(":memory:").get("a", "", ["k"]) == {"k": {"label": 1}}
    with pytest.raises(SabotageError, match="cannot be used as a store"):
        Store("").put("a", "", {"k": {"label": 1}})
    with pytest.raises(SabotageError, match="cannot be used as a store"):
        Store("s.sqlite").put("a", "\ud800", {"k": {"label": 1}})


def test_columns_of_one_name_both_count():
    tables = [
        pd.DataFrame([[1, 2], [3, 2]], columns=["q", "q"]),
        pd.DataFrame([[1, 2], [3, 2]], columns=[1, "1"]),
        pa.table([[1, 3], [2, 2]], names=["q", "q"]),
        [{1: 1, "1": 2}, {1: 3, "1": 2}],
    ]
    for table in tables:
        first, second = map(fingerprint, contents(table))
        assert first != second
    assert list(contents(pd.DataFrame(index=[4, 4]))) == [{}, {}]
