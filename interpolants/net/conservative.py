"""Conservative networks: predictions that are gradients of scalar potentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.net.field_network import FieldNetwork
from interpolants.net.second_derivatives import plain_attention, plain_normalisation
from interpolants.utils.checks import check


@final
class Conservative(nn.Module):
    """Network whose predictions are gradients by x of potentials, one potential for each.

    F_k(t, x) = grad_x phi_k(t, x), where phi_k is made of head k of another network, N_k:

        scalar          phi_k = sum_i N_k(t, x)_i
        inner_product   phi_k = <x, N_k(t, x)>
        squared_error   phi_k = -|x - N_k(t, x)|^2 / 2      at most 0, so for scores alone

    The squared forms are those of Salimans and Ho, "Should EBMs model the energy or the score?"
    (ICLR 2021 workshop on energy based models). The Jacobian of every F_k is symmetric at any
    weights, and `log_density_difference` reads densities off the potentials. The fields of a
    one-sided path with a standard normal base and an independent coupling are gradients; on other
    paths only the score, and a denoiser of gamma z, are, so that a velocity there may be out of
    reach.

    It is called as a `FieldNetwork`, also without gradients and in inference mode. A training
    step of an MLP costs 2.5 of those of the network inside with one head and 3.7 with two, by
    `python -m benchmarks.conservative_step`.

    Args:
        event_shape: shape of one sample.
        heads: number of predictions, and of potentials.
        classes, label_size: kind of the labels, as of `LabelEmbedding`.
        image_channels: channels of the conditioning image; no gradient by it is taken.
        potential: makes the network N of the same arguments: a class of `net` with its sizes.
        form: scalar, inner_product or squared_error.

    Raises:
        ValueError: if `form` is not one of these, or the network N has activations with kinks or
            recomputes blocks in the backward pass.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        classes: int = 0,
        label_size: int = 0,
        image_channels: int = 0,
        potential: Callable[..., FieldNetwork | nn.Module],
        form: str = "scalar",
    ) -> None:
        super().__init__()
        check(form in _FORMS, "Conservative.form", f"one of {', '.join(_FORMS)}", form)
        counts = {"classes": classes, "label_size": label_size, "image_channels": image_channels}
        options = {name: count for name, count in counts.items() if count}
        self.form = form
        self.potential = potential(event_shape=event_shape, heads=heads, **options)
        _check_smooth(self.potential)
        _check_recomputes_nothing(self.potential)

    def forward(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Evaluate all gradients, (B, heads, *event); arguments as of `FieldNetwork`."""
        with plain_attention(), plain_normalisation(self.training):
            # torch.func differentiates in inference mode too, where enable_grad does not.
            phi, pull = _vjp(lambda state: self.potentials(t, state, condition), x)
            units = torch.eye(phi.shape[1], dtype=phi.dtype, device=phi.device)
            slopes = torch.stack([pull(unit.expand_as(phi))[0] for unit in units], dim=1)
        if not torch.is_grad_enabled():
            return slopes
        # Constants of a potential, such as the last bias, get a gradient of zero rather than
        # none, for which processes that train together would wait.
        return slopes + 0 * phi.reshape(*phi.shape, *(1,) * (x.dim() - 1))

    def potentials(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Potential of each prediction, up to a constant at each time, (B, heads)."""
        heads = self.potential(t, x) if condition is None else self.potential(t, x, condition)
        terms = _FORMS[self.form](x.unsqueeze(1), heads.to(x.dtype))
        values: Tensor = terms.flatten(2).sum(2)
        return values


# Not typed for what it returns here: the value, and the function of products with its slope.
_vjp: Callable[..., tuple[Tensor, Callable[[Tensor], tuple[Tensor]]]] = torch.func.vjp  # type: ignore[assignment]

# Terms of a potential by element, of states (B, 1, *event) and heads (B, heads, *event).
_FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "scalar": lambda x, heads: heads,
    "inner_product": lambda x, heads: x * heads,
    "squared_error": lambda x, heads: -0.5 * (x - heads).square(),
}
_WITH_KINKS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.SELU)


def _check_smooth(net: nn.Module) -> None:
    """Require activations whose slope is continuous, as otherwise the field is not."""
    found = sorted(
        {type(part).__name__ for part in net.modules() if isinstance(part, _WITH_KINKS)}
    )
    rule, fix = (
        "smooth activations",
        "use silu, gelu or tanh, such as net.potential.activation=silu",
    )
    check(not found, "Conservative.potential", rule, ", ".join(found), fix)


def _check_recomputes_nothing(net: nn.Module) -> None:
    """Require a network without gradient checkpointing, which torch.func does not support."""
    found = any(getattr(part, "checkpoint", False) is True for part in net.modules())
    rule, fix = "a network that recomputes no blocks", "set net.potential.checkpoint=false"
    check(not found, "Conservative.potential", rule, "checkpoint=true", fix)
