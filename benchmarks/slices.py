"""What slices cost: 200,000 examples by five columns, beside pandas and scipy.

Ours: the classes, quartiles of two numbers, a text that differs by example and one that is a subject's own, each
slice with any saboteur and each of three agents: rates, lifts and differences with intervals over 1,000 subjects, and p
on all examples and on both halves. Beside it a plain loop: the same rates by pandas' groupby, and for every slice and
saboteur `scipy.stats.permutation_test` of the difference of two means, examples exchanged without regard to subjects,
since scipy has no groups. It is timed on one slice with a few resamples, and multiplied to 10,000 and to all of them,
once and not three times. Where ours is exact no resample is drawn, which is most of the difference.

    python benchmarks/slices.py [--examples 200000] [--repeats 3]
"""

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
from permutation import make_realistic
from scipy.stats import permutation_test

from sabotage import Panel, find_slices, judge
from sabotage.judging import Judged
from sabotage.roles import SABOTEUR

BY = ("class", "age", "noise", "device", "site")
SUBJECTS = 1000
RESAMPLES = 10_000
TIMED = 20  # resamples of scipy


def with_columns(panel: Panel) -> Panel:
    random, n = np.random.default_rng(1), panel.n_examples
    subject = random.integers(0, SUBJECTS, n)
    columns = {
        "subject": pa.array(subject),
        "age": pa.array(random.integers(18, 90, SUBJECTS)[subject].astype(float)),
        "noise": pa.array(random.random(n)),
        "device": pa.array(np.array(["headset", "laptop", "phone"])[random.integers(0, 3, n)]),
        "site": pa.array(np.array(["east", "north", "south", "west"])[random.integers(0, 4, SUBJECTS)[subject]]),
    }
    return replace(panel, columns=columns, group="subject")


def ours(judged: Judged, repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        find_slices(judged, BY, n_permutations=RESAMPLES)
        times.append(time.perf_counter() - begin)
    return sorted(times)


def plain(judged: Judged, n_pairs: int, repeats: int) -> list[float]:
    """Return the seconds of a plain loop over all pairs of slice and saboteur."""
    panel = judged.panel
    marks = judged.roles.role == SABOTEUR
    frame = pd.DataFrame(marks, columns=list(panel.agents))
    frame["any"] = marks.any(axis=1)
    keys = {name: panel.column(name).to_pandas() for name in ("device", "site")}
    keys |= {name: pd.qcut(panel.column(name).to_pandas(), 4) for name in ("age", "noise")}
    keys["class"] = pd.Series(panel.truth)
    mark, inside = frame["any"].to_numpy(float), keys["device"].to_numpy() == "phone"
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        for key in keys.values():
            frame.groupby(key, observed=True).agg(["sum", "size", "mean"])
        rates = time.perf_counter() - begin
        begin = time.perf_counter()
        permutation_test(
            (mark[inside], mark[~inside]),
            lambda own, rest, axis: own.mean(axis=axis) - rest.mean(axis=axis),
            vectorized=True,
            n_resamples=TIMED,
            batch=TIMED,
            alternative="greater",
            rng=np.random.default_rng(0),
        )
        times.append(rates + (time.perf_counter() - begin) / TIMED * RESAMPLES * n_pairs)
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    judged = judge(with_columns(make_realistic(options.examples)))
    n_pairs = len(find_slices(judged, BY, n_permutations=10).slices)
    mine, peer = ours(judged, options.repeats), plain(judged, n_pairs, options.repeats)
    own, other = statistics.median(mine), statistics.median(peer)
    print(
        f"{options.examples:,} examples of {SUBJECTS:,} subjects, {len(BY)} columns, {n_pairs} slices times saboteurs"
    )
    print(
        f"slices, against pandas and scipy  {own:.2f} s against {other:,.0f} s: {own / other:.3g} x"
        f" [{mine[0] / peer[-1]:.3g}, {mine[-1] / peer[0]:.3g}]"
    )


if __name__ == "__main__":
    main()
