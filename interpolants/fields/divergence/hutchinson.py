"""Hutchinson's estimate of the divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence, FieldOf, quadratic_forms
from interpolants.utils.checks import check_count


@final
@dataclass(frozen=True, kw_only=True)
class HutchinsonDivergence(Divergence):
    """Unbiased estimates v^T (df/dx) v for K probes v of random signs.

    Signs have the least variance of all probes with independent elements, and none if the Jacobian
    is diagonal (M. F. Hutchinson, Commun. Stat. Simul. Comput. 18, 1989). Probes are drawn once
    for a solve and stay fixed along it, so that the integrand is smooth.

    Args:
        num_probes: K, > 0; from 2 on, estimates come with a standard error.
    """

    random: ClassVar[bool] = True
    num_probes: int = 8

    def __post_init__(self) -> None:
        check_count("HutchinsonDivergence.num_probes", self.num_probes)

    @property
    def columns(self) -> int:
        return self.num_probes

    def draw(self, n: int, dim: int, generator: torch.Generator | None, like: Tensor) -> Tensor:
        signs = torch.empty(n, self.num_probes, dim, dtype=torch.int8, device=like.device)
        return 2 * signs.random_(0, 2, generator=generator) - 1

    def __call__(self, f: FieldOf, x: Tensor, probes: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        values, forms = quadratic_forms(f, x, probes.to(x.dtype).transpose(0, 1), self.num_probes)
        return values, forms.T
