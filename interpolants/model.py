"""A trained model: fields, the base they start from, the units of the data, and a sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from interpolants import spec
from interpolants.building import build_fields, restore
from interpolants.checkpoint import read_checkpoint
from interpolants.checks import check, check_count, check_seed
from interpolants.divergence.base import Divergence
from interpolants.evaluating import evaluating
from interpolants.fields import Fields
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.likelihood.flow import FlowLikelihood, with_density
from interpolants.sampler import Sampler, Samples
from interpolants.scaling import Scaling
from interpolants.seeds import keyed_generator
from interpolants.series_model import SeriesModel, build_neural_sde
from interpolants.shapes import expand_time

# Keeps starts and noise of sampling apart from what training and data draw.
_SAMPLE, _LOG_PROB = 31, 32

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

    def make_sampler(self, sampler: SamplerFactory | None = None, **options: Any) -> Sampler:
        """The sampler that `sample` uses: the model's own if None, with settings changed.

        Raises:
            ValueError: if it does not fit the model.
        """
        made = (self.sampler if sampler is None else sampler)(fields=self.fields, **options)
        space, name = self.scaling.space, type(made.process).__name__
        check(
            space.multiplicative or not made.process.escapes,
            "Model.sampler",
            f"a space whose chart is the logarithm for {name}",
            type(space).__name__,
            "use space=log, or another sampler",
        )
        return made

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        sampler: SamplerFactory | None = None,
        start: Tensor | None = None,
        times: Sequence[float] | Tensor = (),
        chunk_size: int = 16_384,
        log_prob: bool | Divergence = False,
        **options: Any,
    ) -> Samples:
        """Draw samples.

        Args:
            n: how many, > 0.
            seed: fixes starts, which are drawn at once, and noise: that for one chunk size only
                where samples share a generator, for any with `PerSampleNoise`.
            sampler: builds the sampler; the model's own if None.
            start: where to start instead of the base, (n, *event): data for a backward process,
                or chosen base samples, each in its own units.
            times: increasing times in [0, 1] whose states to keep as `Samples.path`, last first
                for a backward process; their units go linearly from the base's to the data's, in
                the chart of the data's space, so that all of them lie in that space.
            chunk_size: samples integrated at once; bounds memory.
            log_prob: whether to compute log densities along the flow, or how their divergence is
                evaluated; exactly if true. See `FlowLikelihood.sample`.
            options: settings of the sampler to change, such as `num_steps=64`.

        Returns:
            Samples in the data's units; a backward process's in the base's.

        Raises:
            ValueError: if the sampler does not fit the model, `start` has another shape or lies
                outside its space, or the source of noise cannot be split into chunks.
        """
        check_count("Model.sample.n", n)
        check_seed("Model.sample.seed", seed)
        check_count("Model.sample.chunk_size", chunk_size)
        draw = self.make_sampler(sampler, **options)
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
            x = self.fields.base.start(n, self.event_shape, generator)
        else:
            x = self._given(start, self.scaling if backward else self.fields.base.scaling)
        noise, run = draw.noise(generator), with_density(draw, log_prob, generator)
        chunks = [slice(k, min(k + chunk_size, n)) for k in range(0, n, chunk_size)]
        # All before the first solve: a source may refuse chunks.
        sources = [noise.rows(chunk.start, chunk.stop) for chunk in chunks]
        with evaluating(self.fields):
            pairs = zip(chunks, sources, strict=True)
            parts = [run(x[chunk], noise=own, times=times) for chunk, own in pairs]
        return self._join(parts, backward)

    def _given(self, start: Tensor, units: Scaling) -> Tensor:
        """The user's start in the units of the networks."""
        # In the precision used: a value near a bound of the space may round onto it.
        start = start.to(self.device, torch.float32)
        units.space.check(start)
        return units.to_model(start)

    def _join(self, parts: Sequence[Samples], backward: bool) -> Samples:
        """Chunks as one, in the units of the user."""
        base, data = self.fields.base.scaling, self.scaling
        x, times, path = torch.cat([part.x for part in parts]), parts[0].times, None
        density = _joined(part.log_prob for part in parts)
        outside = [part.outside for part in parts if part.outside is not None]
        if times is not None:
            states = torch.cat([part.path for part in parts if part.path is not None], dim=1)
            weights = expand_time(times.to(states), states)
            chart = torch.lerp(base.to_chart(states), data.to_chart(states), weights)
            path = data.space.from_chart(chart)
        return Samples(
            x=(base if backward else data).to_data(x),
            nfe=max(part.nfe for part in parts),
            seconds=sum(part.seconds for part in parts),
            path=path,
            times=times,
            log_prob=None if density is None else density - data.log_volume(x),
            log_prob_error=_joined(part.log_prob_error for part in parts),
            outside=sum(outside) if outside else None,
        )

    def log_prob(
        self,
        x: Tensor,
        *,
        seed: int = 0,
        likelihood: LikelihoodFactory = FlowLikelihood,
        sampler: SamplerFactory | None = None,
        chunk_size: int = 16_384,
        gradients: bool = False,
        **options: Any,
    ) -> LogProb:
        """Log densities of the law that a sampler draws from, in the data's units.

        Args:
            x: data, (n, *event).
            seed: fixes probes and noise.
            likelihood: builds the estimate.
            sampler, options: as in `sample`; the estimate uses the sampler's solver and grid.
            chunk_size, gradients: as in `Likelihood.log_prob`.

        Raises:
            ValueError: if the sampler does not suit the likelihood, the base has no known
                density, or `x` has another shape or lies outside the data's space.
        """
        check_seed("Model.log_prob.seed", seed)
        rule, got = f"shape (n, *{self.event_shape})", tuple(x.shape)
        check(got[1:] == self.event_shape, "Model.log_prob.x", rule, got)
        draw = self.make_sampler(sampler, **options)
        wide = next(self.fields.parameters(), x).dtype == torch.float64
        x = x.to(self.device, torch.float64 if wide else torch.float32)
        self.scaling.space.check(x)
        with evaluating(self.fields), torch.set_grad_enabled(gradients):
            state = self.scaling.to_model(x)
            found = likelihood(sampler=draw).log_prob(
                state,
                generator=keyed_generator(_LOG_PROB, seed, device=self.device),
                chunk_size=chunk_size,
                gradients=gradients,
            )
            return found._replace(value=found.value - self.scaling.log_volume(state))


def _joined(parts: Iterable[Tensor | None]) -> Tensor | None:
    found = [part for part in parts if part is not None]
    return torch.cat(found) if found else None


def load(
    path: str | Path,
    *,
    weights: str = "ema",
    trust: Sequence[str] = (),
    device: torch.device | str = "cpu",
) -> Model | SeriesModel:
    """Rebuild a trained model from its checkpoint alone. Loading never runs code from the file.

    Args:
        path: a checkpoint file.
        weights: "ema" for the averaged weights, "raw" for the last ones.
        trust: modules outside this package whose classes the checkpoint may name.
        device: where to put the model.

    Returns:
        A `Model`; of a neural SDE a `SeriesModel`.

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
    # What was trained, by its name in the module that trained it.
    name = "model" if "model" in config else "fields"
    if weights == "ema":
        averaged = content.get("ema", {}).get("weights", {})
        check(
            bool(averaged),
            "load.weights",
            "a checkpoint with averaged weights",
            str(path),
            "pass weights='raw'",
        )
        state |= {f"{name}.{key}": weight for key, weight in averaged.items()}
    return _rebuild(name, config, state, path, trust, device)


def _rebuild(
    name: str,
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    path: str | Path,
    trust: Sequence[str],
    device: torch.device | str,
) -> Model | SeriesModel:
    def build(key: str) -> Any:
        return spec.build(config[key], where=key, trust=trust)

    event_shape = config["event_shape"]
    if name == "model":
        model = build_neural_sde(build("model"), event_shape, config["times"]).to(device)
        scaling = restore(name, model, build("space"), state, path).to(device)
        return SeriesModel(model=model, event_shape=event_shape, scaling=scaling, config=config)
    fields, _ = build_fields(build, event_shape)
    scaling = restore(name, fields.to(device), build("space"), state, path).to(device)
    return Model(
        fields=fields,
        event_shape=event_shape,
        scaling=scaling,
        sampler=build("sampler"),
        config=config,
    )


def _check_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        check(False, "load.device", "a device of this machine", str(device), reason)
