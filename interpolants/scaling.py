"""The affine map between the data's own units and those of the networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn


@final
class Scaling(nn.Module):
    """Networks see (x - shift) / scale; samples are handed back as shift + scale * x.

    Both are buffers, so a checkpoint needs no data to undo the scaling.

    Args:
        shift, scale: broadcastable to an event; None means the identity.
    """

    shift: Tensor
    scale: Tensor
    is_identity: bool

    def __init__(self, shift: Tensor | None = None, scale: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(()) if shift is None else shift.float())
        self.register_buffer("scale", torch.ones(()) if scale is None else scale.float())
        self._look(self, None)
        self.register_load_state_dict_post_hook(self._look)  # type: ignore[no-untyped-call]

    @staticmethod
    def _look(module: nn.Module, _: object) -> None:
        """Note whether there is anything to do: data in raw units need not pay for it."""
        assert isinstance(module, Scaling)
        module.is_identity = bool((module.shift == 0).all() and (module.scale == 1).all())

    def to_model(self, x: Tensor) -> Tensor:
        """From the data's units to the networks'."""
        return x if self.is_identity else (x - self.shift.to(x)) / self.scale.to(x)

    def to_data(self, x: Tensor) -> Tensor:
        """From the networks' units to the data's."""
        return x if self.is_identity else torch.addcmul(self.shift.to(x), self.scale.to(x), x)

    def log_volume(self, event_shape: Sequence[int]) -> Tensor:
        """log |d to_data / dx|, 0-d: log densities are lower by it in the data's units."""
        return self.scale.expand(tuple(event_shape)).log().sum()
