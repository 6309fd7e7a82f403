"""Log densities in the data's units, by models and by the sampling script."""

import json
import math
from functools import partial

import pytest
import torch
from helpers.compose import config_of, leave_out_figures, run_folder, sample_with, train_with
from helpers.problems import INTERPOLANTS, Fields
from helpers.problems import load as load_part
from hydra.utils import instantiate
from torch import nn

from interpolants.base.callable import CallableBase
from interpolants.checkpoint.loading import load
from interpolants.fields.divergence.hutchinson import HutchinsonDivergence
from interpolants.model.model import Model
from interpolants.space.scaling import Scaling


class _Rate(nn.Module):
    """The velocity a x: x1 = exp(a) x0."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, t, x):
        return (self.a * x).unsqueeze(1)


_SHIFT, _SCALE = torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 0.5]])


def _model(a=0.4, **options):
    path = INTERPOLANTS["one_sided_linear"]
    fields = Fields(net=_Rate(a), interpolant=path, predicts=("velocity",), **options)
    return Model(fields=fields, event_shape=(1, 2), scaling=Scaling(_SHIFT, _SCALE))


def _exact(x, a=0.4):
    distribution = torch.distributions.Normal(_SHIFT, torch.tensor(a).exp() * _SCALE)
    return distribution.log_prob(x).sum((1, 2))


def test_model_log_prob_is_in_the_units_of_the_data():
    x = _SHIFT + _SCALE * torch.randn(9, 1, 2, generator=torch.Generator().manual_seed(0))
    for wide in (x, x.double()):
        found = _model().log_prob(wide, num_steps=64)
        torch.testing.assert_close(found.value, _exact(x), rtol=0, atol=1e-3)
    assert found.value.dtype == torch.float32


@pytest.mark.parametrize("log_prob", [True, HutchinsonDivergence(num_probes=2)])
def test_model_samples_come_with_log_densities(log_prob):
    model = _model()
    samples = model.sample(10, seed=3, chunk_size=4, log_prob=log_prob, num_steps=64)
    torch.testing.assert_close(samples.log_prob, _exact(samples.x), rtol=0, atol=1e-3)
    back = model.log_prob(samples.x, num_steps=64).value
    torch.testing.assert_close(samples.log_prob, back, rtol=0, atol=1e-3)
    plain = model.sample(10, seed=3, num_steps=64)
    torch.testing.assert_close(plain.x, samples.x)
    assert plain.log_prob is None and plain.log_prob_error is None
    if log_prob is True:
        assert samples.log_prob_error is None
    else:  # the Jacobian is diagonal, where signs are exact
        assert samples.log_prob_error.max() < 1e-4


def test_model_log_prob_has_gradients_in_the_weights():
    model, x = _model(), _SHIFT + _SCALE * torch.ones(1, 1, 2)
    found = model.log_prob(x, gradients=True, num_steps=64)
    (gradient,) = torch.autograd.grad(found.value.sum(), [model.fields.net.a])
    # d/da of -2 a - exp(-2 a), two unit elements
    exact = -2 + 2 * torch.exp(torch.tensor(-0.8))
    torch.testing.assert_close(gradient, exact, rtol=1e-3, atol=0)
    assert not model.log_prob(x).value.requires_grad


def test_model_log_prob_refuses():
    rule = r"Model.log_prob.x: expected shape \(n, \*\(1, 2\)\), got \(3, 2\)"
    with pytest.raises(ValueError, match=rule):
        _model().log_prob(torch.ones(3, 2))
    base = CallableBase(draw=lambda n, generator: torch.zeros(n, 1, 2))
    rule = "CallableBase.log_prob: expected a base with a known density"
    with pytest.raises(ValueError, match=rule):
        _model(base=base).sample(3, log_prob=True)


@pytest.mark.parametrize(
    "overrides",
    [
        ["likelihood=flow"],
        ["likelihood=flow", "likelihood/divergence=hutchinson"],
        ["likelihood=expectation", "sampler=sde"],
        ["likelihood=feynman_kac", "sampler=sde", "likelihood.paths=4"],
    ],
)
def test_sampling_script_writes_the_mean_log_density_of_held_out_data(
    overrides, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    leave_out_figures(monkeypatch)
    run = run_folder(train_with(tmp_path, "max_steps=2", "steps_per_batch=1", "data=moons"))
    path = run / "checkpoints" / "last.ckpt"
    options = [*overrides, f"ckpt={path}", "n=40", "num_steps=8", "metric=[]", "out=out"]
    sample_with(*options, "stem=found")
    content = json.loads((tmp_path / "out" / "found.json").read_text())["log_prob"]

    cfg = config_of(*overrides, name="sample")
    build = partial(instantiate, _convert_="all")
    held = load_part("data", "moons").held_out(40, 0).x1
    value = (
        load(path)
        .log_prob(held, likelihood=build(cfg.likelihood), sampler=build(cfg.sampler), num_steps=8)
        .value
    )
    assert content["n"] == 40
    assert content["mean"] == pytest.approx(float(value.mean()), rel=1e-5)
    assert content["standard_error"] == pytest.approx(float(value.std()) / 40**0.5, rel=1e-5)
    bits = -content["mean"] / (2 * math.log(2))
    assert content["bits_per_dimension"] == pytest.approx(bits, rel=1e-5)
    assert f"log density {content['mean']:.5g}" in capsys.readouterr().out
