"""Inpainting: images with missing tiles, paired with the complete ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.coupling.base import Coupling, Pair
from interpolants.utils.checks import check, check_count, check_open_interval


@final
@dataclass(frozen=True, kw_only=True)
class InpaintingCoupling(Coupling):
    """x0 = m x1 + (1 - m) z: data where the mask m is 1, a base sample elsewhere.

    Albergo et al., arXiv 2310.03725, section 4. The network is conditioned on m, and its velocity
    is zero where m is 1; use a path with alpha + beta = 1, such as one_sided_linear. Each image is
    cut into `tiles` by `tiles`, each of which is hidden with probability `hidden`, at least one in
    every image.

    Args:
        tiles: number of tiles along each side, > 0.
        hidden: probability that a tile is hidden, in (0, 1).
    """

    data_dependent: ClassVar[bool] = True
    tiles: int = 4
    hidden: float = 0.5

    def __post_init__(self) -> None:
        check_count("InpaintingCoupling.tiles", self.tiles)
        check_open_interval("InpaintingCoupling.hidden", self.hidden, 0, 1)

    def paired(
        self, x0: Tensor, x1: Tensor, label: Tensor | None, generator: torch.Generator | None
    ) -> Pair:
        mask = self.mask(x1, generator)
        return Pair(torch.where(mask, x1, x0), mask.to(x1))

    def mask(self, x1: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mask of the known pixels of images (B, C, H, W), bool, (B, 1, H, W)."""
        size, device = (len(x1), self.tiles**2), x1.device
        known = torch.rand(size, generator=generator, device=device) >= self.hidden
        one = torch.randint(self.tiles**2, (len(x1), 1), generator=generator, device=device)
        known = known.scatter(1, one, False).view(-1, 1, self.tiles, self.tiles)
        rows, columns = (
            torch.arange(side, device=device) * self.tiles // side for side in x1.shape[2:]
        )
        return known[:, :, rows][..., columns]

    def image_channels(self, event_shape: Sequence[int]) -> int:
        shape = tuple(event_shape)
        fits = len(shape) == 3 and min(shape[1:]) >= self.tiles
        rule = f"images (C, H, W) with at least {self.tiles} pixels along each side"
        check(fits, "InpaintingCoupling.data", rule, shape)
        return 1
