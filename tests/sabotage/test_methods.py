"""The methods paragraph: every setting that changes a number is in it, and nothing that was not done."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from sabotage.reports.describing import render, to_bibtex

from sabotage import SabotageError, analyze, describe_methods, simulate
from sabotage.bibliography import SOURCES
from sabotage.rule_words import UNWEIGHTED, WORDS, rule_in_words
from sabotage.rules import RULES

PANEL = make_panel(
    120, 3, 4, seed=1, recorded=True, columns={"site": pa.array(np.arange(120) % 3), "subject": pa.array(np.arange(120) % 12)}
)  # fmt: skip
PLAIN = {"n_permutations": 20, "controls": False, "decision": "replayed"}


def words(panel=PANEL, **options):
    return analyze(panel, **(PLAIN | options)).methods().text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rule": "log_pool"}, "logarithms of the agents' class scores, clipped below at 1e-06"),
        ({"rule": "log_pool", "clip": 1e-3}, "clipped below at 0.001"),
        ({"rule": "softmax_gate", "temperature": 2.0}, "at temperature 2"),
        ({"decision": "recorded"}, "those that the fused model had recorded; the replay agrees with"),
        ({"threshold": 0.6}, "its confidence is at least 0.6"),
        ({"threshold": "q0.9"}, "at least the 0.9 quantile of its own confidences"),
        ({"top_k": (1, 4)}, "top-4 coverage"),
        ({"statistic": "accuracy"}, "The statistic is accuracy;"),
        ({"statistic": "top_2"}, "The statistic is top-2 coverage;"),
        ({"scheme": "independent"}, "each agent's reliability on its own"),
        ({"within": ["site"]}, "of the same availability pattern and site"),
        ({"within_difficulty": 3}, "one of 3 strata of difficulty"),
        ({"derangement": True}, "leave no row in its place"),
        ({"delta": 0.02}, "within +-0.02"),
        ({"n_permutations": 30}, "30 random permutations"),
        ({"n_permutations": 1}, "1 random permutation inside"),
        ({"seed": 5}, "(seed 5)"),
        ({"controls": True}, "As controls the test was run"),
        ({"dose_response": True}, "growing shares of the examples"),
    ],
)
def test_a_setting_that_changes_a_number_changes_the_paragraph(options, says):
    changed = words(**options)
    assert says in changed
    assert says not in words()
    assert "  " not in changed


def test_what_was_not_done_is_not_said():
    audit = analyze(PANEL, n_permutations=0)
    paragraph = audit.methods()
    for word in (
        "permut",
        "The gap is",
        "verdict",
        "control",
        "Headroom",
        "bootstrap",
        "Shapley",
        "Holm",
        "reliability scores",
    ):
        assert word not in paragraph.text, word
    keys = {source.key for source in paragraph.sources}
    assert not keys & {"moon2026quality", "phipson2010", "hoeffding1951", "efron1993", "shapley1953", "holm1979"}
    without = analyze(make_panel(40, 2, 3, scores=False), **PLAIN).methods().text
    assert "Brier" not in without


def test_panels_are_described():
    one = words(make_panel(30, 1, 2))
    assert "30 examples of 2 classes (anger, disgust) from the stored predictions of 1 agent (agent0)" in one
    many = words(seeded(10, 2))
    assert "repeated runs" in many
    assert "all seeds in step" in many
    missing = words(make_panel(60, 2, 3, missing=0.2))
    assert "masked out of the fusion" in missing


def test_a_sample_of_pairs_is_not_called_all():
    content = json.loads(analyze(PANEL, **PLAIN, exact=False).to_json())
    content["permutation"] |= {"n_donors": 64, "exact_mean": None, "exact_sd": None}
    assert "from 64 sampled donors an example" in describe_methods(content).text
    assert "hoeffding1951" not in {source.key for source in describe_methods(content).sources}


def test_clusters_change_the_sources():
    from dataclasses import replace

    alone = describe_methods(analyze(PANEL, **PLAIN))
    grouped = describe_methods(analyze(replace(PANEL, group="subject"), **PLAIN))
    assert "obuchowski1997" not in {source.key for source in alone.sources}
    assert "obuchowski1997" in {source.key for source in grouped.sources}
    assert "12 clusters" in grouped.text


def test_parts_that_others_add_are_described_from_their_content():
    content = json.loads(analyze(PANEL, **PLAIN).to_json())
    method = {"rates": "wilson", "level": 0.95, "n_clusters": 120, "n_resamples": 1000}
    assert "Wilson" in describe_methods(content | {"profiles": {"method": method}}).text
    method = {"rates": "cluster bootstrap", "level": 0.95, "n_clusters": 12, "n_resamples": 500}
    found = describe_methods(content | {"profiles": {"method": method}})
    assert "a bootstrap of whole clusters, 500 resamples of 12 clusters" in found.text
    few = {"rates": "cluster bootstrap", "level": 0.95, "n_clusters": 4, "n_resamples": 0, "others": "x", "ranks": "y"}
    found = describe_methods(content | {"profiles": {"method": few}})
    assert "bootstrap" not in found.text
    assert "wilson1927" not in {source.key for source in found.sources}
    shares = {"statistics": {"accuracy": {}, "log_likelihood": None}, "n_orders": None, "seed": None}
    assert (
        "adds to accuracy is its Shapley value over all subsets"
        in describe_methods(content | {"attribution": shares}).text
    )


def test_a_comparison_is_described_as_it_was_made():
    from sabotage import compare

    comparison = compare(PANEL, ["mean", "majority"], n_resamples=50, n_permutations=0)
    content = json.loads(analyze(PANEL, **PLAIN).to_json()) | {
        "comparison": json.loads(json.dumps(comparison.to_dict()))
    }
    text = describe_methods(content).text
    assert "2 rules were compared with best_agent" in text
    assert "50 resamples" in text
    assert "McNemar" in text


def test_every_rule_of_the_catalogue_has_words():
    assert set(WORDS) == set(RULES)
    for name, rule in RULES.items():
        assert (name not in UNWEIGHTED) == rule.uses_reliability, name
        text, weighted, keys = rule_in_words(f"calibrated:{name}", {"clip": 1e-6, "temperature": 1.0})
        assert text.endswith("after calibration of each agent by temperature scaling")
        assert weighted == rule.uses_reliability
        assert set(keys) <= set(SOURCES)
    assert rule_in_words("mine.py:rule", {})[0] == "a rule of our own"


def test_citations_and_sources_belong_together():
    found = analyze(PANEL, **(PLAIN | {"controls": True})).methods()
    cited = {int(n) for marks in re.findall(r"\[([\d, ]+)\]", found.text) for n in marks.split(",")}
    assert cited == set(range(1, len(found.sources) + 1))
    text = render(found, "text")
    assert all(f"[{place}] " in text and source.title in text for place, source in enumerate(found.sources, 1))
    latex = render(found, "latex")
    keys = {key for marks in re.findall(r"\\cite\{(.*?)\}", latex) for key in marks.split(",")}
    assert keys == set(re.findall(r"^@\w+\{(\w+),", to_bibtex(found), re.MULTILINE))
    assert r"$\pm$" in latex
    assert "%" not in latex.replace(r"\%", "")
    assert render(found, "markdown").count("<https://") == len(found.sources)
    with pytest.raises(SabotageError, match="unknown format"):
        render(found, "html")


def test_sources_are_whole():
    entries = to_bibtex(SimpleNamespace(sources=SOURCES.values())).split("\n\n")
    for (key, source), entry in zip(SOURCES.items(), entries, strict=True):
        fields = dict(re.findall(r"^  (\w+) = \{+(.*?)\}+,$", entry, re.MULTILINE))
        wanted = {"article": "journal volume number", "book": "publisher", "incollection": "booktitle publisher pages"}
        assert set(wanted.get(source.kind, "note").split()) < set(fields)
        assert source.kind != "article" or re.fullmatch(r"\d+--\d+", fields.get("pages", "1--1"))
        assert not any(letter.isdigit() for letter in fields.get("journal", ""))
        assert key == source.key
        assert re.fullmatch(r"[a-z]+\d{4}[a-z]*", key)
        assert str(source.year) in key
        assert (source.doi is None) != (source.url is None)
        assert source.doi is None or re.fullmatch(r"10\.\d{4,9}/\S+", source.doi)


def test_an_audit_that_lacks_a_setting_is_an_error():
    content = json.loads(analyze(PANEL, **PLAIN).to_json())
    del content["settings"]["rule"]
    with pytest.raises(SabotageError, match=r"the audit is damaged, or of another version \(KeyError: 'rule'\)"):
        describe_methods(content)
    with pytest.raises(SabotageError, match="must have the key settings"):
        describe_methods({key: value for key, value in content.items() if key != "settings"})


def test_names_from_files_are_escaped():
    content = json.loads(analyze(PANEL, **PLAIN).to_json())
    content["input"]["agents"] = [r"\input{x}", "a_b%", "[x](javascript:y)"]
    latex, markdown = (render(describe_methods(content), format) for format in ("latex", "markdown"))
    assert r"\input{" not in latex
    assert r"a\_b\%" in latex
    assert "](javascript" not in markdown.replace(r"\](", "")


def test_what_was_asked_about_causes_is_said():
    panel, other = (simulate("corrupted-class", 300, 0, run) for run in range(2))
    options = PLAIN | {"by": ["class", "site"], "people": ["text", "video"], "full": "video", "runs": {"again": other}}
    text = analyze(panel, **options).methods().text
    for said in (
        "Annotators count as unsure where the entropy of the annotators' labels is above 0 (",
        "higher there was tested by 20 shuffles of that mark inside each group",
        "People who had every modality (video) were compared with text on the same examples, by t-tests over clusters",
        "Slices by y and site (",
        "on one random half of whole groups of the examples (one-sided p at most 0.05)",
        "simulated corrupted-class and again were held against each other on the 300 examples that they share",
        "with intervals from resampled clusters, given these runs",
    ):
        assert said in text
    silent = analyze(panel, **(PLAIN | {"n_permutations": 0})).methods().text
    for said in ("People", "Slices", "held against", "shuffles"):
        assert said not in silent


def test_runs_over_different_data_are_said_to_be():
    first, second = simulate("no-cause", 60, 0), simulate("no-cause", 80, 1)
    second = replace(second, ids=pa.array(np.arange(1000, 1080)))
    text = analyze(first, **PLAIN, runs={"later": second}).methods().text
    assert "Profiles of simulated no-cause and later, of different data, were set side by side" in text
