"""SDE solvers of torchsde."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from interpolants.sampler.integrate import SaveAt, integrate
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.plan import Plan, Segment
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import Solver, noise_at
from interpolants.utils.checks import check
from interpolants.utils.shapes import flatten_event

_ITO, _STRATONOVICH = ("euler",), ("heun", "midpoint", "reversible_heun")


@final
@dataclass(frozen=True, kw_only=True)
class Torchsde(Solver):
    """Hands an additive-noise SDE to `torchsde.sdeint`, one interval of the grid at a time.

    torchsde steps by a fixed dt and interpolates to the output times, so each interval of a grid
    is a solve of its own, with a Brownian interval matched to the step. Its entropy comes from
    the noise's generator, so that torch's seed controls it. With additive noise the Ito and the
    Stratonovich schemes solve the same equation.

    Args:
        method: "euler", "heun", "midpoint" or "reversible_heun".
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    method: str = "heun"

    def __post_init__(self) -> None:
        known = _ITO + _STRATONOVICH
        ok = self.method in known
        check(ok, "Torchsde.method", f"one of {', '.join(known)}", self.method)

    def solve(
        self,
        process: Process,
        times: Tensor,
        x: Tensor,
        *,
        noise: Noise,
        save_at: SaveAt,
        mode: Mode | None = None,
    ) -> Tensor:
        own = isinstance(noise, GeneratorNoise)
        check(own, "Torchsde.noise", "noise drawn from a generator", type(noise).__name__)
        assert isinstance(noise, GeneratorNoise)
        sign = 1.0 if times[-1] > times[0] else -1.0
        sde = _Flat(process, x.shape, sign, "ito" if self.method in _ITO else "stratonovich")
        # torchsde wants float64 times, which the plan's tables, in the state's dtype, are not.
        intervals = zip(
            (sign * times).unfold(0, 2, 1).unbind(), _entropies(noise, len(times) - 1), strict=True
        )
        unused = times.new_zeros(len(times) - 1, 1, 1)
        segment = Segment(
            equation=process,
            coefficients=unused,
            numbers=unused[..., 0],
            step=lambda _, carry: (self._interval(sde, *next(intervals), carry[0]),),
        )
        plan = Plan(segments=(segment,), start=lambda state: (state,))
        return integrate(plan, x, save_at=save_at)

    def _interval(self, sde: _Flat, ts: Tensor, entropy: int, x: Tensor) -> Tensor:
        from torchsde import BrownianInterval, sdeint

        y = flatten_event(x)
        # Clipped to the interval: the step itself, rounded, might fall short of the end.
        dt = 2 * float(ts[1] - ts[0])
        path = BrownianInterval(
            t0=ts[0],
            t1=ts[1],
            size=y.shape,
            dtype=x.dtype,
            device=x.device,
            entropy=entropy,
            dt=dt,
        )
        end: Tensor = sdeint(sde, y, ts, bm=path, method=self.method, dt=dt)[-1]
        return end.reshape(x.shape)


def _entropies(noise: GeneratorNoise, count: int) -> list[int]:
    """One for each step, drawn at once: reading each by itself would wait for the device."""
    generator = noise.generator
    device = "cpu" if generator is None else generator.device
    drawn: list[int] = torch.randint(
        2**31 - 1, (count,), generator=generator, device=device
    ).tolist()
    return drawn


class _Flat(nn.Module):
    """torchsde's view of a process: states (B, D), ascending time (negated if it descends).

    torchsde looks at the drift of the first state before it steps from there; the second time
    it asks for the same, it gets what was computed.
    """

    noise_type = "diagonal"

    def __init__(self, process: Process, shape: torch.Size, sign: float, sde_type: str) -> None:
        super().__init__()
        self.process, self.shape, self.sign, self.sde_type = process, shape, sign, sde_type
        self._latest: tuple[float, Tensor, Tensor] | None = None

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        time = float(t)  # on the host, like all times of the grid
        if self._latest is not None:
            known_time, known_y, known = self._latest
            if known_y is y and known_time == time:
                return known
        drift = self.process.drift((self.sign * t).to(y), y.reshape(self.shape))
        value = flatten_event(self.sign * drift)
        self._latest = time, y, value
        return value

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        return noise_at(self.process, self.sign * t).to(y).expand_as(y)
