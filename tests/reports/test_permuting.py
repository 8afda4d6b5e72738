"""A permutation test as csv, LaTeX, Markdown and text: its numbers, bold only where something was found."""

import csv
import io

import pytest
from builders import make_panel, panel_of
from sabotage.reports.permuting import full_table, paper_table, print_diagnosis, render

from sabotage import SabotageError, diagnose, simulate


@pytest.fixture(scope="module")
def several():
    options = {"rules": ["weighted_mean", "select_best"], "statistics": ["accuracy", "macro_f1"]}
    return diagnose(simulate("aligned", 300, 1), **options, n_permutations=199)


def test_csv_holds_every_number(several):
    rows = list(csv.DictReader(io.StringIO(render(several, "csv"))))
    assert len(rows) == len(several.tests) == 4
    for row, test in zip(rows, several.tests, strict=True):
        fields = test.to_dict()
        for name in ("clean", "broken_mean", "gap", "p_value", "flip_rate", "gap_u", "z", "p_two_sided_adjusted"):
            assert row[name] == ("" if fields[name] is None else str(fields[name])), name
        assert (row["rule"], row["statistic"], row["verdict"]) == (test.rule, test.statistic, test.verdict.word)
        interval = fields["gap_interval"] or ("", "")
        assert (row["gap_low"], row["gap_high"]) == tuple(map(str, interval))


def test_bold_where_helpful_or_harmful_and_nowhere_else(several):
    table = paper_table(several)
    words = {row[-1].text for row in table.rows}
    assert "helpful" in words
    assert len(words) > 1
    for row in table.rows:
        assert any(cell.bold for cell in row) == (row[-1].text in ("helpful", "harmful"))
    assert render(several, "markdown").count("**helpful**") == sum(row[-1].text == "helpful" for row in table.rows)
    assert "adjusted by Holm" in table.notes[0]


def test_one_test_has_no_adjusted_p_and_agents_have_a_column():
    panel = make_panel(100, 2, 3, seed=1)
    one = paper_table(diagnose(panel, n_permutations=20))
    assert "p adjusted" not in one.headings
    assert "agent" not in one.headings
    each = paper_table(diagnose(panel, scheme="single", n_permutations=20))
    assert [row[each.headings.index("agent")].text for row in each.rows] == ["agent0", "agent1"]
    assert "one agent alone" in each.notes[0]


def test_tests_without_a_spread_or_an_interval_have_tables():
    for panel, options in (
        (make_panel(30, 2, 3), {"n_permutations": 1}),
        (make_panel(30, 2, 3), {"n_permutations": 9, "scheme": "independent"}),
        (panel_of([True, False], [0.5, 0.5]), {"n_permutations": 5}),
        (make_panel(30, 2, 3), {"n_permutations": 9, "rules": ["majority"]}),
    ):
        found = diagnose(panel, **options)
        assert len(full_table(found).rows) == len(paper_table(found).rows) == 1
        for format in ("csv", "latex", "markdown"):
            assert render(found, format)
    with pytest.raises(SabotageError, match="unknown format"):
        render(found, "xml")


def test_text_fits_80_columns(several, capsys):
    print_diagnosis(several, power_for=0.01)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)
