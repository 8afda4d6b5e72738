"""What became of replies, on a terminal and in Markdown: every count there, and texts that stay texts."""

import json
import re

import pytest
from markdown_it import MarkdownIt
from reply_corpus import CORPUS, LABELS
from sabotage.reports.collected import MEANINGS, print_collected, print_files

from sabotage import collect
from sabotage.replies import OUTCOMES

HOSTILE = (
    "<script>alert(1)</script> sad",
    "[bold]sad[/bold]",
    "\x1b[31msad",
    "a|b\n# sad",
    "[x](javascript:y) sad",
    "`sad",
    "![](x) &lt; sad",
)


def collected(folder, texts, agent="voice"):
    path = folder / "replies.jsonl"
    path.write_text(
        "".join(json.dumps({"id": k, "agent": agent, "reply": text}) + "\n" for k, text in enumerate(texts))
    )
    return collect(path, LABELS)


@pytest.fixture
def usual(tmp_path):
    return collected(tmp_path, [text for text, *_ in CORPUS])


def test_the_terminal_has_the_counts_and_the_reasons(usual, capsys):
    print_collected(usual)
    print_files(usual, "preds.parquet", "preds.replies.md")
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    report = usual.report["voice"]
    row = next(line for line in text.splitlines() if line.startswith("voice"))
    assert row.split()[1:] == [f"{report.n_replies:,}", *(f"{report.outcomes[name]:,}" for name in OUTCOMES)]
    words = " ".join(text.split())
    for outcome in OUTCOMES[1:]:
        reason, count = next(iter(report.reasons[outcome].items()))
        assert f"voice, {outcome}: {reason} {count}" in words
    assert all(f"note: {note}" in words for note in usual.notes)
    assert "written to preds.parquet" in words


def test_markdown_has_ten_examples_of_each_outcome_and_every_reason(usual):
    text = usual.to_markdown()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    headings = [tokens[k + 1].content for k, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings == ["Replies", "Notes", "voice", *(f"voice: {outcome}, the first 10" for outcome in OUTCOMES)]
    tables = text.split("\n\n")
    for outcome in OUTCOMES:
        assert f"- {outcome}: {MEANINGS[outcome]}" in text
        section = tables[tables.index(f"### voice: {outcome}, the first 10") + 1]
        assert len(section.splitlines()) == 12
        for reason, count in usual.report["voice"].reasons[outcome].items():
            assert re.search(rf"\| {outcome} +\| {re.escape(reason)} +\| +{count} \|", text)
    assert "very high 0.95, high 0.85, medium 0.5, low 0.25, very low 0.05" in text


def test_texts_from_files_are_neither_markup_nor_terminal_codes(tmp_path, capsys):
    found = collected(tmp_path, HOSTILE, agent="[bold]<b>voice")
    print_collected(found)
    shown = capsys.readouterr().out
    assert "[bold]<b>voice" in shown.replace("\n", "")
    text = found.to_markdown()
    html = MarkdownIt("commonmark").enable("table").render(text)
    for out in (shown, text, html):
        assert "\x1b" not in out
    assert "<script" not in html
    assert "<b>" not in html
    assert "<a " not in html
    assert "<img" not in html
    assert html.count("<h1>") == 1
    card = found._repr_html_()
    assert "<script" not in card
    assert "&lt;b&gt;voice" in card
