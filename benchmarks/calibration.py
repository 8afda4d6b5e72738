"""Whether the permutation test is what it says: error rates, intervals, power and verdicts, on panels drawn by chance.

Every row of the table is a share of many panels whose answer is known, with its 95 % interval (Clopper and Pearson) and
what is claimed. A claim FAILS where that interval lies wholly outside of it, and holds otherwise. Rows with no claim
show what comes of a test that is told less than it should be.

- false positives: reliability is exchangeable, and p is at most .05. A replicate that equals what was observed counts
  against a finding, so that ties make p too large: fewer than 5 % are no failure, more are.
- subjects: scenario "grouped", whose examples are not exchangeable as p takes them to be; the verdict asks for more.
- coverage: the 95 % interval of the gap holds the true gap, in 93 to 97 % of the panels. The true gap is the mean over
  other panels of the same design, four times as many, in which each example takes the reliability of others; it is
  found without the package, and its error (a hundredth of a standard error, of 2,000 panels) hardly moves the share.
  The claim includes that the mean of `gap_u` lies within 4.5 of its standard errors of that.
- power: the interval leaves out 0, and the two-sided p is at most .05, as often as Phi(gap / se - 1.96) says, within 7
  points; at 2.80 standard errors that is 80 %.
- verdicts: of large simulated panels, what the scenario says, in 90 %.

Beside intervals stand the true gap, also in standard errors; the root mean square of these over the spread of `gap_u`;
and how many examples of a panel turn right or wrong with another one's reliability.

    python benchmarks/calibration.py [--panels 2000] [--only NAME] [--processes 2] [--seed 0]
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from unittest.mock import patch
from zlib import crc32

import numpy as np
import pyarrow as pa
from scipy.stats import binomtest, norm

from sabotage import Panel, permute, permute_each, replay, sampling
from sabotage.simulation import SCENARIOS, simulate
from sabotage.verdicts import WORDS

AGENTS, CLASSES = 3, 4
LEVEL = 0.05
REPLICATES = 199  # p is a multiple of 1/200: a test at .05 is exact on one side and on two
MORE_REPLICATES = 1_999  # for power, which falls a little short where replicates are few
DONORS, TARGET = 4, 4  # for the true gap: of each example, and panels for each one whose interval is tried
OFF, TOLERANCE = 4.5, 0.07  # standard errors; of the predicted power
STATISTICS = ("accuracy", "balanced_accuracy")
P, TWO_SIDED, WORD, GAP = range(4)  # what is kept of a test, and then the error and the interval of the gap


@dataclass(frozen=True)
class Drawn:
    """Some panels: truth (k, n), scores (k, n, M, C), reliability (k, n, M), NaN where an agent is silent.

    `columns` (n,) are the same in all of them, `roles` the fields of a panel that name one; `ids` (n,) may repeat.
    """

    truth: np.ndarray
    scores: np.ndarray
    reliability: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    ids: np.ndarray | None = None

    def panels(self) -> Iterator[Panel]:
        """Make the panels, one after the other."""
        ids = pa.array(np.arange(self.truth.shape[1]) if self.ids is None else self.ids)
        columns = {name: pa.array(values) for name, values in self.columns.items()}
        names, classes = tuple(f"agent{m}" for m in range(AGENTS)), tuple(range(CLASSES))
        for truth, scores, reliability in zip(self.truth.astype(np.int32), self.scores, self.reliability, strict=True):
            silent = np.isnan(reliability)
            labels = np.where(silent, -1, scores.argmax(axis=2)).astype(np.int32)
            scores = np.where(silent[:, :, None], np.nan, scores)
            top, given = scores.max(axis=2), {"columns": columns, **self.roles}
            yield Panel(names, classes, ids, truth, labels, top, scores, reliability, **given)


Random = np.random.Generator
Draw = Callable[[Random, int, int], Drawn]  # (random, panels, n)
Source = Callable[[Random, int], Iterable[Panel]]  # (random, panels)


def normal(random: Random, *shape: int) -> np.ndarray:
    return random.standard_normal(shape)


def draw_truth(random: Random, panels: int, n: int) -> np.ndarray:
    return random.choice(CLASSES, (panels, n), p=(0.35, 0.3, 0.2, 0.15))


def draw_scores(random: Random, truth: np.ndarray, skill: np.ndarray | float = 0.0) -> np.ndarray:
    """Draw class scores (k, n, M, C): examples clear or not, clearer with the agents' `skill` (k, n, M)."""
    clarity = 1.0 + skill + 0.8 * normal(random, *truth.shape, 1) + 0.8 * normal(random, *truth.shape, AGENTS)
    scores = 1.2 * normal(random, *truth.shape, AGENTS, CLASSES)
    scores += (truth[:, :, None] == np.arange(CLASSES))[:, :, None, :] * clarity[..., None]
    np.exp(scores, out=scores)
    return scores / scores.sum(axis=3, keepdims=True)


def draw_reliability(
    random: Random, truth: np.ndarray, scores: np.ndarray, level: np.ndarray | float = 0.0, strength=0.0, shared=1.0
) -> np.ndarray:
    """Draw reliability (k, n, M) about a level, higher by `strength` where an agent is right; `shared` noise."""
    knows = np.where(scores.argmax(axis=3) == truth[:, :, None], strength, -strength)
    noise = shared * normal(random, *truth.shape, 1) + 1.1 * normal(random, *truth.shape, AGENTS)
    return 1 / (1 + np.exp(-level - knows - noise))


def plain(random: Random, panels: int, n: int, strength: float = 0.0, skill: float = 0.0, shared: float = 1.0) -> Drawn:
    truth = draw_truth(random, panels, n)
    scores = draw_scores(random, truth, skill)
    return Drawn(truth, scores, draw_reliability(random, truth, scores, 0.0, strength, shared))


def sites(random: Random, panels: int, n: int) -> Drawn:
    """Draw six sites, in each of which other agents are good, and known to be; inside, reliability knows nothing."""
    site, truth = np.arange(n) % 6, draw_truth(random, panels, n)
    level = 1.5 * normal(random, panels, 6, AGENTS)[:, site]
    scores = draw_scores(random, truth, level)
    return Drawn(truth, scores, draw_reliability(random, truth, scores, level), {"site": site})


def missing(random: Random, panels: int, n: int) -> Drawn:
    """Draw agents that fall silent mostly where they would err, and weigh the less the fewer speak."""
    truth = draw_truth(random, panels, n)
    scores = draw_scores(random, truth)
    errs = scores.argmax(axis=3) != truth[:, :, None]
    silent = random.random(errs.shape) < np.where(errs, (0.1, 0.5, 0.7), (0.05, 0.1, 0.2))
    reliability = draw_reliability(random, truth, scores, -1.5 * silent.sum(axis=2, keepdims=True))
    return Drawn(truth, scores, np.where(silent, np.nan, reliability))


def repeated(random: Random, panels: int, n: int, named: bool = True) -> Drawn:
    """Draw n ids, each in three seeds that resemble each other in scores and reliability."""
    seed, unit = np.divmod(np.arange(3 * n), n)
    usual = plain(random, panels, n)
    truth, level = usual.truth[:, unit], 3.0 * normal(random, panels, n, AGENTS)[:, unit]
    scores = usual.scores[:, unit] * np.exp(0.3 * normal(random, *truth.shape, AGENTS, CLASSES))
    scores /= scores.sum(axis=3, keepdims=True)
    drawn = Drawn(truth, scores, draw_reliability(random, truth, scores, level))
    return replace(drawn, columns={"seed": seed}, roles={"seed_column": "seed"}, ids=unit) if named else drawn


def pairs(random: Random, panels: int, n: int) -> Drawn:
    """Draw what `plain` draws, reliability knowing much, and take two examples each for a block."""
    return replace(plain(random, panels, n, 3.0), columns={"block": np.arange(n) // 2})


def clustered(random: Random, panels: int, n: int) -> Drawn:
    """Draw 30 subjects, or 40 of more than 100 examples, whose levels of reliability know half of their skills."""
    groups, truth = 30 if n <= 100 else 40, draw_truth(random, panels, n)
    subject, skill, other = np.arange(n) % groups, *normal(random, 2, panels, groups, AGENTS)
    scores = draw_scores(random, truth, skill[:, subject])
    reliability = draw_reliability(random, truth, scores, (0.5 * skill + other)[:, subject], 0.7)
    return Drawn(truth, scores, reliability, {"subject": subject}, {"group": "subject"})


def blocks(random: Random, panels: int, n: int, size: int) -> Drawn:
    """Draw blocks of a few examples, with skills and levels of reliability that are the same in all panels."""
    block, truth = np.arange(n) // size, draw_truth(random, panels, n)
    skill, other = normal(np.random.default_rng([n, size]), 2, n // size, AGENTS)[:, block]
    scores = draw_scores(random, truth, skill)
    return Drawn(truth, scores, draw_reliability(random, truth, scores, 0.5 * skill + other, 1.0), {"block": block})


def hits(drawn: Drawn, reliability: np.ndarray, rule: str) -> np.ndarray:
    """Return where a rule is right, (k, n)."""
    if rule == "select_best":
        best = reliability.argmax(axis=2)[:, :, None]
        return np.take_along_axis(drawn.scores.argmax(axis=3), best, axis=2)[:, :, 0] == drawn.truth
    return (drawn.scores * reliability[..., None]).sum(axis=2).argmax(axis=2) == drawn.truth


def true_gaps(random: Random, panels: int, draw: Draw, n: int, rule: str, size: int) -> np.ndarray:
    """Return the gap of each panel by both statistics, and how many hits change with the donor: (panels, 3).

    Each example takes the reliability of some others of its block of `size` consecutive ones, at random distances.
    """
    drawn, place = draw(random, panels, n), np.arange(n)
    own = hits(drawn, drawn.reliability, rule).astype(float)
    gap, changed = np.zeros(own.shape), np.zeros(panels)
    for _ in range(DONORS):
        donor = place - place % size + (place + random.integers(1, size, (panels, 1))) % size
        lost = own - hits(drawn, np.take_along_axis(drawn.reliability, donor[:, :, None], axis=1), rule)
        gap += lost / DONORS
        changed += np.abs(lost).sum(axis=1) / DONORS
    n_true = (drawn.truth[:, :, None] == np.arange(CLASSES)).sum(axis=1)
    weight = 1 / (np.count_nonzero(n_true, axis=1)[:, None] * np.take_along_axis(n_true, drawn.truth, axis=1))
    return np.stack([gap.mean(axis=1), (weight * gap).sum(axis=1), changed], axis=1)


def of_draw(draw: Draw, n: int) -> Source:
    return lambda random, panels: draw(random, panels, n).panels()


def of_scenario(name: str, n: int) -> Source:
    return lambda random, panels: (simulate(name, n, int(random.integers(2**63))) for _ in range(panels))


def run_tests(
    random: Random, panels: int, source: Source, statistics=STATISTICS[1:], rule=None, donors=0, **options: object
) -> np.ndarray:
    """Test panels by each statistic, over all pairs or `donors` of each example: (panels, statistics, 7)."""
    options = {"n_permutations": REPLICATES, "threads": 1} | options | ({"exact": False} if donors else {})
    found = []
    with patch.multiple(sampling, PAIRS=0, FEWEST_DONORS=donors) if donors else nullcontext():
        for panel in source(random, panels):
            for statistic in statistics:
                seed = int(random.integers(2**63))
                one = permute(replay(panel, rule), statistic=statistic, seed=seed, **options)
                own, word = one.moments, WORDS.index(one.verdict.word)
                assert own.n_donors == (donors or None), "not the pairs that were asked for"
                found.append((one.p_value, one.p_value_two_sided, word, own.gap_u, own.gap_se, *own.gap_interval))
    return np.array(found).reshape(panels, len(statistics), -1)


def run_each(random: Random, panels: int, source: Source) -> np.ndarray:
    """Test each agent's reliability alone: the smallest adjusted p, one-sided and two-sided, (panels, 1, 2)."""
    smallest = []
    for panel in source(random, panels):
        seed = int(random.integers(2**63))
        found = permute_each(replay(panel), n_permutations=REPLICATES, seed=seed, threads=1).values()
        smallest.append((min(one.p_adjusted for one in found), min(one.p_two_sided_adjusted for one in found)))
    return np.array(smallest)[:, None]


@dataclass(frozen=True)
class Row:
    """A share of panels, the range claimed for it, and how many standard errors gap_u is `off` the true gap."""

    name: str
    hits: int
    trials: int
    low: float = 0.0
    high: float = 1.0
    note: str = ""
    off: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Clopper and Pearson)."""
        return tuple(binomtest(self.hits, self.trials).proportion_ci())

    @property
    def outcome(self) -> str:
        """Whether the claim holds or FAILS; "-" for none."""
        if (self.low, self.high) == (0, 1):
            return "-"
        low, high = self.interval
        return "holds" if low <= self.high and high >= self.low and abs(self.off) <= OFF else "FAILS"

    def __str__(self) -> str:
        share, low, high = (f"{100 * part:.1f}" for part in (self.hits / self.trials, *self.interval))
        claim = "" if self.outcome == "-" else f"{100 * self.low:.0f} to {100 * self.high:.0f} %"
        text = f"  {self.name:<51}{share:>6} % {f'[{low}, {high}]':<15} {claim:<13}{self.outcome:<7}{self.note}"
        return text.rstrip()


def error_rows(name: str, most: float, tests: np.ndarray) -> list[Row]:
    below = (tests[:, 0, [P, TWO_SIDED]] <= LEVEL).sum(axis=0).tolist()
    sides = zip(("one-sided", "two-sided"), below, strict=True)
    return [Row(f"{name}, {side}", found, len(tests), high=most) for side, found in sides]


def interval_rows(name: str, is_power: bool, tests: np.ndarray, target: np.ndarray) -> list[Row]:
    rows, changed = [], target[:, 2].mean()
    for s, statistic in enumerate(STATISTICS):
        gap, se, low, high = tests[:, s, GAP:].T
        true, sd = target[:, s].mean(), gap.std(ddof=1)
        off = (gap.mean() - true) / (sd**2 / len(gap) + target[:, s].var(ddof=1) / len(target)) ** 0.5
        ratio = true / se.mean()
        note = f"gap {true:+.3f}, {ratio:+.2f} se; se / sd {np.mean(se**2) ** 0.5 / sd:.2f}; {changed:.0f} hits change"
        share, bounds = (low <= true) & (true <= high), (0.93, 0.97)
        if is_power:
            share, power = ((low > 0) | (high < 0)) & (tests[:, s, TWO_SIDED] <= LEVEL), norm.cdf(ratio - 1.96)
            bounds = max(0.0, power - TOLERANCE), min(1.0, power + TOLERANCE)
            note = f"predicted {100 * power:.1f} %: {note}"
        rows.append(Row(f"{name}, {statistic}", int(share.sum()), len(tests), *bounds, note, off))
    return rows


def verdict_rows(name: str, words: tuple[str, ...], low: float, high: float, tests: np.ndarray) -> list[Row]:
    count = Counter(WORDS[int(word)] for word in tests[:, 0, WORD])
    found, note = sum(count[word] for word in words), ", ".join(f"{word} {count[word]}" for word in sorted(count))
    return [Row(f"{name}: {' or '.join(words)}", found, len(tests), low, high, note)]


@dataclass(frozen=True)
class Case:
    """A design: how its panels are tested, how those for the true gap are drawn, and the rows that come of both."""

    check: str
    name: str
    parts: tuple[Callable[[Random, int], np.ndarray], ...]
    rows: Callable[..., list[Row]]
    most: int = 1_000_000
    at_once: int = 100


def errors(name: str, draw: Draw, n: int, most: float = LEVEL, run: Callable = run_tests, **options: object) -> Case:
    tests = partial(run, source=of_draw(draw, n), **options)
    return Case("false positives", name, (tests,), partial(error_rows, name, most))


def subjects(groups: int) -> Case:
    name = f"{groups} subjects of 20"
    shown, claimed = partial(error_rows, f"{name}, p", 1.0), partial(verdict_rows, name, ("helpful", "harmful"))
    tests = partial(run_tests, source=of_scenario("grouped", 20 * groups))
    return Case("subjects", name, (tests,), lambda found: [*shown(found), *claimed(0.0, LEVEL, found)])


def intervals(
    name: str, draw: Draw, sizes=(60, 200, 800), rule="weighted_mean", block=0, is_power=False, **options: object
) -> Iterator[Case]:
    """Make a case for each number of examples, in one block or blocks of so many consecutive ones."""
    options |= {"rule": rule, "statistics": STATISTICS, "n_permutations": MORE_REPLICATES if is_power else 1}
    for n in sizes:
        tests = partial(run_tests, source=of_draw(draw, n), **options)
        target = partial(true_gaps, draw=draw, n=n, rule=rule, size=block or n)
        named = f"{name}, n = {n}"
        yield Case("power" if is_power else "coverage", named, (tests, target), partial(interval_rows, named, is_power))


def verdict(scenario: str) -> Case:
    n = {"uninformative": 12_000, "grouped": 60_000}.get(scenario, 2_000)  # for an interval narrower than +-.01
    tests = partial(run_tests, source=of_scenario(scenario, n))
    rows = partial(verdict_rows, f"{scenario}, n = {n:,}", (SCENARIOS[scenario].verdict,), 0.9, 1.0)
    return Case("verdicts", scenario, (tests,), rows, most=100, at_once=10)


ALIGNED, ALONE = partial(plain, strength=1.0), "any of 3 agents alone"
CASES = (
    errors("plain", plain, 120),
    errors("no row keeps its own", plain, 120, derangement=True),
    errors("5 strata of difficulty", plain, 120, within_difficulty=5),
    errors(ALONE, partial(plain, shared=0.0), 120, run=run_each),
    errors(f"{ALONE}, noise shared", plain, 120, 1.0, run_each),
    errors("inside 6 sites", sites, 120, within=["site"]),
    errors("across 6 sites", sites, 120, 1.0),
    errors("missing agents", missing, 160),
    errors("60 ids in 3 seeds, in step", repeated, 60),
    errors("60 ids in 3 seeds, each seed alone", repeated, 60, per_seed=True),
    errors("60 ids in 3 seeds, as 180 examples", partial(repeated, named=False), 60, 1.0),
    *map(subjects, (12, 30, 100)),
    *intervals("null", plain),
    *intervals("aligned", ALIGNED),
    *intervals("harmful", partial(plain, strength=-1.0)),
    *intervals("clear evidence", partial(plain, strength=1.0, skill=2.0)),
    *intervals("subjects", clustered),
    *intervals("blocks of 2", partial(blocks, size=2), block=2, within=["block"]),
    *intervals("blocks of 5", partial(blocks, size=5), block=5, within=["block"]),
    *intervals("pairs", pairs, block=2, within=["block"]),
    *intervals("select_best", ALIGNED, (60, 200), rule="select_best"),  # all pairs of more examples take long
    *intervals("select_best, 20 donors", ALIGNED, (200, 800), rule="select_best", donors=20),
    *intervals("20 donors", ALIGNED, (200, 800), donors=20),
    *intervals("weak", partial(plain, strength=0.18), (100, 400, 784, 1600), is_power=True),
    *map(verdict, SCENARIOS),
)


def run_job(number: int, part: int, seed: int, job: int, panels: int) -> np.ndarray:
    stream = crc32(f"{CASES[number].check}: {CASES[number].name}".encode())
    return CASES[number].parts[part](np.random.default_rng([seed, stream, part, job]), panels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="designs with this in 'check: name', as in 'coverage: null'")
    parser.add_argument("--panels", type=int, default=2000, help="of each design; at most 100 for verdicts")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="the panels are the same for any number of processes")
    options = parser.parse_args()
    chosen = [number for number, case in enumerate(CASES) if options.only in f"{case.check}: {case.name}"]
    if not chosen or options.panels < 2:
        parser.error("two panels are the fewest" if chosen else "no design has that in its name")
    start, check, rows, jobs = time.perf_counter(), "", [], []
    with ProcessPoolExecutor(options.processes) as pool:
        for number in chosen:
            case = CASES[number]
            for part, times in zip(range(len(case.parts)), (1, TARGET), strict=False):
                total, run = times * min(options.panels, case.most), partial(pool.submit, run_job, number, part)
                sizes = [min(case.at_once, total - first) for first in range(0, total, case.at_once)]
                jobs.append([run(options.seed, job, size) for job, size in enumerate(sizes)])
        for case in (CASES[number] for number in chosen):
            made = case.rows(*(np.concatenate([job.result() for job in jobs.pop(0)]) for _ in case.parts))
            print(*([case.check] if case.check != check else []), *made, sep="\n", flush=True)
            check, rows = case.check, rows + made
    outcomes = Counter(row.outcome for row in rows)
    fails = "; ".join(row.name for row in rows if row.outcome == "FAILS") or "none"
    print(f"{outcomes['holds']} of {outcomes['holds'] + outcomes['FAILS']} claims hold; that fail: {fails}")
    print(f"{options.panels:,} panels of each design, seed {options.seed}, {time.perf_counter() - start:,.0f} s")


if __name__ == "__main__":
    main()
