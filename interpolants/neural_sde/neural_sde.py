"""Neural SDEs, latent models of time series (arXiv 2310.12975).

    prior        dX = b(t, X) dt + sigma(t, X) dB,    X(0) ~ p
    data         o_i = f(X(t_i)) + noise
    posterior    the same with dW + u dt for dW, and q(X(0), driver | o)

    log p(o) >= E_q [sum_i log p(o_i | X(t_i))] - KL(q(0) || p(0)) - E_q 1/2 int u^2 dt

B is the process of a driver with states, and W the Wiener process that drives it. Gradients are
those of the discretised bound, through the steps. The stochastic adjoint would integrate the
driver's states backwards, where they grow like exp(gamma t), and would give wrong gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from interpolants.driver.base import Driver
from interpolants.neural_sde.control.base import Control
from interpolants.neural_sde.control.control_schedule import ControlSchedule
from interpolants.neural_sde.decoder.base import Decoder
from interpolants.neural_sde.diffusion.base import Diffusion
from interpolants.neural_sde.drift.base import Drift
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.encoder.base import Encoded, Encoder
from interpolants.neural_sde.linear_guide import LinearGuide
from interpolants.neural_sde.observation_times import checked_times, nodes_through, spacing
from interpolants.neural_sde.solver.base import DrivenSolver
from interpolants.neural_sde.start.base import Start, StartDraw
from interpolants.sampler.grid.base import Grid
from interpolants.sampler.integrate import SaveTimes, integrate
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.utils.checks import check, check_count


class Elbo(NamedTuple):
    """Parts of the evidence lower bound of each series in nats, (B,).

    Attributes:
        reconstruction: log p(o | X), summed over the observations that exist.
        kl_start: relative entropy of X(0) and the driver's states.
        kl_path: relative entropy of the noise, 1/2 int u^2 dt plus that of a guide.
    """

    reconstruction: Tensor
    kl_start: Tensor
    kl_path: Tensor

    @property
    def total(self) -> Tensor:
        """Evidence lower bound, (B,)."""
        return self.reconstruction - self.kl_start - self.kl_path


class _Paths(NamedTuple):
    """Solved paths: X at the kept times, (B, T, D), the path cost, (B,), and the start."""

    x: Tensor
    cost: Tensor
    start: StartDraw


@final
class NeuralSDE(nn.Module):
    """Latent equation driven by Brownian or fractional noise, with its variational posterior.

    All values are in the networks' units. A batch of series has shape (B, T, *frame), with 0 at
    missing observations, where the mask, bool (B, T), is False.

    Args:
        event_shape: (T, *frame).
        times: times of the observations, ascending, the first >= 0; the equation starts at 0.
        latent: D, the number of coordinates of X; None for the number of elements of a frame.
        driver: builds the driver, as `driver(step=..., horizon=...)`.
        start, drift, diffusion, decoder: build the prior; see their packages.
        encoder: builds the encoder of observations; None if the posterior is the guide only.
        control: builds the posterior's network; None for no control.
        guide: whether the posterior is initialised at that of the linear part of b, for noise and
            start (`LinearGuide`). It needs a linear decoder and a constant sigma.
        solver: a solver for driven equations.
        grid: grid of steps between two observations. Without a guide, steps should shrink towards
            its end: a control cannot compensate the noise of the last step before an observation.
        num_steps: steps between two observations.
        mode: execution of blocks of steps; `Checkpointed` saves memory on long series.

    Raises:
        ValueError: if an argument is out of range or the parts do not fit.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        times: Sequence[float],
        latent: int | None,
        driver: Callable[..., Driver],
        start: Callable[..., Start],
        drift: Callable[..., Drift],
        diffusion: Callable[..., Diffusion],
        decoder: Callable[..., Decoder],
        encoder: Callable[..., Encoder] | None = None,
        control: Callable[..., Control] | None = None,
        guide: bool,
        solver: DrivenSolver,
        grid: Grid,
        num_steps: int,
        mode: Mode | None = None,
    ) -> None:
        super().__init__()
        check_count("NeuralSDE.num_steps", num_steps)
        self.times = checked_times("NeuralSDE", times, event_shape)
        frame = tuple(event_shape[1:])
        size = math.prod(frame) if latent is None else latent
        check_count("NeuralSDE.latent", size)
        self.latent, self.frame_shape = size, frame
        self.guide, self.solver, self.mode = guide, solver, mode
        self.nodes = nodes_through(self.times, grid, num_steps)
        self.driver = driver(step=spacing(self.times), horizon=self.times[-1])
        self.drift, self.diffusion = drift(latent=size), diffusion(latent=size)
        self.encoder = None if encoder is None else encoder(frame_shape=frame, times=self.times)
        sizes = ("context_size", "start_size", "content_size")  # of no encoder 0
        context, start_size, content = (getattr(self.encoder, size, 0) for size in sizes)
        self.start = start(latent=size, states=self.driver.states, start_size=start_size)
        self.decoder = decoder(frame_shape=frame, latent=size, content_size=content)
        self.control = None if control is None else self._make_control(control, context)
        self._check_guide()

    def elbo(self, values: Tensor, mask: Tensor, generator: torch.Generator) -> Elbo:
        """Evidence lower bound by one posterior path of each series."""
        encoded = self._encode(values, mask)
        paths = self._posterior(values, mask, encoded, generator)
        return Elbo(
            reconstruction=self._log_prob(values, mask, paths.x, encoded.content),
            kl_start=paths.start.kl,
            kl_path=paths.cost,
        )

    def log_likelihood(
        self, values: Tensor, mask: Tensor, generator: torch.Generator, samples: int
    ) -> Tensor:
        """Log of the mean importance weight of several posterior paths, (B,).

        Its mean is a lower bound of log p(o), which becomes exact as `samples` grows.
        """
        check_count("NeuralSDE.log_likelihood.samples", samples)
        encoded = self._encode(values, mask).repeated(samples)
        many, masks = (part.repeat_interleave(samples, dim=0) for part in (values, mask))
        paths = self._posterior(many, masks, encoded, generator, pathwise=True)
        log = self._log_prob(many, masks, paths.x, encoded.content)
        weights = (log - paths.cost - paths.start.log_ratio).view(-1, samples)
        return weights.logsumexp(dim=1) - math.log(samples)

    def prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw observations from the prior, with noise, (n, T, *frame)."""
        shared = self.encoder is not None and self.encoder.content_size > 0
        rule = "a model whose series share no content, which has no prior"
        check(not shared, "NeuralSDE.prior", rule, type(self.encoder).__name__, "use predict")
        process = self._process(None, None)
        paths = self._solve(process, self.start.prior(n, generator), generator)
        means = self._means(paths.x, None)
        noise = torch.empty_like(means).normal_(generator=generator)
        return torch.addcmul(means, self.decoder.std(), noise)

    def posterior(
        self, values: Tensor, mask: Tensor, generator: torch.Generator, *, fine: bool = False
    ) -> Tensor:
        """Means of observations along one posterior path of each series, (B, T, *frame).

        If `fine`, they are at all nodes of the grid, (B, N + 1, *frame).
        """
        encoded, at = self._encode(values, mask), self.nodes if fine else None
        paths = self._posterior(values, mask, encoded, generator, at=at)
        return self._means(paths.x, encoded.content)

    def predict(
        self, values: Tensor, mask: Tensor, generator: torch.Generator, *, context_length: int
    ) -> Tensor:
        """Posterior given the first `context_length` observations, which the prior continues."""
        count = len(self.times)
        within = isinstance(context_length, int) and 0 < context_length <= count
        rule = f"a whole number in [1, {count}]"
        check(within, "NeuralSDE.predict.context_length", rule, context_length)
        return self.posterior(values[:, :context_length], mask[:, :context_length], generator)

    def _make_control(self, control: Callable[..., Control], context_size: int) -> ControlSchedule:
        options = {"states": self.driver.states, "context_size": context_size}
        network = control(latent=self.latent, horizon=self.times[-1], **options)
        return ControlSchedule(control=network, times=self.times, rates=self.driver.rates())

    def _encode(self, values: Tensor, mask: Tensor) -> Encoded:
        if self.encoder is None:
            none = values.new_zeros(len(values), 0)
            return Encoded(context=none.unsqueeze(1), start=none)
        encoded: Encoded = self.encoder(values, mask)
        return encoded

    def _posterior(
        self,
        values: Tensor,
        mask: Tensor,
        encoded: Encoded,
        generator: torch.Generator,
        *,
        pathwise: bool = False,
        at: Tensor | None = None,
    ) -> _Paths:
        """Solve the posterior given the observations in `values`, which may be only the first."""
        guide = self._guide(values, mask) if self.guide else None
        known = None if guide is None else guide.start(*self.start.moments())
        draw = self.start.posterior(encoded.start, generator, known)
        process = self._process(guide, self._context(encoded, values), pathwise=pathwise)
        return self._solve(process, draw, generator, at)

    def _guide(self, values: Tensor, mask: Tensor) -> LinearGuide:
        rate, level = self.drift.linear()
        scale = self.diffusion.constant()
        assert scale is not None
        return LinearGuide(
            driver=self.driver,
            observations=values.flatten(2).transpose(1, 2),
            times=self.times[: values.shape[1]],
            mask=mask,
            std=self.decoder.std(),
            scale=scale,
            rate=rate,
            level=level,
        )

    def _context(self, encoded: Encoded, values: Tensor) -> Tensor | None:
        """Context of the control at the times of the values, (B, count, C)."""
        if self.control is None:
            return None
        return encoded.context.expand(-1, values.shape[1], -1)

    def _process(
        self, guide: LinearGuide | None, context: Tensor | None, *, pathwise: bool = False
    ) -> DrivenSDE:
        return DrivenSDE(
            driver=self.driver,
            drift=self.drift,
            diffusion=self.diffusion,
            additive=self.diffusion.constant() is not None,
            control=None if context is None else self.control,
            guide=guide,
            context=context,
            path_kl=True,
            pathwise=pathwise,
        )

    def _solve(
        self,
        process: DrivenSDE,
        draw: StartDraw,
        generator: torch.Generator,
        at: Tensor | None = None,
    ) -> _Paths:
        states = self.driver.start_from(draw.normals)
        state = process.join(draw.x, states.to(draw.x), torch.zeros_like(draw.x))
        kept = torch.tensor(self.times, dtype=torch.float64) if at is None else at
        save_at = SaveTimes(self.nodes, kept)
        last = integrate(
            self.solver.plan(process, self.nodes),
            state,
            noise=GeneratorNoise(generator),
            save_at=save_at,
            mode=self.mode,
        )
        assert save_at.path is not None
        return _Paths(
            x=process.event(save_at.path).transpose(0, 1),
            cost=process.kl(last).sum(dim=1),
            start=draw,
        )

    def _means(self, x: Tensor, content: Tensor | None) -> Tensor:
        """Means of observations, (B, T, *frame), at states (B, T, D)."""
        count = x.shape[1]
        shared = None if content is None else content.repeat_interleave(count, dim=0)
        means: Tensor = self.decoder(x.flatten(0, 1), shared)
        return means.view(len(x), count, *self.frame_shape)

    def _log_prob(self, values: Tensor, mask: Tensor, x: Tensor, content: Tensor | None) -> Tensor:
        """log p(o | X), summed over existing observations, (B,)."""
        std = self.decoder.std()
        error = ((values - self._means(x, content)) / std).flatten(2)
        constant = 2 * std.log() + math.log(2 * math.pi)
        log = -0.5 * (error.square() + constant).sum(dim=2)
        return (log * mask).sum(dim=1)

    def _check_guide(self) -> None:
        fits = self.decoder.linear and self.diffusion.constant() is not None
        got = f"{type(self.decoder).__name__} and {type(self.diffusion).__name__}"
        rule = "false, or a linear decoder and a constant diffusion"
        check(fits or not self.guide, "NeuralSDE.guide", rule, got)
