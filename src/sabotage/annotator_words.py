"""What was found about annotators and disagreement, in sentences."""

from typing import TYPE_CHECKING

from sabotage.errors import count_of
from sabotage.saying import p_text, percent

if TYPE_CHECKING:
    from sabotage.annotator_results import Annotators, Comparison, ScoreFound

# How each score is said: where it is a share, and where it is a number.
SAID = {
    "votes": "pairs of agents differ on",
    "divergence": "the divergence of the agents' scores is",
    "against_fused": "agents differ from the decision on",
    "fused_entropy": "the entropy of the fused scores is",
    "unsure_agents": "1 less the highest confidence is",
}
SHARES = ("votes", "against_fused")
QUESTIONS = {
    "votes": "Agents disagree",
    "divergence": "The agents' class scores diverge",
    "against_fused": "Agents disagree with the decision",
    "fused_entropy": "The fused scores are spread",
    "unsure_agents": "The agents are unsure",
}
WORDS = {
    "votes": "pairs of agents that differ",
    "divergence": "divergence of class scores",
    "against_fused": "agents against the decision",
    "fused_entropy": "entropy of the fused scores",
    "unsure_agents": "1 less the highest confidence",
}
ASKED = ("votes", "against_fused")  # what is answered in words; the rest stands in the table


def in_sentences(found: "Annotators") -> tuple[str, ...]:
    """Return what was found: one sentence on annotators, one for each question, and one on wrong decisions."""
    sentences = []
    known = found.known
    if known is None:
        sentences.append("No column says what annotators thought of an example.")
    elif known.why_not_compared is not None:
        sentences.append(f"Unsure and sure annotators cannot be compared: {known.why_not_compared}.")
    else:
        sentences.append(
            f"Annotators are unsure (uncertainty above {known.cut:.3g}) on {known.n_unsure:,} of"
            f" {count_of(known.n, 'example')} on which that is known."
        )
        asked = [one for one in found.scores if one.score in ASKED and one.comparison is not None]
        sentences += [answer(one) for one in asked]
    best = best_for_errors(found)
    if best is not None and best.auroc_error is not None:
        sentences.append(
            f"Of the scores, {best.score} ({WORDS[best.score]}) tells wrong decisions best: AUROC"
            f" {_number(best.auroc_error.value)}{_span(best.auroc_error.interval)}, {best.n_wrong:,} wrong of"
            f" {best.n:,}."
        )
    return tuple(sentences)


def answer(found: "ScoreFound") -> str:
    """Say whether a score is higher where annotators are unsure."""
    own = found.comparison
    assert own is not None  # asked for where there is one
    return (
        f"{QUESTIONS[found.score]} {_verb(own)} where annotators are unsure: {SAID[found.score]}"
        f" {_level(own.mean_unsure, found.score)} of {own.n_unsure:,} such examples, on"
        f" {_level(own.mean_sure, found.score)} of {count_of(own.n_sure, 'other')} ({_difference(own, found.score)}"
        f"{_p(own)})."
    )


def best_for_errors(found: "Annotators") -> "ScoreFound | None":
    """Return the score that tells wrong decisions from right ones best."""
    rated = [one for one in found.scores if one.auroc_error is not None]
    return max(rated, key=lambda one: one.auroc_error.value if one.auroc_error is not None else 0.0, default=None)


def _verb(own: "Comparison") -> str:
    if own.p_two_sided is None or own.p_two_sided > 0.05:
        return "neither visibly more nor visibly less"
    return "more" if own.difference.value > 0 else "less"


def _difference(own: "Comparison", score: str) -> str:
    difference, span = own.difference.value, own.difference.interval
    if score in SHARES:
        text = f"difference {100 * difference:+.1f} points"
        return text + ("" if span is None else f" [{100 * span[0]:+.1f}, {100 * span[1]:+.1f}]")
    return f"difference {difference:+.3f}" + ("" if span is None else f" [{span[0]:+.3f}, {span[1]:+.3f}]")


def _p(own: "Comparison") -> str:
    return "" if own.p_two_sided is None else f", p = {p_text(own.p_two_sided)}"


def _level(value: float, score: str) -> str:
    return percent(value) if score in SHARES else _number(value)


def _number(value: float) -> str:
    return f"{value:.3f}"


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
