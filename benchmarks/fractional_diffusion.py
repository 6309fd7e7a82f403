"""Fractional diffusion by Hurst index and number of states, from one net and from exact fields.

    python -m benchmarks.fractional_diffusion [--steps 10 20 50] [--distributions] [key=value ...]

Fields are of data alone and serve every noise: H, the number of states K and the rate are those of
the sampler. The rate is that of the variance-preserving diffusion, or with --exploding that of
the other; 'brownian' has no states, and is the ordinary diffusion.

Distributions, with exact fields: mean and std of samples of N(.5, .3^2); of |x| for two points +-1
with std .1, that is 1 and .1. Then one training of experiment=digits_fractional, and the
energy distance of samples to as many held-out digits, in units of all pixels' std, over
draws of samples, with the floor of real digits.

`path flow` is the ordinary probability flow at the times of the fractional grid, which shows what
is the grid's doing and what memory's. `level` is the noise of a state with memory at the end.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import build, configure, spread, trained
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.driver.brownian import Brownian
from interpolants.driver.fractional_noise import FractionalNoise
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.interpolant.schedule.base import Schedule
from interpolants.interpolant.schedule.geometric import GeometricSchedule
from interpolants.interpolant.schedule.variance_preserving import VariancePreservingSchedule
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.fractional import FractionalGrid
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.fractional_flow import FractionalFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ancestral import Ancestral
from interpolants.sampler.solver.dpm_solver import DPMSolver
from interpolants.sampler.solver.linear_gaussian import LinearGaussian
from interpolants.testing.exact import ExactFields
from interpolants.utils.shapes import flatten_event

INDICES, STATES = (0.3, 0.5, 0.7, 0.9), (1, 2, 3)
DRAWS, SEEDS = 20_000, 4
# Standard deviations from .01 to 50, as in arXiv 2310.17638.
_RATIO = 5000.0
_FIRST = 0.01 * math.sqrt(2 * math.log(_RATIO))

Print = Callable[[Callable[..., Sampler]], str]


def noises(schedule: Schedule) -> Iterator[tuple[str, FractionalNoise]]:
    """The ordinary diffusion and those with memory, by name."""
    yield "brownian", FractionalNoise(driver=Brownian(), schedule=schedule)
    for count in STATES:
        # With one state and the noise's size matched there is nothing for H to decide.
        for hurst in INDICES if count > 1 else INDICES[:1]:
            driver = MarkovFractionalBrownian(
                hurst=hurst,
                representation=RiemannLiouville(normalize=False),
                gammas=GeometricSpeeds(count=count),
                step=1.0,
            )
            noise = FractionalNoise(driver=driver, schedule=schedule)
            yield f"H={hurst} K={count}", noise


def samplers(noise: FractionalNoise) -> dict[str, Callable[..., Sampler]]:
    """The reversal and the flow of a noise, and that of the path at the same times."""
    grid = FractionalGrid(noise=noise)
    reversal: Any = {"process": ForwardSDE, "epsilon": KLOptimalEpsilon(), "solver": Ancestral()}
    flow: Any = {"process": partial(FractionalFlow, noise=noise), "solver": LinearGaussian()}
    return {
        "reversal": partial(Sampler, grid=grid, **reversal),
        "flow": partial(Sampler, grid=grid, **flow),
        "path flow": partial(Sampler, grid=grid, solver=DPMSolver()),
    }


def table(cell: Print, schedule: Schedule, steps: Sequence[int]) -> None:
    """Print one cell for each noise, sampler and number of steps."""
    print(f"{'noise':<14}{'level':<9}{'sampler':<10}" + "".join(f"N={n:<18}" for n in steps))
    for name, noise in noises(schedule):
        for kind, sampler in samplers(noise).items():
            cells = [cell(partial(sampler, num_steps=n)) for n in steps]
            row = f"{name:<14}{noise.top:<9.3g}{kind:<10}"
            print(row + "".join(f"{c:<20}" for c in cells), flush=True)


def distribution_cell(target: GaussianMixture, absolute: bool) -> Print:
    """Mean and standard deviation of samples, or of their absolute values, with exact fields."""
    path, predicts = OneSidedLinearInterpolant(), ("target_mean",)
    base = GaussianMixture(means=[[0.0]], std=1.0)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    fields = Fields(net=net, interpolant=path, predicts=predicts)

    def cell(sampler: Callable[..., Sampler]) -> str:
        generator = torch.Generator().manual_seed(0)
        x0 = torch.randn(DRAWS, 1, generator=generator)
        x = sampler(fields=fields)(x0, generator=generator).x
        x = x.abs() if absolute else x
        return f"{float(x.mean()):.3f} {float(x.std()):.3f}"

    return cell


def digits(schedule: Schedule, steps: Sequence[int], overrides: Sequence[str]) -> None:
    """Train once, and print distances for every noise."""
    cfg = configure("experiment=digits_fractional", "animation=false", *overrides)
    first, second = (flatten_event(x) for x in build(cfg.data).reference_pair(5_000))

    def distance(x: Tensor) -> float:
        return float(EnergyDistance()(x / first.std(), first / first.std()))

    model = trained(cfg)

    def cell(sampler: Callable[..., Sampler]) -> str:
        drawn = [model.sample(len(first), sampler=sampler, seed=seed) for seed in range(SEEDS)]
        distances = [distance(flatten_event(d.x)) for d in drawn]
        return spread(distances)

    print(f"digits: energy distance, {SEEDS} draws; floor {distance(second):.4f}")
    table(cell, schedule, steps)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, nargs="*", default=[10, 20, 50])
    parser.add_argument(
        "--distributions", action="store_true", help="exact fields alone, no training"
    )
    parser.add_argument("--exploding", action="store_true", help="the variance-exploding rate")
    parser.add_argument("overrides", nargs="*", help="further settings of train.py")
    options = parser.parse_args()
    exploding = GeometricSchedule(start=_FIRST, end=_FIRST * _RATIO)
    schedule = exploding if options.exploding else VariancePreservingSchedule()
    print("N(.5, .3^2): mean and std")
    table(
        distribution_cell(GaussianMixture(means=[[0.5]], std=0.3), False), schedule, options.steps
    )
    print("two points +-1, std .1: mean and std of |x|")
    points = GaussianMixture(means=[[-1.0], [1.0]], std=0.1)
    table(distribution_cell(points, True), schedule, options.steps)
    if not options.distributions:
        digits(schedule, options.steps, options.overrides)
    return 0


if __name__ == "__main__":
    sys.exit(main())
