"""Emissions example by example: one plain dict each, in and out, and parts of a batch put together again."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sabotage.agents import Emissions
from sabotage.errors import SabotageError, listed, unknown

# What a dict may hold: label, confidence (not there: the top score; None: there is none), scores as {class: score} or
# as pairs of both, which JSON keeps where it would turn the class 1 into "1", reliability and rationale.
KEYS = ("confidence", "label", "rationale", "reliability", "scores")
Answer = dict[str, Any]
LONGEST = 300  # characters of what an exception says
NUMBERS = ("confidence", "reliability", "scores")
EACH = ("labels", "confidence", "scores", "reliability", "reasons", "rationales")


def check(said: Emissions, n: int, name: str) -> None:
    """Raise SabotageError where an agent's emissions do not fit n examples, or say nothing and give no reason."""
    if not isinstance(said, Emissions):
        raise SabotageError(f"{name} must return Emissions: found a {type(said).__name__}")
    if said.labels is None and said.scores is None and said.reasons is None:
        raise SabotageError(f"{name} emitted neither labels nor class scores")
    for part in EACH:
        values = getattr(said, part)
        if values is not None and (isinstance(values, str | bytes) or not hasattr(values, "__len__")):
            raise SabotageError(f"{name} emitted {part} that are a {type(values).__name__}: give a list or an array")
    if said.scores is not None and said.classes is None:
        raise SabotageError(f"{name} emitted scores and no classes: say what their columns stand for")
    for part in NUMBERS:
        try:
            np.asarray(getattr(said, part), np.float64)
        except (TypeError, ValueError) as error:
            raise SabotageError(f"{name} emitted {part} that are no numbers: {error!s:.160}") from None
    if said.scores is not None:
        require_distinct(said.classes, name)
    if said.scores is not None and np.shape(said.scores)[1:] != (len(said.classes),):
        raise SabotageError(
            f"{name} emitted scores of shape {np.shape(said.scores)} for {len(said.classes)} classes: give one column a"
            f" class"
        )
    for part in EACH:
        values = getattr(said, part)
        if values is not None and len(values) != n:
            raise SabotageError(f"{name} emitted {part} of length {len(values)} for {n} examples: give one entry each")


def require_distinct(classes: Sequence[object], name: str) -> None:
    """Raise SabotageError where two of an agent's classes are written alike, as 1 and "1" are."""
    texts = [str(label) for label in classes]
    twice = [text for text in dict.fromkeys(texts) if texts.count(text) > 1]
    if twice:
        raise SabotageError(f"classes of {name} must be written differently: {listed(twice)} stands more than once")


def scored(said: Any, classes: Sequence[object], name: str) -> Emissions:
    """Return what came as an array of scores as emissions; `name` is whose, for messages.

    Raises
    ------
    SabotageError
        If the entries are no numbers, or the columns have names of their own that are not the classes in order.
    """
    own = list(said.columns) if hasattr(said, "iloc") and getattr(said, "ndim", None) == 2 else []
    texts = [str(label) for label in classes]
    if own and own != list(range(len(own))) and [str(column) for column in own] != texts:
        raise SabotageError(
            f"{name} returned scores in the columns {listed(own)}, and its classes are {listed(texts)}: give the same"
            f" names in the same order"
        )
    if isinstance(said, np.ma.MaskedArray):
        said = np.where(np.ma.getmaskarray(said), np.nan, said.data) if said.dtype.kind in "biuf" else said.data
    try:
        return Emissions(scores=np.asarray(said, np.float64), classes=tuple(classes))
    except (TypeError, ValueError) as error:
        raise SabotageError(f"{name} returned scores that are no numbers: {error!s:.160}") from None


def answers_of(said: Emissions, n: int) -> list[Answer]:
    """Return emissions as one dict an example, ready for JSON; an empty one where the agent was silent."""
    answers: list[Answer] = [{} for _ in range(n)]
    if said.scores is not None:
        classes = [_scalar(label) for label in said.classes]
        for answer, row in zip(answers, np.asarray(said.scores, np.float64).tolist(), strict=True):
            pairs = [[label, score] for label, score in zip(classes, row, strict=True) if score == score]
            if pairs:
                answer["scores"] = pairs
    if said.labels is not None:
        for answer, label in zip(answers, said.labels, strict=True):
            if not is_null(label):
                answer["label"] = _scalar(label)
    for key, values in (("confidence", said.confidence), ("reliability", said.reliability)):
        if values is not None:
            for answer, value in zip(answers, np.asarray(values, np.float64).tolist(), strict=True):
                answer[key] = value if value == value else None
    if said.rationales is not None:
        for answer, rationale in zip(answers, said.rationales, strict=True):
            if rationale is not None:
                answer["rationale"] = str(rationale)
    return [answer if "label" in answer or "scores" in answer else {} for answer in answers]


def emissions_of(
    answers: Sequence[Mapping[str, Any]], classes: Sequence[object] = (), reasons: Sequence[str | None] | None = None
) -> Emissions:
    """Return the emissions of n dicts; `classes` come first among the columns of the scores, others as they appear."""
    scored = [dict(answer.get("scores") or ()) for answer in answers]
    columns = list(dict.fromkeys([*classes, *(label for own in scored for label in own)])) if any(scored) else []
    scores = np.full((len(answers), len(columns)), np.nan)
    at = {label: position for position, label in enumerate(columns)}
    for row, own in zip(scores, scored, strict=True):
        for label, score in own.items():
            row[at[label]] = np.nan if score is None else score
    confidence = None
    if any("confidence" in answer for answer in answers):
        top = top_scores(scores)
        given = [answer.get("confidence", best) for answer, best in zip(answers, top.tolist(), strict=True)]
        confidence = np.array(given, dtype=np.float64)
    reliability = None
    if any(answer.get("reliability") is not None for answer in answers):
        reliability = np.array([answer.get("reliability") for answer in answers], dtype=np.float64)
    return Emissions(
        labels=_labels([answer.get("label") for answer in answers], bool(columns)),
        confidence=confidence,
        scores=scores if columns else None,
        classes=tuple(columns),
        reliability=reliability,
        reasons=reasons,
        rationales=[answer.get("rationale") for answer in answers] if any("rationale" in a for a in answers) else None,
    )


def checked(answer: object, place: str) -> Answer:
    """Return one dict that a user's function gave, or None for silence, as a plain answer; `place` words whose it is.

    Raises
    ------
    SabotageError
        For anything but a dict of the known keys, and for numbers that are none or out of their range.
    """
    if answer is None:
        return {}
    if not isinstance(answer, Mapping):
        raise SabotageError(f"{place} is a {type(answer).__name__}: give a dict with label, confidence, scores ...")
    for key in answer:
        if key not in KEYS:
            raise unknown(f"key of {place}", str(key), KEYS)
    plain: Answer = {key: _scalar(value) for key, value in answer.items() if value is not None or key == "confidence"}
    if "scores" in plain:
        scores = plain["scores"]
        if not isinstance(scores, Mapping):
            raise SabotageError(f"scores of {place} must be a dict of class and score: found {scores!r:.80}")
        for label in scores:
            _require_plain(label, f"a class of {place}")
        numbers = {label: _number(score, f"the score of {label!s:.40} in {place}") for label, score in scores.items()}
        require_distinct(list(scores), place)
        plain["scores"] = [[_scalar(label), score] for label, score in numbers.items() if score is not None]
    for key, most in (("confidence", 1.0), ("reliability", np.inf)):
        if plain.get(key) is not None:
            value = plain[key] = _number(plain[key], f"{key} of {place}")
            if value is not None and not (0 <= value <= most and value < np.inf):
                raise SabotageError(
                    f"{key} of {place} must lie in {'[0, 1]' if most == 1 else '[0, inf)'}: found {value:g}"
                )
    if "rationale" in plain:
        plain["rationale"] = str(plain["rationale"])
    _require_plain(plain.get("label"), f"label of {place}")
    if is_null(plain.get("label")):
        plain.pop("label", None)
    return plain if "label" in plain or plain.get("scores") else {}


def joined(parts: Iterable[tuple[int, Emissions]]) -> Emissions:
    """Put the emissions of consecutive parts of a batch together; each comes with its number of examples."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0][1]
    sizes = [n for n, _ in parts]
    saids = [said for _, said in parts]
    ends = np.cumsum(sizes)
    rows = [slice(int(end) - n, int(end)) for n, end in zip(sizes, ends, strict=True)]
    total = int(ends[-1])
    classes = list(dict.fromkeys(label for said in saids if said.scores is not None for label in said.classes))
    scores = np.full((total, len(classes)), np.nan)
    at = {label: position for position, label in enumerate(classes)}
    for own, said in zip(rows, saids, strict=True):
        if said.scores is not None:
            scores[own, [at[label] for label in said.classes]] = said.scores
    confidence = reliability = None
    if any(said.confidence is not None for said in saids):
        confidence = top_scores(scores)
        for own, said in zip(rows, saids, strict=True):
            if said.confidence is not None:
                confidence[own] = said.confidence
    if any(said.reliability is not None for said in saids):
        reliability = np.full(total, np.nan)
        for own, said in zip(rows, saids, strict=True):
            if said.reliability is not None:
                reliability[own] = said.reliability

    def listing(part: str) -> list[Any] | None:
        own = [getattr(said, part) for said in saids]
        if all(values is None for values in own):
            return None
        filled = ([None] * n if values is None else values for n, values in zip(sizes, own, strict=True))
        return list(chain.from_iterable(filled))

    has_scores = any(said.scores is not None for said in saids)
    return Emissions(
        _labels(listing("labels"), has_scores),
        confidence,
        scores if has_scores else None,
        tuple(classes),
        reliability,
        listing("reasons"),
        listing("rationales"),
    )


def missing(said: Emissions, n: int) -> np.ndarray:
    """Return on which of n examples nothing was said, neither label nor score: ndarray of shape (n,), bool."""
    silent = np.ones(n, bool)
    if said.labels is not None:
        silent &= np.array([is_null(label) for label in said.labels], bool)
    if said.scores is not None:
        silent &= np.isnan(np.asarray(said.scores, np.float64)).all(axis=1)
    return silent


def require_some(said: Emissions, n: int, name: str) -> Emissions:
    """Return emissions unless there are none of n examples and a reason is known: then it is the error."""
    reasons = [reason for reason in said.reasons or () if reason is not None]
    if reasons and missing(said, n).all():
        raise SabotageError(f"{name} answered none of {n:,} examples: the first failed by {reasons[0]}")
    return said


def top_scores(scores: np.ndarray) -> np.ndarray:
    """Return the highest score of each row, NaN where there is none: ndarray of shape (n,)."""
    if not scores.shape[1]:
        return np.full(len(scores), np.nan)
    known = ~np.isnan(scores)
    return np.where(known.any(axis=1), np.where(known, scores, -np.inf).max(axis=1), np.nan)


def reason_of(error: Exception) -> str:
    """Write an exception as one line that a note can hold: its type, and what it says."""
    try:
        said = " ".join(str(error).split())
    except Exception:  # a type of anybody's
        said = ""
    kind = type(error).__name__
    return f"{kind}: {said if len(said) <= LONGEST else said[:LONGEST] + ' ...'}" if said else kind


def by_frequency(reasons: Sequence[str | None] | None) -> str:
    """Write reasons with how often each came, the most frequent first."""
    counts: dict[str, int] = {}
    for reason in reasons or ():
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return listed((f"{reason} ({count:,})" for reason, count in ordered), 3)


def is_null(value: Any) -> bool:
    """Whether a label or an id is none: None, NaN and the nulls of other libraries."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # as pandas' NA has it: whether it differs from itself is not known either
        return True
    except ValueError:  # an array, which is no label, but not none either
        return False


def _labels(labels: list[Any] | None, has_scores: bool) -> list[Any] | None:
    """Return labels, or None for scores without any: a column of nulls would look as if labels had got lost."""
    return None if labels is not None and has_scores and all(map(is_null, labels)) else labels


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _require_plain(label: object, what: str) -> None:
    """Raise SabotageError for a label that no table holds, such as a list."""
    if not isinstance(label, str | int | float | np.generic) and not is_null(label):
        raise SabotageError(f"{what} must be a text, a number or a bool: found {label!r:.80}")


def _number(value: object, what: str) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever is no number is the error below
    except (TypeError, ValueError):
        raise SabotageError(f"{what} must be a number: found {value!r:.80}") from None
    return None if number != number else number
