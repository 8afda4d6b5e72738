"""Profiles in long form hold all numbers; tables for papers say what stands."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, read_csv
from sabotage.reports import profile_tables as tables

from sabotage import SabotageError, analyze


def audited(n=300, grouped=True, **options):
    panel = make_panel(n, **options)
    if grouped:
        films = np.random.default_rng(99).integers(0, 14, n)  # not the stream of the truth
        panel = replace(panel, columns={"film": pa.array([f"film {k}" for k in films])}, group="film")
    return analyze(panel, n_permutations=0)


def test_every_interval_is_in_the_long_form():
    audit = audited()
    frame = read_csv(tables.render(audit, "csv"))
    assert tuple(frame.columns) == tables.COLUMNS
    own = frame[(frame.part == "panel") & (frame.agent == "agent1")].set_index("quantity")
    profile = audit.agents[1]
    for field, span in profile.intervals.items():
        if span is not None:
            assert tuple(own.loc[field, ["low", "high"]]) == span
            assert own.loc[field, "value"] == own.loc[field, "value"]
    assert own.loc["saboteur_per_wrong_decision", "value"] == profile.rates["per_wrong_decision"]["saboteur"]
    assert own.loc["pivotal_saboteur_per_example", "value"] == profile.pivotal_saboteur / 300
    parts = frame[(frame.part == "class") & (frame.quantity == "accuracy")]
    assert len(parts) == 4 * (3 + 1)
    thresholds = frame[(frame.part == "threshold") & (frame.quantity == "with_saboteur")]
    assert thresholds.value.tolist() == list(audit.breakdowns.sweep.with_saboteur)


def test_a_paper_has_the_leader_in_bold():
    panel = make_panel(300)
    panel.labels[:, 1] = panel.truth
    latex = tables.render(analyze(panel, n_permutations=0), "latex")
    assert latex.count(r"\textbf{") == 1
    assert r"agent1 & 300 & \textbf{1.0000} &" in latex
    assert "the 95 \\% interval of each difference above 0" in latex
    markdown = tables.render(audited(), "markdown")
    assert "**" not in markdown
    assert "No agent is more often right than every other" in markdown


@pytest.mark.parametrize("right", [False, True])
def test_thresholds_are_rows_of_a_paper(right):
    panel = make_panel(60, scores=False)
    panel.labels[:] = panel.truth[:, None] if right else panel.labels
    audit = analyze(panel, n_permutations=0)
    table, sweep = tables.sweep_table(audit), audit.breakdowns.sweep
    assert table.headings == ("threshold", "any agent", *panel.agents)
    shares = [None if right else count / sweep.n_wrong for count in sweep.with_saboteur]
    assert [row[1].value for row in table.rows] == shares
    assert [row[0].value for row in table.rows] == list(sweep.thresholds)
    assert tables.render(audit, "latex", sweep=True).count("wrong decision") == 1
    both = tables.render(audit, "markdown", "class", sweep=True)
    assert both.index("Recall by y") < both.index("| threshold")


def test_parts_are_rows():
    audit = audited()
    text = tables.render(audit, "markdown", "group")
    assert text.count("\n| film") == 15  # 14 and the heading
    assert "Inside a group its examples are the sample" in text
    assert "Recall by y" in tables.render(audit, "latex", "class")
    with pytest.raises(SabotageError, match="name one, --group subject"):
        tables.render(audited(grouped=False), "latex", "group")
