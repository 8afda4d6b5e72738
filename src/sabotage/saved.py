"""An audit that was written before: its page and figures again, without the table and without computing anything."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sabotage.contents import audit_file, read_content, taken_apart
from sabotage.errors import SabotageError, SabotageWarning

if TYPE_CHECKING:
    from sabotage.reports.figures import Drawing

# What a page cannot do without; other keys came with later versions, and their sections are left out.
NEEDED = (
    "sabotage", "input", "settings", "decision", "bounds", "agents", "sabotage_totals", "finding", "notes",
    "between_agents", "alignment",
)  # fmt: skip
CASES = ("agents", "classes", "roles", "examples", "cells", "n_examples", "n_listed", "order")


@dataclass(frozen=True, eq=False, repr=False)
class SavedAudit:
    """What audit.json holds.

    Attributes
    ----------
    content : mapping
        What `Audit.to_dict` returned.
    cases : mapping or None
        The examples behind the numbers, where a cases.json of this audit stood beside it.
    path : str
    """

    content: Mapping[str, Any]
    cases: Mapping[str, Any] | None
    path: str

    @property
    def figures(self) -> "list[Drawing]":
        """The figures that the audit has data for, in the order of the report."""
        from sabotage.reports.figures import drawings

        return drawings(dict(self.content))

    def to_html(self) -> str:
        """Return the report as one self-contained page.

        Raises
        ------
        SabotageError
            If something inside the content is missing or of another kind.
        """
        from sabotage.reports.drawn import pictures
        from sabotage.reports.page import report_page

        with taken_apart(self.path):
            return report_page(self.content, self.cases, pictures(self.content))

    def _repr_html_(self) -> str:
        from sabotage.reports.cards import audit_card

        return audit_card(self.content)

    def __repr__(self) -> str:
        return "\n".join([f"Audit in {self.path}", *self.content["finding"]])


def load_audit(path: str | Path) -> SavedAudit:
    """Read an audit.json, and the cases.json beside it where it is of the same audit.

    Parameters
    ----------
    path : str or Path
        The file, or the folder that `sabotage analyze -o` wrote it to.

    Returns
    -------
    SavedAudit
        What `diff`, `check`, `describe_methods` and the figures take in place of an audit.

    Raises
    ------
    SabotageError
        If it cannot be read, is no audit, is of another schema, or lacks what every audit has.
    """
    from sabotage.audit import SCHEMA

    place = audit_file(path)
    content = read_content(str(place))
    if content["schema"] != SCHEMA:
        raise SabotageError(
            f"{place} has schema {content['schema']!r}, and this sabotage reads {SCHEMA}: analyze the table again"
        )
    missing = [key for key in NEEDED if key not in content]
    if missing:
        raise SabotageError(f"{place} is damaged, it lacks {missing[0]}: analyze the table again")
    return SavedAudit(content, _cases(place, content), str(place))


def _cases(place: Path, content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the cases beside an audit; a warning says why there are none, but where there is no file."""
    from sabotage.cases import fingerprint

    beside = place.with_name("cases.json")
    if not beside.exists():
        return None
    try:
        cases = json.loads(beside.read_text(encoding="utf-8"))
        damaged = not isinstance(cases, dict) or any(key not in cases for key in CASES)
    except (OSError, ValueError):
        cases, damaged = {}, True
    if damaged or cases.get("audit") != fingerprint(content):
        why = "cannot be read" if damaged else "is of another audit"
        warnings.warn(f"{beside} {why}: the page has no examples behind its numbers", SabotageWarning, stacklevel=3)
        return None
    return cases
