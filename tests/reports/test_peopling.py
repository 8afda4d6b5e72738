"""People on a terminal, as tables, as csv, as a section and as a figure."""

import json
from dataclasses import replace

import pytest
from builders import make_panel
from matplotlib.figure import Figure
from sabotage.reports import figures, peopling
from sabotage.reports.blocks import Grid, Source
from sabotage.reports.sections_people import people as section
from sabotage.reports.tables import to_latex, to_markdown

from sabotage import SabotageError, analyze

PEOPLE = {"people": ("agent0", "agent1", "agent2"), "full": "agent2"}


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(200, 4, 4, missing=0.1), n_permutations=0, **PEOPLE)


def test_the_terminal_says_it_in_80_columns(audit, capsys):
    peopling.print_people(audit.causes.people)
    text = capsys.readouterr().out
    assert "With every modality, agent2 is right on" in text
    assert "Whether models fail where people fail" in text
    assert max(map(len, text.splitlines())) <= 80


def test_tables_and_rows_hold_the_numbers(audit):
    found = audit.causes.people
    gains, errors = peopling.tables(found)
    assert len(gains.rows) == 2 * (1 + 4 + 3)
    assert gains.rows[0][5].value == found.gains[0].difference.value
    assert len(errors.rows) == 2 * 3
    for table in (gains, errors):
        assert "\\begin{tabular}" in to_latex(table)
        assert "|" in to_markdown(table)
    rows = {row[:4]: row[4] for row in peopling.rows(found)}
    assert rows["people", "", "agent0", "difference"] == found.gains[0].difference
    assert rows["errors shared", "the decision", "agent1", "kappa"] == found.errors[4].kappa


def test_the_section_is_of_the_content_alone(audit):
    content = json.loads(audit.to_json())
    made = section(Source(content))
    keys = [block.key for block in made.blocks if isinstance(block, Grid)]
    assert keys == ["people-gains", "people-classes", "people-ambiguity", "people-errors"]
    assert section(Source({**content, "people": None})) is None
    assert "People with one modality and with all" in audit.to_html()


def test_the_figure_draws_everybody(audit):
    found = audit.causes.people
    ax = figures.people_gain(audit, Figure().add_subplot())
    drawn = [float(line.get_xdata()[0]) for line in ax.lines if len(line.get_xdata()) == 1]
    best = next(one for one in found.gains if one.single == found.best)
    assert drawn[:3] == [*(one.alone.share for one in found.gains), best.full.share]
    assert len(drawn) == 3 * 5
    assert [label.get_text() for label in ax.get_yticklabels()] == ["all", *found.by_class]
    with pytest.raises(SabotageError, match="no people"):
        figures.people_gain(analyze(make_panel(60), n_permutations=0))


def test_many_classes_and_people_are_cut_and_said():
    panel = make_panel(300, 16, 100)
    names = tuple(f"a name of somebody that is forty letters {m:02d}" for m in range(16))
    content = analyze(replace(panel, agents=names), n_permutations=0, people=names[:15], full=names[2]).content
    ax = figures.people_gain(content, Figure().add_subplot())
    assert len(ax.get_yticklabels()) == 21
    assert any("classes with less of it are left out" in " ".join(text.get_text().split()) for text in ax.texts)
