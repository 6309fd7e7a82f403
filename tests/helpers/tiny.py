"""A module of nine weights, and training it with everything attached."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.utils.data import DataLoader

from interpolants.checkpoint.reading import KEYS, read_checkpoint
from interpolants.training.checkpoint_io import AtomicCheckpointIO
from interpolants.training.checkpoints import BestCheckpoint, LastCheckpoint
from interpolants.training.csv_logger import AppendingCSVLogger
from interpolants.training.ema import EMA
from interpolants.training.guard import NonFiniteGuard
from interpolants.training.interrupt import GracefulInterrupt
from interpolants.training.progress import ProgressBar
from interpolants.utils.format import format_record
from interpolants.utils.seeds import keyed_generator

CHUNK = 5
CHUNKS_PER_EPOCH = 4


class Tiny(pl.LightningModule):
    """Five optimiser steps per Lightning batch; `hook(step)` may disturb any of them."""

    def __init__(self, hook=None, validation_hook=None, lr=0.05):
        super().__init__()
        self.automatic_optimization = False
        self.fields = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
        with torch.no_grad():
            for i, p in enumerate(self.fields.parameters()):
                p.copy_(torch.randn(p.shape, generator=keyed_generator(1, i)))
        config = dict.fromkeys(KEYS, "tiny") | {"fingerprint": {"data": {}}}
        self.save_hyperparameters({"config": config})
        self.hook, self.validation_hook, self.lr = hook, validation_hook, lr
        self.seen: list[list[Tensor]] = []
        self.validated: list[list[Tensor]] = []

    @property
    def trained(self):
        return self.fields

    def on_save_checkpoint(self, checkpoint):
        checkpoint |= format_record()

    def configure_optimizers(self):
        return torch.optim.Adam(self.fields.parameters(), lr=self.lr)

    def training_step(self, batch, batch_idx):
        optimizer, losses, times = self.optimizers(), [], []
        for _ in range(CHUNK):
            step = self.trainer.global_step
            factor = self.hook(step) if self.hook else None
            generator = keyed_generator(7, step)
            x, t = torch.randn(8, 2, generator=generator), torch.rand(8, generator=generator)
            loss = (self.fields(x).squeeze(-1) - x[:, 0] * t).square().mean()
            loss = loss if factor is None else loss * factor
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            losses.append(loss.detach())
            times.append(t)
        self.seen.append([p.detach().clone() for p in self.fields.parameters()])
        stacked = torch.stack(losses)
        metrics = {"train/loss": stacked.mean()}
        for logger in self.loggers:
            logger.log_metrics(metrics, step=self.trainer.global_step)
        return {"loss": losses[-1], "losses": stacked, "t": torch.stack(times)}

    def validation_step(self, batch, batch_idx):
        self.validated.append([p.detach().clone() for p in self.fields.parameters()])
        if self.validation_hook:
            self.validation_hook(self.trainer.global_step, batch_idx)
        x = torch.randn(8, 2, generator=keyed_generator(8, batch_idx))
        self.log("val/loss", self.fields(x).square().mean(), logger=False)

    def on_validation_epoch_end(self):
        metrics = {"val/loss": self.trainer.callback_metrics["val/loss"]}
        for logger in self.loggers:
            logger.log_metrics(metrics, step=self.trainer.global_step)


def fit(folder, steps, module=None, callbacks=None, resume=None, every=20, **options):
    """Train in `folder` with everything attached; returns trainer and module."""
    module = module or Tiny()
    logger = AppendingCSVLogger(folder)
    if resume:
        logger.truncate_after(read_checkpoint(resume)["global_step"])
    if callbacks is None:
        callbacks = [NonFiniteGuard(), GracefulInterrupt(), ProgressBar(), EMA(decay=0.9)]
    best = BestCheckpoint(monitor="val/loss", dirpath=folder)
    last = LastCheckpoint(dirpath=folder, every_n_steps=every)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            max_steps=steps,
            max_epochs=-1,
            accelerator="cpu",
            logger=logger,
            callbacks=[*callbacks, best, last],
            plugins=[AtomicCheckpointIO()],
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=0,
            **{"limit_train_batches": CHUNKS_PER_EPOCH, **options},
        )
        endless, three = DataLoader(torch.arange(10**4)), DataLoader(torch.arange(3))
        trainer.fit(module, endless, three, ckpt_path=resume)
    return trainer, module


@contextmanager
def averages_in_place(trainer: pl.Trainer, module: Tiny) -> Iterator[None]:
    """The averaged weights are in the module, as in validation."""
    ema = next(c for c in trainer.callbacks if isinstance(c, EMA))
    ema.on_validation_start(trainer, module)
    yield
    ema.on_validation_end(trainer, module)


def weights_of(module) -> list[Tensor]:
    return [p.detach().clone() for p in module.fields.parameters()]


def equal(a, b) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def raw_of(checkpoint) -> list[Tensor]:
    return list(checkpoint["state_dict"].values())


def averages_of(checkpoint) -> list[Tensor]:
    return list(checkpoint["ema"]["weights"].values())


def train_for_ever(folder: str) -> None:
    """Train until a signal comes; a file shows that training has started."""

    def announce(step):
        if step == 50:
            Path(folder, "started").touch()

    torch.set_num_threads(1)
    try:
        fit(Path(folder), 10**6, Tiny(hook=announce, lr=1e-3), every=10**5)
    except SIGTERMException:
        # What a script has to do: Lightning's own exception would end with status 0.
        sys.exit(143)
