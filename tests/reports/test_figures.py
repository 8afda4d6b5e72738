"""Figures show the numbers of the audit: the drawn data and texts, not the pixels."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from builders import make_panel
from contents import filled
from matplotlib.figure import Figure
from sabotage.reports import figures
from sabotage.reports.figures.canvas import short, spread
from sabotage.reports.style import ROLE_COLOURS, agent_look

import sabotage
from sabotage import SabotageError, analyze
from sabotage.roles import ROLES


@pytest.fixture(scope="module")
def audit():
    return analyze(make_panel(300, 3, 4, missing=0.2), n_permutations=200, attribute=True, dose_response=True)


@pytest.fixture(scope="module")
def content(audit):
    return filled(json.loads(audit.to_json()))


def axes():
    return Figure().add_subplot()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_role_bars_are_shares_that_sum_to_one(audit):
    ax = figures.role_bars(audit, axes())
    widths = np.array([[bar.get_width() for bar in container] for container in ax.containers])
    np.testing.assert_allclose(widths.sum(axis=0), 1)
    drawn = [container.get_label() for container in ax.containers]
    assert drawn == [role for role in ROLES if any(profile.roles[role] for profile in audit.agents)]
    shares = [profile.roles["saboteur"] / 300 for profile in audit.agents]
    assert [bar.get_width() for bar in ax.containers[drawn.index("saboteur")]] == pytest.approx(shares, abs=1e-12)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["agent0", "agent1", "agent2"]
    for share in shares:
        assert any(text.startswith(f"{100 * share:.1f} % [") for text in texts(ax))
    assert "Roles on 300 examples" in texts(ax)


def test_the_class_map_shades_and_counts_sabotage(content):
    ax = figures.sabotage_by_class(content, axes())
    cells = [(int(cell.get_y() + 0.5), int(cell.get_x() + 0.5), cell.get_alpha()) for cell in ax.patches]
    assert {(row, column) for row, column, _ in cells} == {(r, c) for r in range(4) for c in range(3)} - {(0, 0)}
    darkest = max(cells, key=lambda cell: cell[2])
    assert darkest[:2] == (0, 2)  # 2 of 10
    assert [text for text in texts(ax) if text.isdigit()] == [
        str(row + column) for row in range(4) for column in range(3)
    ]
    assert ax.get_yticklabels()[0].get_text() == "anger (10)"


def test_many_classes_are_cut_and_said():
    content = filled(analyze(make_panel(60, 2, 100), n_permutations=0).to_dict())
    ax = figures.sabotage_by_class(content, axes())
    assert len(ax.get_yticklabels()) == 24
    assert any("76 more classes" in text.replace("\n", " ") for text in texts(ax))


def test_the_sweep_draws_shares_of_wrong_decisions(content):
    ax = figures.tau_sweep(content, axes())
    sweep = content["profiles"]["sweep"]
    for line, name in zip(ax.lines, ["any", "agent0", "agent1", "agent2"], strict=False):
        assert line.get_label() == name
        np.testing.assert_allclose(line.get_ydata() * sweep["n_wrong"], sweep["with_saboteur"])
    assert ax.lines[4].get_xdata()[0] == content["settings"]["threshold"]
    assert len(ax.collections) == 1  # the one band that has intervals


def test_the_reliability_diagram_shows_every_bin_with_its_interval(audit):
    ax = figures.reliability_diagram(audit, axes())
    assert len(ax.child_axes) == 3
    for own, profile in zip(ax.child_axes, audit.agents, strict=True):
        bins = audit.curves.calibration[profile.agent].equal_width
        x, y = own.lines[1].get_data()
        np.testing.assert_allclose(x, [one.mean_confidence for one in bins])
        np.testing.assert_allclose(y, [one.n_right / one.n for one in bins])
        spans = [segment[:, 1] for segment in own.collections[0].get_segments()]
        np.testing.assert_allclose(spans, [one.interval for one in bins], atol=1e-12)
        counts = own.patches[0].get_data().values
        np.testing.assert_allclose(counts[counts > 0] / counts.max(), [one.n / max(b.n for b in bins) for one in bins])
        assert f"{profile.agent}\nECE {profile.ece:.3f}" in texts(own)


def test_confidences_go_up_where_right_and_down_where_wrong(audit):
    ax = figures.confidence_histograms(audit, axes())
    for place, profile in enumerate(audit.agents):
        counts = audit.curves.confidences[profile.agent]
        up, down = (patch.get_data() for patch in ax.patches[2 * place : 2 * place + 2])
        rise, fall = up.values - up.baseline, down.baseline - down.values
        assert up.baseline == down.baseline
        unit = rise.sum() / sum(counts.right)
        np.testing.assert_allclose(rise, np.array(counts.right) * unit, atol=1e-12)
        np.testing.assert_allclose(fall, np.array(counts.wrong) * unit, atol=1e-12)
        assert f"{sum(counts.right):,} right\n{sum(counts.wrong):,} wrong" in texts(ax)


def test_the_null_holds_every_replicate_and_marks_the_observed(audit):
    ax = figures.permutation_null(audit, axes())
    assert ax.patches[0].get_data().values.sum() == 200
    curve, *marks = ax.lines
    test = audit.permutation
    assert [line.get_xdata()[0] for line in marks] == [test.clean, test.uniform_weights]
    peak = curve.get_ydata().max()
    edges = audit.curves.null.edges
    assert peak == pytest.approx(200 * (edges[1] - edges[0]) / (test.moments.exact_sd * (2 * np.pi) ** 0.5))
    assert curve.get_xdata()[np.argmax(curve.get_ydata())] == pytest.approx(test.moments.exact_mean)


def test_dots_of_the_dose_response_are_filled_where_it_is_seen(audit):
    ax = figures.dose_response(audit, axes())
    doses = audit.dose_response.doses
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [(dose.share, dose.gap) for dose in doses])
    filled = (ax.collections[0].get_facecolors()[:, :3] < 1).any(axis=1)
    assert filled.tolist() == [dose.seen >= 0.8 for dose in doses]


def test_lines_of_coverage_risk_and_worth(audit):
    top = audit.curves.top_k
    ax = figures.top_k_curve(audit, axes())
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["decision"], top.decision.covered)
    np.testing.assert_allclose(lines["agent1"], top.agents["agent1"].covered)
    np.testing.assert_allclose(lines["chance"], top.chance)
    np.testing.assert_allclose(lines["frequent"], top.frequent)
    upright = [line for line in ax.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
    drawn = [span for own in (top.decision, *top.agents.values()) for span in own.intervals[: len(lines["chance"])]]
    assert len(drawn) == 4 * audit.panel.n_classes  # and at k = C nothing is left to chance
    assert len(upright) == 4 * (audit.panel.n_classes - 1)
    ax = figures.risk_coverage(audit, axes())
    assert [tuple(line.get_ydata()) for line in ax.lines] == [own.risk for own in audit.curves.risk_coverage.values()]
    low, high = audit.agents[1].intervals["aurc"]
    assert f"agent1 {audit.agents[1].aurc:.2f} [{low:.2f}, {high:.2f}]" in [text.get_text() for text in ax.texts]
    ax = figures.shapley_bars(audit, axes())
    found = audit.attribution.statistics["balanced_accuracy"].panel
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([own.value for own in found.shapley.values()])
    hollow = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    assert hollow == pytest.approx([own.value for own in found.leave_one_out.values()])


def test_the_waterfall_steps_from_the_best_agent_to_the_oracles(audit):
    ax = figures.headroom_waterfall(audit, axes())
    bounds = audit.bounds
    levels = [bounds.best_agent_accuracy, audit.decision.accuracy, bounds.oracle_accuracy,
              bounds.oracle_accuracy_if_independent]  # fmt: skip
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(np.diff(levels))
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == pytest.approx(levels)


def test_agreement_stands_below_and_kappa_above(audit):
    ax = figures.agreement_matrix(audit, axes())
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts[:6]}
    for pair in audit.agreement.pairs:
        a, b = int(pair.first[-1]), int(pair.second[-1])
        assert shown[max(a, b), min(a, b)] == f"{pair.agreement:.2f}"
        assert shown[min(a, b), max(a, b)] == f"{pair.cohen_kappa:.2f}"


def test_what_an_audit_lacks_is_said_in_one_sentence():
    bare = analyze(make_panel(40, 1, 3, scores=False), n_permutations=0)
    for name, says in (
        ("permutation_null", "the audit has no permutation test: analyze with n_permutations above 0"),
        ("dose_response", "the audit has no dose-response: analyze with dose_response=True"),
        ("shapley_bars", "the audit has no attribution"),
        ("agreement_matrix", "the audit has one agent"),
    ):
        with pytest.raises(SabotageError, match=says):
            getattr(figures, name)(bare)
        assert name not in [drawing.name for drawing in figures.drawings(bare)]
    old = {
        name: value
        for name, value in bare.content.items()
        if name not in ("curves", "profiles", "disagreement", "dominance")
    }
    assert [drawing.name for drawing in figures.drawings(old)] == ["role_bars", "headroom_waterfall"]
    with pytest.raises(SabotageError, match="found int"):
        figures.role_bars(3)


def test_the_public_names_and_axes_of_their_own(audit):
    assert sabotage.figures is figures
    before = dict(plt.rcParams)
    ax = sabotage.figures.role_bars(audit)
    size = next(drawing.size for drawing in figures.drawings(audit) if drawing.name == "role_bars")
    assert tuple(ax.figure.get_size_inches()) == pytest.approx(size)
    assert dict(plt.rcParams) == before
    plt.close(ax.figure)
    assert [drawing.name for drawing in figures.drawings(audit)] == [
        name for name in figures.NAMES if name in {drawing.name for drawing in figures.drawings(audit)}
    ]


def test_names_are_shortened_in_the_middle_and_spread_apart():
    assert short("a" * 200) == "a" * 13 + "…" + "a" * 6
    assert short("a\x00b") == "a\\x00b"
    assert spread([0.5, 0.5, 0.5], 0.1, 0, 1) == pytest.approx([0.4, 0.5, 0.6])
    assert spread([1.0, 0.0, 1.0], 0.2, 0, 1) == pytest.approx([0.8, 0.0, 1.0])
    many = spread([0.99] * 30, 0.1, 0, 1)
    assert many == sorted(many)
    assert (min(many), max(many)) == pytest.approx((0, 1))


def test_thirty_two_agents_look_different():
    looks = [agent_look(place) for place in range(32)]
    assert len({(look.colour, look.line) for look in looks}) == 32
    assert len({(look.colour, look.marker, look.fill) for look in looks}) == 32
    assert len({(look.colour, look.hatch) for look in looks}) == 32


def luminance(colour: str) -> float:
    parts = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("paper", ["#ffffff", "#161718"])
def test_colours_are_visible_on_light_and_on_dark_paper(paper):
    def contrast(colour):
        light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for place in range(8):
        assert contrast(agent_look(place).colour) >= 3
    for role, colour in ROLE_COLOURS.items():
        if role != "absent":  # hatched
            assert contrast(colour) >= 2.1


def marked(content, observed, weightless):
    """Draw a null whose marks lie at these shares of its axis, and lay it out."""
    edges = content["curves"]["null"]["edges"]
    places = {"clean": observed, "uniform_weights": weightless}
    at = {name: edges[0] + share * (edges[-1] - edges[0]) for name, share in places.items()}
    ax = Figure(figsize=(3.4, 2.25)).add_subplot()
    figures.permutation_null(content | {"permutation": content["permutation"] | at}, ax)
    ax.figure.draw_without_rendering()
    return ax, list(at.values())


@pytest.mark.parametrize("observed", [0.0, 0.15, 0.4, 0.5, 0.6, 0.85, 1.0])
@pytest.mark.parametrize("weightless", [0.0, 0.2, 0.45, 0.5, 0.7, 1.0])
def test_no_mark_of_the_null_runs_through_the_text_of_the_other(content, observed, weightless):
    ax, places = marked(content, observed, weightless)
    labels = [text for text in ax.texts if text.get_text().startswith(("as observed", "every weight"))]
    lines = [line for place in places for line in ax.lines if list(line.get_xdata()) == [place] * 2]
    boxes = [label.get_window_extent() for label in labels]
    assert not boxes[0].overlaps(boxes[1])
    for line in lines:
        x, top = ax.transData.transform((line.get_xdata()[0], line.get_ydata()[1]))
        assert not any(box.x0 < x < box.x1 and top > box.y0 for box in boxes)


def test_a_null_without_spread_is_one_line_and_no_wide_bar():
    ones = make_panel(60, 3, 4)
    content = json.loads(analyze(ones, n_permutations=20, rule="mean").to_json())
    ax = figures.permutation_null(content, axes())
    (bar,) = ax.patches
    assert bar.get_height() == 20
    assert bar.get_width() < 0.05 * np.diff(ax.get_xlim())[0]


def test_where_nobody_is_a_saboteur_there_is_no_map_of_sabotage(content):
    parts = content["profiles"]["by_class"]["parts"]
    nobody = {
        name: part | {"agents": {agent: {"roles": {"saboteur": 0}} for agent in part["agents"]}}
        for name, part in parts.items()
    }
    with pytest.raises(SabotageError, match="nobody is a saboteur"):
        figures.sabotage_by_class(content | {"profiles": {"by_class": {"parts": nobody}}}, axes())


def test_steps_of_nothing_have_no_minus(content):
    same = dict.fromkeys(("best_agent_accuracy", "oracle_accuracy", "oracle_accuracy_if_independent"), 0.5)
    bounds = content["bounds"] | same | {"oracle_accuracy_if_independent": 0.5 - 1e-12}
    decision = content["decision"] | {"accuracy": 0.5}
    ax = figures.headroom_waterfall(content | {"bounds": bounds, "decision": decision}, axes())
    assert [text for text in texts(ax) if text.startswith("50.0 %")] == ["50.0 %", *["50.0 %  +0.0"] * 3]
