"""A methods paragraph for people: text with numbered sources, Markdown with links, LaTeX with BibTeX."""

import re

from sabotage.reports.tables import latex_text, markdown_text

from sabotage.bibliography import Source
from sabotage.errors import unknown
from sabotage.methods import Methods

PLUS_MINUS = r"$\pm$"
FORMATS = ("latex", "markdown", "text")
_PAGES = r"(?P<pages>\d+-\d+)"
PLACES = {
    "article": re.compile(rf"(?P<journal>\D+) (?P<volume>\d+)\((?P<number>\d+)\), (?:{_PAGES}|(?P<note>article \d+))"),
    "incollection": re.compile(rf"(?P<booktitle>[^,]+), (?P<publisher>[^,]+), {_PAGES}"),
}


def render(methods: Methods, format: str = "text") -> str:
    """Return the paragraph and its sources: "text", "markdown", or "latex" (the paragraph alone, with \\cite keys).

    Raises SabotageError for another format.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if format == "latex":
        return _to_latex(methods)
    lines = [markdown_text(methods.text) if format == "markdown" else methods.text]
    for place, source in enumerate(methods.sources, 1):
        lines.append(f"{place}. {_in_markdown(source)}" if format == "markdown" else f"[{place}] {_in_text(source)}")
    return "\n\n".join(lines[:1]) + "\n\n" + "\n".join(lines[1:]) + "\n"


def to_bibtex(methods: Methods) -> str:
    """Return the sources as BibTeX entries."""
    return "\n".join(_entry(source) for source in methods.sources)


def _names(source: Source) -> str:
    return source.authors.replace(" and others", " et al.").replace(" and ", ", ")


def _in_text(source: Source) -> str:
    return f"{_names(source)} ({source.year}). {source.title}. {source.where}. {source.link}"


def _in_markdown(source: Source) -> str:
    return f"{_names(source)} ({source.year}). {source.title}. {source.where}. <{source.link}>"


def _to_latex(methods: Methods) -> str:
    parts = []
    for one in methods.sentences:
        cited = f"~\\cite{{{','.join(one.keys)}}}" if one.keys else ""
        parts.append(latex_text(one.words).replace("+-", PLUS_MINUS) + cited + ".")
    return " ".join(parts) + "\n"


def _entry(source: Source) -> str:
    fields = {
        "author": source.authors,
        "year": str(source.year),
        "title": f"{{{source.title}}}",  # keeps its capitals
        **_place(source),
        "doi": source.doi,
        "url": source.url,
    }
    body = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items() if text is not None)
    return f"@{source.kind}{{{source.key},\n{body}}}\n"


def _place(source: Source) -> dict[str, str]:
    """Take apart where a source stands: "Biometrics 44(3), 837-845", or a book, its publisher and the pages there."""
    pattern = PLACES.get(source.kind)
    found = None if pattern is None else pattern.fullmatch(source.where)
    if found is None:
        return {"publisher" if source.kind == "book" else "note": source.where}
    place = {name: text for name, text in found.groupdict().items() if text is not None}
    return place | ({"pages": place["pages"].replace("-", "--")} if "pages" in place else {})
