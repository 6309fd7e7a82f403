"""Direct observations of the state, with noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from interpolants.neural_sde.decoder.base import Decoder
from interpolants.utils.checks import check, check_positive


@final
class IdentityDecoder(Decoder):
    """Observations o = X + std noise.

    Args:
        frame_shape: shape of one observation.
        latent: D, the number of elements of an observation.
        content_size: 0, since the decoder takes no content.
        std: standard deviation of the noise, > 0; its initial value if learned.
        learnable: whether it is learned.

    Raises:
        ValueError: if an argument is out of range, or the sizes do not fit.
    """

    linear: ClassVar[bool] = True

    def __init__(
        self,
        *,
        frame_shape: Sequence[int],
        latent: int,
        content_size: int = 0,
        std: float = 0.1,
        learnable: bool = False,
    ) -> None:
        super().__init__()
        name, numbers = "IdentityDecoder", math.prod(frame_shape)
        check_positive(f"{name}.std", std)
        check(latent == numbers, f"{name}.latent", f"{numbers}, as in an observation", latent)
        check(content_size == 0, f"{name}.content_size", "0", content_size, "use another encoder")
        self.frame_shape = tuple(frame_shape)
        log = torch.tensor(math.log(std))
        self.log_std: Tensor
        if learnable:
            self.log_std = nn.Parameter(log)
        else:
            self.register_buffer("log_std", log)

    def forward(self, x: Tensor, content: Tensor | None) -> Tensor:
        return x.view(len(x), *self.frame_shape)

    def std(self) -> Tensor:
        return self.log_std.exp()
