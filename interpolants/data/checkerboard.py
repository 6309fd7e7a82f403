"""A checkerboard in the plane."""

from __future__ import annotations

from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_positive


@final
class Checkerboard(Distribution):
    """Uniform distribution on the 8 squares of a 4 x 4 board with an even column + row.

    The board is centred on the origin; columns and rows are numbered from its lower left corner.

    Args:
        cell_width: side of one square, > 0; the default spans [-4, 4] x [-4, 4].
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if the width is not positive.
    """

    event_shape = (2,)

    def __init__(self, *, cell_width: float = 2.0, standardize: bool = False) -> None:
        check_positive("Checkerboard.cell_width", cell_width)
        self.cell_width = cell_width
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        corner = torch.rand(n, 2, generator=generator, device=device)
        column = torch.randint(4, (n,), generator=generator, device=device)
        row = 2 * torch.randint(2, (n,), generator=generator, device=device) + column % 2
        cell = torch.stack((column, row), dim=1)
        return Batch(self.cell_width * (cell + corner - 2))
