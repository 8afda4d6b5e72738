"""What was found about people with one modality and with all, in sentences."""

from typing import TYPE_CHECKING

from sabotage.errors import count_of
from sabotage.saying import p_text, percent, percents

if TYPE_CHECKING:
    from sabotage.people import ErrorsShared, Gain, People

DECISION = "decision"
FEWEST = 10  # examples of a class that is named as the one where most is gained, or least


def in_sentences(found: "People") -> tuple[str, ...]:
    """Return what was found: the gain over the best single, where it is largest, how often it hurts, and who errs."""
    best = next(one for one in found.gains if one.single == found.best)
    sentences = [_gain(found, best)]
    if best.helped.share is not None and best.hurt.share is not None:
        sentences.append(
            f"More input helps against {best.single} on {percent(best.helped.share)}{percents(best.helped.interval)}"
            f" of the examples and hurts on {percent(best.hurt.share)}{percents(best.hurt.interval)}."
        )
    sentences += [text for text in (_classes(found), _levels(found)) if text is not None]
    sentences += [text for one in models_on_full(found) if (text := _errors(one)) is not None]
    return tuple(sentences)


def in_brief(found: "People") -> str:
    """Return what the one with every modality gains over the best of the others, for a summary."""
    best = next(one for one in found.gains if one.single == found.best)
    p = "" if best.p_value is None else f", p = {p_text(best.p_value)}"
    return f"people: {found.full} over {best.single}, {_of(best)} examples{p}"


def models_on_full(found: "People") -> list["ErrorsShared"]:
    """Return each model against the person whose errors it shares most, by kappa inside classes."""
    best: dict[str, ErrorsShared] = {}
    for one in found.errors:
        value = one.kappa_within_class.value
        held = best.get(one.model)
        if value is not None and (held is None or value > (held.kappa_within_class.value or -2.0)):
            best[one.model] = one
    return list(best.values())


def _gain(found: "People", best: "Gain") -> str:
    difference = best.difference
    assert best.full.share is not None  # both spoke somewhere
    assert best.alone.share is not None
    assert difference.value is not None
    p = "" if best.p_value is None else f", p = {p_text(best.p_value)}"
    others = "" if len(found.gains) == 1 else ", the best of those with one modality,"
    return (
        f"With every modality, {found.full} is right on {percent(best.full.share)}{percents(best.full.interval)};"
        f" {best.single}{others} on {percent(best.alone.share)}{percents(best.alone.interval)} of the same"
        f" {count_of(best.full.n, 'example')}: {_points(difference.value)} points{_span(difference.interval)}{p}."
    )


def _classes(found: "People") -> str | None:
    own = {
        name: one
        for name, gains in found.by_class.items()
        for one in gains
        if one.single == found.best and one.full.n >= FEWEST and one.difference.value is not None
    }
    if len(own) < 2:
        return None
    order = sorted(own, key=lambda name: own[name].difference.value or 0.0)
    least, most = order[0], order[-1]
    return (
        f"Over {found.best} the gain is largest in {most}, {_of(own[most])}, and least in {least}, {_of(own[least])}."
    )


def _levels(found: "People") -> str | None:
    if found.by_ambiguity is None:
        return None
    parts = [
        (level, one)
        for level, gains in found.by_ambiguity.items()
        for one in gains
        if one.single == found.best and one.difference.value is not None
    ]
    if len(parts) < 2:
        return None
    by = (
        "annotators' uncertainty" if found.ambiguity == "annotators" else "the entropy of the single modalities' scores"
    )
    told = "; ".join(f"{level}: {_of(one)}" for level, one in parts)
    return f"By thirds of {by}, {told}."


def _errors(one: "ErrorsShared") -> str | None:
    within, where, elsewhere = one.kappa_within_class, one.wrong_where_wrong, one.wrong_where_right
    if within.value is None or where.share is None or elsewhere.share is None:
        return None
    who = "The decision" if one.model == DECISION else one.model
    span = "" if within.interval is None else f" [{within.interval[0]:.3f}, {within.interval[1]:.3f}]"
    return (
        f"{who} errs on {percent(where.share)} of the {where.n:,} examples on which {one.person} errs and on"
        f" {percent(elsewhere.share)} of the {elsewhere.n:,} others; kappa of errors within class"
        f" {within.value:.3f}{span}."
    )


def _of(one: "Gain") -> str:
    assert one.difference.value is not None  # asked for where there is one
    return f"{_points(one.difference.value)} points{_span(one.difference.interval)} of {one.full.n:,}"


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}"


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{_points(interval[0])}, {_points(interval[1])}]"
