"""Disagreement and dominance as text, csv, LaTeX, Markdown, sections of the page and figures: the numbers they hold."""

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, read_csv
from matplotlib.figure import Figure
from sabotage.reports import figures
from sabotage.reports.blocks import Grid, Source
from sabotage.reports.disagreeing import full_table, paper_table, print_partings, render
from sabotage.reports.sections_disagreement import between_agents, disagreement, dominance

from sabotage import SabotageError, analyze, find_partings, judge
from sabotage.partings import Partings

HOSTILE = ("[bold]x[/bold]", "=cmd()", "x" * 90)


@pytest.fixture(scope="module")
def panel():
    return replace(make_panel(300, 3, 4, missing=0.2), agents=("voice", "face", "text"))


@pytest.fixture(scope="module")
def found(panel):
    judged = judge(panel)
    whole = find_partings(judged, n_permutations=0)
    return Partings(whole.disagreement, whole.dominance, whole.annotators, None, whole.notes)


@pytest.fixture(scope="module")
def audit(panel):
    return analyze(panel, n_permutations=0, controls=False)


def printed(found, capsys):
    print_partings(found)
    return capsys.readouterr().out


def test_text_is_80_wide_and_holds_every_cell(found, capsys):
    text = printed(found, capsys)
    assert max(map(len, text.splitlines())) <= 80
    for name, cell in found.disagreement.cells.items():
        line = next(line for line in text.splitlines() if line.startswith(name.replace("_", " ")))
        assert f"{cell.examples.count:,}" in line.split("  ", 1)[1]
    for agent, own in found.dominance.agents.items():
        assert f"{own.alone.followed.n:,}" in text
        assert agent in text


def test_hostile_names_and_many_agents_do_no_harm(capsys):
    panel = replace(make_panel(120, 3, 4), agents=HOSTILE)
    text = printed(find_partings(judge(panel), n_permutations=0), capsys)
    assert "[bold]x[/bold]" in text
    assert max(map(len, text.splitlines())) <= 80
    many = make_panel(60, 16, 4, missing=0.5)
    text = printed(find_partings(judge(many), n_permutations=0), capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert "108 more pairs" in text.replace("\n", " ")
    csv_text = render(find_partings(judge(panel), n_permutations=0), "csv")
    assert "'=cmd()" in csv_text


def test_csv_has_every_number(found):
    frame = read_csv(render(found, "csv"))
    assert list(frame.columns) == ["part", "of", "agent", "measure", "count", "n", "value", "low", "high", "why"]
    own = found.disagreement
    for name, cell in own.cells.items():
        (row,) = frame[(frame.part == "cell") & (frame["of"] == name) & (frame.measure == "examples")].to_dict(
            "records"
        )
        assert (row["count"], row["n"], row["value"]) == (cell.examples.count, cell.examples.n, cell.examples.share)
    (row,) = frame[(frame.part == "dominance") & (frame.agent == "face") & (frame.measure == "onset")].to_dict(
        "records"
    )
    onset = found.dominance.agents["face"].onset
    assert row["value"] == onset.value or (np.isnan(row["value"]) and onset.value is None)
    assert (frame.part == "class").sum() == 6 * 4
    assert len(full_table(found).rows) == len(frame)


@pytest.mark.parametrize("format", ["latex", "markdown"])
def test_papers_have_a_row_a_cell(found, format):
    text = render(found, format)
    for name in found.disagreement.cells:
        assert name.replace("_", " ") in text
    assert "Decisions follow agents that stand alone" in paper_table(found).notes[1]
    with pytest.raises(SabotageError, match="unknown format"):
        render(found, "word")


def grids(section):
    return {block.key: block for block in section.blocks if isinstance(block, Grid)}


def test_sections_show_what_audit_json_holds(audit):
    content = json.loads(audit.to_json())
    cells = audit.cases().to_dict(audit.content)["cells"]
    source = Source(content, cells)
    shown = grids(disagreement(source))
    own = content["disagreement"]
    counts = {row[0].text: row[1].value for row in shown["cells"].rows}
    assert counts == {name.replace("_", " "): cell["examples"]["count"] for name, cell in own["cells"].items()}
    assert len(shown["patterns"].rows) == len(own["patterns"])
    assert len(shown["leads"].rows) == 3 * sum(
        cell["examples"]["count"] > 0 for name, cell in own["cells"].items() if name != "silent"
    )
    lost = shown["cells"].rows[3][1]
    assert lost.case == "*:lost"
    assert cells["*:lost"]["n"] == lost.value
    table = grids(dominance(source))
    assert [row[1].value for row in table["dominance-table"].rows] == [
        one["alone"]["followed"]["n"] for one in content["dominance"]["agents"].values()
    ]
    pairs = between_agents(source)
    assert [row[2].value for row in pairs.rows] == [pair.agreement for pair in audit.agreement.pairs]


def test_an_audit_without_them_has_no_such_sections(audit):
    old = {key: value for key, value in audit.content.items() if key not in ("disagreement", "dominance")}
    for source in (Source(old), Source(old | {"disagreement": {}, "dominance": {}})):
        assert disagreement(source) is dominance(source) is between_agents(source) is None
    for name in ("disagreement_cells", "dominance_curve"):
        with pytest.raises(SabotageError, match="the audit has no"):
            getattr(figures, name)(old)


def test_cases_of_cells_are_of_their_cells(audit, panel):
    from sabotage.cells import CELLS, cells_of

    cases = audit.cases()
    cell = cells_of(panel, audit.role_table.decision.labels)
    for name in ("lost", "rescued", "resolved", "all_wrong"):
        rows = np.flatnonzero(cell == CELLS.index(name))
        n, listed = cases.cells.get(f"*:{name}", (0, ()))
        assert n == len(rows)
        assert set(cases.rows[list(listed)]) <= set(rows.tolist())


def axes():
    return Figure().add_subplot()


def test_bars_are_the_shares_of_cells(audit):
    ax = figures.disagreement_cells(audit, axes())
    widths = np.array([[bar.get_width() for bar in container] for container in ax.containers])
    np.testing.assert_allclose(widths.sum(axis=0), 1)
    assert widths.shape[1] == 5  # all, and four classes
    own = audit.content["disagreement"]["cells"]
    for container in ax.containers:
        share = own[container.get_label().replace(" ", "_")]["examples"]["share"]
        assert container[0].get_width() == pytest.approx(share)


def test_the_curve_is_the_bins_and_marks_onsets(audit):
    ax = figures.dominance_curve(audit, axes())
    for name, own in audit.content["dominance"]["agents"].items():
        (line,) = [line for line in ax.lines if line.get_label() == name]
        bins = [one["followed"] for one in own["bins"]]
        assert list(line.get_ydata()) == [one["share"] for one in bins if one["n"] >= 10]
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    onsets = [own["onset"] for own in audit.content["dominance"]["agents"].values()]
    assert marks == [one["value"] for one in onsets if one["value"] is not None and not one["is_lowest"]]


def test_figures_with_many_classes_and_agents_stay_small():
    panel = make_panel(200, 16, 100, missing=0.3, recorded=True)
    audit = analyze(panel, n_permutations=0, controls=False)
    drawn = {one.name: one for one in figures.drawings(audit)}
    assert "80 more classes" in " ".join(text.get_text() for text in figures.disagreement_cells(audit, axes()).texts)
    assert all(drawn[name].size[1] < 6 for name in ("disagreement_cells", "dominance_curve"))
    alone = analyze(make_panel(40, 1, 3), n_permutations=0, controls=False)
    with pytest.raises(SabotageError, match="stands alone"):
        figures.dominance_curve(alone)
