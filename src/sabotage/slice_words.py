"""Slices in sentences, from the fields of audit.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from sabotage.errors import are, count_of, listed
from sabotage.saying import p_text, percent

NAMED = 3  # confirmed slices that get a sentence


def describe_slices(found: Mapping[str, Any], confirmed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what was looked at, found and confirmed, in a few sentences.

    Parameters
    ----------
    found : mapping
        The key `slices` of audit.json.
    confirmed : sequence of mapping
        Its confirmed slices.
    """
    columns = listed(own["column"] for own in found["columns"])
    if found["n_first"] is None:
        return [f"By {columns}: there are too few clusters for halves, so nothing was found or confirmed."]
    if not found["n_permutations"]:
        return [f"By {columns}: 0 permutations were asked for, so nothing was tested."]
    if not found["n_tested"]:
        return [
            f"By {columns}: no slice has {count_of(found['smallest'], 'example')} in each half, so none was tested."
        ]
    tested = f"{count_of(found['n_tested'], 'pair')} of slice and saboteur"
    small = found["n_too_small"]
    too_small = (
        f"; {small:,} more {are(small)} below {count_of(found['smallest'], 'example')} in a half" if small else ""
    )
    first = (
        f"By {columns}: of {tested}, {found['n_found']:,} {are(found['n_found'])} found on one half of the examples"
        f" (p at most {found['level']:g}, lift above 1), and {found['n_confirmed']:,} {are(found['n_confirmed'])}"
        f" confirmed on the other (p adjusted by Holm){too_small}."
    )
    return [first, *(slice_sentence(own) for own in confirmed[:NAMED])]


def in_brief(found: Mapping[str, Any], confirmed: Sequence[Mapping[str, Any]]) -> str:
    """Return how many slices were found and confirmed, and the first of these, for a summary."""
    columns = listed(own["column"] for own in found["columns"])
    if found["n_first"] is None:
        return f"slices by {columns}: too few clusters for halves"
    if not found["n_permutations"]:
        return f"slices by {columns}: not tested, for 0 permutations were asked for"
    if not found["n_tested"]:
        return f"slices by {columns}: none tested, too few examples in each half"
    first = ""
    if confirmed:
        own = confirmed[0]
        lift = "" if own["lift"] is None else f", {own['lift']:.1f} times the panel's rate"
        first = f"; first {label(own)}: {saboteur(own)} on {percent(own['rate'])} of {own['n']:,}{lift}"
    return (
        f"slices by {columns}: of {found['n_tested']:,} tested, {found['n_found']:,} found on one half,"
        f" {found['n_confirmed']:,} confirmed on the other{first}"
    )


def slice_sentence(own: Mapping[str, Any]) -> str:
    """Say of a slice how often it is sabotaged, on all examples and on the half that confirmed it."""
    who = saboteur(own)
    lift = "" if own["lift"] is None else f", {own['lift']:.1f} times the panel's rate"
    second = own["second"]
    p = ""
    if second is not None and own["p_adjusted"] is not None:
        p = f"; on the second half {percent(second['rate'])} of {second['n']:,}, p adjusted {p_text(own['p_adjusted'])}"
    return f"{label(own)}: {who} sabotages {own['n_sabotaged']:,} of {own['n']:,}, {percent(own['rate'])}{lift}{p}."


def saboteur(own: Mapping[str, Any]) -> str:
    """Return the agent, or any agent."""
    return "any agent" if own["agent"] is None else str(own["agent"])


def label(own: Mapping[str, Any]) -> str:
    """Return column and value, such as "site north"; a slice without a value has the column's name already."""
    column, name = str(own["column"]), str(own["name"])
    return name if name.strip("()") == f"no {column}" else " ".join((column, name or '""'))


def standing(own: Mapping[str, Any]) -> str:
    """Return how far a slice came: confirmed, found, tested or too small, and an empty text without halves."""
    if own["is_confirmed"]:
        return "confirmed"
    if own["is_found"]:
        return "found"
    if own["is_tested"]:
        return "no"
    return "" if own["first"] is None else "too small"
