"""Embedding of labels."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.utils.checks import check, is_whole


@final
class LabelEmbedding(nn.Module):
    """Learned vectors of the classes and of the null label, or a linear map of label vectors.

    Args:
        classes: number of classes 0, 1, ..., or 0.
        label_size: length of label vectors, or 0.
        features: length of the output.

    Raises:
        ValueError: if a number is negative, or both classes and vectors are given.
    """

    def __init__(self, *, classes: int, label_size: int, features: int) -> None:
        super().__init__()
        counts = {"classes": classes, "label_size": label_size}
        for name, value in counts.items():
            check(is_whole(value) and value >= 0, f"net.{name}", "a whole number >= 0", value)
        check(not (classes and label_size), "net.label_size", "0 beside classes", label_size)
        self.classes, self.label_size = classes, label_size
        if classes:
            self.table = nn.Embedding(classes + 1, features)
            nn.init.normal_(self.table.weight, std=0.1)
        elif label_size:
            self.map = nn.Linear(label_size, features)
            self.null = nn.Parameter(torch.zeros(features))

    def forward(self, condition: Condition | None) -> Tensor | None:
        """Features of the labels, (B, F), or of the null label, (1, F); None without labels.

        Raises:
            ValueError: if the labels are of another kind, or the network was built without labels.
        """
        label = None if condition is None else condition.label
        dropped = None if condition is None else condition.dropped
        if label is not None:
            self._check(label)
        if not (self.classes or self.label_size):
            return None
        if label is None:
            return self.table.weight[-1:] if self.classes else self.null[None]
        if self.classes:
            label = label if dropped is None else torch.where(dropped, self.classes, label)
            features: Tensor = self.table(label)
            return features
        features = self.map(label.to(self.map.weight.dtype))
        return features if dropped is None else torch.where(dropped[:, None], self.null, features)

    def _check(self, label: Tensor) -> None:
        """Require labels of the right kind, by dtype and shape, which need no transfer."""
        whole = label.dtype in (torch.int32, torch.int64)
        if self.classes:
            rule = "class numbers (B,)"
            fits = whole and label.dim() == 1
        elif self.label_size:
            rule = f"vectors (B, {self.label_size})"
            sized = label.dim() == 2 and label.shape[1] == self.label_size
            fits = sized and label.is_floating_point()
        else:
            rule, fits = "none for a network that was built without", False
        check(fits, "net.label", rule, (label.dtype, tuple(label.shape)))
