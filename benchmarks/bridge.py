"""The bridge of fractional Brownian motion: distance of posteriors from the optimal loss.

    python -m benchmarks.bridge [--hurst 0.3 0.5 0.7 0.9] [key=value ...]

The process starts at 0 and is observed as 0 at t = 2 with std 0.1 (arXiv 2310.12975). The loss is
E x(2)^2 / (2 std^2) + KL, whose least value is 1/2 log(1 + Var B(2) / std^2).

  control    the control in closed form held over each of N graded steps, nothing trained
  guide      `experiment=fbm_bridge` with N steps, untrained: the posterior of each step's normals
  trained    the same after its 500 training steps, control network and start included

Means over 65,536 paths with standard errors; the share is what the loss is above its least value.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.common import build, configure, trained
from benchmarks.linear_control import LinearControl
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.neural_sde import NeuralSDE
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.generator import GeneratorNoise

PATHS, STEPS = 65_536, (64, 128)


def held(model: NeuralSDE, generator: torch.Generator) -> Tensor:
    """Losses of paths under the control in closed form."""
    std = float(model.decoder.std())
    guide = LinearControl(
        driver=model.driver, observations=torch.zeros(1), times=model.times, std=std
    )
    process = DrivenSDE(
        driver=model.driver,
        drift=model.drift,
        diffusion=model.diffusion,
        additive=True,
        guide=guide,
        path_kl=True,
    )
    state = process.start(torch.zeros(PATHS, 1), generator)
    plan = model.solver.plan(process, model.nodes)
    end = integrate(plan, state, noise=GeneratorNoise(generator))
    return (process.event(end).square() / (2 * std**2) + process.kl(end)).sum(dim=1)


def guided(model: NeuralSDE, generator: torch.Generator) -> Tensor:
    """Losses of paths under the model's own posterior."""
    values = torch.zeros(PATHS, 1, 1)
    bound = model.elbo(values, torch.ones(PATHS, 1, dtype=torch.bool), generator).total
    return -bound - model.decoder.std().log() - 0.5 * math.log(2 * math.pi)


def measure(hurst: float, num_steps: int, overrides: Sequence[str]) -> None:
    """Print a line for each posterior."""
    chosen = (f"neural_sde.driver.hurst.value={hurst}", f"neural_sde.num_steps={num_steps}")
    cfg = configure("experiment=fbm_bridge", *chosen, *overrides)
    data = build(cfg.data)
    plain = build(cfg.model)(event_shape=data.event_shape, times=data.times)
    learned = trained(cfg).model
    end = torch.tensor(data.times[-1], dtype=torch.float64)
    least = 0.5 * math.log1p(float(plain.driver.covariance(end, end)) / 0.1**2)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        losses = {
            "control": held(plain, generator),
            "guide": guided(plain, generator),
            "trained": guided(learned, generator),
        }
    for name, loss in losses.items():
        mean, error = float(loss.mean()), float(loss.std()) / math.sqrt(PATHS)
        share = f"{mean / least - 1:8.2%}"
        print(f"{hurst:4} {num_steps:5} {name:<9} {least:7.4f} {mean:8.4f} +- {error:.4f} {share}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hurst", type=float, nargs="*", default=[0.3, 0.5, 0.7, 0.9])
    arguments, overrides = parser.parse_known_args()
    print(f"{'H':>4} {'N':>5} {'posterior':<9} {'least':>7} {'loss':>8}")
    for hurst in arguments.hurst:
        for num_steps in STEPS:
            measure(hurst, num_steps, overrides)


if __name__ == "__main__":
    main()
