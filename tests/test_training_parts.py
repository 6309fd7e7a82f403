"""Averages, checkpoints, metrics and interruptions of training, on a module of nine weights."""

from __future__ import annotations

import errno
import io
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.utils.data import DataLoader

from interpolants.checkpoint import read_checkpoint
from interpolants.seeds import keyed_generator
from interpolants.training.checkpoint_io import AtomicCheckpointIO
from interpolants.training.checkpoints import LastCheckpoint, best_checkpoint
from interpolants.training.csv_logger import AppendingCSVLogger
from interpolants.training.ema import EMA
from interpolants.training.guard import NonFiniteGuard, NonFiniteLossError
from interpolants.training.interrupt import GracefulInterrupt
from interpolants.training.progress import ProgressBar

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
        self.save_hyperparameters({"config": {"net": "tiny"}})
        self.hook, self.validation_hook, self.lr = hook, validation_hook, lr
        self.seen: list[list[Tensor]] = []
        self.validated: list[list[Tensor]] = []

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
    best = best_checkpoint(monitor="val/loss", dirpath=folder)
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


def ema_of(trainer) -> EMA:
    return next(c for c in trainer.callbacks if isinstance(c, EMA))


def weights_of(module) -> list[Tensor]:
    return [p.detach().clone() for p in module.fields.parameters()]


def equal(a, b) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def raw_of(checkpoint) -> list[Tensor]:
    return list(checkpoint["state_dict"].values())


def averages_of(checkpoint) -> list[Tensor]:
    return list(checkpoint["ema"]["weights"].values())


def assert_same_run(a: Path, b: Path) -> None:
    """Same step, weights, averages, optimiser state, best checkpoint and metrics, to the bit."""
    left, right = (read_checkpoint(folder / "last.ckpt") for folder in (a, b))
    assert left["global_step"] == right["global_step"]
    assert equal(raw_of(left), raw_of(right))
    assert equal(averages_of(left), averages_of(right))
    states = [c["optimizer_states"][0]["state"] for c in (left, right)]
    assert all(
        torch.equal(states[0][i][k], states[1][i][k]) for i in states[0] for k in states[0][i]
    )
    bests = [read_checkpoint(folder / "best.ckpt") for folder in (a, b)]
    assert bests[0]["global_step"] == bests[1]["global_step"]
    assert equal(raw_of(bests[0]), raw_of(bests[1]))
    assert (a / "metrics.csv").read_text() == (b / "metrics.csv").read_text()


# EMA


@pytest.mark.parametrize("warmup", [True, False])
def test_ema_equals_the_per_step_average_on_each_chunks_last_weights(tmp_path, warmup):
    module = Tiny()
    by_hand = weights_of(module)
    trainer, _ = fit(tmp_path, 30, module, [EMA(decay=0.7, warmup=warmup)])
    for step in range(30):
        decay = min(0.7, (1 + step) / (10 + step)) if warmup else 0.7
        last = module.seen[step // CHUNK]
        by_hand = [decay * a + (1 - decay) * w for a, w in zip(by_hand, last, strict=True)]
    with ema_of(trainer).averaged(module):
        for average, expected in zip(weights_of(module), by_hand, strict=True):
            torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-6)
    assert equal(weights_of(module), module.seen[-1])


def test_ema_with_decay_zero_is_the_last_weights(tmp_path):
    trainer, module = fit(tmp_path, 10, callbacks=[EMA(decay=0.0)])
    with ema_of(trainer).averaged(module):
        for average, last in zip(weights_of(module), module.seen[-1], strict=True):
            torch.testing.assert_close(average, last)


def test_ema_weights_serve_validation_and_raw_weights_serve_training(tmp_path):
    _, module = fit(tmp_path, 20)
    assert not equal(module.validated[-1], module.seen[-1])
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert equal(module.validated[-1], averages_of(checkpoint))
    assert equal(module.seen[-1], raw_of(checkpoint))


def test_ema_saving_while_swapped_keeps_raw_and_averages_apart(tmp_path):
    trainer, module = fit(tmp_path, 20)
    ema = ema_of(trainer)
    with ema.averaged(module):
        averages = weights_of(module)
        trainer.save_checkpoint(tmp_path / "swapped.ckpt")
        with ema.averaged(module):
            assert equal(weights_of(module), averages)
        assert equal(weights_of(module), averages)
    checkpoint = read_checkpoint(tmp_path / "swapped.ckpt")
    assert equal(raw_of(checkpoint), module.seen[-1])
    assert equal(averages_of(checkpoint), averages)


def test_ema_puts_raw_weights_back_after_an_error_in_validation(tmp_path):
    def fail(step, batch):
        raise KeyError("validation")

    module = Tiny(validation_hook=fail)
    with pytest.raises(KeyError, match="validation"):
        fit(tmp_path, 40, module)
    assert not equal(module.validated[-1], module.seen[-1])
    assert equal(weights_of(module), module.seen[-1])
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == 20
    assert equal(raw_of(checkpoint), module.seen[-1])


def test_ema_is_a_no_op_before_the_first_update():
    module, ema = Tiny(), EMA()
    before = weights_of(module)
    with ema.averaged(module):
        assert equal(weights_of(module), before)


def test_ema_puts_raw_weights_back_after_an_error_in_sampling(tmp_path):
    trainer, module = fit(tmp_path, 10)
    with pytest.raises(ZeroDivisionError), ema_of(trainer).averaged(module):
        _ = 1 / 0
    assert equal(weights_of(module), module.seen[-1])


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_ema_refuses_a_decay_outside_the_half_open_interval(decay):
    with pytest.raises(ValueError, match=r"EMA\.decay: expected a number in \[0, 1\)"):
        EMA(decay=decay)


# Resuming


def send(number, at):
    """A hook that sends this process a signal at step `at`, once."""
    sent: list[int] = []

    def hook(*where: Any) -> None:
        if (where[0] if len(where) == 1 else where) == at and not sent:
            sent.append(1)
            os.kill(os.getpid(), number)

    return hook


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of 60 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    fit(folder, 60)
    return folder


@pytest.mark.parametrize(
    ("number", "stop"), [(signal.SIGINT, SystemExit), (signal.SIGTERM, SIGTERMException)]
)
@pytest.mark.parametrize("at", [7, 17, (20, 1)])
def test_resume_after_a_signal_equals_the_undisturbed_run(tmp_path, whole, number, stop, at):
    hook = send(number, at)
    module = Tiny(validation_hook=hook) if isinstance(at, tuple) else Tiny(hook=hook)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(stop):
        fit(tmp_path, 60, module)
    assert signal.getsignal(signal.SIGINT) == before
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == (10 if at == 7 else 20)
    assert equal(raw_of(checkpoint), module.seen[-1])
    fit(tmp_path, 60, resume=tmp_path / "last.ckpt")
    assert_same_run(tmp_path, whole)


def test_ctrl_c_in_the_last_chunk_still_runs_the_last_validation(tmp_path, whole):
    with pytest.raises(SystemExit):
        fit(tmp_path, 60, Tiny(hook=send(signal.SIGINT, 57)))
    assert_same_run(tmp_path, whole)


def test_resume_after_an_error_within_a_chunk_starts_from_the_last_whole_save(tmp_path, whole):
    def fail(step):
        if step == 33:
            raise KeyError("step")

    with pytest.raises(KeyError, match="step"):
        fit(tmp_path, 60, Tiny(hook=fail))
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == 20
    fit(tmp_path, 60, resume=tmp_path / "last.ckpt")
    assert_same_run(tmp_path, whole)


def test_resume_of_a_finished_run_to_more_steps_equals_one_long_run(tmp_path, whole):
    fit(tmp_path, 35)
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == 35
    fit(tmp_path, 60, resume=tmp_path / "last.ckpt")
    assert_same_run(tmp_path, whole)


def test_last_checkpoint_is_written_once_per_interval_that_chunks_step_over(tmp_path, monkeypatch):
    saved: list[tuple[str, int]] = []
    write = AtomicCheckpointIO.save_checkpoint

    def record(self, checkpoint, path, storage_options=None):
        saved.append((Path(path).name, checkpoint["global_step"]))
        write(self, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", record)
    fit(tmp_path, 45, every=12)
    assert [step for name, step in saved if name == "last.ckpt"] == [15, 25, 40, 45]
    assert {path.name for path in tmp_path.iterdir()} == {"best.ckpt", "last.ckpt", "metrics.csv"}


# Non-finite losses


def test_guard_names_step_times_and_last_good_checkpoint(tmp_path):
    module = Tiny(hook=lambda step: float("inf") if step == 33 else None)
    with pytest.raises(NonFiniteLossError) as caught:
        fit(tmp_path, 60, module)
    times = torch.rand(8, generator=_after_x(33))
    assert caught.value.step == 33
    message = str(caught.value)
    assert f"t in [{times.min().item():.4g}, {times.max().item():.4g}]" in message
    assert str(tmp_path / "last.ckpt") in message
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == 20
    assert all(torch.isfinite(w).all() for w in raw_of(checkpoint))


def _after_x(step: int) -> torch.Generator:
    generator = keyed_generator(7, step)
    torch.randn(8, 2, generator=generator)
    return generator


def test_guard_refuses_to_save_weights_that_the_last_step_of_a_chunk_poisoned(tmp_path):
    trainer, module = fit(tmp_path, 20)
    kept = (tmp_path / "last.ckpt").read_bytes()
    with torch.no_grad():
        module.fields[0].weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteLossError, match="weights are not finite after step 19"):
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() == kept


def test_guard_says_so_when_there_is_no_checkpoint_yet(tmp_path):
    module = Tiny(hook=lambda step: float("nan") if step == 0 else None)
    with pytest.raises(NonFiniteLossError, match="no checkpoint yet"):
        fit(tmp_path, 20, module)
    assert not list(tmp_path.glob("*.ckpt*"))


# Metrics


def test_csv_appends_over_restarts_with_new_columns_and_exact_numbers(tmp_path):
    logger = AppendingCSVLogger(tmp_path)
    logger.log_metrics({"b": 0.1 + 0.2}, step=1)
    logger.log_metrics({"a": torch.tensor(1.5), "b": 3}, step=2)
    logger.finalize("success")
    again = AppendingCSVLogger(tmp_path)
    again.log_metrics({"c": float("nan")}, step=3)
    again.save()
    text = logger.path.read_text()
    assert text == "step,b,a,c\n1,0.30000000000000004,,\n2,3,1.5,\n3,,,nan\n"


def test_csv_truncation_drops_later_rows_and_a_torn_line(tmp_path):
    logger = AppendingCSVLogger(tmp_path)
    for step in (1, 2, 3):
        logger.log_metrics({"a": step / 4, "b": -step}, step=step)
    logger.finalize("failed")
    with open(logger.path, "a") as file:
        file.write("4,0.7")
    logger.log_metrics({"a": 1.25}, step=5)
    logger.truncate_after(2)
    logger.log_metrics({"a": 9.0}, step=3)
    logger.save()
    assert logger.path.read_text() == "step,a,b\n1,0.25,-1\n2,0.5,-2\n3,9.0,\n"
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_csv_refuses_a_foreign_file_and_leaves_it_alone(tmp_path):
    (tmp_path / "metrics.csv").write_text("name,value\nx,1\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: expected a file of metrics by step"):
        AppendingCSVLogger(tmp_path).log_metrics({"a": 1.0}, step=1)
    assert (tmp_path / "metrics.csv").read_text() == "name,value\nx,1\n"


# Files


OURS: dict[str, Any] = {"hyper_parameters": {"config": {}}, "w": torch.arange(1000.0)}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError(5)])
def test_checkpoint_write_that_fails_leaves_the_old_file_and_no_temporary(
    tmp_path, monkeypatch, error
):
    writer, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint(OURS, path)

    def fail(content, file):
        file.write(b"half")
        try:
            raise error
        except OSError:
            # As torch does: its own error, with the system's behind it.
            raise RuntimeError("unexpected pos 768 vs 662")  # noqa: B904

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(
        OSError, match=r"last\.ckpt: the checkpoint could not be written"
    ) as caught:
        writer.save_checkpoint({"hyper_parameters": {}, "w": torch.zeros(10**6)}, path)
    assert caught.value.errno == error.errno
    assert ("needs 4.0 MB" in str(caught.value)) == (error.errno == errno.ENOSPC)
    monkeypatch.undo()
    assert torch.equal(writer.load_checkpoint(path)["w"], OURS["w"])
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_checkpoint_write_stopped_by_ctrl_c_leaves_the_old_file(tmp_path, monkeypatch):
    writer, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint(OURS, path)

    def interrupted(content, file):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.save_checkpoint({}, path)
    monkeypatch.undo()
    assert torch.equal(writer.load_checkpoint(path)["w"], OURS["w"])
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


class Payload:
    """Unpickling this creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("plain_pickle", [True, False])
def test_checkpoint_payload_is_refused_without_effect(tmp_path, plain_pickle):
    path, target = tmp_path / "evil.ckpt", tmp_path / "owned"
    content = {"hyper_parameters": {"config": Payload(target)}}
    if plain_pickle:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=r"evil\.ckpt: expected a checkpoint written by interpol"):
        read_checkpoint(path)
    assert not target.exists()
    torch.load(path, weights_only=False) if not plain_pickle else pickle.loads(path.read_bytes())
    assert target.exists(), "the payload is live, so the refusal is what kept it from running"


@pytest.mark.parametrize("kept", [0, 1, 100, -1, -400])
def test_checkpoint_cut_short_is_named(tmp_path, kept):
    path = tmp_path / "cut.ckpt"
    AtomicCheckpointIO().save_checkpoint(OURS, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        ValueError, match=r"cut\.ckpt: expected a checkpoint .* got (an empty|a tr)"
    ):
        AtomicCheckpointIO().load_checkpoint(path)


def test_checkpoint_that_is_absent_a_folder_or_foreign_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt: .* got no such file"):
        read_checkpoint(tmp_path / "none.ckpt")
    with pytest.raises(ValueError, match="got a folder"):
        read_checkpoint(tmp_path)
    for content in ({"state_dict": {}}, [1, 2], {"hyper_parameters": {"lr": 1}}):
        torch.save(content, tmp_path / "other.ckpt")
        with pytest.raises(ValueError, match=r"other\.ckpt: .* got a file of another program"):
            read_checkpoint(tmp_path / "other.ckpt")


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_progress_reaches_the_last_step_on_a_terminal_and_is_silent_elsewhere(
    tmp_path, monkeypatch, stream
):
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("COLUMNS", "100")
    fit(tmp_path, 40, callbacks=[ProgressBar()])
    if stream is Terminal:
        assert "40/40" in shown.getvalue() and "loss" in shown.getvalue()
        assert shown.getvalue().count("train") < 8, "redrawn for every chunk"
    else:
        assert "train" not in shown.getvalue()


# Processes


def _train_for_ever(folder: str) -> None:
    def announce(step):
        if step == 50:
            Path(folder, "started").touch()

    torch.set_num_threads(1)
    try:
        fit(Path(folder), 10**6, Tiny(hook=announce, lr=1e-3), every=10**5)
    except SIGTERMException:
        # What a script has to do: Lightning's own exception would end with status 0.
        sys.exit(143)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_process_stopped_by_a_signal_leaves_a_checkpoint_and_says_so(tmp_path, number, status):
    code = f"import test_training_parts as t; t._train_for_ever({str(tmp_path)!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == status, errors
    assert ("finishing this step" in errors) == (number == signal.SIGINT)
    assert "train:" not in errors, "the progress line is for terminals only"
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] >= 50 and checkpoint["global_step"] % CHUNK == 0
    assert checkpoint["ema"]["last_step"] == checkpoint["global_step"]
