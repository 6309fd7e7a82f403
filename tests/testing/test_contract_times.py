"""Contracts of functions of time and of time samplers find planted faults."""

from dataclasses import dataclass

import pytest
import torch

from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.objective.weight.base import Weight
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.grid.base import WarpedGrid
from interpolants.testing import check_epsilon, check_grid, check_time_sampler, check_weight


@dataclass(frozen=True)
class _Grid(WarpedGrid):
    fault: str

    def warp(self, u):
        return u

    def nodes(self, num_steps, span, log_snr):
        if (self.fault == "odd" and num_steps % 2) or (self.fault == "none" and num_steps > 0):
            raise ValueError
        return super().nodes(num_steps, span, log_snr)

    def times(self, num_steps, span, *, backward=False, through=None, log_snr=None):
        through = None if self.fault == "requested" else through
        if self.fault == "backward":
            backward = False
        t = super().times(num_steps, span, backward=backward, through=through, log_snr=log_snr)
        if self.fault == "one_sided" and log_snr is not None:
            t = t.float()
        if self.fault == "ends":
            t[-1] += 1e-6 * (t[-1] - t[0])
        return t.float() if self.fault == "dtype" else t


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("requested", "is no node"),
        ("backward", "not strictly monotone"),
        ("dtype", "float64"),
        ("ends", "ends are not exact"),
        ("odd", "32 numbers of steps out of 64"),
        ("none", "0 numbers of steps out of 64"),
        ("one_sided", "float64"),
    ],
)
def test_grid_contract_finds(fault, match):
    check_grid(_Grid(""))
    with pytest.raises(AssertionError, match=match):
        check_grid(_Grid(fault))


@dataclass(frozen=True)
class _Epsilon(Epsilon):
    sign: float = 1.0
    factor: float = 1.0

    def value(self, t, c, level):
        return self.sign * t

    def ratio(self, t, c, level):
        return self.factor * self.sign * t / level


@pytest.mark.parametrize(("fault", "match"), [("sign", "positive"), ("factor", "ratio")])
def test_epsilon_contract_finds(fault, match):
    check_epsilon(_Epsilon())
    with pytest.raises(AssertionError, match=match):
        check_epsilon(_Epsilon(**{fault: -2.0}))


@dataclass(frozen=True)
class _Weight(Weight):
    fault: str

    def value(self, t):
        if self.fault == "scalar":
            return torch.ones(())
        weight = t - 0.5 if self.fault == "sign" else t
        return weight.float() if self.fault == "dtype" else weight

    @property
    def is_one(self):
        return self.fault in ("is_one", "scalar")

    def apply(self, t, loss):
        return loss if self.fault == "apply" else super().apply(t, loss)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("scalar", "weight of times of shape"),
        ("sign", "weight: not positive"),
        ("is_one", "weight.is_one: True but should be False"),
        ("dtype", "weight of torch.float64 times"),
        ("apply", "weight.apply against value"),
    ],
)
def test_weight_contract_finds(fault, match):
    check_weight(_Weight(""))
    with pytest.raises(AssertionError, match=match):
        check_weight(_Weight(fault))


@dataclass(frozen=True)
class _Times(TimeSampler):
    fault: str
    margin: float = 1e-3

    def draw(self, n, generator):
        u = torch.rand(n, generator=None if self.fault == "generator" else generator)
        density = 2 * u.sqrt()
        return u.sqrt(), density if self.fault == "weight" else 1 / density

    def sample(self, n, generator):
        t, weight = super().sample(n, generator)
        return (t - 0.1 if self.fault == "margin" else t), weight


@pytest.mark.parametrize(
    ("fault", "match"),
    [("generator", "generator"), ("weight", "std errors off"), ("margin", "outside")],
)
def test_time_sampler_contract_finds(fault, match):
    check_time_sampler(_Times(""))
    with pytest.raises(AssertionError, match=match):
        check_time_sampler(_Times(fault))
