"""One replicate of the permutation test, as a multiple of numpy's own shuffle of as many indices in the same run.

A replicate draws a permutation, fuses every example anew, and counts hits by class and flips. Beside it stands a good
NumPy loop that does the same: float32 planes of the scores, `take` of the weights' columns, `bincount` of the hits. The
three are timed in turn, several times, and the median of the ratios is printed; a run of one is too short to trust.

    python benchmarks/permutation.py [--sizes 2000,20000,200000] [--threads 1,2] [--runs 7]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from sabotage import Panel, permute, replay

AGENTS, CLASSES = 3, 7


def make_panel(n: int) -> Panel:
    random = np.random.default_rng(0)
    truth = random.integers(0, CLASSES, n).astype(np.int32)
    scores = random.dirichlet(np.full(CLASSES, 0.5), (n, AGENTS))
    scores[np.arange(n), :, truth] += 0.3 * random.random((n, AGENTS))
    scores /= scores.sum(axis=2, keepdims=True)
    labels, confidence = scores.argmax(axis=2).astype(np.int32), scores.max(axis=2)
    names = tuple(f"agent{m}" for m in range(AGENTS))
    ids = pa.array(np.arange(n))
    return Panel(names, tuple(range(CLASSES)), ids, truth, labels, confidence, scores, random.random((n, AGENTS)))


def good_numpy(panel: Panel) -> Callable[[int], None]:
    """Return a loop over replicates as a careful NumPy user would write it: arrays are made once and used again."""
    n = panel.n_examples
    planes = [[np.ascontiguousarray(panel.scores[:, m, c], np.float32) for c in range(CLASSES)] for m in range(AGENTS)]
    weights = [np.ascontiguousarray(panel.reliability[:, m], np.float32) for m in range(AGENTS)]
    clean = replay(panel).decision.labels
    totals, part, moved = np.empty((CLASSES, n), np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    random = np.random.default_rng(1)

    def loop(replicates: int) -> None:
        for _ in range(replicates):
            donors = random.permutation(n)
            for m in range(AGENTS):
                np.take(weights[m], donors, out=moved)
                for c in range(CLASSES):
                    np.multiply(planes[m][c], moved, out=part if m else totals[c])
                    if m:
                        totals[c] += part
            labels = totals.argmax(axis=0)
            np.bincount(panel.truth[labels == panel.truth], minlength=CLASSES)
            np.count_nonzero(labels != clean)

    return loop


def seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=numbers, default=[2_000, 20_000, 200_000])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    print(f"One replicate as a multiple of Generator.permutation(n); M = {AGENTS}, C = {CLASSES}, weighted_mean,")
    print(f"median of {options.runs} runs [min, max]")
    headings = [f"sabotage, {threads} thread{'s' if threads > 1 else ''}" for threads in options.threads]
    print(f"{'n':>8}  " + "".join(f"{heading:<26}" for heading in (*headings, "good NumPy")))
    for n in options.sizes:
        panel = make_panel(n)
        ready = replay(panel, "weighted_mean")
        loop = good_numpy(panel)
        shuffles = max(4, 4_000_000 // n)
        replicates = max(256, 64 * (20_000_000 // (64 * n)))  # whole cohorts, and several a thread
        random = np.random.default_rng(2)
        permute(ready, n_permutations=2)
        loop(1)
        ratios: list[list[float]] = [[] for _ in range(len(options.threads) + 1)]
        for _ in range(options.runs):
            shuffle = seconds(lambda: [random.permutation(n) for _ in range(shuffles)]) / shuffles
            for k, threads in enumerate(options.threads):
                each = seconds(lambda: permute(ready, n_permutations=replicates, threads=threads)) / replicates
                ratios[k].append(each / shuffle)
            few = max(2, 400_000 // n)
            ratios[-1].append(seconds(lambda: loop(few)) / few / shuffle)
        cells = (f"{statistics.median(r):.2f} [{min(r):.2f}, {max(r):.2f}]" for r in ratios)
        print(f"{n:>8}  " + "".join(f"{cell:<26}" for cell in cells))


if __name__ == "__main__":
    main()
