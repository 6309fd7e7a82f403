"""The contract of networks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from interpolants.testing.common import SHAPES, interior, normal, require, require_close

_HEADS = 3


def check_net(build: Callable[..., nn.Module]) -> None:
    """A batch is its samples one by one, under shared and own times, and every head answers both.

    The network is evaluated as samplers do, in `eval()` mode, with weights of a fixed seed.

    Args:
        build: makes the network of the keywords `event_shape` and `heads`: its class, or that
            with its own options.
    """
    for shape in SHAPES:
        _check_batch(_build(build, shape[1:]), shape)
    _check_precision(_build(build, (3,)).float())
    _check_arguments(_build(build, (3,)))


def _build(build: Callable[..., nn.Module], event_shape: tuple[int, ...]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(event_shape=event_shape, heads=_HEADS).double().eval()


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


@torch.no_grad()
def _check_precision(net: nn.Module) -> None:
    x, t = normal((5, 3), 8, 1), interior()[:5]
    out = net(t, x.float())
    require(out.dtype == torch.float32, f"float32 data at float64 times: {out.dtype}")
    require_close(out, net(t.float(), x.float()), "float32 data at float64 times", 1e-4)


def _check_arguments(net: nn.Module) -> None:
    """Every head depends on the time and on the state, and no two heads are one."""
    x, t = normal((5, 3), 8, 2).requires_grad_(), interior()[:5].requires_grad_()
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
