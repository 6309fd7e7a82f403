"""What training data is: a law to draw fresh samples from, or a finite set of rows.

Batches are a pure function of (seed, step, rank), so that a resumed run sees exactly the batches
it would have seen.
"""

from __future__ import annotations

import abc
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.checks import check, check_open_interval, check_seed
from interpolants.data.standardize import check_finite_rows, moments
from interpolants.seeds import keyed_generator
from interpolants.space.base import Space
from interpolants.space.euclidean import EuclideanSpace

# Keys that keep the streams of training, held-out rows, splits and fits apart.
_TRAIN, _HELD_OUT, _SPLIT, _FIT = 1, 2, 3, 4


class Batch(NamedTuple):
    """Data of one step.

    Attributes:
        x1: data, shape (B, *event).
        label: class of each sample, shape (B,), or None.
        x0: the base sample that x1 is paired with, shape (B, *event), or None where the pair is
            made later by a coupling.
        mask: of series, which observations there are, bool, shape (B, T); x1 is zero at the
            others. All of them if None.
    """

    x1: Tensor
    label: Tensor | None = None
    x0: Tensor | None = None
    mask: Tensor | None = None


class Data(abc.ABC):
    """A source of data samples, in raw units.

    Attributes:
        event_shape: shape of one sample.
        shift, scale: shape `event_shape`, float32; networks see (x - shift) / scale of data in a
            Euclidean space. In another one they see what `chart_units` says.
    """

    event_shape: tuple[int, ...]
    shift: Tensor
    scale: Tensor

    @abc.abstractmethod
    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        """Batch number `step` of this rank, a pure function of its arguments."""

    @abc.abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws from the law (finite sets: training rows, with replacement)."""

    @abc.abstractmethod
    def held_out(self, n: int, seed: int) -> Batch:
        """At most `n` samples that training never sees, in an order fixed by `seed`."""

    @abc.abstractmethod
    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        """Two disjoint real samples of one size, at most `n` each: held-out rows to compare
        generated samples with, and others whose distance to them is the floor; `draw` numbers
        different choices."""

    @property
    @abc.abstractmethod
    def standardized(self) -> bool:
        """Whether `shift` and `scale` are the moments of the data."""

    @abc.abstractmethod
    def fitting_batch(self) -> Batch:
        """What is looked at once, before training: all training rows, or many draws of a law."""

    @abc.abstractmethod
    def known_rows(self) -> Tensor:
        """All rows there are, held-out ones too; of a law, those of `fitting_batch`."""

    def chart_units(self, space: Space) -> tuple[Tensor, Tensor]:
        """Shift and scale in the chart of a space, which is fitted on the training rows.

        They are `shift` and `scale` in a Euclidean space; in others the moments in the chart of
        standardized data, and 0 and 1 of data that are not.

        Raises:
            ValueError: if a row lies outside the space.
        """
        if space.euclidean:
            return self.shift, self.scale
        rows = self.fitting_batch().x1
        space.fit(rows)
        space.check(self.known_rows())
        if not self.standardized:
            return torch.zeros(self.event_shape), torch.ones(self.event_shape)
        return self.chart_moments(space, rows)

    def chart_moments(self, space: Space, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each coordinate in the chart of a space: of the rows,
        (N, *event), unless a law knows its own."""
        return moments(space.to_chart(rows))


class Distribution(Data):
    """A law that can be sampled without end.

    Leaves set `event_shape`, `shift` and `scale`, and implement `sample`, drawing from the given
    generator only, on its device, in float32.

    Attributes:
        num_fit_draws: size of a `fitting_batch`.
    """

    num_fit_draws = 10_000

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        return self.sample(size, keyed_generator(_TRAIN, seed, step, rank))

    def held_out(self, n: int, seed: int) -> Batch:
        return self.sample_unseen(n, keyed_generator(_HELD_OUT, seed))

    def sample_unseen(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws that training never sees: as `sample`, unless a law is made of finite parts
        some of which are held out."""
        return self.sample(n, generator)

    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        return self.held_out(n, 2 * draw).x1, self.held_out(n, 2 * draw + 1).x1

    @property
    def standardized(self) -> bool:
        return bool((self.shift != 0).any() or (self.scale != 1).any())

    def fitting_batch(self) -> Batch:
        return self.sample(self.num_fit_draws, keyed_generator(_FIT))

    def known_rows(self) -> Tensor:
        return self.fitting_batch().x1

    def units(self, standardize: bool) -> tuple[Tensor, Tensor]:
        """Shift and scale: the moments of many draws of a fixed key, or 0 and 1."""
        if not standardize:
            return torch.zeros(self.event_shape), torch.ones(self.event_shape)
        return moments(self.fitting_batch().x1)


class FiniteData(Data):
    """Rows in memory, split once into training and held-out rows.

    It serves rows made in a notebook as it is; the files next to it are constructors that read
    rows from somewhere.

    Args:
        x: all rows, shape (N, *event), N >= 2; kept in float32.
        label: the class of each row, shape (N,), or None.
        x0: the base sample that each row is paired with, of the shape of `x`, or None.
        mask: of series, which observations there are, bool, shape (N, T), or None.
        standardize: whether networks see each coordinate with the mean 0 and standard deviation 1
            of the training rows (constant coordinates are only shifted), or raw values.
        held_out_fraction: share of rows kept out of training, in (0, 1).
        split_seed: fixes which rows those are.
        is_held_out: the rows themselves, bool, shape (N,), in place of a random choice.

    Raises:
        ValueError: if there are fewer than two rows, a value is NaN or infinite, the labels, the
            base samples or the masks do not match the rows, or the split leaves a side empty.
    """

    def __init__(
        self,
        x: Tensor,
        label: Tensor | None = None,
        x0: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        is_held_out: Tensor | None = None,
    ) -> None:
        name = type(self).__name__
        check_open_interval(f"{name}.held_out_fraction", held_out_fraction, 0, 1)
        check_seed(f"{name}.split_seed", split_seed)
        rows = _checked_rows(name, x, label, x0, mask)
        if is_held_out is None:
            order = torch.randperm(len(x), generator=keyed_generator(_SPLIT, split_seed))
            num_held_out = min(max(1, round(held_out_fraction * len(x))), len(x) - 1)
        else:
            order, num_held_out = _held_out_first(name, is_held_out, len(x))
        self._held_out = _take(rows, order[:num_held_out])
        self._train = _take(rows, order[num_held_out:])
        self._epoch: tuple[int, int] | None = None
        self._order = torch.empty(0, dtype=torch.long)
        self.event_shape = tuple(x.shape[1:])
        self.shift, self.scale = torch.zeros(self.event_shape), torch.ones(self.event_shape)
        self._standardized = standardize
        if standardize:
            self.shift, self.scale = self.chart_moments(EuclideanSpace(), self._train.x1)

    @property
    def num_train(self) -> int:
        """Number of training rows."""
        return len(self._train.x1)

    @property
    def train_rows(self) -> Tensor:
        """All training rows, shape (num_train, *event)."""
        return self._train.x1

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        total = size * world_size
        check(
            total <= self.num_train,
            f"{type(self).__name__}.batch_size",
            f"at most the {self.num_train} training rows over all ranks",
            total,
            "lower batch_size",
        )
        epoch, k = divmod(step, self.num_train // total)
        start = k * total + rank * size
        return _take(self._train, self._epoch_order(seed, epoch)[start : start + size])

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        rows = torch.randint(self.num_train, (n,), generator=generator, device=generator.device)
        return _take(self._train, rows.to(self._train.x1.device))

    def held_out(self, n: int, seed: int) -> Batch:
        num_rows = len(self._held_out.x1)
        order = torch.randperm(num_rows, generator=keyed_generator(_HELD_OUT, seed))
        return _take(self._held_out, order[:n])

    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        size = min(n, len(self._held_out.x1), self.num_train)
        order = torch.randperm(self.num_train, generator=keyed_generator(_HELD_OUT, draw))
        return self.held_out(size, draw).x1, self._train.x1[order[:size]]

    @property
    def standardized(self) -> bool:
        return self._standardized

    def fitting_batch(self) -> Batch:
        return self._train

    def known_rows(self) -> Tensor:
        return torch.cat([self._train.x1, self._held_out.x1])

    def _epoch_order(self, seed: int, epoch: int) -> Tensor:
        """The order of the training rows in one epoch; the latest one is kept."""
        if self._epoch != (seed, epoch):
            generator = keyed_generator(_TRAIN, seed, epoch)
            self._order = torch.randperm(self.num_train, generator=generator)
            self._epoch = (seed, epoch)
        return self._order


def _checked_rows(
    name: str, x: Tensor, label: Tensor | None, x0: Tensor | None, mask: Tensor | None
) -> Batch:
    """All rows in float32, once they are known to fit together."""
    check(x.dim() >= 2, f"{name}.x", "shape (rows, *event)", tuple(x.shape))
    check(len(x) >= 2, f"{name}.x", "at least 2 rows", len(x))
    num_labels = len(x) if label is None else label.numel()
    rule = f"one label for each of {len(x)} rows"
    check(num_labels == len(x), f"{name}.label", rule, num_labels)
    x = x.float()
    check_finite_rows(f"{name}.x", x)
    if x0 is not None:
        check(x0.shape == x.shape, f"{name}.x0", f"shape {tuple(x.shape)}", tuple(x0.shape))
        x0 = x0.float()
        check_finite_rows(f"{name}.x0", x0)
    if mask is not None:
        fits = mask.dtype == torch.bool and mask.shape == x.shape[:2]
        rule = f"true and false of shape {tuple(x.shape[:2])}"
        check(fits, f"{name}.mask", rule, (mask.dtype, tuple(mask.shape)))
    return Batch(x, label, x0, mask)


def _held_out_first(name: str, is_held_out: Tensor, n: int) -> tuple[Tensor, int]:
    """The numbers of the rows, held-out ones first, and how many those are."""
    count = int(is_held_out.sum())
    fits = is_held_out.dtype == torch.bool and is_held_out.shape == (n,) and 0 < count < n
    check(fits, f"{name}.is_held_out", f"{n} times true or false, and both of them", count)
    return torch.cat([is_held_out.nonzero(), (~is_held_out).nonzero()]).flatten(), count


def _take(batch: Batch, rows: Tensor) -> Batch:
    return Batch._make(None if part is None else part[rows] for part in batch)
