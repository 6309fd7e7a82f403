"""Scaling between the units of the data and those of the networks."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.space.base import Space
from interpolants.space.euclidean import EuclideanSpace


@final
class Scaling(nn.Module):
    """The map from data with chart coordinates y to the network's input (y - shift) / scale.

    Shift and scale are buffers, so a checkpoint needs no data to undo the scaling. If they are
    float64, as of data that float32 cannot distinguish, results are float64 too.

    Args:
        shift, scale: in the chart, broadcastable to an event; None means the identity.
        space: where the data live, fitted already; Euclidean if None.
    """

    shift: Tensor
    scale: Tensor
    is_identity: bool

    def __init__(
        self,
        shift: Tensor | None = None,
        scale: Tensor | None = None,
        space: Space | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(()) if shift is None else shift)
        self.register_buffer("scale", torch.ones(()) if scale is None else scale)
        self.space = EuclideanSpace() if space is None else space
        self._note_identity(self, None)
        self.register_load_state_dict_post_hook(self._note_identity)  # type: ignore[no-untyped-call]

    @staticmethod
    def _note_identity(module: nn.Module, _: object) -> None:
        """Note whether the scaling is the identity, so that data in raw units skip it."""
        assert isinstance(module, Scaling)
        module.is_identity = bool((module.shift == 0).all() and (module.scale == 1).all())

    def to_model(self, x: Tensor) -> Tensor:
        """Map from the data's units to the networks'."""
        y = self.space.to_chart(self._wide(x))
        return y if self.is_identity else (y - self.shift.to(y)) / self.scale.to(y)

    def to_chart(self, x: Tensor) -> Tensor:
        """Map from the networks' units to the chart: shift + scale x."""
        x = self._wide(x)
        return x if self.is_identity else torch.addcmul(self.shift.to(x), self.scale.to(x), x)

    def to_data(self, x: Tensor) -> Tensor:
        """Map from the networks' units to the data's, inside their space."""
        return self.space.from_chart(self.to_chart(x))

    def log_volume(self, x: Tensor) -> Tensor:
        """log |det d to_data / dx| at x, (B, *event), in the networks' units: (B,).

        Log densities in the data's units are lower by this.
        """
        y = self.to_chart(x)
        return self.space.log_slope(y) + self.scale.to(y).expand(x.shape[1:]).log().sum()

    def _wide(self, x: Tensor) -> Tensor:
        """Values in the precision of x, or of the scaling if that is higher."""
        return x.to(torch.promote_types(x.dtype, self.shift.dtype))
