"""Embedding of labels."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.net.shape_checks import check_label, check_label_counts


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
        check_label_counts(classes, label_size)
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
            check_label(label, self.classes, self.label_size)
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
