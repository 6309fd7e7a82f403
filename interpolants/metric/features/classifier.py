"""Features of a classifier of the training data."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from interpolants.data.base import TRAIN, Batch, Data
from interpolants.data.split_data import SplitData
from interpolants.metric.features.base import FOLDER, Features, training_chunks, training_hash
from interpolants.metric.features.cache import cached
from interpolants.utils.checks import check, check_seed
from interpolants.utils.seeds import keyed_generator

_WIDTH, _BATCH, _RATE = 64, 128, 3e-3
_EPOCHS, _LEAST_STEPS = 3, 1_500
_VERSION = 1


class _Trained(TypedDict):
    """Content of a file in the cache."""

    weights: Mapping[str, Tensor]
    scale: float
    accuracy: float


@final
class ClassifierFeatures(Features):
    """The 64 features of a small convolutional classifier, trained on the user's data.

    Three convolutions (32, 64 and 64 channels; the first and the last with stride 2) and a layer
    of 64, whose outputs after the ReLU are the features, divided by a constant so that those of
    the training rows have a covariance of trace 64. The classifier was fitted to the same data as
    the model: read distances beside their floor.

    The classifier is trained once, by the first `fit`, and cached in `folder` under a hash of the
    training rows, their labels and the settings.

    Args:
        folder: cache of classifiers; ~/.cache/interpolants/features if None.
        seed: seed of the weights and the batches.
    """

    def __init__(self, *, folder: str | None = None, seed: int = 0) -> None:
        check_seed("ClassifierFeatures.seed", seed)
        self.folder = (FOLDER if folder is None else Path(folder)).expanduser()
        self.seed = seed
        self._fitted: str | None = None
        self._net = nn.Sequential()
        self._scale = 1.0
        self.accuracy = math.nan

    def fit(self, data: Data) -> None:
        shape = data.event_shape
        suits = len(shape) == 3 and data.num_classes > 1 and isinstance(data, SplitData)
        fix = "use features of another kind, such as raw, or metric=energy_distance"
        rule = "images (C, H, W) with classes, in memory or in files"
        check(suits, "ClassifierFeatures.data", rule, type(data).__name__, fix)
        assert isinstance(data, SplitData)
        labels = data.labels()
        assert labels is not None
        recipe = (_VERSION, self.seed, shape, data.num_classes)
        key = training_hash(data, recipe, labels.long())
        if self._fitted == key:
            return
        self._shift, self._unit = data.shift, data.scale
        self._net = _network(shape, data.num_classes)
        file = self.folder / f"{key}.pt"
        content = cached(file, lambda: self._train(data, file), _Trained)
        self._net.load_state_dict(content["weights"])
        self._scale, self.accuracy, self._fitted = content["scale"], content["accuracy"], key
        self._net.eval()

    @property
    def name(self) -> str:
        weights = [weight.flatten() for weight in self._net.state_dict().values()]
        digest = hashlib.sha256(torch.cat(weights).numpy().tobytes()).hexdigest()[:8]
        right = f"{self.accuracy:.1%} of held-out data right"
        return f"classifier cnn{_WIDTH}-{digest}, {right}"

    @property
    def kept(self) -> Path | None:
        return self.folder / f"{self._fitted}-training.pt"

    def map(self, x: Tensor) -> Tensor:
        hidden: Tensor = self._net[:-1](self._scaled(x))
        return hidden / self._scale

    @torch.no_grad()
    def classes(self, x: Tensor) -> Tensor:
        """Predicted classes of samples, (n,)."""
        logits: Tensor = self._net(self._scaled(x))
        return logits.argmax(dim=1)

    def _scaled(self, x: Tensor) -> Tensor:
        return (x.cpu().float() - self._shift) / self._unit

    def _train(self, data: SplitData, file: Path) -> _Trained:
        """Train, and return the weights, the constant and the accuracy on held-out rows."""
        steps = max(_EPOCHS * (data.num_train // _BATCH), _LEAST_STEPS)
        print(f"training a classifier for features, {steps} steps: {file}", file=sys.stderr)
        # The caller may have switched gradients off; this switches them on.
        gradients = torch.inference_mode(False)
        with torch.random.fork_rng(devices=[]), _one_thread(), gradients:
            torch.manual_seed(self.seed)
            self._net = _network(data.event_shape, data.num_classes).train()
            optimizer = torch.optim.Adam(self._net.parameters())
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, max_lr=_RATE, total_steps=steps
            )
            for batch in _batches(data, steps, self.seed):
                optimizer.zero_grad()
                loss = cross_entropy(self._logits(batch), _classes(batch))
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        self._net.eval()
        self._scale = 1.0
        with torch.no_grad():
            held = data.held_out(10_000, 0)
            right = self._logits(held).argmax(dim=1) == _classes(held)
            trained = torch.cat([self.map(rows) for rows in training_chunks(data)]).double()
        scale = math.sqrt(float(trained.var(dim=0).sum()) / _WIDTH)
        return {
            "weights": self._net.state_dict(),
            "scale": scale,
            "accuracy": float(right.double().mean()),
        }

    def _logits(self, batch: Batch) -> Tensor:
        logits: Tensor = self._net(self._scaled(batch.x1))
        return logits


@contextmanager
def _one_thread() -> Iterator[None]:
    """Context with one thread: more would sum in another order, and give other weights."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def _batches(data: SplitData, steps: int, seed: int) -> Iterator[Batch]:
    """Batches of training rows, never mirrored."""
    size = min(_BATCH, data.num_train)
    per_epoch = data.num_train // size
    for step in range(steps):
        epoch, k = divmod(step, per_epoch)
        if k == 0:
            order = torch.randperm(data.num_train, generator=keyed_generator(TRAIN, seed, epoch))
        yield data.rows(order[k * size : (k + 1) * size])


def _classes(batch: Batch) -> Tensor:
    assert batch.label is not None
    return batch.label.long()


def _network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    rows, columns = ((side + 3) // 4 for side in shape[1:])
    return nn.Sequential(
        nn.Conv2d(shape[0], 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * rows * columns, _WIDTH),
        nn.ReLU(),
        nn.Linear(_WIDTH, classes),
    )
