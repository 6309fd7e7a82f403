"""Solves by an adaptive solver."""

import torch

from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.generator import GeneratorNoise


def times_of(begin=0.0, end=1.0, steps=8):
    return torch.linspace(begin, end, steps + 1, dtype=torch.float64)


def solve(solver, process, x, times=None, at=()):
    times = times_of() if times is None else times
    save_at = SaveTimes(times, times[list(at)])
    return solver.solve(process, times, x, noise=GeneratorNoise(), save_at=save_at), save_at.path


def normal_rows(n, dim=2, dtype=torch.float64):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(1), dtype=dtype)
