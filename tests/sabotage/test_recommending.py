"""What a comparison says in words: never more than its intervals, and nothing that is no number."""

import re
from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, panels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sabotage import Intervention, compare, replay, simulate
from sabotage.recommending import what_compared

FEW = {"n_resamples": 50, "n_permutations": 0}
LABELS = ["majority", "weighted_vote", "select_best"]
PERCENT = re.compile(r"(-?[\d.]+) %")


def with_span(comparison, name, low, high, **changes):
    """Give a rule another interval of its difference, and other fields."""
    entries = []
    for entry in comparison.entries:
        if entry.name == name:
            own = entry.difference
            values = {
                statistic: replace(value, difference_interval=None if low is None else (low, high))
                for statistic, value in own.values.items()
            }
            entry = replace(entry, difference=replace(own, values=values, **changes))
        entries.append(entry)
    return replace(comparison, entries=tuple(entries))


@pytest.fixture(scope="module")
def aligned():
    return compare(simulate("aligned", 400), ["mean", "weighted_mean"], against="mean", n_permutations=0)


def test_a_gain_that_is_seen(aligned):
    gain, alike, sabotage = aligned.findings
    own = aligned.entry("weighted_mean")
    difference = own.difference.values["balanced_accuracy"]
    low, high = (f"{100 * end:.2f}" for end in difference.difference_interval)
    assert gain.startswith(
        f"weighted_mean has the highest balanced accuracy of 2 rules,"
        f" {100 * own.values['balanced_accuracy'].value:.1f} %, {100 * difference.difference:.1f} points more than mean"
        f" [{low}, {high}], Holm-adjusted p "
    )
    assert gain.endswith(" for accuracy.")
    assert alike == "Every other rule does worse than weighted_mean, by an interval that leaves out 0."
    counts = own.quality.saboteurs
    first = max(counts, key=counts.get)
    assert sabotage.startswith(
        f"Of the {own.quality.n_wrong} wrong decisions of weighted_mean, {first} sabotages {counts[first]}"
        f" ({100 * counts[first] / own.quality.n_wrong:.1f} %)"
    )


def test_a_gain_that_is_not(aligned):
    for low in (-0.01, 0.0, -1e-9, 1e-9):
        gain = what_compared(with_span(aligned, "weighted_mean", low, 0.2))[0]
        assert gain.endswith("an interval that holds 0 shows no gain.")
        assert "-0.00" not in gain
        assert ", p " not in gain
    gain = what_compared(with_span(aligned, "weighted_mean", None, None))[0]
    assert gain.endswith(" %; what it gains on mean has no interval.")
    gain = what_compared(with_span(aligned, "weighted_mean", 0.05, 0.2, p_adjusted=None))[0]
    assert gain.endswith("points more than mean [5.00, 20.00].")


def test_a_reference_that_is_the_best(aligned):
    found = compare(aligned.panel, ["mean", "weighted_mean"], against="weighted_mean", n_permutations=0)
    assert found.findings[0].startswith("No rule has a higher balanced accuracy than the reference, weighted_mean: ")


def test_one_rule_has_nobody_to_be_better_than():
    panel = make_panel(60)
    found = compare(panel, ["mean"], against="mean", what_ifs=[Intervention("drop", "agent0")], **FEW)
    assert re.fullmatch(
        r"mean is the only rule, with a balanced accuracy of [\d.]+ %: there is nothing to compare it with.",
        found.findings[0],
    )
    assert found.findings[1] == "Where no rule is named, all that the panel can feed are compared."


def test_interventions_are_not_among_the_rules_that_are_counted():
    panel = simulate("overconfident-agent", 400)
    found = compare(
        panel,
        ["weighted_mean", "max_confidence"],
        against="max_confidence",
        what_ifs=[Intervention("drop", "video")],
        **FEW,
    )
    level = {entry.name: entry.values["balanced_accuracy"].value for entry in found.entries}
    assert level["max_confidence, drop video"] > level["max_confidence"]
    assert max(level, key=level.get).endswith(", drop video")
    assert " of 2 rules" in found.findings[0] or found.findings[0].startswith("No rule has a higher")
    assert "drop" not in " ".join(found.findings[:3])
    gained = found.entry("max_confidence, drop video").difference.values["balanced_accuracy"]
    other = found.entry("weighted_mean, drop video").difference.values["balanced_accuracy"]
    most = "max_confidence" if gained.difference > other.difference else "weighted_mean"
    assert found.findings[3].startswith(f"Of 2 interventions, {most}, drop video does most for its rule: ")


def test_interventions_that_do_nothing_are_said_to():
    panel = simulate("aligned", 200)
    found = compare(panel, ["mean"], against="mean", what_ifs=[Intervention("temperature", "text", 1.0)], **FEW)
    assert found.findings[3] == "No intervention makes its rule better in balanced accuracy by an interval above 0."


def test_few_clusters_leave_it_open():
    found = compare(make_panel(8), LABELS, **FEW)
    assert (
        found.findings[1] == "Whether other rules are as good is not known: there are too few clusters for an interval."
    )


def test_many_names_are_counted():
    found = compare(make_panel(40, seed=3), **FEW)
    assert len(found.alike) > 4
    assert re.match(
        rf"It cannot be told from .*, .*, .*, .* and {len(found.alike) - 4} more on these", found.findings[1]
    )
    assert "flattered by having been chosen on them" in found.findings[1]


def test_nobody_wrong_and_nobody_sure():
    panel = make_panel(40)
    right = replace(panel, labels=np.repeat(panel.truth[:, None], 3, axis=1), scores=None)
    assert compare(right, LABELS, **FEW).findings[2].endswith(" no decision is wrong.")
    shy = replace(panel, confidence=np.full((40, 3), 0.4))
    assert re.fullmatch(
        r"Under .* nobody sabotages any of the \d+ wrong decisions.", compare(shy, ["mean"], **FEW).findings[2]
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(panels(most=30), st.sampled_from(["accuracy", "balanced_accuracy", "macro_f1"]), st.sampled_from(LABELS))
def test_never_more_than_the_intervals(panel, statistic, against):
    found = compare(panel, LABELS, against=against, statistic=statistic, **FEW)
    gain, alike, _ = found.findings
    text = " ".join(found.findings)
    assert not re.search(r"\bnan\b|\binf\b|None|-0\.0+\b|  ", text)
    assert all(0 <= float(share) <= 100 for share in PERCENT.findall(text))
    assert text.count("%") == len(PERCENT.findall(text))
    own = found.entry(found.best).difference
    span = None if own is None else own.values[statistic].difference_interval
    if ", p " in gain or gain.endswith("]."):
        assert span[0] > 0
    for entry in found.entries:
        if entry.name != found.best and alike.startswith("Every other rule does worse"):
            direct = compare(panel, LABELS, against=found.best, statistic=statistic, **FEW).entry(entry.name)
            assert direct.difference.values[statistic].difference_interval[1] < 0


def test_a_percent_sign_in_a_name_is_a_name():
    panel = replace(make_panel(60), agents=("100%", "<b>", "=x"))
    found = compare(panel, [replay(panel, "mean")], **FEW)
    assert any(agent in found.findings[2] for agent in panel.agents)
