"""What was found of slices: the rate of sabotage in each, on all examples and on both halves."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Span = tuple[float, float]
MOST_ROWS = 500  # in audit.json


@dataclass(frozen=True)
class Half:
    """A slice on one half of the examples; the lift is to that half's rate, null where that is 0."""

    n: int
    n_sabotaged: int
    rate: float | None
    lift: float | None
    p_value: float | None


@dataclass(frozen=True)
class Slice:
    """How often decisions are sabotaged in one slice.

    Attributes
    ----------
    column, name : str
    agent : str or None
        The saboteur; None for any.
    n, n_clusters : int
        Examples of the slice, and independent clusters of them.
    n_sabotaged, n_wrong : int
        Examples with the saboteur, and wrong decisions.
    rate, rate_interval, of_wrong, of_wrong_interval
        Sabotaged examples among all of the slice, and among its wrong decisions; 95 %.
    lift, lift_interval
        The rate over the panel's; None where that is 0, the interval also where there is no sabotage in the slice.
    difference, difference_interval
        The rate less that of all other examples.
    p_value, p_value_two_sided : float or None
        The chance of as high a rate if sabotage had nothing to do with the column; of one as far off either way.
    first, second : Half or None
        Found on the first, confirmed on the second.
    is_tested, is_found, is_confirmed : bool
    p_adjusted : float or None
        Of the second half, Holm's over all that was found.
    """

    column: str
    name: str
    agent: str | None
    n: int
    n_clusters: int
    n_sabotaged: int
    n_wrong: int
    rate: float | None
    rate_interval: Span | None
    of_wrong: float | None
    of_wrong_interval: Span | None
    lift: float | None
    lift_interval: Span | None
    difference: float | None
    difference_interval: Span | None
    p_value: float | None
    p_value_two_sided: float | None
    first: Half | None
    second: Half | None
    is_tested: bool = False
    is_found: bool = False
    is_confirmed: bool = False
    p_adjusted: float | None = None


@dataclass(frozen=True)
class SliceColumn:
    """A column that examples were sliced by.

    `p_method` is "exact" or "permutations", `moves` says what moves by chance, `cluster` what is independent of each
    other, `n_left_out` counts values beyond the 50 most frequent, with `n_examples_left_out` examples.
    """

    column: str
    kind: str
    cuts: tuple[float, ...]
    n_slices: int
    n_left_out: int
    n_examples_left_out: int
    cluster: str
    p_method: str | None
    moves: str | None
    n_permutations: int | None


@dataclass(frozen=True)
class Overall:
    """How often an agent, or any of them (None), is a saboteur on all examples."""

    agent: str | None
    n_sabotaged: int
    rate: float
    rate_interval: Span | None
    of_wrong: float | None
    of_wrong_interval: Span | None


@dataclass(frozen=True, repr=False)
class Slices:
    """Slices of a panel, what was found on one half of it, and what was confirmed on the other.

    Attributes
    ----------
    columns : tuple of SliceColumn
    panel : tuple of Overall
        Of any saboteur, then of each agent.
    slices : tuple of Slice
        Confirmed ones first, then those found, by their lift; then those tested and too small, by p on all examples.
    n, n_wrong : int
    n_first, n_second : int or None
        Examples of the halves; None where they are too few clusters to part.
    n_tested, n_too_small, n_found, n_confirmed : int
        Slices times saboteurs.
    smallest, level, n_permutations, seed
        As asked for.
    notes : tuple of str
        Why numbers are null, and what was left out.
    """

    columns: tuple[SliceColumn, ...]
    panel: tuple[Overall, ...]
    slices: tuple[Slice, ...]
    n: int
    n_wrong: int
    n_first: int | None
    n_second: int | None
    n_tested: int
    n_too_small: int
    n_found: int
    n_confirmed: int
    smallest: int
    level: float
    n_permutations: int
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def confirmed(self) -> tuple[Slice, ...]:
        """The slices that were confirmed."""
        return tuple(own for own in self.slices if own.is_confirmed)

    def rows(self) -> list[dict[str, Any]]:
        """Return the numbers of every slice and saboteur; `<field>_low` and `<field>_high` are 95 % intervals."""
        rows, halves = [], [part.name for part in fields(Half)]
        for own in self.slices:
            row: dict[str, Any] = {}
            for name, value in vars(own).items():
                if name.endswith("_interval"):
                    what = name.removesuffix("_interval")
                    row[f"{what}_low"], row[f"{what}_high"] = value or (None, None)
                elif name in ("first", "second"):
                    row |= {f"{name}_{part}": getattr(value, part, None) for part in halves}
                else:
                    row[name] = value
            rows.append(row)
        return rows

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a slice and saboteur, as `rows` has them."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_dict(self, most: int = MOST_ROWS) -> dict[str, Any]:
        """Return the fields of audit.json, with the first 500 slices."""
        plain = {name: value for name, value in vars(self).items() if name not in ("columns", "panel", "slices")}
        return plain | {
            "notes": list(self.notes),
            "columns": [asdict(own) | {"cuts": list(own.cuts)} for own in self.columns],
            "panel": [_plain(asdict(own)) for own in self.panel],
            "slices": [_plain(asdict(own)) for own in self.slices[:most]],
            "n_slices_left_out": max(0, len(self.slices) - most),
        }

    def __repr__(self) -> str:
        from sabotage.slice_words import describe_slices

        return "\n".join(["Slices", *(f"  {sentence}" for sentence in describe_slices(self.to_dict(0), self.named()))])

    def named(self) -> list[dict[str, Any]]:
        """Return the fields of the slices that were confirmed."""
        return [_plain(asdict(own)) for own in self.confirmed]

    def _repr_html_(self) -> str:
        from sabotage.reports.slicing import slices_card

        return slices_card(self)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
