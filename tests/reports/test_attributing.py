"""An attribution in text, csv, LaTeX, Markdown and HTML: every number there, and names that stay names."""

import csv
import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, read_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sabotage.reports.attributing import attribution_card, paper_table, print_attribution, render

from sabotage import attribute, replay

HOSTILE = (
    "<script>alert(1)</script>", "=cmd()", "a|b", "**", "[bold]red", "[/bold]", "\x1b[31m", "100%", "$x$", "\\input{x}",
    "^2", "#1", "{", "[x](javascript:y)", "&lt;", "a\nb",
)  # fmt: skip


def attributed(n=60, n_agents=3, n_classes=3, rule="weighted_mean", group=False, names=None, **options):
    """The attribution of a small panel."""
    panel = make_panel(n, n_agents, n_classes, 1, missing=0.1)
    if group:
        panel = replace(panel, columns={"film": pa.array([f"film {k % group}" for k in range(n)])}, group="film")
    return attribute(replay(replace(panel, agents=names or panel.agents), rule), **options)


def printed(attribution, capsys):
    """What the terminal shows."""
    print_attribution(attribution)
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def usual():
    return attributed(group=6)


def test_the_text_has_every_number_of_the_panel(usual, capsys):
    text = printed(usual, capsys)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    for name, one in usual.statistics.items():
        assert f"{name.replace('_', ' ').replace('log l', 'log-l')} of weighted_mean" in words
        for agent in usual.agents:
            for found in (one.panel.shapley[agent], one.panel.leave_one_out[agent]):
                assert found.interval is None or "[" in words
    assert "interaction: below 0 redundant" in words
    assert "agent0 and agent1" in words
    for part in ("class", "group"):
        assert f"Shapley values of accuracy by {part}, the lowest first" in words
    assert "anger" in words
    assert "film 5" in words
    assert "--format csv has all" not in words


def test_csv_has_all_numbers(usual):
    frame = read_csv(render(usual, "csv"))
    witness = usual.to_frame()
    assert list(frame.columns) == list(witness.columns)
    assert len(frame) == len(witness)
    for name in ("value", "se", "low", "high", "n_clusters", "monte_carlo_error"):
        np.testing.assert_array_equal(frame[name].to_numpy(float), witness[name].to_numpy(float))
    for name in ("statistic", "part", "name", "quantity", "agent", "other"):
        assert frame[name].fillna("").tolist() == witness[name].fillna("").tolist()
    assert "nan" not in render(usual, "csv").lower()
    assert "None" not in render(usual, "csv")
    counts = [row["n_examples"] for row in csv.DictReader(io.StringIO(render(usual, "csv")))]
    assert all(count.isdigit() for count in counts)


def test_a_table_for_a_paper(usual):
    table = paper_table(usual)
    assert table.headings == (
        "agent", "accuracy: Shapley", "lost without", "balanced accuracy: Shapley", "lost without",
        "log-likelihood: Shapley", "lost without",
    )  # fmt: skip
    assert [row[0].text for row in table.rows] == list(usual.agents)
    for row, agent in zip(table.rows, usual.agents, strict=True):
        found = usual.statistics["accuracy"].panel.shapley[agent]
        assert row[1].value == found.value
        low, high = found.interval if found.interval else (-1, 1)
        assert row[1].bold == (low > 0 or high < 0)
    assert table.notes[-1] == "Bold: the 95 % interval leaves out 0."
    latex, markdown = render(usual, "latex"), render(usual, "markdown")
    assert latex.count("\\\\\n") == 2 + 3  # headings on two lines
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    assert sum(token.type == "tr_open" for token in tokens) == 4
    assert "weighted\\_mean on 60 examples" in latex


def test_a_card(usual):
    card = attribution_card(usual)
    assert card == usual._repr_html_()
    for agent in usual.agents:
        assert agent in card
    assert "Attribution" in card


@given(name=st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=12)))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_names_stay_names(usual, capsys, name):
    second = "other" if name != "other" else "else"

    def renamed(shares):
        own = dict(zip(usual.agents, (name, second, "third " + second), strict=True))
        pairs = {(own[a], own[b]): found for (a, b), found in (shares.interactions or {}).items()}
        by_agent = {
            field: {own[agent]: found for agent, found in getattr(shares, field).items()}
            for field in ("shapley", "leave_one_out")
        }
        return replace(shares, **by_agent, interactions=pairs)

    statistics = {
        key: replace(
            one,
            panel=renamed(one.panel),
            by_class={name: renamed(next(shares for shares in one.by_class.values() if shares)), "b": None},
            by_group={f"{name}{k}": renamed(shares) for k, shares in enumerate(one.by_group.values())},
        )
        for key, one in usual.statistics.items()
    }
    evil = replace(usual, agents=(name, second, "third " + second), rule=name, statistics=statistics)
    text = printed(evil, capsys)
    assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
    assert max(map(len, text.splitlines())) <= 80 + text.count("…") or not text.isascii()
    assert "<script>" not in attribution_card(evil)
    rows = list(csv.reader(io.StringIO(render(evil, "csv"))))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row)
    tokens = MarkdownIt("commonmark").enable("table").parse(render(evil, "markdown"))
    assert sum(token.type == "tr_open" for token in tokens) == 4
    assert render(evil, "latex").count("\\begin{") == 2


def test_brackets_are_no_markup(capsys):
    text = printed(attributed(names=("[bold]a", "[/red]", "\x1b[31m")), capsys)
    assert "[bold]a" in text
    assert "[/red]" in text
    assert "\x1b" not in text


def test_more_agents_than_stand_side_by_side_are_said(capsys):
    found = attributed(n_agents=7)
    text = printed(found, capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert "the first 5 of 7 agents; --format csv has all" in text
    assert "the 15 strongest of 21 pairs" in text
    assert text.count("agent6") >= 3
    assert len(render(found, "markdown").splitlines()) >= 9


def test_agents_that_begin_alike_are_told_apart(capsys):
    for names, shown in (
        (("wav2vec_large_a", "wav2vec_large_b", "text"), ("c_large_a", "c_large_b")),
        (("a" * 10 + "x" + "b" * 10, "a" * 10 + "y" + "b" * 10, "text"), ("agent 1", "agent 2")),
        (("audio_transformer", "video", "text"), ("audio_tran", "video")),
    ):
        text = printed(attributed(names=names), capsys)
        heading = text[text.index("by class") :].splitlines()[1]
        assert all(name in heading for name in shown), heading


def test_more_classes_and_groups_than_a_screen_holds(capsys):
    found = attributed(n=200, n_classes=14, group=20)
    text = printed(found, capsys)
    assert "by class, the lowest first, 12 of 14" in text
    assert "by group, the lowest first, 12 of 20" in text
    frame = read_csv(render(found, "csv"))
    assert frame.loc[frame["part"] == "class", "name"].nunique() == 14
    assert frame.loc[frame["part"] == "group", "name"].nunique() == 20
    lowest = min(
        share.value
        for own in found.statistics["accuracy"].by_class.values()
        for share in own.shapley.values()
    )  # fmt: skip
    first = text[text.index("by class") :].splitlines()[2]
    assert f"{lowest:+.3f}" in first


def test_sampled_orders_are_said_to_be(capsys):
    found = attributed(n=30, n_agents=13, n_permutations=6, statistics=["accuracy"])
    text = " ".join(printed(found, capsys).split())
    assert "Shapley values are from 6 sampled orders of the agents" in text
    assert "interaction: below 0" not in text
    assert "interactions: interactions are of at most 12 agents: found 13" in text
    for name in ("latex", "markdown"):
        assert "Shapley values are from 6 sampled orders of the agents." in render(found, name)
    frame = read_csv(render(found, "csv"))
    assert "interaction" not in set(frame["quantity"])
    assert frame.loc[frame["quantity"] == "shapley", "monte_carlo_error"].notna().all()
    assert "6 sampled orders" not in " ".join(printed(attributed(), capsys).split())


def test_why_there_are_no_intervals_is_said(usual, capsys):
    assert "intervals are null: it takes 10 clusters, found 6" in usual.notes
    assert "intervals are null: it takes 10 clusters, found 6" in " ".join(printed(usual, capsys).split())
    alone = attributed()
    assert "the interval of a class or group is null where it has fewer than 10 clusters" in alone.notes
    assert alone.to_dict()["notes"] == list(alone.notes)
    (floor,) = attributed(by_class=False).notes
    assert floor.startswith("a log-likelihood is at least that of 1e-12")


def test_one_agent(capsys):
    found = attributed(n_agents=1)
    text = printed(found, capsys)
    assert "agent0" in text
    assert "interaction" not in text
    assert len(paper_table(found).rows) == 1
    assert attribution_card(found)


def test_a_rule_without_a_distribution(capsys):
    found = attributed(rule="select_best")
    assert found.statistics["log_likelihood"] is None
    text = " ".join(printed(found, capsys).split())
    assert "log_likelihood: log_likelihood needs scores that make a distribution: select_best has none" in text
    table = paper_table(found)
    assert len(table.headings) == 5
    assert any(note.startswith("log-likelihood is left out: ") for note in table.notes)
    assert set(read_csv(render(found, "csv"))["statistic"]) == {"accuracy", "balanced_accuracy"}
    nothing = attributed(rule="select_best", statistics=["log_likelihood"])
    assert "select_best has none" in " ".join(printed(nothing, capsys).split())
    assert [row[0].text for row in paper_table(nothing).rows] == ["agent0", "agent1", "agent2"]
    assert render(nothing, "csv").splitlines() == [",".join(nothing.to_frame().columns)]
    for name in ("latex", "markdown"):
        assert "has none" in render(nothing, name)
