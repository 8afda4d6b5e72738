"""Slow, obvious re-derivation of the fusion rules, roles, permutation test and profiles, an oracle for the tests."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

SCORE_RULES = ("mean", "weighted_mean", "product", "log_pool", "softmax_gate")
VOTE_RULES = ("majority", "weighted_vote")
CANDIDATE_RULES = ("confidence_sum", "weighted_confidence_sum", "borda", "weighted_borda")
PICK_RULES = ("select_best", "max_confidence")
POOL_RULES = ("max", "min", "median", "dempster_shafer")
RULES = SCORE_RULES + VOTE_RULES + CANDIDATE_RULES + PICK_RULES + POOL_RULES
UNWEIGHTED_RULES = ("mean", "product", "majority", "confidence_sum", "borda", "max", "min", "median")


@dataclass
class Tiny:
    """A tiny panel of plain lists."""

    truth: list[int]  # class index per example
    labels: list[list[int | None]]  # [example][agent], None = silent
    confidence: list[list[float | None]]
    scores: (
        list[list[list[float | None] | None]] | None
    )  # [example][agent][class]; None = no scores; inner = not listed
    q: list[list[float | None]]  # reliability
    n_classes: int


# ---- who speaks, with what evidence and what weight ----


def scores_of(panel: Tiny, i: int, m: int) -> list[float | None] | None:
    """The score list of agent m on example i, None where it has none or lists no class."""
    if panel.scores is None:
        return None
    row = panel.scores[i][m]
    if row is None or all(value is None for value in row):
        return None
    return row


def candidates_of(panel: Tiny, i: int, m: int) -> list[float | None] | None:
    """The candidate list of an agent: its listed scores, else its label with its confidence, else None."""
    row = scores_of(panel, i, m)
    if row is not None:
        return row
    label, confidence = panel.labels[i][m], panel.confidence[i][m]
    if label is None or confidence is None:
        return None
    return [confidence if c == label else None for c in range(panel.n_classes)]


def speaks(panel: Tiny, rule: str, i: int) -> tuple[bool, ...]:
    """Which agents speak for the fusion under that rule: the availability pattern."""
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule}")
    pattern = []
    for m, label in enumerate(panel.labels[i]):
        spoke = label is not None
        if rule in SCORE_RULES + POOL_RULES:
            spoke = spoke and scores_of(panel, i, m) is not None
        if rule in CANDIDATE_RULES:
            spoke = spoke and candidates_of(panel, i, m) is not None
        pattern.append(spoke)
    return tuple(pattern)


def speakers(panel: Tiny, rule: str, i: int, left_out: int | None = None) -> list[int]:
    """The agents that speak for the fusion, in file order, without the one left out."""
    return [m for m, spoke in enumerate(speaks(panel, rule, i)) if spoke and m != left_out]


def softmax(values: list[float | None], temperature: float) -> list[float]:
    """Softmax over the values that are there, 0 for a null."""
    present = [v for v in values if v is not None]
    if not present:
        return [0.0 for _ in values]
    top = max(present)
    raised = [0.0 if v is None else math.exp((v - top) / temperature) for v in values]
    total = add(raised)
    return [r / total for r in raised]


def add(values: list[float]) -> float:
    """The plain float sum from left to right, starting at 0.0 (the built-in sum compensates since Python 3.12)."""
    total = 0.0
    for value in values:
        total = total + value
    return total


def weights(
    panel: Tiny, rule: str, i: int, q_row: Sequence[float | None], agents: list[int], temperature: float
) -> list[float]:
    """The weight of each of the given agents: raw, a null weighs 0, and a zero sum makes them 1 each."""
    if rule in UNWEIGHTED_RULES:
        return [1.0 for _ in agents]
    source = panel.confidence[i] if rule == "max_confidence" else q_row
    raw = [source[m] for m in agents]
    result = [0.0 if v is None else float(v) for v in raw]
    if rule == "softmax_gate":
        result = softmax(raw, temperature)
    if add(result) == 0.0:
        return [1.0 for _ in agents]
    return result


def borda_points(listed: list[float | None]) -> list[float]:
    """C - rank with rank 1 the best, tied ranks averaged; unlisted classes are tied behind all the listed."""
    points = []
    for mine in listed:
        higher = [v for v in listed if is_higher(v, mine)]
        same = [v for v in listed if v == mine]
        first_rank = len(higher) + 1
        last_rank = len(higher) + len(same)
        points.append(len(listed) - (first_rank + last_rank) / 2)
    return points


def is_higher(a: float | None, b: float | None) -> bool:
    """Whether candidate score a ranks before b, where None is unlisted."""
    if a is None:
        return False
    return b is None or a > b


def evidence(panel: Tiny, rule: str, i: int, m: int, clip: float) -> list[float]:
    """The evidence e[i, m, c] of a speaking agent for every class."""
    if rule in VOTE_RULES:
        return [1.0 if c == panel.labels[i][m] else 0.0 for c in range(panel.n_classes)]
    listed = candidates_of(panel, i, m) if rule in CANDIDATE_RULES else scores_of(panel, i, m)
    assert listed is not None
    if rule in ("borda", "weighted_borda"):
        return borda_points(listed)
    values = [0.0 if v is None else float(v) for v in listed]
    if rule in ("product", "log_pool"):
        return [math.log(max(v, clip)) for v in values]
    return values


# ---- fusion ----


def best_agents(
    panel: Tiny, rule: str, i: int, q_row: Sequence[float | None], left_out: int | None = None
) -> list[int]:
    """The speaking agents of the largest weight, in file order."""
    agents = speakers(panel, rule, i, left_out)
    if not agents:
        return []
    w = weights(panel, rule, i, q_row, agents, 1.0)
    return [m for m, weight in zip(agents, w, strict=True) if weight == max(w)]


def fuse(
    panel: Tiny,
    rule: str,
    i: int,
    q_row: Sequence[float | None],
    left_out: int | None = None,
    clip: float = 1e-6,
    temperature: float = 1.0,
) -> tuple[int | None, list[float]]:
    """The decision (None = abstention) and the class scores of example i under a row of reliability."""
    classes = range(panel.n_classes)
    agents = speakers(panel, rule, i, left_out)
    if not agents:
        return None, [0.0 for _ in classes]
    if rule in PICK_RULES:
        chosen = panel.labels[i][best_agents(panel, rule, i, q_row, left_out)[0]]
        return chosen, [1.0 if c == chosen else 0.0 for c in classes]
    w = weights(panel, rule, i, q_row, agents, temperature)
    e = [evidence(panel, rule, i, m, clip) for m in agents]
    if rule == "dempster_shafer":
        return dempster_shafer(e, w, panel.n_classes)
    if rule in POOL_RULES:
        pool = {"max": max, "min": min, "median": statistics.median}[rule]
        pooled = [float(pool([row[c] for row in e])) for c in classes]
        return lowest_argmax(pooled), pooled
    totals = []
    for c in classes:
        total = 0.0
        for j in range(len(agents)):
            total = total + w[j] * e[j][c]
        totals.append(total)
    return lowest_argmax(totals), totals


def dempster_shafer(e: list[list[float]], w: list[float], n_classes: int) -> tuple[int | None, list[float]]:
    """Dempster's rule over sets of classes, in fractions: masses of all pairs of sets go to their intersections."""
    everything = frozenset(range(n_classes))
    belief = {everything: Fraction(1)}
    for scores, weight in zip(e, w, strict=True):
        q, scale = Fraction(min(weight, 1.0)), max(Fraction(1), sum(map(Fraction, scores)))
        masses = {frozenset([c]): q * Fraction(p) / scale for c, p in enumerate(scores)}
        masses[everything] = 1 - sum(masses.values())
        joint: dict[frozenset[int], Fraction] = {}
        for (first, a), (second, b) in itertools.product(belief.items(), masses.items()):
            joint[first & second] = joint.get(first & second, Fraction(0)) + a * b
        conflict = joint.pop(frozenset(), Fraction(0))
        if conflict == 1:
            return None, [0.0] * n_classes
        belief = {key: value / (1 - conflict) for key, value in joint.items()}
    share = belief[everything] / n_classes
    totals = [float(belief.get(frozenset([c]), Fraction(0)) + share) for c in range(n_classes)]
    return lowest_argmax(totals), totals


def lowest_argmax(values: list[float]) -> int:
    """The index of the largest value, the lowest one in a tie."""
    best = 0
    for c in range(1, len(values)):
        if values[c] > values[best]:
            best = c
    return best


def decide_all(panel: Tiny, rule: str, **options: Any) -> list[int | None]:
    """The replayed decision of every example with the observed reliability."""
    return [fuse(panel, rule, i, panel.q[i], **options)[0] for i in range(len(panel.truth))]


def tied_classes(panel: Tiny, rule: str, i: int, **options: Any) -> list[int]:
    """The classes among which the decision of example i stands; one if there is no tie, none in an abstention."""
    decision, totals = fuse(panel, rule, i, panel.q[i], **options)
    if decision is None:
        return []
    if rule in PICK_RULES:
        held = {panel.labels[i][m] for m in best_agents(panel, rule, i, panel.q[i])}
        return sorted(label for label in held if label is not None)
    return [c for c, total in enumerate(totals) if total == max(totals)]


def ties(panel: Tiny, rule: str, **options: Any) -> tuple[int, float, float]:
    """How many decisions are tied, and the accuracy if all ties were lost and if all were won."""
    n_tied, lost, won = 0, 0, 0
    for i, y in enumerate(panel.truth):
        tied = tied_classes(panel, rule, i, **options)
        if len(tied) > 1:
            n_tied += 1
            if y in tied:
                won += 1
        elif tied == [y]:
            lost += 1
            won += 1
    n = len(panel.truth)
    return n_tied, lost / n, won / n


def rankable_classes(panel: Tiny, rule: str, i: int) -> list[int]:
    """The classes that count for top-k coverage: all, or those that a speaking agent listed under a candidate rule."""
    if rule not in CANDIDATE_RULES:
        return list(range(panel.n_classes))
    listed = set()
    for m in speakers(panel, rule, i):
        for c, value in enumerate(candidates_of(panel, i, m) or []):
            if value is not None:
                listed.add(c)
    return sorted(listed)


def top_k(panel: Tiny, rule: str, k: int, **options: Any) -> float | None:
    """Top-k coverage of the fused scores over all examples, None for k > C."""
    if k > panel.n_classes:
        return None
    hits = 0
    for i, y in enumerate(panel.truth):
        decision, totals = fuse(panel, rule, i, panel.q[i], **options)
        if decision is None:
            continue
        ranked = sorted((-totals[c], c) for c in rankable_classes(panel, rule, i))
        if y in [c for _, c in ranked[:k]]:
            hits += 1
    return hits / len(panel.truth)


# ---- roles and flags ----


def role(label: int | None, confidence: float | None, y: int, f: int | None, tau: float) -> str:
    """The role of one agent on one example, by the table."""
    if label is None:
        return "absent"
    if f == y:
        return "contributor" if label == y else "overruled"
    if label == f:
        return "saboteur" if confidence is not None and confidence >= tau else "misleader"
    return "suppressed" if label == y else "bystander"


def roles(panel: Tiny, decisions: Sequence[int | None], tau: float) -> list[list[str]]:
    """The role of every agent on every example under the given decisions."""
    table = []
    for i, y in enumerate(panel.truth):
        pairs = zip(panel.labels[i], panel.confidence[i], strict=True)
        table.append([role(label, confidence, y, decisions[i], tau) for label, confidence in pairs])
    return table


def is_pivotal(panel: Tiny, rule: str, i: int, m: int, name: str, f: int | None, **options: Any) -> bool | None:
    """Whether re-fusing without agent m turns the decision; None where the decision is not the replayed one."""
    if fuse(panel, rule, i, panel.q[i], **options)[0] != f:
        return None
    without = fuse(panel, rule, i, panel.q[i], left_out=m, **options)[0]
    if name == "contributor":
        return without != panel.truth[i]
    if name == "saboteur":
        return without == panel.truth[i]
    return False


def flags(
    panel: Tiny, rule: str, decisions: Sequence[int | None], tau: float, **options: Any
) -> list[list[dict[str, bool | None]]]:
    """The flags beside the roles, for every example and agent."""
    table = []
    for i, names in enumerate(roles(panel, decisions, tau)):
        y, f, labels = panel.truth[i], decisions[i], panel.labels[i]
        row = []
        for m, name in enumerate(names):
            confidence = panel.confidence[i][m]
            sure = confidence is not None and confidence >= tau
            others = [labels[j] for j in range(len(labels)) if j != m]
            row.append(
                {
                    "potential": labels[m] is not None and labels[m] != y and sure,
                    "recoverable": name == "saboteur" and y in others,
                    "shared": name == "saboteur" and f in others,
                    "pivotal": is_pivotal(panel, rule, i, m, name, f, **options),
                }
            )
        table.append(row)
    return table


# ---- statistics and bounds ----


def class_mean(truth: list[int], values: Sequence[Fraction | int | bool]) -> Fraction:
    """The mean over the classes present in the truth of the mean value in each class."""
    means = []
    for c in sorted(set(truth)):
        mine = [Fraction(v) for y, v in zip(truth, values, strict=True) if y == c]
        means.append(sum(mine, Fraction(0)) / len(mine))
    return sum(means, Fraction(0)) / len(means)


def plain_mean(values: Sequence[Fraction | int | bool]) -> Fraction:
    """The exact mean."""
    return sum((Fraction(v) for v in values), Fraction(0)) / len(values)


def statistic(panel: Tiny, decisions: Sequence[int | None], name: str) -> float:
    """Accuracy, balanced accuracy or macro-F1 of the decisions, an abstention counting as wrong."""
    right = [f == y for f, y in zip(decisions, panel.truth, strict=True)]
    if name == "accuracy":
        return float(plain_mean(right))
    if name == "balanced_accuracy":
        return float(class_mean(panel.truth, right))
    if name == "macro_f1":
        return macro_f1(panel, decisions)
    raise ValueError(f"unknown statistic {name}")


def macro_f1(panel: Tiny, decisions: Sequence[int | None]) -> float:
    """The mean over the classes present in the truth of F1."""
    pairs = list(zip(panel.truth, decisions, strict=True))
    values = []
    for c in sorted(set(panel.truth)):
        hit = sum(1 for y, f in pairs if y == c and f == c)
        false_alarm = sum(1 for y, f in pairs if y != c and f == c)
        miss = sum(1 for y, f in pairs if y == c and f != c)
        values.append(Fraction(2 * hit, 2 * hit + false_alarm + miss))
    return float(plain_mean(values))


def recall(panel: Tiny, m: int, c: int) -> Fraction:
    """The recall of agent m for class c over the examples of that class on which it spoke."""
    spoken = [panel.labels[i][m] for i, y in enumerate(panel.truth) if y == c and panel.labels[i][m] is not None]
    return Fraction(sum(1 for label in spoken if label == c), len(spoken))


def oracle(panel: Tiny) -> tuple[float, float, float, float]:
    """Oracle accuracy and balanced accuracy, then both if the errors were independent."""
    some_right = [y in panel.labels[i] for i, y in enumerate(panel.truth)]
    chance = []
    for i, y in enumerate(panel.truth):
        all_wrong = Fraction(1)
        for m, label in enumerate(panel.labels[i]):
            if label is not None:
                all_wrong *= 1 - recall(panel, m, y)
        chance.append(1 - all_wrong)
    return (
        float(plain_mean(some_right)),
        float(class_mean(panel.truth, some_right)),
        float(plain_mean(chance)),
        float(class_mean(panel.truth, chance)),
    )


# ---- the permutation test ----


def blocks(panel: Tiny, rule: str, within: Sequence[Any] | None = None) -> list[list[int]]:
    """The examples of one availability pattern and one value of within, blocks in order of first appearance."""
    found: dict[Any, list[int]] = {}
    for i in range(len(panel.truth)):
        key = (speaks(panel, rule, i), None if within is None else within[i])
        found.setdefault(key, []).append(i)
    return list(found.values())


def permutation_distribution(
    panel: Tiny, rule: str, name: str, within: Sequence[Any] | None = None, **options: Any
) -> list[tuple[float, float]]:
    """For every permutation of rows of q inside blocks: the statistic and the share of changed decisions."""
    n = len(panel.truth)
    parts = blocks(panel, rule, within)
    clean = decide_all(panel, rule, **options)
    with_donor = {}
    for part in parts:
        for i in part:
            for donor in part:
                with_donor[i, donor] = fuse(panel, rule, i, panel.q[donor], **options)[0]
    pairs = []
    for arrangement in itertools.product(*(itertools.permutations(part) for part in parts)):
        broken: list[int | None] = [None] * n
        for part, donors in zip(parts, arrangement, strict=True):
            for i, donor in zip(part, donors, strict=True):
                broken[i] = with_donor[i, donor]
        changed = sum(1 for i in range(n) if broken[i] != clean[i])
        pairs.append((statistic(panel, broken, name), changed / n))
    return pairs
