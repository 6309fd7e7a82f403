"""The Hurst index of fractional Ornstein-Uhlenbeck paths, recovered by a neural SDE.

    python -m benchmarks.hurst [--seeds 3] [--hurst 0.3 0.5 0.7 0.9] [key=value ...]

`experiment=fou_hurst` for each index: 800 training paths of 64 noisy observations, 300 steps of
batch 64. A seed changes the paths, their noise and the training. Means and standard deviations
over the seeds are printed, of the averaged weights.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from benchmarks.common import configure, spread, trained


def recover(hurst: float, seed: int, overrides: Sequence[str]) -> tuple[float, float, float]:
    """The index, the rate and the seconds of one run."""
    seeds = (f"seed={seed}", f"data.seed={seed}", f"data.hurst={hurst}")
    cfg = configure("experiment=fou_hurst", *seeds, *overrides)
    began = time.process_time()
    series = trained(cfg)
    seconds = time.process_time() - began
    rate = series.model.drift.linear()[0].mean().detach()
    return float(series.hurst), float(rate), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hurst", type=float, nargs="*", default=[0.3, 0.5, 0.7, 0.9])
    arguments, overrides = parser.parse_known_args()
    print(f"{'H':>4} {'recovered':>16} {'mean error':>11} {'rate (0.0625)':>16} {'CPU s':>6}")
    for hurst in arguments.hurst:
        runs = [recover(hurst, seed, overrides) for seed in range(arguments.seeds)]
        found, rates, seconds = zip(*runs, strict=True)
        error = statistics.mean(abs(value - hurst) for value in found)
        print(
            f"{hurst:4} {spread(found, 3):>16} {error:11.3f} {spread(rates, 3):>16} "
            f"{statistics.mean(seconds):6.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
