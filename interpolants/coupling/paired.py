"""Pairs from the data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.coupling.base import Coupling, Pair


@final
@dataclass(frozen=True, kw_only=True)
class PairedCoupling(Coupling):
    """Pairs (x0, x1) as they come from a data set with x0."""

    needs_pairs: ClassVar[bool] = True

    def paired(
        self, x0: Tensor, x1: Tensor, label: Tensor | None, generator: torch.Generator | None
    ) -> Pair:
        return Pair(x0)
