"""Prior and posterior of the state at t=0."""

from __future__ import annotations

import abc
from typing import NamedTuple

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check, check_count, is_whole


class StartDraw(NamedTuple):
    """Batch of states at t=0.

    Attributes:
        x: X(0), (B, D).
        normals: input of `Driver.start_from`, standard normal under the prior, (B, D, S).
        kl: KL(q || p), (B,); 0 for draws of the prior.
        log_ratio: log q / p of this draw, (B,).
    """

    x: Tensor
    normals: Tensor
    kl: Tensor
    log_ratio: Tensor


class Whitened(NamedTuple):
    """Gaussian posterior of z = (z_x, z_driver) of each coordinate, as mean + root e.

    Attributes:
        mean: broadcastable to (B, D, 1 + S).
        root: lower triangular with a diagonal > 0, broadcastable to (B, D, 1 + S, 1 + S).
    """

    mean: Tensor
    root: Tensor


class Start(nn.Module, abc.ABC):
    """Prior p(X(0)), and posterior of X(0) and the driver's states, in whitened coordinates.

    Built as `start(latent=D, states=S, start_size=E)`. The 1 + S numbers z of each coordinate are
    standard normal under the prior; the posterior is Gaussian in them, with a full covariance for
    each coordinate, and mean and root linear in the encoder's features. It is initialised at the
    prior, or relative to a known posterior.
    """

    def __init__(self, *, latent: int, states: int, start_size: int) -> None:
        super().__init__()
        name = type(self).__name__
        check_count(f"{name}.latent", latent)
        for key, value in (("states", states), ("start_size", start_size)):
            whole = is_whole(value) and value >= 0
            check(whole, f"{name}.{key}", "a whole number >= 0", value)
        self.latent, self.width = latent, 1 + states
        numbers = self.width + self.width * (self.width + 1) // 2
        self.bias = nn.Parameter(torch.zeros(latent, numbers))
        self.weight = nn.Parameter(torch.zeros(latent, numbers, start_size))

    @abc.abstractmethod
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of X(0) under the prior, (D,) each."""

    def prior(self, n: int, generator: torch.Generator) -> StartDraw:
        """Draw from the prior."""
        return self._draw(self._normals(n, generator), self.bias.new_zeros(n))

    def posterior(
        self, features: Tensor, generator: torch.Generator, known: Whitened | None = None
    ) -> StartDraw:
        """Draw from the posterior.

        Args:
            features: features of the encoder, (B, E).
            generator: source of randomness, on the features' device.
            known: posterior to start from, such as a guide's; the prior if None.
        """
        mean, root = self._learned(features)
        if known is not None:
            lead, base = known.mean.to(mean), known.root.to(root)
            mean, root = lead + (base @ mean.unsqueeze(-1)).squeeze(-1), base @ root
        e = self._normals(len(features), generator)
        z = mean + (root @ e.unsqueeze(-1)).squeeze(-1)
        volume = root.diagonal(dim1=-2, dim2=-1).log().expand_as(z).flatten(1).sum(dim=1)
        size = 0.5 * z[0].numel()
        spread = root.square().sum(dim=-1).expand_as(z)
        kl = 0.5 * (mean.square().expand_as(z) + spread).flatten(1).sum(dim=1) - size - volume
        ratio = 0.5 * (z.square() - e.square()).flatten(1).sum(dim=1) - volume
        return self._draw(z, kl)._replace(log_ratio=ratio)

    def _learned(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Learned mean (B, D, 1 + S) and root (B, D, 1 + S, 1 + S)."""
        numbers = self.bias + torch.einsum("be,dne->bdn", features, self.weight)
        mean, diagonal = numbers[..., : self.width], numbers[..., self.width : 2 * self.width]
        row, column = torch.tril_indices(self.width, self.width, -1, device=numbers.device)
        root = torch.diag_embed(diagonal.exp())
        root[..., row, column] = numbers[..., 2 * self.width :]
        return mean, root

    def _normals(self, n: int, generator: torch.Generator) -> Tensor:
        like = self.bias
        shape = (n, self.latent, self.width)
        return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)

    def _draw(self, z: Tensor, kl: Tensor) -> StartDraw:
        mean, std = self.moments()
        x = torch.addcmul(mean, std, z[..., 0])
        return StartDraw(x=x, normals=z[..., 1:], kl=kl, log_ratio=torch.zeros_like(kl))
