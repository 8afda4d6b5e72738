"""Runs in print, as tables, in the report and as figures."""

import csv
import io
import json
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from builders import make_panel
from sabotage.reports import figures, running
from sabotage.reports.blocks import Grid, Source
from sabotage.reports.sections_runs import runs as section_of

from sabotage import SabotageError, compare_runs, simulate
from sabotage.suspects import COLUMNS


def drawn(scenario="mislabelled", n=200, n_runs=3):
    return {f"run {k}": simulate(scenario, n, 1, k) for k in range(n_runs)}


@pytest.fixture(scope="module")
def found():
    return compare_runs(drawn())


@pytest.fixture(scope="module")
def apart():
    return compare_runs(drawn(), different=True)


def wide(n_agents=16, n_runs=12):
    """Runs with long names and many agents."""
    names = tuple(f"agent_{k:02d}_with_a_name_of_forty_letters_____" for k in range(n_agents))
    panels = {}
    for k in range(n_runs):
        panel = make_panel(60, n_agents, 5, k)
        panels[f"backbone_{k}_whose_name_goes_on_and_on_and_on"] = replace(panel, agents=names)
    truth = next(iter(panels.values())).truth
    return {name: replace(panel, truth=truth) for name, panel in panels.items()}


def test_a_terminal_is_80_columns_wide(found, apart, capsys):
    for one in (found, apart, compare_runs(wide(4, 3))):
        running.print_runs(one)
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= 80
        assert one.findings[0][:30] in printed
        assert ("variance of sabotage  " in printed) == one.is_same


def test_csv_holds_every_number(found, apart):
    for one in (found, apart):
        rows = list(csv.DictReader(io.StringIO(running.render(one, "csv"))))
        numbers = sum(
            len(own) for each in (*one.profiles, *one.differences) for own in (each.decision, *each.agents.values())
        )
        n_parts = 0 if one.variance is None else len(one.variance.components) + len(one.variance.shares)
        assert len(rows) == numbers + n_parts
        first = one.profiles[0].agents["video"]["saboteur_per_example"]
        (row,) = [
            row for row in rows
            if (row["run"], row["to"], row["agent"], row["number"])
            == ("run 0", "", "video", "saboteur_per_example")
        ]  # fmt: skip
        assert (float(row["value"]), float(row["low"])) == (first.value, first.interval[0])
        assert (int(row["count"]), int(row["n"])) == (first.count, first.n)


def test_papers_have_a_row_a_run_and_speaker(found):
    markdown = running.render(found, "markdown")
    assert sum(line.startswith("| run ") for line in markdown.splitlines()) == 1 + 3 * 4
    assert r"\begin{table" in running.render(found, "latex")
    with pytest.raises(SabotageError, match="unknown format"):
        running.render(found, "word")


def test_suspects_cannot_run_as_formulas(found):
    rows = list(csv.DictReader(io.StringIO(running.suspects_csv(found.suspects))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == found.suspects.n
    evil = replace(found.suspects, examples=(replace(found.suspects.examples[0], id="=cmd|' /C calc'!A0"),))
    assert next(csv.DictReader(io.StringIO(running.suspects_csv(evil))))["id"].startswith("'=")
    assert running.suspects_csv(None) == ",".join(COLUMNS) + "\n"


def test_the_card_holds_what_was_found(found):
    assert found.findings[0] in found._repr_html_()


def content_of(found):
    return running.figure_content(found) | {"notes": []}


def test_the_section_shows_every_run_and_suspect(found, apart):
    assert section_of(Source({"agents": {}, "notes": []})) is None
    assert section_of(Source({"agents": {}, "notes": [], "runs": None})) is None
    content = json.loads(json.dumps(content_of(found)))
    section = section_of(Source(content))
    grids = {block.key: block for block in section.blocks if isinstance(block, Grid)}
    assert list(grids) == ["runs-inputs", "runs-table", "runs-variance", "runs-components", "runs-kappas", "runs-pairs",
                           "runs-suspects"]  # fmt: skip
    assert len(grids["runs-table"].rows) == 3 * 4
    assert len(grids["runs-suspects"].rows) == min(50, found.suspects.n)
    assert [row[0].text for row in grids["runs-suspects"].rows] == [one.id for one in found.suspects.examples[:50]]
    for grid in grids.values():
        assert all(len(row) == len(grid.columns) for row in grid.rows)
    keys = [block.key for block in section_of(Source(content_of(apart))).blocks if isinstance(block, Grid)]
    assert keys == ["runs-inputs", "runs-table"]


def test_nobody_sabotages():
    panel = make_panel(40)
    sure = {name: replace(panel, labels=np.repeat(panel.truth[:, None], 3, axis=1)) for name in "ab"}
    found = compare_runs(sure, threshold=1.0, rule="majority")
    assert "nothing varies" in found.findings[1]
    section = section_of(Source(content_of(found)))
    assert any("split of the variance" in getattr(block, "text", "") for block in section.blocks)
    with pytest.raises(SabotageError, match="nothing varies"):
        figures.run_variance(content_of(found))


def test_the_figures_draw_shares_and_rates(found):
    content = content_of(found)
    shares = [own.share for own in found.variance.shares.values()]
    ax = figures.run_variance(content)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths[:4] == pytest.approx(shares)
    assert widths[4:] == pytest.approx(shares)
    assert sum(widths[:4]) == pytest.approx(1)
    lines = [tuple(line.get_xdata()) for line in ax.lines]
    assert lines == [own.interval for own in found.variance.shares.values() if own.interval is not None]
    ax = figures.run_slopes(content)
    right, saboteur = ax.child_axes
    by_name = {line.get_label(): line.get_ydata() for line in saboteur.lines}
    for agent in found.agents:
        expected = [one.agents[agent]["saboteur_per_example"].value for one in found.profiles]
        np.testing.assert_allclose(by_name[agent], expected)
    accuracy = {line.get_label(): line.get_ydata() for line in right.lines}["decision"]
    np.testing.assert_allclose(accuracy, [one.decision["accuracy"].value for one in found.profiles])
    plt.close("all")


def test_figures_of_long_names_and_many_agents():
    content = content_of(compare_runs(wide()))
    made = figures.render(content, ("png",), ("run_slopes", "run_variance"))
    assert list(made.files) == ["run_variance.png", "run_slopes.png"]
    with pytest.raises(SabotageError, match="the audit has no other runs"):
        figures.run_slopes({"agents": {}, "input": {}, "runs": None})
