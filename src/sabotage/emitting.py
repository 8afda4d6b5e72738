"""Several agents asked about the same data: in threads or processes, and one failure is not the end of the run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING, Any

from sabotage.agents import Agent, Emissions
from sabotage.batches import count, take
from sabotage.errors import SabotageError, listed, unknown
from sabotage.records import check, joined, reason_of, require_some

if TYPE_CHECKING:
    from sabotage.permutation import Progress

CHUNK = 4096  # examples that an agent without a batch_size is asked at a time
BACKENDS = ("loky", "threading")


def emit(
    agents: Sequence[Agent],
    data: Any,
    *,
    n_jobs: int = 1,
    backend: str = "threading",
    progress: "Progress | bool | None" = None,
) -> dict[str, Emissions]:
    """Ask every agent about every example.

    An agent is asked chunk by chunk, of its own `batch_size` or of 4,096 examples, whatever `n_jobs` is. Where it
    raises an exception on a chunk, the examples of the chunk are asked one by one, and those on which it raises again
    have no emission but a reason. An agent that sees to this itself has a method `answer`, called in place of `emit`.

    Parameters
    ----------
    agents : sequence of Agent
    data : list, array, DataFrame, pyarrow Table or mapping of these
        n examples, of which each agent gets parts of the same kind.
    n_jobs : int
        How many chunks are asked at a time; -1 as many as there are processors. Results do not depend on it.
    backend : {"threading", "loky"}
        Threads, for agents that wait for a service or compute outside of Python; or processes, to which agents and
        data are sent.
    progress : callable or bool, optional
        Called with the number of answers so far and of all, one an agent and example; True shows a bar.

    Returns
    -------
    dict of str to Emissions
        By name, in the order of the agents.

    Raises
    ------
    SabotageError
        If agents share a name, one fails on all examples, or one emits what does not fit them. An agent's own
        SabotageError, which is about how it is used, ends the run too.
    """
    names = [agent.name for agent in agents]
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise SabotageError(f"the name of an agent must be a text: found {odd[0]!r:.80}")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SabotageError(f"agents must have different names: {listed(twice)} stands more than once")
    if backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise SabotageError(f"n_jobs must be a number of jobs, or -1 for one a processor: found {n_jobs!r:.80}")
    n = count(data)
    if not n:
        raise SabotageError("data must hold at least one example: found none")
    from joblib import Parallel, delayed

    tasks = []
    for agent in agents:
        size = max(1, int(getattr(agent, "batch_size", CHUNK)))
        tasks += [(agent, range(start, min(start + size, n))) for start in range(0, n, size)]
    calls = (delayed(_ask)(agent, data if len(rows) == n else take(data, rows)) for agent, rows in tasks)
    parts: dict[str, list[tuple[int, Emissions]]] = {name: [] for name in names}
    done = 0
    with _telling(progress) as tell:
        answers = _sent(Parallel(n_jobs=int(n_jobs), backend=backend, return_as="generator"), calls)
        for (agent, rows), said in zip(tasks, answers, strict=True):
            parts[agent.name].append((len(rows), said))
            done += len(rows)
            if tell is not None:
                tell(done, n * len(names))
    return {name: require_some(joined(own), n, name) for name, own in parts.items()}


def _ask(agent: Agent, batch: Any) -> Emissions:
    """Ask one agent about one chunk, example by example where it raises on the whole."""
    ask = getattr(agent, "answer", agent.emit)
    n = count(batch)
    try:
        said = ask(batch)
    except SabotageError:
        raise
    except Exception as error:
        if n > 1:
            return joined((1, _ask(agent, take(batch, [row]))) for row in range(n))
        said = Emissions(reasons=[reason_of(error)])
    check(said, n, agent.name)
    return said


def _sent(parallel: Any, calls: Iterable[Any]) -> Iterator[Emissions]:
    """Yield the answers of calls; says what processes cannot do in one sentence."""
    from concurrent.futures.process import BrokenProcessPool
    from pickle import PicklingError

    try:
        yield from parallel(calls)
    except PicklingError:
        raise SabotageError(
            "agents or data hold what cannot be sent to processes, such as a lock, a connection or an open file: use"
            " backend='threading'"
        ) from None
    except BrokenProcessPool:
        raise SabotageError(
            "a process ended while it was asked, out of memory or by a crash of the model: ask with fewer jobs, or use"
            " backend='threading'"
        ) from None


@contextmanager
def _telling(progress: "Progress | bool | None") -> "Iterator[Progress | None]":
    """Give the callback that tells how far it is: the caller's own, or one that moves a bar."""
    if not isinstance(progress, bool):
        yield progress
        return
    if not progress:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("answers", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
