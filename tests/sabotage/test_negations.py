"""Which labels that prose names it also affirms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sabotage.negations import is_affirmed


def affirmed(text, word="sad"):
    start = text.index(word)
    return is_affirmed(text, start, start + len(word))


@pytest.mark.parametrize("text", [
    "she is sad", "sad", "not angry but sad", "no anger. sad", "sad, not angry", "sad. it is not anger", "a little sad",
    "if i had to choose, sad", "nothing but sad", "however, sad",
])  # fmt: skip
def test_affirmed(text):
    assert affirmed(text) is True


@pytest.mark.parametrize("text", [
    "she is not sad", "isn't sad", "anything but sad", "far from sad", "hardly sad", "i doubt that she is sad", "nobody is sad",
    "without being sad", "rather than sad", "sad is not it", "sad is absent", "sad? no", "whether he is sad", "if he were sad",
    "er ist nicht sad", "elle n'est pas sad", "não sad", "не sad", "不sad", "sadではない", "non-sad", "everything except sad",
])  # fmt: skip
def test_denied(text):
    assert affirmed(text) is False


@pytest.mark.parametrize(("text", "word"), [("happy to help", "happy"), ("sad to say", "sad"), ("sad-ish", "sad")])
def test_words_that_are_no_labels_where_they_stand(text, word):
    assert affirmed(text, word) is None


@given(st.text(max_size=80), st.integers(0, 80), st.integers(0, 80))
def test_no_text_raises(text, start, end):
    assert is_affirmed(text.casefold(), start, end) in (True, False, None)
