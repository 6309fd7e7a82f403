"""Exponential moving average of the weights, with which samples are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from interpolants.training.shards import gathered, own_share, shared_as
from interpolants.utils.checks import check


@final
class EMA(pl.Callback):
    """Exponential moving average of the trainable parameters of `pl_module.trained`.

    Optimiser step k (from 0) has decay d_k = min(decay, (1 + k) / (10 + k)), or d_k = decay
    without warm-up, and a per-step average would be a <- d_k a + (1 - d_k) w_{k+1}. Here the
    average moves once per Lightning batch of n steps:

        a <- (1 - r) a + r w,    r = 1 - d_k d_{k+1} ... d_{k+n-1},

    which is the per-step average with all n weights taken to be the last ones, w. The factor
    of older weights is the same; steps within a batch are not resolved, which are few beside the
    average's horizon of 1 / (1 - decay) steps. The last Lightning batch of a run may be shorter
    than others. A longer run then continues from the averages before it, which the checkpoint has
    under `["ema"]["before"]`, so that its averages do not depend on where the shorter one ended.

    Validation uses the averages. A checkpoint's `state_dict` always holds the raw weights, so
    that resuming is exact; the averages are under `checkpoint["ema"]["weights"]`, by the
    parameters' names in `trained`. Before the first update the averages are the weights.

    Args:
        decay: factor d of older weights, in [0, 1); 0 keeps the last weights.
        warmup: whether to use a smaller decay in the first steps.
        batch_steps: optimiser steps of a whole Lightning batch; 1 to take every batch as whole.

    Raises:
        ValueError: if `decay` is outside [0, 1).
    """

    def __init__(self, *, decay: float = 0.999, warmup: bool = True, batch_steps: int = 1) -> None:
        ok = isinstance(decay, (int, float)) and 0 <= decay < 1
        check(ok, "EMA.decay", "a number in [0, 1)", decay)
        self.decay = decay
        self.warmup = warmup
        self.batch_steps = batch_steps
        self._step = 0
        self._averages: dict[str, Tensor] = {}
        self._before: tuple[int, dict[str, Tensor]] | None = None
        self._swapped = False
        self._cached: tuple[list[Tensor], list[Tensor]] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the present weights, unless averages were loaded."""
        self._cached = None
        if not self._averages:
            self._step = trainer.global_step
            parameters = trainable(pl_module)
            self._averages = {name: p.detach().clone() for name, p in parameters.items()}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Average over the optimiser steps since the last update."""
        self._update(trainer.global_step, pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the averages into the module."""
        if not self._swapped:
            self._swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the raw weights back."""
        if self._swapped:
            self._swap(pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Put the raw weights back if validation was cut short."""
        if self._swapped:
            self._swap(pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write raw weights and averages under their own keys, also while they are swapped."""
        if not self._averages:
            return
        weights = self._averages
        if self._swapped:
            parameters = trainable(pl_module)
            raw = {id(parameters[name]): tensor for name, tensor in self._averages.items()}
            for name, parameter in pl_module.named_parameters(remove_duplicate=False):
                if id(parameter) in raw:
                    checkpoint["state_dict"][name] = gathered(raw[id(parameter)])
            weights = {name: p.detach() for name, p in parameters.items()}
        else:
            # Another callback may have stopped the batch before this one's update.
            self._update(trainer.global_step, pl_module)
        checkpoint["ema"] = {"decay": self.decay} | _state(self._step, weights)
        if self._before is not None:
            checkpoint["ema"]["before"] = _state(*self._before)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Resume the averages; a run without them starts them at its weights."""
        if "ema" not in checkpoint:
            return
        state = checkpoint["ema"].get("before", checkpoint["ema"])
        weights = state["weights"]
        parameters = trainable(pl_module)
        names = list(parameters)
        rule = f"a checkpoint with averages of {names}"
        check(sorted(weights) == sorted(names), "EMA.weights", rule, sorted(weights))
        self._step = state["last_step"]
        self._averages = {n: shared_as(weights[n], p) for n, p in parameters.items()}
        self._before = self._cached = None

    def _update(self, step: int, pl_module: pl.LightningModule) -> None:
        if step <= self._step or not self._averages:
            return
        if self._before is not None:
            (self._step, self._averages), self._before = self._before, None
            self._cached = None
        if step % self.batch_steps:
            self._before = self._step, {n: a.clone() for n, a in self._averages.items()}
        kept = 1.0
        for k in range(self._step, step):
            kept *= min(self.decay, (1 + k) / (10 + k)) if self.warmup else self.decay
        averages, parameters = self._pairs(pl_module)
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters, 1 - kept)
        self._step = step

    def _swap(self, pl_module: pl.LightningModule) -> None:
        """Exchange values in place: addresses stay, as optimisers and compiled code need."""
        if not self._averages:
            return
        averages, parameters = self._pairs(pl_module)
        with torch.no_grad():
            held = [parameter.clone() for parameter in parameters]
            torch._foreach_copy_(parameters, averages)
            torch._foreach_copy_(averages, held)
        self._swapped = not self._swapped

    def _pairs(self, pl_module: pl.LightningModule) -> tuple[list[Tensor], list[Tensor]]:
        """Averages, moved beside the parameters, and the parameters in the same order."""
        if self._cached is None or self._cached[0][0].device != self._cached[1][0].device:
            parameters = trainable(pl_module)
            # Tensors made in inference mode, where validation runs, could not be updated later.
            with torch.inference_mode(False):
                for name, parameter in parameters.items():
                    self._averages[name] = self._averages[name].to(parameter.device)
            averages = [own_share(self._averages[name]) for name in parameters]
            self._cached = averages, [own_share(p.detach()) for p in parameters.values()]
        return self._cached


def _state(step: int, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    return {"last_step": step, "weights": {n: gathered(weight) for n, weight in weights.items()}}


def trainable(pl_module: pl.LightningModule) -> dict[str, Tensor]:
    """The parameters that are averaged, by their names in `trained`."""
    trained = pl_module.trained
    assert isinstance(trained, nn.Module)
    return {name: p for name, p in trained.named_parameters() if p.requires_grad}
