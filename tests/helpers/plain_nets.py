"""Networks of other code bases: modules that know nothing of this package."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import torch
from torch import nn


class PlainMLP(nn.Module):
    """Multilayer perceptron of rows, called as (x, t) or (x, t, y)."""

    def __init__(self, dim=2, out=2, classes=None, width=8, fill=None):
        super().__init__()
        self.into = nn.Linear(dim + 1, width)
        self.classes = nn.Embedding(classes, width) if classes else None
        self.out = nn.Linear(width, out)
        if fill is not None:
            for weight in self.parameters():
                nn.init.constant_(weight, fill)

    def forward(self, x, t, y=None):
        h = self.into(torch.cat([x, t[:, None]], dim=1))
        if self.classes is not None:
            h = h + self.classes(y)
        return self.out(torch.tanh(h))


class PlainRows(nn.Module):
    """Multilayer perceptron of flattened states of any shape, with classes or label vectors."""

    def __init__(self, event_shape, heads, classes, label_size):
        super().__init__()
        size = torch.Size(event_shape).numel()
        self.shape = (heads, *event_shape)
        self.inner = PlainMLP(size, heads * size, classes)
        self.vectors = nn.Linear(label_size, size) if label_size else None

    def forward(self, x, t, y=None):
        x = x.flatten(1)
        x = x if self.vectors is None else x + self.vectors(y)
        return self.inner(x, t, y).unflatten(1, self.shape)


class TimeFirst(PlainMLP):
    """The same, called as (t, x)."""

    def forward(self, t, x):
        return super().forward(x, t)


class PlainConv(nn.Module):
    """Convolutions with the calling convention of diffusers, down to the object they return."""

    def __init__(self, in_channels=1, out_channels=1, num_class_embeds=None, width=8):
        super().__init__()
        self.into = nn.Conv2d(in_channels, width, 3, padding=1)
        self.time = nn.Linear(1, width)
        self.classes = nn.Embedding(num_class_embeds, width) if num_class_embeds else None
        self.out = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        features = self.time(timestep[:, None] / 1000)
        if self.classes is not None:
            features = features + self.classes(class_labels)
        maps = self.into(sample) + features[:, :, None, None]
        found = self.out(nn.functional.silu(maps))
        return SimpleNamespace(sample=found) if return_dict else (found,)


class Dropping(PlainMLP):
    """Drops by a function, which no search for modules finds, and fails when `left` is used up."""

    left: ClassVar[int | None] = None

    def forward(self, x, t, y=None):
        if Dropping.left is not None and self.training:
            Dropping.left -= 1
            if Dropping.left < 0:
                raise RuntimeError("the power is gone")
        return super().forward(nn.functional.dropout(x, 0.2, self.training), t, y)


class Recorder(nn.Module):
    """Keeps what it was called with, and returns what it was built for."""

    def __init__(self, result=None, **sizes):
        super().__init__()
        self.result, self.sizes = result, sizes
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs
        return self.result(*args, **kwargs) if callable(self.result) else self.result
