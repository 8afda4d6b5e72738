"""The permutation test: freeze everything, shuffle reliability across examples, see whether decisions suffer."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from operator import index
from typing import Any

import numpy as np

from sabotage.engines import COHORT, SCHEMES, Engine, make_engine
from sabotage.errors import SabotageError, unknown
from sabotage.exact import MOST_PAIRS, Moments, count_pairs, moments, sum_pairs, unmoved
from sabotage.fusion import Decision, Replay
from sabotage.interrupts import Stop, interruptible
from sabotage.panel import Panel
from sabotage.planning import Plan, make_plan

TASK = 1 << 22  # positions drawn by one task of a thread, some 10 ms
MOST = 10**9  # replicates: their statistics have to fit into memory
STATISTICS = ("accuracy", "balanced_accuracy", "macro_f1", "top_2", "top_3")
NO_SUM = "macro-F1 is no sum over examples"
TIE = 1e-12  # a broken statistic this close to the clean one counts as reaching it

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Permutation:
    """What shuffling reliability did to the replayed decisions.

    Attributes
    ----------
    scheme : {"joint", "independent", "single"}
        What moved: whole rows of reliability, each agent's on its own, or one agent's alone.
    statistic : str
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
    agent : str or None
        Whose reliability moved, of scheme "single".
    moments : Moments or None
        Exact mean and standard deviation, and the gap with its interval.
    why_no_moments : str or None
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
    agent: str | None
    moments: Moments | None
    why_no_moments: str | None
    broken: np.ndarray

    @property
    def measure(self) -> str:
        """The statistic in words."""
        return (
            f"top-{self.statistic[4:]} coverage"
            if self.statistic.startswith("top_")
            else self.statistic.replace("_", " ")
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of audit.json; what could not be had is None."""
        apart = ("agent", "moments", "why_no_moments", "broken")
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in apart}
        fields["within"] = list(self.within)
        exact = dict.fromkeys(Moments.__dataclass_fields__) if self.moments is None else asdict(self.moments)
        if exact["gap_interval"] is not None:
            exact["gap_interval"] = list(exact["gap_interval"])
        return fields | exact | {"verdict": None, "agent": self.agent}

    def __repr__(self) -> str:
        return (
            f"Permutation({self.scheme}, {self.n_permutations:,} replicates in {self.n_blocks:,} blocks:"
            f" {self.statistic} {self.clean:.4f} clean, {self.broken_mean:.4f} broken, gap {self.gap:+.4f},"
            f" p = {self.p_value:.4g}, flip rate {self.flip_rate:.4f})"
        )

    def _repr_html_(self) -> str:
        from sabotage.reports.page import permutation_card

        return permutation_card(self)


def permute(
    replay: Replay,
    *,
    statistic: str = "balanced_accuracy",
    scheme: str = "joint",
    agent: str | None = None,
    within: Sequence[str] = (),
    n_permutations: int = 10_000,
    seed: int = 0,
    exact: bool | None = None,
    threads: int | None = None,
    engine: str | None = None,
    progress: Progress | None = None,
) -> Permutation:
    """Test whether decisions depend on which example a row of reliability belongs to.

    Evidence, availability, truth and rule stay as they are; reliability moves between examples that share their
    availability pattern and the values of `within` (arXiv:2606.26473; p as in Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585). It agrees with `scipy.stats.permutation_test` of type "pairings". Beside it stand the
    exact mean and standard deviation over all permutations (Hoeffding 1951, doi:10.1214/aoms/1177729391) and the gap
    with its sampling error, from sums over all pairs of examples in a block.

    Parameters
    ----------
    replay : Replay
        A rule made ready for a panel.
    statistic : {"balanced_accuracy", "accuracy", "macro_f1", "top_2", "top_3", ...}
        Means over the classes present in the truth; top_k is the coverage of the truth by the k highest scores, over
        all examples. macro_f1 is counted by numba.
    scheme : {"joint", "independent", "single"}
        What moves: whole rows of reliability, each agent's column on its own, or one agent's column alone.
    agent : str, optional
        Whose column moves, for "single" and only there.
    within : sequence of str
        Kept columns of the panel; a null is a value of its own.
    n_permutations : int
        Replicates, at least 1.
    seed : int in [0, 2**64)
        The same seed gives the same result to the last bit for any number of threads, and for either engine.
    exact : bool, optional
        Whether to sum over all pairs; where None, up to 4e9 pairs, which take about as long as 10,000 replicates.
        Schemes "joint" and "single" of linear rules have such sums.
    threads : int, optional
        The CPUs that this process may use where None.
    engine : {"core", "numba"}, optional
        Who runs the replicates: the C core where it can, unless told otherwise. The results are the same.
    progress : callable, optional
        Called in this thread with (replicates done, replicates in all).

    Raises
    ------
    SabotageError
        For an argument out of range, a column that the panel does not keep, or exact sums that do not exist.
    """
    panel = replay.panel
    top = _top_of(statistic, panel.n_classes)
    if scheme not in SCHEMES:
        raise unknown("scheme", scheme, SCHEMES)
    if (agent is not None) != (scheme == "single"):
        raise SabotageError("agent says whose reliability moves: give it for scheme single, and only there")
    if agent is not None and agent not in panel.agents:
        raise unknown("agent", agent, panel.agents)
    n_permutations, seed = index(n_permutations), index(seed)
    if not 1 <= n_permutations <= MOST:
        raise SabotageError(f"the number of permutations must be at least 1, at most {MOST:,}: found {n_permutations}")
    if not 0 <= seed < 2**64:
        raise SabotageError(f"seed must lie in [0, 2^64): found {seed}")
    if threads is not None and threads < 1:
        raise SabotageError(f"threads must be at least 1: found {threads}")

    n_true = np.bincount(panel.truth, minlength=panel.n_classes)
    if statistic == "balanced_accuracy":
        class_weights = np.divide(1.0, np.count_nonzero(n_true) * n_true, out=np.zeros(len(n_true)), where=n_true > 0)
    else:
        class_weights = np.full(len(n_true), 1 / panel.n_examples)

    present = n_true > 0

    def measure(hits: np.ndarray, said: np.ndarray) -> np.ndarray:
        """Return the statistic of each row of hits by true class and of decisions by class (replicates, C)."""
        if statistic == "balanced_accuracy":
            return (hits[:, present] / n_true[present]).sum(axis=1) / np.count_nonzero(present)
        if statistic == "macro_f1":
            return (2 * hits[:, present] / (n_true + said)[:, present]).sum(axis=1) / np.count_nonzero(present)
        return hits.sum(axis=1) / panel.n_examples

    def measure_one(decision: Decision) -> float:
        hits = np.bincount(panel.truth[decision.hits(panel.truth, top)], minlength=panel.n_classes)
        return float(measure(hits[None], decision.count(panel.n_classes)[None])[0])

    with interruptible() as stop:
        plan = make_plan(replay, within, top, stop.check, counts_said=statistic == "macro_f1")
        clean = measure_one(replay.decision)
        if not replay.rule.uses_reliability:
            broken, n_flips = np.full(n_permutations, clean), 0
            uniform, why, sums = replay.weights, NO_SUM if plan.counts_said else None, unmoved(plan)
        else:
            number = None if agent is None else panel.agents.index(agent)
            runner = make_engine(plan, scheme, number, engine, stop.check)
            why, sums = _why_not_exact(plan, runner, exact), None
            threads = threads or usable_cpus()
            broken, n_flips = _run(runner, measure, n_permutations, seed, threads, stop, progress)
            if why is None:
                sums = sum_pairs(runner, class_weights, threads, stop.check)
            uniform = replay.weigh(np.ones_like(panel.reliability))
    average = statistic != "balanced_accuracy"
    given = None if sums is None or why is not None else moments(plan, sums, class_weights, _clusters(panel), average)

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
        n_blocks=plan.n_blocks,
        n_permutations=n_permutations,
        clean=clean,
        broken_mean=clean - gap,
        broken_sd=sd,
        monte_carlo_error=None if sd is None else sd / n_permutations**0.5,
        gap=gap,
        p_value=p_value,
        p_value_two_sided=min(1.0, 2 * min(p_value, (lower + 1) / (n_permutations + 1))),
        flip_rate=n_flips / (n_permutations * panel.n_examples),
        uniform_weights=measure_one(replay.decide(uniform)),
        agent=agent,
        moments=given,
        why_no_moments=why,
        broken=broken,
    )


def permute_each(replay: Replay, **options: Any) -> dict[str, Permutation]:
    """Run scheme "single" once for each agent: whose reliability matters?

    Takes the options of `permute` but scheme and agent. The same draws serve every agent.
    """
    return {agent: permute(replay, scheme="single", agent=agent, **options) for agent in replay.panel.agents}


def to_dict_each(permutations: Mapping[str, Permutation]) -> dict[str, Any]:
    """Return the tests of `permute_each` in the fields of audit.json: those of one agent are None, and in "agents"."""
    each = {agent: permutation.to_dict() for agent, permutation in permutations.items()}
    shared = ("scheme", "statistic", "within", "n_blocks", "n_permutations", "clean", "uniform_weights")
    first = next(iter(each.values()))
    return {name: value if name in shared else None for name, value in first.items()} | {"agents": each}


def _top_of(statistic: str, n_classes: int) -> int:
    """Return k of "top_k", 0 for the statistics of decisions."""
    found = re.fullmatch(r"top_([1-9]\d*)", statistic)
    if found is None:
        if statistic not in STATISTICS:
            raise unknown("statistic", statistic, STATISTICS)
        return 0
    if int(found[1]) > n_classes:
        raise SabotageError(f"statistic {statistic} needs that many classes: there are {n_classes}")
    return int(found[1])


def _why_not_exact(plan: Plan, runner: Engine, exact: bool | None) -> str | None:
    """Return why there will be no sums over all pairs, None where there will."""
    rule = plan.replay.rule
    if runner.scheme == "independent":
        why = "exact sums exist for the schemes joint and single, not for independent"
    elif not plan.replay.is_linear:
        why = f"exact sums exist for linear rules: {rule.name} is none"
    elif plan.counts_said:
        why = NO_SUM
    elif rule.weight == "softmax" and runner.scheme == "single":
        why = f"exact sums exist for weights that move as they are: those of {rule.name} depend on the whole row"
    elif exact is False:
        return "exact sums were not asked for"
    elif exact is None and (pairs := count_pairs(plan, runner.scheme)) > MOST_PAIRS:
        return f"exact sums over {pairs:,} pairs of examples take long: --exact (in Python exact=True) asks for them"
    else:
        return None
    if exact:
        raise SabotageError(why)
    return why


def _clusters(panel: Panel) -> np.ndarray | None:
    """Return the cluster of each example (n,), the nulls being one together; None where no group is named."""
    if panel.group is None:
        return None
    return np.unique(panel.codes(panel.group), return_inverse=True)[1]


def _run(
    engine: Engine,
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    n_permutations: int,
    seed: int,
    threads: int,
    stop: Stop,
    progress: Progress | None,
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
                    hits, flips, said = np.split(counts, (n_classes, n_classes + 1), axis=1)
                    broken[start : start + len(counts)] = measure(engine.plan.fixed_hits + hits, clean_said + said)
                    n_flips += int(flips.sum())
                    done += len(counts)
                    if progress is not None:
                        progress(done, n_permutations)
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
