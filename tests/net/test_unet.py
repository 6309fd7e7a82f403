"""The U-Net."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from interpolants.net.attention import attend
from interpolants.net.dit import DiT
from interpolants.net.map_attention import MapAttention
from interpolants.net.residual_block import ResidualBlock
from interpolants.net.unet import UNet

_TINY = partial(UNet, channels=8, multipliers=(1, 1), blocks=1, head_channels=8)
_PATCHES = partial(DiT, channels=8, head_channels=8, blocks=1)
_CHECKPOINTED = pytest.mark.parametrize("make", [partial(_TINY, attention=(4, 2)), _PATCHES])


def _at_work(net):
    """The same in double precision, with weights that are all at work: some begin at zero."""
    net = net.double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def _inputs(n, *shape):
    return torch.rand(n, dtype=torch.float64), torch.randn(n, *shape, dtype=torch.float64)


def _softmax_attention(q, k, v):
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1) @ v


@pytest.mark.parametrize("apart", [False, True], ids=["channels_together", "channels_apart"])
def test_attention_is_that_of_its_equation_in_every_dtype(apart):
    shape = (3, 2, 3, 8, 5) if apart else (3, 2, 3, 5, 8)
    q, k, v = torch.randn(shape, dtype=torch.float64).mT if apart else torch.randn(shape).double()
    exact = _softmax_attention(q, k, v)
    for dtype, tolerance in (
        (torch.float64, 1e-12),
        (torch.float32, 1e-5),
        (torch.bfloat16, 0.05),
    ):
        out = attend(q.to(dtype), k.to(dtype), v.to(dtype))
        assert out.dtype == dtype
        torch.testing.assert_close(out.double(), exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_attention_has_a_forward_mode_derivative(dtype):
    q, v = torch.randn(2, 1, 2, 5, 4, dtype=torch.float64)
    moved = partial(torch.func.jvp, lambda x: attend(x, x, x))
    exact = torch.func.jvp(lambda x: _softmax_attention(x, x, x), (q,), (v,))[1]
    found = moved((q.to(dtype),), (v.to(dtype),))[1]
    torch.testing.assert_close(
        found.double(), exact, rtol=0, atol=1e-12 if dtype == q.dtype else 0.1
    )


def test_map_attention_treats_pixels_alike():
    part = _at_work(MapAttention(8, 4))
    x = torch.randn(2, 8, 3, 5, dtype=torch.float64)
    order = torch.randperm(15)
    mixed = x.flatten(2)[..., order].reshape(x.shape)
    torch.testing.assert_close(part(mixed), part(x).flatten(2)[..., order].reshape(x.shape))


def test_map_attention_of_channels_that_heads_do_not_divide_has_one_head():
    assert MapAttention(24, 16).heads == 1
    assert MapAttention(24, 8).heads == 3


@pytest.mark.parametrize("channels", [8, 16])
def test_residual_block_begins_as_its_shortcut(channels):
    block = ResidualBlock(8, channels, 4, 0.0)
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x, torch.randn(2, 4)), block.shortcut(x))


def test_residual_block_shifts_and_scales_by_the_condition():
    block = ResidualBlock(8, 8, 2, 0.0).double()
    with torch.no_grad():
        block.condition.weight.zero_()
        block.condition.bias.copy_(torch.cat([torch.full((8,), -1.0), torch.full((8,), 20.0)]))
        block.conv_out.weight.fill_(0.0)[range(8), range(8), 1, 1] = 1.0
    x = torch.randn(2, 8, 4, 4, dtype=torch.float64)
    # Scaled by 1 - 1 and shifted by 20, where silu is the identity to 1e-7.
    torch.testing.assert_close(block(x, torch.zeros(1, 2).double()), x + 20, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "attending"),
    [
        ({"attention": (7,)}, 7),  # two on the way down, two in the middle, three on the way up
        ({"attention": (28,)}, 5),
        ({"attention": (5,)}, 0),
        ({"attention": (14,), "patch": 2, "multipliers": (1, 2)}, 5),
    ],
)
def test_unet_attends_at_the_rows_asked_for(options, attending):
    net = UNet(event_shape=(1, 28, 28), heads=1, channels=8, head_channels=8, **options)
    seen = []
    for part in net.modules():
        if isinstance(part, MapAttention):
            part.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[2]))
    net(torch.tensor(0.5), torch.randn(1, 1, 28, 28))
    assert seen == [*options["attention"]] * attending


def test_unet_maps_are_halved_and_doubled():
    net, sides = UNet(event_shape=(1, 28, 20), heads=2, channels=8, head_channels=8), []
    for part in net.modules():
        if isinstance(part, nn.GroupNorm):
            part.register_forward_hook(lambda _, inputs, __: sides.append(inputs[0].shape[2:]))
    assert net(torch.tensor(0.5), torch.randn(1, 1, 28, 20)).shape == (1, 2, 1, 28, 20)
    assert list(dict.fromkeys(map(tuple, sides))) == [(28, 20), (14, 10), (7, 5)]
    assert sides[-1] == (28, 20)


def test_unet_begins_small_and_learns_at_once():
    net = UNet(event_shape=(1, 8, 8), heads=2)
    out = net(torch.rand(4), torch.randn(4, 1, 8, 8))
    assert 0 < out.square().mean().sqrt() < 0.15
    out.square().sum().backward()
    assert (net.stem.weight.grad != 0).all()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_unet_dropout_is_of_training_alone(dropout):
    net = _at_work(_TINY(event_shape=(1, 4, 4), heads=1, dropout=dropout))
    t, x = _inputs(2, 1, 4, 4)
    assert torch.equal(net(t, x), net(t, x)) == (dropout == 0)
    net.eval()
    assert torch.equal(net(t, x), net(t, x))


def test_unet_of_channels_last_is_the_same():
    net = _at_work(_TINY(event_shape=(2, 8, 4), heads=3, attention=(8, 4)))
    t, x = _inputs(2, 2, 8, 4)
    expected = net(t, x)
    net = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(net(t, x.to(memory_format=torch.channels_last)), expected)


@_CHECKPOINTED
def test_nets_that_compute_again_have_second_derivatives(make):
    kept, again = (make(event_shape=(1, 4, 4), heads=1, checkpoint=c) for c in (False, True))
    again.double().load_state_dict(_at_work(kept).state_dict())
    t, x = _inputs(2, 1, 4, 4)
    x, v = x.requires_grad_(), torch.randn_like(x)
    found = []
    for net in (kept, again):
        with sdpa_kernel(SDPBackend.MATH):
            value = (net(t, x)[:, 0] * v).sum()
        # The backward pass, and so the second computation, is outside of what chose the kernel.
        (slope,) = torch.autograd.grad(value, x, create_graph=True)
        found.append(torch.autograd.grad((slope * v).sum(), list(net.parameters())[-4]))
    assert (found[0][0] != 0).any()
    torch.testing.assert_close(found[1], found[0])


@_CHECKPOINTED
def test_nets_that_compute_again_have_forward_mode_derivatives(make):
    net = _at_work(make(event_shape=(1, 4, 4), heads=1, checkpoint=True))
    t, x = _inputs(2, 1, 4, 4)
    v, h = torch.randn_like(x), 1e-5
    change = torch.func.jvp(lambda state: net(t, state), (x,), (v,))[1]
    torch.testing.assert_close(change, (net(t, x + h * v) - net(t, x - h * v)) / (2 * h))
    change.square().sum().backward()
    assert (net.stem.weight.grad != 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"event_shape": (1, 30, 28)},
            "UNet.multipliers: expected sides that are multiples of 4, got (1, 30, 28); "
            "choose fewer multipliers, a smaller patch, or pad the images",
        ),
        ({"event_shape": (1, 28, 28), "patch": 2}, "UNet.multipliers: expected sides that are "),
        ({"event_shape": (8, 8)}, "UNet.event_shape: expected an image (C, H, W), got (8, 8)"),
        ({"multipliers": ()}, "UNet.multipliers: expected at least one, got ()"),
        ({"attention": (0,)}, "UNet.attention: expected whole numbers > 0, got (0,)"),
        ({"channels": 12}, "UNet.channels: expected a multiple of 8 above 0, got 12"),
        ({"dropout": 1.0}, "UNet.dropout: expected a number in [0, 1), got 1.0"),
        ({"blocks": 0}, "UNet.blocks: expected a whole number > 0, got 0"),
    ],
)
def test_unet_refuses_bad_sizes_by_name(arguments, message):
    with pytest.raises(ValueError) as error:
        UNet(**{"event_shape": (1, 8, 8), "heads": 1, **arguments})
    assert str(error.value).startswith(message)
