"""Figures as files and on a page: the same bytes, harmless names, ids of their own, colours of the page."""

import json
import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from builders import make_panel
from contents import filled
from matplotlib.figure import Figure
from sabotage.reports.figures import NAMES, drawings, render, to_svg, write_figures
from sabotage.reports.style import styled

from sabotage import SabotageError, analyze

PLAIN = ("dose_response", "confidence_histograms", "risk_coverage")  # names as in others
NAMES_FROM_FILES = ["<script>alert(1)</script>", '"><img src=x>', "$\\frac{1}{2}$", "x" * 200, "\u202eabc", "a\x00b"]


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(120, 3, 4, missing=0.2), n_permutations=50, attribute=True)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def test_the_same_audit_gives_the_same_bytes_from_object_and_from_file(audit):
    first = render(audit, ("svg",), NAMES[:4])
    again = render(json.loads(audit.to_json()), ("svg",), NAMES[:4])
    assert first.svgs == again.svgs
    assert first.files == again.files
    for drawing in first.drawings:
        assert to_svg(drawing, audit) == first.svgs[drawing.name]


def test_several_live_on_one_page(audit):
    svgs = render(audit).svgs
    ids = [id for svg in svgs.values() for id in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for name, svg in svgs.items():
        assert svg.startswith("<svg")
        assert len(svg) < 110_000
        used = set(re.findall(r'(?:href="#|url\(#|labelledby=")([^")]+)', svg))
        assert used <= set(re.findall(r' id="([^"]+)"', svg))
        assert all(id.startswith(f"{name}-") for id in used)
        assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", svg)
        ElementTree.fromstring(svg)


def test_a_page_gives_ink_axes_and_paper_their_colours(audit):
    svg = render(audit, (), ("role_bars",)).svgs["role_bars"]
    assert "var(--ink, #222222)" in svg
    assert "var(--axis, #767676)" in svg
    assert not re.search(r"(?<!, )#(222222|767676|ffffff)", svg)
    drawing = drawings(audit)[0]
    assert f'<title id="role_bars-title">{drawing.about}</title>' in svg


@pytest.mark.parametrize("name", NAMES_FROM_FILES)
def test_names_do_no_harm(name):
    panel = replace(make_panel(60, 2, 3), agents=(name, "b"), classes=("a", name + "c", "d"), weights=name)
    content = filled(analyze(panel, n_permutations=5).to_dict())
    rendered = render(content, (), [drawing for drawing in NAMES if drawing not in PLAIN])
    assert len(rendered.drawings) >= 6
    for svg in rendered.svgs.values():
        assert not {"script", "img"} & set(Tags(svg).found)
        assert "\x00" not in svg
        ElementTree.fromstring(svg)


def no_confidence():
    panel = make_panel(40, 2, 3)
    panel.confidence[:] = np.nan
    return panel


@pytest.mark.parametrize(
    "panel",
    [make_panel(1, 1, 2), make_panel(30, 16, 100), make_panel(40, 2, 3, scores=False), no_confidence(),
     replace(make_panel(30, 2, 3), truth=np.zeros(30, np.int32))],
    ids=["one example", "16 x 100", "no scores", "no confidence", "one class"],
)  # fmt: skip
def test_panels_at_the_edges_are_drawn_without_a_warning(panel):
    audit = analyze(panel, n_permutations=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rendered = render(audit)
    assert "role_bars" in rendered.svgs
    for drawing in rendered.drawings:
        assert drawing.size[0] <= 3.4 + 1e-9
        assert drawing.size[1] <= 6
        assert drawing.about.endswith(".")
        assert "nan" not in drawing.about


def test_nothing_is_cut_off():
    """Every text lies inside the figure once it is laid out."""
    audit = analyze(
        replace(make_panel(120, 3, 4), agents=tuple(f"a rather long name of agent {k}" for k in range(3))),
        n_permutations=50, attribute=True, dose_response=False,
    )  # fmt: skip
    for drawing in drawings(audit):
        with styled():
            figure = Figure(figsize=drawing.size)
            drawing.draw(audit, figure.add_subplot())
            figure.draw_without_rendering()
            box = figure.get_tightbbox()
        width, height = drawing.size
        assert box.x0 >= -0.02, drawing.name
        assert box.y0 >= -0.02, drawing.name
        assert box.x1 <= width + 0.02, drawing.name
        assert box.y1 <= height + 0.02, drawing.name


def test_files_in_every_format(audit, tmp_path):
    content = {
        name: value
        for name, value in audit.content.items()
        if name not in ("curves", "profiles", "disagreement", "dominance")
    } | {"attribution": None}
    names = write_figures(content, tmp_path / "new", ("svg", "png", "pdf", "svg"))
    assert names == [
        f"{figure}.{format}"
        for figure in ("role_bars", "headroom_waterfall", "agreement_matrix")
        for format in ("svg", "png", "pdf")
    ]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(names)
    assert (tmp_path / "new" / "role_bars.png").read_bytes().startswith(b"\x89PNG")
    pdf = (tmp_path / "new" / "role_bars.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"Date" not in pdf
    assert b"/Type3" not in pdf
    assert "var(" not in (tmp_path / "new" / "role_bars.svg").read_text()
    again = write_figures(content, tmp_path / "again", ("png", "pdf"))
    for name in again:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "new" / name).read_bytes()
    with pytest.raises(SabotageError, match="unknown figure format 'gif'"):
        write_figures(audit, tmp_path, ("gif",))
    (tmp_path / "file").touch()
    with pytest.raises(SabotageError, match="file cannot be made: "):
        write_figures(content, tmp_path / "file")
