"""Reading replies of language models, beside json_repair parsing the same texts: time as a ratio.

A third of the replies is plain JSON with three candidates, a third the same in a fence with prose around, a third a
sentence with a label and a percentage. `json_repair` mends whatever it is given into JSON and says nothing of labels,
scales or refusals.

    python benchmarks/collecting.py [--replies 30000] [--runs 3]
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

CLASSES = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def make_replies(n: int) -> list[str]:
    draw = random.Random(0)
    texts = []
    for row in range(n):
        listed = [{"label": label, "confidence": round(draw.random(), 2)} for label in draw.sample(CLASSES, 3)]
        reply = json.dumps({"predictions": listed, "self_assessment": draw.randint(1, 5), "rationale": f"clip {row}"})
        fenced = f"Here is my answer for clip {row}:\n```json\n{reply[:-1]},}}\n```"
        said = f"Clip {row}: the speaker sounds {listed[0]['label']} ({draw.randint(30, 99)}% sure)."
        texts.append((reply, fenced, said)[row % 3])
    return texts


def main() -> None:
    import json_repair

    from sabotage import collect

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replies", type=int, default=30_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    texts = make_replies(options.replies)
    ratios, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "voice.jsonl")
        path.write_text("".join(json.dumps({"id": row, "reply": text}) + "\n" for row, text in enumerate(texts)))
        for _ in range(options.runs):
            start = time.perf_counter()
            found = collect(str(path), CLASSES)
            ours = time.perf_counter() - start
            start = time.perf_counter()
            for text in texts:
                json_repair.loads(text)
            theirs = time.perf_counter() - start
            ratios.append(ours / theirs)
            seconds.append(ours)
    counts = found.report["voice"].outcomes
    print(f"{options.replies:,} replies, median of {options.runs} [min, max]: {counts}")
    print(f"  time / that of json_repair  {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]")
    print(f"  replies a second here       {options.replies / statistics.median(seconds):,.0f}")


if __name__ == "__main__":
    main()
