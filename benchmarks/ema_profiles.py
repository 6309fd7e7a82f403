"""Accuracy of post-hoc EMA: distance of combined profiles from wanted ones.

    python -m benchmarks.ema_profiles [--files 5 10 20 50 100] [--widths 0.01 ... 0.25]

By the number of files at equal distances, each with the averages of widths 0.05 and 0.1 that
training keeps: the distance in L2 of the combination's profile from the one asked for, as a share
of its norm.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from interpolants.checkpoint.ema_profiles import Profile, coefficients, gamma_of, inner_product

TRACKED = (0.05, 0.10)
WIDTHS = (0.01, 0.02, 0.03, 0.07, 0.15, 0.2, 0.25)


def error(known: Sequence[Profile], wanted: Profile) -> float:
    """|sum c_i p_i - p| / |p| with the coefficients that training's averages are combined with."""
    shares = coefficients(known, wanted)
    products = np.array([[inner_product(p, q) for q in known] for p in known])
    mixed = np.array([inner_product(p, wanted) for p in known])
    norm = inner_product(wanted, wanted)
    square = shares @ products @ shares - 2 * shares @ mixed + norm
    return float(np.sqrt(max(0.0, square) / norm))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[5, 10, 20, 50, 100])
    parser.add_argument("--widths", type=float, nargs="+", default=WIDTHS)
    options = parser.parse_args()
    print(f"{'files':>8}" + "".join(f"{width:>10g}" for width in options.widths))
    for count in options.files:
        steps = [(k + 1) / count for k in range(count)]
        known = [Profile(step, gamma_of(width)) for step in steps for width in TRACKED]
        errors = [error(known, Profile(1.0, gamma_of(width))) for width in options.widths]
        print(f"{count:>8}" + "".join(f"{value:>10.1g}" for value in errors))


if __name__ == "__main__":
    main()
