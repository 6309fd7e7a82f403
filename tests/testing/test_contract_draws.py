"""Contracts of what is drawn, of networks and of metrics find planted faults."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import pytest
import torch

from interpolants.base.base import Base
from interpolants.coupling.base import Coupling, Pair
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.data.base import Batch, Distribution
from interpolants.data.finite import FiniteData
from interpolants.metric.base import Metric
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.net.mlp import MLP
from interpolants.space.scaling import Scaling
from interpolants.testing import (
    check_base,
    check_coupling,
    check_data,
    check_metric,
    check_net,
)


@dataclass(frozen=True)
class _Coupling(Coupling):
    fault: str
    independent: ClassVar[bool] = True

    def paired(self, x0, x1, label, generator):
        if self.fault == "independent":
            return MinibatchOTCoupling().pair(x0, x1)
        x0 = x0.flip(0) if self.fault == "cost" else x0
        return Pair(x0[:1].expand_as(x0) if self.fault == "repeats" else x0)


@pytest.mark.parametrize(
    ("fault", "match"),
    [("repeats", "reordering"), ("cost", "farther"), ("independent", "order depends on x1")],
)
def test_coupling_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_coupling(_Coupling(fault))


class _Distribution(Distribution):
    """A normal law with a fault."""

    event_shape = (2,)

    def __init__(self, fault):
        self.fault = fault
        self.shift, self.scale = torch.zeros(2), torch.ones(2)
        if fault == "scale":
            self.scale = torch.zeros(2)

    def sample(self, n, generator):
        x = torch.randn(n, 2, generator=None if self.fault == "generator" else generator)
        if self.fault == "dtype":
            x = x.double()
        if self.fault == "nan":
            x[0] = torch.nan
        label = torch.zeros(n) if self.fault == "label" else None
        return Batch(x, label, x[:, :1] if self.fault == "x0" else None)

    def train_batch(self, step, size, seed, rank=0, world_size=1):
        step = 0 if self.fault == "step" else step
        seed = 0 if self.fault == "seed" else seed
        rank = 0 if self.fault == "rank" else rank
        seed = seed + world_size if self.fault == "world" else seed
        batch = super().train_batch(step, size, seed, rank, world_size)
        return Batch(1.3 * batch.x1) if self.fault == "law" else batch

    def held_out(self, n, seed, label=None):
        return super().held_out(n, 0 if self.fault == "order" else seed, label)

    def reference_pair(self, n, draw=0, label=None):
        first, second = super().reference_pair(n, 0 if self.fault == "draw" else draw, label)
        return first, first if self.fault == "shared" else second


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("scale", "scale: not positive"),
        ("generator", "not determined by its arguments alone"),
        ("dtype", "x1 of torch.float64"),
        ("nan", "x1 is not finite"),
        ("label", "labels of torch.float32"),
        ("x0", "x0 of shape"),
        ("step", "another step: the same as train_batch"),
        ("seed", "another seed: the same as train_batch"),
        ("rank", "rank 1: the same as train_batch"),
        ("world", "train_batch: ranks see others than one process"),
        ("law", "train_batch and held_out: moments of order 2"),
        ("order", "held_out: the same order for any seed"),
        ("draw", "references: the same"),
        ("shared", "references: the two of a pair share rows"),
    ],
)
def test_data_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_data(_Distribution(fault))


class _Leaking(FiniteData):
    """Trains on what it holds out."""

    def train_batch(self, *arguments):
        self._train = self._held_out
        return super().train_batch(*arguments)


def test_data_contract_finds_held_out_rows_in_training():
    rows = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    check_data(FiniteData(rows))
    with pytest.raises(AssertionError, match="train_batch: rows that are held out"):
        check_data(_Leaking(rows))


class _Base(Base):
    standard_normal = True

    def __init__(self, fault):
        self.fault, self.scaling = fault, Scaling()

    def sample(self, n, event_shape, generator):
        if self.fault == "generator":
            return torch.randn(n, *event_shape)
        if self.fault == "state":
            generator = generator.clone_state()
        x = torch.randn(n, *event_shape, generator=generator)
        if self.fault == "covariance":
            x[:, 1] = x[:, 0]
        if self.fault == "fourth":
            x = x.sign()
        x = x + 0.2 if self.fault == "mean" else x
        return x.double() if self.fault == "dtype" else x

    def reference_pair(self, n, event_shape, draw=0):
        first, second = super().reference_pair(n, event_shape, draw)
        return (first, second[:-1]) if self.fault == "size" else (first, second)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("generator", "not determined by its arguments alone"),
        ("state", "leaves the generator as it was"),
        ("mean", "the mean is not 0"),
        ("covariance", "the covariance is not Id"),
        ("fourth", "the fourth moment is not 3"),
        ("dtype", "sample: torch.float64"),
        ("size", "references: 50 and 49"),
    ],
)
def test_base_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_base(_Base(fault))


@dataclass(frozen=True)
class _Metric(Metric):
    fault: str

    def __call__(self, x, y):
        if self.fault == "lenient" and x.shape[1:] != y.shape[1:]:
            return torch.zeros((), dtype=torch.float64)
        value = EnergyDistance()(x, y)
        changes = {
            "dtype": lambda: value.float(),
            "shape": lambda: value[None],
            "nan": lambda: value * torch.nan,
            "random": lambda: value * (1 + 1e-9 * torch.rand(()).double()),
            "asymmetric": lambda: value + x.square().mean(),
            "order": lambda: value + x.flatten()[0].square() * y.flatten()[0].square(),
            "blind": lambda: 1 / (value + 1),
            "in place": lambda: (value, x.mul_(2))[0],
        }
        return changes.get(self.fault, lambda: value)()


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("dtype", "a value of torch.float32"),
        ("shape", "a value of shape"),
        ("nan", "a value of nan"),
        ("random", "not determined by its arguments alone"),
        ("asymmetric", "symmetry"),
        ("order", "another order"),
        ("blind", "distributions: "),
        ("in place", "the samples were changed"),
        ("lenient", "different event shapes: not refused"),
    ],
)
def test_metric_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_metric(_Metric(fault))


class _Net(torch.nn.Module):
    """A network with a fault."""

    def __init__(self, fault, event_shape, heads):
        super().__init__()
        self.fault, self.inner = fault, MLP(event_shape=event_shape, heads=heads, hidden=8)

    def forward(self, t, x):
        t = torch.full_like(t, 0.5) if self.fault == "time" else t
        x = torch.zeros_like(x) if self.fault == "state" else x
        if self.fault == "layout":  # memory read in one order, as by a kernel
            x = x.as_strided(x.shape, torch.empty(x.shape).stride())
        out = self.inner(t, x)
        if self.fault == "in place":
            x.mul_(2)
        changes = {
            "batch": lambda: out - out.mean(dim=0),
            "shared": lambda: out + t.dim(),
            "dtype": lambda: out.double(),
            "shape": lambda: out.flatten(1),
            "heads": lambda: out[:, :1].expand_as(out),
            "axis": lambda: out * t if t.dim() and t.shape == out.shape[-1:] else out,
        }
        return changes.get(self.fault, lambda: out)()


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("batch", "sample 0 in shape"),
        ("shared", "sample 0 in shape|a shared time"),
        ("dtype", "float32 data at float64 times: torch.float64"),
        ("shape", "heads of shape"),
        ("heads", "the same as head"),
        ("axis", "sample 0 in shape"),
        ("time", "does not depend on the time"),
        ("state", "does not depend on the state"),
        ("layout", "3 channels, 1 heads, strides"),
        ("in place", "sample 0 in shape|arguments that stay as they are"),
    ],
)
def test_net_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_net(partial(_Net, fault))


@pytest.mark.parametrize(
    ("check", "part"),
    [
        (check_coupling, _Coupling("")),
        (check_data, _Distribution("")),
        (check_base, _Base("")),
        (partial(check_base, event_shape=(2, 1, 2)), _Base("")),
        (check_metric, _Metric("")),
        (check_net, partial(_Net, "")),
    ],
)
def test_contract_is_kept_by_what_has_none_of_these_faults(check, part):
    check(part)
