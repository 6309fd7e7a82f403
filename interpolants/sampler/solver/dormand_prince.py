"""Dormand-Prince with an own step for every sample."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor

from interpolants.sampler.integrate import SaveAt, advance
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import Solver
from interpolants.sampler.solver.embedded_step import ERROR, NODES, combine, embedded_step
from interpolants.utils.checks import check, check_count, check_positive
from interpolants.utils.shapes import expand_time, flatten_event

# A step is multiplied by 0.9 ratio^(-1/5) within these bounds; a growth of 5 cost fewest
# evaluations for their error on mixtures, and a memory of earlier ratios saved none.
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0
_RESOLUTION = torch.finfo(torch.float64).eps


class _State(NamedTuple):
    """The carry of the loop: states of the unfinished samples."""

    x: Tensor
    velocity: Tensor  # the drift at (t, x)
    t: Tensor  # (B,), float64
    h: Tensor  # the next step to try, signed, (B,), float64

    def select(self, index: Tensor) -> _State:
        return _State(*(own[index] for own in self))

    def write(self, index: Tensor, other: _State) -> _State:
        pairs = zip(self, other, strict=True)
        return _State(*(own.index_copy(0, index, new) for own, new in pairs))


@final
@dataclass(frozen=True, kw_only=True)
class DormandPrince(Solver):
    """Adaptive order 5, six evaluations an attempt, its error estimated by order 4.

    Every sample has its own time and step, which its own error alone decides, so a result does
    not depend on the rest of the batch. A step is taken if the root mean square over the event of
    error / (atol + rtol |x|) is at most 1, and tried again with a shorter step if not. Samples
    leave the batch as they finish, so a call of the network late in a solve sees few of them (all,
    if networks are conditioned): `Samples.nfe` counts calls of any size, which exceed the calls
    that one sample takes.

    Of the grid it uses the ends and the kept times, and hits each of these exactly. The drift is
    never evaluated outside the grid. Gradients through a solve take the steps as constants; an
    attempt that rejects a step is then made twice.

    Args:
        rtol: relative tolerance of a step, > 0.
        atol: absolute tolerance of a step, > 0.
        max_attempts: most attempts that a sample may need from one kept time to the next, > 0.
        failures: what becomes of a sample that fails: "raise" an error, or "nan", with a warning
            and its reason in `Samples.failures`, so that the others are kept.

    Raises:
        RuntimeError: from a solve with failures="raise", if a sample needs more attempts, its step
            falls below the resolution of float64, or its state or drift is not finite.
    """

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    rtol: float = 1e-5
    atol: float = 1e-5
    max_attempts: int = 1000
    failures: str = "raise"

    def __post_init__(self) -> None:
        check_positive("DormandPrince.rtol", self.rtol)
        check_positive("DormandPrince.atol", self.atol)
        check_count("DormandPrince.max_attempts", self.max_attempts)
        known = self.failures in ("raise", "nan")
        check(known, "DormandPrince.failures", "raise or nan", self.failures)

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
        last = len(times) - 1
        wanted = sorted({0, last, *save_at.nodes(last)})
        save_at(0, x)
        if not len(x):
            for node in wanted[1:]:
                save_at(node, x)
            return x
        t = times[0].to(x.device).expand(len(x))
        velocity = process.drift(t.to(x.dtype), x)
        h = self._first_step(process, times, x, velocity)
        state, reasons = _State(x, velocity, t, h), dict[int, str]()
        for begin, end in pairwise(wanted):
            state = self._reach(process, times[[begin, end]], state, reasons)
            save_at(end, _without_failed(state))
        if reasons:
            save_at.fail(reasons)
            first = next(iter(reasons.values()))
            text = f"{len(reasons)} of {len(x)} samples failed and are NaN; the first: {first}"
            warnings.warn(text, stacklevel=2)
        return _without_failed(state)

    def _reach(
        self, process: Process, ends: Tensor, whole: _State, reasons: dict[int, str]
    ) -> _State:
        """From a kept time to the next, both in `ends`: blocks of attempts, fewer samples each.

        Failures are added to `reasons` by the number of the sample. The host reads three numbers
        before each block, which also choose its length.
        """
        low, high = ends.amin(), ends.amax()
        resolution = _RESOLUTION * ends.abs().amax()
        limits = torch.stack([ends[1], low, high, resolution]).to(whole.x.device)
        nodes = torch.tensor(NODES, dtype=limits.dtype, device=limits.device)
        attempt = functools.partial(self._attempt, process, nodes.unsqueeze(1))
        state, attempts = whole, 0
        index = torch.arange(len(whole.x), device=limits.device)
        while True:
            under_way = (state.t != limits[0]) & state.t.isfinite()
            faults, left, block = _read(state, under_way, limits)
            if faults or (left and attempts == self.max_attempts):
                failed = _faulty(state, limits) if faults else under_way
                state = self._fail(state, index, failed, limits, reasons)
                continue
            if left < len(index) and not (left and process.fixed_batch):
                # The order is kept, and sorting needs no read where indexing by a mask does.
                order = under_way.int().argsort(descending=True, stable=True)
                done, rest = order[left:], order[:left]
                whole = whole.write(index[done], state.select(done))
                index, state = index[rest], state.select(rest)
            if not left:
                return whole
            block = min(block, self.max_attempts - attempts)
            tables = limits.new_empty(block, 1, 1), limits.expand(block, -1)
            state = _State(*advance(process, attempt, tables, None, state))
            attempts += block

    def _fail(
        self,
        state: _State,
        index: Tensor,
        failed: Tensor,
        limits: Tensor,
        reasons: dict[int, str],
    ) -> _State:
        """Raise the first failure, or note all of them and take those samples out."""
        for k in failed.nonzero().flatten().tolist():
            reason = _message(int(index[k]), state.select(torch.tensor([k])), limits)
            if self.failures == "raise":
                raise RuntimeError(reason)
            reasons[int(index[k])] = reason
        gone, zero = expand_time(failed, state.x), state.x.new_zeros(())
        return _State(
            state.x,
            torch.where(gone, zero, state.velocity),
            torch.where(failed, torch.inf, state.t),
            torch.where(failed, 0.0, state.h),
        )

    def _attempt(self, process: Process, nodes: Tensor, s: Stages, carry: Carry) -> Carry:
        """Try one step of every sample; those at the end stay. The stages have numbers alone."""
        (x, velocity, t, h), (end, low, high, resolution) = carry, s.numbers
        to_go, length = end - t, h.abs()
        # A little longer rather than a tiny step afterwards.
        reaches = 1.01 * length >= to_go.abs()
        step = torch.where(reaches, to_go, h)

        def stepped(step: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
            times = torch.addcmul(t, nodes, step).clamp(low, high).to(x.dtype)
            return embedded_step(process, times, x, velocity, step)

        y, scale, drifts = stepped(step)
        with torch.no_grad():
            error = scale * combine(ERROR, drifts)
            ratio = self._norm(error, torch.maximum(x.abs(), y.abs()))
            # False where a state or a drift is not finite, which makes the ratio NaN.
            accepted = ratio <= 1
            factor = (-0.2 * ratio.log()).exp().mul(_SAFETY)
            factor = factor.nan_to_num(_SHRINK).clamp(_SHRINK, _GROW)
            # The way to the end says nothing against a longer step after it, and a step that is
            # too short to move the time stays so until it is seen.
            proposal = factor * step
            kept = accepted & reaches & (proposal.abs() < length)
            h = torch.where(kept | (length <= resolution), h, proposal)
            t = torch.where(accepted, torch.where(reaches, end, t + step), t)
        if y.requires_grad and not bool(accepted.all()):
            # A rejected step may overflow, and has no part in the graph: it is made empty.
            y, _, drifts = stepped(torch.where(accepted, step, 0.0))
        taken = expand_time(accepted, x)
        return torch.where(taken, y, x), torch.where(taken, drifts[-1], velocity), t, h

    def _norm(self, value: Tensor, size: Tensor) -> Tensor:
        """Root mean square over the event of value / (atol + rtol size), (B,), float64."""
        scaled = flatten_event(value / (self.atol + self.rtol * size))
        norm: Tensor = torch.linalg.vector_norm(scaled, dim=1).double()
        return norm / math.sqrt(scaled.shape[1])

    @torch.no_grad()
    def _first_step(self, process: Process, times: Tensor, x: Tensor, velocity: Tensor) -> Tensor:
        """The starting step of Hairer, Norsett and Wanner, section II.4, for every sample."""
        span = float(times[-1] - times[0])
        size = x.abs()
        state, speed = self._norm(x, size), self._norm(velocity, size)
        trial = torch.where(torch.minimum(state, speed) < 1e-5, 1e-6, 0.01 * state / speed)
        trial = math.copysign(1, span) * trial.clamp(max=abs(span))
        ahead = process.drift(
            (float(times[0]) + trial).to(x.dtype),
            torch.addcmul(x, expand_time(trial.to(x.dtype), x), velocity),
        )
        bend = self._norm(ahead - velocity, size) / trial.abs()
        steepest = torch.maximum(speed, bend)
        flat = (1e-3 * trial.abs()).clamp(min=1e-6)
        h = torch.where(steepest <= 1e-15, flat, (0.01 / steepest) ** 0.2)
        h = torch.minimum(h, 100 * trial.abs()).clamp(max=abs(span))
        return math.copysign(1, span) * h


@torch.no_grad()
def _faulty(state: _State, limits: Tensor) -> Tensor:
    """Samples that cannot go on, (B,); not those that have failed already, whose time is inf."""
    finite = flatten_event(state.x.isfinite() & state.velocity.isfinite()).all(dim=1)
    return ~(finite & (state.h.abs() > limits[3])) & state.t.isfinite()


@torch.no_grad()
def _read(state: _State, under_way: Tensor, limits: Tensor) -> tuple[int, int, int]:
    """Faulty samples, samples under way, and the attempts to make before the next look.

    As many attempts as the first sample needs to finish if its steps grow as they can, but at
    least two, unless one will do for all.
    """
    present = ((limits[0] - state.t) / state.h).abs()
    needed = torch.log1p((_GROW - 1) * present) / math.log(_GROW)
    first = torch.where(under_way, needed, torch.inf).amin()
    numbers = torch.stack([_faulty(state, limits).sum(), under_way.sum(), first, needed.amax()])
    faults, left, least, most = numbers.tolist()
    block = min(max(least, 2), most)
    return int(faults), int(left), max(1, math.ceil(block)) if left and not faults else 0


def _without_failed(state: _State) -> Tensor:
    """The states, NaN for samples that failed."""
    failed = expand_time(state.t.isinf(), state.x)
    return state.x.masked_fill(failed, torch.nan) if bool(failed.any()) else state.x


def _message(sample: int, state: _State, limits: Tensor) -> str:
    """The message about a sample that failed, from its own state."""
    if not bool(state.velocity.isfinite().all()):
        fault = "its drift is not finite"
    elif not bool(state.x.isfinite().all()):
        fault = "its state is not finite"
    elif float(state.h.abs()) <= float(limits[3]):
        fault = "its step fell below the resolution of float64"
    else:
        fault = "it did not get there in max_attempts attempts"
    speed = float(torch.linalg.vector_norm(state.velocity))
    return (
        f"DormandPrince: sample {sample} stopped at t = {float(state.t):.6g} with "
        f"|velocity| = {speed:.3g}: {fault}; look for a singular or discontinuous field near "
        "there (a larger process.cut keeps away from an end), raise rtol and atol, which a "
        "float32 state cannot meet below about 1e-6, raise max_attempts, or set failures=nan to "
        "keep the other samples"
    )
