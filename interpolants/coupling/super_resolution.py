"""Super-resolution: enlarged small images, paired with the originals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from interpolants.coupling.base import Coupling, Pair
from interpolants.utils.checks import check, check_not_negative, is_whole


@final
@dataclass(frozen=True, kw_only=True)
class SuperResolutionCoupling(Coupling):
    """x0 = U(D(x1)) + sigma z, with D the block mean and U nearest-neighbour enlargement.

    Albergo et al., arXiv 2310.03725, section 4. The network is conditioned on U(D(x1)), which the
    noise hides in the state.

    Args:
        factor: side of a block in pixels, at least 2.
        noise: sigma, in the units of the networks, >= 0.
    """

    data_dependent: ClassVar[bool] = True
    factor: int = 4
    noise: float = 0.3

    def __post_init__(self) -> None:
        fits = is_whole(self.factor) and self.factor >= 2
        check(fits, "SuperResolutionCoupling.factor", "a whole number >= 2", self.factor)
        check_not_negative("SuperResolutionCoupling.noise", self.noise)

    def paired(
        self, x0: Tensor, x1: Tensor, label: Tensor | None, generator: torch.Generator | None
    ) -> Pair:
        image = self.enlarged(avg_pool2d(x1, self.factor))
        return Pair(torch.add(image, x0, alpha=self.noise), image)

    def enlarged(self, small: Tensor) -> Tensor:
        """U of small images, (B, C, H / factor, W / factor), in any units: (B, C, H, W)."""
        return interpolate(small, scale_factor=self.factor, mode="nearest")

    def image_channels(self, event_shape: Sequence[int]) -> int:
        shape = tuple(event_shape)
        fits = len(shape) == 3 and all(side % self.factor == 0 for side in shape[1:])
        rule = f"images (C, H, W) whose sides are multiples of factor = {self.factor}"
        check(fits, "SuperResolutionCoupling.data", rule, shape)
        return shape[0]
