"""How long it takes to compare 30 rules, beside scikit-learn bootstrapping one.

200,000 examples, three agents, seven classes: every rule of the catalogue, the learned ones fitted on 5,000 other rows,
calibrated ones, functions of one's own; quality, differences, McNemar, 1,000 paired resamples and the permutation test
of those that take reliability. scikit-learn averages the scores of the agents and scores that one rule and one agent on
the same number of resamples, by `balanced_accuracy_score` on drawn rows; it is timed on a few and multiplied.

    python benchmarks/compare.py [--examples 200000] [--resamples 1000] [--permutations 200]
"""

import argparse
import resource
import time

import numpy as np
from permutation import make_realistic
from sklearn.metrics import balanced_accuracy_score, log_loss, top_k_accuracy_score
from sklearn.utils import resample

import sabotage
from sabotage.contenders import BEST_AGENT
from sabotage.rules import RULES

CALIBRATED = ("mean", "weighted_mean", "log_pool", "softmax_gate", "dempster_shafer")
CALIBRATION = 5000  # rows to learn from
TIMED = 10  # resamples of scikit-learn


@sabotage.fusion_rule(weights="equal")
def trimmed_mean(evidence, weights, available, out):
    n = 0
    for m in range(len(available)):
        n += available[m]
    for c in range(len(out)):
        total, low, high = 0.0, np.inf, -np.inf
        for m in range(len(available)):
            if available[m]:
                total += evidence[m, c]
                low, high = min(low, evidence[m, c]), max(high, evidence[m, c])
        out[c] = (total - low - high) / (n - 2) if n > 2 else total / n


@sabotage.fusion_rule
def squared_weights(evidence, weights, available, out):
    for c in range(len(out)):
        out[c] = 0.0
        for m in range(len(available)):
            if available[m]:
                out[c] += weights[m] * weights[m] * evidence[m, c]


@sabotage.fusion_rule(weights="equal")
def harmonic_mean(evidence, weights, available, out):
    for c in range(len(out)):
        total = 0.0
        for m in range(len(available)):
            if available[m]:
                total += 1.0 / max(evidence[m, c], 1e-6)
        out[c] = 1.0 / total


def witness(panel: sabotage.Panel, n_resamples: int) -> float:
    """Return the seconds that scikit-learn takes for one rule."""
    begin = time.perf_counter()
    scores = panel.scores.mean(axis=1)
    labels, other = scores.argmax(axis=1), panel.labels[:, 0]
    log_loss(panel.truth, scores / scores.sum(axis=1, keepdims=True))
    for k in (2, 3):
        top_k_accuracy_score(panel.truth, scores, k=k)
    once = time.perf_counter() - begin
    begin = time.perf_counter()
    for seed in range(TIMED):
        truth, first, second = resample(panel.truth, labels, other, random_state=seed)
        balanced_accuracy_score(truth, first) - balanced_accuracy_score(truth, second)
    return once + (time.perf_counter() - begin) / TIMED * n_resamples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=200)
    options = parser.parse_args()
    everything = make_realistic(options.examples + CALIBRATION)
    panel, calibration = (
        everything.take(rows) for rows in np.split(np.arange(len(everything.truth)), [options.examples])
    )
    rules = [BEST_AGENT, *RULES, *(f"calibrated:{name}" for name in CALIBRATED)]
    rules += [f"calibrated-isotonic:{name}" for name in CALIBRATED]
    rules = [*rules[: 30 - 3], trimmed_mean, squared_weights, harmonic_mean]
    settings = {"calibration": calibration, "n_resamples": options.resamples}
    sabotage.compare(panel.take(np.arange(1000)), rules, **settings, n_permutations=10)  # compiles
    theirs = witness(panel, options.resamples)
    for permutations in (0, options.permutations):
        begin = time.perf_counter()
        found = sabotage.compare(panel, rules, **settings, n_permutations=permutations)
        ours = time.perf_counter() - begin
        tests = f"{sum(entry.gap is not None for entry in found.entries)} permutation tests of {permutations}"
        print(
            f"{len(found.entries)} rules, {options.examples:,} examples, {options.resamples:,} resamples,"
            f" {tests if permutations else 'no permutation test'}: {ours:.1f} s,"
            f" {ours / theirs:.2f} x scikit-learn on one rule ({theirs:.1f} s)"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
