"""Notes: sentences, and those alike put together without losing one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sabotage.reports.noting import as_sentence, folded


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the decision is null", "The decision is null."),
        ("voice: no confidence", "voice: no confidence."),
        ("voices agree", "Voices agree."),
        ("log_loss is null", "log_loss is null."),
        ("Why?", "Why?"),
        ("  449 rows are left out. ", "449 rows are left out."),
        ("", ""),
    ],
)
def test_sentences_begin_large_and_end_in_a_stop_but_names_stay(text, sentence):
    assert as_sentence(text, ["voice"]) == sentence


def test_notes_that_differ_in_an_agent_and_numbers_are_one():
    notes = ["voice lists 3 of 7", "no seed", "face lists 12 of 1,007", "voice and face agree", "face has no scores"]
    found = folded(notes, ["voice", "face"])
    assert [note.text for note in found] == [
        "voice lists 3 of 7.", "No seed.", "voice and face agree.", "face has no scores.",
    ]  # fmt: skip
    assert found[0].others == ("face lists 12 of 1,007.",)
    assert found[0].of == ("voice", "face")
    assert found[1].of == ()


@given(
    st.lists(st.text("ab1 ,.:|(", min_size=1).filter(str.strip), max_size=12), st.lists(st.text("ab|(."), max_size=3)
)
def test_no_note_is_lost(notes, agents):
    found = folded(notes, agents)
    shown = [text for note in found for text in (note.text, *note.others)]
    assert sorted(shown) == sorted(as_sentence(note, agents) for note in notes)
