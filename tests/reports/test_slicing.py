"""Slices as text, tables, section and figure."""

import io
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, read_csv
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.console import Console
from sabotage.reports import figures, slicing, terminal
from sabotage.reports.blocks import Source
from sabotage.reports.page import report_page
from sabotage.reports.sections_slices import slices as section

from sabotage import SabotageError, analyze, find_slices, judge, simulate
from sabotage.slice_words import describe_slices

LONG = "a name from a file with forty letters <b>"


@pytest.fixture(scope="module")
def found():
    return find_slices(judge(simulate("corrupted-class", 2000)), ("class", "site", "noise"), n_permutations=200)


@pytest.fixture(scope="module")
def audit():
    panel = simulate("corrupted-group", 1500, 1)
    columns = dict(panel.columns) | {LONG: pa.array([f"{LONG} {k % 60}" for k in range(1500)])}
    panel = replace(panel, columns=columns, agents=(LONG, "audio", "$x_1$ [red]"))
    return analyze(panel, n_permutations=99, controls=False, by=["site", "noise", LONG, "group"], smallest=5)


def printed(found, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(terminal, "console", lambda: Console(file=out, width=80))
    slicing.print_slices(found)
    return out.getvalue()


def test_text_has_both_halves_and_fits_a_terminal(found, monkeypatch):
    text = printed(found, monkeypatch)
    assert max(map(len, text.splitlines())) <= 80
    assert "2 are confirmed on the other" in " ".join(text.split())
    own = found.confirmed[0]
    for half in (own.first, own.second):
        assert f"{half.n_sabotaged}/{half.n}" in text
    assert "p by site: groups change places whole (200 permutations)" in text
    assert "more, which --format csv shows" in text


def test_csv_has_every_number(found):
    frame = read_csv(slicing.render(found, "csv"))
    assert len(frame) == len(found.slices) == 4 * 13
    for row, own in zip(frame.to_dict("records"), found.slices, strict=True):
        assert (row["column"], row["name"], row["agent"]) == (own.column, own.name, own.agent or "any agent")
        assert row["lift_low"] == pytest.approx(own.lift_interval[0])
        assert (row["first_n"], row["second_p_value"]) == (own.first.n, pytest.approx(own.second.p_value))
        assert row["is_confirmed"] == own.is_confirmed


@pytest.mark.parametrize("format", ["latex", "markdown"])
def test_papers_get_thirty_rows(found, format):
    text = slicing.render(found, format)
    assert "22 more pairs of slice and saboteur are not shown" in text
    assert "119" in text or "y fear" in text
    assert (r"\textbf{" if format == "latex" else "**3.08") in text
    with pytest.raises(SabotageError, match="unknown format 'html'"):
        slicing.render(found, "html")


def test_cards_and_reprs_say_what_was_confirmed(found):
    assert "y fear: video sabotages" in repr(found)
    assert "y fear: video sabotages" in found._repr_html_()


def test_the_section_is_made_from_the_content(audit):
    content = audit.content
    own = section(Source(content))
    grids = {block.key: block for block in own.blocks if block.kind == "grid"}
    assert set(grids) == {"slices-found", "slices-table", "slices-panel"}
    assert len(grids["slices-table"].rows) == len(content["slices"]["slices"])
    assert len(grids["slices-found"].rows) == content["slices"]["n_found"]
    assert any("left out" in item for block in own.blocks if block.kind == "listing" for item in block.items)
    page = report_page(content, None, [])
    assert page == report_page(content, None, [])
    assert 'id="slices"' in page
    assert "<b>" not in re.sub(r"<b>\s*</b>", "", page[page.index('id="slices"') :][:20000])
    # An older audit, and one that was not asked.
    assert section(Source({**content, "slices": None})) is None
    older = {key: value for key, value in content.items() if key != "slices"}
    assert 'id="slices"' not in report_page(older, None, [])


def test_the_figure_has_a_row_a_slice_and_fits(audit):
    ax = figures.slice_lifts(audit)
    FigureCanvasAgg(ax.figure).draw()
    names = [label.get_text() for label in ax.get_yticklabels()]
    rows = content_rows = len(names)
    assert content_rows <= 18
    assert any(name.startswith("site north: audio") for name in names)
    width = ax.figure.get_size_inches()[0] * ax.figure.dpi
    for label in ax.get_yticklabels():
        box = label.get_window_extent()
        assert box.x0 >= -0.02 * width
    assert all(len(name) <= 36 for name in names)
    low, high = ax.get_xlim()
    assert low < 1 < high
    points = np.concatenate([own.get_offsets() for own in ax.collections])
    assert len(points) == rows
    assert {drawing.name: drawing for drawing in figures.drawings(audit)}["slice_lifts"].about.endswith("rate.")


def test_what_is_not_there_is_not_drawn(audit):
    with pytest.raises(SabotageError, match=r"the audit has no slices: analyze with by="):
        figures.slice_lifts({**audit.content, "slices": None})
    nobody = [dict(own, lift=None) for own in audit.content["slices"]["slices"]]
    with pytest.raises(SabotageError, match="nobody is a saboteur"):
        figures.slice_lifts({**audit.content, "slices": {**audit.content["slices"], "slices": nobody}})


def test_too_few_clusters_are_said(monkeypatch):
    panel = simulate("no-cause", 60)
    panel = replace(panel, columns={"film": pa.array(np.arange(60) % 3)}, group="film")
    found = find_slices(judge(panel), n_permutations=20)
    text = " ".join(printed(found, monkeypatch).split())
    assert "there are too few clusters for halves" in text
    assert "note: by y: the halves of slices are null" in text
    assert slicing.render(found, "csv").count("\n") == len(found.slices) + 1
    audit = analyze(panel, n_permutations=9, controls=False, by=["class"])
    assert section(Source(audit.content)) is not None


def test_names_on_an_axis_are_cut_where_slices_do_not_differ():
    from sabotage.reports.figures.slicing import NAME, _name

    values = ("<= 0.5175", "0.5175 to 0.583", "0.583 to 0.652", "> 0.652", "")
    names = [_name({"column": "voice_intensity", "name": value}) for value in values]
    assert len(set(names)) == len(values)
    assert max(map(len, names)) <= NAME
    assert names[-1].endswith(' ""')


def test_where_nothing_could_be_tested_that_is_said():
    found = find_slices(judge(make_panel(60, 3, 3)), ["class"], smallest=1000, n_permutations=9)
    assert describe_slices(found.to_dict(0), []) == [
        "By y: no slice has 1,000 examples in each half, so none was tested."
    ]
