"""The page and figures of an audit that was written before, where they are wanted."""

from collections.abc import Sequence
from pathlib import Path

from sabotage.errors import SabotageError
from sabotage.files import make_folder, written
from sabotage.saved import load_audit

PAGES = (".html", ".htm")


def rebuild(path: str, output: str | None, formats: Sequence[str]) -> list[str]:
    """Write the page of an audit.json, and its figures in a folder beside it; return the names of what was written.

    Parameters
    ----------
    path : str
        The file audit.json, or its folder.
    output : str or None
        A folder, made where there is none, or the name of the page; report.html beside audit.json where None.
    formats : sequence of str
        Of figures; none are written where it is empty, or ["none"].
    """
    from sabotage.reports.figures import write_figures
    from sabotage.reports.figures.rendering import check_formats

    formats = check_formats([name.strip() for name in formats if name.strip() not in ("", "none")])
    audit = load_audit(path)
    page = _page(Path(audit.path).parent if output is None else Path(output))
    if page.exists() and (page.is_dir() or page.samefile(audit.path)):
        raise SabotageError(f"{page} is no place for a page: give -o a folder, or a name that ends in .html")
    text = audit.to_html()
    make_folder(page.parent)
    with written(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    figures = write_figures(dict(audit.content), page.parent / "figures", formats) if formats else []
    return [str(page), *(str(page.parent / "figures" / name) for name in figures)]


def _page(place: Path) -> Path:
    return place if place.suffix.lower() in PAGES and not place.is_dir() else place / "report.html"
