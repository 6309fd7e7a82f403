"""Preconditioning: network inputs and outputs of unit size at all times."""

import pytest
import torch
from helpers.problems import INTERPOLANTS
from torch import nn

from interpolants.fields.fields import Fields
from interpolants.fields.preconditioning import Preconditioning
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant

_S = 0.7


class _Recorder(nn.Module):
    """Network that records its input, and returns zero or a fixed output."""

    def __init__(self, out=0.0):
        super().__init__()
        self.out, self.seen = out, None

    def forward(self, t, x):
        self.seen = x
        return torch.full_like(x, self.out).unsqueeze(1)


def _fields(net, name):
    return Fields(
        net=net,
        interpolant=OneSidedLinearInterpolant(),
        predicts=[name],
        preconditioning=Preconditioning(std=_S),
    )


@pytest.mark.parametrize("name", ["velocity", "denoiser", "target_mean"])
@pytest.mark.parametrize("time", [0.02, 0.3, 0.9])
def test_a_network_sees_and_predicts_numbers_of_size_one(name, time):
    generator = torch.Generator().manual_seed(0)
    x0, x1 = torch.randn(2, 40_000, 1, generator=generator, dtype=torch.float64)
    t, net = torch.tensor(time, dtype=torch.float64), _Recorder()
    sample = OneSidedLinearInterpolant().sample(t, x0, _S * x1, x0)
    target = {"velocity": sample.xt_dot, "denoiser": x0, "target_mean": _S * x1}[name]
    fields = _fields(net, name)
    linear = fields.evaluate(t, sample.xt, [name])[name]
    assert net.seen.square().mean().sqrt() == pytest.approx(1, abs=0.02)
    # With F = 0 it is the best linear guess: what is left has nothing of x_t in it.
    rest = target - linear
    assert abs(float((rest * sample.xt).mean())) < 0.02
    net.out = 1.0
    size = fields.evaluate(t, sample.xt, [name])[name] - linear
    assert float(size.mean()) == pytest.approx(float(rest.square().mean().sqrt()), rel=0.03)


def test_of_the_target_mean_it_is_that_of_karras_et_al():
    t = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    sigma = (1 - t) / t
    net, x = _Recorder(), torch.randn(3, 1, dtype=torch.float64)
    noisy = x / t.unsqueeze(1)  # x_t / beta = x1 + sigma x0, which they call x
    fields = _fields(net, "target_mean")
    skip = fields.target_mean(t, x)
    c_skip = _S**2 / (sigma**2 + _S**2)
    c_in = 1 / (sigma**2 + _S**2).sqrt()
    c_out = sigma * _S / (sigma**2 + _S**2).sqrt()
    assert torch.allclose(skip, c_skip.unsqueeze(1) * noisy)
    assert torch.allclose(net.seen, c_in.unsqueeze(1) * noisy)
    net.out = 1.0
    assert torch.allclose(fields.target_mean(t, x) - skip, c_out.unsqueeze(1).expand(3, 1))


def test_a_shared_time_is_that_of_each_sample():
    x = torch.randn(4, 2, 3)
    fields = _fields(_Recorder(0.3), "velocity")
    shared = fields.velocity(torch.tensor(0.4), x)
    assert torch.allclose(shared, fields.velocity(torch.full((4,), 0.4), x))


def test_it_is_refused_where_the_sizes_are_not_known():
    for name, path in (
        ("velocity", INTERPOLANTS["linear"]),
        ("score", OneSidedLinearInterpolant()),
    ):
        with pytest.raises(ValueError, match=r"Preconditioning\.(interpolant|objective)"):
            Fields(
                net=_Recorder(),
                interpolant=path,
                predicts=[name],
                preconditioning=Preconditioning(),
            )
    with pytest.raises(ValueError, match=r"Preconditioning\.std: expected a number > 0"):
        Preconditioning(std=0.0)
