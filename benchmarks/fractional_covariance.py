"""Accuracy of sums of Ornstein-Uhlenbeck processes as fractional Brownian motion.

    python -m benchmarks.fractional_covariance [--n 128]

Over [0, 1] in n steps, each cell is the relative error of the covariance of the path, that of its
increments, both in the Frobenius norm, and the relative mean square error of the path itself, on
the Brownian motion that drives both. The speeds are those of the papers, 1/20 to 20, and the
resolution-matched ones, 0.02 to 2 n. A row marked `slope` has a random slope, which changes the
distribution only: its last number is that of the row above.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.matched_speeds import MatchedSpeeds
from interpolants.driver.representation import Representation
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.driver.weights import RIDGE

REPRESENTATIONS: dict[str, Representation] = {
    "I": MandelbrotVanNess(normalize=False),
    "II": RiemannLiouville(normalize=False),
}
INDICES = (0.1, 0.3, 0.5, 0.7, 0.9)
COUNTS = (3, 5, 7, 10)


class Errors(NamedTuple):
    """Relative ones: of the path's covariance, of its increments', and of the path."""

    path: float
    increments: float
    square: float


def errors(
    representation: Representation,
    hurst: float,
    gammas: Sequence[float],
    *,
    n: int = 128,
    slope: bool = False,
    ridge: float = RIDGE,
) -> Errors:
    """Errors of one approximation over [0, 1] in n steps."""
    driver = MarkovFractionalBrownian(
        hurst=hurst, representation=representation, gammas=gammas, random_slope=slope, ridge=ridge
    )
    times = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    s, t = torch.meshgrid(times, times, indexing="ij")
    exact = representation.covariance(s, t, driver.hurst())
    gap = driver.covariance(s, t) - exact
    both = (gap / exact.norm(), _increments(gap) / _increments(exact).norm())
    return Errors(*(float(part.norm()) for part in both), float(driver.relative_error()))


def _increments(covariance):
    return covariance.diff(dim=-1).diff(dim=-2)


def print_table(n: int) -> None:
    """Print every type and index, at each number of processes and both choices of speeds."""
    choices = {
        "1/20 to 20": GeometricSpeeds,
        f"0.02 to {2 * n}": partial(MatchedSpeeds, slowest=0.02),
        f"0.0001 to {2 * n}, the default": MatchedSpeeds,
    }
    for name, speeds in choices.items():
        print(f"speeds {name}".ljust(16) + "".join(f"K = {k}".ljust(28) for k in COUNTS))
        for kind, representation in REPRESENTATIONS.items():
            for hurst in INDICES:
                for slope in (False, True)[: 1 + representation.has_past]:
                    rows = [
                        errors(
                            representation, hurst, speeds(count=k)(1 / n, 1.0), n=n, slope=slope
                        )
                        for k in COUNTS
                    ]
                    cells = [" ".join(f"{e:<8.2g}" for e in row).ljust(28) for row in rows]
                    label = f"{kind} {hurst}" + " slope" * slope
                    print((label.ljust(16) + "".join(cells)).rstrip())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=128, help="steps of the grid")
    print_table(parser.parse_args().n)


if __name__ == "__main__":
    main()
