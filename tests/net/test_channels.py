"""Networks learn at any number of channels and heads, whatever the layout of their output."""

from functools import partial

import pytest
import torch
from helpers.plain_nets import PlainConv
from torch import nn

from interpolants.fields.fields import Fields
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.net.dit import DiT
from interpolants.net.mlp import MLP
from interpolants.net.torch_module import TorchModule
from interpolants.net.unet import UNet
from interpolants.objective.velocity import VelocityObjective
from interpolants.objective.velocity_and_denoiser import VelocityAndDenoiserObjective
from interpolants.utils.seeds import keyed_generator

_NETS = {
    "mlp": partial(MLP, hidden=8),
    "unet": partial(UNet, channels=8, multipliers=(1, 1), blocks=1, attention=()),
    "dit": partial(DiT, channels=8, head_channels=8, blocks=1),
    "torch_module": partial(
        TorchModule,
        module=PlainConv,
        inputs=["sample=x", "timestep=t"],
        output="sample",
        sizes=["in_channels=channels", "out_channels=out_channels"],
    ),
}
_OBJECTIVES = {1: VelocityObjective(), 2: VelocityAndDenoiserObjective()}


class _ChannelsLast(nn.Module):
    """The same network, whose predictions lie in memory with the channels last."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, t, x):
        return self.net(t, x).movedim((1, 2), (-2, -1)).contiguous().movedim((-2, -1), (1, 2))


def _learned(make, channels, heads, wrap=lambda net: net):
    """Losses of two steps and one more evaluation on one batch, and the weights after them."""
    torch.manual_seed(0)
    net = make(event_shape=(channels, 4, 4), heads=heads)
    objective = _OBJECTIVES[heads]
    fields = Fields(net=wrap(net), interpolant=LinearInterpolant(), predicts=objective.predicts)
    t = torch.linspace(0.2, 0.8, 6)
    x0, x1, z = torch.randn(3, 6, channels, 4, 4, generator=keyed_generator(channels))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(3):
        loss = objective(fields, t, x0, x1, z).total.mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, nn.utils.parameters_to_vector(net.parameters())


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("stem", _NETS)
def test_net_learns_at_any_number_of_channels_and_heads(stem, channels, heads):
    losses, weights = _learned(_NETS[stem], channels, heads)
    assert losses[0] > losses[1] > losses[2]
    _, same = _learned(_NETS[stem], channels, heads, _ChannelsLast)
    torch.testing.assert_close(same, weights)
