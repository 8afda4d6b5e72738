"""Annotators on a terminal, as tables, as csv, as a section and as a figure."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel
from matplotlib.figure import Figure
from sabotage.reports import annotating, figures
from sabotage.reports.blocks import Grid, Source
from sabotage.reports.sections_annotators import annotators as section
from sabotage.reports.tables import to_csv, to_latex, to_markdown

from sabotage import SabotageError, analyze


def annotated(n=120, evil="fear", **options):
    random = np.random.default_rng(0)
    panel = make_panel(n, 3, 4, **options)
    names = ["anger", "disgust", evil, "happy"]
    columns = {f"annotator_{k}": pa.array([names[c] for c in random.integers(0, 4, n)]) for k in range(3)}
    return replace(panel, classes=tuple(names), columns=columns)


@pytest.fixture(scope="module")
def audit():
    return analyze(annotated(), n_permutations=99, controls=False)


def test_the_terminal_says_it_in_80_columns(audit, capsys):
    annotating.print_annotators(audit.causes.annotators)
    text = capsys.readouterr().out
    assert "Agents disagree" in text
    assert "Krippendorff's alpha" in text
    assert "by 99 shuffles" in text
    assert max(map(len, text.splitlines())) <= 80


def test_without_annotators(capsys):
    plain = analyze(make_panel(60), n_permutations=0).causes.annotators
    annotating.print_annotators(plain)
    text = capsys.readouterr().out
    assert "No column says what annotators thought" in text
    assert "AUROC, unsure" not in text
    (table,) = annotating.tables(plain)
    assert table.headings == ("score", "AUROC, wrong")
    assert {row[0] for row in annotating.rows(plain)} == {"score"}


def test_tables_hold_the_numbers(audit):
    found = audit.causes.annotators
    (table,) = annotating.tables(found)
    assert [row[0].value for row in table.rows] == [one.score for one in found.scores]
    assert table.rows[0][3].value == found.scores[0].comparison.difference.value
    for write in (to_latex, to_markdown):
        assert "AUROC" in write(table)
    measures = {(of, measure): number for _, of, _, measure, number in annotating.rows(found)}
    assert measures["votes", "p_adjusted"].value == found.scores[0].comparison.p_adjusted
    assert measures["labels", "krippendorff_alpha"].n == 120


def test_ambiguous_csv_is_bounded_and_runs_nothing(tmp_path):
    panel = annotated(60, "=cmd()")
    found = analyze(panel, n_permutations=0).causes.annotators.ambiguous
    annotating.write_ambiguous(found, tmp_path / "a.csv", 10)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert len(rows) == 10
    assert [int(row["rank"]) for row in rows] == list(range(1, 11))
    values = {value for row in rows for value in row.values()}
    assert "'=cmd()" in values
    assert "=cmd()" not in values
    assert float(rows[0]["ambiguity"]) == found.ambiguity[found.rows[0]]
    assert annotating.write_beside(found, tmp_path) == "ambiguous.csv"
    one = analyze(make_panel(5, 1), n_permutations=0).causes.annotators.ambiguous
    annotating.write_ambiguous(one, tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text() == to_csv(annotating.Table(annotating.HEADINGS, ()))


def test_the_section_is_of_the_content_alone(audit):
    content = json.loads(audit.to_json())
    made = section(Source(content))
    grids = {block.key: block for block in made.blocks if isinstance(block, Grid)}
    assert list(grids) == ["annotator-votes", "annotator-scores", "ambiguous"]
    assert len(grids["annotator-scores"].rows) == 5
    assert len(grids["ambiguous"].rows) == 50
    assert "70 less ambiguous ones" in grids["ambiguous"].about
    assert section(Source({**content, "annotators": None})) is None
    assert section(Source({key: value for key, value in content.items() if key != "annotators"})) is None
    plain = analyze(make_panel(60, recorded=True), n_permutations=0)
    made = section(Source(plain.content))
    assert made.short == "Ambiguity"


def test_the_figure_draws_both_areas(audit):
    ax = figures.annotator_disagreement(audit, Figure().add_subplot())
    scores = audit.causes.annotators.scores
    drawn = [float(line.get_xdata()[0]) for line in ax.lines if len(line.get_xdata()) == 1]
    assert drawn == [one.comparison.auroc.value for one in scores] + [one.auroc_error.value for one in scores]
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2][:-1]
    assert spans[0] == pytest.approx(scores[0].comparison.auroc.interval)
    assert "annotator_disagreement" in {drawing.name for drawing in figures.drawings(audit)}
    with pytest.raises(SabotageError, match="no annotators who are unsure"):
        figures.annotator_disagreement(analyze(make_panel(60), n_permutations=0))
