"""The random decisions of a training step, each held to its probability by a count."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from interpolants.base.dataset import DatasetBase
from interpolants.base.gaussian import GaussianBase
from interpolants.data.base import Batch
from interpolants.data.eight_gaussians import EightGaussians
from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.trainable import TrainableFields
from interpolants.objective.step_loss import BatchSlice, whole
from interpolants.objective.time_sampler.importance import ImportanceTime
from interpolants.objective.time_sampler.uniform import UniformTime
from interpolants.objective.velocity import VelocityObjective
from interpolants.space.scaling import Scaling
from interpolants.utils.seeds import keyed_generator

_ROWS = 4000
_ERRORS = 5  # standard errors


class _Watched(nn.Module):
    """A network that predicts zero and keeps what it is called with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, t, x, condition=None):
        self.seen.append((t, x, condition))
        return torch.zeros_like(x)[:, None]


def _batch(rows=_ROWS):
    x1 = 3 + torch.randn(rows, 2, generator=keyed_generator(5))
    return Batch(x1, torch.arange(rows) % 4)


def _step(
    *, dropout=None, path=None, base=None, time_sampler=None, antithetic=True, part=None, step=0
):
    """Loss of a step, and what its network saw."""
    net = _Watched()
    fields = Fields(
        net=net,
        interpolant=path or LinearInterpolant(),
        predicts=("velocity",),
        base=base or GaussianBase(),
    )
    trainable = TrainableFields(
        model=fields,
        scaling=Scaling(torch.zeros(2), torch.ones(2)),
        objective=VelocityObjective(antithetic=antithetic),
        time_sampler=time_sampler or UniformTime(),
        labels=None if dropout is None else Labels(frequencies=(0.25,) * 4, dropout=dropout),
    )
    batch = _batch()
    part = part or whole(batch)
    rows = slice(part.first, part.first + part.size)
    own = Batch(batch.x1[rows], batch.label[rows])
    loss = trainable.step_loss(own, part, keyed_generator(3, step))
    return loss, net.seen


def _check_share(hits, probability, what):
    """A share of independent decisions is within five standard errors of its probability."""
    hits = hits.double().flatten()
    error = math.sqrt(probability * (1 - probability) / len(hits))
    assert abs(float(hits.mean()) - probability) <= _ERRORS * error, what


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5, 0.9])
def test_labels_are_dropped_as_often_as_asked_whatever_the_class(dropout):
    _, [(_, _, condition)] = _step(dropout=dropout, antithetic=False)
    assert torch.equal(condition.label, _batch().label)
    _check_share(condition.dropped, dropout, "of all")
    for k in range(4):
        _check_share(condition.dropped[condition.label == k], dropout, f"of class {k}")
    _, [(_, _, other)] = _step(dropout=dropout, antithetic=False, step=1)
    both = (condition.dropped & other.dropped).double()
    _check_share(both, dropout**2, "of two steps")


def test_labels_are_dropped_for_both_signs_of_the_noise_or_neither():
    _, [(_, x, condition)] = _step(dropout=0.3)
    assert len(condition.dropped) == len(x) == 2 * _ROWS
    plus, minus = condition.dropped.chunk(2)
    assert torch.equal(plus, minus)
    _check_share(plus, 0.3, "of rows")


def test_labels_and_times_of_a_slice_are_those_of_its_rows():
    options = {"dropout": 0.3, "antithetic": False}
    _, [(t, _, condition)] = _step(**options)
    for first in (0, 1000, 3000):
        _, [(own_t, _, own)] = _step(**options, part=BatchSlice(first, 1000, _ROWS))
        rows = slice(first, first + 1000)
        assert torch.equal(own.dropped, condition.dropped[rows])
        assert torch.equal(own_t, t[rows])


def test_times_of_a_step_are_those_of_the_time_sampler():
    for sampler, distribution in (
        (UniformTime(), stats.uniform()),
        (ImportanceTime(), stats.beta(0.5, 0.5)),
    ):
        loss, [(t, _, _)] = _step(time_sampler=sampler, antithetic=False)
        assert torch.equal(loss.t, t)
        unit = ((t - sampler.margin) / (1 - 2 * sampler.margin)).clamp(0, 1)
        assert stats.kstest(unit.numpy(), distribution.cdf).pvalue > 1e-5


class _Weighted(UniformTime):
    """Uniform times with weights 1 and 3."""

    def sample(self, n, generator):
        t, _ = super().sample(n, generator)
        return t, 1.0 + 2.0 * (t > 0.5)


class _Constant(VelocityObjective):
    """A loss of one for every sample."""

    def __call__(self, fields, t, x0, x1, z, generator=None):
        losses = super().__call__(fields, t, x0, x1, z, generator)
        return losses._replace(
            weighted=torch.ones_like(losses.weighted), parts=torch.ones_like(losses.parts)
        )


def test_importance_weights_multiply_the_loss_of_their_own_samples(monkeypatch):
    monkeypatch.setattr(f"{__name__}.VelocityObjective", _Constant)
    loss, _ = _step(time_sampler=_Weighted())
    assert torch.equal(loss.parts[:, 0], 1.0 + 2.0 * (loss.t > 0.5))
    # The optimiser's loss is per coordinate, of which there are two.
    torch.testing.assert_close(loss.loss, loss.parts.mean() / 2)
    _check_share(loss.parts == 3.0, 0.5, "heavy samples")


@pytest.mark.parametrize("path", [LinearInterpolant(), OneSidedLinearInterpolant()])
def test_antithetic_pairs_have_both_signs_of_the_noise_once(path):
    _, [(t, x, _)] = _step(path=path)
    assert len(x) == 2 * _ROWS
    assert torch.equal(t[:_ROWS], t[_ROWS:])
    plus, minus = x[:_ROWS], x[_ROWS:]
    # What is left of the mean is free of the noise, and the difference is the noise alone.
    noise = (plus - minus) / 2
    _check_share(noise > 0, 0.5, "signs")
    _, [(_, lone, _)] = _step(path=path, antithetic=False)
    assert len(lone) == _ROWS
    torch.testing.assert_close(lone, plus)
    middle, x1 = (plus + minus) / 2, _batch().x1
    if path.one_sided:
        torch.testing.assert_close(middle, t[:_ROWS, None] * x1, rtol=1e-4, atol=1e-5)
    else:
        x0 = (middle - t[:_ROWS, None] * x1) / (1 - t[:_ROWS, None])
        assert abs(float(x0.mean())) < _ERRORS / math.sqrt(x0.numel())
        assert abs(float(x0.square().mean()) - 1) < _ERRORS * math.sqrt(2 / x0.numel())


def test_pairs_are_independent_of_each_other_and_of_the_data():
    """Correlations of base, noise and data vanish, for a normal base and one of data."""
    for base in (GaussianBase(), DatasetBase(data=EightGaussians())):
        _, [(t, x, _)] = _step(base=base)
        t, (plus, minus) = t[:_ROWS, None], x.chunk(2)
        x1 = _batch().x1
        noise = (plus - minus) / (2 * (t * (1 - t)).sqrt())
        x0 = ((plus + minus) / 2 - t * x1) / (1 - t)
        # Draws of the same time and row, all standardised.
        parts = torch.cat([(t - 0.5) * 12**0.5, x0, x1 - 3, noise], dim=1)
        found = torch.corrcoef(parts.T) - torch.eye(parts.shape[1])
        assert found.abs().max() < _ERRORS / math.sqrt(_ROWS)
