"""Trained models of every kind: weights, units, configuration, and how they are saved."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from interpolants.model.checks import check_device
from interpolants.model.saving import write_model
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check


class TrainedModel(abc.ABC):
    """Trained model of any kind, in the units of the data.

    Attributes:
        scaling: scaling between the units of the data and those of the networks.
        config: the configuration of training, as plain data; empty for a model built by hand.
        precisions: dtypes that its weights may be converted to; none if empty.
    """

    scaling: Scaling
    config: dict[str, Any]
    precisions: ClassVar[tuple[torch.dtype, ...]] = (torch.float32, torch.float64)
    _built: Mapping[str, object] = {}

    @property
    @abc.abstractmethod
    def trained(self) -> nn.Module:
        """Module with the weights, by whose names checkpoints and saved models have them."""

    @property
    def device(self) -> torch.device:
        """Device of the networks, on which all is computed."""
        return next(self.trained.parameters(), torch.empty(0)).device

    def to(
        self, device: torch.device | str | None = None, *, dtype: torch.dtype | None = None
    ) -> Self:
        """Move the model to a device, or convert its weights; the model itself is changed.

        Args:
            device: where it computes from now on; its present one if None.
            dtype: torch.float32, or torch.float64 for solvers of tight tolerances; as it is if
                None. The networks of neural SDEs keep theirs.

        Raises:
            ValueError: if there is no such device, or the model cannot have that dtype.
        """
        name = type(self).__name__
        if device is not None:
            check_device(f"{name}.to.device", device)
        rule = " or ".join(map(str, self.precisions)) or "none for this kind of model"
        check(dtype is None or dtype in self.precisions, f"{name}.to.dtype", rule, dtype)
        self.trained.to(device=device, dtype=dtype)
        self.scaling.to(device=device)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder: `model.safetensors` with its weights, and `model.json`.

        `interpolants.load(folder)` takes it. It is about a quarter of a training checkpoint, from
        which alone training can continue. The record is the configuration of training, so parts
        that were replaced since cannot be saved.

        Args:
            folder: a new or empty folder, or one with a saved model, which is overwritten.

        Returns:
            The folder.

        Raises:
            ValueError: if the model was built by hand, or a part was replaced, or its weights are
                of another precision than in training, or the folder holds something else.
            OSError: if the files cannot be written.
        """
        name = type(self).__name__
        fix = "fit, load and training runs give models with one"
        rule = "a model with the configuration that it was built from"
        check(bool(self.config), f"{name}.save", rule, "one that was built by hand", fix)
        replaced = [n for n, part in self._built.items() if getattr(self, n) is not part]
        fix = "put it back, and pass others to sample"
        check(not replaced, f"{name}.save", "the parts of training", replaced, fix)
        if self.precisions:
            dtypes = {weight.dtype for weight in self.trained.parameters()}
            fix = f"call {name}.to(dtype=torch.float32) first"
            rule = "weights in torch.float32, as in training"
            check(dtypes <= {torch.float32}, f"{name}.save", rule, sorted(map(str, dtypes)), fix)
        parts = {"model": self.trained, "scaling": self.scaling}
        state = {
            f"{key}.{k}": w for key, part in parts.items() for k, w in part.state_dict().items()
        }
        return write_model(folder, state, self.config)

    def _keep(self, *names: str) -> None:
        """Note the attributes that are rebuilt from the configuration."""
        self._built = {name: getattr(self, name) for name in names}
