"""What is asked about why decisions fail, what is not, and what is refused before the long part of an audit."""

import pytest
from builders import make_panel

from sabotage import SabotageError, analyze
from sabotage.causes import examine_causes
from sabotage.judging import judge
from sabotage.partings import find_partings
from sabotage.stages import listening

ASKED = {"by": ["class"], "people": ["agent0", "agent1"], "full": "agent1"}


def unasked(audit):
    return [note for note in audit.notes if note.endswith("not asked for") and "runs" in note]


def test_one_note_says_what_was_not_asked_for():
    panel = make_panel(60, 3, 3, seed=2)
    audit = analyze(panel, n_permutations=0)
    assert unasked(audit) == ["people, slices and runs are null: they were not asked for"]
    assert [getattr(audit.causes, name) for name in ("people", "slices", "runs")] == [None] * 3
    assert unasked(analyze(panel, n_permutations=0, **ASKED)) == ["runs is null: it was not asked for"]
    every = analyze(panel, n_permutations=0, **ASKED, runs={"other": panel}, run_name="own")
    assert unasked(every) == []


@pytest.mark.parametrize("find", [examine_causes, find_partings])
def test_full_alone_would_say_nothing(find):
    with pytest.raises(SabotageError, match="full says that agent1 is one of the people: name them all"):
        find(judge(make_panel(20)), full="agent1")


@pytest.mark.parametrize(
    "asked",
    [
        {"people": ["agnt0", "agent1"], "full": "agent1"},
        {"by": ["no such column"]},
        {"by": ["class"], "smallest": 0},
        {"unsure": "half"},
        {"runs": {"panel": make_panel(5)}, "run_name": "panel"},
    ],
)
def test_what_cannot_be_had_is_said_before_anything_is_shuffled(asked):
    stages = []
    with listening(stages.append), pytest.raises(SabotageError):
        analyze(make_panel(60), n_permutations=10, **asked)
    assert stages[-1] == "why decisions fail"
    assert not any("shuffl" in stage or "permut" in stage for stage in stages)
