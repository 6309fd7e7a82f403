"""Prediction of real time series with fractional and with Brownian noise.

    python -m benchmarks.long_memory [--seeds 3] [--data time_series_nile ...] [key=value ...]

`experiment=long_memory_series` twice for each series, with the learned Hurst index and with
Brownian motion: one network, budget and seed. The score is the predictive log-likelihood of the
second half of held-out windows given the first, log p(all) - log p(first half), both
importance-weighted with 256 paths, in nats per observation; the windows overlap, and come after
the training rows in time. Means and standard deviations are over training seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from benchmarks.common import build, configure, spread, trained

DATA = ("time_series_nile", "series_sp500_parkinson")
DRIVERS = {"fractional": "markov_fractional_brownian", "brownian": "brownian"}
_SAMPLES, _WINDOWS = 256, 100


def score(data: str, driver: str, seed: int, overrides: Sequence[str]) -> tuple[float, float]:
    """The predictive log-likelihood per observation, and the Hurst index (1/2 of Brownian)."""
    chosen = (f"data={data}", f"neural_sde/driver={driver}", f"seed={seed}")
    cfg = configure("experiment=long_memory_series", *chosen, *overrides)
    series = trained(cfg)
    x = build(cfg.data).held_out(_WINDOWS, 0).x1
    half = x.shape[1] // 2
    first = (torch.arange(x.shape[1]) < half).expand(len(x), -1)
    both = series.log_likelihood(x, samples=_SAMPLES)
    given = series.log_likelihood(x, first, samples=_SAMPLES)
    hurst = 0.5 if series.hurst is None else float(series.hurst)
    return float((both - given).mean()) / (x.shape[1] - half), hurst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", nargs="*", default=DATA)
    arguments, overrides = parser.parse_known_args()
    print(f"{'series':<28} {'noise':<12} {'nats per observation':>22} {'H':>16}")
    for data in arguments.data:
        for name, driver in DRIVERS.items():
            runs = [score(data, driver, seed, overrides) for seed in range(arguments.seeds)]
            scores, indices = zip(*runs, strict=True)
            print(f"{data:<28} {name:<12} {spread(scores):>22} {spread(indices):>16}", flush=True)


if __name__ == "__main__":
    main()
