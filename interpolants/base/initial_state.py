"""Initial states fitted to data, for paths that start only near x0."""

from __future__ import annotations

import abc
import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from interpolants.base.base import Base
from interpolants.space.scaling import Scaling
from interpolants.utils.buffers import take_loaded_shapes
from interpolants.utils.checks import check
from interpolants.utils.shapes import sum_event


class InitialStateBase(nn.Module, Base):
    """x0 ~ N(0, Id) in training, and initial states fitted to the path at t=0 in sampling.

    A one-sided path that starts only near x0, such as geometric Brownian motion or a variance
    exploding one, starts at r x1 + x0 in units of x0, with r = beta(0) / alpha(0). Subclasses
    model x1 by a mixture of normals with independent coordinates,

        x1 ~ sum_k w_k N(m_k, diag v_k),    so    start ~ sum_k w_k N(r m_k, Id + r^2 diag v_k).

    On a path that starts at x0 exactly, r is 0 and `start` is standard normal.

    Attributes:
        weight: w_k, shape (K,); empty before `fit`, as are the others; float32 buffers.
        mean: r m_k, shape (K, *event).
        std: sqrt(1 + r^2 v_k), shape (K, *event).
    """

    standard_normal: ClassVar[bool] = True
    # An attribute of the class: as a submodule it would be in every checkpoint.
    scaling: Scaling = Scaling()
    weight: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("weight", "mean", "std"):
            self.register_buffer(name, torch.empty(0))
        take_loaded_shapes(self)

    @abc.abstractmethod
    def components(self, x1: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (K,), means and variances (K, *event) of the mixture that models x1.

        Args:
            x1: training data in float64, (N, *event).
            label: their classes, (N,), or None.
        """

    def fit(self, x1: Tensor, label: Tensor | None, signal: float) -> None:
        weight, mean, variance = self.components(x1.double(), label)
        self.weight = weight.float()
        self.mean = (signal * mean).float()
        self.std = (1 + signal**2 * variance).sqrt().float()

    def sample(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randn(n, *event_shape, generator=generator, device=generator.device)

    def start(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """`n` draws of the fitted distribution, shaped as by `sample`.

        Raises:
            ValueError: before `fit`, or if it was to data of another shape.
        """
        self._check_fitted("start")
        name, fitted = type(self).__name__, tuple(self.mean.shape[1:])
        rule = f"samples of the shape {fitted} it was fitted to"
        check(fitted == tuple(event_shape), f"{name}.start", rule, tuple(event_shape))
        weight, mean, std = (b.to(generator.device) for b in (self.weight, self.mean, self.std))
        k = torch.multinomial(weight, n, replacement=True, generator=generator)
        return torch.addcmul(mean[k], std[k], self.sample(n, event_shape, generator))

    def log_prob(self, x0: Tensor) -> Tensor:
        self._check_fitted("log_prob")
        constant = 0.5 * math.log(2 * math.pi)
        # Component by component: (B, K, *event) would not fit in memory for images.
        parts = [
            log_weight - sum_event(0.5 * ((x0 - mean) / std).square() + std.log() + constant)
            for log_weight, mean, std in zip(
                self.weight.to(x0).log(), self.mean.to(x0), self.std.to(x0), strict=True
            )
        ]
        return torch.stack(parts).logsumexp(dim=0)

    def _check_fitted(self, method: str) -> None:
        name, fix = type(self).__name__, "call Fields.fit_base with training data first"
        fitted = self.mean.numel() > 0
        check(fitted, f"{name}.{method}", "a base that was fitted to data", "one before fit", fix)
