"""Networks of images: what the contract of networks does not ask of them."""

from functools import partial

import pytest
import torch
from torch import nn

from interpolants.net.condition import Condition
from interpolants.net.dit import DiT
from interpolants.net.rotary_positions import RotaryPositions
from interpolants.net.unet import UNet

_UNET = partial(UNet, channels=8, multipliers=(1, 1), blocks=1, attention=(4,), head_channels=8)
_DIT = partial(DiT, channels=16, blocks=2, head_channels=8)
_NETS = {"unet": _UNET, "dit": _DIT, "dit_learned": partial(_DIT, rotary=False)}
_every_net = pytest.mark.parametrize("make", _NETS.values(), ids=_NETS)
_every_dit = pytest.mark.parametrize("rotary", [True, False])


def _at_work(net):
    """The same with weights that are all at work: some begin at zero."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def _inputs(n, *shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, *shape, dtype=dtype, generator=generator)
    return torch.linspace(0.1, 0.9, n, dtype=dtype), x


def _gradients(net, t, x, condition=None):
    """Output and gradients of a loss."""
    net.zero_grad()
    out = net(t, x, condition)
    out.square().sum().backward()
    return out.detach(), {k: p.grad.clone() for k, p in net.named_parameters()}


def test_rotary_positions_let_products_depend_on_how_far_apart_alone():
    rows, columns = 3, 4
    turn = RotaryPositions(rows, columns, 8)
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0))
    everywhere = (1, 1, rows * columns, 8)
    logits = (turn(q.expand(everywhere)) @ turn(k.expand(everywhere)).mT)[0, 0]
    by_offset = {}
    for i, row in enumerate(logits.tolist()):
        for j, value in enumerate(row):
            offset = (i // columns - j // columns, i % columns - j % columns)
            by_offset.setdefault(offset, []).append(value)
    assert len(by_offset) == (2 * rows - 1) * (2 * columns - 1)
    assert all(max(found) - min(found) < 1e-5 for found in by_offset.values())
    # Neither axis is left out, and offsets do not share their product.
    means = torch.tensor([sum(found) / len(found) for found in by_offset.values()])
    assert (means.sort().values.diff() > 1e-4).all()


def test_rotary_positions_turn_and_do_not_stretch():
    turn = RotaryPositions(3, 4, 8)
    x = torch.randn(2, 3, 12, 8, generator=torch.Generator().manual_seed(0))
    turned = turn(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[:, :, 0], x[:, :, 0])  # the corner is where turns begin


@pytest.mark.parametrize(("patch", "shape"), [(1, (4, 2, 3)), (2, (3, 4, 6)), (4, (1, 8, 4))])
def test_dit_puts_patches_back_where_they_were(patch, shape):
    own = shape[0] * patch**2
    net = DiT(event_shape=shape, heads=2, patch=patch, channels=own, head_channels=4, blocks=1)
    net.norm = nn.Identity()
    with torch.no_grad():
        net.stem.weight.copy_(torch.eye(own))
        net.stem.bias.zero_()
        net.output.weight.copy_(torch.cat([torch.eye(own), 3 * torch.eye(own)]))
    t, x = _inputs(2, *shape)
    assert torch.equal(net(t, x), torch.stack([x, 3 * x], dim=1))


@_every_dit
def test_dit_begins_with_blocks_that_do_nothing(rotary):
    net = _DIT(event_shape=(1, 4, 4), heads=1, rotary=rotary)
    h, told = torch.randn(2, 4, 16), torch.randn(2, 16)
    for block in net.blocks:
        assert torch.equal(block(h, told, net.turns), h)


@_every_dit
def test_dit_attends_to_other_patches_and_knows_their_places(rotary):
    net = _at_work(_DIT(event_shape=(1, 4, 4), heads=1, rotary=rotary).double())
    t, x = _inputs(1, 1, 4, 4, dtype=torch.float64)
    slopes = torch.func.jacrev(lambda state: net(t, state))(x).reshape(16, 16)
    assert (slopes != 0).all()
    # Without places, patches that change places would do so in the output.
    swapped = x.roll(2, dims=3)
    assert (net(t, swapped) - net(t, x).roll(2, dims=4)).abs().max() > 1e-3


@_every_dit
def test_dit_begins_small_and_its_first_layer_learns_at_once(rotary):
    net = DiT(event_shape=(1, 8, 8), heads=2, rotary=rotary)
    t, x = _inputs(4, 1, 8, 8)
    out, gradients = _gradients(net, t, x)
    assert 0 < out.square().mean().sqrt() < 0.15
    assert (gradients["stem.weight"] != 0).all()
    for i in range(len(net.blocks)):
        shift, scale, gate = gradients[f"blocks.{i}.condition.weight"].chunk(6)[:3]
        assert (shift == 0).all() and (scale == 0).all() and (gate != 0).any()


@pytest.mark.parametrize(("patch", "tokens"), [(4, 49), (2, 196)])
def test_dit_of_28_rows_has_a_token_for_each_patch(patch, tokens):
    net = _DIT(event_shape=(1, 28, 28), heads=2, patch=patch, rotary=False)
    assert net.places.shape == (tokens, 16)
    t, x = _inputs(2, 1, 28, 28)
    for own in (net, _DIT(event_shape=(1, 28, 28), heads=2, patch=patch)):
        assert own(t, x).shape == (2, 2, 1, 28, 28)


@_every_net
def test_image_net_that_computes_again_has_the_same_gradients(make):
    t, x = _inputs(3, 1, 8, 8, dtype=torch.float64)
    condition = Condition(torch.arange(3))
    kept, again = (
        make(event_shape=(1, 8, 8), heads=2, classes=3, checkpoint=c).double()
        for c in (False, True)
    )
    again.load_state_dict(_at_work(kept).state_dict())
    runs = []
    again_parts = again.blocks if hasattr(again, "blocks") else again.down
    again_parts[0].register_forward_pre_hook(lambda *_: runs.append(1))
    out, gradients = _gradients(kept, t, x, condition)
    torch.testing.assert_close(_gradients(again, t, x, condition), (out, gradients))
    assert len(runs) == 2
    with torch.no_grad():
        again(t, x, condition)
    assert len(runs) == 3


@_every_net
def test_image_net_in_bfloat16_is_near_float32(make):
    net = _at_work(make(event_shape=(1, 8, 8), heads=2))
    t, x = _inputs(8, 1, 8, 8)
    exact, exact_gradients = _gradients(net, t, x)
    with torch.autocast("cpu", torch.bfloat16):
        rough, rough_gradients = _gradients(net, t, x)
    pairs = [(rough, exact), *((rough_gradients[k], g) for k, g in exact_gradients.items())]
    # bfloat16 has 8 bits, and errors add up over some ten roundings.
    assert all((a.float() - b).norm() < 0.05 * b.norm() for a, b in pairs)
    assert (rough.float() - exact).norm() > 1e-5 * exact.norm()


def _check_compiled(net, **options):
    names, (t, x) = list(net.state_dict()), _inputs(3, 1, 4, 4)
    condition = Condition(torch.arange(3), None, torch.tensor([True, False, False]))
    eager = _gradients(_at_work(net), t, x, condition)
    net.compile(dynamic=False, **options)
    torch.testing.assert_close(_gradients(net, t, x, condition), eager, rtol=1e-3, atol=1e-4)
    assert list(net.state_dict()) == names


_tiny_nets = pytest.mark.parametrize(
    "make", [partial(_UNET, multipliers=(1,)), partial(_DIT, blocks=1)], ids=["unet", "dit"]
)


@_tiny_nets
def test_image_net_traced_is_the_same(make):
    _check_compiled(make(event_shape=(1, 4, 4), heads=2, classes=3), backend="aot_eager")


@pytest.mark.slow
@_tiny_nets
def test_image_net_compiled_is_the_same(make):
    _check_compiled(make(event_shape=(1, 4, 4), heads=2, classes=3, checkpoint=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"event_shape": (1, 28, 28), "patch": 3},
            "DiT.patch: expected sides that are multiples of 3, got (1, 28, 28)",
        ),
        ({"event_shape": (1, 8, 6), "patch": 4}, "DiT.patch: expected sides that are multiples"),
        ({"event_shape": (8, 8)}, "DiT.event_shape: expected an image (C, H, W), got (8, 8)"),
        ({"patch": 0}, "DiT.patch: expected a whole number > 0, got 0"),
        ({"blocks": 0}, "DiT.blocks: expected a whole number > 0, got 0"),
        ({"heads": 0}, "DiT.heads: expected a whole number > 0, got 0"),
        ({"head_channels": 12}, "DiT.head_channels: expected a divisor of channels = 128, got 12"),
        (
            {"channels": 12, "head_channels": 6},
            "DiT.head_channels: expected a multiple of 4 with rotary positions, got 6",
        ),
    ],
)
def test_dit_refuses_bad_sizes_by_name(arguments, message):
    with pytest.raises(ValueError) as error:
        DiT(**{"event_shape": (1, 8, 8), "heads": 1, **arguments})
    assert str(error.value).startswith(message)
