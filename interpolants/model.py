"""A trained model: fields, the base they start from, the units of the data, and a sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from interpolants import spec
from interpolants.checkpoint import read_checkpoint
from interpolants.checks import check, check_count
from interpolants.fields import Fields
from interpolants.objective.base import Objective
from interpolants.sampler import Sampler, Samples
from interpolants.scaling import Scaling
from interpolants.seeds import keyed_generator

SamplerFactory = Callable[..., Sampler]
"""Builds a sampler, as `factory(fields=fields)`."""


@final
class Model:
    """Samples in the units of the data.

    Args:
        fields: the learned fields.
        event_shape: shape of one sample.
        scaling: between the units of the data and those of the networks.
        sampler: the sampler to use where `sample` is given none.
        config: the configuration it was trained with, as plain data.
    """

    def __init__(
        self,
        *,
        fields: Fields,
        event_shape: Sequence[int],
        scaling: Scaling | None = None,
        sampler: SamplerFactory = Sampler,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.fields = fields
        self.event_shape = tuple(event_shape)
        self.scaling = Scaling() if scaling is None else scaling
        self.sampler = sampler
        self.config = dict(config or {})

    @property
    def device(self) -> torch.device:
        """Where the network is, and so where sampling happens."""
        return next(self.fields.parameters(), torch.empty(0)).device

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        sampler: SamplerFactory | None = None,
        start: Tensor | None = None,
        times: Sequence[float] = (),
        chunk_size: int = 16_384,
        **options: Any,
    ) -> Samples:
        """Draw samples.

        Args:
            n: how many, > 0.
            seed: fixes starts and noise, for one chunk size.
            sampler: builds the sampler; the model's own if None.
            start: where to start instead of the base, in the data's units, (n, *event): data for
                a backward process, or chosen base samples.
            times: times in [0, 1] whose states to keep as `Samples.path`.
            chunk_size: samples integrated at once; bounds memory.
            options: settings of the sampler to change, such as `num_steps=64`.

        Returns:
            Samples in the data's units; a backward process's in the base's.

        Raises:
            ValueError: if the sampler does not fit the model, or `start` has another shape.
        """
        check_count("Model.sample.n", n)
        check_count("Model.sample.chunk_size", chunk_size)
        draw = (self.sampler if sampler is None else sampler)(fields=self.fields, **options)
        backward = draw.process.backward
        shape = (n, *self.event_shape)
        check(
            not (backward and start is None),
            "Model.sample.start",
            "data to start the backward process from",
            start,
        )
        fits = start is None or tuple(start.shape) == shape
        check(fits, "Model.sample.start", f"shape {shape}", None if fits else start)
        near, far = self.fields.base.scaling, self.scaling
        first, last = (far, near) if backward else (near, far)
        training = self.fields.training
        self.fields.eval()
        parts = []
        for chunk, begin in enumerate(range(0, n, chunk_size)):
            generator = keyed_generator(seed, chunk, device=self.device)
            size = min(chunk_size, n - begin)
            if start is None:
                x = self.fields.base.sample(size, self.event_shape, generator)
            else:
                x = first.to_model(start[begin : begin + size].to(self.device, torch.float32))
            parts.append(draw(x, generator=generator, times=times))
        self.fields.train(training)
        return _join(parts, first, last)


def _join(parts: Sequence[Samples], first: Scaling, last: Scaling) -> Samples:
    """Chunks as one, in the units of the user.

    Along the path the units of the two ends are blended linearly in time.
    """
    path = times = None
    if parts[0].path is not None and parts[0].times is not None:
        times = parts[0].times
        states = torch.cat([part.path for part in parts if part.path is not None], dim=1)
        progress = (times - times[0]) / (times[-1] - times[0]) if len(times) > 1 else times
        weights = progress.to(states).view(-1, *(1,) * (states.dim() - 1))
        path = torch.lerp(first.to_data(states), last.to_data(states), weights)
    return Samples(
        x=last.to_data(torch.cat([part.x for part in parts])),
        nfe=max(part.nfe for part in parts),
        seconds=sum(part.seconds for part in parts),
        path=path,
        times=times,
    )


def build_fields(
    config: Mapping[str, Any], event_shape: Sequence[int], build: Callable[[Any], Any]
) -> tuple[Fields, Objective]:
    """The fields and their objective from a configuration's parts.

    Args:
        config: has `interpolant`, `base`, `coupling`, `objective` and `net`.
        event_shape: shape of one sample.
        build: makes an object from a part; the net's is a factory that still needs its shape.

    Raises:
        ValueError: if the objective is void on the path.
    """
    objective: Objective = build(config["objective"])
    fields = Fields(
        net=build(config["net"])(event_shape=tuple(event_shape), heads=len(objective.predicts)),
        interpolant=build(config["interpolant"]),
        predicts=objective.predicts,
        base=build(config["base"]),
        coupling=build(config["coupling"]),
    )
    objective.check(fields)
    return fields, objective


def load(
    path: str | Path,
    *,
    weights: str = "ema",
    trust: Sequence[str] = (),
    device: torch.device | str = "cpu",
) -> Model:
    """Rebuild a trained model from its checkpoint alone. Loading never runs code from the file.

    Args:
        path: a checkpoint file.
        weights: "ema" for the averaged weights, "raw" for the last ones.
        trust: modules outside this package whose classes the checkpoint may name.
        device: where to put the model.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint of this package, or names something else than its
            classes.
    """
    check(weights in ("ema", "raw"), "load.weights", "'ema' or 'raw'", weights)
    _check_device(device)
    content = read_checkpoint(path)
    config = content["hyper_parameters"]["config"]
    state: dict[str, Tensor] = content["state_dict"]
    event_shape = config["event_shape"]
    fields, _ = build_fields(config, event_shape, lambda node: spec.build(node, trust=trust))
    own = {k.removeprefix("fields."): v for k, v in state.items() if k.startswith("fields.")}
    if weights == "ema":
        averaged = content.get("ema", {}).get("weights", {})
        check(
            bool(averaged),
            "load.weights",
            "a checkpoint with averaged weights",
            str(path),
            "pass weights='raw'",
        )
        own |= averaged
    fields.load_state_dict(own)
    return Model(
        fields=fields.to(device),
        event_shape=event_shape,
        scaling=Scaling(state["scaling.shift"], state["scaling.scale"]).to(device),
        sampler=spec.build(config["sampler"], trust=trust),
        config=config,
    )


def _check_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        check(False, "load.device", "a device of this machine", str(device), reason)
