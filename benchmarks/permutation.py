"""One replicate of the permutation test, as a multiple of numpy's own shuffle of as many indices in the same run.

A replicate draws a permutation, fuses every example anew, and counts hits by class and flips. Beside the engines of
sabotage stand a good NumPy loop that does the same (planes of the scores, `take` of the weights' columns, `bincount` of
the hits), `scipy.stats.permutation_test` and scikit-learn's `permutation_importance`. The peers sum in float32, which
is in their favour; that all decide alike is asserted in float64 at the start. All are timed in turn, several times, and
the median of the ratios is printed with the least and the greatest; a run of one is too short to trust. Where a single
thread had much less than all of a CPU, the machine was busy with other work, and what two threads gain cannot be seen.

How each is timed, per replicate:

- core: two calls of `permute`, of few and of many whole cohorts, one taken from the other: what is done once cancels.
- numba: the engine's cohorts one after the other, as many as bear waiting for; resets by their share of a cohort.
- scipy: (time of the call) / (resamples + 1), the batch being the fastest of a few; flips are not counted.
- scikit-learn: (time of the call) / (repeats + 1); flips are not counted.

What is done once for a test is given in replicates of the core: planning of those on one thread, the exact sums over
all pairs of those on as many threads. The random panel is the hard case: weights can change nearly every decision.

    python benchmarks/permutation.py [--sizes 2000,20000] [--panel realistic] [--threads 1,2] [--runs 5]
    python benchmarks/permutation.py --table preds.parquet [--agents text,audio] [--rule log_pool] [--weights intensity]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from math import ceil

import numpy as np
import pyarrow as pa
from scipy.stats import permutation_test
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer

from sabotage import Panel, permute, read_panel, replay
from sabotage.engines import COHORT, Engine, make_engine
from sabotage.exact import count_pairs, sum_pairs
from sabotage.fusion import Replay
from sabotage.planning import Plan, block_codes, make_plan

AGENTS, CLASSES = 3, 7
CHECKED = 2_000  # examples of the panel on which all must decide alike
CORE_WORK, NUMBA_WORK, PEER_WORK, SKLEARN_WORK = 1_500_000_000, 4_000_000, 4_000_000, 200_000  # decisions a timing
PAIR_WORK = 100_000_000  # pairs a timing
BATCHES, BATCH_CELLS = (1, 4, 16, 64), 1 << 26  # of scipy: resamples at a time, and most scores at a time
MOST_EXACT = 20_000  # examples whose pairs are summed

Jobs = dict[str, Callable[[], float]]  # each returns seconds, of a replicate or of what is done once


def make_panel(n: int) -> Panel:
    """Make the hard case: scores with little in common, and reliability that has nothing to say."""
    random = np.random.default_rng(0)
    truth = random.integers(0, CLASSES, n).astype(np.int32)
    scores = random.dirichlet(np.full(CLASSES, 0.5), (n, AGENTS))
    scores[np.arange(n), :, truth] += 0.3 * random.random((n, AGENTS))
    scores /= scores.sum(axis=2, keepdims=True)
    return as_panel(truth, scores, random.random((n, AGENTS)))


def make_realistic(n: int) -> Panel:
    """Make the usual case: examples easy or hard for all, a class they are mistaken for, reliability that knows."""
    random = np.random.default_rng(0)
    truth, lure = random.integers(0, CLASSES, (2, n)).astype(np.int32)
    clarity = 1.5 * random.standard_normal((n, 1)) + 0.8 * random.standard_normal((n, AGENTS))
    scores = 0.8 * random.standard_normal((n, AGENTS, CLASSES))
    scores[np.arange(n), :, truth] += 1.8 + clarity
    scores[np.arange(n), :, lure] += 1.2
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=2, keepdims=True)
    return as_panel(truth, scores, 1 / (1 + np.exp(random.standard_normal((n, AGENTS)) - clarity)))


PANELS = {"random": make_panel, "realistic": make_realistic}


def as_panel(truth: np.ndarray, scores: np.ndarray, reliability: np.ndarray) -> Panel:
    labels, confidence = scores.argmax(axis=2).astype(np.int32), scores.max(axis=2)
    names = tuple(f"agent{m}" for m in range(AGENTS))
    ids = pa.array(np.arange(len(truth)))
    return Panel(names, tuple(range(CLASSES)), ids, truth, labels, confidence, scores, reliability)


@dataclass(frozen=True)
class Arrays:
    """What a peer needs of a replay, examples in blocks' order, silent agents with zeros.

    planes (M, C, n), weights (M, n), truth (n,) with -1 where an abstention leaves nothing to hit, clean (n,), and
    share (n,): what a hit adds to balanced accuracy; bounds: where each block starts and ends.
    """

    planes: np.ndarray
    weights: np.ndarray
    truth: np.ndarray
    clean: np.ndarray
    share: np.ndarray
    bounds: list[tuple[int, int]]

    def decide(self, rows: np.ndarray) -> np.ndarray:
        """Decide every example with the weights of other rows (..., n); returns labels of the same shape."""
        totals = self.planes[0] * self.weights[0][rows][..., None, :]
        for plane, weights in zip(self.planes[1:], self.weights[1:], strict=True):
            totals += plane * weights[rows][..., None, :]
        return totals.argmax(axis=-2)


def arrays_of(ready: Replay, dtype: type = np.float32) -> Arrays:
    panel, spoken = ready.panel, ready.spoken
    block = block_codes(panel, spoken, ())
    order, ends = np.argsort(block, kind="stable"), np.cumsum(np.bincount(block)).tolist()
    planes = np.empty((panel.n_agents, panel.n_classes, panel.n_examples), dtype)
    for m in range(panel.n_agents):
        for c in range(panel.n_classes):
            plane = spoken[:, m] == c if ready.rule.evidence == "votes" else ready.evidence[:, m, c]
            planes[m, c] = np.where(spoken[:, m] >= 0, plane, 0)[order]
    silent = (spoken < 0).all(axis=1)
    truth = np.where(silent, -1, panel.truth)[order]
    clean = np.where(silent, 0, ready.decision.labels)[order]  # sums of zeros are decided for class 0
    weights = np.ascontiguousarray(ready.weights[order].T, dtype)
    bounds = list(zip([0, *ends], ends, strict=False))
    return Arrays(planes, weights, truth, clean, class_weights_of(panel)[truth] * (truth >= 0), bounds)


def class_weights_of(panel: Panel) -> np.ndarray:
    """Return what a hit of each class adds to balanced accuracy: ndarray of shape (C,)."""
    n_true = np.bincount(panel.truth, minlength=panel.n_classes)
    return np.divide(1, np.count_nonzero(n_true) * n_true, out=np.zeros(len(n_true)), where=n_true > 0)


def good_numpy(arrays: Arrays) -> Callable[[np.ndarray], tuple[np.ndarray, int]]:
    """Return a replicate as a careful NumPy user would write it: arrays are made once and used again."""
    n_agents, n_classes, n = arrays.planes.shape
    totals = np.empty((n_classes, n), arrays.planes.dtype)
    part, moved = np.empty(n, arrays.planes.dtype), np.empty(n, arrays.planes.dtype)

    def count(donors: np.ndarray) -> tuple[np.ndarray, int]:
        for m in range(n_agents):
            np.take(arrays.weights[m], donors, out=moved)
            for c in range(n_classes):
                np.multiply(arrays.planes[m, c], moved, out=part if m else totals[c])
                if m:
                    totals[c] += part
        labels = totals.argmax(axis=0)
        hits = np.bincount(arrays.truth[labels == arrays.truth], minlength=n_classes)
        return hits, np.count_nonzero(labels != arrays.clean)

    return count


def numpy_loop(arrays: Arrays) -> Callable[[int], None]:
    """Return a loop over replicates of `good_numpy`."""
    n, bounds, random = len(arrays.truth), arrays.bounds, np.random.default_rng(1)
    count = good_numpy(arrays)

    def loop(replicates: int) -> None:
        for _ in range(replicates):
            if len(bounds) == 1:
                donors = random.permutation(n)
            else:
                donors = np.concatenate([start + random.permutation(end - start) for start, end in bounds])
            count(donors)

    return loop


def scipys_test(arrays: Arrays, resamples: int, batch: int) -> float:
    """Run scipy's test with row pointers as the sample that is permuted; return the clean balanced accuracy."""

    def statistic(pointer: np.ndarray, axis: int) -> np.ndarray:
        return ((arrays.decide(pointer) == arrays.truth) * arrays.share).sum(axis=axis)

    random = "rng" if "rng" in signature(permutation_test).parameters else "random_state"
    found = permutation_test(
        (np.arange(len(arrays.truth)),),
        statistic,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=resamples,
        batch=batch,
        alternative="greater",
        **{random: np.random.default_rng(1)},
    )
    return float(found.statistic)


class PointerEstimator(BaseEstimator):
    """A classifier whose one feature says from which row the weights come."""

    def __init__(self, arrays: Arrays | None = None) -> None:
        self.arrays = arrays

    def fit(self, X: np.ndarray, y: np.ndarray) -> "PointerEstimator":
        """Learn nothing: scikit-learn asks for the method."""
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Decide every example with the weights of the rows that X names."""
        assert self.arrays is not None
        return self.arrays.decide(X[:, 0])


def sklearns_importance(arrays: Arrays, repeats: int) -> None:
    pointers = np.arange(len(arrays.truth))[:, None]
    permutation_importance(
        PointerEstimator(arrays), pointers, arrays.truth, scoring="balanced_accuracy", n_repeats=repeats, random_state=1
    )


def assert_alike(ready: Replay) -> None:
    """Stop unless all contenders have the same clean balanced accuracy; in float64, where no sum rounds otherwise."""
    arrays, expected = arrays_of(ready, np.float64), permute(ready, n_permutations=2, interval=False).clean
    own = np.arange(len(arrays.truth))
    hits, flips = good_numpy(arrays)(own)
    assert flips == 0, f"the NumPy loop decides {flips} examples otherwise"
    clean = {"NumPy loop": float(hits @ class_weights_of(ready.panel))}
    if len(arrays.bounds) == 1:
        clean["scipy"] = scipys_test(arrays, 2, 1)
        scorer = get_scorer("balanced_accuracy")
        clean["scikit-learn"] = scorer(PointerEstimator(arrays), own[:, None], arrays.truth)
    for name, found in clean.items():
        assert np.isclose(found, expected, rtol=1e-9, atol=0), f"{name}: {found}, sabotage: {expected}"
    names = ", ".join(clean)
    print(f"Checked on {ready.panel.n_examples:,} examples: sabotage and {names} agree on {expected:.6f} clean.")


def seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def seconds_a_replicate(engine: Engine, replicates: int) -> float:
    """Time an engine's cohorts one after the other; where not all of a cohort is run, its reset counts by its share."""
    reset = work = 0.0
    starts = range(0, replicates, COHORT)
    for cohort, start in enumerate(starts):
        size = min(COHORT, replicates - start)
        begin = time.perf_counter()
        shuffle = engine.start(0, cohort)
        started = time.perf_counter()
        counts = np.zeros((size, engine.plan.replay.panel.n_classes + 1), np.int64)
        for rows in engine.batches(size):
            engine.run([shuffle], counts[None, rows])
        reset += started - begin
        work += time.perf_counter() - started
    return reset / (COHORT * len(starts)) + work / replicates


def core_seconds(ready: Replay, threads: int, most_threads: int, work: int) -> float:
    """Time a replicate of `permute` by the difference between many whole cohorts, several a thread, and few."""
    few = COHORT * most_threads
    more = few * ceil(work / (few * ready.panel.n_examples))

    def run(replicates: int) -> float:
        return seconds(
            lambda: permute(ready, n_permutations=replicates, interval=False, threads=threads, engine="core")
        )

    return (run(few + more) - run(few)) / more


def fastest_batch(arrays: Arrays) -> int:
    _, n_classes, n = arrays.planes.shape
    batches = [batch for batch in BATCHES if batch * n_classes * n <= BATCH_CELLS] or [1]
    return min(batches, key=lambda batch: seconds(lambda: scipys_test(arrays, 2 * max(batches), batch)))


def own_engines(ready: Replay, plan: Plan, threads: list[int]) -> tuple[Jobs, dict[str, str]]:
    """Return what times a replicate of sabotage, the core by threads first, and why some cannot be timed."""
    core, numba = make_engine(plan), make_engine(plan, engine="numba")
    work = CORE_WORK if core.name == "core" else NUMBA_WORK
    jobs: Jobs = {
        f"sabotage {core.name}, {named(t)}": lambda t=t: core_seconds(ready, t, max(threads), work) for t in threads
    }
    if core.name == "numba":
        return jobs, {"sabotage core": f"it does not know {ready.rule.name}, and numba takes its place"}
    jobs["sabotage numba, 1 thread"] = lambda: seconds_a_replicate(numba, max(4, NUMBA_WORK // plan.truth.size))
    return jobs, {}


def peers(ready: Replay, peers_up_to: int) -> tuple[Jobs, dict[str, str]]:
    """Return what times a replicate of the peers, and why some cannot be timed."""
    if not ready.is_linear:
        why = f"written for weighted sums, and {ready.rule.name} is none"
        return {}, dict.fromkeys(("good NumPy loop", "scipy", "scikit-learn"), why)
    arrays = arrays_of(ready)
    n = len(arrays.truth)
    loop, few = numpy_loop(arrays), max(4, PEER_WORK // n)
    jobs: Jobs = {"good NumPy loop": lambda: seconds(lambda: loop(few)) / few}
    if len(arrays.bounds) > 1:
        why = f"shuffles over all rows, not inside the {len(arrays.bounds)} blocks of who speaks"
        return jobs, dict.fromkeys(("scipy", "scikit-learn"), why)
    if n > peers_up_to:
        why = f"left out above {peers_up_to:,} examples, for the memory and the time it takes: --peers-up-to"
        return jobs, dict.fromkeys(("scipy", "scikit-learn"), why)
    batch, repeats = fastest_batch(arrays), max(5, SKLEARN_WORK // n)
    resamples = batch * ceil(few / batch)
    jobs[f"scipy, batches of {batch}"] = lambda: (
        seconds(lambda: scipys_test(arrays, resamples, batch)) / (resamples + 1)
    )
    jobs["scikit-learn"] = lambda: seconds(lambda: sklearns_importance(arrays, repeats)) / (repeats + 1)
    return jobs, {}


def exact_sums(plan: Plan, threads: list[int]) -> tuple[Jobs, dict[str, str]]:
    """Return what times the sums over all pairs, by threads, and why they cannot be timed."""
    n, panel = len(plan.truth), plan.replay.panel
    if not plan.replay.is_linear:
        return {}, {"exact sums": f"exist for linear rules, and {plan.replay.rule.name} is none"}
    if n > MOST_EXACT:
        return {}, {"exact sums": f"not timed above {MOST_EXACT:,} examples: the pairs go with n squared"}
    engine, share, times = make_engine(plan), class_weights_of(panel), ceil(PAIR_WORK / max(pairs_of(plan), 1000))

    def run(threads: int) -> float:
        return seconds(lambda: [sum_pairs(engine, share, threads) for _ in range(times)]) / times

    return {f"exact sums, {named(t)}": lambda t=t: run(t) for t in threads}, {}


def pairs_of(plan: Plan) -> int:
    """Count the pairs of an example that may hit or not, and a donor of its block."""
    return int(np.diff(plan.starts)[plan.block_of[plan.checks]].sum())


def over(times: list[float], others: list[float]) -> list[float]:
    return [a / b for a, b in zip(times, others, strict=True)]


def spread(values: list[float]) -> str:
    """Format the median with the least and the greatest."""
    parts = (f"{v:,.0f}" if v >= 99.5 else f"{v:.3g}" for v in (statistics.median(values), min(values), max(values)))
    return "{} [{}, {}]".format(*parts)


def named(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def row(name: str, *cells: str) -> str:
    return f"  {name:<28}" + "".join(f"{cell:<28}" for cell in cells).rstrip()


def describe(plan: Plan, shuffle: float, cpu: float) -> None:
    """Print what there is to decide, how long numpy's shuffle takes, and how much of a CPU there was to be had."""
    panel, rule, swept = plan.replay.panel, plan.replay.rule, plan.swept
    n, accuracy = panel.n_examples, np.mean(plan.clean == plan.truth)
    half_spaces = np.diff(plan.rival_starts)[plan.order[swept]]
    each = f", {half_spaces.mean():.2f} half-spaces each" if plan.replay.is_linear else ""
    blocks = f"{plan.n_blocks} block{'s' if plan.n_blocks > 1 else ''}"
    print(f"\nn = {n:,}, M = {panel.n_agents}, C = {panel.n_classes}, {rule.name}, accuracy {accuracy:.3f}, {blocks};")
    print(f"contested: {len(swept) / n:.1%}{each}; Generator.permutation(n) takes {1e6 * shuffle:,.0f} us", end="; ")
    print(f"one thread had {cpu:.0%} of a CPU")


def measure(ready: Replay, threads: list[int], runs: int, peers_up_to: int) -> None:
    """Time all contenders on one panel in turn, and print what came of it."""
    n, random, plan = ready.panel.n_examples, np.random.default_rng(2), make_plan(ready)
    shuffles = max(4, 4_000_000 // n)
    own, no_own = own_engines(ready, plan, threads)
    others, no_others = peers(ready, peers_up_to)
    sums, no_sums = exact_sums(plan, threads)
    once: Jobs = {"planning": lambda: seconds(lambda: make_engine(make_plan(ready)))} | sums
    jobs: Jobs = {"shuffle": lambda: seconds(lambda: [random.permutation(n) for _ in range(shuffles)]) / shuffles}
    jobs |= own | others | once
    cores = list(own)[: len(threads)]
    for name in jobs.keys() - set(cores):  # kernels are compiled at their first call
        jobs[name]()
    permute(ready, n_permutations=2, interval=False)
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    cpu = wall = 0.0
    for _ in range(runs):
        for name, job in jobs.items():
            began, begun = time.perf_counter(), time.process_time()
            taken[name].append(job())
            if not name.endswith("threads"):
                cpu, wall = cpu + time.process_time() - begun, wall + time.perf_counter() - began

    describe(plan, statistics.median(taken["shuffle"]), cpu / wall)
    print(row("", "x permutation(n)", *(f"{core.removeprefix('sabotage ')}: x faster" for core in cores)))
    for name in own | others:
        faster = ("" if name == core else spread(over(taken[name], taken[core])) for core in cores)
        print(row(name, spread(over(taken[name], taken["shuffle"])), *faster))
    for name, core in zip(once, (cores[0], *cores), strict=False):
        middle = statistics.median(taken[name])
        text = f"{spread(over(taken[name], taken[core]))} replicates; {1e3 * middle:.3g} ms"
        if name in sums:
            how = "" if count_pairs(plan, "joint") == pairs_of(plan) else ", by ordering donors, not one by one"
            text += f", {pairs_of(plan) / middle:.1e} pairs/s{how}"
        print(row(name, text))
    for name, why in (no_own | no_others | no_sums).items():
        print(row(name, f"- ({why})"))


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=numbers, default=[2_000, 20_000, 200_000, 1_000_000])
    parser.add_argument("--panel", choices=PANELS, default="random")
    parser.add_argument("--table", help="measure on this table instead")
    parser.add_argument("--agents", type=lambda text: text.split(","), help="of the table; all where not given")
    parser.add_argument("--weights", default="reliability", help="of the table: what fusion weighs by")
    parser.add_argument("--rule", help="of fusion; weighted_mean where every agent has class scores, unless given")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers-up-to", type=int, default=200_000, help="most examples for scipy and scikit-learn")
    options = parser.parse_args()
    threads = sorted({1, *options.threads})
    if options.table is not None:
        panel = read_panel(options.table, agents=options.agents, weights=options.weights)
        sources: list[Callable[[], Panel]] = [lambda: panel]
    else:
        make = PANELS[options.panel]
        panel = make(CHECKED)
        sources = [lambda n=n: make(n) for n in options.sizes]
    ready = replay(panel, options.rule)
    if not ready.rule.uses_reliability:
        parser.error(f"no permutation of reliability reaches {ready.rule.name}")
    if not len(make_plan(ready).swept):
        parser.error("no example is contested: there is nothing to time")
    name = panel.origin.name if options.table is not None else options.panel
    print(f"Panel {name}: median of {options.runs} runs [min, max]; per replicate, what is done once not included.")
    if ready.is_linear:
        assert_alike(ready)
    for source in sources:
        measure(replay(source(), options.rule), threads, options.runs, options.peers_up_to)


if __name__ == "__main__":
    main()
