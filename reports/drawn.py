"""The figures of an audit as pictures for its page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sabotage.reports.blocks import Picture

if TYPE_CHECKING:
    from sabotage.reports.figures import Rendered


def pictures(content: Mapping[str, Any], rendered: "Rendered | None" = None) -> tuple[Picture, ...]:
    """Return every figure that the content has data for, as an svg element with its title and sentence.

    `rendered` are the figures where they are drawn already.
    """
    if rendered is None:
        from sabotage.reports.figures import render

        rendered = render(content)
    return tuple(Picture(one.name, one.title, one.about, rendered.svgs[one.name]) for one in rendered.drawings)
