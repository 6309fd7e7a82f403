"""Data that float32 cannot distinguish: kept in float64, scaled there, and sampled back."""

import numpy as np
import pytest
import torch

from interpolants.data.file import File
from interpolants.data.finite import FiniteData
from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.data.standardize import moments
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.model import Model
from interpolants.model.trainable import TrainableFields
from interpolants.net.mlp import MLP
from interpolants.objective.step_loss import BatchSlice
from interpolants.objective.time_sampler.uniform import UniformTime
from interpolants.objective.velocity import VelocityObjective
from interpolants.space.log import LogSpace
from interpolants.space.scaling import Scaling

_STAMPS = 1.7e9 + np.arange(600.0)


def _rows():
    return np.stack([_STAMPS, np.random.default_rng(0).normal(size=600)], axis=1)


def _model(data, space=None):
    net = MLP(event_shape=(2,), heads=1, hidden=8, depth=1)
    fields = Fields(net=net, interpolant=OneSidedLinearInterpolant(), predicts="velocity")
    units = (data.shift, data.scale) if space is None else data.chart_units(space)
    return Model(fields=fields, event_shape=(2,), scaling=Scaling(*units, space))


@pytest.mark.parametrize(
    "column", [_STAMPS, 1e7 + _rows()[:, 1], 1e39 * _rows()[:, 1], 1e-44 * _rows()[:, 1]]
)
def test_rows_keep_their_differences(column):
    rows = np.stack([column, _rows()[:, 1]], axis=1)
    data = FiniteData(rows)
    assert data.train_rows.dtype == torch.float64
    known = torch.cat(list(data.known_rows()))
    assert torch.equal(known.sort(dim=0).values, torch.from_numpy(rows).sort(dim=0).values)
    y = Scaling(data.shift, data.scale).to_model(data.train_rows).float()
    torch.testing.assert_close(y.std(dim=0, correction=0), torch.ones(2), rtol=1e-5, atol=0)
    assert len(torch.unique(y[:, 0])) == len(torch.unique(data.train_rows[:, 0]))


@pytest.mark.parametrize("column", [_rows()[:, 1], 1e3 + _rows()[:, 1], np.full(600, 0.1)])
def test_rows_that_float32_holds_are_float32(column):
    data = FiniteData(np.stack([column, _rows()[:, 1]], axis=1))
    assert data.train_rows.dtype == data.shift.dtype == data.scale.dtype == torch.float32


def test_a_column_that_cannot_be_scaled_is_refused_by_its_number():
    rule = "FiniteData.standardize: expected columns that float32 .* got 'column 1, counted"
    with pytest.raises(ValueError, match=rule):
        FiniteData(_rows()[:, ::-1].copy(), standardize=False)
    with pytest.raises(ValueError, match=r"FiniteData.label: expected columns that float32"):
        FiniteData(_rows()[:, 1:], label=_rows())


def test_whole_numbers_beyond_float64_are_refused(tmp_path):
    nanoseconds = 1_700_000_000_000_000_000 + np.arange(600)
    np.save(tmp_path / "x.npy", nanoseconds)
    with pytest.raises(ValueError, match=r"File.path: expected differences .* float64 can hold"):
        File(path=str(tmp_path / "x.npy"))
    np.save(tmp_path / "x.npy", 10**9 * np.arange(600) + nanoseconds[0])
    assert File(path=str(tmp_path / "x.npy")).train_rows.dtype == torch.float64


@pytest.mark.parametrize("space", [None, LogSpace()])
def test_samples_of_such_data_are_float64_and_return_to_the_networks_units(space):
    rows = _rows() if space is None else np.stack([_STAMPS, np.exp(_rows()[:, 1])], axis=1)
    data = FiniteData(rows)
    model = _model(data, space)
    x = model.sample(300, times=[0.0, 1.0])
    assert x.x.dtype == x.path.dtype == torch.float64
    assert len(torch.unique(x.x[:, 0])) == 300
    assert 1 < float(x.x[:, 0].std()) < 1e4
    density = model.log_prob(torch.from_numpy(rows[:4]), num_steps=8).value
    assert density.isfinite().all()
    assert density.unique().numel() == 4


def test_training_on_such_data_sees_standardised_rows():
    data = FiniteData(_rows())
    model = _model(data)
    trainable = TrainableFields(
        model=model.fields,
        scaling=model.scaling,
        objective=VelocityObjective(),
        time_sampler=UniformTime(),
    )
    batch = data.train_batch(0, 32, 0)
    loss = trainable.step_loss(batch, BatchSlice(0, 32, 32), torch.Generator().manual_seed(0))
    assert loss.loss.dtype == torch.float32
    assert loss.loss.detach().abs() < 10


def test_moments_of_float64_know_small_deviations():
    x = torch.tensor([[1.0], [1.0 + 1e-10]], dtype=torch.float64)
    assert float(moments(x)[1]) == pytest.approx(5e-11, rel=1e-5)
    assert float(moments(torch.full((5, 1), 0.1, dtype=torch.float64))[1]) == 1


def test_a_constant_series_is_said():
    x = torch.stack([torch.ones(4, 6), torch.randn(4, 6)], dim=2)
    with pytest.warns(UserWarning, match=r"channels \[0\], counted from 0, are constant"):
        FiniteTimeSeries(x.numpy(), times=range(6))
