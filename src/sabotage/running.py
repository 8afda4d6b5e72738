"""Running the cohorts of a permutation test on threads: the statistic of every replicate, the same for any number."""

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np

from sabotage.engines import COHORT, Engine
from sabotage.interrupts import Stop
from sabotage.measures import Measure

TASK = 1 << 22  # positions drawn by one task of a thread, some 10 ms


def run_cohorts(
    engine: Engine,
    measure: Measure,
    n_permutations: int,
    seed: int,
    threads: int,
    stop: Stop,
    progress: Callable[[int], None] | None,
) -> tuple[np.ndarray, int]:
    """Run all cohorts on a pool of threads; return the statistic of each replicate and the sum of the flips."""
    broken = np.empty(n_permutations)
    n_flips = done = 0
    n_classes = engine.plan.replay.panel.n_classes
    clean_said = engine.plan.replay.decision.count(n_classes) if engine.plan.counts_said else np.empty(0, np.int64)
    n_cohorts = -(-n_permutations // COHORT)
    # Several cohorts a task where they run together, or are so short that threads would wait for the bookkeeping.
    wanted = max(engine.together, TASK // max(1, COHORT * int(engine.plan.drawn.sum())))
    each = max(1, min(wanted, n_cohorts // (4 * threads)))
    tasks = iter(range(0, n_permutations, each * COHORT))
    waiting: dict[Future[np.ndarray], int] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            while not stop.asked:
                # A few more than there are threads, so that none waits and results do not pile up.
                for start in tasks if len(waiting) < 2 * threads else ():
                    size = min(each * COHORT, n_permutations - start)
                    waiting[pool.submit(_run_task, engine, seed, start // COHORT, size, stop)] = start
                    if len(waiting) >= 2 * threads:
                        break
                if not waiting:
                    break
                # Short waits: on some platforms an untimed one would not notice Ctrl-C.
                for future in wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED).done:
                    start = waiting.pop(future)
                    counts = future.result()
                    hits, flips, rest = np.split(counts, (n_classes, n_classes + 1), axis=1)
                    if measure.is_log:
                        values = np.ascontiguousarray(rest[:, 0]).view(np.float64) / len(engine.plan.order)
                    else:
                        values = measure.of_counts(engine.plan.fixed_hits + hits, clean_said + rest)
                    broken[start : start + len(counts)] = values
                    n_flips += int(flips.sum())
                    done += len(counts)
                    if progress is not None:
                        progress(done)
        except BaseException:
            stop.asked = True
            raise
    stop.check()
    return broken, n_flips


def _run_task(engine: Engine, seed: int, first_cohort: int, replicates: int, stop: Stop) -> np.ndarray:
    """Return what `Engine.run` counts of some cohorts: ndarray of shape (replicates, plan.width), int64."""
    counts = np.zeros((replicates, engine.plan.width), np.int64)
    n_whole = replicates // COHORT
    groups = [range(at, min(at + engine.together, n_whole)) for at in range(0, n_whole, engine.together)]
    if replicates % COHORT:
        groups.append(range(n_whole, n_whole + 1))
    for cohorts in groups:
        own = counts[cohorts.start * COHORT : cohorts.stop * COHORT]
        own = own.reshape(len(cohorts), -1, own.shape[1])
        shuffles = [engine.start(seed, first_cohort + cohort) for cohort in cohorts]
        for rows in engine.batches(own.shape[1], len(cohorts)):
            if stop.asked:
                return counts
            part = np.zeros_like(own[:, rows])
            engine.run(shuffles, part)
            own[:, rows] = part
    return counts


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use: its affinity, and its control group's quota."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        if quota != "max":
            cpus = min(cpus, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return cpus
