"""The permutation test: freeze everything, shuffle reliability across examples, see whether decisions suffer."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from threading import current_thread, main_thread
from typing import Any

import numpy as np

from sabotage import scoring
from sabotage.errors import SabotageError, unknown
from sabotage.fusion import Replay
from sabotage.kernels import _core, fusing
from sabotage.panel import Panel

MOST = 10**9  # replicates: their statistics have to fit into memory
COHORT = 64  # replicates that share one random stream a block; part of what a seed means
STATISTICS = ("accuracy", "balanced_accuracy")
TIE = 1e-12  # a broken statistic this close to the clean one counts as reaching it
# Donor indices at a time, a thread: few enough for the cache, enough replicates to read the evidence seldom.
DONORS = 1 << 21

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Permutation:
    """What shuffling reliability did to the replayed decisions.

    Attributes
    ----------
    scheme : str
        "joint": whole rows of reliability move.
    statistic : {"balanced_accuracy", "accuracy"}
    within : tuple of str
        Columns inside whose values rows moved, beside the availability pattern.
    n_blocks, n_permutations : int
    clean : float
        The statistic as observed.
    broken_mean, broken_sd, monte_carlo_error : float or None
        Over replicates (sd with divisor R - 1), and the standard error of their mean; None for one replicate.
    gap : float
        clean - broken_mean.
    p_value : float
        (1 + number of broken >= clean) / (R + 1), one-sided: does the observed pairing help?
    p_value_two_sided : float
        Twice the smaller tail, at most 1.
    flip_rate : float
        Mean share of all examples whose decision a shuffle changes.
    uniform_weights : float
        The statistic with every reliability set to 1.
    broken : ndarray of shape (R,)
        The statistic of each replicate.
    """

    scheme: str
    statistic: str
    within: tuple[str, ...]
    n_blocks: int
    n_permutations: int
    clean: float
    broken_mean: float
    broken_sd: float | None
    monte_carlo_error: float | None
    gap: float
    p_value: float
    p_value_two_sided: float
    flip_rate: float
    uniform_weights: float
    broken: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json; what does not exist yet is None."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "broken"}
        fields["within"] = list(self.within)
        pending = ("exact_mean", "exact_sd", "gap_u", "gap_se", "gap_interval", "n_clusters", "verdict")
        return fields | dict.fromkeys(pending)

    def __repr__(self) -> str:
        return (
            f"Permutation({self.scheme}, {self.n_permutations:,} replicates in {self.n_blocks:,} blocks:"
            f" {self.statistic} {self.clean:.4f} clean, {self.broken_mean:.4f} broken, gap {self.gap:+.4f},"
            f" p = {self.p_value:.4g}, flip rate {self.flip_rate:.4f})"
        )

    def _repr_html_(self) -> str:
        from sabotage.reports.page import permutation_card

        return permutation_card(self)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What every cohort reads: evidence in file order, the rest by position in the blocks' order."""

    replay: Replay
    starts: np.ndarray  # (n_blocks + 1,) int64
    order: np.ndarray  # (n,) int64: position -> example
    weights: np.ndarray  # (n, M) by position
    truth: np.ndarray  # (n,) by position
    clean: np.ndarray  # (n,) by position
    stop: list[bool]  # anything in it: stop; a list, since a signal handler may not wait for an Event's lock

    def batches(self, replicates: int) -> Iterator[slice]:
        """Cut a cohort into as many replicates as fit the cache."""
        step = max(1, min(COHORT, DONORS // len(self.order)))
        for start in range(0, replicates, step):
            yield slice(start, min(start + step, replicates))

    def run_cohort(self, seed: int, cohort: int, replicates: int) -> np.ndarray:
        """Return the hits by class and, last, the flips of one cohort: ndarray of shape (replicates, C + 1), int64."""
        n, n_classes = len(self.order), self.replay.panel.n_classes
        states = np.empty((len(self.starts) - 1, 4), np.uint64)
        entries = np.empty(n, np.int32)
        counts = np.zeros((replicates, n_classes + 1), np.int64)
        donors = np.empty((0, n), np.int32)
        _core.start_cohort(seed, cohort, self.starts, states, entries)
        for rows in self.batches(replicates):
            if self.stop:
                break
            if len(donors) < rows.stop - rows.start:
                donors = np.empty((rows.stop - rows.start, n), np.int32)
            part = donors[: rows.stop - rows.start]
            _core.draw(self.starts, states, entries, part)
            fusing.count_permuted(
                self.replay.kind,
                self.replay.evidence,
                self.replay.spoken,
                self.weights,
                self.order,
                self.truth,
                self.clean,
                part,
                counts[rows],
            )
        return counts


def permute(
    replay: Replay,
    *,
    statistic: str = "balanced_accuracy",
    scheme: str = "joint",
    within: Sequence[str] = (),
    n_permutations: int = 10_000,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Permutation:
    """Test whether decisions depend on which example a row of reliability belongs to.

    Evidence, availability, truth and rule stay as they are; whole rows of reliability move between examples that
    share their availability pattern and the values of `within` (arXiv:2606.26473; p as in Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585). It agrees with `scipy.stats.permutation_test` of type "pairings".

    Parameters
    ----------
    replay : Replay
        A rule made ready for a panel.
    statistic : {"balanced_accuracy", "accuracy"}
    scheme : {"joint"}
        What moves: whole rows of reliability.
    within : sequence of str
        Kept columns of the panel; a null is a value of its own.
    n_permutations : int
        Replicates, at least 1.
    seed : int in [0, 2**64)
        The same seed gives the same result to the last bit for any number of threads.
    threads : int, optional
        The CPUs that this process may use where None.
    progress : callable, optional
        Called in this thread with (replicates done, replicates in all).

    Raises
    ------
    SabotageError
        For an argument out of range, or a column that the panel does not keep.
    """
    panel = replay.panel
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    if scheme != "joint":
        raise unknown("scheme", scheme, ("joint",))
    n_permutations, seed = index(n_permutations), index(seed)
    if not 1 <= n_permutations <= MOST:
        raise SabotageError(f"the number of permutations must be at least 1, at most {MOST:,}: found {n_permutations}")
    if not 0 <= seed < 2**64:
        raise SabotageError(f"seed must lie in [0, 2^64): found {seed}")
    if threads is not None and threads < 1:
        raise SabotageError(f"threads must be at least 1: found {threads}")

    order, starts = blocks(panel, replay.spoken, within)
    n_true = np.bincount(panel.truth, minlength=panel.n_classes)

    def measure(hits: np.ndarray) -> float:
        if statistic == "accuracy":
            return int(hits.sum()) / panel.n_examples
        return scoring.balanced(hits, n_true)

    def measure_labels(labels: np.ndarray) -> float:
        return measure(np.bincount(panel.truth[labels == panel.truth], minlength=panel.n_classes))

    clean = measure_labels(replay.decision.labels)
    uniform = replay.weigh(np.ones_like(panel.reliability))
    if not replay.rule.uses_reliability:
        broken, n_flips = np.full(n_permutations, clean), 0
        uniform = replay.weights
    else:
        plan = _Plan(
            replay,
            starts,
            order,
            np.ascontiguousarray(replay.weights[order]),
            panel.truth[order],
            replay.decision.labels[order],
            [],
        )
        broken, n_flips = _run(plan, measure, n_permutations, seed, threads or usable_cpus(), progress)

    # Of deviations, so that replicates that all equal the clean one have a gap of exactly 0.
    lost = clean - broken
    gap = float(lost.mean())
    sd = float(lost.std(ddof=1)) if n_permutations > 1 else None
    upper = int(np.count_nonzero(broken >= clean - TIE))
    lower = int(np.count_nonzero(broken <= clean + TIE))
    p_value = (upper + 1) / (n_permutations + 1)
    return Permutation(
        scheme=scheme,
        statistic=statistic,
        within=tuple(within),
        n_blocks=len(starts) - 1,
        n_permutations=n_permutations,
        clean=clean,
        broken_mean=clean - gap,
        broken_sd=sd,
        monte_carlo_error=None if sd is None else sd / n_permutations**0.5,
        gap=gap,
        p_value=p_value,
        p_value_two_sided=min(1.0, 2 * min(p_value, (lower + 1) / (n_permutations + 1))),
        flip_rate=n_flips / (n_permutations * panel.n_examples),
        uniform_weights=measure_labels(replay.decide_labels(uniform)),
        broken=broken,
    )


def blocks(panel: Panel, spoken: np.ndarray, within: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Order the examples by block: those that share availability pattern and the values of the columns.

    Returns the examples in blocks' order (n,), file order inside each block, and the blocks' starts (n_blocks + 1,),
    both int64.
    """
    code = np.zeros(panel.n_examples, np.int64)
    for m in range(panel.n_agents):
        code = _refined(code, spoken[:, m] >= 0)
    for name in within:
        column = panel.column(name).dictionary_encode()
        values = column.indices.to_numpy(zero_copy_only=False)
        code = _refined(code, np.nan_to_num(values, nan=-1).astype(np.int64) + 1)
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(code[order]) > 0, True])
    return order.astype(np.int64), starts.astype(np.int64)


def _refined(code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Number the pairs (code, value) from 0, so that many columns never overflow."""
    pairs = code * (int(values.max()) + 1) + values
    return np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def _run(
    plan: _Plan,
    measure: Callable[[np.ndarray], float],
    n_permutations: int,
    seed: int,
    threads: int,
    progress: Progress | None,
) -> tuple[np.ndarray, int]:
    """Run all cohorts on a pool of threads; return the statistic of each replicate and the sum of the flips."""
    broken = np.empty(n_permutations)
    n_flips = done = 0
    n_cohorts = -(-n_permutations // COHORT)
    waiting: dict[Future[np.ndarray], int] = {}
    cohorts = iter(range(n_cohorts))
    with interrupt_stops(plan.stop), ThreadPoolExecutor(threads) as pool:
        try:
            while not plan.stop:
                # A few more than there are threads, so that none waits and results do not pile up.
                for cohort in cohorts if len(waiting) < 2 * threads else ():
                    size = min(COHORT, n_permutations - cohort * COHORT)
                    waiting[pool.submit(plan.run_cohort, seed, cohort, size)] = cohort
                    if len(waiting) >= 2 * threads:
                        break
                if not waiting:
                    break
                # Short waits: on some platforms an untimed one would not notice Ctrl-C.
                for future in wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED).done:
                    cohort = waiting.pop(future)
                    counts = future.result()
                    start = cohort * COHORT
                    broken[start : start + len(counts)] = [measure(hits) for hits in counts[:, :-1]]
                    n_flips += int(counts[:, -1].sum())
                    done += len(counts)
                    if progress is not None:
                        progress(done, n_permutations)
        except BaseException:
            plan.stop.append(True)
            raise
    return broken, n_flips


@contextmanager
def interrupt_stops(stop: list[bool]) -> Iterator[None]:
    """Make Ctrl-C fill `stop` instead of raising, and raise KeyboardInterrupt at the end.

    Raised anywhere, it could leave a lock of the pool taken for good, and the threads would wait for it: seen once in
    some fifty interrupts.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupted: list[bool] = []

    def remember(*_: object) -> None:
        interrupted.append(True)
        stop.append(True)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupted:
        raise KeyboardInterrupt


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
