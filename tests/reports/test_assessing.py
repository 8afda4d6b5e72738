"""What is shown of an assessment: on a terminal, in a notebook."""

from dataclasses import replace

import numpy as np
from builders import make_panel
from sabotage.reports.assessing import assessment_card, assessment_table, print_assessment

from sabotage import assess


def test_every_agent_is_shown_with_its_numbers(capsys):
    found = assess(make_panel(200, 3, 3, 1), "entropy", cross_fit=4)
    print_assessment(found, "out.parquet")
    shown, card = capsys.readouterr().out, assessment_card(found)
    assert max(map(len, shown.splitlines())) <= 80
    for own, row in zip(found.table, assessment_table(found).rows, strict=True):
        low, high = own.difference.interval
        assert f"{own.difference.value:+.3f} [{low:+.3f}, {high:+.3f}]" in shown
        assert row[0].text == own.agent
        assert row[3].value == own.auroc.value
        assert row[5].bold == (low > 0 or high < 0)
        assert f"{own.agent}</td>" in card
    assert "by entropy, fitted crosswise in 4 folds" in card


def test_what_is_null_is_a_dash_and_names_are_harmless(capsys):
    panel = make_panel(40, 1, 3)
    panel = replace(panel, agents=("[red]a<b>",), confidence=np.full((40, 1), np.nan))
    found = assess(panel, "margin", calibration=replace(panel))
    print_assessment(found, "out.parquet")
    shown, card = capsys.readouterr().out, found._repr_html_()
    assert "[red]a<b>" in shown
    assert "<b>" not in card
    assert shown.count(" -") >= 2
    assert "on calibration rows" in shown
