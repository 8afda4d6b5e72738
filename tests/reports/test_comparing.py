"""A comparison as text, csv, LaTeX, Markdown and a card: the numbers that it holds, and no name that does harm."""

import csv
import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from markdown_it import MarkdownIt
from sabotage.reports.comparing import comparison_card, full_table, paper_table, print_comparison, render

from sabotage import Intervention, SabotageError, compare, simulate
from sabotage.entries import flat
from sabotage.errors import printable

FEW = {"n_resamples": 50, "n_permutations": 20}
HOSTILE = (
    "<script>alert(1)</script>", "=cmd()", "x" * 200, "\u05d0\u202e\u05d1", "a|b", "[bold]x[/bold]", "a\nb", "\x1b[31m",
    "100%", "-1+1", "$x$\\input{y}", "[x](javascript:y)", "@x", "_x_", "&amp;",
)  # fmt: skip


class Page(HTMLParser):
    """Gathers tags and cells, and sees that tags nest."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.cells = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.open.append(tag)
        self.tags.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def found():
    what_ifs = [Intervention("drop", "video"), Intervention("cap", "audio", 0.6)]
    rules = ["mean", "weighted_mean", "select_best"]
    return compare(simulate("aligned", 300), rules, against="mean", what_ifs=what_ifs, n_permutations=50)


def printed(comparison, capsys):
    print_comparison(comparison)
    return capsys.readouterr().out


def test_csv_holds_every_number(found):
    lines = list(csv.DictReader(io.StringIO(render(found, "csv"))))
    assert [line["rule"] for line in lines] == [entry.name for entry in found.entries]
    for line, entry in zip(lines, found.entries, strict=True):
        for name, value in flat(entry, found.statistic).items():
            if value is None:
                assert line[name] == ""
            elif not isinstance(value, str):
                assert float(line[name]) == value
    assert {"accuracy", "balanced_accuracy", "macro_f1", "top_2", "log_loss", "ece", "p_adjusted", "gap"} <= set(
        lines[0]
    )


def test_a_paper_has_what_was_asked_for(found):
    table = paper_table(found)
    assert table.headings == (
        "rule", "balanced accuracy", "difference", "p", "accuracy", "macro-F1", "top-2", "top-3", "log loss", "ECE",
        "saboteurs", "pivotal", "captured", "gap",
    )  # fmt: skip
    for row, entry in zip(table.rows, found.entries, strict=True):
        cells = dict(zip(table.headings, row, strict=True))
        own, numbers = entry.values, flat(entry, found.statistic)
        assert cells["balanced accuracy"].value == own["balanced_accuracy"].value
        assert cells["accuracy"].text == f"{own['accuracy'].value:.3f}"
        assert cells["top-2"].value == entry.quality.top_k["2"]
        for heading, name in (
            ("difference", "difference"),
            ("p", "p_adjusted"),
            ("captured", "captured"),
            ("gap", "gap"),
        ):
            assert cells[heading].value == numbers[name]
            assert (cells[heading].text == "-") == (numbers[name] is None)
        own = entry.difference
        low, high = (0, 0) if own is None else own.values["balanced_accuracy"].difference_interval
        assert cells["difference"].bold == ((low > 0 or high < 0) and own.p_adjusted <= 0.05)
    assert any(row[2].bold for row in table.rows)
    note = table.notes[0]
    assert "bootstrap over 300 examples, 1,000 resamples; p of accuracy, adjusted by Holm" in note
    assert note.startswith("Differences to mean (an intervention: to its rule) with 95 % intervals")


def test_each_format_has_a_row_a_rule(found):
    latex, markdown = render(found, "latex"), render(found, "markdown")
    assert latex.count(r" \\" + "\n") == 2 * (len(found.entries) + 1)  # intervals below, headings on two lines
    assert r"weighted\_mean, drop video" in latex
    assert MarkdownIt().enable("table").render(markdown).count("<tr>") == len(found.entries) + 1
    with pytest.raises(SabotageError, match=r"unknown format 'html': choose from csv, latex, markdown"):
        render(found, "html")


def test_a_terminal_shows_all_rules_in_80_columns(found, capsys):
    out = printed(found, capsys)
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert found.findings[0] in " ".join(out.split())
    for word in ("balanced accuracy", "p adj.", "accuracy  macro-F1  top-2  top-3  log loss", "saboteurs", "captured"):
        assert word in out
    assert "…" not in out  # cut off, "mean, drop ..." could be anything
    own = found.entry("weighted_mean")
    low, high = own.values["balanced_accuracy"].interval
    assert f"{own.values['balanced_accuracy'].value:.3f} [{low:.3f}, {high:.3f}]" in out
    assert f"{own.quality.n_with_saboteur}" in out
    assert "-0.000" not in out


@pytest.mark.parametrize(
    ("statistic", "others"),
    [("accuracy", "balanced accuracy  macro-F1  top-2"), ("macro_f1", "accuracy  balanced accuracy  top-2")],
)
def test_the_other_statistics_stand_beside(statistic, others, capsys):
    out = printed(compare(make_panel(60), ["mean"], statistic=statistic, **FEW), capsys)
    assert others in out


def test_ranks_are_told(capsys):
    panel = replace(make_panel(90, columns={"film": pa.array(np.arange(90) % 12)}), group="film")
    found = compare(panel, ["mean", "majority"], **FEW)
    out = " ".join(printed(found, capsys).split())
    first = min(found.entries, key=lambda entry: entry.mean_rank)
    assert f"mean rank over 12 of film: {first.name} {first.mean_rank:.2f}, " in out
    assert "; all alike: p " in out
    assert "over 12 clusters" in paper_table(found).notes[0]


@pytest.mark.parametrize("panel", [make_panel(7), make_panel(1), seeded(5, 2), make_panel(30, 1, 2, scores=False)])
def test_what_is_null_is_a_dash(panel, capsys):
    found = compare(panel, ["majority", "weighted_vote", "select_best"], **FEW)
    texts = [
        printed(found, capsys),
        *(render(found, format) for format in ("latex", "markdown", "csv")),
        comparison_card(found),
    ]
    for text in texts:
        assert "None" not in text
        assert "nan" not in text.replace("dominan", "")
    if found.n_clusters < 10:
        few = f"{found.n_clusters} {'examples' if found.n_clusters == panel.n_examples else 'clusters'}"
        assert f"without intervals, for which {few} are too few" in paper_table(found).notes[0]
    assert all(cell.text == "-" for row in full_table(found).rows for cell in row if cell.value is None)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_does_harm(name, capsys):
    panel = replace(make_panel(60, 3, 4, 1), agents=(name, "<b>", "agent2"))
    panel = replace(panel, classes=(name, *panel.classes[1:]))
    what_ifs = [Intervention("drop", name), Intervention("cap", name, 0.5)]
    found = compare(panel, ["mean", "weighted_vote"], what_ifs=what_ifs, n_resamples=20, n_permutations=0)
    shown = printable(name).replace("\n", "\\n")
    rules = [printable(entry.name).replace("\n", "\\n") for entry in found.entries]
    page = Page(comparison_card(found))
    assert set(page.tags) <= {"div", "strong", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert len(page.cells) == len(found.entries) * len(paper_table(found).headings)
    read = list(csv.reader(io.StringIO(render(found, "csv"), newline="")))
    assert len(read) == len(found.entries) + 1
    assert len({len(row) for row in read}) == 1
    assert not [cell for row in read for cell in row if cell.startswith(("=", "@", "\t"))]
    assert [row[0].replace("\n", "\\n") for row in read[1:]] == rules
    assert render(found, "latex").count(r" \\" + "\n") == 2 * (len(found.entries) + 1)
    html = MarkdownIt().enable("table").render(render(found, "markdown"))
    assert html.count("<tr>") == len(found.entries) + 1
    assert "<script" not in html
    assert "javascript:" not in html or "href" not in html
    out = printed(found, capsys)
    assert "\x1b" not in out
    assert "\u202e" not in out
    if len(name) < 12 and "\n" not in name:
        assert f"mean, drop {shown}" in " ".join(out.split())
    assert "\x1b" not in repr(found)
    assert found.entry(f"mean, drop {name}").changed_from == "mean"
