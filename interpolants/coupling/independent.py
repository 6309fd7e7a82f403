"""Independent x0 and x1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.coupling.base import Coupling, Pair


@final
@dataclass(frozen=True, kw_only=True)
class IndependentCoupling(Coupling):
    """Product distribution: pairs as they were drawn."""

    independent: ClassVar[bool] = True

    def paired(
        self, x0: Tensor, x1: Tensor, label: Tensor | None, generator: torch.Generator | None
    ) -> Pair:
        return Pair(x0)
