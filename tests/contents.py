"""Contents of audit.json, with what an analysis of a small panel does not fill in."""

from typing import Any


def filled(content: dict[str, Any]) -> dict[str, Any]:
    """Fill in by hand what an audit has of classes and thresholds."""
    wrong = content["sabotage_totals"]["n_wrong"]
    counts = [wrong - k for k in range(21)]
    spans = [[max(0, k / wrong - 0.1), min(1, k / wrong + 0.1)] for k in counts]
    content["profiles"] = {
        "by_class": {
            "parts": {
                name: {
                    "n_wrong": 10 * (k + 1),
                    "agents": {agent: {"roles": {"saboteur": k + m}} for m, agent in enumerate(content["agents"])},
                }
                for k, name in enumerate(content["input"]["classes"])
            }
        },
        "sweep": {
            "thresholds": [k / 20 for k in range(21)],
            "n_wrong": wrong,
            "with_saboteur": counts,
            "with_saboteur_interval": spans,
            "agents": {agent: {"saboteur": counts, "interval": [None] * 21} for agent in content["agents"]},
        },
    }
    return content
