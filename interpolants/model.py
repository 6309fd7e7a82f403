"""A trained model: fields, the base they start from, the units of the data, and a sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from interpolants import spec
from interpolants.checkpoint import read_checkpoint
from interpolants.checks import check, check_count, check_seed
from interpolants.fields import Fields
from interpolants.objective.base import Objective
from interpolants.sampler import Sampler, Samples
from interpolants.scaling import Scaling
from interpolants.seeds import keyed_generator
from interpolants.shapes import expand_time

# Keeps starts and noise of sampling apart from what training and data draw.
_SAMPLE = 31

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
        times: Sequence[float] | Tensor = (),
        chunk_size: int = 16_384,
        **options: Any,
    ) -> Samples:
        """Draw samples.

        Args:
            n: how many, > 0.
            seed: fixes starts, and noise: for one chunk size, or for any with per-sample noise.
            sampler: builds the sampler; the model's own if None.
            start: where to start instead of the base, (n, *event): data for a backward process,
                or chosen base samples, each in its own units.
            times: increasing times in [0, 1] whose states to keep as `Samples.path`, last first
                for a backward process; their units go linearly from the base's to the data's.
            chunk_size: samples integrated at once; bounds memory.
            options: settings of the sampler to change, such as `num_steps=64`.

        Returns:
            Samples in the data's units; a backward process's in the base's.

        Raises:
            ValueError: if the sampler does not fit the model, or `start` has another shape.
        """
        check_count("Model.sample.n", n)
        check_seed("Model.sample.seed", seed)
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
        got = tuple(start.shape) if isinstance(start, Tensor) else type(start).__name__
        check(start is None or got == shape, "Model.sample.start", f"shape {shape}", got)
        generator = keyed_generator(_SAMPLE, seed, device=self.device)
        if start is None:
            x = self.fields.base.sample(n, self.event_shape, generator)
        else:
            units = self.scaling if backward else self.fields.base.scaling
            x = units.to_model(start.to(self.device, torch.float32))
        noise, parts = draw.noise(generator), []
        with _evaluating(self.fields):
            for first in range(0, n, chunk_size):
                last = min(first + chunk_size, n)
                own = noise.rows(first, last)
                parts.append(draw(x[first:last], noise=own, times=times))
        return self._join(parts, backward)

    def _join(self, parts: Sequence[Samples], backward: bool) -> Samples:
        """Chunks as one, in the units of the user."""
        base, data = self.fields.base.scaling, self.scaling
        times, path = parts[0].times, None
        if times is not None:
            states = torch.cat([part.path for part in parts if part.path is not None], dim=1)
            weights = expand_time(times.to(states), states)
            path = torch.lerp(base.to_data(states), data.to_data(states), weights)
        return Samples(
            x=(base if backward else data).to_data(torch.cat([part.x for part in parts])),
            nfe=max(part.nfe for part in parts),
            seconds=sum(part.seconds for part in parts),
            path=path,
            times=times,
        )


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and back in its own however the context ends."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


def build_fields(
    build: Callable[[str], Any], event_shape: Sequence[int]
) -> tuple[Fields, Objective]:
    """The fields and their objective from a configuration's parts.

    Args:
        build: makes the object of a name: `interpolant`, `base`, `coupling`, `objective`, and
            `net`, a factory that still needs its shape.
        event_shape: shape of one sample.

    Raises:
        ValueError: if the objective is void on the path, or the net takes other arguments.
    """
    objective: Objective = build("objective")
    make_net = build("net")
    try:
        net = make_net(event_shape=tuple(event_shape), heads=len(objective.predicts))
    except TypeError as error:
        raise ValueError(f"net: {error}") from error
    fields = Fields(
        net=net,
        interpolant=build("interpolant"),
        predicts=objective.predicts,
        base=build("base"),
        coupling=build("coupling"),
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
        ValueError: if it is not a checkpoint of this package, names something else than its
            classes, or holds weights of another network than it describes.
    """
    check(weights in ("ema", "raw"), "load.weights", "'ema' or 'raw'", weights)
    _check_device(device)
    content = read_checkpoint(path)
    config = content["hyper_parameters"]["config"]
    state: dict[str, Tensor] = dict(content["state_dict"])
    if weights == "ema":
        averaged = content.get("ema", {}).get("weights", {})
        check(
            bool(averaged),
            "load.weights",
            "a checkpoint with averaged weights",
            str(path),
            "pass weights='raw'",
        )
        state |= {f"fields.{name}": weight for name, weight in averaged.items()}
    event_shape = config["event_shape"]

    def build(key: str) -> Any:
        return spec.build(config[key], where=key, trust=trust)

    fields, _ = build_fields(build, event_shape)
    scaling = _restore(fields, state, path)
    return Model(
        fields=fields.to(device),
        event_shape=event_shape,
        scaling=scaling.to(device),
        sampler=build("sampler"),
        config=config,
    )


def _restore(fields: Fields, state: Mapping[str, Tensor], path: str | Path) -> Scaling:
    """Put the weights of a trained module into its fields; returns its scaling."""
    own = {k.removeprefix("fields."): v for k, v in state.items() if k.startswith("fields.")}
    try:
        fields.load_state_dict(own)
        return Scaling(state["scaling.shift"], state["scaling.scale"])
    except (RuntimeError, KeyError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        rule = "expected the weights of the network in its config, got others"
        raise ValueError(f"{path}: {rule}; {reason}") from error


def _check_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        check(False, "load.device", "a device of this machine", str(device), reason)
