"""The page: self-contained, escaped, in order, and with the numbers of the audit."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from sabotage.reports.drawn import pictures
from sabotage.reports.embedding import as_script
from sabotage.reports.figures import drawings
from sabotage.reports.glossary import GLOSSARY
from sabotage.reports.page import report_page

from sabotage import Panel, analyze, diagnose, permute, simulate
from sabotage import replay as replayed
from sabotage.saying import typeset, what_was_found, what_was_not_shown

VOID = {"meta", "br", "hr", "img", "input", "link", "path", "rect", "use", "line"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Checks that tags nest, and gathers tags, attributes, text and cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.text, self.elements = [], [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def of(self, tag, **wanted):
        return [own for name, own in self.elements if name == tag and wanted.items() <= own.items()]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).replace("\xa0", " ").split())


def renamed(panel: Panel, **names) -> Panel:
    return Panel(**({name: getattr(panel, name) for name in panel.__dataclass_fields__} | names))


@pytest.fixture(scope="module")
def audit():
    panel = make_panel(300, 3, 4, missing=0.2, recorded=True)
    return analyze(panel, n_permutations=200, dose_response=True, compare=True, attribute=True)


@pytest.fixture(scope="module")
def html(audit):
    return audit.to_html()


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_whole_and_asks_nothing_of_the_network(audit, html, page):
    assert html.startswith("<!doctype html>")
    assert page.tags.count("svg") == len(drawings(audit))
    for name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action"):
            assert value.startswith("#"), value
    assert "url(http" not in html
    assert "@import" not in html
    assert "innerHTML" not in html
    assert len(html) < 3_000_000


def test_the_scripts_are_ours(page):
    scripts = page.of("script")
    data = [own for own in scripts if own.get("type") == "application/json"]
    assert len(scripts) - len(data) == 1
    assert {"cases-data"} <= {own["id"] for own in data}
    assert not any(name.startswith("on") for name, _ in page.attributes)


def test_ids_are_unique_and_every_reference_has_its_target(html, page):
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', html)
    used += [value for name, value in page.attributes if name in ("aria-labelledby", "aria-describedby", "data-table")]
    assert used
    assert set(used) <= set(ids)


def test_the_title_is_the_name_of_the_file_alone(audit):
    for path, title in (("/home/me/a b/preds.parquet", "preds.parquet"), ("/", "/"), (None, "Predictions in memory")):
        content = audit.content | {"input": audit.content["input"] | {"path": path}}
        assert f"<title>sabotage: {title}</title>" in report_page(content, None, [])


def test_every_heading_of_a_table_leads_to_a_definition_and_every_definition_is_used(html, page):
    defined = {own["id"] for own in page.of("div") if own.get("id", "").startswith("def-")}
    linked = {own["href"][1:] for own in page.of("a") if own["href"].startswith("#def-")}
    assert linked == defined
    assert defined <= {f"def-{key}" for key in GLOSSARY}


def test_no_definition_is_never_shown(audit):
    """Over pages that have everything between them, all of the glossary is used."""
    found = [audit.content, analyze(seeded(30, 3), n_permutations=50, dose_response=True).content]
    columns = {f"annotator_{k}": pa.array(["a", ("a", "b")[k], "b"] * 20) for k in (0, 1)}
    rated = make_panel(60, 3, 3, columns=columns)
    found.append(analyze(rated, n_permutations=9, people=("agent0", "agent1"), full="agent1").content)
    sliced = simulate("corrupted-class", 400)
    found.append(analyze(sliced, n_permutations=50, controls=False, by=["class"]).content)
    first, second = (simulate("mislabelled", 200, 0, run) for run in range(2))
    found.append(analyze(first, n_permutations=0, runs={"second": second}).content)
    shown = set()
    for content in found:
        shown |= set(re.findall(r'<div id="def-(\w+)"', report_page(with_parts(content), None, ())))
    assert set(GLOSSARY) - shown == set()


def with_parts(content, group="who"):
    """Return content with parts and a sweep, as they would be of it."""
    agents = list(content["agents"])
    own = {
        "n": 3, "accuracy": 0.5, "roles": {"saboteur": 1}, "pivotal_saboteur": 0, "recoverable_saboteur": 1,
        "potential_saboteur": 1, "mean_confidence": 0.6, "ece": 0.1, "auroc_reliability": None,
        "intervals": {"accuracy": [0.25, 0.75]},
    }  # fmt: skip
    part = {"n": 3, "n_wrong": 2, "decision": {"accuracy": 1 / 3, "intervals": {"accuracy": [0.1, 0.6]}}}
    parts = {label: {**part, "agents": dict.fromkeys(agents, own)} for label in content["input"]["classes"]}
    groups = {f"{EVIL}{k}": {**part, "agents": dict.fromkeys(agents, own)} for k in range(40)}
    counts = {key: [2] * 21 for key in ("saboteur", "pivotal", "recoverable", "potential")}
    swept = {"interval": [[0.1, 0.4]] * 20 + [None], **counts}
    sweep = {
        "thresholds": [k / 20 for k in range(21)], "n_wrong": 9, "with_saboteur": [4] * 21,
        "with_saboteur_interval": [[0.2, 0.7]] * 20 + [None], "agents": dict.fromkeys(agents, swept),
    }  # fmt: skip
    return {
        **content,
        "profiles": {
            "method": {"rates": "wilson", "others": "none", "ranks": "none", "n_clusters": 3, "level": 0.95},
            "by_class": {"column": "y", "n_parts": len(parts), "n_left_out": 0, "parts": parts},
            "by_group": {"column": group, "n_parts": 45, "n_left_out": 5, "parts": groups},
            "sweep": sweep,
        },
    }


def test_parts_and_sweep_are_on_the_page(audit):
    page = Page(report_page(with_parts(audit.content), None, ()))
    assert "5 more are left out here." in page.words
    assert {"sabotage-by-class", "profiles-by-class", "sabotage-by-group", "sweep-table"} <= {
        own["id"].removeprefix("table-") for own in page.of("table")
    }
    assert page.words.count(f"{EVIL}7") >= 2


def test_finding_and_notes_are_on_the_page(audit, html, page):
    for sentence in audit.finding:
        assert " ".join(sentence.split()) in page.words
    for note in audit.notes:
        assert " ".join(note[1:].split()) in page.words
    assert " %" not in html.partition('<section class="finding"')[2].partition("</section>")[0]


def test_numbers_on_the_page_are_those_of_the_audit(audit, html):
    cells = {key: rows_of(html, key) for key in ("roles", "profiles", "calibration", "controls", "rules-table")}
    for row, (name, own) in zip(cells["roles"], audit.content["agents"].items(), strict=True):
        assert row[0]["text"] == name
        assert [cell["text"] for cell in row[1:8]] == [f"{count:,}" for count in own["roles"].values()]
    for row, own in zip(cells["profiles"], audit.content["agents"].values(), strict=True):
        assert [float(row[k]["v"]) for k in (2, 3, 4)] == [
            own[k] for k in ("accuracy", "balanced_accuracy", "macro_f1")
        ]
    for row, own in zip(cells["calibration"], audit.content["agents"].values(), strict=True):
        keys = ("mean_confidence", "ece", "ece_equal_mass", "brier", "log_loss", "auroc_confidence", "aurc")
        assert [float(cell["v"]) for cell in row[1:]] == [own[key] for key in keys]
    rules = [entry["values"]["balanced_accuracy"]["value"] for entry in audit.content["comparison"]["rules"]]
    assert [float(row[1]["v"]) for row in cells["rules-table"]] == rules
    positive = audit.content["controls"]["positive"]
    assert float(cells["controls"][0][1]["v"]) == positive["clean"]
    low, high = positive["gap_interval"]
    assert (float(cells["controls"][0][2]["lo"]), float(cells["controls"][0][2]["hi"])) == (low, high)


def rows_of(html: str, key: str) -> list[list[dict]]:
    body = re.search(rf'<table id="table-{key}".*?<tbody>(.*?)</tbody>', html, re.S)[1]
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.S):
        cells = []
        for attributes, inner in re.findall(r"<t[hd]([^>]*)>(.*?)</t[hd]>", row, re.S):
            found = dict(re.findall(r'(?:data-)?(\w+)="([^"]*)"', attributes))
            text = re.sub(r"<small>.*?</small>|<[^>]*>", "", inner)
            cells.append({**found, "text": unescape(text).replace("\xa0", " ")})
        rows.append(cells)
    return rows


def test_parts_on_the_page_are_those_of_the_audit(audit, html):
    parts = audit.content["profiles"]["by_class"]["parts"]
    for row, (label, part) in zip(rows_of(html, "sabotage-by-class"), parts.items(), strict=True):
        assert [cell["text"] for cell in row[:3]] == [label, f"{part['n']:,}", f"{part['n_wrong']:,}"]
        counts = [own["roles"]["saboteur"] for own in part["agents"].values()]
        assert [cell["text"] for cell in row[3:]] == [f"{count:,}" for count in counts]
    for row, part in zip(rows_of(html, "accuracy-by-class"), parts.values(), strict=True):
        assert float(row[3]["v"]) == part["decision"]["accuracy"]
        own = next(iter(part["agents"].values()))
        assert [float(row[4][key]) for key in ("lo", "hi")] == list(own["intervals"]["accuracy"])
    sweep = audit.content["profiles"]["sweep"]
    assert [int(row[1]["text"]) for row in rows_of(html, "sweep-table")] == list(sweep["with_saboteur"])


def test_every_count_of_a_role_says_what_it_is_a_part_of(html, audit):
    n, wrong = audit.panel.n_examples, audit.totals.n_wrong
    for row in rows_of(html, "roles"):
        for cell in row[1:8]:
            assert unescape(cell["title"]).startswith(f"{cell['text']} of {n} examples")
        assert f"of {wrong} wrong decisions" in row[4]["title"]


def test_the_cases_are_on_the_page_and_only_those_that_numbers_lead_to(html, page):
    data = json.loads(re.search(r'id="cases-data">(.*?)</script>', html, re.S)[1])
    keys = {own["data-case"] for _, own in page.elements if "data-case" in own}
    assert keys == set(data["cells"])
    assert "0:saboteur" in keys
    for cell in data["cells"].values():
        assert len(cell["listed"]) <= min(cell["n"], 20)
        assert all(0 <= index < len(data["examples"]) for index in cell["listed"])
    used = {index for cell in data["cells"].values() for index in cell["listed"]}
    assert used == set(range(len(data["examples"])))


@pytest.mark.parametrize(
    "name", [EVIL, '"><img src=x onerror=alert(1)>', "$\\frac{1}{2}$ & {{ 7*7 }}", "x" * 200, "\u202eabc", "a\x00b"]
)
def test_names_do_no_harm(name):
    panel = make_panel(60, 2, 3)
    odd = renamed(panel, agents=(name, "b"), classes=("a", name + "c", "d"), weights=name)
    audit = analyze(odd, n_permutations=5)
    drawn = pictures(audit.content) if name == EVIL else ()
    html = report_page(with_parts(audit.content, name), audit.cases().to_dict(audit.content), drawn)
    page = Page(html)
    assert len([own for own in page.of("script") if own.get("type") != "application/json"]) == 1
    assert "img" not in page.tags
    assert not any(attribute.startswith("on") for attribute, _ in page.attributes)
    assert "\x00" not in html
    assert "\u202e" not in html
    card = Page(audit._repr_html_())
    assert "script" not in card.tags


def test_data_cannot_end_its_script():
    text = as_script({"</script>": "\u2028 & <!-- \u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"</script>": "\u2028 & <!-- \u2029"}


def test_panels_at_the_edges_have_a_page():
    for panel in (make_panel(1, 1, 2), make_panel(40, 2, 3, scores=False)):
        audit = analyze(panel, n_permutations=3)
        Page(report_page(audit.content, audit.cases().to_dict(audit.content), ()))
    no_confidence = make_panel(40, 2, 3)
    no_confidence.confidence[:] = np.nan
    page = Page(report_page(analyze(no_confidence, n_permutations=0).content, None, ()))
    assert "0 permutations were asked for" in page.words


def test_many_classes_agents_and_groups_fit_on_a_page():
    panel = make_panel(600, 16, 100)
    labels = np.where(np.arange(16) % 2, panel.labels, (panel.truth[:, None] + 1) % 100).astype(np.int32)
    audit = analyze(renamed(panel, labels=labels, scores=None), n_permutations=3)
    content = with_parts(audit.content)
    html = report_page(content, audit.cases().to_dict(content), ())
    assert len(html.encode()) < 1_500_000
    page = Page(html)
    assert page.of("script", **{"data-table": "table-profiles-by-class"})
    packed = re.search(r'data-table="table-profiles-by-class">(.*?)</script>', html, re.S)[1]
    assert len(json.loads(packed)) == 1600


def test_headings_are_in_order(page):
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_landmarks_captions_and_regions(page):
    for landmark in ("header", "nav", "main", "footer"):
        assert page.tags.count(landmark) == 1
    assert page.tags.count("caption") == page.tags.count("table")
    for region in page.of("div", role="region"):
        assert region["tabindex"] == "0"
        assert region["aria-labelledby"]
    assert all(own.get("scope") in ("col", "row") for own in page.of("th"))
    assert page.tags.count("figcaption") == page.tags.count("figure")


def test_an_audit_of_an_older_version_has_a_page_that_says_what_is_missing(audit):
    later = ("profiles", "curves", "comparison", "attribution", "controls", "headroom", "dose_response")
    old = {key: value for key, value in audit.content.items() if key not in later}
    old["agents"] = {name: {k: v for k, v in own.items() if k != "intervals"} for name, own in old["agents"].items()}
    page = Page(report_page(old, None, ()))
    assert "written by a version of sabotage that did not keep the rules compared" in page.words
    assert "written by a version of sabotage that did not keep the Shapley values" in page.words
    assert "no cases.json of this audit stood beside it" in page.words


def test_the_same_content_gives_the_same_bytes(audit):
    again = json.loads(json.dumps(audit.content))
    cases = json.loads(json.dumps(audit.cases().to_dict(audit.content)))
    assert report_page(again, cases, ()) == report_page(audit.content, audit.cases().to_dict(audit.content), ())


def test_the_page_shows_the_verdict_with_what_stands_beside_it():
    panel = seeded(30, 3, dropped=0.1)
    audit = analyze(panel, n_permutations=50, dose_response=True)
    html = report_page(audit.content, None, ())
    found = audit.content
    assert f"Permutation test: {audit.permutation.verdict.word}</h2>" in html
    text = unescape(html).replace("\xa0", " ")
    for sentence in (what_was_found(panel, audit.permutation), what_was_not_shown(audit.permutation)):
        assert typeset(sentence) in text
    assert audit.permutation.exchanged in text
    for heading in ("Controls", "Dose-response", "Headroom"):
        assert f"<h3>{heading}</h3>" in html
    for row, seed in zip(rows_of(html, "seeds"), found["permutation"]["seeds"], strict=True):
        assert row[0]["text"] == str(seed["seed"])
        assert float(row[2]["v"]) == seed["clean"]
    for row, own in zip(rows_of(html, "alignment"), found["alignment"]["agents"].values(), strict=True):
        assert row[2]["text"] == f"{own['n_right']:,}"
        assert float(row[3]["v"]) == own["auroc"]["value"]


def test_a_rule_that_cannot_respond_is_named_on_the_page():
    panel = make_panel(80, 2, 3)
    same = renamed(panel, labels=np.repeat(panel.labels[:, :1], 2, axis=1), scores=None)
    content = analyze(same, rule="weighted_vote", n_permutations=9).content
    assert "this rule cannot respond" in report_page(content, None, ())


def test_cards_of_tests_hold_both_sentences():
    panel = make_panel(40)
    card = unescape(diagnose(panel, n_permutations=9, scheme="single")._repr_html_())
    assert card.count("Not shown: ") == 3
    assert "Not shown: " in unescape(permute(replayed(panel), n_permutations=9)._repr_html_())
