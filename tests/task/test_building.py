"""Fits of scaling and base to data; refused spaces of a base, and networks of a flow map."""

from functools import partial

import pytest
import torch
from helpers.problems import INTERPOLANTS

from interpolants.base.dataset import DatasetBase
from interpolants.base.fitted import FittedBase
from interpolants.base.gaussian import GaussianBase
from interpolants.coupling.independent import IndependentCoupling
from interpolants.data.finite import FiniteData
from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.net.torch_module import TorchModule
from interpolants.objective import (
    ConsistencyObjective,
    LagrangianObjective,
    MeanFlowObjective,
    SemigroupObjective,
    VelocityObjective,
)
from interpolants.objective.time_sampler import UniformPairs
from interpolants.space.euclidean import EuclideanSpace
from interpolants.space.log import LogSpace
from interpolants.space.positive_map import PositiveMap
from interpolants.space.signed_log import SignedLogSpace
from interpolants.task.building import build_fields, fit_base, fit_scaling, probe_fields


def _rows(signs=(1.0, 1.0)):
    noise = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    return FiniteData(noise.exp() * torch.tensor(signs))


def _fit(space, fields):
    data = _rows()
    fit_base(data, fit_scaling(data, space), fields)


def _fields(base, path=INTERPOLANTS["one_sided_linear"]):
    net = torch.nn.Identity()
    return Fields(net=net, interpolant=path, predicts=["velocity"], base=base)


@pytest.mark.parametrize(("base", "takes"), [(GaussianBase(), 1000), (FittedBase(), 4000)])
def test_fit_base_takes_all_rows_only_for_a_base_that_is_fitted(base, takes, monkeypatch):
    fields, seen = _fields(base), []
    monkeypatch.setattr(Fields, "fit_base", lambda self, x1, label: seen.append(len(x1)))
    _fit(EuclideanSpace(), fields)
    assert seen == [takes]


def test_fit_base_still_warns_of_what_an_unfitted_base_leaves_out():
    fields = _fields(GaussianBase(), VarianceExplodingInterpolant(sigma_max=2.0))
    with pytest.warns(UserWarning, match=r"starts with data 0\.\d+ times as large"):
        _fit(EuclideanSpace(), fields)


@pytest.mark.parametrize(
    ("make", "space", "message"),
    [
        (
            partial(DatasetBase, data=_rows()),
            LogSpace(),
            r"^base\.space: expected the space of the data, LogSpace.*, got 'EuclideanSpace'; ",
        ),
        (
            partial(DatasetBase, data=_rows(), space=LogSpace(map=PositiveMap(offset=1.0))),
            LogSpace(),
            r"^base\.space: expected .*, got 'LogSpace.*offset=1\.0",
        ),
        (partial(DatasetBase, data=_rows(), space=LogSpace()), EuclideanSpace(), "got 'LogSpace"),
        (
            partial(DatasetBase, data=_rows((-1.0, 1.0)), space=SignedLogSpace()),
            SignedLogSpace(),
            "with the same settings and signs, got 'SignedLogSpace'",
        ),
    ],
)
def test_fit_base_refuses_a_base_in_another_space(make, space, message):
    with pytest.raises(ValueError, match=message):
        _fit(space, _fields(make()))


@pytest.mark.parametrize("kind", [EuclideanSpace, LogSpace, SignedLogSpace])
def test_fit_base_takes_a_base_in_the_space_of_the_data_or_in_none(kind):
    for base in (DatasetBase(data=_rows(), space=kind()), GaussianBase(), FittedBase()):
        _fit(kind(), _fields(base))


class _NoForwardRule(torch.autograd.Function):
    """A sine that has no forward derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x.cos()


class _OwnNet(torch.nn.Module):
    """A network of two times, of somebody else's."""

    def __init__(self, event_shape, heads, two_times=False, classes=0, ruled=False):
        super().__init__()
        self.ruled, self.labelled = ruled, classes
        self.inner = torch.nn.Linear(4, 2)

    def forward(self, t, x, condition=None):
        until = t if condition is None or condition.until is None else condition.until
        if self.labelled and condition is not None:
            assert condition.label is None or len(condition.label) == len(x)
        times = torch.stack([t.expand(len(x)), until.expand(len(x))], dim=1)
        inner = self.inner(torch.cat([x, times], dim=1))
        return (inner.sin() if self.ruled else _NoForwardRule.apply(inner))[:, None]


def _built(objective, labels=None, net=_OwnNet, **options):
    parts = {
        "objective": objective,
        "coupling": IndependentCoupling(),
        "net": partial(net, **options),
        "interpolant": INTERPOLANTS["linear"],
        "base": GaussianBase(),
        "time_sampler": UniformPairs(),
    }
    fields, _ = build_fields(parts.__getitem__, (2,), labels)
    probe_fields(fields, (2,), labels, objective)


_WITHOUT = [SemigroupObjective(), ConsistencyObjective()]


@pytest.mark.parametrize("objective", [LagrangianObjective(), MeanFlowObjective()])
def test_network_without_forward_derivatives_is_refused_where_they_are_needed(objective):
    labels = Labels(frequencies=[0.5, 0.5], dropout=0.1)
    rule = f"net: expected a network with forward derivatives, which {type(objective).__name__} "
    with pytest.raises(ValueError) as error:
        _built(objective)
    assert str(error.value).startswith(f"{rule}needs, got ")
    assert str(error.value).endswith("give its operations a forward rule (jvp)")
    assert "\n" not in str(error.value)
    _built(objective, ruled=True)
    _built(objective, labels, ruled=True)


@pytest.mark.parametrize("objective", _WITHOUT)
def test_network_without_forward_derivatives_does_elsewhere(objective):
    _built(objective)
    _built(VelocityObjective())


def test_second_time_is_tried_before_training():
    class Fixed(_OwnNet):
        def forward(self, t, x, condition=None):
            assert condition is None or condition.until is None, "one time alone"
            return super().forward(t, x, condition)

    _built(VelocityObjective(), net=Fixed)
    with pytest.raises(ValueError, match=r"^net: expected .*, got AssertionError: one time alone"):
        _built(SemigroupObjective(), net=Fixed)


def test_network_of_one_time_is_refused_for_a_flow_map():
    said = "net: expected a network with two times, for a flow map, got 'TorchModule'; use net=mlp"
    with pytest.raises(ValueError, match=f"^{said}"):
        _built(LagrangianObjective(), net=TorchModule)
