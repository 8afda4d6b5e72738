"""The options of `sabotage check`: one a gate, and what makes gates of them."""

from typing import TYPE_CHECKING, Any

import click

from sabotage.options import stacked

if TYPE_CHECKING:
    from sabotage.gates import Gate

Limit = tuple[str | None, float]


def limits(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[Limit]:
    """Take [AGENT=]NUMBER apart, each of several."""
    found: list[Limit] = []
    for text in values:
        agent, sign, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            raise click.BadParameter(f"found {text!r}; give a number, or an agent and one, voice=0.1") from None
        if sign and not agent.strip():
            raise click.BadParameter(f"found {text!r}; give a number, or an agent and one, voice=0.1")
        found.append((agent.strip() if sign else None, number))
    return found


def _limit(name: str, about: str, metavar: str = "[AGENT=]X") -> Any:
    return click.option(f"--{name}", multiple=True, metavar=metavar, callback=limits, help=f"{about}; repeatable.")


NUMBERED = (
    "max_saboteur_rate", "min_accuracy", "min_balanced_accuracy", "max_ece", "max_missing", "min_gap", "min_agreement",
)  # fmt: skip
gate_options = stacked(
    _limit("max-saboteur-rate", "Highest share of all examples that an agent (each, without AGENT=) sabotages"),
    _limit("min-accuracy", "Lowest accuracy of the decision, or of an agent where it spoke"),
    _limit("min-balanced-accuracy", "The same of balanced accuracy"),
    _limit("max-ece", "Highest calibration error of an agent (each, without AGENT=), 15 equal-width bins"),
    _limit("max-missing", "Highest share of all examples on which an agent (each, without AGENT=) is silent"),
    click.option("--min-gap", type=float, metavar="X", help="Lowest gap (gap_u) of the permutation test."),
    click.option("--require-verdict", metavar="A,B", help="Verdicts of the test that will do: helpful,neutral."),
    click.option("--min-agreement", type=float, metavar="X", help="Lowest share of recorded decisions replayed alike."),
    click.option(
        "--by-interval",
        is_flag=True,
        help="Judge the end of each number's 95 % interval that is against the gate; without an interval it fails.",
    ),
)


def gates_of(options: dict[str, Any]) -> "list[Gate]":
    """Take the gates out of a command's options."""
    from sabotage.gates import VERDICT, Gate

    gates = []
    for kind in NUMBERED:
        given = options.pop(kind)
        if isinstance(given, float):
            given = [(None, given)]
        gates += [Gate(kind, limit, agent) for agent, limit in given or ()]
    words = options.pop(VERDICT)
    if words is not None:
        gates.append(Gate(VERDICT, tuple(word.strip() for word in words.split(","))))
    return gates
