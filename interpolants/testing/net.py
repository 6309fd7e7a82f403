"""The contract of networks."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.net.probe import probe_network
from interpolants.objective.base import quadratic_losses
from interpolants.testing.common import SHAPES, interior, normal, require, require_close

_HEADS = 3
_IMAGES = ((3, 1, 8, 8), (2, 3, 8, 16))
_CHANNELS, _HEAD_COUNTS, _SIDES = (1, 3, 4), (1, 2), (4, 2)


def check_net(build: Callable[..., nn.Module]) -> None:
    """A batch is its samples one by one, under shared and own times, and every head answers both.

    Predictions and gradients do not depend on how states and predictions lie in memory, for 1, 3
    and 4 channels and 1 and 2 heads.

    The network is evaluated as samplers do, in `eval()` mode, with weights of a fixed seed.

    A network that takes `image_channels` is one for images, and tried on those alone. One that
    takes `classes` must give them different values, and know the null label.

    Args:
        build: makes the network of the keywords `event_shape` and `heads`: its class, or that
            with its own options.
    """
    takes = inspect.signature(build).parameters
    shapes = _IMAGES if "image_channels" in takes else SHAPES
    event = shapes[0][1:]
    for shape in shapes:
        _check_batch(_build(build, shape[1:]), shape)
    _check_trial(_build(build, event), event)
    for channels, heads in itertools.product(_CHANNELS, _HEAD_COUNTS):
        several = (channels, *(event[1:] or _SIDES))
        _check_layouts(_build(build, several, heads), several, heads)
    _check_precision(_build(build, event).float(), event)
    _check_arguments(_build(build, event), event)
    _check_tangents(_build(build, event), event)
    if "classes" in takes:
        _check_classes(_build(build, event, classes=4), event)
        _check_vectors(_build(build, event, label_size=2), event)
    if "image_channels" in takes:
        _check_image(_build(build, event, image_channels=2), event)


def _build(
    build: Callable[..., nn.Module],
    event_shape: tuple[int, ...],
    heads: int = _HEADS,
    **options: int,
) -> nn.Module:
    """The network with weights that are all at work: some begin at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(event_shape=event_shape, heads=heads, **options).double().eval()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        return net


@torch.no_grad()
def _check_batch(net: nn.Module, shape: tuple[int, ...]) -> None:
    x, t = normal(shape, 8, 0), interior()[: shape[0]]
    batch = net(t, x)
    expected = (shape[0], _HEADS, *shape[1:])
    require(batch.shape == expected, f"heads of shape {tuple(batch.shape)}, not {expected}")
    for i in range(shape[0]):
        row = slice(i, i + 1)
        what = f"sample {i} in shape {shape}"
        require_close(batch[row], net(t[i], x[row]), what)
    shared = net(t[0], x)
    require_close(shared, net(t[0].expand(shape[0]), x), f"a shared time in shape {shape}")


def _check_trial(net: nn.Module, event: tuple[int, ...]) -> None:
    """A network passes the trial before training."""
    try:
        probe_network(net, event, _HEADS)
    except ValueError as error:
        raise AssertionError(str(error)) from error


def _check_layouts(net: nn.Module, event: tuple[int, ...], heads: int) -> None:
    """States in any layout give the same loss and the same gradient of it."""
    x, t, target = normal((2, *event), 8, 11), interior()[:2], normal((2, heads, *event), 8, 12)
    expected: list[Tensor] = []
    for layout in _layouts(x):
        net.zero_grad()
        losses = quadratic_losses(net(t, layout), target, len(x))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        found = [losses.detach(), *(p.grad for p in net.parameters() if p.grad is not None)]
        expected = expected or [part.clone() for part in found]
        what = f"{event[0]} channels, {heads} heads, strides {layout.stride()}"
        for got, first in zip(found, expected, strict=True):
            require_close(got, first, what)


def _layouts(x: Tensor) -> list[Tensor]:
    """The same values with the channels before the other axes, and after them."""
    return [x, x.movedim(1, -1).contiguous().movedim(-1, 1)]


@torch.no_grad()
def _check_precision(net: nn.Module, event: tuple[int, ...]) -> None:
    x, t = normal((5, *event), 8, 1), interior()[:5]
    out = net(t, x.float())
    require(out.dtype == torch.float32, f"float32 data at float64 times: {out.dtype}")
    require_close(out, net(t.float(), x.float()), "float32 data at float64 times", 1e-4)


def _check_arguments(net: nn.Module, event: tuple[int, ...]) -> None:
    """Every head depends on the time and on the state, and no two heads are one."""
    x, t = normal((5, *event), 8, 2).requires_grad_(), interior()[:5].requires_grad_()
    heads = net(t, x)
    for k in range(_HEADS):
        slopes = torch.autograd.grad(
            heads[:, k].square().sum(), (t, x), retain_graph=True, allow_unused=True
        )
        for slope, name in zip(slopes, ("time", "state"), strict=True):
            moves = slope is not None and bool((slope != 0).any())
            require(moves, f"head {k}: does not depend on the {name}")
        same = (heads[:, k] == heads[:, k - 1]).all()
        require(not same, f"head {k}: the same as head {(k - 1) % _HEADS}")


def _check_tangents(net: nn.Module, event: tuple[int, ...]) -> None:
    """Forward-mode derivatives are those of reverse mode."""
    x, v, t = normal((2, *event), 8, 3), normal((2, *event), 8, 4), interior()[:2]
    forward = torch.func.jvp(lambda state: net(t, state), (x,), (v,))[1].detach()
    w = normal(tuple(forward.shape), 8, 5)
    state = x.requires_grad_()
    (slope,) = torch.autograd.grad((net(t, state) * w).sum(), state)
    require_close((slope * v).sum(), (forward * w).sum(), "forward-mode derivatives")


@torch.no_grad()
def _check_classes(net: nn.Module, event: tuple[int, ...]) -> None:
    """Classes differ, and a dropped class is the null label, as is no condition."""
    x, t, label = normal((4, *event), 8, 6), interior()[:4], torch.arange(4)
    null, given = net(t, x), net(t, x, Condition(label))
    require(bool((null != given).flatten(1).any(dim=1).all()), "classes: no different from null")
    other = net(t, x, Condition(label.roll(1)))
    require(bool((other != given).flatten(1).any(dim=1).all()), "classes: no different")
    require_close(net(t, x, Condition()), null, "classes: no label")
    dropped = torch.tensor([True, False, True, False])
    mixed = net(t, x, Condition(label, None, dropped))
    require_close(mixed[dropped], null[dropped], "classes: dropped")
    require_close(mixed[~dropped], given[~dropped], "classes: beside dropped ones")
    shared = net(t[0], x, Condition(label))
    require_close(shared, net(t[0].expand(4), x, Condition(label)), "classes: a shared time")


@torch.no_grad()
def _check_vectors(net: nn.Module, event: tuple[int, ...]) -> None:
    """Vector labels differ from the null label, which dropped ones are."""
    x, t, label = normal((4, *event), 8, 7), interior()[:4], normal((4, 2), 8, 8)
    null, given = net(t, x), net(t, x, Condition(label))
    require(bool((null != given).flatten(1).any(dim=1).all()), "vectors: no different from null")
    dropped = torch.tensor([True, False, True, False])
    mixed = net(t, x, Condition(label, None, dropped))
    require_close(mixed[dropped], null[dropped], "vectors: dropped")
    require_close(mixed[~dropped], given[~dropped], "vectors: beside dropped ones")


@torch.no_grad()
def _check_image(net: nn.Module, event: tuple[int, ...]) -> None:
    """The output depends on the image that conditions it."""
    x, t, image = normal((3, *event), 8, 9), interior()[:3], normal((3, 2, *event[1:]), 8, 10)
    first, second = (net(t, x, Condition(image=part)) for part in (image, image.roll(1, 0)))
    require(bool((first != second).flatten(1).any(dim=1).all()), "image: no matter")
