"""Data sets that stay outside of memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from interpolants.data.base import (
    FIT,
    HELD_OUT,
    TRAIN,
    Batch,
    checked_labels,
    count_classes,
    same_label,
)
from interpolants.data.fingerprint import MOST_BYTES
from interpolants.data.index_split import IndexSplit, permuted
from interpolants.data.pixels import as_bytes, byte_scale, channels_first, dequantised, mirrored
from interpolants.data.reading import as_rows
from interpolants.data.row_source import Rows, RowSource
from interpolants.data.split_data import SplitData
from interpolants.data.standardize import check_finite_rows, check_precise, moments
from interpolants.utils.checks import check, check_count, check_seed
from interpolants.utils.describe import digest
from interpolants.utils.log import to_stderr
from interpolants.utils.ranks import Ranks

# Rows of one label are searched for among this many times as many rows.
_MOST_CHUNKS, _CHUNK = 100, 256


class LargeData(SplitData):
    """Rows read by index when a batch needs them, from a source of any size.

    The cost at the start does not grow with the number of rows. Moments, precision, classes and
    the fingerprint are those of a sample of rows on each side; rows are held out by their index
    (`IndexSplit`); the order of an epoch is computed number by number. Every batch is checked for
    finite values and known classes. A change of rows outside of the sample is not noticed when a
    run is continued.

    Args:
        source: the rows.
        pixels: whether rows are images, (H, W), (H, W, C) or (C, H, W) with C = 1, 3 or 4, of
            bytes, whole numbers from 0 to 255 or real numbers from 0 to 1. Batches then hold whole
            numbers from 0 to 255, and networks see -1 to 1.
        flip: whether to mirror a random half of the images of each training batch.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1, unless
            rows are pixels.
        held_out_fraction, split_seed: as of `IndexSplit`.
        sample_rows: largest number of rows in the sample of each side; at most 64 MB of them.
        num_classes: number of classes; one more than the largest in the sample if None.

    Raises:
        ValueError: if there are fewer than two rows, those of the sample are not finite numbers, a
            side of the split is empty, or rows that are not standardized need float64.
    """

    def __init__(
        self,
        source: RowSource,
        *,
        pixels: bool = False,
        flip: bool = False,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        sample_rows: int = 10_000,
        num_classes: int | None = None,
    ) -> None:
        name = type(self).__name__
        check_seed(f"{name}.split_seed", split_seed)
        check_count(f"{name}.sample_rows", sample_rows)
        check(pixels or not flip, f"{name}.flip", "false without pixels=true", flip)
        if num_classes is not None:
            check_count(f"{name}.num_classes", num_classes)
        check(len(source) >= 2, source.where, f"at least 2 rows in {source.place}", len(source))
        self._source, self._pixels, self._flip = source, pixels, flip
        self.columns, self.classes = source.columns, source.classes
        self._split = IndexSplit(name, len(source), held_out_fraction, split_seed)
        size = max(1, source.fetch(np.zeros(1, dtype=np.int64))[0].nbytes)
        self._most = max(2, min(sample_rows, MOST_BYTES // size))
        self._standardized = standardize and not pixels
        self._fit(name, num_classes)
        if Ranks.of_environment().rank == 0:
            to_stderr(self._described(name))

    def rows(self, numbers: Tensor, *, held_out: bool = False) -> Batch:
        places = self._split.places(numbers, held_out)
        return self._checked(places, *self._source.fetch(places.numpy()))

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        batch = super().train_batch(step, size, seed, rank, world_size)
        x1 = mirrored(batch.x1, step, seed, rank, world_size) if self._flip else batch.x1
        return batch._replace(x1=x1)

    def count(self, *, held_out: bool = False) -> int:
        return self._split.count(held_out)

    def labels(self, *, held_out: bool = False) -> Tensor | None:
        """Labels of the rows in the sample of one side; None without labels."""
        return self._samples[held_out].label

    @property
    def num_classes(self) -> int:
        return self._num_classes

    @property
    def standardized(self) -> bool:
        return self._standardized

    def fitting_batch(self) -> Batch:
        """Training rows of the sample."""
        return self._samples[False]

    def known_rows(self) -> Iterator[Tensor]:
        yield from (sample.x1 for sample in self._samples)

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return dequantised(x, generator) if self._pixels else x

    def content(self, held_out: bool) -> str:
        """Hash of the rows and labels in the sample of one side."""
        return digest(self._samples[held_out]._asdict())

    def _fit(self, name: str, num_classes: int | None) -> None:
        """Read the sample, and take from it precision, classes and units."""
        source = self._source
        places = [self._sampled(side) for side in (False, True)]
        raw = [source.fetch(each.numpy()) for each in places]
        self._scale = byte_scale(source.where, raw[0][0], source.place) if self._pixels else 1.0
        self._dtype = torch.float32 if self._pixels else _precision(name, source, raw[0][0])
        self._num_classes = _classes(source, raw) if num_classes is None else num_classes
        self._samples = tuple(
            self._checked(each, *parts) for each, parts in zip(places, raw, strict=True)
        )
        rows = self._samples[False].x1
        self.event_shape = tuple(rows.shape[1:])
        self.shift, self.scale = torch.zeros(self.event_shape), torch.ones(self.event_shape)
        if self._pixels:
            self.shift, self.scale = self.shift + 127.5, self.scale * 127.5
        elif self._standardized:
            self.shift, self.scale = moments(rows)
        else:
            check_precise(f"{name}.standardize", rows)

    def _sampled(self, held_out: bool) -> Tensor:
        """Indices of the sample of one side, ascending, as they are read fastest."""
        count = self.count(held_out=held_out)
        numbers = permuted(torch.arange(min(self._most, count)), count, FIT, held_out)
        return self._split.places(numbers, held_out).sort()[0]

    def _checked(self, places: Tensor, x: Rows, labels: Rows | None) -> Batch:
        """Batch of finite rows with known classes."""
        where, rows = self._source.where, self._values(x)
        check_finite_rows(where, rows, places)
        return Batch(rows, None if labels is None else self._known(labels, places))

    def _values(self, x: Rows) -> Tensor:
        where = self._source.where
        if self._pixels:
            if not (self._source.first and x.ndim == 4):
                x = channels_first(where, x, self._source.place)
            return torch.from_numpy(as_bytes(where, x, self._scale).astype(np.float32))
        with np.errstate(over="ignore"):
            wide = self._dtype == torch.float64
            rows = torch.from_numpy(x.astype(np.float64 if wide else np.float32))
        return rows.unsqueeze(1) if rows.dim() == 1 else rows

    def _known(self, labels: Rows, places: Tensor) -> Tensor:
        """Checked labels of a batch."""
        where = self._source.where
        if labels.dtype.kind == "f":
            vectors = torch.from_numpy(labels.astype(np.float32))
            check_finite_rows(where, vectors, places)
            return vectors
        label = torch.from_numpy(labels.astype(np.int64))
        bad = (label < 0) | (label >= self._num_classes)
        k = int(bad.to(torch.uint8).argmax()) if len(label) else 0
        rule = f"classes 0 to {self._num_classes - 1}, the largest in the sample"
        fix = "set num_classes to the number of all classes"
        got = f"{int(label[k])} in row {int(places[k])}, counted from 0" if len(label) else ""
        check(not bad.any(), where, rule, got, fix)
        return label

    def _ordered(self, n: int, held_out: bool, seed: int, label: Tensor | None = None) -> Tensor:
        count = self.count(held_out=held_out)
        if label is None or self.labels() is None:
            return permuted(torch.arange(min(n, count)), count, HELD_OUT, seed)
        found, size = [], max(n, _CHUNK)
        for first in range(0, min(count, _MOST_CHUNKS * size), size):
            order = torch.arange(first, min(first + size, count))
            order = permuted(order, count, HELD_OUT, seed)
            places = self._split.places(order, held_out)
            labels = self._source.labels(places.numpy())
            assert labels is not None
            found.append(order[same_label(self._known(labels, places), label)])
            if sum(map(len, found)) >= n:
                break
        return torch.cat(found)[:n]

    def _of_epoch(self, seed: int, epoch: int, first: int, last: int) -> Tensor:
        return permuted(torch.arange(first, last), self.num_train, TRAIN, seed, epoch)

    def _described(self, name: str) -> str:
        known = " and ".join(str(len(sample.x1)) for sample in self._samples)
        counts = f"{self.num_train} training and {self.count(held_out=True)} held-out rows"
        text = f"{counts} by index; units, classes and fingerprint from {known} of them"
        return f"{name}: {text} (sample_rows), every batch is checked"


def _precision(name: str, source: RowSource, x: Rows) -> torch.dtype:
    """Precision that distinguishes the rows of a sample.

    Raises:
        ValueError: if they are not real numbers.
    """
    if x.dtype.kind in "fiub":
        if np.can_cast(x.dtype, np.float32):
            return torch.float32
        # What is not finite is reported with its row.
        finite = np.isfinite(x.reshape(len(x), -1)).all(axis=1)
        x = x[finite] if finite.sum() >= 2 else np.zeros((2, 1))
    return as_rows(name, x, source.place).dtype


def _classes(source: RowSource, raw: list[tuple[Rows, Rows | None]]) -> int:
    """Number of classes in a sample, or 0.

    Raises:
        ValueError: if its labels are neither classes nor vectors.
    """
    found = []
    for x, labels in raw:
        if labels is not None:
            known = labels.dtype.kind in "iuf"
            rule, fix = "labels that are numbers", "number the classes 0, 1, ..."
            check(known, source.where, rule, str(labels.dtype), fix)
            wide = np.float64 if labels.dtype.kind == "f" else np.int64
            found.append(
                checked_labels(source.where, torch.from_numpy(labels.astype(wide)), len(x))
            )
    return max(count_classes(*found), len(source.classes))
