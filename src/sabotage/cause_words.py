"""What was asked about why decisions fail, as sentences of a methods section."""

from collections.abc import Iterator, Mapping
from typing import Any

from sabotage.errors import count_of
from sabotage.saying import series
from sabotage.sentences import Sentence

SOURCE = {
    "labels": "the entropy of the annotators' labels",
    "annotation_entropy": "the entropy of their annotations that the file gives",
    "annotator_agreement": "one less their agreement that the file gives",
}


def describe_causes(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """Yield a sentence or two on annotators, people, slices and runs, of those that an audit has."""
    for key, describe in (("annotators", _annotators), ("people", _people), ("slices", _slices), ("runs", _runs)):
        if content.get(key):
            yield from describe(content[key], content["settings"])


def _annotators(found: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Sentence]:
    known = found["known"]
    if known is None or known["why_not_compared"] is not None:
        return
    yield Sentence(
        f"Annotators count as unsure where {SOURCE.get(known['source'], 'their uncertainty')} is above"
        f" {known['cut']:.3g} ({known['n_unsure']:,} of {known['n']:,} examples)",
        ("srikanth2025mixed",),
    )
    compared = [score["comparison"] for score in found["scores"] if score["comparison"] is not None]
    p_values = {one["p_method"] for one in compared if one["p_two_sided"] is not None}
    if p_values:
        within = f" inside each {found['within']}" if found["within"] else ""
        how = f"{found['n_permutations']:,} shuffles" if p_values == {"permutation"} else "the moments of all shuffles"
        yield Sentence(
            f"Whether disagreement between agents, or with the decision, is higher there was tested by {how} of that"
            f" mark{within}, adjusted for {count_of(len(compared), 'score')} by Holm's method",
            ("holm1979", "phipson2010") if "permutation" in p_values else ("holm1979", "hoeffding1951"),
        )


def _people(found: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Sentence]:
    singles = [gain["single"] for gain in found["gains"]]
    methods = {gain["p_method"] for gain in found["gains"]}
    test = "t-tests over clusters" if "clusters" in methods else "McNemar's exact test"
    yield Sentence(
        f"People who had every modality ({found['full']}) were compared with {series(singles)} on the same examples, by"
        f" {test}; whether models fail where people do was measured by Cohen's kappa of their errors, also within"
        " classes",
        ("cohen1960",) if "clusters" in methods else ("cohen1960", "mcnemar1947"),
    )


def _slices(found: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Sentence]:
    if found["n_first"] is None or not found["n_tested"]:
        return
    columns = [column["column"] for column in found["columns"]]
    clustered = any(column["cluster"] == "groups" for column in found["columns"])
    halves = " of whole groups" if clustered else ""
    yield Sentence(
        f"Slices by {series(columns)} ({count_of(found['n_tested'], 'pair')} of slice and saboteur with at least"
        f" {found['smallest']} examples in each half) were looked for on one random half{halves} of the examples"
        f" (one-sided p at most {found['level']:g}), and what was found there was tested on the other half, adjusted"
        " by Holm's method",
        ("holm1979",),
    )


def _runs(found: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Sentence]:
    names = [run["run"] for run in found["inputs"]]
    if found["over"] != "same examples":
        yield Sentence(f"Profiles of {series(names)}, of different data, were set side by side", ("newcombe1998",))
        return
    yield Sentence(
        f"{series(names)} were held against each other on the {count_of(found['n_examples'], 'example')} that they"
        " share: the variance of being a saboteur was split into parts of example, agent and run by the moments of a"
        " crossed analysis of variance, with intervals from resampled"
        f" {'examples' if found['n_clusters'] == found['n_examples'] else 'clusters'}, given these runs",
        ("searle1992", "brennan2001"),
    )
