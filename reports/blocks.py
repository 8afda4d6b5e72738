"""What the page is made of: sections of paragraphs, lists, tables and figures, before there is any HTML."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sabotage.reports.tables import rounded

from sabotage.saying import p_text, percent

NONE = "–"
LONG = 300  # rows from which a table is packed: its rows are made when it is opened
Span = Sequence[float] | None


@dataclass(frozen=True)
class Column:
    """A heading: `key` is its name in a copied csv, `term` its entry among the definitions."""

    key: str
    heading: str
    term: str | None = None
    is_text: bool = False


@dataclass(frozen=True)
class Datum:
    """A number or name as it is shown.

    `text` is read, `beside` stands smaller below it, `value` and `interval` are copied, `tip` says what it is a share
    of or why there is none, and `case` is the cell of the cases that it counts.
    """

    text: str
    value: float | int | str | None = None
    interval: Span = None
    beside: str = ""
    tip: str = ""
    case: str | None = None


@dataclass(frozen=True)
class Grid:
    """A table: `key` is its id on the page, `is_folded` hides it behind its caption until it is asked for."""

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Datum, ...], ...]
    about: str = ""
    is_folded: bool = False

    @property
    def is_packed(self) -> bool:
        """Whether the rows are too many to stand on the page as markup."""
        return self.is_folded and len(self.rows) > LONG

    kind = "grid"


@dataclass(frozen=True)
class Text:
    """A paragraph; `terms` are definitions that it leads to, `tone` is "", "soft" or "strong"."""

    text: str
    tone: str = ""
    terms: tuple[str, ...] = ()
    kind = "text"


@dataclass(frozen=True)
class Pairs:
    """A list of what things are: heading, text, and the heading's definition or None."""

    rows: tuple[tuple[str, str, str | None], ...]
    kind = "pairs"


@dataclass(frozen=True)
class Picture:
    """A figure as an svg element, with what it shows in a title and a sentence."""

    name: str
    title: str
    about: str
    svg: str
    kind = "picture"


@dataclass(frozen=True)
class Listing:
    """Sentences behind a title that opens them."""

    title: str
    items: tuple[str, ...]
    kind = "listing"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind = "heading"


Block = Grid | Text | Pairs | Picture | Listing | Heading


@dataclass(frozen=True)
class Section:
    """A part of the page: `key` is its anchor, `short` its name in the navigation."""

    key: str
    title: str
    short: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Source:
    """What sections are made from: the content of audit.json, the cells of the cases, and the drawn figures."""

    content: Mapping[str, Any]
    cells: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def agents(self) -> Mapping[str, Any]:
        """The profiles by agent, in file order."""
        return self.content["agents"]

    def drawn(self, *names: str) -> Iterator[Picture]:
        """Yield those figures that there are."""
        yield from (self.pictures[name] for name in names if name in self.pictures)

    def case(self, *parts: object) -> str | None:
        """Return the key of a cell of the cases, None where there is none or it is empty."""
        key = ":".join(map(str, parts))
        return key if self.cells.get(key, {}).get("listed") else None

    def why(self, name: str, agent: str | None = None) -> str:
        """Return the note that says why a number is null, an empty text where none does."""
        notes = [note for note in self.content["notes"] if "null" in note and name in note]
        own = [note for note in notes if agent is not None and agent in note]
        return next(iter(own or [note for note in notes if not any(one in note for one in self.agents)]), "")


def named(name: object, beside: str = "") -> Datum:
    """Return a name from a file."""
    return Datum(str(name), str(name), beside=beside)


def counted(n: int | None, of: str = "", case: str | None = None, why: str = "") -> Datum:
    """Return a count; `of` is what it is a part of: "7,442 examples"."""
    if n is None:
        return Datum(NONE, tip=why or "not known")
    return Datum(f"{n:,}", n, tip=f"{n:,} of {of}" if of else "", case=case if n else None)


def part_of(n: int | None, of: int, what: str, case: str | None = None, why: str = "", interval: Span = None) -> Datum:
    """Return a count with its share below; the interval of the share is said where the number is asked about."""
    if n is None or not of:
        return counted(n, why=why)
    tip = f"{n:,} of {of:,} {what}{around(interval)}"
    return Datum(f"{n:,}", n, beside=percent(n / of), tip=tip, case=case if n else None)


def around(interval: Span) -> str:
    """Return the interval of a share in words, an empty text where there is none."""
    return "" if interval is None else f", 95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def measured(value: float | None, interval: Span = None, tip: str = "", why: str = "", signed: bool = False) -> Datum:
    """Return a number with its interval, both as finely as the interval tells; a dash with the reason where null."""
    if value is None:
        return Datum(NONE, tip=why or "not known")
    if interval is None:
        return Datum(_typeset(rounded(value, None, signed)), value, tip=tip)
    error = (interval[1] - interval[0]) / 2
    low, high = (_typeset(rounded(end, error, signed)) for end in interval)
    return Datum(_typeset(rounded(value, error, signed)), value, interval, f"[{low}, {high}]", tip)


def exact(value: float | None, digits: int = 4, tip: str = "", why: str = "") -> Datum:
    """Return a number with a fixed count of decimals."""
    return (
        Datum(NONE, tip=why or "not known") if value is None else Datum(_typeset(f"{value:.{digits}f}"), value, tip=tip)
    )


def shared(value: float | None, interval: Span = None, tip: str = "", why: str = "", digits: int = 1) -> Datum:
    """Return a share as a percentage, with its interval."""
    if value is None:
        return Datum(NONE, tip=why or "not known")
    beside = "" if interval is None else f"[{100 * interval[0]:.{digits}f}, {100 * interval[1]:.{digits}f}]"
    return Datum(percent(value, digits), value, interval, beside, tip)


def chance(p: float | None, tip: str = "", why: str = "") -> Datum:
    """Return a p-value."""
    return Datum(NONE, tip=why or "not known") if p is None else Datum(_typeset(p_text(p)), p, tip=tip)


def estimated(found: Mapping[str, Any] | None, tip: str = "", why: str = "", signed: bool = False) -> Datum:
    """Return an estimate as audit.json has it: value, standard error, interval, clusters."""
    if found is None:
        return Datum(NONE, tip=why or "not known")
    over = f"; interval over {found['n_clusters']:,} clusters" if found.get("n_clusters") else ""
    return measured(found["value"], found["interval"], (tip + over).removeprefix("; "), signed=signed)


def left_out(source: Source, key: str, what: str) -> Text:
    """Return the sentence that stands where a part of the content is missing or null."""
    if key not in source.content:
        return Text(f"Left out: the audit was written by a version of sabotage that did not keep {what}.", "soft")
    because = source.why(key)
    return Text(f"Left out: {because}." if because else f"Left out: {what} is not in this audit.", "soft")


def _typeset(number: str) -> str:
    """Write a minus as one."""
    return number.replace("-", "−")


Maker = Callable[[Source], Section | None]
