"""The figures that an audit has data for, in the order of the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from sabotage.reports.figures import agreeing, confidence, deciding, disagreeing, roles, runs, testing
from sabotage.reports.figures.canvas import Content, Size, Source, content_of

from sabotage.errors import SabotageError

Draw = Callable[[Source, Axes | None], Axes]


@dataclass(frozen=True)
class Drawing:
    """One figure of one audit.

    Attributes
    ----------
    name : str
        Of the function, and of its files.
    title : str
    about : str
        One sentence with n and the main numbers, for a caption and in place of the picture.
    draw : callable
        (audit, ax) -> ax.
    size : (float, float)
        Width and height in inches.
    """

    name: str
    title: str
    about: str
    draw: Draw
    size: Size


_FIGURES: tuple[tuple[str, Draw, Callable[[Content], str], Callable[[Content], Size]], ...] = (
    ("Roles", roles.role_bars, roles.about_roles, roles.role_size),
    ("Sabotage by class", roles.sabotage_by_class, roles.about_classes, roles.class_size),
    ("Sabotage over the threshold", roles.tau_sweep, roles.about_sweep, roles.sweep_size),
    ("Calibration", confidence.reliability_diagram, confidence.about_reliability, confidence.reliability_size),
    ("Confidence", confidence.confidence_histograms, confidence.about_histograms, confidence.histogram_size),
    ("Risk over coverage", confidence.risk_coverage, confidence.about_risk, confidence.risk_size),
    ("Top-k coverage", deciding.top_k_curve, deciding.about_top_k, deciding.top_k_size),
    ("Headroom", deciding.headroom_waterfall, deciding.about_headroom, deciding.headroom_size),
    ("What each agent is worth", deciding.shapley_bars, deciding.about_shapley, deciding.shapley_size),
    ("Permutation test", testing.permutation_null, testing.about_null, testing.null_size),
    ("Dose-response", testing.dose_response, testing.about_dose, testing.dose_size),
    ("Who is right", disagreeing.disagreement_cells, disagreeing.about_cells, disagreeing.cells_size),
    ("Whom decisions follow", disagreeing.dominance_curve, disagreeing.about_curve, disagreeing.curve_size),
    ("Agreement", agreeing.agreement_matrix, agreeing.about_agreement, agreeing.agreement_size),
    ("Variance over runs", runs.run_variance, runs.about_variance, runs.variance_size),
    ("Run by run", runs.run_slopes, runs.about_slopes, runs.slopes_size),
)
NAMES = tuple(draw.__name__ for _, draw, _, _ in _FIGURES)


def drawings(audit: Source, names: Sequence[str] | None = None) -> list[Drawing]:
    """Return the figures that an audit, or the dict of an audit.json, has data for; of some of them, by name."""
    content, found = content_of(audit), []
    for title, draw, about, size in _FIGURES:
        if names is not None and draw.__name__ not in names:
            continue
        try:
            found.append(Drawing(draw.__name__, title, about(content), draw, size(content)))
        except SabotageError:  # says what the audit lacks, to whom asks for this one figure
            continue
    return found
