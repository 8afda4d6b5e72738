"""Recognition of columns by their names."""

import pytest

from sabotage import SabotageError
from sabotage.columns import recognise

BASE = ["id", "y"]


def names_of(names, **options):
    columns = recognise(names, "t.csv", **options)
    return {
        agent.name: (agent.label, agent.confidence, agent.reliability, dict(agent.scores)) for agent in columns.agents
    }


def test_the_documented_patterns():
    columns = recognise(
        ["sample_id", "target", "a_pred", "a_conf", "a_self_assessment", "a_prob_x", "a_prob_y", "b_quality", "b_label"]
        + ["fusion_label", "fused_p_x", "fold", "note"],
        "t.csv",
    )
    assert (columns.id, columns.truth, columns.fused_label) == ("sample_id", "target", "fusion_label")
    assert columns.fused_scores == {"x": "fused_p_x"}
    first, second = columns.agents
    assert (first.name, first.label, first.confidence, first.reliability) == (
        "a",
        "a_pred",
        "a_conf",
        "a_self_assessment",
    )
    assert first.scores == {"x": "a_prob_x", "y": "a_prob_y"}
    assert (second.name, second.label, second.reliability) == ("b", "b_label", "b_quality")
    assert columns.ignored == ("fold", "note")


@pytest.mark.parametrize("infix", ["p", "prob", "probs", "proba", "score", "scores"])
def test_scores_by_any_of_their_names(infix):
    names = ["id", "y", *(f"{agent}_{infix}_{label}" for agent in ("a", "b_c") for label in ("x", "y_z"))]
    columns = recognise(names, "t.csv")
    assert [(agent.name, sorted(agent.scores)) for agent in columns.agents] == [
        ("a", ["x", "y_z"]),
        ("b_c", ["x", "y_z"]),
    ]


def test_agents_stand_in_file_order_whatever_was_asked_for():
    names = [*BASE, "z_label", "a_label", "m_label"]
    assert list(names_of(names)) == ["z", "a", "m"]
    assert list(names_of(names, agents=["m", "z"])) == ["z", "m"]


def test_an_agents_name_may_hold_underscores_and_a_class_anything():
    names = [*BASE, "left_arm_imu_label", "left_arm_imu_p_sit to stand", "left_arm_imu_p_walk.fast", "left_arm_imu_p_é"]
    found = names_of(names)["left_arm_imu"]
    assert found[3] == {
        "sit to stand": "left_arm_imu_p_sit to stand",
        "walk.fast": "left_arm_imu_p_walk.fast",
        "é": "left_arm_imu_p_é",
    }


def test_the_known_agent_decides_where_a_name_splits():
    names = [*BASE, "text_p_label", "text_p_p_no_p_words", "text_p_p_p_words"]
    assert names_of(names)["text_p"][3] == {"no_p_words": "text_p_p_no_p_words", "p_words": "text_p_p_p_words"}


def test_without_labels_the_split_that_gives_everyone_the_same_classes():
    names = [*BASE, "a_p_x_p_1", "a_p_x_p_2", "b_p_x_p_1", "b_p_x_p_2"]
    with pytest.raises(
        SabotageError, match="could be the score of agent 'a' for class 'x_p_1' or the score of agent 'a_p_x'"
    ):
        recognise(names, "t.csv")
    assert set(names_of(names, agents=["a", "b"])) == {"a", "b"}
    uneven = [*BASE, "a_p_x_p_1", "a_p_y", "b_p_x_p_1", "b_p_y"]
    assert names_of(uneven)["a"][3] == {"x_p_1": "a_p_x_p_1", "y": "a_p_y"}


def test_two_known_agents_in_one_name_are_two_readings():
    names = [*BASE, "a_label", "a_p_b", "a_p_b_p_x"]
    with pytest.raises(SabotageError, match="a_p_b_p_x could be the score of agent 'a' for class 'b_p_x' or"):
        recognise(names, "t.csv", agents=["a", "a_p_b"])


def test_a_class_may_be_called_like_a_suffix():
    found = names_of([*BASE, "v_label", "v_p_label", "v_p_no_label", "v_p_low_conf", "v_p_quality"])
    assert list(found) == ["v"]
    assert set(found["v"][3]) == {"label", "no_label", "low_conf", "quality"}
    found = names_of([*BASE, "t_p_good", "t_p_quality", "v_p_good", "v_p_quality"])
    assert {agent: set(part[3]) for agent, part in found.items()} == {key: {"good", "quality"} for key in "tv"}


def test_a_label_that_could_be_a_score_is_two_readings_where_nothing_decides():
    with pytest.raises(
        SabotageError, match="t_p_label could be the label of agent 't_p' or the score of agent 't' for"
    ):
        recognise([*BASE, "t_p_label", "t_p_conf"], "t.csv")
    names = [*BASE, "t_p_label", "t_p_conf", "v_p_label", "v_p_conf"]
    assert set(names_of(names, agents=["t", "v"])["t"][3]) == {"label", "conf"}
    assert names_of(names, agents=["t_p", "v_p"])["t_p"][:2] == ("t_p_label", "t_p_conf")


def test_an_odd_p_column_is_no_agent():
    columns = recognise([*BASE, "a_label", "a_p_x", "a_p_y", "chi2_p_value"], "t.csv")
    assert [agent.name for agent in columns.agents] == ["a"]
    assert columns.ignored == ("chi2_p_value",)
    assert "read as class scores of chi2" in columns.warnings[0]


def test_an_agent_without_labels_joins_where_its_classes_are_those_of_the_others():
    names = [*BASE, "a_label", "a_p_x", "a_p_y", "b_p_x", "b_p_y"]
    assert set(names_of(names)) == {"a", "b"}


def test_a_confidence_alone_is_no_agent():
    columns = recognise([*BASE, "a_label", "annotator_confidence"], "t.csv")
    assert columns.ignored == ("annotator_confidence",)
    assert "annotator has neither a label" in columns.warnings[0]


def test_a_prediction_of_the_truth_is_no_agent_but_a_hint():
    columns = recognise([*BASE, "a_label", "y_pred"], "t.csv")
    assert [agent.name for agent in columns.agents] == ["a"]
    assert "give --fused-label y_pred" in columns.warnings[0]


def test_reserved_columns_make_no_agent_and_take_nothing_from_one():
    columns = recognise(
        [*BASE, "a_label", "a_confidence", "film_label"], "t.csv", reserved=["film_label", "a_confidence"]
    )
    assert [agent.name for agent in columns.agents] == ["a"]
    assert columns.agents[0].confidence == "a_confidence"
    assert columns.ignored == ()


def test_stray_p_columns_beside_agents_without_scores_are_no_agent():
    columns = recognise([*BASE, "v_label", "f_label", "ttest_p_value", "mean_score_total"], "t.csv")
    assert [agent.name for agent in columns.agents] == ["v", "f"]
    assert columns.ignored == ("ttest_p_value", "mean_score_total")
    assert len(columns.warnings) == 2


def test_agents_of_scores_alone_stand_beside_odd_columns():
    names = [*BASE, "film_label", "clip_quality", "a_p_x", "a_p_y", "b_p_x", "b_p_y"]
    columns = recognise(names, "t.csv", reserved=["film_label"])
    assert [agent.name for agent in columns.agents] == ["a", "b"]
    assert columns.ignored == ("clip_quality",)


def test_half_a_recorded_fusion_is_none():
    names = [*BASE, "a_label", "a_p_x", "a_p_y", "fused_p_x"]
    columns = recognise(names, "t.csv")
    assert columns.fused_scores == {}
    assert columns.ignored == ("fused_p_x",)
    assert "no recorded decision without a label and scores of all classes" in columns.warnings[0]


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        (["y", "y", "a_label"], {}, "more than one column named y"),
        (["id", "a_label"], {}, "t.csv has no column with the truth"),
        (["id", "true_label", "a_label"], {}, r"perhaps true_label\?"),
        (["y", "label", "a_label"], {}, "y and label could each be the truth: say which with --truth y"),
        (["id", "example_id", "y", "a_label"], {}, "could each be the id"),
        (["y", "a_label", "a_pred"], {}, "a_label and a_pred could each be the label of a"),
        (["y", "a_p_x", "a_prob_x", "a_label"], {}, "could each be the score of a for x"),
        (["y", "z"], {}, "t.csv has no agent"),
        (["y", "voice_label"], {"agents": ["voise"]}, r"unknown agent 'voise' \(did you mean voice\?\)"),
        (["y", "a_label", "b_label"], {"agents": ["a", "a"]}, "names an agent twice"),
        (["y", "a_label"], {"fused_label": "y"}, "cannot be the recorded decision too"),
        (["y", "a_label"], {"agents": []}, "--agents names no agent"),
        (["y", "a_p_x", "a_p_z", "fused_p_x", "fusion_p_x"], {}, "could each be the fused score of x"),
        (["y", "a_label"], {"truth": "yy"}, r"no column 'yy' \(did you mean y\?\), given by --truth"),
        (["y", "a_label"], {"id": "clip"}, "no column 'clip', given by --id"),
    ],
)
def test_refused(names, options, says):
    with pytest.raises(SabotageError, match=says):
        recognise(names, "t.csv", **options)
