"""Fractional noise beside other packages: a driven equation, and exact paths.

    python -m benchmarks.fractional [--rounds 5] [--no-compile]

CPU time on one thread, everything in turns inside one process, medians over rounds.

  ms per solve, ...     dX = f(t, X) dt + dB, five processes (type I, H = 0.3), 256 samples, 100
                        steps of Euler, f a network of 64 hidden SiLU: `integrate` against torchsde
                        on the state (X, Y_1, ..., Y_5) with its one dW, by default and with a
                        BrownianInterval of its step
  us per path, n=1024   exact fractional Brownian motion, 64 paths in a batch, against packages
                        that draw one path at a time

torchsde steps the processes by Euler's method, which has an error of its own there; ours are
exact. Plans are made once, as peers prepare themselves, and compiled blocks of 20 steps before
they are timed. A package that is not installed is left out with a line, and what is found goes
by its version. Exits with 1 on a missed goal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib.metadata import version

import torch
from torch import Tensor, nn

from benchmarks.table import HEADER, Row, paired_row, print_rows
from benchmarks.timing import Work, in_turns
from interpolants.driver.brownian import Brownian
from interpolants.driver.exact_fractional_brownian import ExactFractionalBrownian
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.net.mlp import MLP
from interpolants.neural_sde.driven_sde import DrivenSDE, Field
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.sampler.integrate import integrate
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.mode.compiled import Compiled
from interpolants.sampler.noise.generator import GeneratorNoise

HURST, SAMPLES, STEPS, LENGTH, BATCH = 0.3, 256, 100, 1024, 64
DEFAULT_GOAL, MATCHED_GOAL, PATHS_GOAL = 1 / 50, 1 / 3, 1 / 300


def network() -> Field:
    """f, of one dimension."""
    torch.manual_seed(0)
    net = MLP(event_shape=(1,), heads=1, hidden=64, depth=1, time_features=0)
    return lambda t, x: net(t, x).select(1, 0)


def ou_driver() -> MarkovFractionalBrownian:
    """Markov approximation with the processes of the papers."""
    representation = MandelbrotVanNess(normalize=False)
    return MarkovFractionalBrownian(
        hurst=HURST, representation=representation, gammas=GeometricSpeeds(count=5), step=1 / STEPS
    )


class _Flat(nn.Module):
    """torchsde's view of (X, Y): d Y_k = -gamma_k Y_k dt + dW, dX = f dt + sum omega_k dY_k."""

    noise_type, sde_type = "scalar", "ito"

    def __init__(self, field: Field, driver: MarkovFractionalBrownian) -> None:
        super().__init__()
        omega, gammas = driver.omega().float(), driver.rates().float()
        self.field, self.gammas, self.pull = field, gammas, omega * gammas
        ones = torch.ones(len(gammas))
        self.noise = torch.cat([omega.sum().unsqueeze(0), ones]).unsqueeze(-1)

    def f(self, t: Tensor, z: Tensor) -> Tensor:
        x, y = z[:, :1], z[:, 1:]
        drift = self.field(t.to(z.dtype), x) - (y @ self.pull).unsqueeze(-1)
        return torch.cat([drift, -self.gammas * y], dim=1)

    def g(self, t: Tensor, z: Tensor) -> Tensor:
        return self.noise.expand(len(z), -1, -1)


def torchsde_solve(field: Field, state: Tensor, *, matched: bool) -> Work:
    """The same by torchsde, with its defaults or with a Brownian path of the solver's step."""
    from torchsde import BrownianInterval, sdeint

    sde, dt, z = _Flat(field, ou_driver()), 1 / STEPS, state.flatten(1)
    ts = torch.tensor([0.0, 1.0], dtype=torch.float64 if matched else torch.float32)

    def default() -> Tensor:
        end: Tensor = sdeint(sde, z, ts, method="euler", dt=dt)[-1]
        return end

    def with_path() -> Tensor:
        path = BrownianInterval(t0=ts[0], t1=ts[1], size=(len(z), 1), dtype=z.dtype, dt=dt)
        end: Tensor = sdeint(sde, z, ts, bm=path, method="euler", dt=dt)[-1]
        return end

    return with_path if matched else default


def solve(process: DrivenSDE, state: Tensor, mode: Mode | None = None) -> Work:
    """`integrate` on a plan."""
    plan = DrivenEuler().plan(process, torch.linspace(0, 1, STEPS + 1, dtype=torch.float64))
    return lambda: integrate(plan, state, noise=GeneratorNoise(), mode=mode)


def _one(t: Tensor, x: Tensor) -> Tensor:
    return torch.ones_like(x)


def beside_torchsde(rounds: int, compiled: bool) -> Iterator[Row]:
    """Whole solves, and for the record the cost of OU processes beside Brownian noise."""
    field, generator = network(), torch.Generator().manual_seed(0)
    driven = [
        DrivenSDE(driver=driver, drift=field, diffusion=_one, additive=True)
        for driver in (ou_driver(), Brownian())
    ]
    fractional, plain = (p.start(torch.zeros(SAMPLES, 1), generator) for p in driven)
    works = {
        "ours": solve(driven[0], fractional),
        "K=0": solve(driven[1], plain),
        "net": lambda: [field(torch.tensor(0.5), plain[..., 0]) for _ in range(STEPS)],
        "matched": torchsde_solve(field, fractional, matched=True),
    }
    if compiled:
        works["compiled"] = solve(driven[0], fractional, Compiled(block=20))
    found = in_turns(works, 4 * rounds)
    name = "ms per solve: torchsde, step-matched"
    yield paired_row(name, found["ours"], found["matched"], 1e3, MATCHED_GOAL)
    if compiled:
        yield paired_row(
            f"{name}, compiled", found["compiled"], found["matched"], 1e3, MATCHED_GOAL
        )
    yield paired_row("ms per solve: ours, Brownian noise", found["ours"], found["K=0"], 1e3, None)
    yield paired_row("ms per solve: bare calls of f", found["ours"], found["net"], 1e3, None)
    works = {"ours": works["ours"], "peer": torchsde_solve(field, fractional, matched=False)}
    found = in_turns(works, rounds)
    name = "ms per solve: torchsde by default"
    yield paired_row(name, found["ours"], found["peer"], 1e3, DEFAULT_GOAL)


def beside_path_packages(rounds: int) -> Iterator[Row]:
    """Exact paths by the batch, against packages with one path a call."""
    sampler = ExactFractionalBrownian(hurst=HURST, normalize=True)
    generator = torch.Generator().manual_seed(0)
    for name, maker in (("fbm", _fbm), ("stochastic", _stochastic)):
        try:
            peer = maker()
        except ImportError as error:
            print(f"{name}: left out, {error}")
            continue
        works: dict[str, Work] = {"ours": lambda: sampler.paths((BATCH,), LENGTH, generator)}
        works["peer"] = lambda peer=peer: [peer() for _ in range(BATCH)]  # type: ignore[misc]
        found = in_turns(works, rounds)
        label = f"us per path, n={LENGTH}: {name} {version(name)}"
        yield paired_row(label, found["ours"], found["peer"], 1e6 / BATCH, PATHS_GOAL)


def _fbm() -> Work:
    from fbm import FBM

    source = FBM(n=LENGTH, hurst=HURST, length=1, method="daviesharte")
    return lambda: source.fbm()


def _stochastic() -> Work:
    from stochastic.processes.continuous import FractionalBrownianMotion

    source = FractionalBrownianMotion(hurst=HURST, t=1)
    return lambda: source.sample(LENGTH)


def measure(rounds: int, compiled: bool = True) -> Iterator[Row]:
    """All of it."""
    with torch.no_grad():
        yield from beside_torchsde(rounds, compiled)
        yield from beside_path_packages(rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true", help="leave out compiled blocks")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(HEADER)
    return int(print_rows(measure(options.rounds, not options.no_compile)))


if __name__ == "__main__":
    sys.exit(main())
