"""Labels that networks are conditioned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from interpolants.data.standardize import moments
from interpolants.utils.checks import check, is_whole
from interpolants.utils.seeds import stream_rows

Label = int | Sequence[int] | Tensor
"""Classes or vectors: one for all samples, or one for each."""


@final
@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels that a network was trained with, classes or vectors, and their dropout.

    Attributes:
        frequencies: frequencies of the classes 0, 1, ... in the training data; empty for vectors.
        size: length of a vector; 0 for classes.
        shift, scale: scaling of vectors, whose network input is (c - shift) / scale; no scaling if
            empty.
        dropout: fraction of training samples whose label was dropped. Above 0 the network is also
            unconditional, as classifier-free guidance needs it.

    Raises:
        ValueError: if the frequencies are not those of classes, or the scaling not one of vectors
            of that size.
    """

    frequencies: tuple[float, ...] = ()
    size: int = 0
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("frequencies", "shift", "scale"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        shares = self.frequencies
        good = all(share >= 0 for share in shares) and (sum(shares) > 0 or not shares)
        check(good, "Labels.frequencies", "numbers >= 0, not all 0", shares)
        known = bool(shares) != (self.size > 0) and self.size >= 0
        check(known, "Labels.size", "a number > 0 for vectors, and 0 for classes", self.size)
        fits = {len(self.shift), len(self.scale)} in ({0}, {self.size}) and 0 not in self.scale
        rule = f"{self.size} numbers, as in the shift, none of them 0"
        check(fits, "Labels.scale", rule, self.scale)

    @classmethod
    def of(cls, label: Tensor | None, dropout: float, classes: int = 0) -> Labels:
        """Describe the labels of training data.

        Args:
            label: labels of all training data, whole numbers (N,) or vectors (N, C).
            dropout: fraction of samples whose label is dropped.
            classes: minimal number of classes, since some may occur only in held-out data.

        Raises:
            ValueError: if there are none, the dropout is not in [0, 1), or a class is negative.
        """
        fits = isinstance(dropout, (int, float)) and 0 <= dropout < 1
        check(fits, "label_dropout", "null, or a number in [0, 1)", dropout)
        fix = "choose data with labels, or label_dropout=null"
        check(label is not None, "label_dropout", "data with labels", label, fix)
        assert label is not None
        if label.is_floating_point():
            check(label.dim() == 2, "label", "vectors of shape (N, C)", tuple(label.shape))
            shift, scale = (tuple(part.tolist()) for part in moments(label))
            return cls(size=label.shape[1], shift=shift, scale=scale, dropout=dropout)
        known = label.dim() == 1 and bool((label >= 0).all())
        check(known, "label", "classes 0, 1, ..., one for each sample", tuple(label.shape))
        counts = torch.bincount(label.long(), minlength=classes).double()
        return cls(frequencies=tuple((counts / counts.sum()).tolist()), dropout=dropout)

    def __str__(self) -> str:
        kind = f"vectors of {self.size}" if self.size else f"{len(self.frequencies)} classes"
        return f"{kind}, dropped in {self.dropout:.0%} of training"

    def plain(self) -> dict[str, Any]:
        """Convert to plain data, for a checkpoint: the arguments of the constructor."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def net_options(self) -> dict[str, int]:
        """Constructor arguments for a network with these labels."""
        return {"label_size": self.size} if self.size else {"classes": len(self.frequencies)}

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw classes with their frequencies in the training data, (n,).

        Raises:
            ValueError: for vectors, whose distribution is not stored.
        """
        rule = "a vector for each sample, since their distribution is not stored"
        check(not self.size, "Model.sample.label", rule, None)
        weights = torch.tensor(self.frequencies, device=generator.device)
        return torch.multinomial(weights, n, replacement=True, generator=generator)

    def of_first(self, label: Label, n: int) -> Label:
        """Labels of the first n samples; a label for all samples is unchanged."""
        values = torch.as_tensor(label)
        return values[:n] if values.dim() > bool(self.size) else label

    def one(self, label: Label) -> Tensor | None:
        """Class, 0-d, or vector, (C,), that all samples are asked to have; None if they differ."""
        values = torch.as_tensor(label)
        values = values.float() if self.size else values.long()
        if values.dim() == bool(self.size):
            return values
        return values[0] if bool((values == values[0]).all()) else None

    def expanded(self, label: Label, n: int) -> Tensor:
        """Expand the user's label to one for each of n samples.

        Raises:
            ValueError: if there is no such class, or another number of labels.
        """
        where, values = "Model.sample.label", torch.as_tensor(label)
        if self.size:
            shape = (n, self.size)
            fits = tuple(values.shape) in (shape, shape[1:])
            check(fits, where, f"shape {shape} or {shape[1:]}", tuple(values.shape))
            return values.float().expand(shape)
        whole = is_whole(label) or not (values.is_floating_point() or values.dtype == torch.bool)
        count = len(self.frequencies)
        inside = whole and bool(((values >= 0) & (values < count)).all())
        check(inside, where, f"classes 0 to {count - 1}", label)
        single = values.dim() == 0
        check(single or tuple(values.shape) == (n,), where, f"one, or {n} of them", label)
        return values.long().expand(n)


def labels_of(
    labels: Labels | None,
    label: Label | None,
    numbers: tuple[int, int],
    *key: int,
    from_data: bool,
) -> Tensor | None:
    """Labels of a range of samples, (n,) or (n, C), on the host.

    Args:
        labels: labels of the network; None for a network without labels.
        label: the user's choice; drawn from the stream of `key` if None.
        numbers: number of the first sample, and of the one after the last.
        key: as of `interpolants.utils.seeds.keyed_generator`.
        from_data: whether the samples are data or start from data, so that labels are not drawn:
            without a `label` they are unconditional, and the result is None.

    Raises:
        ValueError: if the network has no labels, or not this one, or was trained without dropout.
    """
    where = "Model.sample.label"
    if labels is None:
        fix = "train with label_dropout=0.1"
        check(label is None, where, "none for a model without labels", label, fix)
        return None
    if label is not None:
        return labels.expanded(label, numbers[1] - numbers[0])
    if from_data:
        rule = "labels of the data, since none were dropped in training"
        check(labels.dropout > 0, where, rule, label)
        return None
    return stream_rows(labels.draw, *numbers, *key)


def network_labels(
    labels: Labels | None, label: Tensor | None, device: torch.device | None = None
) -> Tensor | None:
    """Convert labels to the network's input: classes unchanged, vectors scaled.

    The result is None for a network without labels, and without a label.
    """
    if labels is None or label is None:
        return None
    label = label.to(device)
    if not labels.shift:
        return label
    return (label - label.new_tensor(labels.shift)) / label.new_tensor(labels.scale)
