"""The labels of a task with their synonyms, and which label a spelling means."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sabotage.errors import SabotageError, listed
from sabotage.negations import is_affirmed
from sabotage.wordings import fold, make_words

SIMILARITY = 0.8
FEWEST_LETTERS = 3  # of a spelling that may be a misspelling
LONGEST = 60
# A prefix that turns the meaning round is no misspelling.
TURNS = ("un", "in", "im", "il", "ir", "non", "non ", "dis", "ab", "a", "anti", "anti ", "no ", "not ", "mis", "less")
EVERYDAY = frozenset(
    ["no", "not", "yes", "none", "other", "neither", "both", "all", "any", "true", "false", "right", "left", "well"]
)
GOES_ON = re.compile(r"[*_\"']{0,2}\s{0,3}(?:,|/|\b(?:or|nor)\b|,\s{0,3}(?:or|nor)\b)\s{0,3}[*_\"']{0,2}")
SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class Match:
    """The label, an index of the classes, that a spelling means, and how: exact, case, synonym or similar."""

    label: int
    how: str


@dataclass(frozen=True)
class Mention:
    """A label named inside a longer text, which may say that it is not that one."""

    label: int
    text: str
    start: int
    is_negated: bool


@dataclass(frozen=True)
class Vocabulary:
    """Labels in their order, what else they are called, and what words for confidence stand for.

    Attributes
    ----------
    classes : tuple of str
    synonyms : tuple of tuple of str
        Of each class.
    words : dict of str to float
        Wordings of confidence, folded, and the number in [0, 1] that each stands for.
    similarity : float
        The least normalised Levenshtein similarity, in [0, 1], at which a spelling is taken for a misspelling.
    """

    classes: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]
    words: dict[str, float] = field(default_factory=make_words)
    similarity: float = SIMILARITY

    @cached_property
    def _exact(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.classes)}

    @cached_property
    def _folded(self) -> dict[str, int]:
        return _unambiguous((fold(label), index) for index, label in enumerate(self.classes))

    @cached_property
    def _other(self) -> dict[str, int]:
        return {other: index for index, others in enumerate(self.synonyms) for other in others}

    @cached_property
    def _folded_other(self) -> dict[str, int]:
        return _unambiguous((fold(other), index) for other, index in self._other.items())

    @cached_property
    def _near(self) -> dict[str, int]:
        """What a misspelling is compared with."""
        known = self._folded_other | self._folded
        return {text: index for text, index in known.items() if len(text) >= FEWEST_LETTERS}

    @cached_property
    def options(self) -> frozenset[str]:
        """Labels and synonyms of one letter or digit, which count at the place of an answer only."""
        return frozenset(text for text in (*self._exact, *self._other) if len(text) == 1)

    def match(self, text: str, similar: bool = True, short: bool = True) -> Match | None:
        """Return the label that a whole text names, None where it names none.

        Parameters
        ----------
        text : str
        similar : bool
            Take a misspelling too, if it is closest to the spellings of one label alone.
        short : bool
            Take a single letter or digit.
        """
        if len(text) > 4 * LONGEST:
            return None
        plain = text.strip()
        if plain in self._exact and (short or len(plain) > 1):
            return Match(self._exact[plain], "exact")
        folded = fold(plain)
        if len(folded) == 1 and not short:
            return None
        for how, table in (("case", self._folded), ("synonym", self._other), ("synonym", self._folded_other)):
            key = plain if table is self._other else folded
            if key in table:
                return Match(table[key], how)
        return self._similar(folded) if similar else None

    def _similar(self, folded: str) -> Match | None:
        if not FEWEST_LETTERS <= len(folded) <= LONGEST or self.similarity >= 1:
            return None
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein

        near = process.extract(
            folded,
            [text for text in self._near if text[0] == folded[0]],  # danger is no misspelling of anger
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=self.similarity - 1e-6,  # else 4 of 5 letters fall short of 0.8
            limit=None,
        )
        if not near:
            return None
        best = near[0][1]
        labels = {self._near[text] for text, score, _ in near if score == best}
        if len(labels) > 1 or any(_is_opposite(folded, text) for text, score, _ in near if score == best):
            return None
        return Match(labels.pop(), "similar")

    @cached_property
    def _mentioned(self) -> re.Pattern[str]:
        texts = {text for text in (*self._folded, *self._folded_other) if not _needs_a_place(text)}
        parts = []
        for text in sorted(texts, key=len, reverse=True):
            words = r"[\s_-]{1,3}".join(re.escape(word) for word in text.split())
            parts.append(words if SPACELESS.search(text) else rf"(?<!\w){words}(?!\w)")
        return re.compile("|".join(parts) or r"(?!)")

    def mentions(self, text: str) -> list[Mention]:
        """Return the labels named inside a text; misspellings, letters and numbers do not count there."""
        lower = text.replace("\u2019", "'").casefold()
        found: list[Mention] = []
        known = self._folded_other | self._folded
        end = 0
        for match in self._mentioned.finditer(lower):
            label = known.get(fold(match[0]))
            if label is None:
                continue
            affirmed = is_affirmed(lower, match.start(), match.end())
            if affirmed is not None:
                # "not sad, angry, or afraid": what is negated is the list.
                is_item = GOES_ON.fullmatch(lower, end, match.start()) is not None
                goes_on = is_item and bool(found) and found[-1].is_negated
                found.append(Mention(label, match[0], match.start(), goes_on or not affirmed))
                end = match.end()
        return found


def _needs_a_place(text: str) -> bool:
    return (len(text) == 1 and not SPACELESS.search(text)) or text.lstrip("-").isdigit() or text in EVERYDAY or not text


def _unambiguous(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int | None] = {}
    for text, index in pairs:
        found[text] = index if found.get(text, index) == index else None
    return {text: index for text, index in found.items() if index is not None}


def _is_opposite(first: str, second: str) -> bool:
    """Whether one text is the other with a prefix that turns its meaning round."""
    return any(first == turn + second or second == turn + first for turn in TURNS)


def make_vocabulary(labels: Any, similarity: float = SIMILARITY) -> Vocabulary:
    """Return the vocabulary of a labels file, a mapping or a list of labels.

    Parameters
    ----------
    labels : path, mapping or sequence of str
        A YAML or JSON file, or what stands in one: label to its synonyms (a list, one text or nothing), or the labels
        alone; or `{"labels": ..., "words": {"high": 0.9}}`, which also says what words for confidence stand for.
    similarity : float
        In (0, 1]; 1 takes no misspelling.

    Raises
    ------
    SabotageError
        Where the file cannot be read, has fewer than two labels, or a spelling stands under two labels.
    """
    if not 0 < similarity <= 1:
        raise SabotageError(f"similarity must lie in (0, 1]: found {similarity:g}")
    name = "labels"
    if isinstance(labels, str | os.PathLike):
        name = os.path.basename(os.fspath(labels))
        labels = _read_file(os.fspath(labels), name)
    own: Any = None
    if isinstance(labels, Mapping) and not _is_flat(labels.get("labels")) and not set(labels) <= {"labels", "words"}:
        raise SabotageError(f"{name} may have words beside labels and nothing else: found {listed(labels)}")
    if isinstance(labels, Mapping) and set(labels) <= {"labels", "words"} and not _is_flat(labels.get("labels")):
        own, labels = labels.get("words"), labels["labels"]
    if isinstance(labels, Mapping):
        entries = [(_text(label, name), _synonyms(others, name)) for label, others in labels.items()]
    elif isinstance(labels, Sequence) and not isinstance(labels, str):
        entries = [(_text(label, name), ()) for label in labels]
    else:
        raise SabotageError(f"{name} must map labels to synonyms, or list labels: found {type(labels).__name__}")
    _check(entries, name)
    classes = tuple(label for label, _ in entries)
    return Vocabulary(classes, tuple(others for _, others in entries), make_words(_numbers(own, name)), similarity)


def _is_flat(value: object) -> bool:
    return value is None or isinstance(value, str)


def _read_file(path: str, name: str) -> Any:
    import yaml

    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise SabotageError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SabotageError(f"{name} is not UTF-8: save it with that encoding") from None
    try:
        # All scalars are texts: `no` and `on` are words here, not booleans.
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        keys = [key.value for key, _ in root.value] if isinstance(root, yaml.MappingNode) else []
        value = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SabotageError(f"{name} cannot be read as YAML or JSON: {reason}") from None
    twice = [key for key in keys if isinstance(key, str) and keys.count(key) > 1]
    if twice:
        raise SabotageError(f"{name} has the label {twice[0]!r} twice: put its synonyms under one")
    return value


def _text(value: object, name: str) -> str:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or "\n" in text or "\r" in text:
        found = repr(value[:60]) if isinstance(value, str) else f"{value}" if value is None else type(value).__name__
        raise SabotageError(f"{name}: a label or synonym is one line of text: found {found}")
    return text


def _synonyms(others: object, name: str) -> tuple[str, ...]:
    if others is None or others in ("", "null", "~"):
        return ()
    if isinstance(others, Sequence) and not isinstance(others, str):
        return tuple(dict.fromkeys(_text(other, name) for other in others))
    return (_text(others, name),)


def _numbers(own: object, name: str) -> dict[str, float]:
    if own is None or own == "":
        return {}
    try:
        if isinstance(own, Mapping):
            return {str(word): float(value) for word, value in own.items()}
    except (TypeError, ValueError):
        pass
    raise SabotageError(f"{name}: words must map words to numbers in [0, 1], such as high: 0.9")


def _check(entries: Sequence[tuple[str, tuple[str, ...]]], name: str) -> None:
    """Raise SabotageError where there are too few labels, or one spelling would mean two of them."""
    classes = [label for label, _ in entries]
    if len(classes) < 2:
        raise SabotageError(f"{name} must have two labels at least: found {listed(classes)}")
    owner: dict[str, str] = {}
    for label in classes:
        if label in owner:
            raise SabotageError(f"{name} has the label {label!r} twice")
        owner[label] = label
    for label in classes:
        owner.setdefault(fold(label) if len(label) > 1 else label, label)
    for label, others in entries:
        for other in others:
            for key in {other, fold(other) if len(other) > 1 else other}:
                if owner.setdefault(key, label) != label:
                    raise SabotageError(f"{name}: {other!r} stands under {owner[key]!r} and {label!r}: keep one")
