"""Splits and orders of rows by their indices alone, computed one by one."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interpolants.data.base import HELD_OUT
from interpolants.utils.checks import check, is_number
from interpolants.utils.seeds import keyed_generator, keyed_seed

_Words = NDArray[np.uint64]

BLOCK = 2**14
"""Rows of which a fixed number is held out."""

_ROUNDS = 6
# Up to this size a list of all numbers is shuffled: ciphers on few bits are not random.
_SMALL = 2**13


@final
class IndexSplit:
    """Training and held-out rows chosen by a hash of their index, and of nothing else.

    Of each block of 16,384 consecutive rows the same number is held out. So the side of a row
    depends on its index and the seed: rows appended to a file leave all others where they are.
    Nothing is stored and no row is read, so that the split of any number of rows costs nothing.
    What a split by values promises besides is lost: equal rows may be on both sides, and a row
    that is removed moves those after it. Of fewer rows than a block the fraction is approximate.

    Args:
        where: class of the data, for error messages.
        total: number of rows.
        held_out_fraction: fraction of rows held out, in [6.2e-5, 1 - 6.2e-5].
        split_seed: another seed makes another choice.

    Raises:
        ValueError: if the fraction is out of range, or a side is empty.
    """

    def __init__(self, where: str, total: int, held_out_fraction: float, split_seed: int) -> None:
        least = 1 / BLOCK
        within = is_number(held_out_fraction) and least <= held_out_fraction <= 1 - least
        check(
            within,
            f"{where}.held_out_fraction",
            f"a number in [{least:.2g}, 1 - {least:.2g}] for rows that are chosen by their index",
            held_out_fraction,
        )
        held = round(held_out_fraction * BLOCK)
        self._key = (HELD_OUT, split_seed)
        self._full, rest = divmod(total, BLOCK)
        self._sizes = (BLOCK - held, held)
        last = permuted(torch.arange(BLOCK), BLOCK, *self._key, stream=torch.tensor(self._full))
        sides = (last[held:], last[:held])
        self._rest = tuple(side[side < rest] for side in sides)
        for side, name in enumerate(("training", "held-out")):
            rule, fix = f"at least one {name} row", "choose another fraction or split_seed"
            place = f"{where}.held_out_fraction"
            check(self.count(bool(side)) > 0, place, rule, held_out_fraction, fix)

    def count(self, held_out: bool) -> int:
        """Number of rows on one side."""
        return self._full * self._sizes[held_out] + len(self._rest[held_out])

    def places(self, numbers: Tensor, held_out: bool) -> Tensor:
        """Indices in the file of rows by their numbers on one side, int64, (B,)."""
        size = self._sizes[held_out]
        block, k = numbers // size, numbers % size
        offset = 0 if held_out else self._sizes[True]
        inside = permuted(k + offset, BLOCK, *self._key, stream=block)
        if len(self._rest[held_out]):
            beyond = (numbers - self._full * size).clamp(0, len(self._rest[held_out]) - 1)
            inside = torch.where(block < self._full, inside, self._rest[held_out][beyond])
        return block.clamp(max=self._full) * BLOCK + inside


def permuted(numbers: Tensor, n: int, *key: int, stream: Tensor | None = None) -> Tensor:
    """Images of numbers under a random permutation of 0, ..., n - 1.

    As a list, a permutation of 10^9 numbers would need 8 GB. Beyond 8192 this one is a Feistel
    cipher on the least even number of bits that holds n, applied until the result is below n (M.
    Luby and C. Rackoff, How to construct pseudorandom permutations, 1988; J. Black and P. Rogaway,
    Ciphers with arbitrary finite domains, 2002).

    Args:
        numbers: whole numbers from 0 to n - 1, int64, (B,).
        n: size of the permutation.
        key: as of `interpolants.utils.seeds.keyed_generator`; it fixes the permutation.
        stream: number of the permutation among those of the key, for each number, or one.
    """
    if n <= _SMALL and stream is None:
        return torch.randperm(n, generator=keyed_generator(*key))[numbers]
    half = np.uint64(max(1, ((n - 1).bit_length() + 1) // 2))
    low = (np.uint64(1) << half) - np.uint64(1)
    streams = np.zeros(1) if stream is None else stream.numpy()
    mixed = _mixed(np.broadcast_to(streams, numbers.shape).astype(np.uint64))
    words = numbers.numpy().astype(np.uint64)
    outside = np.ones(len(words), dtype=bool)
    keys = [np.uint64(keyed_seed(*key, k)) for k in range(_ROUNDS)]
    while outside.any():
        left, right = words[outside] >> half, words[outside] & low
        for round_key in keys:
            left, right = right, left ^ (_mixed(right + mixed[outside] + round_key) & low)
        words[outside] = (left << half) | right
        outside = words >= np.uint64(n)
    return torch.from_numpy(words.astype(np.int64))


def _mixed(x: _Words) -> _Words:
    """Finaliser of SplitMix64, a bijection of words of 64 bits in which every bit counts."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
