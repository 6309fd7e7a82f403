"""Posteriors that are known in closed form, to hold learned ones against."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.metric.base import MetricResult
from interpolants.neural_sde.drift.zero import ZeroDrift
from interpolants.neural_sde.model import TimeSeriesModel
from interpolants.neural_sde.start.fixed import FixedStart
from interpolants.utils.seeds import keyed_generator

# Keeps the exact paths apart from other draws.
_EXACT = 44
# Sets of paths whose moments are compared, and paths of a set.
_SETS, _PATHS = 5, 400


class KnownPosterior(NamedTuple):
    """Normal posterior of the observed process at all nodes, given the observations of a series.

    Attributes:
        mean: (N, D), float64, in the units of the data.
        covariance: of each coordinate alike, (N, N), float64, in the units of the networks.
        scale: units of the data for one of the networks, (D,).
        log_likelihood: log density of the observations, in the units of the data.
    """

    mean: Tensor
    covariance: Tensor
    scale: Tensor
    log_likelihood: float

    @property
    def std(self) -> Tensor:
        """Standard deviation at all nodes, (N, D)."""
        roots = self.covariance.diagonal().clamp(min=0).sqrt()
        return roots.unsqueeze(1) * self.scale

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Paths at all nodes, (n, N, D)."""
        values, vectors = torch.linalg.eigh(self.covariance)
        shape = (n, len(self.scale), len(values))
        z = torch.randn(shape, generator=generator, dtype=values.dtype)
        moved = z * values.clamp(min=0).sqrt() @ vectors.mT
        paths: Tensor = self.mean + moved.mT * self.scale
        return paths


def known_posterior(model: TimeSeriesModel, x: Tensor) -> KnownPosterior | None:
    """Posterior of sigma B from a fixed start, with B the exact process that a driver stands for.

    For observations o = sigma B(t_i) + std noise it is the conditional normal distribution

        mean C(t, t_i) (C(t_i, t_j) + std^2)^-1 o,    with C sigma^2 times the covariance of B.

    Args:
        model: the model.
        x: one series without missing observations, (T, *frame).

    Returns:
        None for other equations, whose posterior is not known.
    """
    net = model.model
    scale = net.diffusion.constant()
    plain = isinstance(net.drift, ZeroDrift) and isinstance(net.start, FixedStart)
    if not plain or scale is None or not net.decoder.linear or len(set(scale.tolist())) > 1:
        return None
    if not model.scaling.space.euclidean:
        return None
    nodes, times = model.nodes, torch.tensor(model.times, dtype=torch.float64)
    amplitude, noise = float(scale[0]) ** 2, float(net.decoder.std()) ** 2

    def covariance(s: Tensor, t: Tensor) -> Tensor:
        first, second = torch.meshgrid(s, t, indexing="ij")
        driver = net.driver
        if isinstance(driver, MarkovFractionalBrownian):
            return amplitude * driver.representation.covariance(first, second, driver.hurst())
        return amplitude * driver.covariance(first, second)

    with torch.no_grad():
        observed = model.scaling.to_model(x.unsqueeze(0))[0].flatten(1).double()
        start = net.start.moments()[0].double()
        seen = covariance(times, times) + noise * torch.eye(len(times), dtype=torch.float64)
        gain = torch.linalg.solve(seen, covariance(times, nodes)).mT
        both = model.scaling.scale, model.scaling.shift
        units = [part.expand(model.event_shape).flatten(1)[0].double() for part in both]
        residual = observed - start
        mean = (start + gain @ residual) * units[0] + units[1]
        left = covariance(nodes, nodes) - gain @ covariance(times, nodes)
        quadratic = float((residual * torch.linalg.solve(seen, residual)).sum())
        logs = observed.shape[1] * float(torch.logdet(2 * math.pi * seen))
        volume = len(times) * float(units[0].log().sum())
    return KnownPosterior(mean, left, units[0], -0.5 * (quadratic + logs) - volume)


def posterior_results(
    model: TimeSeriesModel, x: Tensor, known: KnownPosterior, seed: int
) -> list[MetricResult]:
    """Root mean square errors of the posterior's mean and standard deviation over the nodes.

    They are of 400 paths, as the floors are of as many exact ones; means over five sets with their
    standard errors.
    """
    many = x.unsqueeze(0).expand(_PATHS, *x.shape)
    found, exact = [], []
    for k in range(_SETS):
        paths = model.posterior(many, seed=seed + k, fine=True).cpu().double().flatten(2)
        found.append(_errors(paths, known))
        exact.append(_errors(known.draw(_PATHS, keyed_generator(_EXACT, seed, k)), known))
    values, floors = torch.tensor(found), torch.tensor(exact)
    results = []
    for j, name in enumerate(("posterior_mean", "posterior_std")):
        numbers = [(part[:, j].mean(), part[:, j].std() / _SETS**0.5) for part in (values, floors)]
        value, sd, floor, floor_sd = (float(n) for pair in numbers for n in pair)
        note = f"errors of {_PATHS} paths of the bridge beside as many exact ones"
        results.append(MetricResult(name, value, sd, floor, floor_sd, note))
    return results


def _errors(paths: Tensor, known: KnownPosterior) -> tuple[float, float]:
    mean = (paths.mean(dim=0) - known.mean).square().mean().sqrt()
    std = (paths.std(dim=0) - known.std).square().mean().sqrt()
    return float(mean), float(std)
