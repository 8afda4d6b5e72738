"""The figures of an audit as pictures for its page."""

from collections.abc import Mapping
from typing import Any

from sabotage.reports import figures
from sabotage.reports.blocks import Picture


def pictures(content: Mapping[str, Any], audit: Any = None) -> tuple[Picture, ...]:
    """Return every figure that the content has data for, as an svg element with its title and sentence."""
    if audit is None:
        return ()
    found = [("role_bars", "Roles", figures.role_bars, 0.55 + 0.32 * len(audit.agents))]
    if audit.permutation is not None:
        found.append(("permutation_null", "Permutation test", figures.permutation_null, 2.1))
    if any(profile.n_confidence for profile in audit.agents):
        found.append(("reliability_diagram", "Calibration", figures.reliability_diagram, 2.6))
    return tuple(
        Picture(name, title, title, figures.to_svg(draw, audit, height)) for name, title, draw, height in found
    )
