"""One classifier of handwritten digits, audited beside classifiers of the four quarters and by masking its own input.

Runs offline in some seconds: python examples/digits_ablation.py
"""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sabotage import Audit, EstimatorAgent, Panel, ablation_agents, analyze
from sabotage.ablation import full_model
from sabotage.roles import CONTRIBUTOR, MISLEADER, OVERRULED, SABOTEUR, SUPPRESSED

PIXELS = np.arange(64).reshape(8, 8)
# Quarters, since they share no pixel: of halves, "only the top" and "without the bottom" would be the same input.
QUARTERS = {
    "upper_left": PIXELS[:4, :4].ravel(),
    "upper_right": PIXELS[:4, 4:].ravel(),
    "lower_left": PIXELS[4:, :4].ravel(),
    "lower_right": PIXELS[4:, 4:].ravel(),
}


def network() -> Any:
    """Return the classifier that is fitted to whole images and to quarters alike."""
    return make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=1000, tol=1e-3, random_state=0))


def make_audits() -> dict[str, Audit]:
    """Audit the decisions of one end-to-end classifier with three panels: unimodal speakers, and two of ablations."""
    X, y = load_digits(return_X_y=True)
    X_train, X, y_train, y = train_test_split(X, y, train_size=0.4, stratify=y, random_state=0)
    model = network().fit(X_train, y_train)
    panels = {
        "unimodal": [
            EstimatorAgent(name, network().fit(X_train[:, own], y_train), own) for name, own in QUARTERS.items()
        ],
        "only": ablation_agents(model, QUARTERS, "only", "mean", background=X_train),
        "without": ablation_agents(model, QUARTERS, "without", "mean", background=X_train),
    }
    decision = full_model(model, X)  # recorded beside each panel: all three are about the same decisions
    return {
        kind: analyze(Panel.from_agents(agents, X, y, columns=decision), n_permutations=0)
        for kind, agents in panels.items()
    }


def blamed(audit: Audit, kind: str) -> np.ndarray:
    """Return which quarter is blamed for which wrong decision: ndarray of shape (n_wrong, 4), bool.

    Who spoke or was left alone is blamed where it held the wrong label decided for; who was masked, where the model is
    right without it.
    """
    table = audit.role_table
    wrong = table.decision.labels != audit.panel.truth
    roles = (SUPPRESSED,) if kind == "without" else (MISLEADER, SABOTEUR)
    return np.isin(table.role[wrong], roles)


def carried(audit: Audit, kind: str) -> np.ndarray:
    """Return which quarter carried which right decision: (n_right, 4), bool; without it the model would be wrong."""
    table = audit.role_table
    right = table.decision.labels == audit.panel.truth
    return table.role[right] == (OVERRULED if kind == "without" else CONTRIBUTOR)


def phi(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two tables of flags."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def main() -> None:
    """Print what the three panels say of the same decisions."""
    audits = make_audits()
    one = audits["unimodal"]
    print(
        f"The whole image's classifier is right on {100 * one.decision.accuracy:.1f} % of {one.panel.n_examples:,}"
        f" images, wrong on {one.totals.n_wrong}."
    )
    print(f"\n{'':12}{'replay':>8}{'saboteurs':>11}   blamed for wrong decisions (carried right ones)")
    print(f"{'panel':12}{'agrees':>8}{'':11}{''.join(f'{name:>18}' for name in QUARTERS)}")
    for kind, audit in audits.items():
        agrees = audit.decision.replay_agreement or 0.0
        n_saboteurs = sum(profile.roles["saboteur"] for profile in audit.agents)
        counts = zip(blamed(audit, kind).sum(axis=0), carried(audit, kind).sum(axis=0), strict=True)
        cells = "".join(f"{f'{blame} ({carry})':>18}" for blame, carry in counts)
        print(f"{kind:12}{100 * agrees:6.1f} %{n_saboteurs:11}{cells}")
    print("\nCorrelation with the unimodal panel, over decisions and quarters")
    for kind in ("only", "without"):
        blame = phi(blamed(one, "unimodal"), blamed(audits[kind], kind))
        carry = phi(carried(one, "unimodal"), carried(audits[kind], kind))
        print(f"{kind:12}blame {blame:+.2f}, carrying {carry:+.2f}")


if __name__ == "__main__":
    main()
