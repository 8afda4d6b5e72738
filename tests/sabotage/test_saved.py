"""An audit that was written: its page again, byte for byte, and one sentence for whatever cannot be read."""

import json
import re
from contextlib import suppress

import pytest
from builders import make_panel
from click.testing import CliRunner
from sabotage.cli import commands
from sabotage.reports.rebuilding import rebuild
from sabotage.reports.writing import write_audit

from sabotage import SabotageError, SabotageWarning, analyze, load_audit
from sabotage.differing import diff
from sabotage.gates import Gate, check
from sabotage.methods import describe_methods


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    write_audit(analyze(make_panel(60, 2, 3), n_permutations=20), folder)
    return folder


@pytest.fixture
def copy(written, tmp_path):
    for name in ("audit.json", "cases.json"):
        (tmp_path / name).write_bytes((written / name).read_bytes())
    return tmp_path


def test_the_page_made_again_is_the_same(written):
    audit = load_audit(written / "audit.json")
    assert audit.to_html() == (written / "report.html").read_text(encoding="utf-8")
    assert load_audit(written).path == audit.path
    assert audit.content["finding"][0] in repr(audit)
    assert "<table>" in audit._repr_html_()
    assert "role_bars" in [drawing.name for drawing in audit.figures]


def test_cases_of_another_audit_are_left_out(copy):
    audit = json.loads((copy / "audit.json").read_text())
    audit["finding"][0] = "Something else."
    (copy / "audit.json").write_text(json.dumps(audit))
    with pytest.warns(SabotageWarning, match=r"cases.json is of another audit: the page has no examples"):
        assert load_audit(copy).cases is None
    (copy / "cases.json").write_text("{")
    with pytest.warns(SabotageWarning, match=r"cases.json cannot be read"):
        assert load_audit(copy).cases is None
    (copy / "cases.json").unlink()
    assert load_audit(copy).cases is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "{" + text, "is no JSON"),
        (lambda text: "[1]", "is no audit"),
        (lambda text: '{"rows": 1}', "is no audit"),
        (lambda text: text.replace('"schema": 1', '"schema": 99'), "has schema 99, and this sabotage reads 1"),
        (lambda text: text.replace('"bounds"', '"bound"'), "is damaged, it lacks bounds: analyze the table again"),
    ],
)
def test_what_is_no_audit_is_one_sentence(copy, change, says):
    (copy / "audit.json").write_text(change((copy / "audit.json").read_text()))
    with pytest.raises(SabotageError, match=re.escape(says)):
        load_audit(copy / "audit.json")


def test_what_is_damaged_inside_is_one_sentence(copy):
    audit = json.loads((copy / "audit.json").read_text())
    del audit["agents"]["agent0"]["roles"]
    (copy / "audit.json").write_text(json.dumps(audit))
    (copy / "cases.json").unlink()
    with pytest.raises(SabotageError, match=r"is damaged, or of another version \(KeyError: 'roles'\)"):
        load_audit(copy).to_html()
    with pytest.raises(SabotageError, match="cannot be read: No such file"):
        load_audit(copy / "none.json")


@pytest.mark.parametrize("key", ["input", "settings", "decision", "agents"])
@pytest.mark.parametrize("value", [None, "x", 3])
def test_what_is_damaged_is_one_sentence_for_every_reader(copy, key, value):
    audit = json.loads((copy / "audit.json").read_text())
    damaged = audit | {key: value}
    gates = [Gate("min_accuracy", 0.5), Gate("max_saboteur_rate", 0.1)]
    readers = [lambda: describe_methods(damaged), lambda: diff(audit, damaged), lambda: check(damaged, gates)]
    for read in readers:
        with suppress(SabotageError):  # and nothing else: what it does not look at may be whatever it is
            read()


def test_the_page_goes_where_it_is_wanted(copy, tmp_path):
    audit = str(copy / "audit.json")
    assert rebuild(audit, None, ()) == [str(copy / "report.html")]
    assert rebuild(audit, str(copy / "new" / "page.html"), ["none"]) == [str(copy / "new" / "page.html")]
    names = rebuild(audit, str(copy / "paper"), ["svg"])
    assert names[0] == str(copy / "paper" / "report.html")
    assert str(copy / "paper" / "figures" / "role_bars.svg") in names
    pages = [(copy / name).read_bytes() for name in ("report.html", "new/page.html", "paper/report.html")]
    assert len(set(pages)) == 1


def test_what_cannot_be_written_leaves_nothing(copy):
    audit = str(copy / "audit.json")
    with pytest.raises(SabotageError, match="unknown figure format 'gif'"):
        rebuild(audit, str(copy / "gif"), ["gif"])
    assert not (copy / "gif").exists()
    (copy / "report.html").mkdir()
    with pytest.raises(SabotageError, match="is no place for a page"):
        rebuild(audit, None, ())
    with pytest.raises(SabotageError, match="cannot be made"):
        rebuild(audit, str(copy / "audit.json"), ())


def test_the_command_says_what_it_wrote_or_what_is_wrong(copy):
    done = CliRunner().invoke(commands, ["report", str(copy / "audit.json"), "-o", str(copy / "again")])
    assert done.stdout == f"written: {copy / 'again' / 'report.html'}\n"
    assert done.exit_code == 0
    failed = CliRunner().invoke(commands, ["report", str(copy / "cases.json")])
    assert isinstance(failed.exception, SabotageError)
    assert "is no audit" in str(failed.exception)
