"""The Lightning module: draws pairs, times and noise, and follows the objective's gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from interpolants.data.base import Batch
from interpolants.fields import Fields
from interpolants.objective.base import Losses, Objective
from interpolants.scaling import Scaling
from interpolants.seeds import keyed_generator
from interpolants.time_sampler.base import TimeSampler
from interpolants.training.clipping import clip_gradients
from interpolants.training.stream import Chunk

# Keys that keep the noise of training and of validation apart.
_TRAIN, _VALIDATE = 11, 12


@final
class InterpolantModule(pl.LightningModule):
    """Trains fields on a stochastic interpolant.

    One Lightning batch is a chunk of optimiser steps. Everything random in step k is drawn from
    a generator keyed by (seed, k, rank), so a resumed run repeats nothing and skips nothing.

    Args:
        fields: what is trained, with its path, base and coupling.
        objective: the loss.
        time_sampler: which times to train on.
        scaling: from the data's units to the networks'.
        optimizer: builds the optimiser from parameters.
        scheduler: builds the schedule from the optimiser.
        seed: of the run.
        clip_norm: largest norm of the gradient, or None.
        log_every: steps between logged training losses.
        config: the resolved configuration as plain data; it travels in every checkpoint.
    """

    def __init__(
        self,
        *,
        fields: Fields,
        objective: Objective,
        time_sampler: TimeSampler,
        scaling: Scaling,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
        seed: int,
        clip_norm: float | None,
        log_every: int,
        config: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.save_hyperparameters({"config": dict(config)})
        self.fields = fields
        self.objective = objective
        self.time_sampler = time_sampler
        self.scaling = scaling
        self.seed = seed
        self.clip_norm = clip_norm
        self.log_every = log_every
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler

    def configure_optimizers(self) -> Any:
        self._trained = list(self.fields.parameters())
        optimizer = self._make_optimizer(self._trained)
        return {"optimizer": optimizer, "lr_scheduler": self._make_scheduler(optimizer)}

    def training_step(self, chunk: Chunk, batch_idx: int) -> dict[str, Tensor]:
        """Take the chunk's steps; returns their losses (k,), times (k, B) and the last loss."""
        optimizer: Any = self.optimizers()
        scheduler: Any = self.lr_schedulers()
        losses, times = [], []
        for number, batch in chunk:
            t, loss, each = self._loss(batch, _TRAIN, number)
            self._descend(loss, optimizer)
            scheduler.step()
            losses.append(loss.detach())
            times.append(t)
            if (number + 1) % self.log_every == 0:
                self._record(number + 1, "train", each, lr=scheduler.get_last_lr()[0])
        return {"loss": losses[-1], "losses": torch.stack(losses), "t": torch.stack(times)}

    def _descend(self, loss: Tensor, optimizer: Any) -> None:
        """Backward and one optimiser step, without the hooks that Lightning calls around each.

        With no callback that listens, those hooks cost a tiny network a third of its step. The
        strategy still synchronises gradients, and Lightning still counts the step.
        """
        for parameter in self._trained:
            parameter.grad = None
        strategy = self.trainer.strategy
        strategy.pre_backward(loss)
        loss.backward()  # type: ignore[no-untyped-call]
        strategy.post_backward(loss)
        if self.clip_norm is not None:
            clip_gradients(self._trained, self.clip_norm)
        optimizer._on_before_step()
        optimizer.optimizer.step()
        optimizer._on_after_step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The loss on held-out samples, with the same times and noise every time."""
        _, _, each = self._loss(batch, _VALIDATE, 0)
        self._record(self.global_step, "val", each)
        total = each.parts.sum(dim=1).mean()
        self.log("val/loss", total, logger=False, batch_size=len(batch.x1))

    def _loss(self, batch: Batch, *key: int) -> tuple[Tensor, Tensor, Losses]:
        """Times (B,), the loss per coordinate, and the losses per sample.

        The optimiser sees the loss per coordinate, so that learning rates and clipping mean the
        same for any dimension; what is logged is the paper's, summed over the event.
        """
        generator = keyed_generator(*key, self.seed, self.global_rank, device=self.device)
        x1 = self.scaling.to_model(batch.x1)
        base, coupling = self.fields.base, self.fields.coupling
        if batch.x0 is None:
            x0 = base.sample(len(x1), tuple(x1.shape[1:]), generator)
        else:
            x0 = base.scaling.to_model(batch.x0)
        x0 = coupling.pair(x0, x1, batch.label)
        t, weight = self.time_sampler.sample(len(x1), generator)
        z = torch.empty_like(x1).normal_(generator=generator)
        losses = self.objective(self.fields, t, x0, x1, z, generator=generator)
        if weight is not None:
            losses = losses.scaled(weight)
        return t, losses.weighted.sum() / x1.numel(), losses

    def _record(self, step: int, stage: str, losses: Losses, **extra: float) -> None:
        """Log each field's loss and their sum, by the number of optimiser steps taken."""
        means = dict(zip(losses.fields, losses.parts.mean(dim=0).tolist(), strict=True))
        values = {f"{stage}/loss": sum(means.values())}
        if len(means) > 1:
            values |= {f"{stage}/loss_{name}": value for name, value in means.items()}
        for logger in self.loggers:
            logger.log_metrics(values | {f"{stage}/{k}": v for k, v in extra.items()}, step=step)
