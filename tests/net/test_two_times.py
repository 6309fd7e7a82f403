"""Networks with two times: ordinary ones on the diagonal, and their derivatives by both."""

import pytest
import torch
from helpers.problems import load, stems

from interpolants.net.condition import Condition
from interpolants.objective.forward_mode import with_derivative

_SIZES = {
    "mlp": {"hidden": 16, "depth": 2},
    "residual_mlp": {"hidden": 16, "blocks": 1},
    "dit": {"channels": 32, "blocks": 1, "head_channels": 16},
    "unet": {"channels": 32, "multipliers": [1], "blocks": 1, "attention": [8]},
}
_IMAGE = (1, 8, 8)


def networks(name, **options):
    """The network with two times, and the same without, from one seed."""
    made = []
    for two_times in (True, False):
        torch.manual_seed(0)
        make = load("net", name, **_SIZES[name])
        options = {"two_times": True} if two_times else {}
        made.append(make(event_shape=_IMAGE, heads=1, **options).double().eval())
    return made


def draws(n=3):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, *_IMAGE, generator=generator, dtype=torch.float64)
    s, t = torch.rand(2, n, generator=generator, dtype=torch.float64).sort(dim=0).values
    return s, t, x


def moved(net):
    """Weights away from zero, where those of the gap and of modulations begin."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return net


@pytest.mark.parametrize("name", _SIZES)
def test_network_of_two_times_begins_as_the_ordinary_one(name):
    net, ordinary = networks(name)
    s, t, x = draws()
    assert {*net.state_dict()} - {*ordinary.state_dict()} == {"gap.weight"}
    assert torch.equal(net(s, x), ordinary(s, x))
    assert torch.equal(net(s, x, Condition(until=t)), ordinary(s, x))
    with pytest.raises(ValueError, match="expected a network with two times, got 'one with one"):
        ordinary(s, x, Condition(until=t))


@pytest.mark.parametrize("name", _SIZES)
def test_second_time_matters_off_the_diagonal_alone(name):
    net, _ = networks(name)
    s, t, x = draws()
    moved(net)
    torch.testing.assert_close(net(s, x, Condition(until=s)), net(s, x), rtol=0, atol=1e-12)
    assert (net(s, x, Condition(until=t)) - net(s, x)).abs().max() > 1e-3
    one = net(s[0], x, Condition(until=t[0]))  # times of no shape are those of all rows
    torch.testing.assert_close(one, net(s[:1].expand(3), x, Condition(until=t[:1].expand(3))))


@pytest.mark.parametrize("name", _SIZES)
def test_derivatives_by_both_times_and_the_state_are_those_of_differences(name):
    net, _ = networks(name)
    moved(net)
    s, t, x = draws()
    w = torch.randn(x.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ones, h = torch.ones_like(s), 1e-6

    def value(s, t, x):
        return net(s, x, Condition(until=t))

    _, by_end = with_derivative(lambda t: value(s, t, x), (t,), (ones,))
    difference = (value(s, t + h, x) - value(s, t - h, x)) / (2 * h)
    torch.testing.assert_close(by_end, difference, rtol=1e-6, atol=1e-6)
    _, along = with_derivative(lambda s, x: value(s, t, x), (s, x), (ones, w))
    difference = (value(s + h, t, x + h * w) - value(s - h, t, x - h * w)) / (2 * h)
    torch.testing.assert_close(along, difference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", _SIZES)
def test_derivatives_have_gradients_by_weights_in_training(name):
    """Those of dropout too, whose mask is that of the value."""
    net, _ = networks(name)
    moved(net).train()
    s, t, x = draws()
    _, rate = with_derivative(lambda t: net(s, x, Condition(until=t)), (t,), (torch.ones_like(t),))
    rate.square().sum().backward()
    assert net.gap.weight.grad.abs().max() > 0


def test_sizes_are_those_of_all_networks_of_the_package():
    others = {"unet_cifar10", "unet_digits", "unet_mnist", "torch_module", "diffusers_unet"}
    others |= {"conservative"}  # refused for flow maps
    assert {*stems("net")} - others == {*_SIZES}
