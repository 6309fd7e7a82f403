"""The exact divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence, FieldOf, quadratic_forms
from interpolants.utils.checks import check_count


@final
@dataclass(frozen=True, kw_only=True)
class ExactDivergence(Divergence):
    """Trace of the Jacobian, by one vector-Jacobian product for each element.

    Args:
        chunk_size: products per batch, > 0; each needs about the memory of one evaluation.
    """

    chunk_size: int = 64

    def __post_init__(self) -> None:
        check_count("ExactDivergence.chunk_size", self.chunk_size)

    @property
    def columns(self) -> int:
        return 1

    def __call__(self, f: FieldOf, x: Tensor, probes: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        units = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        values, diagonal = quadratic_forms(f, x, units, self.chunk_size)
        return values, diagonal.sum(dim=0).unsqueeze(1)
