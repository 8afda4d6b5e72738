"""The figures of an audit as pictures for its page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sabotage.reports.blocks import Picture

if TYPE_CHECKING:
    from sabotage.reports.figures import Rendered


def pictures(content: Mapping[str, Any], rendered: "Rendered | None" = None) -> tuple[Picture, ...]:
    """Return every figure that the content has data for; `rendered` are those that were drawn before."""
    from sabotage.reports.figures import render

    drawn = render(dict(content)) if rendered is None else rendered
    return tuple(Picture(one.name, one.title, one.about, drawn.svgs[one.name]) for one in drawn.drawings)
