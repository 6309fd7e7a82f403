"""Optimiser steps to a distance on one digit: first weights of a model of all digits, or new ones.

    python -m benchmarks.warm_start [--seeds 3] [--steps 600] [--digit 3] [key=value ...]

A residual network is trained on the training rows of all digits of scikit-learn. Then it is
trained on those of one digit, once from new weights and once with `init=` the saved model,
everything else the same. Every 25 steps the energy distance of 500 samples of the averaged weights
to the held-out rows of that digit, which no model has seen, is computed. The goal is the mean of
the last four distances from new weights; the steps to it are the first at which the mean of four
distances is no larger, infinitely many if that does not happen. Rates are the same constant in all
runs, so that no schedule favours an early stop.

Goal: in the mean of the seeds at most half the steps from new weights. Exits with 1 on a miss.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import interpolants as si
from benchmarks.common import spread
from interpolants.data.digits import Digits
from interpolants.data.finite import FiniteData

_EVERY, _MEAN_OF, _FIRST_STEPS = 25, 4, 1_000
_SETTINGS = (
    *("net=residual_mlp", "net.hidden=128", "interpolant=one_sided_linear"),
    *("objective=velocity", "objective.antithetic=false", "batch_size=64"),
    *("optimizer.lr=0.001", "scheduler=constant", "sampler.num_steps=8", "ema=0.99"),
)
_CHECKS = (
    *("metric=energy_distance", "validation_size=500"),
    *(f"{key}={_EVERY}" for key in ("validate_every", "sample_every")),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--digit", type=int, default=3)
    parser.add_argument("overrides", nargs="*", help="settings of interpolants train, key=value")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began, data = time.process_time(), one_digit(options.digit)
    print("seed   goal     steps anew   steps with init=   ratio   first distances")
    ratios = []
    for seed in range(options.seeds):
        with TemporaryDirectory() as folder:
            whole = si.fit(
                Digits(), *_SETTINGS, *options.overrides, seed=seed, max_steps=_FIRST_STEPS
            )
            init = f"init={whole.save(Path(folder, 'digits'))}"
            anew, warm = (
                distances(
                    data, Path(folder, name), seed, options.steps, (*options.overrides, *word)
                )
                for name, word in (("anew", ()), ("warm", (init,)))
            )
        goal = statistics.mean(anew[-_MEAN_OF:])
        first, second = (steps_to(goal, curve) for curve in (anew, warm))
        ratios.append(second / first)
        heads = f"{anew[0]:.3f} and {warm[0]:.3f}"
        print(f"{seed:>4}{goal:>9.4f}{first:>11}{second:>19}{ratios[-1]:>8.2f}   {heads}")
    print(f"ratio of steps {spread(ratios, 2)}; CPU time {time.process_time() - began:.0f} s")
    return int(statistics.mean(ratios) > 0.5)


def one_digit(digit: int) -> FiniteData:
    """Rows of one digit, on the same sides of the split as in `Digits`."""
    digits = Digits()
    sides = [
        (digits.rows(torch.arange(digits.count(held_out=h)), held_out=h)) for h in (False, True)
    ]
    rows = [side.x1[side.label == digit] for side in sides]
    held = torch.arange(sum(map(len, rows))) >= len(rows[0])
    data = FiniteData(torch.cat(rows), standardize=False, is_held_out=held)
    data.shift, data.scale = digits.shift, digits.scale
    return data


def distances(
    data: FiniteData, run_dir: Path, seed: int, steps: int, words: Sequence[str]
) -> list[float]:
    """Energy distances during a run."""
    si.fit(data, *_SETTINGS, *_CHECKS, *words, seed=seed, max_steps=steps, run_dir=run_dir)
    with open(run_dir / "metrics.csv", newline="") as file:
        values = [row.get("val/energy_distance") for row in csv.DictReader(file)]
    return [float(value) for value in values if value]


def steps_to(goal: float, curve: Sequence[float]) -> float:
    """Steps of the first mean of several distances that is at most the goal."""
    means = [statistics.mean(curve[k : k + _MEAN_OF]) for k in range(len(curve) - _MEAN_OF + 1)]
    return _EVERY * next((k + _MEAN_OF for k, mean in enumerate(means) if mean <= goal), math.inf)


if __name__ == "__main__":
    sys.exit(main())
