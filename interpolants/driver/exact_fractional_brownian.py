"""Exact simulation of fractional Brownian motion on a uniform grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.driver.hurst import Hurst, as_hurst
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.utils.checks import check_count, check_positive


@final
class ExactFractionalBrownian(nn.Module):
    """Paths of type I by circulant embedding (Davies and Harte, Biometrika 1987).

    The autocovariance r(0), ..., r(n) of the increments is extended to the circulant
    r(0) ... r(n - 1), r(n), r(n - 1) ... r(1), whose eigenvalues are its Fourier transform and
    positive. Complex normals, times the roots of the eigenvalues, are transformed back: real and
    imaginary part are two independent paths. Paths are differentiable in the Hurst index.

    Args:
        hurst: the index, or one for each coordinate of the last axis, or a module that learns it.
        normalize: scale the process to Var B(1) = 1; see `Representation`.
        horizon: T, the length of the grid.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self, *, hurst: Hurst | float | Sequence[float], normalize: bool, horizon: float = 1.0
    ) -> None:
        super().__init__()
        check_positive("ExactFractionalBrownian.horizon", horizon)
        self.hurst = as_hurst(hurst)
        self.representation = MandelbrotVanNess(normalize=normalize)
        self.horizon = horizon

    def spectrum(self, num_steps: int) -> Tensor:
        """Eigenvalues of the circulant of increments over unit times, float64.

        They have shape (2 n,) or (D, 2 n).
        """
        check_count("ExactFractionalBrownian.num_steps", num_steps)
        rises = self.representation.noise_autocovariance(num_steps + 1, self.hurst())
        # The circulant is symmetric: its transform is real, and half of it determines it.
        eigenvalues: Tensor = torch.fft.hfft(rises, n=2 * num_steps)
        return eigenvalues

    def increments(
        self,
        shape: tuple[int, ...],
        num_steps: int,
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Increments B((k + 1) T/n) - B(k T/n) for k = 0 .. n - 1, (*shape, n).

        Args:
            shape: (B, *event); Hurst indices of the coordinates, if several, are on the last axis.
            num_steps: n.
            generator: source of the normals, which do not depend on the Hurst index; the result is
                on its device.
            dtype: float32 or float64; the spectrum is float64 in either case.
        """
        self.hurst.check_shape("ExactFractionalBrownian.increments", shape)
        hurst, spectrum = self.hurst(), self.spectrum(num_steps)
        scale = (self.horizon / num_steps) ** hurst.unsqueeze(-1)
        roots = scale * (spectrum.clamp(min=1e-300) / (2 * num_steps)).sqrt()
        device = generator.device
        pairs = (-(-shape[0] // 2), *shape[1:], 2 * num_steps, 2)
        z = torch.randn(pairs, generator=generator, dtype=dtype, device=device)
        drawn = torch.view_as_complex(z * roots.to(device=device, dtype=dtype).unsqueeze(-1))
        complex_increments = torch.fft.fft(drawn)[..., :num_steps]
        return torch.cat([complex_increments.real, complex_increments.imag])[: shape[0]]

    def paths(
        self,
        shape: tuple[int, ...],
        num_steps: int,
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Values B(k T/n) for k = 0 .. n, from B(0) = 0, (*shape, n + 1).

        Arguments are as of `increments`.
        """
        steps = self.increments(shape, num_steps, generator, dtype=dtype)
        return torch.nn.functional.pad(steps.cumsum(dim=-1), (1, 0))
