"""The example of ablations: its three panels, what it prints, and that masking turns roles round."""

import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(ROOT / "examples" / "digits_ablation.py"))


def test_the_three_panels_are_about_the_same_decisions(example, capsys):
    audits = example["make_audits"]()
    example["main"].__globals__["make_audits"] = lambda: audits
    example["main"]()
    printed = capsys.readouterr().out
    assert printed.startswith("The whole image's classifier is right on 9")
    assert [line.split()[0] for line in printed.splitlines() if line[:4] in ("unim", "only", "with")] == [
        "unimodal", "only", "without", "only", "without",
    ]  # fmt: skip
    decisions = [audit.role_table.decision.labels for audit in audits.values()]
    assert np.array_equal(decisions[0], decisions[1])
    assert np.array_equal(decisions[0], decisions[2])
    assert set(audits["only"].panel.kinds.values()) == {"only"}
    assert "ablations" not in " ".join(audits["unimodal"].notes)
    # Left without a quarter the model mostly says what it says: its errors then stand, and count as sabotage.
    saboteurs = {kind: sum(p.roles["saboteur"] for p in audit.agents) for kind, audit in audits.items()}
    assert saboteurs["without"] > 2 * saboteurs["unimodal"] > 0


def test_quarters_share_no_pixel(example):
    pixels = np.concatenate(list(example["QUARTERS"].values()))
    assert sorted(pixels) == list(range(64))
