"""Figures: each a function that takes an audit, or the dict of its audit.json, and axes; it draws, and returns them.

Without axes a new figure of the right size is made, one column of a paper wide.
"""

from sabotage.reports.figures.agreeing import agreement_matrix
from sabotage.reports.figures.confidence import confidence_histograms, reliability_diagram, risk_coverage
from sabotage.reports.figures.deciding import headroom_waterfall, shapley_bars, top_k_curve
from sabotage.reports.figures.disagreeing import disagreement_cells, dominance_curve
from sabotage.reports.figures.registry import NAMES, Drawing, drawings
from sabotage.reports.figures.rendering import FORMATS, Rendered, render, to_svg, write_figures
from sabotage.reports.figures.roles import role_bars, sabotage_by_class, tau_sweep
from sabotage.reports.figures.runs import run_slopes, run_variance
from sabotage.reports.figures.testing import dose_response, permutation_null

__all__ = [
    "FORMATS",
    "NAMES",
    "Drawing",
    "Rendered",
    "agreement_matrix",
    "confidence_histograms",
    "disagreement_cells",
    "dominance_curve",
    "dose_response",
    "drawings",
    "headroom_waterfall",
    "permutation_null",
    "reliability_diagram",
    "render",
    "risk_coverage",
    "role_bars",
    "run_slopes",
    "run_variance",
    "sabotage_by_class",
    "shapley_bars",
    "tau_sweep",
    "to_svg",
    "top_k_curve",
    "write_figures",
]
