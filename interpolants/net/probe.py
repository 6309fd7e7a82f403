"""Trial of a network before training: what its contract asks, as far as that is cheap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.net.precision import call_network, weights_dtype
from interpolants.utils.checks import check
from interpolants.utils.eval_mode import eval_mode
from interpolants.utils.seeds import keyed_generator

_ROWS, _KEY = 2, 53


def probe_network(
    net: nn.Module, event_shape: Sequence[int], heads: int, condition: Condition | None = None
) -> None:
    """Try a network on two rows of noise, in `eval()` mode on the CPU.

    Nothing of it remains: no state of the network and no random number changes. What it requires
    is the contract of `FieldNetwork`: predictions of the right shape, finite, and with a gradient
    that reaches a weight; arguments that stay as they are; and rows that do not depend on others.

    Args:
        net: the network.
        event_shape, heads: as of `FieldNetwork`.
        condition: condition of two rows; without one, the network is called without it.

    Raises:
        ValueError: for the first fault.
    """
    generator = keyed_generator(_KEY)
    dtype = torch.promote_types(weights_dtype(net) or torch.float32, torch.float32)
    x = torch.randn(_ROWS, *event_shape, generator=generator).to(dtype)
    t = torch.tensor([0.3, 0.7], dtype=dtype)
    with eval_mode(net), torch.random.fork_rng(devices=[]):
        out = _called(net, t, x, condition, heads)
        _check_gradient(net, out)
        with torch.no_grad():
            _check_rows(net, t, x, condition, out)


def _called(
    net: nn.Module, t: Tensor, x: Tensor, condition: Condition | None, heads: int
) -> Tensor:
    """Predictions, of the right shape and finite, from arguments that stay as they are."""
    given = [t, x, *(part for part in condition or () if part is not None)]
    before = [part.clone() for part in given]
    out = _call(net, t, x, condition)
    shape = (len(x), heads, *x.shape[1:])
    fix = f"return (B, heads, *event) with heads = {heads}, one for each predicted field"
    check(out.shape == shape, "net", f"predictions of shape {shape}", tuple(out.shape), fix)
    finite = bool(out.isfinite().all())
    lost = f"{int((~out.isfinite()).sum())} of {out.numel()} that are not"
    check(finite, "net", "finite predictions from normal states", _Plain(lost))
    same = all(torch.equal(a, b) for a, b in zip(before, given, strict=True))
    fix = "copy before operations in place, such as += and relu_"
    check(same, "net", "arguments that stay as they are", _Plain("changed ones"), fix)
    return out


def _call(net: nn.Module, t: Tensor, x: Tensor, condition: Condition | None) -> Tensor:
    try:
        return call_network(net, t, x, condition)
    # A network of somebody else's may raise anything.
    except Exception as error:
        text = (str(error).strip().splitlines() or ["no message"])[0]
        if isinstance(error, ValueError) and text.startswith("net."):
            raise
        rule = f"a network of states {tuple(x.shape)} at times {tuple(t.shape)}"
        got = f"{type(error).__name__}: {text}"
        raise ValueError(f"net: expected {rule}{_given(condition)}, got {got}") from error


def _given(condition: Condition | None) -> str:
    """Labels that a network is given in the trial, in words of its error."""
    label = None if condition is None else condition.label
    if condition is None or label is None:
        return ""
    if label.is_floating_point():
        return f" and label vectors {tuple(label.shape)}"
    null = "" if condition.dropped is None else " and its null label"
    return f" with class {int(label[0])}{null}"


def _check_gradient(net: nn.Module, out: Tensor) -> None:
    """Require a weight that the gradient of the predictions reaches."""
    weights = {id(p) for p in net.parameters() if p.requires_grad}
    check(bool(weights), "net", "weights to train", _Plain("none"))
    seen: set[Any] = set()
    rest = [out.grad_fn]
    while rest:
        node: Any = rest.pop()
        if node is None or node in seen:
            continue
        if id(getattr(node, "variable", None)) in weights:
            return
        seen.add(node)
        rest += [following for following, _ in node.next_functions]
    fix = "remove detach() and no_grad() from its forward"
    check(
        False, "net", "predictions whose gradient reaches a weight", _Plain("none that does"), fix
    )


def _check_rows(
    net: nn.Module, t: Tensor, x: Tensor, condition: Condition | None, out: Tensor
) -> None:
    """Require the same row alone, at a time without an axis."""
    one = None if condition is None else condition.rows(0, 1)
    alone = _call(net, t[0], x[:1], one)
    tolerance = torch.finfo(weights_dtype(net) or x.dtype).eps ** 0.5
    if alone.shape == out[:1].shape and _are_close(alone, out[:1], tolerance):
        return
    if not _are_close(_call(net, t, x, condition), out, tolerance):
        rule = "the same predictions from the same arguments in eval() mode"
        fix = "make noise, such as dropout, depend on self.training"
    else:
        rule = "the same predictions of a row alone and in a batch"
        fix = "use no statistics over the batch in eval() mode"
    check(False, "net", rule, _Plain("others"), fix)


def _are_close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return bool((a - b).abs().max() <= tolerance * b.abs().max().clamp(min=1e-30))


class _Plain(str):
    """Words that an error shows without quotes."""

    __repr__ = str.__str__
