"""Learned rules replayed: against a few lines of NumPy, scikit-learn, subsets by hand; and what does not fit is said."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders import make_panel, seeded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sabotage.kernels import pairs
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from sabotage import Intervention, SabotageError, analyze, assign_roles, attribute, calibrating, compare, fuse, replay
from sabotage.fusion import log_parts
from sabotage.interventions import intervene
from sabotage.learning import cross_fit, fit, load_fitted
from sabotage.rules import RULES
from sabotage.shapley import exact_game
from sabotage.subsets import nobodys_worth

METHODS = ("calibrated", "calibrated-platt", "calibrated-isotonic")
LEARNERS = ("stacking", "weighted_stacking", "learned_gate", "class_weighted")
NAMES = (*LEARNERS, *(f"{method}:weighted_mean" for method in METHODS))
PLAIN = [name for name, rule in RULES.items() if not rule.learned]
some = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def halves(n=160, n_agents=3, n_classes=4, seed=3, **options):
    """A panel to learn from and one to judge on."""
    options = {"missing": 0.2, "no_reliability": 0.2} | options
    panel = make_panel(2 * n, n_agents, n_classes, seed, **options)
    return panel.take(np.arange(n)), panel.take(np.arange(n, 2 * n))


def filmed(n=120, seed=0, **options):
    """A panel in 12 films."""
    films = pa.array([f"film {k % 12}" for k in range(n)])
    panel = make_panel(n, 3, 3, seed, missing=0.2, no_reliability=0.1, columns={"film": films}, **options)
    return replace(panel, group="film")


def with_lone_scores(panel):
    """The panel, in which the first agent has labels without scores on every seventh row."""
    scores = panel.scores.copy()
    scores[::7, 0] = np.nan
    return replace(panel, scores=scores)


def speaks(panel):
    """Who speaks with scores, (n, M)."""
    return (panel.labels >= 0) & ~np.isnan(panel.scores).any(axis=2)


def raw_weights(panel):
    """Reliability, 0 where it is null, 1 for all where it sums to 0."""
    q = np.where(speaks(panel), np.nan_to_num(panel.reliability), 0.0)
    return np.where((q.sum(axis=1) == 0)[:, None], 1.0, q) * speaks(panel)


def linear(panel, own):
    """The linear predictor of stacking: what each agent adds, times weights, and the bias."""
    logs = np.where(speaks(panel)[:, :, None], np.log(np.maximum(panel.scores, own["clip"])), 0.0)
    scores = own["bias"] + np.einsum("imk,cmk->ic", logs, own["log"]) + speaks(panel) @ np.transpose(own["spoke"])
    if own["weighted_log"] is not None:
        w = raw_weights(panel)
        scores = scores + np.einsum("im,imk,cmk->ic", w, logs, own["weighted_log"]) + w @ np.transpose(own["weighted"])
    return scores


def gated(panel, own):
    """The learned gate: a softmax over those who speak of what reliability and availability say."""
    spoke = speaks(panel)
    x = np.nan_to_num((panel.reliability - own["mean"]) / own["sd"]) * spoke
    z = own["bias"] + x @ np.transpose(own["reliability"]) + spoke @ np.transpose(own["availability"])
    weights = softmax(np.where(spoke, z, -1e9), axis=1) * spoke
    return np.einsum("im,imc->ic", weights, np.nan_to_num(panel.scores))


def precise(panel, own):
    """Scores, or a vote where there are none, times precision."""
    votes = np.eye(panel.n_classes)[np.maximum(panel.labels, 0)]
    evidence = np.where(speaks(panel)[:, :, None], panel.scores, votes) * (panel.labels >= 0)[:, :, None]
    return np.einsum("imc,mc->ic", evidence, np.array(own["precision"]))


WITNESS = {"stacking": linear, "weighted_stacking": linear, "learned_gate": gated, "class_weighted": precise}


def mapped(method, one, p):
    """One probability, calibrated."""
    if method == "isotonic":
        return np.interp(p, one["x"], one["y"])
    odds = np.log(np.clip(p, 1e-12, 1 - 1e-12)) - np.log1p(-np.clip(p, 1e-12, 1 - 1e-12))
    same = one in ({"temperature": 1.0}, {"slope": 1.0, "intercept": 0.0})
    return (
        p
        if same
        else expit(odds / one["temperature"] if "temperature" in one else one["slope"] * odds + one["intercept"])
    )


def calibrated(panel, own):
    """The panel with calibrated scores and confidences."""
    scores, confidence = panel.scores.copy(), panel.confidence.copy()
    for m, maps in enumerate(own["agents"]):
        share = scores[:, m] / scores[:, m].sum(axis=1, keepdims=True)
        if own["method"] == "temperature":
            scores[:, m] = softmax(np.log(np.maximum(share, 1e-12)) / maps["scores"][0]["temperature"], axis=1)
        else:
            found = np.stack([mapped(own["method"], one, share[:, c]) for c, one in enumerate(maps["scores"])], axis=1)
            total = found.sum(axis=1, keepdims=True)
            scores[:, m] = np.where(total > 0, found / np.where(total > 0, total, 1), 1 / found.shape[1])
            scores[np.isnan(share[:, 0]), m] = np.nan
        confidence[:, m] = mapped(own["method"], maps["confidence"], confidence[:, m])
    given = confidence if panel.weights == "confidence" else panel.reliability
    return replace(panel, scores=scores, confidence=confidence, reliability=given)


def agree(found, scores, spoken, tolerance=1e-10):
    """Hold decisions to scores (n, C): an abstention where nobody speaks, else the best, where that is clear."""
    best = np.sort(scores, axis=1)
    clear = (best[:, -1] - best[:, -2] > 1e-9) & spoken
    assert_array_equal(found.labels[clear], scores.argmax(axis=1)[clear])
    assert (found.labels[~spoken] == -1).all()
    assert clear.mean() > 0.5 * spoken.mean()
    if tolerance is not None:
        assert_allclose(found.scores[spoken], scores[spoken], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(("n_agents", "n_classes", "missing"), [(3, 4, 0.2), (1, 3, 0.0), (2, 2, 0.5)])
def test_decisions_are_those_of_four_lines(name, n_agents, n_classes, missing):
    calibration, panel = map(with_lone_scores, halves(120, n_agents, n_classes, missing=missing))
    fitted = fit(calibration, name)
    spoken = (panel.labels >= 0 if name == "class_weighted" else speaks(panel)).any(axis=1)
    agree(fuse(panel, fitted), WITNESS[name](panel, fitted.parts[0]), spoken)
    assert replay(panel, fitted).rule.name == name


@pytest.mark.parametrize("name", ["stacking", "weighted_stacking"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_stacking_decides_as_the_regression_of_scikit_learn(name, n_classes):
    calibration, panel = halves(200, n_classes=n_classes, missing=0.0, no_reliability=0.0)

    def features(own):
        logs = np.log(np.maximum(own.scores, 1e-6))
        parts = [logs.reshape(len(logs), -1)]
        if name == "weighted_stacking":
            parts += [(own.reliability[:, :, None] * logs).reshape(len(logs), -1), own.reliability]
        return np.concatenate(parts, axis=1)

    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=100_000).fit(features(calibration), calibration.truth)
    found = fuse(panel, fit(calibration, name))
    assert_allclose(softmax(found.scores, axis=1), model.predict_proba(features(panel)), atol=2e-4)
    assert (found.labels == model.predict(features(panel))).mean() > 0.98


@pytest.mark.parametrize("weights", ["reliability", "confidence"])
@pytest.mark.parametrize("method", METHODS)
def test_any_rule_goes_over_calibrated_agents(method, weights):
    calibration, panel = halves(150)
    if weights == "confidence":
        calibration, panel = (own.with_weights("confidence") for own in (calibration, panel))
    for inner in PLAIN:
        fitted = fit(calibration, f"{method}:{inner}")
        own = calibrated(panel, fitted.parts[0])
        ready, witness = replay(panel, fitted, temperature=0.3), fuse(own, inner, temperature=0.3)
        found = ready.decide(ready.weights, keep_scores=True)
        assert_allclose(found.scores, witness.scores, rtol=1e-9, atol=1e-9)
        differs = found.labels != witness.labels  # rounding may part a tie
        assert differs.mean() <= (0.0 if RULES[inner].evidence == "votes" else 0.02)
        assert ready.rule.name == f"{method}:{inner}"


@pytest.mark.parametrize("name", NAMES)
def test_a_cross_fitted_rule_decides_part_by_part(name):
    panel = with_lone_scores(filmed())
    found = cross_fit(panel, name, 4)
    whole = fuse(panel, found)
    for k, parameters in enumerate(found.parts):
        rows = np.flatnonzero(found.fold == k)
        alone = replace(found, parts=(parameters,), fold=None, ids=None, truth=None)
        own = fuse(panel.take(rows), alone)
        assert_array_equal(whole.labels[rows], own.labels)
        assert_array_equal(whole.scores[rows], own.scores)
        assert_array_equal(whole.truth_rank[rows], own.truth_rank)
    ready, rows = replay(panel, found), np.array([5, 3, 77, 5, 118])
    assert_array_equal(ready.take(rows).decision.labels, whole.labels[rows])


@pytest.mark.parametrize("name", NAMES)
def test_what_was_saved_decides_to_the_same_bits(name, tmp_path):
    calibration, panel = halves()
    fitted, path = fit(calibration, name), tmp_path / "rule.json"
    fitted.save(path)
    first, second = fuse(panel, fitted), fuse(panel, str(path))
    assert_array_equal(first.scores, second.scores)
    assert_array_equal(first.labels, second.labels)
    assert_array_equal(first.labels, fuse(panel, load_fitted(path)).labels)


@pytest.mark.parametrize("name", NAMES)
@given(
    n=st.integers(2, 8),
    seed=st.integers(0, 10_000),
    missing=st.sampled_from([0.0, 0.3, 0.7]),
    steps=st.sampled_from([None, 2, 4, 10]),
)
@some
def test_small_panels_full_of_gaps_and_ties(name, n, seed, missing, steps):
    panel = make_panel(n, 2, 3, seed, missing=missing, no_reliability=missing, steps=steps)
    fitted = fit(make_panel(60, 2, 3, 1, missing=0.3, no_reliability=0.3), name)
    found, learner = fuse(panel, fitted), fitted.learner
    own = fitted.parts[0]
    witness = WITNESS[learner](panel, own) if learner in WITNESS else fuse(calibrated(panel, own), fitted.inner).scores
    spoken = (panel.labels >= 0).any(axis=1)
    assert_allclose(found.scores[spoken], witness[spoken], rtol=1e-9, atol=1e-9)
    assert (found.labels[~spoken] == -1).all()
    chosen = witness[np.arange(len(witness)), np.maximum(found.labels, 0)]
    assert_allclose(chosen[spoken], witness.max(axis=1)[spoken], atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_log_likelihood_is_of_the_learned_distribution(name):
    from sabotage.measures import make_measure

    calibration, panel = halves(100, missing=0.0)
    ready = replay(panel, fit(calibration, name))
    scores = ready.decide(ready.weights, keep_scores=True).scores
    share = softmax(scores, axis=1) if "stacking" in name else scores / scores.sum(axis=1, keepdims=True)
    own = np.log(np.maximum(share[np.arange(100), panel.truth], 1e-12))
    assert_allclose(make_measure("log_likelihood", ready).of_decision(ready, ready.decision, ready.weights), own.mean())


def heard(panel, mask, row):
    """The panel in which only some agents speak, but for one row: an agent without any scores would be refused."""
    silent = np.tile((mask >> np.arange(panel.n_agents) & 1) == 0, (panel.n_examples, 1))
    silent[row] = False
    gone = {name: getattr(panel, name).copy() for name in ("labels", "confidence", "reliability", "scores")}
    for name, array in gone.items():
        array[silent] = -1 if name == "labels" else np.nan
    return replace(panel, **gone)


def decided(panel, mask, fitted):
    """Labels and scores of the panel in which only some agents speak."""
    first, rest = fuse(heard(panel, mask, 1), fitted), fuse(heard(panel, mask, 0), fitted)
    return np.r_[first.labels[:1], rest.labels[1:]], np.r_[first.scores[:1], rest.scores[1:]]


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_agents_are_left_out_as_if_they_were_silent(name, cross):
    panel = filmed(90)
    fitted = cross_fit(panel, name, 3) if cross else fit(halves(n_classes=3)[0], name)
    ready = replay(panel, fitted)
    for m in range(3):
        assert_array_equal(ready.without(m), decided(panel, 0b111 ^ (1 << m), fitted)[0])
        dropped = intervene(ready, Intervention("drop", f"agent{m}"), panel, fitted)
        assert_array_equal(dropped.decision.labels, ready.without(m))
    capped = intervene(ready, Intervention("cap", "agent1", 0.3), panel, fitted)
    cut, sure = panel.scores.copy(), panel.confidence.copy()
    cut[:, 1], sure[:, 1] = np.minimum(cut[:, 1], 0.3), np.minimum(sure[:, 1], 0.3)
    assert_array_equal(capped.decision.labels, fuse(replace(panel, scores=cut, confidence=sure), fitted).labels)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_an_attribution_is_of_subsets_replayed_by_hand(name, cross):
    panel = filmed(90)
    fitted = cross_fit(panel, name, 3) if cross else fit(halves(n_classes=3)[0], name)
    found = attribute(replay(panel, fitted), by_class=False, by_group=False)
    nobody = {statistic: nobodys_worth(panel, statistic) for statistic in ("accuracy", "log_likelihood")}
    worth = {statistic: np.zeros(8) for statistic in nobody}
    for mask in range(8):
        labels, scores = decided(panel, mask, fitted)
        kind = pairs.SOFTMAX if "stacking" in name else pairs.SHARE
        each = {"accuracy": labels == panel.truth, "log_likelihood": log_parts(kind, scores, panel.truth)}
        for statistic, own in each.items():
            worth[statistic][mask] = np.where(labels >= 0, own, nobody[statistic]).mean()
    assert exact_game(3).masks[-1] == 7
    for statistic, value in worth.items():
        shares = found.statistics[statistic].panel
        for m, agent in enumerate(panel.agents):
            others = [k for k in range(8) if not k >> m & 1]
            parts = [(value[k | 1 << m] - value[k]) * {0: 2, 1: 1, 2: 2}[bin(k).count("1")] / 6 for k in others]
            assert_allclose(shares.shapley[agent].value, sum(parts), atol=1e-10)
            assert_allclose(shares.leave_one_out[agent].value, value[7] - value[7 ^ 1 << m], atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_audits_take_a_fitted_rule(name):
    calibration, panel = halves(100)
    fitted = fit(calibration, name)
    audit = analyze(panel, rule=fitted, n_permutations=19)
    assert audit.decision.rule == name
    assert audit.settings["rule"] == name
    assert (audit.settings["n_fit"], audit.settings["n_folds"]) == (100, None)
    decision = fuse(panel, fitted)
    assert audit.decision.accuracy == (decision.labels == panel.truth).mean()
    roles = assign_roles(panel, decision, replay(panel, fitted))
    assert_array_equal(roles.role, audit.role_table.role)
    assert_array_equal(roles.pivotal, audit.role_table.pivotal)
    assert any(note.startswith(f"{name} was fitted on 100 rows") for note in audit.notes)
    crossed = analyze(panel, rule=cross_fit(panel, name, 4), n_permutations=0)
    assert (crossed.settings["n_fit"], crossed.settings["n_folds"]) == (100, 4)
    assert any(note.startswith(f"{name} was fitted in 4 folds") for note in crossed.notes)


def test_a_saved_rule_by_its_name_is_the_fitted_one(tmp_path):
    calibration, panel = halves(80)
    path = str(tmp_path / "s.json")
    fit(calibration, "stacking").save(path)
    by_name, by_rule = (analyze(panel, rule=rule, n_permutations=0) for rule in (path, load_fitted(path)))
    assert by_name.to_dict() == by_rule.to_dict()
    assert by_name.settings["n_fit"] == 80


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_one_sentence(name):
    calibration, panel = halves(100)
    fitted, crossed = fit(calibration, name), cross_fit(panel, name, 4)
    renamed = replace(panel, agents=("a", "b", "c"))
    for other, says in (
        (renamed, "was fitted on other agents than the panel has; agent0"),
        (panel.select(["agent0", "agent1"]), "agent2 not in the panel"),
        (replace(panel, classes=("happy", "fear", "disgust", "anger")), "other classes than the panel has; in another"),
        (panel.with_classes([*panel.classes, "x"]), "other classes than the panel has; 'x' not in the rule"),
        (
            panel.with_weights("confidence"),
            "other weights than the panel has; reliability not in the panel; confidence",
        ),
    ):
        for rule in (fitted, crossed):
            with pytest.raises(SabotageError) as error:
                replay(other, rule)
            assert says in str(error.value)
    for field, other, way_out in (
        ("agents", ("agent0", "agent2", "agent1"), None),
        ("classes", (*panel.classes, "x"), "; --classes anger,disgust,fear,happy,x would do"),
        ("classes", panel.classes[::-1], "; --classes happy,fear,disgust,anger would do"),
        ("weights", "loudness", "; --weights loudness would do"),
    ):
        with pytest.raises(SabotageError) as error:
            replay(panel, replace(fitted, **{field: other}))
        assert str(error.value).endswith(way_out or "in another order")
    with pytest.raises(SabotageError, match="agent1 not in the rule; --agents agent0,agent2 would do"):
        replay(panel, replace(fitted, agents=("agent0", "agent2")))
    with pytest.raises(SabotageError, match="was cross-fitted on 100 rows and decides no others: found 99"):
        replay(panel.take(np.arange(99)), crossed)
    for other in (calibration, panel.take(np.arange(100)[::-1]), replace(panel, truth=np.roll(panel.truth, 1))):
        with pytest.raises(SabotageError, match="was cross-fitted on other rows than those of the panel"):
            replay(other, crossed)
    assert_array_equal(replay(panel.take(np.arange(100)), crossed).decision.labels, fuse(panel, crossed).labels)
    mute = panel.scores.copy()
    mute[:, 2] = np.nan
    if name != "class_weighted":  # which takes labels
        with pytest.raises(SabotageError, match="agent2 has no class scores"):
            replay(replace(panel, scores=mute), fitted)


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        ("stacking", "over calibrated agents go rules that learn nothing"),
        ("calibrated:mean", "over calibrated agents go rules that learn nothing"),
        ("nonsense", "unknown rule 'nonsense'"),
        ("mean:", "unknown rule 'mean:'"),
        ("best_agent", "unknown rule 'best_agent'"),
        ("none.py:mean", "there is no file 'none.py'"),
    ],
)
def test_only_rules_that_learn_nothing_go_over_calibrated_agents(inner, says):
    for learn in (fit, lambda panel, name: cross_fit(panel, name, 3)):
        with pytest.raises(SabotageError, match=says):
            learn(make_panel(), f"calibrated:{inner}")


def test_a_rule_of_ones_own_goes_over_calibrated_agents(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def first(evidence, weights, available, out):\n    out[:] = evidence[available.argmax()]\n")
    panel = make_panel(seed=3)
    fitted = fit(panel, f"calibrated:{path}:first")
    first = calibrating.calibrate(panel, fitted.parts[0]).scores[:, 0].argmax(axis=1)
    assert_array_equal(replay(panel, fitted).decision.labels, first)


@pytest.mark.parametrize("name", ["stacking", "learned_gate", "calibrated:mean", "class_weighted"])
def test_a_learned_rule_without_a_fit_says_so(name):
    for call in (
        replay,
        fuse,
        lambda panel, rule: analyze(panel, rule=rule),
        lambda panel, rule: compare(panel, [rule]),
    ):
        with pytest.raises(SabotageError, match="is learned, and nothing to learn from was given"):
            call(make_panel(), name)


def test_ids_over_seeds_are_decided_by_one_part():
    panel = seeded(40, 3, 1)
    fitted = cross_fit(panel, "weighted_stacking", 3)
    for code in range(3):
        rows = np.flatnonzero(panel.runs == code)
        alone = replay(panel, fitted).take(rows)
        assert_array_equal(alone.decision.labels, fuse(panel, fitted).labels[rows])
