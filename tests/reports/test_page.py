"""The page: self-contained, escaped, and with the numbers of the audit."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from builders import make_panel

from sabotage import Panel, analyze

VOID = {"meta", "br", "hr", "img", "input", "link", "path", "rect", "use", "line"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Checks that tags nest, and gathers tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def renamed(panel: Panel, **names) -> Panel:
    return Panel(**({name: getattr(panel, name) for name in panel.__dataclass_fields__} | names))


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(300, 3, 4, missing=0.2, recorded=True), n_permutations=200)


def test_the_page_is_whole_and_asks_nothing_of_the_network(audit):
    page = Page(audit.to_html())
    assert "script" not in page.tags
    assert page.tags.count("svg") == 3
    for name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action"):
            assert value.startswith("#"), value
    assert "url(http" not in audit.to_html()
    assert len(audit.to_html()) < 3_000_000


def test_ids_are_unique_and_every_reference_has_its_target(audit):
    page = Page(audit.to_html())
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', audit.to_html())
    assert used
    assert set(used) <= set(ids)


def test_finding_tables_and_notes_are_on_the_page(audit):
    text = " ".join(" ".join(Page(audit.to_html()).text).split())
    for sentence in (*audit.finding, *audit.notes):
        assert " ".join(sentence.split()) in text
    for profile in audit.agents:
        assert f"{profile.roles['saboteur']:,}" in text
        assert f"{profile.accuracy:.3f}" in text


@pytest.mark.parametrize(
    "name", [EVIL, '"><img src=x onerror=alert(1)>', "$\\frac{1}{2}$ & {{ 7*7 }}", "x" * 200, "\u202eabc", "a\x00b"]
)
def test_names_do_no_harm(name):
    panel = make_panel(60, 2, 3)
    odd = renamed(panel, agents=(name, "b"), classes=("a", name + "c", "d"), weights=name)
    audit = analyze(odd, n_permutations=5)
    page = Page(audit.to_html())
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not any(attribute.startswith("on") for attribute, _ in page.attributes)
    assert "\x00" not in audit.to_html()
    card = Page(audit._repr_html_())
    assert "script" not in card.tags


def test_panels_at_the_edges_have_a_page():
    for panel in (make_panel(1, 1, 2), make_panel(50, 16, 100), make_panel(40, 2, 3, scores=False)):
        Page(analyze(panel, n_permutations=3).to_html())
    no_confidence = make_panel(40, 2, 3)
    no_confidence.confidence[:] = np.nan
    Page(analyze(no_confidence, n_permutations=0).to_html())


def test_headings_are_in_order(audit):
    levels = [int(tag[1]) for tag in Page(audit.to_html()).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
