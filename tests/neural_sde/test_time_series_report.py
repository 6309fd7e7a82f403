"""Reports on a neural SDE: errors of predictions, masks, indices, bounds."""

import json
import math

import numpy as np
import pytest
import torch
from helpers.compose import leave_out_figures
from helpers.problems import load as load_part

from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.model.request import SampleRequest
from interpolants.neural_sde.hurst_index import hurst_numbers
from interpolants.neural_sde.model import TimeSeriesModel
from interpolants.neural_sde.report import (
    checked_context_length,
    measure_time_series,
    write_time_series_report,
)
from interpolants.report.settings import ReportSettings
from interpolants.space.scaling import Scaling

_TIMES = (0.5, 1.0, 1.5, 2.0)


def _data(gaps=False):
    """Forty series; with gaps four of ten later observations are missing."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 4, 2, generator=generator).cumsum(dim=1) + 1
    mask = torch.rand(40, 4, generator=generator) > 0.4
    mask[:, 0] = True
    return FiniteTimeSeries(x, mask if gaps else None, times=_TIMES)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sde = load_part("neural_sde", "neural_sde", num_steps=1)(event_shape=(4, 2), times=_TIMES)
    data = _data()
    return TimeSeriesModel(model=sde, event_shape=(4, 2), scaling=Scaling(data.shift, data.scale))


@pytest.mark.parametrize("gaps", [False, True])
def test_series_report_errors_of_the_guesses_are_those_of_a_loop(
    gaps, model, tmp_path, monkeypatch
):
    leave_out_figures(monkeypatch)
    data = _data(gaps)
    report = write_time_series_report(
        model, data, [], SampleRequest(n=20, context_length=2), ReportSettings(folder=tmp_path)
    )
    held, train = data.held_out(20, 0), data.fitting_batch()
    x, mask = held.x1.numpy(), np.ones((8, 4), bool) if not gaps else held.mask.numpy()
    rows = train.x1.numpy()
    known = np.ones(rows.shape[:2], bool) if not gaps else train.mask.numpy()
    errors = {"last_frame": [], "mean": []}
    for series, there in zip(x, mask, strict=True):
        last = series[max(t for t in (0, 1) if there[t])]
        for t in (2, 3):
            if there[t]:
                errors["last_frame"].append(np.mean((series[t] - last) ** 2))
                mean = rows[known[:, t], t].mean(axis=0)
                errors["mean"].append(np.mean((series[t] - mean) ** 2))
    for name, values in errors.items():
        assert report.numbers[f"mse_{name}"] == pytest.approx(np.mean(values), rel=1e-5)
    written = json.loads((tmp_path / "samples.json").read_text())
    assert len(written["squared_errors"]["prediction"]) == 2
    paths = [model.predict(held.x1, held.mask, context_length=2, seed=k) for k in range(16)]
    square = (torch.stack(paths).mean(dim=0) - held.x1)[:, 2:].square().mean(dim=2).numpy()
    expected = square[mask[:, 2:]].mean()
    assert report.numbers["mse_prediction"] == pytest.approx(expected, rel=1e-4)


def test_series_report_bounds_are_means_with_standard_errors(model, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    data = _data(gaps=True)
    numbers = write_time_series_report(
        model, data, [], SampleRequest(n=20, seed=3), ReportSettings(folder=tmp_path)
    ).numbers
    held = data.held_out(20, 3)
    bound = model.elbo(held.x1, held.mask, seed=3).double()
    assert numbers["elbo"] == pytest.approx(bound.mean().item())
    assert numbers["elbo_se"] == pytest.approx(bound.std().item() / math.sqrt(8))
    weighted = model.log_likelihood(held.x1, held.mask, samples=64, seed=3).double()
    assert numbers["log_likelihood"] == pytest.approx(weighted.mean().item())
    # Jensen's inequality, up to what eight series leave to chance.
    assert numbers["log_likelihood"] > numbers["elbo"] - 3 * numbers["elbo_se"]


def test_series_report_lays_the_masks_of_the_data_on_what_is_compared(model):
    """With a model that draws held-out series themselves, the metric is that of equal sets."""
    data = _data(gaps=True)
    held = data.held_out(8, 0)
    full = torch.where(held.mask[..., None], held.x1, torch.full_like(held.x1, 7.0))

    class Same:
        has_prior = True

        def sample(self, n, seed):
            return model.sample(n, seed=seed).__class__(x=full[:n], nfe=1, seconds=0.0)

    compared = []

    class Watch(EnergyDistance):
        def estimate(self, x, y, own, other):
            compared.append(x)
            return super().estimate(x, y, own, other)

    drawn, (result,) = measure_time_series(
        Same(), data, [Watch()], SampleRequest(n=8, context_length=2)
    )
    assert torch.equal(drawn.x, full)
    assert torch.equal(compared[0], held.x1)
    assert result.name == "watch"


def test_series_report_has_no_predictions_where_all_is_seen(model, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    report = write_time_series_report(
        model, _data(), [], SampleRequest(n=8, context_length=4), ReportSettings(folder=tmp_path)
    )
    assert not any(name.startswith("mse") for name in report.numbers)
    assert [file.name for file in report.files] == ["samples.npz", "samples.json", "samples.png"]


@pytest.mark.parametrize(("count", "half"), [(1, 1), (2, 1), (5, 2), (8, 4)])
def test_series_report_sees_half_by_default(count, half):
    assert checked_context_length(None, count) == half
    assert checked_context_length(count, count) == count
    for context_length in (0, count + 1, 0.5, True):
        with pytest.raises(
            ValueError, match=rf"^context_length: expected a whole number in \[1, {count}\]"
        ):
            checked_context_length(context_length, count)


def test_hurst_numbers_tell_each_of_a_few_and_the_range_of_many():
    assert hurst_numbers(None) == {}
    assert hurst_numbers(torch.tensor(0.25)) == {"hurst": 0.25}
    assert hurst_numbers(torch.tensor([0.25, 0.5])) == {"hurst_0": 0.25, "hurst_1": 0.5}
    many = hurst_numbers(torch.linspace(0.1, 0.9, 9, dtype=torch.float64))
    assert many == pytest.approx({"hurst_min": 0.1, "hurst_mean": 0.5, "hurst_max": 0.9})
