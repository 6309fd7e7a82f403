"""Labels that networks are conditioned on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interpolants.data.categories import as_number, nearest, number_name
from interpolants.data.standardize import moments
from interpolants.utils.checks import check, is_whole
from interpolants.utils.seeds import stream_rows

Label = int | str | Sequence[int] | Sequence[str] | Tensor
"""Classes or vectors: one for all samples, or one for each.

A class is asked for by its name, or by its number 0, 1, ... if no name is a number. A tensor of
classes has their numbers, as `Samples.label`.
"""

_WHERE = "Model.sample.label"
# More names are not listed in a line.
_FEW = 10


@final
@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels that a network was trained with, classes or vectors, and their dropout.

    Attributes:
        frequencies: frequencies of the classes 0, 1, ... in the training data; empty for vectors.
        names: names of the classes, by which samples are asked for; empty if they have none.
        columns: names of the columns of labels in the user's data, if they have some.
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
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    size: int = 0
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("frequencies", "names", "columns", "shift", "scale"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        shares = self.frequencies
        good = all(share >= 0 for share in shares) and (sum(shares) > 0 or not shares)
        check(good, "Labels.frequencies", "numbers >= 0, not all 0", shares)
        fits = len(set(self.names)) == len(self.names) and len(self.names) in (0, len(shares))
        check(fits, "Labels.names", f"{len(shares)} different names, or none", self.names)
        known = bool(shares) != (self.size > 0) and self.size >= 0
        check(known, "Labels.size", "a number > 0 for vectors, and 0 for classes", self.size)
        fits = {len(self.shift), len(self.scale)} in ({0}, {self.size}) and 0 not in self.scale
        rule = f"{self.size} numbers, as in the shift, none of them 0"
        check(fits, "Labels.scale", rule, self.scale)

    @classmethod
    def of(
        cls,
        label: Tensor | None,
        dropout: float,
        classes: int = 0,
        names: Sequence[str] = (),
        columns: Sequence[str] = (),
    ) -> Labels:
        """Describe the labels of training data, with a warning if classes are as many as rows.

        Args:
            label: labels of all training data, whole numbers (N,) or vectors (N, C).
            dropout: fraction of samples whose label is dropped.
            classes: minimal number of classes, since some may occur only in held-out data.
            names: names of the classes, if they have some.
            columns: names of the columns of labels, if they have some.

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
            return cls(
                columns=tuple(columns),
                size=label.shape[1],
                shift=shift,
                scale=scale,
                dropout=dropout,
            )
        known = label.dim() == 1 and bool((label >= 0).all())
        check(known, "label", "classes 0, 1, ..., one for each sample", tuple(label.shape))
        least = max(classes, len(names))
        counts = torch.bincount(label.long(), minlength=least).double()
        _warn_of_many(len(counts), len(label))
        return cls(
            frequencies=tuple((counts / counts.sum()).tolist()),
            names=tuple(names),
            columns=tuple(columns),
            dropout=dropout,
        )

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
        check(not self.size, _WHERE, rule, None)
        weights = torch.tensor(self.frequencies, device=generator.device)
        return torch.multinomial(weights, n, replacement=True, generator=generator)

    def mapping(self) -> str:
        """Line that says which name each class has; empty if they have none."""
        if not self.names:
            return ""
        shown = [f"{k} is {name!r}" for k, name in enumerate(self.names[:_FEW])]
        rest = len(self.names) - len(shown)
        what = self.columns[0] if self.columns else "label"
        return f"classes of {what}: {', '.join(shown)}{f', and {rest} more' if rest else ''}"

    def name_of(self, label: Tensor) -> str:
        """Name of a class, 0-d, or numbers of a vector, (C,)."""
        if self.size:
            return ", ".join(f"{value:g}" for value in label.tolist())
        return self.names[int(label)] if self.names else str(int(label))

    def table(self, label: Tensor) -> dict[str, NDArray[Any]]:
        """Columns of labels by name: names of classes, or numbers of vectors.

        Args:
            label: classes, (n,), or vectors, (n, C).
        """
        values = label.detach().cpu().numpy()
        if self.size:
            known = len(self.columns) == self.size
            names = self.columns if known else [f"label{k}" for k in range(self.size)]
            return dict(zip(names, values.T, strict=True))
        name = self.columns[0] if self.columns else "label"
        return {name: np.array(self.names)[values] if self.names else values}

    def of_first(self, label: Label, n: int) -> Label:
        """Labels of the first n samples; a label for all samples is unchanged."""
        values = self._values(label)
        return values[:n] if values.dim() > bool(self.size) else label

    def one(self, label: Label) -> Tensor | None:
        """Class, 0-d, or vector, (C,), that all samples are asked to have; None if they differ."""
        values = self._values(label)
        values = values.float() if self.size else values.long()
        if values.dim() == bool(self.size):
            return values
        return values[0] if bool((values == values[0]).all()) else None

    def expanded(self, label: Label, n: int) -> Tensor:
        """Expand the user's label to one for each of n samples.

        Raises:
            ValueError: if there is no such class, or another number of labels.
        """
        values = self._values(label)
        if self.size:
            shape = (n, self.size)
            fits = tuple(values.shape) in (shape, shape[1:])
            check(fits, _WHERE, f"shape {shape} or {shape[1:]}", tuple(values.shape))
            return values.float().expand(shape)
        single = values.dim() == 0
        check(single or tuple(values.shape) == (n,), _WHERE, f"one, or {n} of them", label)
        return values.long().expand(n)

    def _values(self, label: Label) -> Tensor:
        """Numbers of the classes of the user's label, or its vectors."""
        if self.size:
            numeric = not isinstance(label, str)
            check(numeric, _WHERE, f"a vector of {self.size} numbers", label)
            return torch.as_tensor(label)
        if isinstance(label, np.ndarray):
            label = label.tolist()
        if not isinstance(label, Tensor):
            if isinstance(label, Sequence) and not isinstance(label, str):
                return torch.tensor(self._class_numbers(label), dtype=torch.int64)
            return torch.tensor(self._class_numbers([label])[0])
        count = len(self.frequencies)
        whole = not (label.is_floating_point() or label.dtype == torch.bool)
        inside = whole and bool(((label >= 0) & (label < count)).all())
        check(inside, _WHERE, f"classes 0 to {count - 1}", label)
        return label

    def _class_numbers(self, asked: Sequence[Any]) -> list[int]:
        """Numbers of classes that are asked for by name or number."""
        rank = {name: k for k, name in enumerate(self.names)}
        by_number = all(as_number(name) is None for name in rank)
        found = []
        for value in asked:
            number = rank.get(str(value), rank.get(number_name(value)))
            if number is None and isinstance(value, bool):
                number = rank.get(str(value).lower())
            if number is None and by_number and is_whole(value):
                number = int(value) if 0 <= value < len(self.frequencies) else None
            if number is None:
                self._refuse(value)
            else:
                found.append(number)
        return found

    def _refuse(self, value: object) -> None:
        if not self.names:
            check(False, _WHERE, f"classes 0 to {len(self.frequencies) - 1}", value)
        count = len(self.names)
        shown = ", ".join(self.names) if count <= _FEW else f"{count} classes"
        check(False, _WHERE, f"one of {shown}", value, nearest(str(value), self.names))


def _warn_of_many(classes: int, rows: int) -> None:
    """Warn of labels that are hardly ever the same."""
    if 2 * classes > rows:
        fix = "for numbers use vectors, label=[name]; else choose another column"
        text = f"{classes} classes for {rows} training rows, so that no class is learned"
        warnings.warn(f"label: {text}; {fix}", stacklevel=4)


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
    if labels is None:
        fix = "train with label_dropout=0.1"
        check(label is None, _WHERE, "none for a model without labels", label, fix)
        return None
    if label is not None:
        return labels.expanded(label, numbers[1] - numbers[0])
    if from_data:
        rule = "labels of the data, since none were dropped in training"
        check(labels.dropout > 0, _WHERE, rule, label)
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
