"""Estimators inside validation, and through attention."""

from functools import partial

import pytest
import torch

from interpolants.diagnostic.antisymmetry import antisymmetry
from interpolants.diagnostic.circulation import triangle_circulation
from interpolants.diagnostic.jacobian import jacobian_product, transposed_product
from interpolants.diagnostic.stiffness import strongest_rotation
from interpolants.diagnostic.sub_jacobian import sub_jacobian
from interpolants.net.conservative import Conservative
from interpolants.net.dit import DiT
from interpolants.net.mlp import MLP
from interpolants.net.unet import UNet

EVENT = (1, 4, 4)


def networks():
    torch.manual_seed(0)
    yield "mlp", MLP(event_shape=EVENT, heads=1, hidden=8, depth=2), EVENT
    yield "dit", DiT(event_shape=EVENT, heads=1, channels=8, blocks=1, head_channels=4), EVENT
    yield (
        "unet",
        UNet(event_shape=EVENT, heads=1, channels=8, attention=[4], head_channels=4),
        EVENT,
    )
    potential = partial(DiT, channels=8, blocks=1, head_channels=4)
    yield "conservative", Conservative(event_shape=EVENT, heads=1, potential=potential), EVENT


NETWORKS = {name: (net, event) for name, net, event in networks()}


@pytest.mark.parametrize("name", NETWORKS)
def test_estimators_are_the_same_in_inference_mode(name):
    net, event = NETWORKS[name]
    for weights in net.parameters():  # last layers start at zero
        torch.nn.init.normal_(weights, std=0.3, generator=torch.Generator().manual_seed(1))

    def field(t, x):
        return net(t, x)[:, 0]

    def all_of_them():
        x = torch.randn(4, *event, generator=torch.Generator().manual_seed(2))
        t = torch.tensor(0.4)
        generator = torch.Generator().manual_seed(3)
        corners = torch.stack([x, x.roll(1, 0), x.roll(2, 0)], dim=1)
        return [
            torch.tensor(antisymmetry(field, t, x, num_probes=2, generator=generator)),
            strongest_rotation(field, t, x, iterations=2, generator=generator).rate,
            sub_jacobian(field, t, x, [0, 5]),
            triangle_circulation(field, t, corners, num_intervals=4).relative,
        ]

    with torch.inference_mode():
        found = all_of_them()
    for one, other in zip(found, all_of_them(), strict=True):
        torch.testing.assert_close(one.clone(), other.detach())
        assert (other != 0).any()


@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_transposes_of_each_other(name):
    net, event = NETWORKS[name]
    with torch.inference_mode():
        x, a, b = torch.randn(3, 4, *event, generator=torch.Generator().manual_seed(5))

        def field(t, x):
            return net(t, x)[:, 0]

        t = torch.tensor(0.4)
        one = (b * jacobian_product(field, t, x, a)).flatten(1).sum(1)
        other = (a * transposed_product(field, t, x, b)).flatten(1).sum(1)
        torch.testing.assert_close(one.clone(), other.clone(), rtol=1e-4, atol=1e-5)
