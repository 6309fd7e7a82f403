"""Effect of the grid on multiplicative samplers, with exact fields.

    python -m benchmarks.multiplicative_grids [--samples 20000]

Log x of two narrow modes, 0.7 N(0.05, 0.04^2) + 0.3 N(0.6, 0.05^2), like pixels in [1, 2], along
geometric Brownian motion with sigma 0.8: the first Wasserstein distance of the logarithms of
samples to those of real ones, by the number of steps. Starts are exact, so that all error is the
sampler's, and the floor is the distance of other real samples.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.base import Grid
from interpolants.sampler.grid.geometric import GeometricGrid
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.testing.exact import ExactFields

STEPS = (20, 50, 100, 200)
CUT = 1e-4
GRIDS: dict[str, Grid] = {
    "uniform": UniformGrid(),
    "power": PowerGrid(),
    "geometric": GeometricGrid(ratio=CUT),
}
TARGET = GaussianMixture(means=[[0.05], [0.6]], weights=[0.7, 0.3], std=[0.04, 0.05])
BASE = GaussianMixture(means=[[0.0]], std=1.0)


def distance(x: Tensor, y: Tensor) -> float:
    """W1 of two samples of one size, (n, 1)."""
    return float((x.sort(dim=0).values - y.sort(dim=0).values).abs().mean())


def measure(solver: PlannedSolver, grid: Grid, num_steps: int, n: int) -> float:
    """The distance after so many steps: the last ends at the mean of the data given the state."""
    path = GeometricBrownianInterpolant()
    net = ExactFields(base=BASE, target=TARGET, interpolant=path, predicts=("score",))
    fields = Fields(net=net, interpolant=path, predicts=("score",))
    generator = torch.Generator().manual_seed(0)
    start = TARGET.sample(n, generator).x1
    x = start + path.coefficients(torch.zeros(())).alpha * torch.randn(n, 1, generator=generator)
    process = (
        ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon(), cut=CUT)
        if solver.channels
        else ProbabilityFlow(fields=fields, cut=CUT)
    )
    nodes = grid.times(num_steps, process.span)
    end = integrate(solver.plan(process, nodes), x, noise=GeneratorNoise(generator))
    real = TARGET.sample(n, generator).x1
    return distance(fields.target_mean(nodes[-1].to(end), end), real)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=20_000)
    n = parser.parse_args().samples
    generator = torch.Generator().manual_seed(1)
    pairs = [(TARGET.sample(n, generator).x1, TARGET.sample(n, generator).x1) for _ in range(5)]
    print(f"{'':<34}" + "".join(f"{steps:>9}" for steps in STEPS))
    with torch.no_grad():
        for name, solver in (("Dale-Langevin", EulerMaruyama()), ("Heun's flow", Heun())):
            for label, grid in GRIDS.items():
                found = [measure(solver, grid, steps, n) for steps in STEPS]
                row = "".join(f"{value:>9.4f}" for value in found)
                print(f"{name + ', ' + label:<34}{row}", flush=True)
    print(f"{'floor':<34}{sum(distance(*pair) for pair in pairs) / len(pairs):>9.4f}")


if __name__ == "__main__":
    main()
