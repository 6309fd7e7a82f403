"""Requests for samples: all settings that decide them besides the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from interpolants.data.labels import Label
from interpolants.fields.guidance.base import Guidance
from interpolants.sampler.sampler import Sampler
from interpolants.utils.checks import check, check_count, check_seed, is_whole
from interpolants.utils.describe import describe

SamplerFactory = Callable[..., Sampler]
"""Factory of samplers, called as `factory(fields=fields)`."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SampleRequest:
    """Request for samples of a model.

    Args:
        n: number of samples, > 0.
        seed: names an endless stream of samples.
        first: number of the first sample in the stream, >= 0.
        label: labels that samples are conditioned on, by names or numbers (`Label`): one for all
            or one for each, (n,) or (n, C); None for labels with their frequencies in training.
        guidance: guidance of the fields; the model's if None.
        sampler: builds the sampler; the model's if None.
        num_steps: steps of the sampler; its default if None.
        start: initial states, (n, *event), instead of draws from the base.
        image: images that samples are conditioned on, (n, K, *spatial).
        chunk_size: samples integrated together, which bounds memory; chosen by their size and the
            device if None.
        context_length: observations that forecasts of a time series are conditioned on; half of
            them if None.

    Raises:
        ValueError: if a number is out of range, or the sampler is no factory.
    """

    n: int
    seed: int = 0
    first: int = 0
    label: Label | None = None
    guidance: Guidance | None = None
    sampler: SamplerFactory | None = None
    num_steps: int | None = None
    start: Tensor | None = None
    image: Tensor | None = None
    chunk_size: int | None = None
    context_length: int | None = None

    def __post_init__(self) -> None:
        check_count("n", self.n)
        check_seed("seed", self.seed)
        good = is_whole(self.first) and self.first >= 0
        check(good, "first", "a whole number >= 0", self.first)
        for name in ("num_steps", "chunk_size"):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value)
        rule, fix = "a factory of samplers", "pass partial(Sampler, process=ForwardSDE), for one"
        check(self.sampler is None or callable(self.sampler), "sampler", rule, self.sampler, fix)
        for name in ("start", "image"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, torch.from_numpy(value))
        if isinstance(self.label, np.ndarray):  # in a form that a record has
            object.__setattr__(self, "label", self.label.tolist())
        for name in ("n", "seed", "first", "num_steps", "chunk_size", "context_length"):
            value = getattr(self, name)
            if is_whole(value):  # numpy's numbers are no JSON
                object.__setattr__(self, name, int(value))

    def factory(self, default: SamplerFactory) -> SamplerFactory:
        """Factory of the sampler, with `num_steps` applied."""
        make = default if self.sampler is None else self.sampler
        return make if self.num_steps is None else partial(make, num_steps=self.num_steps)

    def rows(self, low: int, high: int) -> SampleRequest:
        """Request for samples `low` to `high` of these; labels must be one for each sample."""
        parts: dict[str, Any] = {
            name: None if (part := getattr(self, name)) is None else part[low:high]
            for name in ("label", "start", "image")
        }
        return replace(self, n=high - low, first=self.first + low, **parts)

    def record(self) -> dict[str, Any]:
        """Convert the request to plain data for a JSON file, with tensors as digests."""
        return {name: describe(getattr(self, name)) for name in self.__dataclass_fields__}
