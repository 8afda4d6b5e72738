"""A paragraph for the methods section of a paper: what an audit did, and the sources that this rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sabotage.bibliography import SOURCES, Source
from sabotage.cause_words import describe_causes
from sabotage.contents import content_of, taken_apart
from sabotage.errors import count_of
from sabotage.measures import in_words
from sabotage.permutation_words import describe_test
from sabotage.rule_words import rule_in_words
from sabotage.saying import series
from sabotage.sentences import Sentence

LISTED = 12  # names of agents, classes or conditions that are written out


@dataclass(frozen=True)
class Methods:
    """What was done, sentence by sentence."""

    sentences: tuple[Sentence, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that are cited, in the order of their first citation."""
        return tuple(SOURCES[key] for key in dict.fromkeys(key for one in self.sentences for key in one.keys))

    @property
    def text(self) -> str:
        """The paragraph, citations as numbers in brackets."""
        numbers = {source.key: place for place, source in enumerate(self.sources, 1)}
        parts = []
        for one in self.sentences:
            cited = ", ".join(str(number) for number in sorted(numbers[key] for key in one.keys))
            parts.append(f"{one.words}{f' [{cited}]' if cited else ''}.")
        return " ".join(parts)

    def __repr__(self) -> str:
        return self.text


def describe_methods(audit: Any) -> Methods:
    """Describe how an audit was made, for the methods section of a paper.

    Everything is taken from the audit's settings and results: a test that was not run is not mentioned, and every
    setting that changes a number is.

    Parameters
    ----------
    audit : Audit or mapping
        An audit, one that was read from a file, or the content of audit.json.

    Returns
    -------
    paragraph : Methods
        The paragraph as `text`, its sentences, and the `sources` that they cite.

    Raises
    ------
    SabotageError
        If it is none, or lacks what the paragraph is made from.
    """
    content = content_of(audit)
    parts = (_panel, _rule, _roles, _measures, _intervals, _profiles, _test, _beside_test, _comparison, _attribution,
             describe_causes)  # fmt: skip
    with taken_apart("the audit"):
        sentences = [sentence for part in parts for sentence in part(content)]
    version = content.get("sabotage")
    sentences.append(Sentence(f"All figures were computed with sabotage{'' if version is None else f' {version}'}"))
    return Methods(tuple(sentences))


def _panel(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """What was audited, and what of the file was left out."""
    given, settings = content["input"], content["settings"]
    agents, classes = given["agents"], given["classes"]
    yield Sentence(
        f"We audited the decisions on {count_of(given['n_examples'], 'example')} of"
        f" {count_of(len(classes), 'class', 'classes')}{_names(classes)} from the stored predictions of"
        f" {count_of(len(agents), 'agent')}{_names(agents)}, in the terms of modality sabotage",
        ("zhang2025sabotage",),
    )
    left = []
    if settings.get("where"):
        left.append(f"rows with {series(list(settings['where']))} were kept")
    if given.get("n_other_split"):
        left.append(f"{count_of(given['n_other_split'], 'row')} of another split than test were left out")
    if given.get("n_dropped"):
        left.append(f"{count_of(given['n_dropped'], 'row')} without a truth were dropped")
    if given.get("other_agents"):
        left.append(f"{count_of(len(given['other_agents']), 'other agent')} of the file {_was(given['other_agents'])}")
    if settings.get("confidence_scale") == "percent":
        left.append("confidences were given in per cent")
    missing = sum(given["missing"].values())
    if missing:
        left.append(f"{count_of(missing, 'emission')} were missing and masked out of the fusion")
    if left:
        yield Sentence(_capital(series(left)))
    kinds = set((given.get("kinds") or {}).values())
    if kinds:
        how = {"only": "with a single modality", "without": "with one modality masked"}
        seen = series([how[kind] for kind in sorted(kinds) if kind in how])
        yield Sentence(f"Agents are ablations of one model, {seen}; masked inputs are unlike those it was trained on")
    if settings.get("seed_column"):
        yield Sentence(
            f"Rows of one id over {settings['seed_column']} are repeated runs; each row counts as an example"
        )


def _was(names: list[str]) -> str:
    return "was left out" if len(names) == 1 else "were left out"


def _rule(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """The fusion rule, its weights, what it was fitted on, and whose decisions were audited."""
    settings = content["settings"]
    rule = settings["rule"]
    words, takes_weights, keys = rule_in_words(rule, settings)
    weights = {"reliability": "the agents' own reliability", "confidence": "the agents' confidence"}
    by = f", where the weight is {weights.get(settings['weights'], settings['weights'])}" if takes_weights else ""
    uniform = takes_weights and settings["weights"] == "uniform"
    by = ", all weights being equal" if uniform else by
    yield Sentence(f"Decisions were replayed by the rule {rule}: {words}{by}", keys)
    if settings.get("n_fit") is not None:
        folds = settings.get("n_folds")
        how = (
            f"crosswise in {folds} folds, each example decided by a fit that saw neither it nor its group"
            if folds
            else f"on {count_of(settings['n_fit'], 'row')} that are not among those audited"
        )
        yield Sentence(f"The rule was fitted {how}, with seed {settings['seed']}" if folds else f"It was fitted {how}")
    if settings["decision"] == "recorded":
        agreement = content["decision"].get("replay_agreement")
        share = "" if agreement is None else f"; the replay agrees with {100 * agreement:.1f} % of them"
        column = settings.get("fused_label")
        where = "" if column is None else f" (column {column})"
        yield Sentence(f"The audited decisions are those that the fused model had recorded{where}{share}")
    else:
        yield Sentence("The audited decisions are the replayed ones; ties go to the first class")


def _roles(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """What a saboteur is, at which threshold, and what pivotal means."""
    threshold = content["settings"]["threshold"]
    if isinstance(threshold, str):
        sure = f"at least the {threshold.removeprefix('q')} quantile of its own confidences"
    else:
        sure = f"at least {threshold:g}"
    yield Sentence(
        f"An agent is a saboteur of a wrong decision if its label is the one decided for and its confidence is {sure},"
        f" and a contributor to a right one whose label it shares",
        ("zhang2025sabotage",),
    )
    known = [profile.get("pivotal_saboteur") for profile in content["agents"].values()]
    if any(value is not None for value in known) and not _is_callable(content):
        yield Sentence("It is pivotal if the same rule without it decides the example the other way, right or wrong")


def _is_callable(content: Mapping[str, Any]) -> bool:
    return any("pivotal flags are null: what" in note for note in content.get("notes", ()))


def _measures(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """What was measured of agents and decisions."""
    settings, profiles = content["settings"], content["agents"].values()
    ks = [str(k) for k in settings["top_k"] if k > 1]
    measured = ["accuracy", "balanced accuracy", "macro-F1"]
    if ks and (content["decision"]["top_k"] or any(profile["top_k"] for profile in profiles)):
        measured.append(f"top-{' and top-'.join(ks)} coverage")
    if any(profile["ece"] is not None for profile in profiles):
        measured.append(f"expected calibration error over {settings['bins']} bins of equal width and of equal mass")
    for field, name in (
        ("brier", "the Brier score"),
        ("log_loss", "log loss"),
        ("aurc", "the area under risk over coverage"),
    ):
        if any(profile[field] is not None for profile in profiles):
            measured.append(name)
    yield Sentence(f"Decisions and agents were scored by {series(measured)}")
    between = content.get("between_agents") or {}
    kappas = [
        ("fleiss_kappa", "Fleiss' kappa", "fleiss1971"),
        ("krippendorff_alpha", "Krippendorff's alpha", "hayes2007"),
    ]
    found = [(name, key) for field, name, key in kappas if between.get(field) is not None]
    if found:
        agreement = f"Agreement between agents was measured by {series([name for name, _ in found])}"
        yield Sentence(agreement, (*(key for _, key in found), "srikanth2025mixed"))


def _intervals(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """Where the intervals of areas come from, and what a cluster is."""
    reliability = (content.get("alignment") or {}).get("agents") or {}
    if not any((own.get("auroc") or {}).get("interval") for own in reliability.values()):
        return
    settings = content["settings"]
    group, seeds = settings.get("group"), settings.get("seed_column")
    area = "How well an agent's reliability tells where it is right is the area under its ROC curve"
    if group or seeds:
        unit = f"values of {group}" if group else "ids"
        keys = ("delong1988", "obuchowski1997")
        yield Sentence(f"{area}, with 95 % intervals from its influence values over clusters ({unit})", keys)
    else:
        yield Sentence(f"{area}, with 95 % intervals over examples", ("delong1988",))


def _profiles(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """How the intervals of profiles were made, where there are any."""
    profiles = content.get("profiles") or {}
    method = profiles.get("method")
    if not method:
        return
    level = f"{100 * method.get('level', 0.95):g} %"
    over = f" of {count_of(method['n_clusters'], 'cluster')}" if method.get("n_clusters") else ""
    is_clustered = method["rates"] != "wilson"
    if not is_clustered:
        yield Sentence(f"Rates have {level} Wilson intervals", ("wilson1927",))
    elif method.get("n_resamples"):
        words = f"Rates have {level} intervals from a bootstrap of whole clusters"
        yield Sentence(f"{words}, {method['n_resamples']:,} resamples{over}", ("efron1993", "davison1997"))
    else:
        yield Sentence(f"Rates have no intervals{over and f', for the sample is one{over}'}")
        return
    if method.get("others"):
        yield Sentence(f"Intervals of other scores are of {method['others']}")
    if method.get("ranks"):
        keys = ("delong1988", "obuchowski1997") if is_clustered else ("delong1988",)
        yield Sentence(f"Areas under curves have intervals from {method['ranks']}", keys)


def _test(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """The permutation test: what moved, among what, how often, what came of it, and the rule of the verdict."""
    test = content.get("permutation")
    if test is not None:
        yield from describe_test(test, content["settings"])


def _beside_test(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """The controls, the dose-response and the headroom."""
    if content.get("controls") is not None:
        yield Sentence(
            "As controls the test was run with reliability 1 for right and .05 for wrong agents, and with 1 for all"
        )
    if content.get("dose_response") is not None:
        doses = content["dose_response"]
        yield Sentence(
            f"Reliability of the first kind was given to growing shares of the examples, {doses['n_draws']} draws of"
            f" {doses['n_permutations']:,} replicates each"
        )
    if content.get("headroom") is not None:
        yield Sentence("Headroom is what an oracle that picks a right agent where there is one gains on equal weights")


def _comparison(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """How rules were compared."""
    found = content.get("comparison")
    if not found:
        return
    settings = found.get("settings") or {}
    statistic = in_words(found["statistic"])
    n = sum(entry["name"] != found["reference"] for entry in found["rules"])
    yield Sentence(
        f"{count_of(n, 'rule')} {'was' if n == 1 else 'were'} compared with {found['reference']} by {statistic}, with"
        f" intervals of a paired bootstrap over {count_of(found['n_clusters'], 'cluster')}"
        f" ({settings.get('n_resamples', 0):,} resamples)",
        ("efron1993",),
    )
    if any((entry.get("difference") or {}).get("p_adjusted") is not None for entry in found["rules"]):
        clustered = found["n_clusters"] != found["n_examples"]
        how = "t-tests over clusters" if clustered else "McNemar's exact test"
        keys = ("holm1979",) if clustered else ("mcnemar1947", "holm1979")
        yield Sentence(f"Their p-values come from {how} of accuracy, adjusted for their number by Holm's method", keys)


def _attribution(content: Mapping[str, Any]) -> Iterator[Sentence]:
    """How what the decisions reach was shared out."""
    found = content.get("attribution")
    if not found:
        return
    named = [in_words(name) for name, one in found["statistics"].items() if one is not None]
    if not named:
        return
    how = "all subsets of the agents"
    if found.get("n_orders") is not None:
        how = f"{found['n_orders']:,} sampled orders of the agents (seed {found['seed']})"
    yield Sentence(f"What each agent adds to {series(named)} is its Shapley value over {how}", ("shapley1953",))


def _names(names: list[str]) -> str:
    return f" ({', '.join(names)})" if len(names) <= LISTED else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
