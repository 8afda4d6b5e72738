"""How long the command takes to start: its help, and a first and a later analysis of 2,000 examples.

Whole processes, in turn. Help is a multiple of `python -c "import click"` in the same run; the first analysis starts
from an empty cache of compiled kernels.

    python benchmarks/startup.py [--runs 9]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from permutation import make_panel

COMMAND = str(Path(sys.executable).with_name("sabotage"))


def seconds(*command: str, **environment: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | environment)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    pairs = [(seconds(COMMAND, "--help"), seconds(sys.executable, "-c", "import click")) for _ in range(runs)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"sabotage --help: {ratio:.2f} x python -c 'import click', median of {runs}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "preds.parquet")
        make_panel(2000).to_parquet(path)
        for when in ("first, kernels compiled", *["again"] * 3):
            taken = seconds(COMMAND, "analyze", str(path), NUMBA_CACHE_DIR=str(Path(folder, "cache")))
            print(f"sabotage analyze, 2,000 examples, 10,000 permutations ({when}): {taken:.1f} s")
        report = seconds(COMMAND, "analyze", str(path), "-o", folder, NUMBA_CACHE_DIR=str(Path(folder, "cache")))
        print(f"  with a report: {report:.1f} s")


if __name__ == "__main__":
    main()
