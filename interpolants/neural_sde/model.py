"""Trained neural SDEs in the units of the data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from interpolants.model.trained import TrainedModel
from interpolants.neural_sde.hurst_index import hurst_of, hurst_text
from interpolants.neural_sde.neural_sde import NeuralSDE
from interpolants.sampler.samples import Samples
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check, check_count, check_seed, is_whole
from interpolants.utils.eval_mode import eval_mode
from interpolants.utils.seeds import keyed_generator

# Keep these draws independent of those of training and data, and of each other.
_SAMPLE, _PREDICT, _POSTERIOR, _ELBO, _LOG_LIKELIHOOD = 33, 34, 35, 36, 37

_MOST_PATHS, _MOST_NUMBERS = 4096, 2**22

Draw = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Function of values in the networks' units, their mask, and a generator."""


@final
class TimeSeriesModel(TrainedModel):
    """Trained neural SDE in the units of the data, the counterpart of `Model`.

    Series have shape (n, T, *frame), with a mask, bool (n, T), of existing observations; None if
    all exist. Values at missing ones are ignored. A seed fixes all draws, for one chunk size.

    Args:
        model: the neural SDE.
        event_shape: (T, *frame).
        scaling: scaling between the units of the data and those of the networks.
        config: the configuration of training, as plain data.
        chunk_size: paths per solve, which bounds memory; None for at most 4096, and fewer for
            large series.
    """

    precisions = ()

    def __init__(
        self,
        *,
        model: NeuralSDE,
        event_shape: Sequence[int],
        scaling: Scaling | None = None,
        config: Mapping[str, Any] | None = None,
        chunk_size: int | None = None,
    ) -> None:
        self.model = model
        self.event_shape = tuple(event_shape)
        self.scaling = Scaling() if scaling is None else scaling
        self.config = dict(config or {})
        most = max(1, min(_MOST_PATHS, _MOST_NUMBERS // math.prod(self.event_shape)))
        self.chunk_size = most if chunk_size is None else chunk_size
        check_count("TimeSeriesModel.chunk_size", self.chunk_size)

    def __repr__(self) -> str:
        count, steps = sum(p.numel() for p in self.model.parameters()), len(self.model.nodes) - 1
        driver, frame = type(self.model.driver).__name__, self.event_shape[1:]
        return (
            f"TimeSeriesModel of {len(self.times)} frames {frame} on {self.device}\n"
            f"  driver: {driver}, Hurst index {hurst_text(self.hurst)}\n"
            f"  solver: {self.model.solver!r}, {steps} steps; {count:,} weights"
        )

    @property
    def trained(self) -> NeuralSDE:
        return self.model

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the observations, (T,)."""
        return self.model.times

    @property
    def nodes(self) -> Tensor:
        """Times of the solver's grid, from 0 through all observations, float64, (N + 1,)."""
        return self.model.nodes

    @property
    def hurst(self) -> Tensor | None:
        """Hurst index of the noise, float64, () or one for each latent coordinate.

        None if the noise has no Hurst index.
        """
        return hurst_of(self.model)

    @property
    def nfe(self) -> int:
        """Number of evaluations of the drift along a path."""
        return (len(self.model.nodes) - 1) * self.model.solver.stages

    @property
    def has_prior(self) -> bool:
        """True if series can be drawn without data, as the frames share no content."""
        encoder = self.model.encoder
        return encoder is None or encoder.content_size == 0

    def sample(self, n: int, *, seed: int = 0) -> Samples:
        """Draw series from the prior, with observation noise, (n, T, *frame).

        Raises:
            ValueError: if series cannot be drawn without data.
        """
        check_count("TimeSeriesModel.sample.n", n)
        generator = self._generator(_SAMPLE, seed)
        sizes = [min(self.chunk_size, n - k) for k in range(0, n, self.chunk_size)]
        began = time.perf_counter()
        with torch.no_grad(), eval_mode(self.model):
            parts = [self.model.prior(size, generator) for size in sizes]
            x = self.scaling.to_data(torch.cat(parts))
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        return Samples(x=x, nfe=self.nfe, seconds=time.perf_counter() - began)

    def posterior(
        self, x: Tensor, mask: Tensor | None = None, *, seed: int = 0, fine: bool = False
    ) -> Tensor:
        """Means of observations along one posterior path of each series, (n, T, *frame).

        If `fine`, they are at all times of the solver's grid, `nodes`, (n, N + 1, *frame); the
        frames must have the same units at all times.
        """
        generator = self._generator(_POSTERIOR, seed)
        found = self._each(partial(self.model.posterior, fine=fine), x, mask, generator)
        if not fine:
            return self.scaling.to_data(found)
        frames = found.flatten(0, 1).unsqueeze(1).expand(-1, len(self.times), *found.shape[2:])
        return self.scaling.to_data(frames)[:, 0].view(found.shape)

    def predict(
        self, x: Tensor, mask: Tensor | None = None, *, context_length: int, seed: int = 0
    ) -> Tensor:
        """Predict each series from its first `context_length` observations, (n, T, *frame).

        The result is as of `posterior`, and continues with the prior after these observations.
        Later values are ignored.

        Raises:
            ValueError: if `context_length` is not a whole number in [1, T].
        """
        generator = self._generator(_PREDICT, seed)
        known = full_mask(x) if mask is None else mask
        mask = known & (torch.arange(known.shape[1], device=known.device) < context_length)

        def draw(values: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
            return self.model.predict(values, mask, generator, context_length=context_length)

        return self.scaling.to_data(self._each(draw, x, mask, generator))

    def elbo(self, x: Tensor, mask: Tensor | None = None, *, seed: int = 0) -> Tensor:
        """Evidence lower bound of the log density of each series, by one posterior path, (n,)."""
        generator = self._generator(_ELBO, seed)

        def draw(values: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
            return self.model.elbo(values, mask, generator).total

        return self._each(draw, x, mask, generator) - self._log_volume(x, mask)

    def log_likelihood(
        self, x: Tensor, mask: Tensor | None = None, *, samples: int = 64, seed: int = 0
    ) -> Tensor:
        """Importance-weighted bound of the log density of each series' observations, (n,).

        Args:
            x, mask: the series.
            samples: posterior paths of each series; the bound is exact in the limit of many.
            seed: seed of the paths.
        """
        check_count("TimeSeriesModel.log_likelihood.samples", samples)
        generator = self._generator(_LOG_LIKELIHOOD, seed)

        def draw(values: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
            return self.model.log_likelihood(values, mask, generator, samples)

        return self._each(draw, x, mask, generator, samples) - self._log_volume(x, mask)

    def _generator(self, key: int, seed: int) -> torch.Generator:
        check_seed("TimeSeriesModel.seed", seed)
        return keyed_generator(key, seed, device=self.device)

    def _each(
        self,
        draw: Draw,
        x: Tensor,
        mask: Tensor | None,
        generator: torch.Generator,
        paths: int = 1,
    ) -> Tensor:
        """Apply `draw` to all series, in chunks of paths."""
        with torch.no_grad(), eval_mode(self.model):
            chunks = self._chunks(x, mask, max(1, self.chunk_size // paths))
            return torch.cat([draw(values, known, generator) for values, known in chunks])

    def _chunks(
        self, x: Tensor, mask: Tensor | None, size: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        x, mask = self._checked(x, mask)
        for k in range(0, len(x), size):
            known = mask[k : k + size]
            yield to_networks(self.scaling, x[k : k + size], known), known

    def _checked(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        fits = len(x) > 0 and tuple(x.shape[1:]) == self.event_shape
        check(fits, "TimeSeriesModel.x", f"shape (n, *{self.event_shape})", tuple(x.shape))
        x = x.to(self.device, self.scaling.shift.dtype)
        mask = full_mask(x) if mask is None else mask.to(self.device)
        fits = mask.dtype == torch.bool and mask.shape == x.shape[:2]
        rule = f"true and false of shape {tuple(x.shape[:2])}"
        check(fits, "TimeSeriesModel.mask", rule, (mask.dtype, tuple(mask.shape)))
        self.scaling.space.check(filled(self.scaling, x, mask))
        return x, mask

    def _log_volume(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """log |det d to_data / dx| over the observations of each series, (n,)."""
        x, mask = self._checked(x, mask)
        y = self.scaling.to_chart(to_networks(self.scaling, x, mask))
        # A space acts on each number separately.
        slopes = self.scaling.space.log_slope(y.reshape(-1, 1)).view(x.shape)
        logs = slopes + self.scaling.scale.to(x).log()
        return (logs * over_frames(mask, x)).flatten(1).sum(dim=1)


def over_frames(mask: Tensor, x: Tensor) -> Tensor:
    """View a mask (n, T) so that it multiplies series (n, T, *frame)."""
    return mask.view(*mask.shape, *(1,) * (x.dim() - 2))


def filled(scaling: Scaling, x: Tensor, mask: Tensor) -> Tensor:
    """Fill missing observations with a value inside the space, in the data's units."""
    return torch.where(over_frames(mask, x), x, scaling.to_data(torch.zeros_like(x)))


def to_networks(scaling: Scaling, x: Tensor, mask: Tensor | None) -> Tensor:
    """Convert series to the networks' units and float32, with 0 at missing observations."""
    dtype = torch.get_default_dtype()
    if mask is None:
        return scaling.to_model(x).to(dtype)
    values = scaling.to_model(filled(scaling, x, mask)).to(dtype)
    return torch.where(over_frames(mask, x), values, torch.zeros_like(values))


def full_mask(x: Tensor) -> Tensor:
    """Mask of all observations of series (n, T, *frame), (n, T)."""
    return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)


def checked_context_length(context_length: int | None, count: int) -> int:
    """Check the number of observations that predictions are conditioned on; half if None.

    Raises:
        ValueError: if it is not a whole number in [1, T]; with T there is nothing to predict.
    """
    chosen = max(1, count // 2) if context_length is None else context_length
    within = is_whole(chosen) and 1 <= chosen <= count
    check(within, "context_length", f"a whole number in [1, {count}]", chosen)
    return chosen


def build_neural_sde(
    make: Callable[..., NeuralSDE], event_shape: Sequence[int], times: Sequence[float]
) -> NeuralSDE:
    """Build the neural SDE of a factory for data of this shape and these times.

    Raises:
        ValueError: if its parts do not fit, with the key `neural_sde`.
    """
    try:
        return make(event_shape=tuple(event_shape), times=tuple(times))
    except (TypeError, ValueError) as error:
        raise ValueError(f"neural_sde: {error}") from error
