"""The demo's data: handwritten digits seen as four views, each by a classifier of its own."""

import os
from pathlib import Path

from sabotage.agents import EstimatorAgent
from sabotage.errors import SabotageError
from sabotage.panel import Panel


def digit_panel(seed: int = 0) -> Panel:
    """Train four agents on halves of scikit-learn's digits and return what they say of the rows they never saw.

    1,797 images of 8 x 8 pixels (Alpaydin and Kaynak 1998, doi:10.24432/C50P49): 40 % train the classifiers, 25 %
    are calibration rows on which each learns to assess itself, 35 % are test rows. Both of the latter are in the panel,
    under `split`; analyses take the test rows.
    """
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not 0 <= seed < 2**32:
        raise SabotageError(f"seed must lie in [0, 2^32) for scikit-learn: found {seed}")
    X, y = load_digits(return_X_y=True)
    pixels = np.arange(64).reshape(8, 8)
    train, rest = train_test_split(np.arange(len(y)), train_size=0.40, stratify=y, random_state=seed)
    calibration, test = train_test_split(rest, train_size=0.25 / 0.60, stratify=y[rest], random_state=seed)
    views = {
        "top": (pixels[:4], make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))),
        "bottom": (pixels[4:], GaussianNB(var_smoothing=1e-3)),  # sure of itself also where it is wrong
        "left": (pixels[:, :4], KNeighborsClassifier(7)),
        "right": (pixels[:, 4:], make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))),
    }
    agents = []
    for name, (columns, estimator) in views.items():
        own = columns.ravel()
        agent = EstimatorAgent(name, estimator.fit(X[train][:, own], y[train]), own)
        agents.append(agent.with_assessor(X[calibration], y[calibration]))
    rows = np.sort(np.concatenate([calibration, test]))
    split = np.where(np.isin(rows, test), "test", "calibration")
    return Panel.from_agents(agents, X[rows], y[rows], ids=rows, columns={"split": split}, split=None)


def write_predictions(path: str | Path, seed: int = 0) -> None:
    """Write the demo's predictions as a wide parquet table."""
    os.makedirs(Path(path).parent, exist_ok=True)
    digit_panel(seed).to_parquet(path)
