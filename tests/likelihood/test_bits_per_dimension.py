"""Bits per dimension: of a law that is known, and of a trained model by two estimates."""

import json
import math

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from torch import nn

from interpolants.checkpoint.loading import load
from interpolants.checkpoint.runs import LAST
from interpolants.data.digits import Digits
from interpolants.fields.divergence.hutchinson import HutchinsonDivergence
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.likelihood.flow import FlowLikelihood
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.report import write_report
from interpolants.report.settings import ReportSettings
from interpolants.space.scaling import Scaling

_MEAN, _DEVIATION = 0.3, 0.6


class _Gaussian(nn.Module):
    """The exact velocity towards N(m, s^2) in every pixel."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.tensor(_MEAN))

    def forward(self, t, x, condition=None):
        t = t.reshape(-1, *(1,) * (x.dim() - 1)).to(x)
        square = (1 - t) ** 2 + (t * _DEVIATION) ** 2
        slope = (t * _DEVIATION**2 - (1 - t)) / square
        return (self.mean + slope * (x - t * self.mean)).unsqueeze(1)


def _gaussian_model():
    fields = Fields(
        net=_Gaussian(), interpolant=OneSidedLinearInterpolant(), predicts=["velocity"]
    )
    shape = (1, 8, 8)
    scaling = Scaling(torch.full(shape, 8.0), torch.full(shape, 8.0))
    return Model(fields=fields, event_shape=shape, scaling=scaling)


def test_bits_of_a_known_law_are_exact_to_a_thousandth(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    model, data = _gaussian_model(), Digits()
    x = data.dequantised(data.held_out(50, 0).x1, torch.Generator().manual_seed(1))
    normal = torch.distributions.Normal(8 + 8 * _MEAN, 8 * _DEVIATION)
    expected = -normal.log_prob(x).flatten(1).mean(dim=1) / math.log(2)
    bits = model.log_prob(x, num_steps=32).bits_per_dimension(64)
    assert torch.allclose(bits, expected, rtol=0, atol=1e-3)
    settings = ReportSettings(folder=tmp_path, likelihood=FlowLikelihood, stem="a")
    report = write_report(model, data, [], SampleRequest(n=50, num_steps=32), settings)
    found = json.loads((tmp_path / "a.json").read_text())["log_prob"]
    assert found == report.log_prob
    # Other noise within the cells, which are a sixteenth of the data's range.
    assert found["bits_per_dimension"] == pytest.approx(float(expected.mean()), abs=0.02)
    error = float(expected.std()) / math.sqrt(50)
    assert found["bits_standard_error"] == pytest.approx(error, rel=0.1)
    assert f"{found['bits_per_dimension']:.4f} +- " in report.table()


@pytest.mark.slow
def test_exact_and_estimated_divergences_of_a_trained_model_agree(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    settings = ["experiment=digits", "max_steps=400", "validate_every=400", "sample_every=400"]
    small = ["net.channels=16", "metric=[]", "report_size=20"]
    run = run_folder(train_with(tmp_path, *settings, *small, sizes=()))
    model, data = load(run / LAST), Digits()
    held = data.held_out(60, 0)
    x = data.dequantised(held.x1, torch.Generator().manual_seed(0))
    exact = model.log_prob(x, label=held.label, num_steps=8).value

    def probed(sampler):
        return FlowLikelihood(sampler=sampler, divergence=HutchinsonDivergence(num_probes=64))

    found = model.log_prob(x, label=held.label, likelihood=probed, num_steps=8, seed=3)
    z = (found.value - exact) / found.standard_error
    # Probes are fixed along each solve, and independent between data.
    assert abs(float(z.mean())) < 4 / math.sqrt(60)
    assert 0.5 < float(z.square().mean()) < 1.8
