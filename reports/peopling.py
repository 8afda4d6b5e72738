"""People with one modality and with all, for people: tables on a terminal and for a paper, rows for csv."""

from collections.abc import Iterator, Mapping, Sequence

from sabotage.reports.measured import NONE, bare_share, brief_text, chance_text, gain_text, share_text, span_cell
from sabotage.reports.tables import Cell, Table

from sabotage.errors import count_of
from sabotage.people import ErrorsShared, Gain, People
from sabotage.people_words import DECISION
from sabotage.tallies import Measure, Rate

MOST_CLASSES = 12  # on a terminal
SHARED = "the decision shares the errors of agents that it is made of"
Row = tuple[str, str, str, str, Rate | Measure]


def print_people(found: People) -> None:
    """Print what people gain by every modality, in all, by class and by ambiguity, and whether models fail alike."""
    from sabotage.reports.terminal import console, name_table, safe

    out = console()
    out.print()
    for sentence in found.finding:
        out.print(safe(sentence))
    rows: list[tuple[str, ...]]
    rows = [(one.single, share_text(one.alone), *_gain(one), chance_text(one.p_adjusted)) for one in found.gains]
    out.print(safe(f"\nGain of {found.full} over people with one modality, in points"))
    out.print(name_table(("alone", "gain", "helped", "hurt", "p adj."), rows, "people"))
    out.print(safe(f"helped, hurt: {found.full} alone right, and {found.full} alone wrong, of all examples"))
    classes = dict(list(found.by_class.items())[:MOST_CLASSES])
    left = len(found.by_class) - len(classes) + found.n_classes_left_out
    rest = f"; {count_of(left, 'more class', 'more classes')}, which --json shows" if left else ""
    parts: list[tuple[str, Mapping[str, Sequence[Gain]], str]] = [("class", classes, rest)]
    if found.by_ambiguity is not None:
        parts.append(("ambiguity", found.by_ambiguity, f"; thirds of {ambiguity_words(found.ambiguity)}"))
    for heading, part, more in parts:
        rows = []
        for name, gains in part.items():
            one = next(own for own in gains if own.single == found.best)
            rows.append((name, f"{one.full.n:,}", bare_share(one.alone), bare_share(one.full), *_gain(one)))
        out.print(safe(f"\nGain over {found.best} by {heading}{more}"))
        out.print(name_table(("n", "alone", "all", "gain", "helped", "hurt"), rows, heading))
    if found.errors:
        rows = []
        for error in found.errors:
            rates = (bare_share(error.wrong_where_wrong), bare_share(error.wrong_where_right))
            kappa = NONE if error.kappa.value is None else f"{error.kappa.value:.3f}"
            rows.append((f"{error.model}, {error.person}", *rates, kappa, brief_text(error.kappa_within_class)))
        out.print("\nWhether models fail where people fail")
        out.print(name_table(("they err", "they do not", "kappa", "within class"), rows, "model, people"))
        out.print(f"errors of the model where people err and where not; {SHARED}")


def ambiguity_words(source: str | None) -> str:
    """Say what thirds of the ambiguity were made of."""
    return "annotators' uncertainty" if source == "annotators" else "the entropy of single modalities' scores"


def tables(found: People) -> list[Table]:
    """Return what goes into a paper: gains, overall, by class and by ambiguity; and the errors shared with models."""
    parts: list[tuple[str, Sequence[Gain]]] = [("all", found.gains), *found.by_class.items()]
    if found.by_ambiguity is not None:
        parts += [(f"{level} ambiguity", gains) for level, gains in found.by_ambiguity.items()]
    body: list[tuple[Cell, ...]] = []
    for name, gains in parts:
        for one in gains:
            cells = [span_cell(one.alone), span_cell(one.full), span_cell(one.difference, True)]
            n = Cell(f"{one.full.n:,}", one.full.n)
            body.append((Cell(name, name), Cell(one.single, one.single), n, *cells, span_cell(one.hurt)))
    note = f"On the examples on which both spoke, with 95 % intervals; hurt: {found.full} alone is wrong."
    headings = ("part", "people", "n", "alone", found.full, "gain", "hurt")
    made = [Table(headings, tuple(body), f"What {found.full} gains over one modality.", (note,))]
    if found.errors:
        body = [
            (
                Cell(one.model, one.model),
                Cell(one.person, one.person),
                span_cell(one.wrong_where_wrong),
                span_cell(one.wrong_where_right),
                span_cell(one.kappa),
                span_cell(one.kappa_within_class),
            )
            for one in found.errors
        ]
        columns = ("model", "people", "wrong where they err", "wrong elsewhere", "kappa", "within class")
        made.append(Table(columns, tuple(body), "Errors that models share with people.", (f"{SHARED.capitalize()}.",)))
    return made


def rows(found: People) -> Iterator[Row]:
    """Yield part, what it is of, agent, measure and number of all that there is."""
    parts: list[tuple[str, str, Sequence[Gain]]] = [("people", "", found.gains)]
    parts += [("people by class", name, gains) for name, gains in found.by_class.items()]
    parts += [("people by ambiguity", name, gains) for name, gains in (found.by_ambiguity or {}).items()]
    for part, name, gains in parts:
        for one in gains:
            for field in ("full", "alone", "difference", "helped", "hurt"):
                yield part, name, one.single, field, getattr(one, field)
            if part == "people":
                for field in ("p_value", "p_adjusted"):
                    why = None if one.p_value is not None else "fewer than 10 clusters, or no spread"
                    yield part, name, one.single, field, Measure(getattr(one, field), None, one.full.n, why)
    for error in found.errors:
        for field in ErrorsShared.__dataclass_fields__:
            if field not in ("model", "person"):
                model = "the decision" if error.model == DECISION else error.model
                yield "errors shared", model, error.person, field, getattr(error, field)


def _gain(one: Gain) -> tuple[str, str, str]:
    return gain_text(one.difference), bare_share(one.helped), bare_share(one.hurt)
