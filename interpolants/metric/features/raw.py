"""Raw coordinates as features."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.metric.features.base import Features
from interpolants.utils.shapes import flatten_event


@final
class RawFeatures(Features):
    """Coordinates of the samples, in the data's units."""

    def fit(self, data: Data) -> None:
        return

    @property
    def name(self) -> str:
        return "raw coordinates"

    def map(self, x: Tensor) -> Tensor:
        return flatten_event(x).to(torch.promote_types(x.dtype, torch.float32))
