"""What a report costs: profiles in full beside scikit-learn, figures beside matplotlib, and the size of the page.

Profiles: every number of three agents over seven classes with its interval, in all, in each class and over 21
thresholds. Beside it scikit-learn bootstraps three of those numbers of one agent, on all examples only: balanced
accuracy, AUROC and Brier score of the confidence; it is timed on a few of 1,000 resamples and multiplied. Figures: all
that the audit has data for, as SVG and as PNG; beside them matplotlib saves as many plain charts of seven bars in the
same sizes and formats.

    python benchmarks/report.py [--examples 200000] [--repeats 3]
"""

import argparse
import io
import statistics
import time

from matplotlib.figure import Figure
from permutation import make_realistic
from sabotage.reports.figures import drawings, render
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score
from sklearn.utils import resample

import sabotage
from sabotage.notes import Notes
from sabotage.profiling import profile_in_full

TIMED = 5  # resamples of scikit-learn
RESAMPLES = 1000
DPI = 300


def seconds(run, repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return sorted(times)


def bootstrap(panel: sabotage.Panel) -> float:
    """Return the seconds that scikit-learn takes for three numbers of one agent."""
    truth, labels, confidence = panel.truth, panel.labels[:, 0], panel.confidence[:, 0]
    begin = time.perf_counter()
    for seed in range(TIMED):
        own, said, sure = resample(truth, labels, confidence, random_state=seed)
        balanced_accuracy_score(own, said)
        roc_auc_score(own == said, sure)
        brier_score_loss(own == said, sure)
    return (time.perf_counter() - begin) / TIMED * RESAMPLES


def plain_charts(sizes: list[tuple[float, float]]) -> None:
    """Save as many charts of seven bars."""
    for size in sizes:
        figure = Figure(figsize=size)
        figure.add_subplot().bar(range(7), range(1, 8))
        for format in ("svg", "png"):
            figure.savefig(io.BytesIO(), format=format, dpi=DPI)


def shown(times: list[float], peer: list[float]) -> str:
    own, other = statistics.median(times), statistics.median(peer)
    low, high = times[0] / peer[-1], times[-1] / peer[0]
    return f"{own:7.2f} s against {other:7.2f} s: {own / other:.3g} x [{low:.3g}, {high:.3g}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    panel = make_realistic(options.examples)
    audit = sabotage.analyze(panel, n_permutations=200, exact=False, attribute=None)

    def profiles() -> None:
        profile_in_full(panel, audit.role_table, audit.agents, audit.decision, Notes())

    profiles()
    print(f"{options.examples:,} examples, three agents, seven classes")
    peer = sorted(bootstrap(panel) for _ in range(options.repeats))
    print(f"profiles in full, against scikit-learn     {shown(seconds(profiles, options.repeats), peer)}")

    sizes = [drawing.size for drawing in drawings(audit)]
    plain_charts(sizes)
    render(audit, ("svg", "png"))
    drawn = seconds(lambda: render(audit, ("svg", "png")), options.repeats)
    plain = seconds(lambda: plain_charts(sizes), options.repeats)
    print(f"{len(sizes)} figures, against matplotlib's plain bars  {shown(drawn, plain)}")

    begin = time.perf_counter()
    page = audit.to_html()
    print(f"page: {len(page.encode()) / 1e6:.2f} MB, drawn and written in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
