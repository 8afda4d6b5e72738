"""An end-to-end model as agents: asked with one modality alone, or with all but one, the others masked."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from numbers import Integral
from typing import Any

import numpy as np

from sabotage.agents import Emissions
from sabotage.batches import count
from sabotage.errors import SabotageError, unknown
from sabotage.masking import Mask, Masking
from sabotage.panel import KINDS
from sabotage.records import check, scored


@dataclass(frozen=True, eq=False)
class AblationAgent:
    """One model with modalities masked: what it says of what is left.

    Masked inputs are unlike what the model was trained on, and no fusion rule adds such agents up to the model: their
    panel should hold the model's own decision (`full_model`), and says of itself that it is one of ablations.

    Parameters
    ----------
    name : str
    model : callable or fitted classifier
        Takes a batch and returns class scores of shape (n, C), or `Emissions`; or has a `predict_proba`.
    modality : str
        The one that is left ("only") or masked ("without").
    blocks, mask, background, seed
        See `sabotage.masking.Masking`.
    mode : {"only", "without"}
    classes : sequence of labels, optional
        What the columns of the scores stand for; the classifier's own where it has them.
    n_draws : int
        How many masked versions of an example are scored and averaged; for "shuffle", or a function that draws.

    Raises
    ------
    SabotageError
        For an unknown mode, mask or modality, or more draws than one where they are alike.
    """

    name: str
    model: Any
    modality: str
    blocks: Mapping[str, Sequence[Any]] | Sequence[str]
    _: KW_ONLY
    mode: str = "only"
    mask: Mask = "mean"
    background: Any = field(default=None, repr=False)
    classes: Sequence[object] | None = None
    seed: int = 0
    n_draws: int = 1
    masking: Masking = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "masking", Masking(self.blocks, self.mask, self.background, self.seed))
        if self.mode not in KINDS:
            raise unknown("mode", self.mode, KINDS)
        if self.modality not in self.blocks:
            raise unknown("modality", self.modality, self.blocks)
        if self.mode == "only" and len(self.blocks) < 2:
            raise SabotageError("mode only masks the other modalities: blocks must have two or more")
        alike = not callable(self.mask) and self.mask != "shuffle"
        if not isinstance(self.n_draws, Integral) or self.n_draws < 1 or (self.n_draws > 1 and alike):
            most = f"1 with mask {self.mask}" if alike else "a whole number from 1 on"
            raise SabotageError(f"n_draws must be {most}: found {self.n_draws!r}")

    @property
    def kind(self) -> str:
        """What a panel records of the agent in `kinds`: its mode."""
        return self.mode

    def emit(self, batch: Any) -> Emissions:
        """Ask the model about masked copies of the examples.

        Raises
        ------
        SabotageError
            If the batch has not the blocks, or the model returns what does not fit it.
        """
        others = [name for name in self.blocks if name != self.modality]
        masked, kept = (others, [self.modality]) if self.mode == "only" else ([self.modality], [])
        saids = [
            asked(self.model, self.masking.apply(batch, masked, kept, draw), self.classes, self.name)
            for draw in range(self.n_draws)
        ]
        if len(saids) == 1:
            return saids[0]
        if any(said.scores is None or tuple(said.classes) != tuple(saids[0].classes) for said in saids):
            raise SabotageError(f"{self.name}: draws are averaged in their class scores, and the model gave none")
        # Added up in order, so that the mean is the same to the last bit whatever the batch.
        total = np.asarray(saids[0].scores, np.float64)
        for said in saids[1:]:
            total = total + np.asarray(said.scores, np.float64)
        return Emissions(scores=total / self.n_draws, classes=saids[0].classes)


def ablation_agents(
    model: Any,
    blocks: Mapping[str, Sequence[Any]] | Sequence[str],
    mode: str = "only",
    mask: Mask = "mean",
    *,
    background: Any = None,
    classes: Sequence[object] | None = None,
    seed: int = 0,
    n_draws: int = 1,
) -> list[AblationAgent]:
    """Return one agent a modality: `text` is the model with text alone, `without_text` with all but text.

    The panel of both modes, with the model's own decision as the recorded one::

        agents = ablation_agents(model, blocks, background=X_train)
        agents += ablation_agents(model, blocks, "without", background=X_train)
        panel = Panel.from_agents(agents, X, y, columns=full_model(model, X))

    Where blocks share no column and are two, one alone is the other left out: the modes then say the same.

    Parameters
    ----------
    model, blocks, mode, mask, background, classes, seed, n_draws
        See `AblationAgent`.

    Raises
    ------
    SabotageError
        As `AblationAgent`.
    """
    shared: dict[str, Any] = {"mode": mode, "mask": mask, "background": background, "classes": classes}
    prefix = "without_" if mode == "without" else ""
    return [
        AblationAgent(f"{prefix}{name}", model, name, blocks, **shared, seed=seed, n_draws=n_draws) for name in blocks
    ]


def full_model(model: Any, batch: Any, classes: Sequence[object] | None = None) -> dict[str, Any]:
    """Return the model's decision on unmasked examples as `columns` for `Panel.from_agents`.

    Parameters
    ----------
    model, classes
        As for `AblationAgent`.
    batch : n examples

    Returns
    -------
    dict
        fused_label, where the model gives labels, and fused_p_<class> (n,), where it gives scores.

    Raises
    ------
    SabotageError
        If the model returns what does not fit the batch.
    """
    said = asked(model, batch, classes, "the model")
    columns: dict[str, Any] = {}
    if said.labels is not None:
        columns["fused_label"] = said.labels
    if said.scores is not None:
        columns |= {f"fused_p_{label}": np.asarray(said.scores)[:, at] for at, label in enumerate(said.classes)}
    return columns


def asked(model: Any, batch: Any, classes: Sequence[object] | None, name: str) -> Emissions:
    """Return what a classifier or callable says of a batch; `name` is whose emissions they are, for messages."""
    if hasattr(model, "predict_proba"):
        said = model.predict_proba(batch)
        classes = model.classes_ if classes is None else classes
    elif callable(model):
        said = model(batch)
    else:
        raise SabotageError(f"{name}: model must be callable or have a predict_proba: found a {type(model).__name__}")
    if not isinstance(said, Emissions):
        if classes is None:
            raise SabotageError(f"{name} has scores and no classes: say what their columns stand for, classes=[...]")
        said = scored(said, tuple(classes), name)
    check(said, count(batch), name)
    return said
