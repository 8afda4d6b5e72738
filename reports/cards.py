"""The cards that results show in a notebook."""

from collections.abc import Mapping, Sequence
from typing import Any

from sabotage.reports.rendering import render
from sabotage.reports.tables import Table

from sabotage.diagnosis import Diagnosis
from sabotage.results import Permutation
from sabotage.roles import ROLES
from sabotage.saying import what_was_not_shown


def audit_card(content: Mapping[str, Any]) -> str:
    """Return a notebook's view of an audit's content: the finding and the role matrix."""
    return render("card.html", title="Audit", sentences=content["finding"], agents=content["agents"], roles=ROLES)


def permutation_card(permutation: Permutation) -> str:
    """Return a notebook's view of a permutation test."""
    sentences = [repr(permutation), permutation.verdict.evidence + ".", what_was_not_shown(permutation)]
    return render("card.html", title="Permutation test", sentences=sentences, agents={}, roles=ROLES)


def diagnosis_card(diagnosis: Diagnosis) -> str:
    """Return a notebook's view of several tests: what each found, and what it did not show."""
    sentences = [text for pair in zip(diagnosis.findings, diagnosis.limits, strict=True) for text in pair]
    return render("card.html", title="Diagnosis", sentences=sentences, agents={}, roles=ROLES)


def table_card(title: str, sentences: Sequence[str], table: Table) -> str:
    """Return a notebook's view of a table, with what it says above."""
    return render("table.html", title=title, sentences=sentences, table=table)
