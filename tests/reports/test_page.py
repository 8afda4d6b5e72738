"""The page: self-contained, escaped, and with the numbers of the audit."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from builders import make_panel, seeded
from sabotage.reports.figures import drawings

from sabotage import Panel, analyze, diagnose, permute
from sabotage import replay as replayed
from sabotage.saying import what_was_found, what_was_not_shown

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
    assert page.tags.count("svg") == len(drawings(audit))
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
    assert " %" not in audit.to_html().partition('<section class="finding"')[2].partition("</section>")[0]
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


def test_the_page_shows_the_verdict_with_what_stands_beside_it():
    panel = seeded(30, 3, dropped=0.1)
    audit = analyze(panel, n_permutations=50, dose_response=True)
    page = audit.to_html()
    found = audit.to_dict()
    assert f"<h2>Permutation test: {audit.permutation.verdict.word}</h2>" in page
    text = unescape(page).replace("\xa0", " ")
    for sentence in (what_was_found(panel, audit.permutation), what_was_not_shown(audit.permutation)):
        assert sentence in text
    assert audit.permutation.exchanged in text
    for heading in ("Controls", "Dose-response", "Headroom"):
        assert f"<h3>{heading}</h3>" in page
    for seed in found["permutation"]["seeds"]:
        assert f"<tr><td>{seed['seed']}</td><td>{seed['n_examples']}</td><td>{seed['clean']:.4f}</td>" in page
    for agent, own in found["alignment"]["agents"].items():
        assert (
            f"<tr><td>{agent}</td><td>{own['n']}</td><td>{own['n_right']}</td><td>{own['auroc']['value']:.3f}" in page
        )


def test_a_rule_that_cannot_respond_is_named_on_the_page():
    panel = make_panel(80, 2, 3)
    same = replace(panel, labels=np.repeat(panel.labels[:, :1], 2, axis=1), scores=None)
    assert "this rule cannot respond" in analyze(same, rule="weighted_vote", n_permutations=9).to_html()


def test_cards_of_tests_hold_both_sentences():
    panel = make_panel(40)
    card = unescape(diagnose(panel, n_permutations=9, scheme="single")._repr_html_())
    assert card.count("Not shown: ") == 3
    assert "Not shown: " in unescape(permute(replayed(panel), n_permutations=9)._repr_html_())
