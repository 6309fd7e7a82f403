"""What every Lightning module here shares: several optimiser steps in one Lightning batch."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from interpolants.data.base import Batch
from interpolants.scaling import Scaling
from interpolants.seeds import keyed_generator
from interpolants.training.clipping import clip_gradients
from interpolants.training.stream import Chunk

# Keys that keep the noise of training and of validation apart.
_TRAIN, _VALIDATE = 11, 12


class Outcome(NamedTuple):
    """The loss of one batch.

    Attributes:
        loss: what the optimiser follows, 0-d: per number of the data, so that learning rates and
            clipping mean the same at any size.
        names: of the parts that the logged loss is the sum of.
        parts: each of them for each sample, (B, k).
        t: times that the loss was taken at, (B,); None for a loss of whole paths.
    """

    loss: Tensor
    names: tuple[str, ...]
    parts: Tensor
    t: Tensor | None = None


class ChunkModule(pl.LightningModule, abc.ABC):
    """One Lightning batch is a chunk of optimiser steps.

    Everything random in step k is drawn from a generator keyed by (seed, k), so a resumed run
    repeats nothing and skips nothing; and it is drawn for the batch of all ranks, of which each
    takes its share, so that several do what one would.

    Args:
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
        self.scaling = scaling
        self.seed = seed
        self.clip_norm = clip_norm
        self.log_every = log_every
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler

    @property
    @abc.abstractmethod
    def trained(self) -> nn.Module:
        """The part with the weights; checkpoints name their averages by its parameters."""

    @abc.abstractmethod
    def outcome(self, batch: Batch, generator: torch.Generator) -> Outcome:
        """The loss of a batch in the data's units, all that is random from the generator.

        Leaves draw for the batch of all ranks and take their `share`.
        """

    @property
    def ranks(self) -> int:
        """How many processes share a training batch; in validation each has all of its batch."""
        return self.trainer.world_size if self._trainer and self.trainer.training else 1

    def share(self, whole: Tensor) -> Tensor:
        """This process's rows of what was drawn for the batch of all."""
        return whole if self.ranks == 1 else whole.chunk(self.ranks)[self.global_rank]

    def check_batch(self, batch: Batch) -> None:
        """Require data inside their space.

        Raises:
            ValueError: if some are not.
        """
        self.scaling.space.check(batch.x1)

    def learned(self) -> dict[str, float]:
        """Learned numbers to log with each validation, by name; none unless a leaf has some."""
        return {}

    def configure_optimizers(self) -> Any:
        self._weights = list(self.trained.parameters())
        optimizer = self._make_optimizer(self._weights)
        return {"optimizer": optimizer, "lr_scheduler": self._make_scheduler(optimizer)}

    def training_step(self, chunk: Chunk, batch_idx: int) -> dict[str, Tensor]:
        """Take the chunk's steps; returns their losses (k,), the last loss, and times (k, B)."""
        optimizer: Any = self.optimizers()
        scheduler: Any = self.lr_schedulers()
        losses, times = [], []
        for number, batch in chunk:
            found = self._outcome(batch, _TRAIN, number)
            self._descend(found.loss, optimizer)
            scheduler.step()
            losses.append(found.loss.detach())
            if found.t is not None:
                times.append(found.t)
            if (number + 1) % self.log_every == 0:
                self._record(number + 1, "train", found, lr=scheduler.get_last_lr()[0])
        outputs = {"loss": losses[-1], "losses": torch.stack(losses)}
        return outputs | {"t": torch.stack(times)} if times else outputs

    def _descend(self, loss: Tensor, optimizer: Any) -> None:
        """Backward and one optimiser step, without the hooks that Lightning calls around each.

        With no callback that listens, those hooks cost a tiny network a third of its step. The
        strategy still synchronises gradients, and Lightning still counts the step.
        """
        for parameter in self._weights:
            parameter.grad = None
        strategy = self.trainer.strategy
        strategy.pre_backward(loss)
        loss.backward()  # type: ignore[no-untyped-call]
        strategy.post_backward(loss)
        if self.clip_norm is not None:
            clip_gradients(self._weights, self.clip_norm)
        optimizer._on_before_step()
        optimizer.optimizer.step()
        optimizer._on_after_step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The loss on held-out samples, with the same draws every time."""
        found = self._outcome(batch, _VALIDATE, 0)
        self._record(self.global_step, "val", found, **self.learned())
        total = found.parts.sum(dim=1).mean()
        self.log("val/loss", total, logger=False, batch_size=len(batch.x1))

    def _outcome(self, batch: Batch, *key: int) -> Outcome:
        # The last number was once that of a rank: streams of seeds stay as they were.
        generator = keyed_generator(*key, self.seed, 0, device=self.device)
        return self.outcome(batch, generator)

    def _record(self, step: int, stage: str, found: Outcome, **extra: float) -> None:
        """Log each part's mean and their sum, by the number of optimiser steps taken."""
        means = dict(zip(found.names, found.parts.mean(dim=0).tolist(), strict=True))
        values = {f"{stage}/loss": sum(means.values())}
        if len(means) > 1:
            values |= {f"{stage}/loss_{name}": value for name, value in means.items()}
        for logger in self.loggers:
            logger.log_metrics(values | {f"{stage}/{k}": v for k, v in extra.items()}, step=step)
