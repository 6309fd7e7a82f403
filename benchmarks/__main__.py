"""All goals in one table: `name  ours  peer  ratio  goal  ok|MISS`.

    python -m benchmarks [--rounds 15]

The loop's cost, accuracy, adaptive steps, and the cost of a training step, one after the other,
on one thread; less is better in every row, and a ratio is good up to its goal. Exits with 1 if a
goal is missed. The tables behind the rows: `python -m benchmarks.accuracy`, and each benchmark
has options of its own. `python -m benchmarks.transport_2d`, which trains, takes longer.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator

import torch

from benchmarks import accuracy, adaptive, core, train_step
from benchmarks.table import HEADER, Row, print_rows


def rows(rounds: int) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    yield from core.measure(rounds)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sampler.num_steps")
        yield from accuracy.measure()
    yield from adaptive.rows(max(3, rounds // 2))
    for name, (overrides, goal) in train_step.CASES.items():
        yield Row(f"ms per training step: {name}", *train_step.measure(overrides, 20, 100), goal)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    print(HEADER)
    missed = print_rows(rows(options.rounds))
    print(f"{time.perf_counter() - began:.0f} s, torch {torch.__version__}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
