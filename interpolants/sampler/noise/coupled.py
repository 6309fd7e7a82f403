"""One Brownian path for any number of steps."""

from __future__ import annotations

import copy
import math
from typing import Self, final

import torch
from torch import Tensor

from interpolants.sampler.noise.base import Noise
from interpolants.utils.checks import check

# Nodes of two grids are the same if they differ by less than this part of the span.
_SAME = 1e-12


@final
class CoupledNoise(Noise):
    """Normals of a coarse grid from those of a fine one: the same Brownian path on both.

    For each step h of a grid and W the path since the step began, channel 0 is W(h) / sqrt(h) and
    channel 1 holds the part of the integral of W that is independent of W(h):

        integral of W over the step / h = sqrt(h) / 2 (z_0 + z_1 / sqrt 3).

    Over fine steps that are fractions f_i of a coarse one, with midpoints m_i in [0, 1], Chen's
    relation (increments add; an integral adds h W of what came before) makes this

        z_0' = sum sqrt(f_i) z_0i
        z_1' = sum sqrt(3 f_i) (1 - 2 m_i) z_0i + sum f_i^(3/2) z_1i,

    standard normals again. One path at three step counts:

        source = PerSampleNoise(generator)
        grid, span = sampler.grid, sampler.process.span
        fine = grid.times(256, span)
        for num_steps in (64, 128, 256):
            noise = CoupledNoise(fine=fine, coarse=grid.times(num_steps, span), source=source)
            make_sampler(num_steps=num_steps)(start, noise=noise)

    Args:
        fine: times of the fine grid in the order of its steps, float64 on the host, (M + 1,).
        coarse: those of the solve, each of them one of `fine`, (N + 1,).
        source: normals of the fine steps, two channels; it has to give each step the same
            normals again where it serves several grids, as `PerSampleNoise` and `FixedNoise` do.

    Raises:
        ValueError: if times do not go one way, or a coarse one is not on the fine grid.
    """

    def __init__(self, *, fine: Tensor, coarse: Tensor, source: Noise) -> None:
        for name, times in (("fine", fine), ("coarse", coarse)):
            _check_times(f"CoupledNoise.{name}", times)
        distance = (coarse[:, None] - fine).abs()
        apart, nodes = distance.min(dim=1)
        worst = int(apart.argmax())
        there = bool(apart[worst] <= _SAME * (fine[-1] - fine[0]).abs())
        check(there, "CoupledNoise.coarse", "times of the fine grid", float(coarse[worst]))
        same_way = bool((nodes.diff() > 0).all())
        check(same_way, "CoupledNoise.coarse", "times in the order of fine", coarse.tolist())
        self._fine, self._nodes, self._source = fine, nodes.tolist(), source

    def rows(self, first: int, last: int) -> Self:
        part = copy.copy(self)
        part._source = self._source.rows(first, last)
        return part

    def draw(self, step: int, count: int, channels: int, like: Tensor) -> Tensor:
        check(channels in (1, 2), "CoupledNoise.draw.channels", "1 or 2", channels)
        end, last = step + count, len(self._nodes) - 1
        check(end <= last, "CoupledNoise.coarse", f"at least {end} steps", last)
        return torch.stack([self._draw(k, channels, like) for k in range(step, end)])

    def _draw(self, step: int, channels: int, like: Tensor) -> Tensor:
        """The normals of one coarse step, (channels, *like.shape)."""
        begin, end = self._nodes[step], self._nodes[step + 1]
        weights = self._weights(begin, end)[:channels].to(like)
        normals = like.new_zeros(channels, *like.shape)
        for i in range(begin, end, self._source.ahead):
            count = min(self._source.ahead, end - i)
            own = weights[:, i - begin : i - begin + count]
            drawn = self._source.draw(i, count, 2, like)
            normals += torch.tensordot(own, drawn, dims=2)
        return normals

    def _weights(self, begin: int, end: int) -> Tensor:
        """Weights of the fine steps in a coarse one, (2, end - begin, 2)."""
        times = self._fine[begin : end + 1]
        place = (times - times[0]) / (times[-1] - times[0])
        part, middle = place.diff(), 0.5 * (place[1:] + place[:-1])
        root = part.sqrt()
        tilt = math.sqrt(3) * root * (1 - 2 * middle)
        rows = [root, torch.zeros_like(root), tilt, part * root]
        return torch.stack(rows, dim=1).view(-1, 2, 2).movedim(1, 0)


def _check_times(where: str, times: Tensor) -> None:
    on_host = times.dtype == torch.float64 and times.device.type == "cpu"
    check(on_host, where, "float64 on the host", f"{times.dtype} on {times.device}")
    steps = times.diff() if times.dim() == 1 else times.new_empty(0)
    one_way = bool((steps > 0).all() or (steps < 0).all()) and len(steps) > 0
    check(one_way, where, "at least two times that go one way", tuple(times.tolist()))
