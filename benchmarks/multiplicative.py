"""Multiplicative models of positive data beside their additive siblings.

    python -m benchmarks.multiplicative [--seeds 3] [--only NAME ...] [key=value ...]

Three data sets: a mixture of log-normals in the plane, thirty measurements of cell nuclei
(scikit-learn) and its 8x8 digits. Each is learned twice with one network, budget and metric: in
log coordinates along geometric Brownian motion, sampled by the Dale-Langevin sampler, and in the
data's own units, sampled by the SDE of its path. The experiments of these names say all else.

The distance is the energy distance of samples to as many held-out rows in units of the rows'
standard deviations (for digits of all pixels together: some hardly vary), mean and std over
training seeds; the floor is that of real rows to held-out ones. The
share outside is of samples with a coordinate below zero, where the data are not; for digits, with
a pixel below -1 or above 17, where they go from 0 to 16.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from benchmarks.common import build, configure, spread, trained
from interpolants.data.base import Data
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.utils.shapes import flatten_event


class Task(NamedTuple):
    """The experiments of a data set, the range of its values, and whether they have one unit."""

    experiments: tuple[str, ...]
    low: float
    high: float
    one_unit: bool = False

    def distance(self, x: Tensor, reference: Tensor) -> float:
        """The energy distance in units of the reference's standard deviations."""
        std = reference.std() if self.one_unit else reference.std(dim=0)
        return float(EnergyDistance()(x / std, reference / std))


TASKS = {
    "lognormal_mixture": Task(
        ("lognormal_mixture", "lognormal_mixture_additive"), 0.0, float("inf")
    ),
    "nuclei": Task(("nuclei_multiplicative", "nuclei_additive"), 0.0, float("inf")),
    "digits": Task(("digits_multiplicative", "digits_additive"), -1.0, 17.0, one_unit=True),
}


class Result(NamedTuple):
    """One run: distance, share of samples outside, network calls, seconds of training."""

    distance: float
    outside: float
    nfe: int
    seconds: float


def measure(task: Task, experiment: str, seed: int, overrides: Sequence[str]) -> Result:
    """Train with one seed, and compare samples of the averaged weights with held-out rows."""
    cfg = configure(f"experiment={experiment}", f"seed={seed}", "animation=false", *overrides)
    began = time.process_time()
    model = trained(cfg)
    seconds = time.process_time() - began
    reference, _ = rows(build(cfg.data))
    drawn = model.sample(len(reference), seed=seed)
    x = flatten_event(drawn.x)
    outside = ((x < task.low) | (x > task.high) | ~x.isfinite()).any(dim=1)
    inside = x.isfinite().all(dim=1)
    return Result(
        task.distance(x[inside], reference), float(outside.double().mean()), drawn.nfe, seconds
    )


def rows(data: Data) -> tuple[Tensor, Tensor]:
    """Held-out rows to compare with, and real rows of as large a number: (n, D) each."""
    first, second = data.reference_pair(5_000)
    return flatten_event(first), flatten_event(second)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("overrides", nargs="*", help="further settings of train.py")
    options = parser.parse_args()
    print(f"{'experiment':<30}{'energy distance':<22}{'floor':<9}{'outside':<10}{'NFE':<6}s")
    for name in options.only:
        task = TASKS[name]
        for experiment in task.experiments:
            results = [
                measure(task, experiment, seed, options.overrides) for seed in range(options.seeds)
            ]
            distances, outside, nfe, seconds = zip(*results, strict=True)
            floor = task.distance(*rows(build(configure(f"experiment={experiment}").data)))
            row = f"{experiment:<30}{spread(distances):<22}{floor:<9.4f}"
            row += f"{statistics.mean(outside):<10.4f}{statistics.mean(nfe):<6.0f}"
            print(row + f"{statistics.mean(seconds):.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
