"""Learned bridges are held against the known ones."""

import pytest
import torch
from helpers.problems import load, node_of

from interpolants.data.bridge import Bridge
from interpolants.model.request import SampleRequest
from interpolants.neural_sde.known_posterior import known_posterior, posterior_results
from interpolants.neural_sde.model import TimeSeriesModel
from interpolants.neural_sde.report import draw_check, write_time_series_report
from interpolants.report.settings import ReportSettings
from interpolants.space.scaling import Scaling

_END, _SIGMA, _NOISE = 2.0, 0.7, 0.05


def _model(scaling=None, times=(_END,), drift="zero", guide=True):
    """Brownian motion from 0, observed with noise; its guide is the exact posterior."""
    torch.manual_seed(0)
    names = {"driver": "brownian", "start": "fixed", "drift": drift, "solver": "driven_euler"}
    parts = {key: node_of(f"neural_sde/{key}", name) for key, name in names.items()}
    parts["decoder"] = node_of("neural_sde/decoder", "identity") | {"std": _NOISE}
    values = {"value": _SIGMA, "learnable": False}
    parts["diffusion"] = node_of("neural_sde/diffusion", "constant") | values
    options = {"encoder": None, "control": None, "guide": guide, "num_steps": 16}
    sde = load("neural_sde", "neural_sde", **parts, **options)
    shape = (len(times), 1)
    return TimeSeriesModel(
        model=sde(event_shape=shape, times=times), event_shape=shape, scaling=scaling
    )


def test_known_posterior_of_brownian_motion_is_the_bridge():
    model, value = _model(), torch.tensor([[0.6]])
    known = known_posterior(model, value)
    t, noise = model.nodes, _NOISE**2 / _SIGMA**2
    torch.testing.assert_close(known.mean[:, 0], 0.6 * t / (_END + noise))
    variance = _SIGMA**2 * (t - t**2 / (_END + noise))
    torch.testing.assert_close(known.std[:, 0], variance.clamp(min=0).sqrt(), atol=1e-7, rtol=1e-6)
    spread = torch.tensor(_SIGMA**2 * _END + _NOISE**2).sqrt()
    density = torch.distributions.Normal(0.0, spread).log_prob(torch.tensor(0.6))
    assert known.log_likelihood == pytest.approx(float(density), rel=1e-6)


def test_known_posterior_is_in_the_units_of_the_data():
    scaling = Scaling(torch.full((2, 1), 3.0), torch.full((2, 1), 10.0))
    raw, scaled = _model(times=(1.0, _END)), _model(scaling, times=(1.0, _END))
    x = torch.tensor([[0.6], [-0.2]])
    known, other = known_posterior(raw, x), known_posterior(scaled, 10 * x + 3)
    torch.testing.assert_close(other.mean, 10 * known.mean + 3, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(other.std, 10 * known.std)
    moved = known.log_likelihood - 2 * torch.tensor(10.0).log()
    assert other.log_likelihood == pytest.approx(float(moved), rel=1e-5)
    paths = scaled.posterior((10 * x + 3).expand(2000, 2, 1), fine=True)[..., 0].double()
    torch.testing.assert_close(paths.mean(dim=0), other.mean[:, 0], atol=0.5, rtol=0)
    torch.testing.assert_close(paths.std(dim=0), other.std[:, 0], atol=0.5, rtol=0)


def test_exact_posterior_is_at_its_floor_and_the_prior_is_not():
    x = torch.zeros(1, 1)
    for guide, near in ((True, True), (False, False)):
        model = _model(guide=guide)
        results = posterior_results(model, x, known_posterior(model, x), seed=0)
        assert [r.name for r in results] == ["posterior_mean", "posterior_std"]
        off = [r.value - r.floor > 3 * (r.sd + r.floor_sd) for r in results]
        assert not any(off) if near else off[1]


def test_posterior_of_another_equation_is_not_known():
    assert known_posterior(_model(drift="mean_reverting"), torch.zeros(1, 1)) is None


def test_report_on_a_bridge_shows_and_measures_it(tmp_path):
    model, data, request = _model(), Bridge(copies=20), SampleRequest(n=8)
    report = write_time_series_report(model, data, [], request, ReportSettings(folder=tmp_path))
    assert {r.name for r in report.metrics} == {"posterior_mean", "posterior_std"}
    exact = report.numbers["log_likelihood_exact"]
    assert report.numbers["log_likelihood"] == pytest.approx(exact, abs=0.01)
    (panel,) = draw_check(model, data, torch.zeros(8, 1, 1), request).axes
    dashed = [line for line in panel.get_lines() if line.get_linestyle() == "--"]
    assert len(dashed) == 3 and all(len(line.get_xdata()) == 17 for line in dashed)
    assert panel.get_lines()[0].get_xdata().max() == _END
