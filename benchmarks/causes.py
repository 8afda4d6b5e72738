"""How often a planted cause is found, and how often one is found where there is none, on panels drawn by chance.

Every row is a share of panels of a scenario of `sabotage simulate`, with its 95 % interval (Wilson), or a mean over
them with the least. Slices are by class, site, noise and device, 64 pairs of slice and saboteur at n = 2,000; runs are
three over the same examples.

    python benchmarks/causes.py [--panels 200] [--only slices|runs] [--processes 2] [--seed 0]
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from sabotage import Panel, Runs, Slices, compare_runs, find_slices, judge, simulate
from sabotage.spans import wilson

BY = ("class", "site", "noise", "device")
N_SLICED, N_RUNS, N_COMPARED = 2000, 3, 1000
SHUFFLES = 499
SLICED = (
    ("corrupted-class", 2000, ("y", "fear", "video")),
    ("corrupted-class", 800, ("y", "fear", "video")),
    ("corrupted-class", 400, ("y", "fear", "video")),
    ("corrupted-group", 2000, ("site", "north", "audio")),
    ("corrupted-group", 800, ("site", "north", "audio")),
    ("no-cause", 2000, None),
    ("ambiguous", 2000, None),
)
Shares = dict[str, bool | float]


def main() -> None:
    """Draw, analyze and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panels", type=int, default=200)
    parser.add_argument("--only", choices=["slices", "runs"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        for title, try_one in _tasks(options.only):
            seeds = range(options.seed, options.seed + options.panels)
            found = list(pool.map(try_one, seeds, chunksize=5))
            print(title, flush=True)
            for name in found[0]:
                _print(name, [one[name] for one in found])


def _tasks(only: str | None) -> Iterator[tuple[str, Callable[[int], Shares]]]:
    for scenario, n, planted in SLICED if only != "runs" else ():
        yield f"{scenario}, n = {n:,}", partial(try_slices, scenario, n, planted)
    for scenario in ("mislabelled", "bad-backbone", "no-cause") if only != "slices" else ():
        yield f"{scenario}, {N_RUNS} runs of n = {N_COMPARED:,}", partial(try_runs, scenario)


def _print(name: str, hits: list[bool | float]) -> None:
    if isinstance(hits[0], float):
        print(f"  {name:<52}{100 * sum(hits) / len(hits):6.1f} %, at least {100 * min(hits):.1f}")
        return
    (low, high) = wilson(np.array(sum(hits)), np.array(len(hits)))
    print(f"  {name:<52}{100 * sum(hits) / len(hits):6.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {len(hits):,}")


def try_slices(scenario: str, n: int, planted: tuple[str, str, str] | None, seed: int) -> Shares:
    """Return what is found of the slices of one panel."""
    panel: Panel = simulate(scenario, n, seed)
    found: Slices = find_slices(judge(panel), BY, n_permutations=SHUFFLES, seed=seed)
    if planted is None:
        return {"any slice is confirmed": bool(found.confirmed)}
    confirmed = {(own.column, own.name, own.agent) for own in found.confirmed}
    return {"what was planted is confirmed": planted in confirmed}


def try_runs(scenario: str, seed: int) -> Shares:
    """Return what is found of three runs over the same examples."""
    panels = {str(run): simulate(scenario, N_COMPARED, seed, run) for run in range(N_RUNS)}
    found: Runs = compare_runs(panels)
    assert found.variance is not None  # three runs over the same examples
    assert found.suspects is not None
    shares, excess = found.variance.shares, found.suspects.excess.interval
    (apart,) = [text for text in found.findings if "stands apart" in text or "is sabotaged on" in text]
    result = {
        "suspects are beyond chance": excess is not None and excess[0] > 0,
        "the dataset's share is above the model's": shares["dataset"].share > shares["model"].share,
        "the dataset's share leaves out 0": shares["dataset"].interval[0] > 0,
        "the model's share leaves out 0": shares["model"].interval[0] > 0,
        "a run is said to be apart": not apart.startswith("No run"),
        "run 2 is": apart.startswith("2 is sabotaged on"),
    }
    if scenario == "mislabelled":
        wrong = np.array(panels["0"].columns["mislabelled"].to_pylist(), bool)
        suspected = np.isin(panels["0"].ids.to_numpy(zero_copy_only=False).astype(str), list(suspects_of(found)))
        result["wrong labels that are suspects"] = float((suspected & wrong).sum() / wrong.sum())
        result["suspects that are wrong labels"] = float(wrong[suspected].mean())
    return result


def suspects_of(found: Runs) -> list[str]:
    """Return the ids of all suspects."""
    assert found.suspects is not None
    return [str(one.id) for one in found.suspects.examples]


if __name__ == "__main__":
    main()
