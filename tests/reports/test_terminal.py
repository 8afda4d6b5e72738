"""What the terminal shows: one screen, numbers beside their units, and no letter that the terminal does not have."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import make_panel
from hypothesis import given
from hypothesis import strategies as st
from sabotage.reports.terminal import console, print_audit, print_panel, print_rules, safe
from sabotage.reports.trimming import GLUE, glued

from sabotage import analyze, simulate
from sabotage.errors import are, count_of
from sabotage.notes import folded
from sabotage.rules import RULES
from sabotage.shell import print_json

COMMAND = str(Path(sys.executable).with_name("sabotage"))


@pytest.mark.parametrize(("n_agents", "seed"), [(1, 0), (2, 1), (4, 2)])
def test_an_audit_is_one_screen(n_agents, seed, capsys):
    panel = make_panel(200, n_agents, 4, seed=seed, missing=0.1, no_reliability=0.1)
    print_panel(panel)
    print_audit(analyze(panel, n_permutations=50), is_written=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80


def test_no_line_ends_between_a_number_and_its_unit(capsys):
    out = console()
    for lead in range(60, 80):
        out.print(safe("x" * lead + " 12.5 % and 3 points, 1 point"))
    shown = capsys.readouterr().out
    assert GLUE not in shown
    for line in shown.splitlines():
        assert not line.startswith(("%", "points", "point"))
    assert shown.count("12.5 %") == shown.count("3 points") == shown.count("1 point\n") == 20


@given(st.text())
def test_glue_changes_blanks_alone(text):
    assert glued(text).replace(GLUE, " ") == text.replace(GLUE, " ")


def test_glue_in_a_name_is_spelled_out(capsys):
    console().print(safe(f"a{GLUE}b"))
    assert capsys.readouterr().out == "a\\ue000b\n"


def test_letters_that_the_output_lacks_are_spelled_out(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console().print(safe("Wörter 中文 " * 8))
    sys.stdout.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert "W\\xf6rter" in lines[0]
    assert max(map(len, lines)) <= 80


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Write a table whose names are not ASCII, one of them too long for a column."""
    frame = make_panel(60, 2, 3, seed=1).to_table().to_pandas()
    frame.columns = [name.replace("agent0", "Stimme_ü" + "中" * 60) for name in frame.columns]
    path = tmp_path_factory.mktemp("foreign") / "preds.parquet"
    frame.to_parquet(path)
    return path


def run(*arguments, **environment):
    return subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, timeout=120, env=os.environ | environment
    )  # fmt: skip


@pytest.mark.parametrize("how", ["variable", "terminal"])
def test_ascii_alone_where_asked_for_or_where_there_is_no_other(foreign, how):
    more = {"variable": {"SABOTAGE_ASCII": "1"}, "terminal": {"PYTHONIOENCODING": "ascii"}}[how]
    done = run("validate", foreign, **more)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"Stimme_\\xfc" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_stays_json_whatever_the_output_can_write(encoding, monkeypatch):
    raw, value = io.BytesIO(), {"ü": "中 \U0001f600 \x1b é", "lone": "\ud800"}
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace"))
    print_json(value)
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == value


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("screen", "no_color", "is_coloured"), [(Screen, "", True), (Screen, "1", False), (io.StringIO, "", False)]
)
def test_colour_on_a_terminal_and_none_where_it_is_unwanted(screen, no_color, is_coloured, monkeypatch):
    seen = screen()
    monkeypatch.setattr(sys, "stdout", seen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    print_rules([RULES["mean"]])
    assert ("\x1b[" in seen.getvalue()) == is_coloured
    assert "sum over m of p[m,c]" in seen.getvalue()


def test_equal_notes_of_several_agents_are_one():
    notes = [
        "first of all", "voice: so it is", "voice has no scores: x is null", "face: so it is", "voice_2: so it is",
        "face has no scores: x is null", "face has a hat", "in the end",
    ]  # fmt: skip
    assert folded(notes, ["voice", "face", "voice_2"]) == [
        "first of all", "voice, face, voice_2: so it is", "voice, face: each has no scores: x is null",
        "face has a hat", "in the end",
    ]  # fmt: skip
    assert folded(notes, []) == notes


@given(st.lists(st.sampled_from(["a: x", "b: x", "a y", "b y", "z", "ab: x"]), unique=True))
def test_folding_loses_nothing(notes):
    said = folded(notes, ["a", "b", "ab"])
    assert len(said) <= len(notes)
    for note in notes:
        name, _, rest = note.partition(" ")
        assert any(name.rstrip(":") in one and one.endswith(rest) for one in said)


@pytest.mark.parametrize(("n", "text", "verb"), [(0, "0 rows", "are"), (1, "1 row", "is"), (1000, "1,000 rows", "are")])
def test_counts_agree(n, text, verb):
    assert count_of(n, "row") == text
    assert are(n) == verb


def test_one_example_is_not_plural(capsys):
    audit = analyze(simulate("aligned", 40, 1), n_permutations=1)
    print_audit(audit)
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 shuffle)" in shown or "1 shuffle" in shown
    assert "1 shuffles" not in shown
    assert not [note for note in audit.notes if note.startswith("1 replicates")]
