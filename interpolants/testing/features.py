"""The contract of features."""

from __future__ import annotations

import torch

from interpolants.data.images import Images, LabelledImages
from interpolants.metric.features.base import Features
from interpolants.testing.common import require, require_close
from interpolants.utils.seeds import keyed_generator

_TRAIN, _HELD_OUT = 32, 24


def check_features(features: Features) -> None:
    """A map of each sample by itself, the same whenever it is fitted to the same data, under a
    name that stays.

    It is fitted to a few small grey images of two classes.
    """
    data = _images()
    features.fit(data)
    x, name = data.held_out(_HELD_OUT, 0).x1, features.name
    given = x.clone()
    found = features(x)
    require(torch.equal(x, given), "the samples were changed")
    require(found.dim() == 2 and len(found) == len(x), f"shape {tuple(found.shape)}")
    require(found.dtype == torch.float32, f"features of {found.dtype}")
    require(not found.requires_grad and found.device.type == "cpu", "features with a graph")
    require(bool(found.var(dim=0).any()), "all samples have the same features")
    for some in (slice(0, 1), slice(5, 12)):
        require_close(features(x[some]), found[some], "a part of the samples", 1e-5)
    trained = features.of_training(data)
    rows = data.rows(torch.arange(_TRAIN)).x1
    require_close(trained, features(rows), "features of training data", 1e-5)
    features.fit(_images())
    require(features.name == name and name.count("\n") == 0, f"{name!r} became {features.name!r}")
    require_close(features(x), found, "fitted once more", 1e-6)


def _images() -> Images:
    """Noise, brighter in the upper half of the first class."""
    generator = keyed_generator(12)
    sides = []
    for n in (_TRAIN, _HELD_OUT):
        label = torch.arange(n) % 2
        x = torch.randint(0, 128, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
        x[label == 0, :, :4] += 100
        sides.append(LabelledImages(x, label))
    return Images(*sides)
