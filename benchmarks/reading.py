"""Reading a table into a panel, beside others reading the same columns: time as a ratio, memory as a multiple.

`--shape wide` is parquet of one row an example, beside pyarrow; `parts` the same in a folder of ten files, beside
pyarrow's dataset; `jsonl` one object a line, beside pyarrow; `long` parquet of one row a candidate, two of seven
classes an agent, beside pandas, which unstacks it.

Each reading runs in a process of its own, interleaved, and reports the time of the call and the growth of the
process's peak memory over what it had before the call. Hashing the file is apart.

    python benchmarks/reading.py [--shape wide] [--rows 1000000] [--runs 5]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

AGENTS = ("text", "audio", "video")
CLASSES = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")
COLUMNS = ["id", "y", *(f"{a}_label" for a in AGENTS), *(f"{a}_p_{c}" for a in AGENTS for c in CLASSES)]


def write_table(path: Path, n: int, shape: str) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    if shape == "long":
        pq.write_table(long_table(n), path)
        return

    random = np.random.default_rng(0)
    names = np.array(CLASSES)
    columns = {"id": [f"clip_{i:08d}" for i in random.permutation(n)], "y": names[random.integers(0, len(CLASSES), n)]}
    for agent in AGENTS:
        scores = random.dirichlet(np.full(len(CLASSES), 0.5), n)
        columns[f"{agent}_label"] = names[scores.argmax(1)]
        columns |= {f"{agent}_p_{label}": scores[:, c] for c, label in enumerate(CLASSES)}
    table = pa.table({name: columns[name] for name in COLUMNS})
    if shape == "wide":
        pq.write_table(table, path)
    elif shape == "parts":
        path.mkdir()
        for part in range(10):
            pq.write_table(table.slice(part * n // 10, (part + 1) * n // 10 - part * n // 10), path / f"{part}.parquet")
    else:
        table.to_pandas().to_json(path, orient="records", lines=True)


def long_table(n: int):
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(0)
    names = np.array(CLASSES)
    ids = np.array([f"clip_{i:08d}" for i in random.permutation(n)])
    truth = random.integers(0, len(CLASSES), n)
    k = len(AGENTS)
    first = random.integers(0, len(CLASSES), n * k)
    second = (first + random.integers(1, len(CLASSES), n * k)) % len(CLASSES)
    return pa.table(
        {
            "id": np.repeat(ids, 2 * k),
            "agent": np.tile(np.repeat(np.array(AGENTS), 2), n),
            "label": names[np.column_stack([first, second]).ravel()],
            "confidence": random.random(2 * n * k),
            "y": np.repeat(names[truth], 2 * k),
        }
    )


MEASURE = """
import json, sys, time

def peak():  # high-water mark and current size of resident memory, in bytes
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) * 1024, int(fields["VmRSS"].split()[0]) * 1024

import pyarrow, pyarrow.parquet, pyarrow.dataset, pyarrow.json, pyarrow.compute, numpy, sabotage, sabotage.reading
warm, path, who = sys.argv[1:]
def unstacked(path):
    import pandas
    frame = pandas.read_parquet(path)
    scores = frame.set_index(["id", "agent", "label"])["confidence"].unstack(["agent", "label"])
    return pyarrow.Table.from_pandas(scores)

read = {
    "wide": lambda path: pyarrow.parquet.read_table(path, columns=COLUMNS),
    "parts": lambda path: pyarrow.dataset.dataset(path).to_table(columns=COLUMNS),
    "jsonl": lambda path: pyarrow.json.read_json(path),
    "long": unstacked,
    "sabotage": lambda path: sabotage.read_panel(path),
}[who]
read(warm)
before = peak()[1]
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")  # reset the high-water mark
start = time.perf_counter()
kept = read(path)
seconds = time.perf_counter() - start
size = kept.nbytes if who != "sabotage" else sum(
    array.nbytes for array in (kept.truth, kept.labels, kept.confidence, kept.scores, kept.reliability, kept.ids))
print(json.dumps({"seconds": seconds, "growth": peak()[0] - before, "kept": size}))
"""


def measure(who: str, warm: Path, path: Path) -> dict[str, float]:
    program = f"COLUMNS = {COLUMNS!r}\n{MEASURE}"
    done = subprocess.run([sys.executable, "-c", program, warm, path, who], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=("wide", "parts", "jsonl", "long"), default="wide")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ending = {"parts": "", "jsonl": ".jsonl"}.get(options.shape, ".parquet")
        path, warm = Path(folder, f"preds{ending}"), Path(folder, f"warm{ending}")
        write_table(path, options.rows, options.shape)
        write_table(warm, 1000, options.shape)
        runs = [[measure(who, warm, path) for who in ("sabotage", options.shape)] for _ in range(options.runs)]
    ratios = [ours["seconds"] / theirs["seconds"] for ours, theirs in runs]
    growth = [ours["growth"] / ours["kept"] for ours, _ in runs]
    peer = {"wide": "pyarrow", "parts": "pyarrow's dataset", "jsonl": "pyarrow", "long": "pandas"}[options.shape]
    size = f"{options.rows:,} examples x {len(AGENTS)} agents x {len(CLASSES)} classes"
    print(f"{options.shape}: {size}, median of {options.runs} [min, max]")
    for name, values in ((f"time / that of {peer}", ratios), ("growth / bytes kept", growth)):
        print(f"  {name:<34} {statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]")
    seconds = statistics.median(ours["seconds"] for ours, _ in runs)
    print(f"  seconds here: sabotage {seconds:.2f}, {peer} {statistics.median(t['seconds'] for _, t in runs):.2f}")


if __name__ == "__main__":
    main()
