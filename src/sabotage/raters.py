"""How far people who rated the same examples agree: Fleiss' kappa, Krippendorff's alpha, and how often votes tie."""

from dataclasses import dataclass

import numpy as np

from sabotage.agreement import disagreeing, fleiss, krippendorff
from sabotage.intervals import FEWEST_CLUSTERS

N_RESAMPLES = 1000
AT_ONCE = 1 << 22  # numbers in a table of resamples by examples


@dataclass(frozen=True, repr=False)
class RaterAgreement:
    """Agreement of the ratings of n_examples by n_raters people.

    Attributes
    ----------
    n_raters, n_examples, n_ratings : int
    fewest, most : int
        Ratings of an example.
    median : float
    fleiss_kappa : float or None
        Fleiss 1971 (doi:10.1037/h0031619); needs as many ratings of every example. `why_no_fleiss` is the reason.
    krippendorff_alpha : float or None
        Nominal (doi:10.1080/19312450709336664), over the `n_krippendorff` examples with two ratings or more; None where
        there is none or all ratings are alike.
    alpha_interval : tuple of float, or None
        95 %, percentiles over resamples of examples with all their ratings. `why_no_interval` is the reason.
    n_tied : int
        Examples on which no one label has the most votes.
    """

    n_raters: int
    n_examples: int
    n_ratings: int
    fewest: int
    median: float
    most: int
    fleiss_kappa: float | None
    why_no_fleiss: str | None
    n_krippendorff: int
    krippendorff_alpha: float | None
    alpha_interval: tuple[float, float] | None
    why_no_interval: str | None
    n_tied: int

    @property
    def share_tied(self) -> float:
        """Share of the examples on which no one label has the most votes."""
        return self.n_tied / self.n_examples

    def __repr__(self) -> str:
        fleiss = f"null: {self.why_no_fleiss}" if self.fleiss_kappa is None else f"{self.fleiss_kappa:.3f}"
        alpha = "null" if self.krippendorff_alpha is None else f"{self.krippendorff_alpha:.3f}"
        if self.alpha_interval is None:
            alpha += f" (no interval: {self.why_no_interval})"
        else:
            alpha += f" [{self.alpha_interval[0]:.3f}, {self.alpha_interval[1]:.3f}]"
        return "\n".join(
            [
                f"Agreement of {self.n_raters:,} raters",
                f"  ratings              {self.n_ratings:,} of {self.n_examples:,} examples, {self.fewest:,} to"
                f" {self.most:,} of each, median {self.median:g}",
                f"  Fleiss' kappa        {fleiss}",
                f"  Krippendorff's alpha {alpha}, over {self.n_krippendorff:,} examples",
                f"  ties                 {self.n_tied:,} examples ({100 * self.share_tied:.1f} %)",
            ]
        )


def measure_raters(votes: np.ndarray, n_raters: int, seed: int = 0) -> RaterAgreement:
    """Measure the agreement in a table of votes, ndarray of shape (n, C), int64, one rating or more a row."""
    said = votes.sum(axis=1)
    same = (votes * (votes - 1)).sum(axis=1)
    fewest, most = int(said.min()), int(said.max())
    kappa, why_no_fleiss = None, None
    if fewest < most:
        why_no_fleiss = f"examples have {fewest} to {most} ratings, and kappa needs as many of each"
    elif most < 2:
        why_no_fleiss = "no example has two ratings"
    else:
        kappa = fleiss(same, votes.sum(axis=0), most)
        why_no_fleiss = "all ratings are alike" if kappa is None else None
    several = said > 1
    alpha = krippendorff(same[several], said[several], votes[several].sum(axis=0))
    interval: tuple[float, float] | None = None
    why_no_interval: str | None = "there is no alpha"
    if alpha is not None:
        interval, why_no_interval = _alpha_interval(votes[several], same[several], said[several], seed)
    top = votes.max(axis=1)
    return RaterAgreement(
        n_raters,
        len(votes),
        int(said.sum()),
        fewest,
        float(np.median(said)),
        most,
        kappa,
        why_no_fleiss,
        int(several.sum()),
        alpha,
        interval,
        why_no_interval,
        int(np.count_nonzero((votes == top[:, None]).sum(axis=1) > 1)),
    )


def _alpha_interval(
    votes: np.ndarray, same: np.ndarray, said: np.ndarray, seed: int
) -> tuple[tuple[float, float] | None, str | None]:
    """Return the interval of alpha over resamples of examples, or None and the reason."""
    n = len(votes)
    if n < FEWEST_CLUSTERS:
        return None, f"it takes {FEWEST_CLUSTERS} examples with two ratings, found {n}"
    random = np.random.default_rng(seed)
    observed = disagreeing(same, said)
    alphas = np.empty(0)
    while len(alphas) < N_RESAMPLES:
        size = min(N_RESAMPLES - len(alphas), max(1, AT_ONCE // n))
        drawn = random.multinomial(n, np.full(n, 1 / n), size).astype(np.float64)
        totals = drawn @ votes
        ratings = totals.sum(axis=1)
        expected = ratings**2 - np.square(totals).sum(axis=1)
        if not expected.all():
            return None, "in some resamples all ratings are alike"
        alphas = np.append(alphas, 1 - (ratings - 1) * (drawn @ observed) / expected)
    low, high = np.percentile(alphas, [2.5, 97.5])
    return (float(low), float(high)), None
