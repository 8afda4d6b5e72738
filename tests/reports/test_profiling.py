"""Profiles as people see them on a terminal of 80 columns."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel
from sabotage.reports import profiling

from sabotage import analyze

NASTY = ("<script>=cmd()", "an agent whose name is longer than any column could ever be, by far", "\x1b[31mred")


def audited(n=300, grouped=True, **options):
    panel = make_panel(n, **options)
    if grouped:
        films = np.random.default_rng(99).integers(0, 14, n)  # not the stream of the truth
        panel = replace(panel, columns={"film": pa.array([f"film {k}" for k in films])}, group="film")
    return analyze(panel, n_permutations=0)


@pytest.mark.parametrize(("by", "sweep"), [(None, False), ("class", False), ("group", False), (None, True)])
def test_it_fits_eighty_columns(capsys, by, sweep):
    for n_agents in (3, 16):
        audit = audited(n_agents=n_agents)
        panel = audit.panel
        names = (NASTY + panel.agents)[:n_agents]
        audit = analyze(replace(panel, agents=names), n_permutations=0)
        capsys.readouterr()
        profiling.print_profiles(audit, by, sweep)
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text
        assert "[0." in text or n_agents == 16  # of few wrong decisions


def test_notes_are_of_profiles_alone():
    audit = analyze(make_panel(60), n_permutations=0)
    shown = profiling.without_test(audit).notes
    assert shown
    assert {note.partition(" ")[0] for note in set(audit.notes) - set(shown)} == {
        "permutation,", "dose_response", "comparison", "attribution",
    }  # fmt: skip
