"""What it takes to say where sabotage varies, dataset or model, beside an analysis of variance by pandas.

100,000 examples x three agents x three runs: the split of the variance of sabotage with intervals from 1,000 resamples
of examples, in random batches of 100. Beside it pandas' `groupby` takes the same means over the long table of all
cells, as somebody would who has no mixed model that ends at this size; a resample takes the rows of the drawn examples
and their means again. It is timed on a few of 1,000 resamples and multiplied.

    python benchmarks/runs.py [--examples 100000] [--repeats 3]
"""

import argparse
import statistics
import time

import numpy as np
import pandas as pd

from sabotage.partition import Partition
from sabotage.run_sums import Sums
from sabotage.variance import split_variance

TIMED = 2  # resamples of pandas
RESAMPLES = 1000
M, R = 3, 3
FACTORS = (["i"], ["m"], ["r"], ["i", "m"], ["i", "r"], ["m", "r"])


def draw(n: int) -> np.ndarray:
    """Draw who sabotages: some examples are hard for everyone, some for one agent, and one run is worse."""
    random = np.random.default_rng(0)
    logit = -3 + random.normal(0, 1, (n, 1, 1)) + random.normal(0, 1, (n, M, 1)) + np.array([0.0, 0.0, 0.7])
    return random.random((n, M, R)) < 1 / (1 + np.exp(-logit))


def components(frame: pd.DataFrame, n: int) -> list[float]:
    """Return the components of variance of a long table, by means over groups."""
    grand, values = frame["y"].mean(), frame["y"]
    mean = {"".join(of): frame.groupby(of)["y"].mean() for of in FACTORS}
    total = ((values - grand) ** 2).sum()
    cells = n * M * R
    squares = {of: (own**2).sum() * cells / len(own) - cells * grand**2 for of, own in mean.items()}
    pairs = {of: squares[of] - squares[of[0]] - squares[of[1]] for of in ("im", "ir", "mr")}
    rest = total - sum(squares[of] for of in "imr") - sum(pairs.values())
    e = rest / ((n - 1) * (M - 1) * (R - 1))
    im, ir = pairs["im"] / ((n - 1) * (M - 1)), pairs["ir"] / ((n - 1) * (R - 1))
    mr = pairs["mr"] / ((M - 1) * (R - 1))
    i, m, r = squares["i"] / (n - 1), squares["m"] / (M - 1), squares["r"] / (R - 1)
    return [(i - im - ir + e) / (M * R), (m - im - mr + e) / (n * R), (r - ir - mr + e) / (n * M),
            (im - e) / R, (ir - e) / M, (mr - e) / n, e]  # fmt: skip


def long_table(saboteur: np.ndarray) -> pd.DataFrame:
    i, m, r = (axis.ravel() for axis in np.indices(saboteur.shape))
    return pd.DataFrame({"i": i, "m": m, "r": r, "y": saboteur.ravel().astype(float)})


def by_pandas(saboteur: np.ndarray) -> float:
    """Return the seconds that pandas takes for the split and its resamples."""
    n, random = len(saboteur), np.random.default_rng(1)
    begin = time.perf_counter()
    components(long_table(saboteur), n)
    once = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in range(TIMED):
        components(long_table(saboteur[random.integers(0, n, n)]), n)
    return once + (time.perf_counter() - begin) / TIMED * RESAMPLES


def ours(saboteur: np.ndarray) -> float:
    n = len(saboteur)
    begin = time.perf_counter()
    sums = Sums(Partition(None, ("all",), np.zeros(n, np.int64), 0, None))
    split_variance(saboteur, sums)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    saboteur = draw(options.examples)
    small = saboteur[:500]
    found = split_variance(small, Sums(Partition(None, ("all",), np.zeros(500, np.int64), 0, None)))
    np.testing.assert_allclose(
        [own.variance for own in found.components.values()], components(long_table(small), 500), atol=1e-12
    )
    ours(saboteur)
    own = sorted(ours(saboteur) for _ in range(options.repeats))
    peer = sorted(by_pandas(saboteur) for _ in range(options.repeats))
    ratio = statistics.median(peer) / statistics.median(own)
    print(f"{options.examples:,} examples, three agents, three runs, {RESAMPLES:,} resamples")
    print(
        f"split of the variance, against pandas: {statistics.median(own):.2f} s against {statistics.median(peer):.0f}"
        f" s, {ratio:.0f} x [{peer[0] / own[-1]:.0f}, {peer[-1] / own[0]:.0f}]"
    )


if __name__ == "__main__":
    main()
