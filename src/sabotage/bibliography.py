"""The sources that methods rest on, as data: who, when, what, where, and under which number it is found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A publication.

    Attributes
    ----------
    key : str
        What it is cited by in BibTeX.
    kind : {"article", "book", "incollection", "misc", "inproceedings"}
    authors : str
        "Last, F. and Last, F."
    year : int
    title : str
    where : str
        Journal, volume, pages, or publisher.
    doi : str or None
    url : str or None
        Of what has no DOI.
    """

    key: str
    kind: str
    authors: str
    year: int
    title: str
    where: str
    doi: str | None = None
    url: str | None = None

    @property
    def link(self) -> str:
        """Where it is found."""
        return f"https://doi.org/{self.doi}" if self.doi else str(self.url)


_ARXIV = "https://arxiv.org/abs/"
SOURCES = {
    source.key: source
    for source in (
        Source(
            "zhang2025sabotage", "misc",
            "Zhang, C. and Kim, M. and Ghorbani, S. and Wu, J. and Picard, R. and Maes, P. and Liang, P. P.", 2025,
            "When One Modality Sabotages the Others: A Diagnostic Lens on Multimodal Reasoning", "arXiv:2511.02794",
            url=f"{_ARXIV}2511.02794",
        ),
        Source(
            "moon2026quality", "misc", "Moon, J. and others", 2026,
            "When Does Quality-Aware Multimodal Fusion Matter? A Leakage-Safe Diagnostic for Decision-Level Dependence",
            "arXiv:2606.26473", url=f"{_ARXIV}2606.26473",
        ),
        Source(
            "srikanth2025mixed", "misc", "Srikanth, M. and Chen, R. and Hirschberg, J.", 2025,
            "Mixed Signals: Understanding Model Disagreement in Multimodal Empathy Detection", "arXiv:2505.13979",
            url=f"{_ARXIV}2505.13979",
        ),
        Source(
            "hoeffding1951", "article", "Hoeffding, W.", 1951, "A Combinatorial Central Limit Theorem",
            "The Annals of Mathematical Statistics 22(4), 558-566", "10.1214/aoms/1177729391",
        ),
        Source(
            "phipson2010", "article", "Phipson, B. and Smyth, G. K.", 2010,
            "Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are Randomly"
            " Drawn",
            "Statistical Applications in Genetics and Molecular Biology 9(1), article 39", "10.2202/1544-6115.1585",
        ),
        Source(
            "wilson1927", "article", "Wilson, E. B.", 1927,
            "Probable Inference, the Law of Succession, and Statistical Inference",
            "Journal of the American Statistical Association 22(158), 209-212", "10.1080/01621459.1927.10502953",
        ),
        Source(
            "delong1988", "article", "DeLong, E. R. and DeLong, D. M. and Clarke-Pearson, D. L.", 1988,
            "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves:"
            " A Nonparametric Approach",
            "Biometrics 44(3), 837-845", "10.2307/2531595",
        ),
        Source(
            "obuchowski1997", "article", "Obuchowski, N. A.", 1997,
            "Nonparametric Analysis of Clustered ROC Curve Data", "Biometrics 53(2), 567-578", "10.2307/2533958",
        ),
        Source(
            "efron1993", "book", "Efron, B. and Tibshirani, R. J.", 1993, "An Introduction to the Bootstrap",
            "Chapman and Hall", "10.1007/978-1-4899-4541-9",
        ),
        Source(
            "davison1997", "book", "Davison, A. C. and Hinkley, D. V.", 1997,
            "Bootstrap Methods and their Application", "Cambridge University Press", "10.1017/CBO9780511802843",
        ),
        Source(
            "holm1979", "article", "Holm, S.", 1979, "A Simple Sequentially Rejective Multiple Test Procedure",
            "Scandinavian Journal of Statistics 6(2), 65-70", url="https://www.jstor.org/stable/4615733",
        ),
        Source(
            "mcnemar1947", "article", "McNemar, Q.", 1947,
            "Note on the Sampling Error of the Difference between Correlated Proportions or Percentages",
            "Psychometrika 12(2), 153-157", "10.1007/BF02295996",
        ),
        Source(
            "shapley1953", "incollection", "Shapley, L. S.", 1953, "A Value for n-Person Games",
            "Contributions to the Theory of Games II, Princeton University Press, 307-318",
            "10.1515/9781400881970-018",
        ),
        Source(
            "fleiss1971", "article", "Fleiss, J. L.", 1971, "Measuring Nominal Scale Agreement among Many Raters",
            "Psychological Bulletin 76(5), 378-382", "10.1037/h0031619",
        ),
        Source(
            "hayes2007", "article", "Hayes, A. F. and Krippendorff, K.", 2007,
            "Answering the Call for a Standard Reliability Measure for Coding Data",
            "Communication Methods and Measures 1(1), 77-89", "10.1080/19312450709336664",
        ),
        Source(
            "wolpert1992", "article", "Wolpert, D. H.", 1992, "Stacked Generalization", "Neural Networks 5(2), 241-259",
            "10.1016/S0893-6080(05)80023-1",
        ),
        Source(
            "cohen1960", "article", "Cohen, J.", 1960, "A Coefficient of Agreement for Nominal Scales",
            "Educational and Psychological Measurement 20(1), 37-46", "10.1177/001316446002000104",
        ),
        Source(
            "searle1992", "book", "Searle, S. R. and Casella, G. and McCulloch, C. E.", 1992, "Variance Components",
            "Wiley", "10.1002/9780470316856",
        ),
        Source(
            "brennan2001", "book", "Brennan, R. L.", 2001, "Generalizability Theory", "Springer",
            "10.1007/978-1-4757-3456-0",
        ),
        Source(
            "newcombe1998", "article", "Newcombe, R. G.", 1998,
            "Interval Estimation for the Difference between Independent Proportions: Comparison of Eleven Methods",
            "Statistics in Medicine 17(8), 873-890",
            "10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
        ),
    )
}  # fmt: skip
