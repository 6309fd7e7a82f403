"""The Hurst index, fixed or learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check, is_number


@final
class Hurst(nn.Module):
    """Hurst index in (0, 1), one for all coordinates or one for each; called without arguments.

    Args:
        value: the index, or its initial value if learned; several for one per coordinate.
        learnable: whether H is the sigmoid of a parameter.

    Attributes:
        learnable: whether H is learned.

    Raises:
        ValueError: if a value is not in (0, 1).
    """

    def __init__(self, *, value: float | Sequence[float], learnable: bool = False) -> None:
        super().__init__()
        self.learnable = learnable
        values = [value] if isinstance(value, (int, float)) else list(value)
        within = bool(values) and all(is_number(v) and 0 < v < 1 for v in values)
        check(within, "Hurst.value", "numbers in (0, 1)", value)
        one = isinstance(value, (int, float))
        fixed = torch.tensor(values[0] if one else values, dtype=torch.float64)
        # A fixed index is not a buffer, so that it stays float64 when the module is cast.
        self._fixed = None if learnable else fixed
        self.logit = (
            nn.Parameter(fixed.logit().to(torch.get_default_dtype())) if learnable else None
        )

    def forward(self) -> Tensor:
        """Return H in float64, () or (D,); on the host if it is fixed."""
        if self._fixed is not None:
            return self._fixed
        assert self.logit is not None
        return self.logit.double().sigmoid()

    def check_shape(self, where: str, shape: tuple[int, ...]) -> None:
        """Require one coordinate of the last axis of (B, *event) for each index, if several."""
        value = self()
        fits = value.dim() == 0 or (len(shape) > 1 and shape[-1] == len(value))
        check(fits, where, f"(B, ..., {value.numel()}), one coordinate for each index", shape)


def as_hurst(hurst: Hurst | float | Sequence[float]) -> Hurst:
    """Convert plain numbers to a fixed index."""
    return hurst if isinstance(hurst, Hurst) else Hurst(value=hurst)
