"""Trained models: fields with a base, the units of the data, and a sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from interpolants.coupling.base import Pair
from interpolants.data.columns import Columns
from interpolants.data.labels import Label, Labels, labels_of, network_labels
from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.divergence.base import Divergence
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.base import Guidance
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.likelihood.flow import FlowLikelihood, with_density
from interpolants.model.batching import in_data_units, joined_samples, ranges, rows_at_once
from interpolants.model.checks import check_inputs
from interpolants.model.log_density import log_density
from interpolants.model.request import SampleRequest, SamplerFactory
from interpolants.model.trained import TrainedModel
from interpolants.net.condition import Condition
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.samples import Samples
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check, check_seed
from interpolants.utils.eval_mode import eval_mode
from interpolants.utils.seeds import keyed_generator, stream_rows

# Keep these draws independent of those of training and data, and of each other.
_SAMPLE, _LOG_PROB, _NOISE, _LABEL, _PAIR = 31, 32, 38, 39, 40


@final
class Model(TrainedModel):
    """Trained model that draws samples in the units of the data.

    Args:
        fields: the learned fields.
        event_shape: shape of one sample.
        scaling: scaling between the units of the data and those of the networks.
        sampler: builds the default sampler.
        labels: labels that the network was trained with, if any.
        guidance: default guidance; none if None.
        columns: columns of the table that samples are rows of; None for other data.
        config: the configuration of training, as plain data.
    """

    def __init__(
        self,
        *,
        fields: Fields,
        event_shape: Sequence[int],
        scaling: Scaling | None = None,
        sampler: SamplerFactory = Sampler,
        labels: Labels | None = None,
        guidance: Guidance | None = None,
        columns: Columns | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.fields = fields
        self.event_shape = tuple(event_shape)
        self.scaling = Scaling() if scaling is None else scaling
        self.sampler = sampler
        self.labels = labels
        self.guidance = guidance
        self.columns = columns
        self.config = dict(config or {})
        self._keep("sampler", "labels", "guidance", "columns")

    def __repr__(self) -> str:
        parts = {"fields": self.fields, "sampler": self.make_sampler()}
        parts |= {"labels": self.labels, "guidance": self.guidance}
        lines = [f"  {name}: {part}" for name, part in parts.items() if part is not None]
        space = type(self.scaling.space).__name__
        return "\n".join([f"Model of {self.event_shape} in {space} on {self.device}", *lines])

    @property
    def trained(self) -> Fields:
        return self.fields

    @property
    def start_scaling(self) -> Scaling:
        """Scaling of initial states: the base's, or the data's if they are computed from data."""
        dependent = self.fields.coupling.data_dependent
        return self.scaling if dependent else self.fields.base.scaling

    def make_sampler(
        self,
        sampler: SamplerFactory | None = None,
        *,
        fields: Fields | None = None,
        **options: Any,
    ) -> Sampler:
        """Build the sampler that `sample` uses.

        Args:
            sampler: builds the sampler; the model's default if None.
            fields: conditioned fields; the model's if None.
            options: settings of the sampler to change.

        Raises:
            ValueError: if the sampler does not fit the model.
        """
        make = self.sampler if sampler is None else sampler
        made = make(fields=fields or self.fields, **options)
        space, name = self.scaling.space, type(made.process).__name__
        fits = space.multiplicative or not made.process.may_leave_domain
        rule, fix = "a space whose chart is the logarithm", "use space=log, or another sampler"
        check(fits, "Model.sampler", f"{rule} for {name}", type(space).__name__, fix)
        return made

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        first: int = 0,
        label: Label | None = None,
        guidance: Guidance | None = None,
        sampler: SamplerFactory | None = None,
        start: Tensor | None = None,
        image: Tensor | None = None,
        times: Sequence[float] | Tensor = (),
        chunk_size: int | None = None,
        log_prob: bool | Divergence = False,
        **options: Any,
    ) -> Samples:
        """Draw samples.

        Args:
            n: number of samples, > 0.
            seed: names an endless stream of samples, each with its own start and label, and with
                `PerSampleNoise` its own noise; if samples share a generator, noise is fixed by
                `seed`, `first` and `chunk_size` together.
            first: number of the first sample in the stream, >= 0.
            label: one for all or for each, (n,) or (n, C), by name or number (`Label`). If None,
                as frequent as in the training data; samples that start from data have none.
            guidance, sampler: the model's if None.
            start: initial states, (n, *event), instead of draws from the base: data for a
                backward process, base samples in the base's units, or the result of `pair`.
            image: conditioning images of `pair`, (n, K, *spatial).
            times: increasing times in [0, 1] of the states in `Samples.path`, reversed for a
                backward process; their units are interpolated linearly from the base's to the
                data's, in the chart of the data's space, so that all lie in that space.
            chunk_size: samples integrated together; `rows_at_once` of their size if None.
            log_prob: whether to compute log densities along the flow, with the exact divergence
                if true, or with this one. See `FlowLikelihood.sample`.
            options: settings of the sampler to change, such as `num_steps=64`.

        Returns:
            Samples in the data's units, or of a backward process in the base's. Whole numbers and
            categories of a table are rounded (`Columns.rounded`), but not in `path`.

        Raises:
            ValueError: if the sampler does not fit the model, `start` has another shape or lies
                outside its space, or there is no such label.
        """
        request = SampleRequest(
            n=n,
            seed=seed,
            first=first,
            label=label,
            guidance=guidance,
            sampler=partial(sampler or self.sampler, **options) if options else sampler,
            start=start,
            image=image,
            chunk_size=chunk_size,
        )
        return self.draw(request, times=times, log_prob=log_prob)

    def draw(
        self,
        request: SampleRequest,
        *,
        times: Sequence[float] | Tensor = (),
        log_prob: bool | Divergence = False,
    ) -> Samples:
        """Draw the samples of a request; other arguments and errors are as of `sample`."""
        n, seed, first = request.n, request.seed, request.first
        start, image, make = request.start, request.image, request.factory(self.sampler)
        backward = self.is_backward(request)
        shape = (n, *self.event_shape)
        from_data = check_inputs(self.fields.coupling, shape, start, image, backward)
        numbers = (first, first + n)
        label = labels_of(self.labels, request.label, numbers, _LABEL, seed, from_data=from_data)
        bounds = ranges(n, request.chunk_size or rows_at_once(self.event_shape, self.device))
        fields, condition = self._conditioned(label, image, request.guidance, bounds[0][1])
        sampler = self.make_sampler(make, fields=fields)
        generator = keyed_generator(_NOISE, seed, device=self.device)
        noise, run = sampler.noise(generator), with_density(sampler, log_prob, generator)
        if first and noise.rows(0, 1) is noise:
            noise = sampler.noise(keyed_generator(_NOISE, seed, first, device=self.device))
        # All before the first solve: a noise may not support chunks.
        sources = [noise.rows(first + low, first + high) for low, high in bounds]
        units, parts = self.scaling if backward else self.start_scaling, []
        with eval_mode(self.fields):
            for (low, high), source in zip(bounds, sources, strict=True):
                if isinstance(fields.net, ConditionedNetwork):
                    fields.net.assign(condition.rows(low, high))
                if start is None:
                    x = self._starts(first + low, first + high, seed)
                else:
                    x = self._in_model_units(start[low:high], units)
                parts.append(run(x, noise=source, times=times))
        drawn, scalings = joined_samples(parts), (self.start_scaling, self.scaling)
        return in_data_units(drawn, label, *scalings, backward, self.columns)

    def is_backward(self, request: SampleRequest) -> bool:
        """True if the request's process starts from data."""
        return self.make_sampler(request.factory(self.sampler)).process.backward

    def pair(self, x1: Tensor, seed: int = 0) -> Pair:
        """Initial states and images from data, by a coupling that computes them.

        They are the arguments `start` and `image` of `sample`.

        Args:
            x1: data, (n, *event).
            seed: of the base samples and of the coupling's choices.
        """
        generator = keyed_generator(_PAIR, seed, device=self.device)
        x1 = self._in_model_units(x1, self.scaling)
        x0 = self.fields.base.sample(len(x1), self.event_shape, generator)
        made = self.fields.coupling.pair(x0, x1, None, generator)
        return made._replace(x0=self.start_scaling.to_data(made.x0))

    def _starts(self, first: int, last: int, seed: int) -> Tensor:
        """Initial states of samples `first` to `last`, in the units of the networks."""
        base, shape, device = self.fields.base, self.event_shape, self.device
        starts = stream_rows(
            lambda n, g: base.start(n, shape, g), first, last, _SAMPLE, seed, device=device
        )
        return self.fields.as_states(starts)

    def _conditioned(
        self, label: Tensor | None, image: Tensor | None, guidance: Guidance | None, rows: int
    ) -> tuple[Fields, Condition]:
        """Fields conditioned on the first `rows` samples, and the condition of all samples."""
        guidance = self.guidance if guidance is None else guidance
        if guidance is not None:
            guidance.check(self.labels)
        image = None if image is None else image.to(self.device)
        condition = Condition(network_labels(self.labels, label, self.device), image)
        if label is None and image is None and guidance is None:
            return self.fields, condition
        return self.fields.condition_on(condition.rows(0, rows), guidance), condition

    def _in_model_units(self, x: Tensor, units: Scaling) -> Tensor:
        """Convert values to the units and the precision of the networks."""
        x = x.to(self.device)
        # In the precision used: a value near a bound of the space may round onto it.
        x = x if units.shift.dtype == torch.float64 else self.fields.as_states(x)
        units.space.check(x)
        return self.fields.as_states(units.to_model(x))

    def log_prob(
        self,
        x: Tensor,
        *,
        seed: int = 0,
        label: Label | None = None,
        likelihood: LikelihoodFactory = FlowLikelihood,
        sampler: SamplerFactory | None = None,
        chunk_size: int | None = None,
        gradients: bool = False,
        **options: Any,
    ) -> LogProb:
        """Log densities of a sampler's distribution without guidance, in the data's units.

        Args:
            x: data, (n, *event).
            seed: seed of probes and noise.
            label: labels of the data, as in `sample`; None for the unconditional density.
            likelihood: builds the estimator.
            sampler, options: as in `sample`; the estimator uses the sampler's solver and grid.
            chunk_size: paths solved together, as in `sample`.
            gradients: as in `Likelihood.log_prob`.

        Raises:
            ValueError: if the sampler does not suit the likelihood, the base has no known
                density, or `x` has another shape or lies outside the data's space.
        """
        check_seed("Model.log_prob.seed", seed)
        x = torch.as_tensor(x)
        rule, got = f"shape (n, *{self.event_shape})", tuple(x.shape)
        check(got[1:] == self.event_shape, "Model.log_prob.x", rule, got)
        labels = labels_of(self.labels, label, (0, len(x)), _LABEL, seed, from_data=True)
        known = network_labels(self.labels, labels, self.device)
        make = partial(self.make_sampler, sampler, **options)
        size = chunk_size or rows_at_once(self.event_shape, self.device)
        generator = keyed_generator(_LOG_PROB, seed, device=self.device)
        with eval_mode(self.fields), torch.set_grad_enabled(gradients):
            state = self._in_model_units(x, self.scaling)
            found = log_density(self.fields, make, likelihood, state, known, size, generator)
            return found._replace(value=found.value - self.scaling.log_volume(state))
