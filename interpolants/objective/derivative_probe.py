"""Trial of forward derivatives before training."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.net.precision import weights_dtype
from interpolants.objective.forward_mode import with_derivative
from interpolants.utils.eval_mode import eval_mode

_ROWS = 2


def probe_derivatives(fields: Fields, event_shape: Sequence[int], objective: str) -> None:
    """Try derivatives of a flow map by its times and state, and their gradients by the weights.

    Args:
        fields: the fields in training, of two rows if they are conditioned.
        event_shape: shape of one sample.
        objective: what needs the derivatives, for the error.

    Raises:
        ValueError: if the network has an operation without them.
    """
    dtype = torch.promote_types(weights_dtype(fields.net) or torch.float32, torch.float32)
    device = next(fields.net.parameters()).device
    x = torch.ones(_ROWS, *event_shape, dtype=dtype, device=device)
    s, t = torch.tensor([[0.3, 0.5], [0.6, 0.8]], dtype=dtype, device=device)
    try:
        with eval_mode(fields.net), torch.enable_grad(), torch.random.fork_rng(devices=[]):
            _, rate = with_derivative(
                lambda *point: map_velocity(fields, *point),
                (s, t, x),
                (torch.ones_like(s), torch.ones_like(t), torch.ones_like(x)),
            )
            weights = [p for p in fields.net.parameters() if p.requires_grad]
            torch.autograd.grad(rate.square().sum(), weights, allow_unused=True)
    # A network of somebody else's may raise anything.
    except Exception as error:
        text = (str(error).strip().splitlines() or ["no message"])[0]
        rule = f"a network with forward derivatives, which {objective} needs"
        fix = "use objective=semigroup or consistency, or give its operations a forward rule (jvp)"
        got = f"{type(error).__name__}: {text}"
        raise ValueError(f"net: expected {rule}, got {got}; {fix}") from error
