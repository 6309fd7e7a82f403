"""The Lightning module, with several optimiser steps in one Lightning batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from interpolants.checkpoint.course import differences
from interpolants.data.base import Batch
from interpolants.objective.step_loss import (
    BatchSlice,
    MicroBatch,
    StepLoss,
    joined,
    micro_batches,
)
from interpolants.objective.trainable import Trainable
from interpolants.training.changes import change_rates
from interpolants.training.clipping import clip_gradients, gradient_norm
from interpolants.training.epochs import align_epoch
from interpolants.training.shards import is_sharded, shard
from interpolants.training.stream import Chunk
from interpolants.utils.format import format_record
from interpolants.utils.seeds import keyed_generator

# Keys that keep the noise of training and validation independent.
_TRAIN, _VALIDATE = 11, 12


@final
class TrainingModule(pl.LightningModule):
    """Lightning module of any kind of model, whose batches are chunks of optimiser steps.

    All random numbers of step k are drawn from a generator keyed by (seed, k), so a resumed run
    repeats and skips nothing. They are drawn for the batch of all ranks, of which each takes its
    part, so that several processes train like one. Only dropout is drawn for each part.

    Args:
        trainable: the model with its loss.
        optimizer: builds the optimiser from parameters.
        scheduler: builds the schedule from the optimiser.
        seed: seed of the run.
        clip_norm: largest norm of the gradient, or None.
        log_every: steps between logged training losses.
        config: the resolved configuration as plain data, saved in every checkpoint.
        accumulate: micro-batches per batch, processed one after the other to save memory; the step
            is the same up to rounding.
        overfit_batch: whether every step has the random numbers of the first.
    """

    def __init__(
        self,
        trainable: Trainable[Any],
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
        seed: int,
        clip_norm: float | None,
        log_every: int,
        config: Mapping[str, Any],
        accumulate: int = 1,
        overfit_batch: bool = False,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.save_hyperparameters({"config": dict(config)}, logger=False)
        self.trainable = trainable
        self.seed = seed
        self.clip_norm = clip_norm
        self.log_every = log_every
        self.accumulate = accumulate
        self.overfit_batch = overfit_batch
        self._validated: list[StepLoss] = []
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler

    @property
    def trained(self) -> nn.Module:
        """Module with the weights, whose parameter names checkpoints use for averages."""
        model: nn.Module = self.trainable.model
        return model

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record the format of the file and the version of the package."""
        checkpoint |= format_record()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let validation follow the number of steps, and rates that were changed take effect."""
        config = self.hparams["config"]
        saved = checkpoint["hyper_parameters"]["config"]
        if any(differences(config, saved, ("optimizer", "scheduler"))):
            fresh = self.configure_optimizers()
            change_rates(checkpoint, fresh["optimizer"], fresh["lr_scheduler"])
        align_epoch(checkpoint, config["steps_per_batch"], config["validate_every"])

    def configure_model(self) -> None:
        """Shard the weights, if the strategy does so."""
        if self.device_mesh is not None and not is_sharded(self.trained):
            for net in self.trainable.networks():
                shard(net, self.device_mesh)

    def configure_optimizers(self) -> Any:
        self._weights = [p for p in self.trainable.parameters() if p.requires_grad]
        self._draws = any(_may_draw(each) for each in self.trained.modules())
        optimizer = self._make_optimizer(self._weights)
        return {"optimizer": optimizer, "lr_scheduler": self._make_scheduler(optimizer)}

    def training_step(self, chunk: Chunk, batch_idx: int) -> dict[str, Tensor]:
        """Take the steps of a chunk.

        Returns:
            The losses that are minimised, `losses` (k,), the times, `t` (k, B), if there are any,
            and the last step's `loss` as it is logged.
        """
        optimizer: Any = self.optimizers()
        scheduler: Any = self.lr_schedulers()
        losses, times = [], []
        for number, batch in chunk:
            found = self._learn(batch, 0 if self.overfit_batch else number)
            is_logged = (number + 1) % self.log_every == 0
            norm = gradient_norm(self._weights) if is_logged else None
            self._step(optimizer)
            scheduler.step()
            losses.append(found.loss.detach())
            if found.t is not None:
                times.append(found.t)
            if norm is not None:
                extra = {"lr": scheduler.get_last_lr()[0], "gradient_norm": norm.item()}
                self._record(number + 1, "train", found, **extra)
        outputs = {"loss": _total(found), "losses": torch.stack(losses)}
        return outputs | {"t": torch.stack(times)} if times else outputs

    def on_train_batch_end(self, *_: Any) -> None:
        """Have values that callbacks log counted in optimiser steps, not in Lightning batches."""
        self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.trainer.global_step

    def _learn(self, batch: Batch, number: int) -> StepLoss:
        """Compute the loss of a batch and its gradients, by micro-batches."""
        for parameter in self._weights:
            parameter.grad = None
        self.trainable.step = number
        rows, ranks = len(batch.x1), self.trainer.world_size
        first, total = self.global_rank * rows, ranks * rows
        if self.accumulate == 1:
            whole = MicroBatch(BatchSlice(first, rows, total), batch)
            found = self._loss(whole, _TRAIN, number)
            self._backward(found.loss)
            return found
        step_losses: list[StepLoss] = []
        for micro in micro_batches(batch, rows // self.accumulate, first, total):
            last = len(step_losses) == self.accumulate - 1
            with contextlib.nullcontext() if last else self._unsynchronised():
                found = self._loss(micro, _TRAIN, number)
                self._backward(found.loss / self.accumulate)
            step_losses.append(found._replace(loss=found.loss.detach()))
        return joined(step_losses)

    def _unsynchronised(self) -> Any:
        """Context in which processes do not synchronise gradients."""
        no_sync = getattr(self.trainer.strategy.model, "no_sync", contextlib.nullcontext)
        return no_sync()

    def _backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss; the strategy synchronises them."""
        strategy = self.trainer.strategy
        strategy.pre_backward(loss)
        loss.backward()  # type: ignore[no-untyped-call]
        strategy.post_backward(loss)

    def _step(self, optimizer: Any) -> None:
        """Take one optimiser step, without Lightning's hooks around it.

        Even without callbacks those hooks take a third of the time of a step of a tiny network.
        The step still counts for Lightning.
        """
        if self.clip_norm is not None:
            clip_gradients(self._weights, self.clip_norm)
        optimizer._on_before_step()
        optimizer.optimizer.step()
        optimizer._on_after_step()

    def validation_step(self, micro: MicroBatch, batch_idx: int) -> None:
        """Compute the loss on held-out samples, with the same draws every time."""
        part, self.trainable.step = micro.part, self.trainer.max_steps
        if part.first == 0:
            self._validated = []
        self._validated.append(self._loss(micro, _VALIDATE, 0))
        if part.first + part.size == part.total:
            found = joined(self._validated)
            self._record(self.global_step, "val", found, **self.trainable.learned())
            self.log("val/loss", _total(found), logger=False, batch_size=part.total)

    def _loss(self, micro: MicroBatch, *key: int) -> StepLoss:
        if self._draws:  # from torch's global generator
            seed = keyed_generator(*key, self.seed, 1 + micro.part.first).initial_seed()
            torch.manual_seed(seed)
        # The last number was once that of a rank: it keeps the streams of seeds unchanged.
        generator = keyed_generator(*key, self.seed, 0, device=self.device)
        return self.trainable.step_loss(micro.batch, micro.part, generator)

    def _record(self, step: int, stage: str, found: StepLoss, **extra: float) -> None:
        """Log the mean of each part and their sum, by the number of optimiser steps."""
        mean = found.parts.mean(dim=0)
        if stage == "train" and self.trainer.world_size > 1:
            mean = self.trainer.strategy.reduce(mean, reduce_op="mean")
        means = dict(zip(found.names, mean.tolist(), strict=True))
        values = {f"{stage}/loss": sum(means.values())}
        if len(means) > 1:
            values |= {f"{stage}/loss_{name}": value for name, value in means.items()}
        for logger in self.loggers:
            logger.log_metrics(values | {f"{stage}/{k}": v for k, v in extra.items()}, step=step)


def _total(found: StepLoss) -> Tensor:
    """The loss as it is logged: the sum of its terms, a mean over samples."""
    return found.parts.detach().sum(dim=1).mean()


def _may_draw(module: nn.Module) -> bool:
    """True if a module may draw in its forward: dropout does, and what others wrote may."""
    others = type(module).__module__.partition(".")[0] not in ("interpolants", "torch")
    return others or (isinstance(module, _DropoutNd) and module.p > 0)
