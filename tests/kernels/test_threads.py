"""The core on threads: what one thread gives on plain C, on each instruction set; `make sanitize` looks on."""

import pytest
from builders import make_panel
from sabotage.kernels import _core

from sabotage import exact, permute, replay

# Tiles enough for several in a block; several blocks; close calls; as many agents as there may be.
PANELS = {
    "wide": make_panel(1300, 3, 5, seed=2),
    "gaps": make_panel(700, 4, 7, seed=3, missing=0.3, no_reliability=0.1),
    "ties": make_panel(600, 2, 3, seed=4, steps=2),
    "agents": make_panel(300, 32, 4, seed=5),
}
SCHEMES = {"joint": None, "independent": None, "single": "agent1"}


@pytest.fixture
def many_parts(monkeypatch):
    """Sums over all pairs in parts of one tile, so that threads share even a small panel's."""
    monkeypatch.setattr(exact, "TASK", 1)


def outcome(ready, simd, threads, **options):
    _core.set_simd(simd)
    try:
        found = permute(ready, n_permutations=300, seed=6, engine="core", threads=threads, **options)
    finally:
        _core.set_simd(_core.simd_names()[0])
    return found.broken.tolist(), found.flip_rate, found.moments


@pytest.mark.parametrize("statistic", ["accuracy", "top_2"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PANELS)
def test_threads_and_instruction_sets_change_nothing(name, scheme, statistic, many_parts):
    options = {"scheme": scheme, "agent": SCHEMES[scheme], "statistic": statistic}
    for rule in ("weighted_mean", "weighted_vote"):
        ready = replay(PANELS[name], rule)
        alone = outcome(ready, "scalar", 1, **options)
        for simd in _core.simd_names():
            assert outcome(ready, simd, 4, **options) == alone, (rule, simd)
