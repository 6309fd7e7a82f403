"""Time series in memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.data.finite import FiniteData
from interpolants.data.standardize import from_numpy, moments
from interpolants.data.time_series_data import TimeSeriesData, check_times
from interpolants.space.base import Space
from interpolants.utils.checks import check


class FiniteTimeSeries(FiniteData, TimeSeriesData):
    """N series of T frames, split once into training and held-out series.

    Use it directly for tensors; subclasses read or generate their series.

    Args:
        x: shape (N, T, *frame), N >= 2, with at least one axis of frames: their channels. A frame
            with a NaN is missing.
        mask: True at existing observations, bool, shape (N, T); those that are not NaN if None.
        times: T ascending numbers >= 0.
        standardize: whether to scale each channel to mean 0 and standard deviation 1 over the
            training observations of all times for networks.
        held_out_fraction: fraction of series held out, in (0, 1), by a hash of their values.
        split_seed: another seed makes another choice of these series.
        is_held_out: True for held-out series, bool, shape (N,), instead of that choice.

    Raises:
        ValueError: if the shapes do not agree, the times are not ascending numbers >= 0, a series
            has no observation, or an observation is infinite.
    """

    def __init__(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        *,
        times: Sequence[float],
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        is_held_out: Tensor | None = None,
    ) -> None:
        name = type(self).__name__
        x, mask, is_held_out = from_numpy(x), from_numpy(mask), from_numpy(is_held_out)
        check(x.dim() >= 3, f"{name}.x", "shape (series, times, *frame)", tuple(x.shape))
        self.times = check_times(f"{name}.times", times, x.shape[1])
        there = ~x.isnan().flatten(2).any(dim=2)
        if mask is not None:
            rule = f"true and false of shape {tuple(there.shape)}"
            fits = mask.dtype == torch.bool and mask.shape == there.shape
            check(fits, f"{name}.mask", rule, (mask.dtype, tuple(mask.shape)))
            there = there & mask
        empty = int((~there.any(dim=1)).sum())
        check(empty == 0, f"{name}.mask", "an observation in each series", f"{empty} without")
        super().__init__(
            torch.where(there.view(*there.shape, *(1,) * (x.dim() - 2)), x, 0),
            mask=None if there.all() else there,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            is_held_out=is_held_out,
        )
        self._warn_of_constants()

    def _warn_of_constants(self) -> None:
        """Warn of channels without anything to learn."""
        x, mask = self._train.x1, self._train.mask
        frames = (x.flatten(0, 1) if mask is None else x[mask]).flatten(1)
        still = (frames == frames[0]).all(dim=0).nonzero().flatten().tolist()
        if still and x.shape[1] > 1:  # one observation is there to be conditioned on
            warnings.warn(
                f"{type(self).__name__}.x: channels {still[:5]}, counted from 0, are constant over"
                " all training series, so that nothing can be learned of them; leave them out",
                stacklevel=3,
            )

    def chart_moments(self, space: Space, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel over all training observations.

        They are the same at all times.
        """
        y, mask = space.to_chart(rows), self._train.mask
        frames = y.flatten(0, 1) if mask is None else y[mask]
        channels = frames.transpose(0, 1).flatten(1)
        shape = (-1, *(1,) * (frames.dim() - 2))
        shift, scale = (
            part.view(shape).expand(self.event_shape).clone() for part in moments(channels.mT)
        )
        return shift, scale
