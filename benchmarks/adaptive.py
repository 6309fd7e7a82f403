"""Adaptive steps for every sample against one step for the batch, at equal accuracy.

    python -m benchmarks.adaptive [--rounds 7]

`DormandPrince` at its default tolerance of 1e-5 against torchdiffeq's dopri5 at the tolerance,
found by bisection, that gives the same 99th percentile of the samples' errors: CPU time of a
whole solve, one thread, in turns, medians over the rounds. Errors are distances to a solution by
dopri8 at 1e-11. 1024 standard normal starts in two dimensions, float64, of

- the flow to eight modes on a circle with standard deviations from 0.005 to 0.5, in closed form,
- a random network of 4 layers of 256, its output scaled to a speed of about 1.

Prints a table with the tolerance found; exits with 1 if a ratio is above its goal.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import final

import torch
from torch import Tensor
from torchdiffeq import odeint

from benchmarks.mixture import centres
from benchmarks.table import HEADER, Row, print_rows
from interpolants.net.mlp import MLP
from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import Solver
from interpolants.sampler.solver.dormand_prince import DormandPrince
from interpolants.sampler.solver.torchdiffeq import Torchdiffeq

GOAL = 1.0
SAMPLES, ROUNDS = 1024, 7
_SPAN = torch.tensor([0.0, 1.0], dtype=torch.float64)
# The peer's tolerance is found to 4%.
_BISECTIONS = 8


@final
class Modes(Process):
    """x' = b(t, x) between N(0, Id) and equal modes N(m_j, s_j^2 Id) on x_t = (1-t) x0 + t x1."""

    def __init__(self) -> None:
        self.means = centres()
        scales = torch.logspace(math.log10(0.005), math.log10(0.5), len(self.means))
        self.variances = scales.double().square()

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        t = t.unsqueeze(-1)
        variance = (1 - t).square() + t.square() * self.variances
        distance = x.square().sum(1, keepdim=True) - 2 * t * (x @ self.means.T)
        distance = distance + t.square() * self.means.square().sum(1)
        share = torch.softmax(-0.5 * distance / variance - variance.log(), dim=1)
        rate = share * (t * self.variances - (1 - t)) / variance
        return (share - t * rate) @ self.means + rate.sum(1, keepdim=True) * x


@final
class Network(Process):
    """x' = net(t, x), untrained."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            # Random weights on fast sines of time would make a field that no training makes.
            self.net = MLP(event_shape=(2,), heads=1, time_features=0).double()

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return 20 * self.net(t, x).squeeze(1)


PROBLEMS: dict[str, Callable[[], Process]] = {"8 modes": Modes, "MLP 4x256": Network}


def solve(solver: Solver, process: Process, x: Tensor) -> Tensor:
    """From 0 to 1, nothing kept on the way."""
    save_at = SaveTimes(_SPAN, _SPAN[:0])
    return solver.solve(process, _SPAN, x, noise=GeneratorNoise(), save_at=save_at)


def solve_peer(tolerance: float, process: Process, x: Tensor) -> Tensor:
    """torchdiffeq's dopri5 as its users call it."""
    end: Tensor = odeint(process.drift, x, _SPAN, method="dopri5", rtol=tolerance, atol=tolerance)[
        -1
    ]
    return end


def tail(x: Tensor, exact: Tensor) -> float:
    """The 99th percentile of the samples' errors."""
    return float(torch.linalg.vector_norm(x - exact, dim=1).quantile(0.99))


def equal_tolerance(error: float, process: Process, x: Tensor, exact: Tensor) -> float:
    """The loosest tolerance, to 4%, at which the peer's tail is at most `error`."""
    tight, loose = 1e-11, 1e-1
    # First to within a decade from the loose side, where errors do not fall evenly.
    while loose / 10 > tight and tail(solve_peer(loose / 10, process, x), exact) > error:
        loose /= 10
    tight = loose / 10
    for _ in range(_BISECTIONS):
        middle = math.sqrt(tight * loose)
        if tail(solve_peer(middle, process, x), exact) > error:
            loose = middle
        else:
            tight = middle
    return tight


@torch.no_grad()
def compare(name: str, rounds: int) -> Row:
    """One problem: milliseconds of CPU time per solve, ours and the peer's."""
    process = PROBLEMS[name]()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, 2, generator=generator, dtype=torch.float64)
    exact = solve(Torchdiffeq(method="dopri8", rtol=1e-11, atol=1e-11), process, x)
    ours = partial(solve, DormandPrince(), process, x)
    tolerance = equal_tolerance(tail(ours(), exact), process, x, exact)
    peer = partial(solve_peer, tolerance, process, x)
    times = [(_milliseconds(ours), _milliseconds(peer)) for _ in range(rounds)]
    own, other = (statistics.median(side) for side in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    return Row(f"{name}: adaptive, dopri5 at {tolerance:.1e}, ms", own, other, ratio, GOAL)


def _milliseconds(run: Callable[[], Tensor]) -> float:
    began = time.process_time()
    run()
    return 1e3 * (time.process_time() - began)


def rows(rounds: int = ROUNDS) -> list[Row]:
    """The comparisons of this benchmark."""
    torch.set_num_threads(1)
    return [compare(name, rounds) for name in PROBLEMS]


def measure(rounds: int) -> list[tuple[str, float, float, float]]:
    """The same as (name, our milliseconds, the peer's, the goal for their ratio)."""
    return [(row.name, row.ours, row.peer, GOAL) for row in rows(rounds)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    print(HEADER)
    return int(print_rows(rows(options.rounds)))


if __name__ == "__main__":
    sys.exit(main())
