"""The permutation test in the words of a methods section: what moved, among what, how often, and how it was judged."""

from collections.abc import Iterator, Mapping
from typing import Any

from sabotage.errors import count_of
from sabotage.measures import in_words
from sabotage.saying import series
from sabotage.sentences import Sentence


def describe_test(test: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Sentence]:
    """Describe one permutation test by its fields in audit.json, and the settings that are not among them."""
    what = in_words(test["statistic"])
    moved = test["exchanged"].removesuffix("; no row keeps its own")  # which has a sentence of its own
    yield Sentence(
        f"Whether decisions depend on the reliability scores was tested by permuting {moved}, with"
        f" evidence, availability, truth and the rule held fixed",
        ("moon2026quality",),
    )
    strata = test.get("within_difficulty")
    if strata:
        yield Sentence("Difficulty is the margin by which the decision of equal weights leads")
    blocks = count_of(test["n_blocks"], "block")
    seeds = ", all seeds in step," if test["seeds"] and not test["per_seed"] else ""
    drawn = count_of(test["n_permutations"], "random permutation")
    yield Sentence(
        f"The statistic is {what}; its p-values compare it with {drawn}{seeds}"
        f" inside {blocks} (seed {settings['seed']}), counting the observed pairing as one more",
        ("phipson2010",),
    )
    if test["per_seed"]:
        yield Sentence("Each seed was permuted on its own, and p is twice the median over seeds, at most 1")
    if test["derangement"]:
        yield Sentence("Only permutations that leave no row in its place were drawn, so that p is an approximation")
    if test.get("adjustment"):
        holm = test["adjustment"] == "holm"
        yield Sentence(
            f"p was adjusted by {'Holm' if holm else 'Benjamini and Hochberg'}", ("holm1979",) if holm else ()
        )
    yield from _moments(test)
    yield from _verdict(test)


def _moments(test: Mapping[str, Any]) -> Iterator[Sentence]:
    """Say where the gap's interval and the exact moments come from, as far as there are any."""
    if test.get("gap_u") is None:
        return
    donors = test.get("n_donors")
    pairs = "all pairs of examples of a block" if donors is None else f"{donors:,} sampled donors an example"
    exact = [name for name, field in (("mean", "exact_mean"), ("variance", "exact_sd")) if test.get(field) is not None]
    if exact:
        yield Sentence(f"The exact permutation {series(exact)} of the statistic come{'s' * (len(exact) == 1)} from sums"
                       f" over {pairs}", ("hoeffding1951",))  # fmt: skip
    words = (
        "The gap is the observed statistic less its expectation when each example takes the reliability of another of"
        f" its block, from {pairs}"
    )
    if test.get("gap_interval") is not None:
        clusters = count_of(test["n_clusters"], "cluster")
        words += f", with a 95 % interval (t distribution) from influence values summed over {clusters}"
    yield Sentence(words)


def _verdict(test: Mapping[str, Any]) -> Iterator[Sentence]:
    """Say by which rule the verdict was reached."""
    delta = f"{test['delta']:g}"
    rules = []
    if test.get("gap_interval") is not None:
        rules = [
            f"neutral if the interval lies within +-{delta}",
            "else helpful (harmful) if it lies above (below) 0 and the two-sided p is at most .05",
        ]
    rules = [
        "untestable where no block holds two different rows of reliability",
        "inert where no exchange changes any decision",
        *rules,
        "and inconclusive otherwise",
    ]
    yield Sentence(f"The verdict is {', '.join(rules)} (delta {delta})")
