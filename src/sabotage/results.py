"""The result of a permutation test, and of several that are read together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sabotage.adjusting import adjust
from sabotage.errors import SabotageError
from sabotage.intervals import Estimate
from sabotage.measures import in_words
from sabotage.moments import Moments
from sabotage.verdicts import Verdict, judge


def no_reliability(rule: str) -> str:
    """Return the proof that no shuffle changes a rule which weighs by nothing that could be shuffled."""
    return f"{rule} takes no reliability"


@dataclass(frozen=True)
class SeedTest:
    """The test of one seed alone: of the same draws as the others where they move in step."""

    seed: str
    n_examples: int
    clean: float
    broken_mean: float
    gap: float
    p_value: float
    p_value_two_sided: float


@dataclass(frozen=True, eq=False)
class Permutation:
    """What shuffling reliability did to the replayed decisions.

    Attributes
    ----------
    rule : str
    scheme : {"joint", "independent", "single"}
        What moved: whole rows of reliability, each agent's on its own, or one agent's alone.
    statistic : str
    within : tuple of str
        Columns inside whose values rows moved, beside the availability pattern.
    within_difficulty : int or None
        Strata of the equal-weight decision's margin inside which rows moved.
    derangement : bool
        Whether no row could keep its own reliability.
    n_blocks, n_permutations : int
    n_units : int
        What moved: examples, or ids with all their seeds.
    n_usable, n_contested : int
        Of those, in blocks that hold two different rows of reliability; with decisions that reliability could change.
    contested_weight : float or None
        Bound of the gap: what the contested can add to the statistic or take from it.
    smallest_p : float
        The smallest one-sided p that could come out: 1 / (R + 1), or one over the number of arrangements.
    clean : float
        The statistic as observed.
    broken_mean, broken_sd, monte_carlo_error : float or None
        Over replicates (sd with divisor R - 1), and the standard error of their mean; None for one replicate.
    gap : float
        clean - broken_mean.
    p_value : float
        (1 + number of broken >= clean) / (R + 1), one-sided: does the observed pairing help?
    p_value_two_sided : float
        Twice the smaller tail, at most 1.
    p_adjusted, p_two_sided_adjusted, adjustment
        The same where the test is one of several, and how ("holm" or "bh"); else None.
    z, p_normal : float or None
        (clean - exact_mean) / exact_sd, and its one-sided p under a normal distribution: an approximation.
    flip_rate : float
        Mean share of all examples whose decision a shuffle changes.
    uniform_weights : float
        The statistic with every reliability set to 1.
    against_weightless : Estimate or None
        The rule less the same with every reliability 1; None for a statistic that is no sum over examples.
    delta : float
        The smallest gap that matters.
    verdict : Verdict
    agent : str or None
        Whose reliability moved, of scheme "single".
    moments : Moments or None
        Exact mean and standard deviation, and the gap with its interval.
    why_no_moments : str or None
        Why there are none of the one or the other.
    seeds : tuple of SeedTest
        One for each seed, where the panel has several.
    per_seed : bool
        Whether each seed was shuffled on its own and p is twice their median, instead of all in step.
    broken : ndarray of shape (R,)
        The statistic of each replicate.
    within_folds : bool
        Whether reliability stayed in the folds of a cross-fitted rule.
    """

    rule: str
    scheme: str
    statistic: str
    within: tuple[str, ...]
    within_difficulty: int | None
    derangement: bool
    n_blocks: int
    n_permutations: int
    n_units: int
    n_usable: int
    n_contested: int
    contested_weight: float | None
    smallest_p: float
    clean: float
    broken_mean: float
    broken_sd: float | None
    monte_carlo_error: float | None
    gap: float
    p_value: float
    p_value_two_sided: float
    p_adjusted: float | None
    p_two_sided_adjusted: float | None
    adjustment: str | None
    z: float | None
    p_normal: float | None
    flip_rate: float
    uniform_weights: float
    against_weightless: Estimate | None
    delta: float
    still: str | None
    agent: str | None
    moments: Moments | None
    why_no_moments: str | None
    seeds: tuple[SeedTest, ...]
    per_seed: bool
    broken: np.ndarray
    within_folds: bool = False

    @property
    def takes_reliability(self) -> bool:
        """Whether the rule weighs by anything that could be shuffled."""
        return self.still != no_reliability(self.rule)

    @property
    def measure(self) -> str:
        """The statistic in words."""
        return in_words(self.statistic)

    @cached_property
    def verdict(self) -> Verdict:
        """What the test says, by the rules of `sabotage.verdicts.judge`; of several tests by the adjusted p."""
        moments, adjusted = self.moments, self.p_two_sided_adjusted
        few = self.why_no_moments
        if moments is not None:
            few = f"{moments.n_clusters} cluster{' is' if moments.n_clusters == 1 else 's are'} too few"
        return judge(
            n_usable=self.n_usable,
            still=self.still,
            interval=None if moments is None else moments.gap_interval,
            why_no_interval=few,
            p_two_sided=self.p_value_two_sided if adjusted is None else adjusted,
            adjusted=adjusted is not None,
            smallest_visible_gap=None if moments is None else moments.smallest_visible_gap,
            delta=self.delta,
        )

    @property
    def exchanged(self) -> str:
        """What was exchangeable with what, in words."""
        moved = {"joint": "whole rows of reliability", "independent": "each agent's reliability on its own"}.get(
            self.scheme, f"the reliability of {self.agent} alone"
        )
        strata = [f"one of {self.within_difficulty} strata of difficulty"] if self.within_difficulty else []
        folds = ["fold of the cross-fit"] if self.within_folds else []
        same = ["availability pattern", *self.within, *folds, *strata]
        what = "ids, in step over their seeds," if self.seeds and not self.per_seed else "examples"
        shared = same[0] if len(same) == 1 else f"{', '.join(same[:-1])} and {same[-1]}"
        return f"{moved}, among {what} of the same {shared}{'; no row keeps its own' if self.derangement else ''}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json; what could not be had is None."""
        apart = ("agent", "moments", "why_no_moments", "broken", "still", "seeds", "against_weightless", "within_folds")
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in apart}
        fields["within"] = list(self.within)
        exact = dict.fromkeys(Moments.__dataclass_fields__) if self.moments is None else asdict(self.moments)
        if exact["gap_interval"] is not None:
            exact["gap_interval"] = list(exact["gap_interval"])
        weightless = None
        if (found := self.against_weightless) is not None:
            span = None if found.interval is None else list(found.interval)
            weightless = {"difference": found.value, "se": found.se, "interval": span}
        return (
            fields
            | exact
            | {
                "verdict": self.verdict.word,
                "verdict_evidence": self.verdict.evidence,
                "agent": self.agent,
                "exchanged": self.exchanged,
                "smallest_visible_gap": None if self.moments is None else self.moments.smallest_visible_gap,
                "against_weightless": weightless,
                "seeds": [asdict(seed) for seed in self.seeds],
            }
        )

    def examples_needed(self, gap: float) -> int | None:
        """Return how many examples a sample of this kind needs to show `gap` four times in five; None without an error.

        n (2.80 se / gap)^2, of examples (or ids that move with their seeds) in as many clusters for each as here.

        Raises
        ------
        SabotageError
            If gap is not a positive number.
        """
        if not 0 < gap < np.inf:
            raise SabotageError(f"the gap to find must be a positive number: found {gap}")
        return None if self.moments is None else self.moments.examples_needed(gap, self.n_units)

    def __repr__(self) -> str:
        return (
            f"Permutation({self.scheme}, {self.n_permutations:,} replicates in {self.n_blocks:,} blocks:"
            f" {self.statistic} {self.clean:.4f} clean, {self.broken_mean:.4f} broken, gap {self.gap:+.4f},"
            f" p = {self.p_value:.4g}, flip rate {self.flip_rate:.4f}: {self.verdict.word})"
        )

    def _repr_html_(self) -> str:
        from sabotage.reports.cards import permutation_card

        return permutation_card(self)


def adjust_tests(tests: Sequence[Permutation], method: str = "holm") -> list[Permutation]:
    """Return tests with p-values adjusted for how many they are; a single one stays as it is."""
    if len(tests) < 2:
        return list(tests)
    one = adjust([test.p_value for test in tests], method)
    two = adjust([test.p_value_two_sided for test in tests], method)
    return [
        replace(test, p_adjusted=p, p_two_sided_adjusted=both, adjustment=method)
        for test, p, both in zip(tests, one, two, strict=True)
    ]


def to_dict_each(permutations: Mapping[str, Permutation]) -> dict[str, Any]:
    """Return the tests of `permute_each` in the fields of audit.json: those of one agent are None, and in "agents"."""
    each = {agent: permutation.to_dict() for agent, permutation in permutations.items()}
    first = next(iter(each.values()))
    shared = (
        "rule", "scheme", "statistic", "within", "within_difficulty", "derangement", "n_blocks", "n_permutations",
        "n_units", "clean", "uniform_weights", "against_weightless", "delta", "per_seed", "adjustment",
    )  # fmt: skip
    return {name: value if name in shared else None for name, value in first.items()} | {"agents": each}
