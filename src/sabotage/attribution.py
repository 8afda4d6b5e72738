"""What each agent adds to a statistic: left out alone, on average over subsets of the agents, and beside others."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from operator import index

import numpy as np

from sabotage.contrasts import Weighting, contrast, weigh_examples
from sabotage.errors import SabotageError, unknown
from sabotage.fusion import Replay, as_replay
from sabotage.interrupts import Stop, interruptible
from sabotage.intervals import FEWEST_CLUSTERS, clusters
from sabotage.kernels import fusing
from sabotage.measures import Measure, make_measure
from sabotage.notes import Notes
from sabotage.panel import Panel, chunks
from sabotage.partition import group_names
from sabotage.permutation import Progress
from sabotage.remarks import note_fit
from sabotage.running import usable_cpus
from sabotage.shapley import MOST_AGENTS, Game, exact_game, sampled_game
from sabotage.shares import Attributed, Attribution, Shares
from sabotage.subsets import nobodys_worth, patterns, silent, subset_worths

STATISTICS = ("accuracy", "balanced_accuracy", "log_likelihood")
MOST_EXACT = 12  # agents all of whose subsets are looked at
N_ORDERS = 200  # sampled for more agents than that
FEWEST_ORDERS = 4  # two pairs, which have an error
TASK_SHARE = 4  # by which the worths of a task are fewer than other temporaries: every thread holds some


def attribute(
    ready: Replay | Panel,
    *,
    statistics: Sequence[str] = STATISTICS,
    by_class: bool = True,
    by_group: bool = True,
    n_permutations: int = N_ORDERS,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Attribution:
    """Say what each agent adds to the statistics of a rule's decisions.

    A subset of the agents is worth what the rule reaches when nobody else speaks, weights made anew. An example on
    which nobody of a subset speaks is worth what can be had without agents: the sum of the squared shares of the
    classes for accuracy, one over their number for balanced accuracy, the sum of share times log share for the
    log-likelihood. So Shapley values sum to what all agents reach less that, for the panel, each class and each group.

    Parameters
    ----------
    ready : Replay or Panel
        A rule made ready for a panel, or a panel for its default rule.
    statistics : sequence of {"accuracy", "balanced_accuracy", "log_likelihood"}
        The last is None in the result, with the reason, where the rule's scores make no distribution.
    by_class, by_group : bool
        Whether to do the same for the examples of each class of the truth, and of each value of the panel's group.
    n_permutations : int
        Orders of the agents that are sampled where there are more than 12; at least 4, an odd number is rounded up.
    seed : int
        Of the sampled orders.
    threads : int, optional
        The CPUs that this process may use, unless given; the result does not depend on it.
    progress : callable, optional
        Called with the number of examples done and that of all.

    Returns
    -------
    Attribution

    Raises
    ------
    SabotageError
        For an unknown statistic, too few orders, more than 62 agents, or score sums that could overflow.

    Notes
    -----
    The work is 2^M decisions an example for up to 12 agents, and at most about `n_permutations` M for more.
    """
    ready = as_replay(ready)
    panel = ready.panel
    names = list(dict.fromkeys([statistics] if isinstance(statistics, str) else statistics))
    if not names:
        raise SabotageError("statistics must name one at least, such as accuracy: found none")
    wanted = (n_permutations, seed, usable_cpus() if threads is None else threads)
    n_orders, seed, threads = map(_whole, wanted)
    if n_orders < FEWEST_ORDERS or seed < 0 or threads < 1:
        raise SabotageError(
            f"orders (in Python n_permutations) must be at least {FEWEST_ORDERS}, seed at least 0 and threads at least"
            f" 1: found {n_orders}, {seed} and {threads}"
        )
    measures, reasons = _measures(names, ready)
    if ready.kind == fusing.CALL:
        raise SabotageError(f"{ready.rule.name} is a callable: what it decides without some agents is not known")
    if ready.is_linear and ready.overflow is not None:
        raise SabotageError(ready.overflow)
    is_exact = panel.n_agents <= MOST_EXACT
    if panel.n_agents > MOST_AGENTS:
        raise SabotageError(f"agents must be at most {MOST_AGENTS}: found {panel.n_agents}; panel.select takes some")
    game = exact_game(panel.n_agents) if is_exact else sampled_game(panel.n_agents, n_orders + n_orders % 2, seed)
    if not is_exact:
        reasons["interactions"] = f"interactions are of at most {MOST_EXACT} agents: found {panel.n_agents}"
    parts = list(_parts(panel, by_class, by_group and panel.group is not None))
    gains = _gain(ready, game, measures, parts, threads, progress)
    by_name: dict[str, Attributed | None] = dict.fromkeys(names)
    for name, measure in measures.items():
        found: dict[str, dict[str, Shares]] = {"panel": {}, "class": {}, "group": {}}
        for place, part in enumerate(parts):
            found[part.kind][part.name] = _shares(panel, game, measure, gains, part, place)
        each = {str(label): found["class"].get(str(label)) for label in panel.classes}
        by_name[name] = Attributed(
            name, found["panel"]["all"], each if by_class else None, found["group"] if found["group"] else None
        )
    notes = Notes(panel.notes)
    note_fit(ready, notes)
    if by_name.get("log_likelihood") is not None:
        notes.add(
            "a log-likelihood is at least that of 1e-12, -27.6: where few agents leave the truth less, it decides"
        )
    cluster = clusters(panel)
    n_clusters = panel.n_examples if cluster is None else len(np.unique(cluster))
    if n_clusters < FEWEST_CLUSTERS:
        notes.add(f"intervals are null: it takes {FEWEST_CLUSTERS} clusters, found {n_clusters}")
    elif by_class or (by_group and panel.group is not None):
        notes.add(f"the interval of a class or group is null where it has fewer than {FEWEST_CLUSTERS} clusters")
    return Attribution(
        rule=ready.rule.name,
        agents=panel.agents,
        n_examples=panel.n_examples,
        n_silent=int(np.count_nonzero((ready.spoken < 0).all(axis=1))),
        n_orders=None if game.after is None else len(game.after),
        seed=None if is_exact else seed,
        statistics=by_name,
        reasons=reasons,
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Examples whose attribution is wanted, `rows` (k,) by index, and their weights: of accuracy, balanced accuracy."""

    kind: str
    name: str
    rows: np.ndarray
    weightings: tuple[Weighting, Weighting]


@dataclass(frozen=True, eq=False)
class _Gains:
    """What every example adds to each of a game's numbers, before divisors.

    `spoken` (K, n) is by kind of worth, where somebody of a subset speaks; `silence` (U, K) is what the other subsets
    add for a worth of 1 each, by the pattern of who speaks, `pattern_of` (n,). `sampled` (P, S) is by statistic what
    the parts are worth with each subset, where orders are sampled.
    """

    spoken: dict[int, np.ndarray]
    silence: np.ndarray
    pattern_of: np.ndarray
    sampled: dict[str, np.ndarray]


def _parts(panel: Panel, by_class: bool, by_group: bool) -> Iterator[_Part]:
    """Yield all examples, those of each class that the truth has, and those of each group."""
    whole = (weigh_examples(panel, False), weigh_examples(panel, True))
    yield _Part("panel", "all", np.arange(panel.n_examples), whole)
    named = (panel.group, panel.seed_column, panel.fold_column)
    kept = {name: panel.column(name) for name in named if name is not None}
    slim = replace(panel, scores=None, fused_label=None, fused_scores=None, columns=kept)
    for c in np.unique(panel.truth) if by_class else ():
        rows = np.flatnonzero(panel.truth == c)
        alone = weigh_examples(slim.take(rows), False)
        yield _Part("class", str(panel.classes[c]), rows, (alone, alone))
    if not by_group or panel.group is None:
        return
    slim = replace(slim, group=None)  # inside a group its examples are the sample
    names, codes = group_names(panel, panel.group), panel.codes(panel.group)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        own = slim.take(rows)
        yield _Part("group", names[codes[rows[0]]], rows, (weigh_examples(own, False), weigh_examples(own, True)))


def _gain(
    ready: Replay,
    game: Game,
    measures: dict[str, Measure],
    parts: list[_Part],
    threads: int,
    progress: Progress | None,
) -> _Gains:
    """Go over the examples once, on threads; what is summed over chunks is summed in their order."""
    n, masks = ready.panel.n_examples, game.masks
    pattern = patterns(ready.spoken)
    seen, pattern_of = np.unique(pattern, return_inverse=True)
    silence = np.concatenate([silent(masks, seen[rows]) @ game.sums for rows in chunks(len(seen), len(masks))])
    kinds = {measure.kind: measure for measure in measures.values()}
    spoken = {kind: np.empty((game.sums.shape[1], n)) for kind in kinds}
    weights = {} if game.after is None else {name: _weights(parts, measure, n) for name, measure in measures.items()}
    sampled = {name: np.zeros((len(parts), len(masks))) for name in weights}

    def run(rows: slice, stop: Stop) -> dict[str, np.ndarray]:
        if stop.asked:
            return {}
        worth = dict(zip(kinds, subset_worths(ready, masks, kinds, rows), strict=True))
        for kind, values in worth.items():
            spoken[kind][:, rows] = (values @ game.sums).T
        added = {}
        for name, weight in weights.items():
            nobody = nobodys_worth(ready.panel, name) * silent(masks, pattern[rows])
            added[name] = weight[:, rows] @ (worth[measures[name].kind] + nobody)
        return added

    tasks = chunks(n, TASK_SHARE * len(kinds) * len(masks)) if kinds else []
    with interruptible() as stop, ThreadPoolExecutor(threads) as pool:
        try:
            for rows, future in [(rows, pool.submit(run, rows, stop)) for rows in tasks]:
                # Short waits: on some platforms an untimed one would not notice Ctrl-C.
                while not wait([future], timeout=0.2).done:
                    pass
                for name, added in future.result().items():
                    sampled[name] += added
                if progress is not None and not stop.asked:
                    progress(min(rows.stop, n), n)
        except BaseException:
            stop.asked = True
            raise
        stop.check()
    return _Gains(spoken, silence, pattern_of, sampled)


def _weights(parts: list[_Part], measure: Measure, n_examples: int) -> np.ndarray:
    """Return the weight that every example has in every part: sparse, of shape (P, n)."""
    from scipy.sparse import csr_array

    weights = [part.weightings[measure.by_class].weight for part in parts]
    columns = np.concatenate([part.rows for part in parts])
    bounds = np.cumsum([0, *map(len, weights)])
    found: np.ndarray = csr_array((np.concatenate(weights), columns, bounds), shape=(len(parts), n_examples))
    return found


def _shares(panel: Panel, game: Game, measure: Measure, gains: _Gains, part: _Part, place: int) -> Shares:
    """Return what agents add to a statistic on one part."""
    nobody = nobodys_worth(panel, measure.name)
    own, pattern = gains.spoken[measure.kind], gains.pattern_of[part.rows]
    numbers = []
    for k, divisor in enumerate(game.divisors):
        values = (own[k, part.rows] + nobody * gains.silence[pattern, k]) / divisor
        numbers.append(contrast(part.weightings[measure.by_class], values))
    n, names = panel.n_agents, panel.agents
    error = None
    if measure.name in gains.sampled:
        spread = game.monte_carlo_error(gains.sampled[measure.name][[place]])[0]
        error = dict(zip(names, spread.tolist(), strict=True))
    pairs = [(names[i], names[j]) for i, j in game.pairs]
    return Shares(
        n_examples=len(part.rows),
        nobody=nobody,
        everybody=numbers[-1].value,
        shapley=dict(zip(names, numbers[:n], strict=True)),
        leave_one_out=dict(zip(names, numbers[n : 2 * n], strict=True)),
        interactions=dict(zip(pairs, numbers[2 * n : -1], strict=True)) if game.after is None else None,
        monte_carlo_error=error,
    )


def _measures(names: list[str], ready: Replay) -> tuple[dict[str, Measure], dict[str, str]]:
    """Make the statistics ready; return those that can be had, and why others cannot."""
    measures, reasons = {}, {}
    for name in names:
        if name not in STATISTICS:
            raise unknown("statistic", name, STATISTICS)
        try:
            measures[name] = make_measure(name, ready)
        except SabotageError as error:
            reasons[name] = str(error)
    return measures, reasons


def _whole(number: int) -> int:
    try:
        return index(number)
    except TypeError:
        raise SabotageError(f"n_permutations, seed and threads must be whole numbers: found {number!r}") from None
