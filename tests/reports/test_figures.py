"""Figures show the numbers of the audit: the drawn data, not the pixels."""

import numpy as np
import pytest
from builders import make_panel
from matplotlib.figure import Figure
from sabotage.reports import figures

from sabotage import analyze
from sabotage.roles import ROLES


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(300, 3, 4, missing=0.2), n_permutations=200)


def axes():
    return Figure().add_subplot()


def test_role_bars_are_shares_that_sum_to_one(audit):
    ax = figures.role_bars(audit, axes())
    widths = np.array([[bar.get_width() for bar in container] for container in ax.containers])
    np.testing.assert_allclose(widths.sum(axis=0), 1)
    drawn = [container.get_label() for container in ax.containers]
    assert drawn == [role for role in ROLES if any(profile.roles[role] for profile in audit.agents)]
    saboteur = ax.containers[drawn.index("saboteur")]
    shares = [profile.roles["saboteur"] / 300 for profile in audit.agents]
    assert [bar.get_width() for bar in saboteur] == pytest.approx(shares, abs=1e-12)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["agent0", "agent1", "agent2"]


def test_the_null_holds_every_replicate_and_marks_the_observed(audit):
    ax = figures.permutation_null(audit, axes())
    assert sum(bar.get_height() for bar in ax.patches) == 200
    lines = [line.get_xdata()[0] for line in ax.lines]
    test = audit.permutation
    assert lines == [test.clean, test.broken_mean, test.uniform_weights]


def test_the_reliability_diagram_bins_every_example(audit):
    ax = figures.reliability_diagram(audit, axes())
    panel = audit.panel
    for m, points in enumerate(ax.collections[1::2]):
        x, y = points.get_offsets().T
        known = ~np.isnan(panel.confidence[:, m])
        bin_of = np.minimum((panel.confidence[known, m] * 15).astype(int), 14)
        right = (panel.labels[known, m] == panel.truth[known]).astype(float)
        full = np.unique(bin_of)
        np.testing.assert_allclose(y, [right[bin_of == b].mean() for b in full])
        np.testing.assert_allclose(x, [panel.confidence[known, m][bin_of == b].mean() for b in full])


def test_svg_is_the_same_every_time(audit):
    first = figures.to_svg(figures.role_bars, audit, 1.5)
    assert first == figures.to_svg(figures.role_bars, audit, 1.5)
    assert first.startswith("<svg")
