"""Which label a spelling means: exact, case, synonym, likeness; and what prose names and denies."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sabotage import SabotageError
from sabotage.vocabulary import make_vocabulary
from sabotage.wordings import fold

LABELS = {"anger": ["angry", "A"], "happy": ["happiness", "joyful mood", "B"], "sad": ["unhappy", "悲伤"], "no": None}
VOCABULARY = make_vocabulary(LABELS)


def levenshtein(first, second):
    """Edits between two texts, the slow and obvious way."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        last, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b)))
    return row[-1]


@pytest.mark.parametrize(
    ("text", "label", "how"),
    [
        ("happy", "happy", "exact"), ("Happy", "happy", "case"), (" **happy**. ", "happy", "case"), ("HAPPINESS", "happy", "synonym"),
        ("joyful_mood", "happy", "synonym"), ("Joyful-Mood", "happy", "synonym"), ("B", "happy", "synonym"), ("b", "happy", "synonym"),
        ("happpy", "happy", "similar"), ("hapiness", "happy", "similar"), ("unhappy", "sad", "synonym"), ("悲伤", "sad", "synonym"),
        ("no", "no", "exact"), ("No", "no", "case"), ("sda", None, None), ("C", None, None), ("", None, None), ("nope", None, None),
        ("x" * 1000, None, None),
    ],
)  # fmt: skip
def test_how_a_spelling_is_matched(text, label, how):
    match = VOCABULARY.match(text)
    assert (
        (label, how) == (None, None) if match is None else (VOCABULARY.classes[match.label], match.how) == (label, how)
    )


def test_an_exact_label_goes_before_one_that_differs_in_case():
    vocabulary = make_vocabulary(["Fear", "fear", "joy"])
    assert [vocabulary.match(text).label for text in ("Fear", "fear")] == [0, 1]
    assert vocabulary.match("FEAR") is None  # could be either


@pytest.mark.parametrize("text", ["unreliable", "inconsistent", "non toxic", "nontoxic", "dissatisfied"])
def test_an_opposite_is_no_misspelling(text):
    vocabulary = make_vocabulary(["reliable", "consistent", "toxic", "satisfied"], similarity=0.6)
    assert vocabulary.match(text) is None


def test_a_spelling_as_close_to_two_labels_is_neither():
    assert make_vocabulary(["passive", "massive"]).match("bassive") is None


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["happy", "happiness", "joyful mood", "anger", "angry"]),
    st.text("abghjnpry ", max_size=3),
    st.integers(0, 9),
)
def test_likeness_is_that_of_the_edit_distance(word, extra, at):
    text = fold(word[:at] + extra + word[at:])
    known = [fold(one) for label, others in LABELS.items() for one in (label, *(others or [])) if len(fold(one)) >= 3]
    likeness = {one: 1 - levenshtein(text, one) / max(len(text), len(one)) for one in known}
    match = VOCABULARY.match(text)
    if match is not None and match.how == "similar":
        assert max(likeness.values()) >= 0.8
        assert all(value < 0.8 or VOCABULARY.match(one).label == match.label or value < max(likeness.values())
                   for one, value in likeness.items())  # fmt: skip
    elif match is None and len(text) >= 3 and max(likeness.values()) >= 0.8:
        best = {VOCABULARY.match(one).label for one, value in likeness.items() if value == max(likeness.values())}
        assert len(best) > 1 or any(text.endswith(one) or one.endswith(text) for one in known)


@pytest.mark.parametrize(
    ("text", "affirmed", "denied"),
    [
        ("She is happy.", ["happy"], []), ("not angry but sad", ["sad"], ["anger"]), ("It isn't anger, it is sadness", [], ["anger"]),
        ("neither angry nor sad", [], ["anger", "sad"]), ("sad rather than angry", ["sad"], ["anger"]), ("unhappy", ["sad"], []),
        ("no A here, B there", [], []), ("happpy", [], []), ("There is no doubt", [], []), ("anger is ruled out", [], ["anger"]),
        ("joyful\nmood", ["happy"], []), ("不是悲伤", [], ["sad"]), ("很悲伤", ["sad"], []), ("angrily", [], []),
    ],
)  # fmt: skip
def test_what_prose_names_and_what_it_denies(text, affirmed, denied):
    mentions = VOCABULARY.mentions(text)
    names = [(VOCABULARY.classes[one.label], one.is_negated) for one in mentions]
    assert [name for name, negated in names if not negated] == affirmed
    assert [name for name, negated in names if negated] == denied


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("anger: [angry]\nno: [nope]\nyes:\n", ("anger", "no", "yes")),  # no and yes are words, not booleans
        ("- anger\n- 1\n- on\n", ("anger", "1", "on")),
        ("labels:\n  anger: angry\n  joy: null\nwords:\n  high: 0.9\n", ("anger", "joy")),
        ("labels: [anger, joy]\n", ("anger", "joy")),
        (json.dumps({"anger": ["angry"], "joy": None}), ("anger", "joy")),
        (json.dumps(["anger", "joy"]), ("anger", "joy")),
    ],
)
def test_forms_of_a_labels_file(tmp_path, text, classes):
    (tmp_path / "labels.yaml").write_text(text)
    vocabulary = make_vocabulary(tmp_path / "labels.yaml")
    assert vocabulary.classes == classes
    assert vocabulary.words["high"] == (0.9 if "words" in text else 0.85)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anger: [mad]\njoy: [mad]\n", "'mad' stands under 'anger' and 'joy': keep one"),
        ("anger: [Joy]\njoy: []\n", "'Joy' stands under 'joy' and 'anger': keep one"),
        ("anger: []\n", "must have two labels at least: found anger"),
        ("anger: []\nanger: [mad]\njoy:\n", "has the label 'anger' twice"),
        ("anger: [\n", "cannot be read as YAML or JSON"),
        ("just words\n", "must map labels to synonyms, or list labels: found str"),
        ("anger: [[deep]]\njoy:\n", "a label or synonym is one line of text"),
        ("labels: [a, b]\nwords: {high: often}\n", "words must map words to numbers"),
        ("labels: [a, b]\nwords: {high: 2}\n", r"must stand for a number in \[0, 1\]"),
        ("", "must map labels"),
        ("? [a]\n: b\n", "cannot be read as YAML or JSON"),
    ],
)  # fmt: skip
def test_what_a_labels_file_may_not_be(tmp_path, text, message):
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(SabotageError, match=message):
        make_vocabulary(tmp_path / "labels.yaml")


def test_other_refusals(tmp_path):
    with pytest.raises(SabotageError, match=r"none\.yaml cannot be read"):
        make_vocabulary(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"- caf\xe9\n- b\n")
    with pytest.raises(SabotageError, match=r"latin\.yaml is not UTF-8"):
        make_vocabulary(tmp_path / "latin.yaml")
    with pytest.raises(SabotageError, match=r"similarity must lie in \(0, 1\]: found 0"):
        make_vocabulary(["a", "b"], 0)


def test_signs_of_numbers_tell_labels_apart():
    vocabulary = make_vocabulary({"negative": ["-1"], "neutral": ["0"], "positive": ["1", "+1"]})
    for text, label in (("-1", 0), ("\u22121", 0), ("0", 1), ("1", 2), ("+1", 2), ("-1.", 0), ("**-1**", None)):
        match = vocabulary.match(text)
        assert label is None or (match is not None and match.label == label), text
    assert make_vocabulary(["0", "1"]).match("-1") is None


def test_likeness_counts_from_the_threshold_on_and_begins_with_the_same_letter():
    vocabulary = make_vocabulary({"happy": [], "anger": [], "fear": []})
    assert [vocabulary.match(text).label for text in ("hapy", "fearr", "angers")] == [0, 2, 1]
    assert [vocabulary.match(text) for text in ("danger", "afear", "unhappy", "bear")] == [None] * 4


def test_a_labels_file_says_labels_and_words_and_nothing_else(tmp_path):
    with pytest.raises(SabotageError, match="may have words beside labels and nothing else: found labels, word"):
        make_vocabulary({"labels": ["a", "b"], "word": "x"})
    nested = "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9))
    (tmp_path / "deep.yaml").write_text(f"a: &a [x, x]\n{nested}")
    with pytest.raises(SabotageError, match=r"is one line of text: found list$"):
        make_vocabulary(tmp_path / "deep.yaml")
