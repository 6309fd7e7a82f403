"""The labels that a network was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from interpolants.data.standardize import moments
from interpolants.utils.checks import check, is_whole
from interpolants.utils.seeds import stream_rows

Label = int | Sequence[int] | Tensor
"""One class or vector for all samples, or one for each."""


@final
@dataclass(frozen=True, kw_only=True)
class Labels:
    """Classes or vectors, and how often they were withheld.

    Attributes:
        frequencies: of the classes 0, 1, ... in the training data; empty for vectors.
        size: length of a vector; 0 for classes.
        shift, scale: of the coordinates of vectors, which networks see as (c - shift) / scale; as
            they are if empty.
        dropout: share of training samples whose label was withheld. Above 0 the network knows the
            null label, "any", which classifier-free guidance needs.
    """

    frequencies: tuple[float, ...] = ()
    size: int = 0
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    dropout: float = 0.0

    @classmethod
    def of(cls, label: Tensor | None, dropout: float, classes: int = 0) -> Labels:
        """The labels of training data: whole numbers (N,), or vectors (N, C).

        Args:
            label: of all training data.
            dropout: share of samples whose label is to be withheld.
            classes: how many there are at least: some may be in held-out data only.

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

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Labels:
        """What `plain` gave."""
        parts: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()
        }
        return cls(**parts)

    def plain(self) -> dict[str, Any]:
        """The same as plain data, for a checkpoint."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def net_options(self) -> dict[str, int]:
        """What a network must be told when it is built."""
        return {"label_size": self.size} if self.size else {"classes": len(self.frequencies)}

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Classes as often as in the training data, (n,).

        Raises:
            ValueError: for vectors, whose law is not kept.
        """
        rule = "a vector for each sample, since their law is not known"
        check(not self.size, "Model.sample.label", rule, None)
        weights = torch.tensor(self.frequencies, device=generator.device)
        return torch.multinomial(weights, n, replacement=True, generator=generator)

    def of_first(self, label: Label, n: int) -> Label:
        """One label for all as it is; of one for each, those of the first n samples."""
        given = torch.as_tensor(label)
        return given[:n] if given.dim() > bool(self.size) else label

    def expanded(self, label: Label, n: int) -> Tensor:
        """The user's label as one for each of n samples.

        Raises:
            ValueError: if there is no such class, or another number of labels.
        """
        where, given = "Model.sample.label", torch.as_tensor(label)
        if self.size:
            shape = (n, self.size)
            fits = tuple(given.shape) in (shape, shape[1:])
            check(fits, where, f"shape {shape} or {shape[1:]}", tuple(given.shape))
            return given.float().expand(shape)
        whole = is_whole(label) or not (given.is_floating_point() or given.dtype == torch.bool)
        count = len(self.frequencies)
        inside = whole and bool(((given >= 0) & (given < count)).all())
        check(inside, where, f"classes 0 to {count - 1}", label)
        check(given.dim() == 0 or tuple(given.shape) == (n,), where, f"one, or {n} of them", label)
        return given.long().expand(n)


def labels_of(
    labels: Labels | None,
    label: Label | None,
    numbers: tuple[int, int],
    *key: int,
    given: bool,
) -> Tensor | None:
    """A label for each of the samples numbered so, (n,) or (n, C), on the host.

    Args:
        labels: that the network knows; none if None.
        label: the user's choice; drawn from the stream of `key` if None.
        numbers: of the first sample, and of the one after the last.
        given: whether the samples are given, so that there is nothing to draw: they get the null
            label, "any", which is None here.

    Raises:
        ValueError: if the network knows no labels, or not this one, or none was withheld.
    """
    where = "Model.sample.label"
    if labels is None:
        fix = "train with label_dropout=0.1"
        check(label is None, where, "none for a model without labels", label, fix)
        return None
    if label is not None:
        return labels.expanded(label, numbers[1] - numbers[0])
    if given:
        rule = "labels of the data, since none were withheld in training"
        check(labels.dropout > 0, where, rule, label)
        return None
    return stream_rows(labels.draw, *numbers, *key)


def network_labels(
    labels: Labels | None, label: Tensor | None, device: torch.device | None = None
) -> Tensor | None:
    """Labels as a network takes them: classes as they are, vectors in units of the training
    data's; None for a network that is not conditioned on labels."""
    if labels is None or label is None:
        return None
    label = label.to(device)
    if not labels.shift:
        return label
    return (label - label.new_tensor(labels.shift)) / label.new_tensor(labels.scale)
