"""Normals that depend on the sample, not on the batch it is drawn in."""

from __future__ import annotations

import copy
import math
from typing import Self, final

import torch
from torch import Tensor

from interpolants.sampler.noise.base import Noise

_WORD = 2**32 - 1
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

# Counters worked on at once: what keeps the temporaries in a processor's cache, and what fills an
# accelerator without filling its memory.
_PIECE_CPU, _PIECE = 2**16, 2**21


@final
class PerSampleNoise(Noise):
    """The normal of a sample, step, channel and element is a function of these and of the seed.

    A batch split in any way, in any order, gets the same noise bit for bit. Counter-based: the
    words of Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) for key = seed and counter =
    (element // 4, sample, step), made normal in float64 by Box and Muller's transform. The
    channels of a step follow each other as further elements, so that the first channel does not
    depend on how many there are. States in float32 get what those in float64 get, rounded.

    Args:
        generator: of the seed; None draws it from torch's global state.
    """

    ahead = 16

    def __init__(self, generator: torch.Generator | None = None) -> None:
        device = "cpu" if generator is None else generator.device
        drawn = torch.randint(2**62, (), generator=generator, device=device)
        self._seed, self._first = int(drawn), 0

    def rows(self, first: int, last: int) -> Self:
        part = copy.copy(self)
        part._first = self._first + first
        return part

    def draw(self, step: int, count: int, channels: int, like: Tensor) -> Tensor:
        batch, event = like.shape[0], math.prod(like.shape[1:])
        normals = like.new_empty(count, channels, batch, event)
        blocks = -(-channels * event // 4)
        piece = _PIECE_CPU if like.device.type == "cpu" else _PIECE
        rows = max(1, piece // max(1, count * blocks))
        for first in range(0, batch, rows):
            last = min(first + rows, batch)
            own = self._elements(step, count, first, last, blocks, like.device)
            own = own[..., : channels * event].view(count, last - first, channels, event)
            normals[:, :, first:last] = own.movedim(2, 1)
        return normals.view(count, channels, *like.shape)

    def _elements(
        self, step: int, count: int, first: int, last: int, blocks: int, device: torch.device
    ) -> Tensor:
        """Float64 normals of a few samples, (count, last - first, 4 blocks)."""
        block = torch.arange(blocks, device=device)
        sample = torch.arange(self._first + first, self._first + last, device=device)[:, None]
        steps = torch.arange(step, step + count, device=device)[:, None, None]
        counter = (block, sample >> 32, sample & _WORD, steps)
        a, b, c, d = philox(counter, (self._seed & _WORD, self._seed >> 32))
        radius = _units(a, c).log_().mul_(-2).sqrt_()
        angle = _units(b, d).mul_(2 * math.pi)
        normals = torch.empty(*a.shape, 2, 2, dtype=torch.float64, device=device)
        pairs = normals.movedim(3, 0)
        torch.mul(radius, angle.cos(), out=pairs[..., 0])
        torch.mul(radius, angle.sin_(), out=pairs[..., 1])
        return normals.flatten(2)


def philox(
    counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four random words of 32 bits per counter: Philox4x32-10.

    Words are int64 between 0 and 2^32 - 1. Products wrap around at 64 bits, which leaves the bits
    of the unsigned product.

    Args:
        counter: four words, broadcastable to each other; what does not vary along a dimension is
            not expanded along it until the rounds mix it.
        key: two words.
    """
    a, b, c, d = counter
    for r in range(_ROUNDS):
        low, high = ((k + r * w) & _WORD for k, w in zip(key, _WEYL, strict=True))
        p, q = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        # The upper halves of b and d hold what is left of earlier products, until masked here.
        a = ((q >> 32) ^ b).bitwise_xor_(low).bitwise_and_(_WORD)
        c = ((p >> 32) ^ d).bitwise_xor_(high).bitwise_and_(_WORD)
        b, d = q, p
    return a, b & _WORD, c, d & _WORD


def _units(*words: Tensor) -> Tensor:
    """Float64 in (0, 1), at the middles of the words' intervals, (len(words), *shape)."""
    units = torch.empty(len(words), *words[0].shape, dtype=torch.float64, device=words[0].device)
    for unit, word in zip(units, words, strict=True):
        unit.copy_(word)
    return units.add_(0.5).mul_(2.0**-32)
