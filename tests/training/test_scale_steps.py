"""Steps at size: lower precision, dropout, parts of validation, compiled networks."""

import csv

import pytest
import torch
from helpers.compose import TINY, TINY_SERIES, leave_out_figures, run_folder, train_with
from torch import nn

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.data.base import Batch
from interpolants.objective.step_loss import BatchSlice, micro_batches
from interpolants.training.compiling import EagerValidation
from interpolants.training.stream import HeldOut

_RUN = [*TINY, "data=moons", "max_steps=20", "validate_every=10", "sample_every=10"]
_RUN += ["steps_per_batch=5", "log_every=1", "metric=[]", "optimizer.lr=0.01"]


@pytest.fixture(autouse=True)
def _quick(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)


def _train(tmp_path, name, *overrides):
    return run_folder(train_with(tmp_path, *_RUN, f"run_dir={name}", *overrides))


def _weights(run):
    return read_checkpoint(run / LAST)["state_dict"]


def _column(run, name):
    with open(run / "metrics.csv") as file:
        return torch.tensor([float(row[name]) for row in csv.DictReader(file) if row[name]])


def _same(one, other):
    mine, theirs = _weights(one), _weights(other)
    return all(weight.equal(theirs[name]) for name, weight in mine.items())


def test_bfloat16_sees_each_steps_weights_whatever_the_length_of_a_chunk(tmp_path):
    low = ["trainer.precision=bf16-mixed"]
    chunks, singles = (_train(tmp_path, f"of_{k}", *low, f"steps_per_batch={k}") for k in (5, 1))
    assert _column(chunks, "train/loss").equal(_column(singles, "train/loss"))
    assert _same(chunks, singles)


def test_bfloat16_trains_close_to_single_precision(tmp_path, trainer):
    single, low = (
        _train(tmp_path, "single", trainer),
        _train(tmp_path, "low", trainer, "trainer.precision=bf16-mixed"),
    )
    assert not _same(single, low)
    assert all(weight.dtype == torch.float32 for weight in _weights(low).values())
    for name in ("train/loss", "val/loss"):
        difference = (_column(single, name) - _column(low, name)).abs().max()
        assert 0 < difference < 0.05, name


@pytest.mark.parametrize(
    "parts", [pytest.param("accumulate=1", marks=pytest.mark.slow), "accumulate=2"]
)
def test_dropout_is_the_same_after_a_run_is_continued(parts, tmp_path):
    net = ["data=digits", "net=unet", "net.channels=8", "net.multipliers=[1]", "net.blocks=1"]
    net += ["net.attention=[]", "net.head_channels=8", "net.time_features=8", "net.dropout=0.5"]
    run = [*net, parts, "scheduler=constant", "batch_size=16", "steps_per_batch=2"]
    run += ["validate_every=4", "sample_every=4", "report_size=4", "validation_size=4"]
    overrides = [word for word in _RUN if word != "net.hidden=16"]
    folders = []
    for name, lengths in (("whole", [8]), ("halves", [4, 8]), ("without", [8])):
        for steps in lengths:
            more = [f"run_dir={name}", "resume=auto", f"max_steps={steps}"]
            more += ["net.dropout=0.0"] if name == "without" else []
            report = train_with(tmp_path, *overrides, *run, *more, sizes=())
        folders.append(run_folder(report))
    assert _same(folders[0], folders[1])
    assert not _same(folders[0], folders[2])


def test_validation_in_parts_is_that_of_the_whole(tmp_path, monkeypatch):
    more = ["validation_size=90", "batch_size=8"]
    parts = _train(tmp_path, "parts", *more)
    monkeypatch.setattr(HeldOut, "__init__", _whole)
    whole = _train(tmp_path, "whole", *more)
    assert _same(parts, whole)
    torch.testing.assert_close(_column(parts, "val/loss"), _column(whole, "val/loss"))
    best = [read_checkpoint(run / "checkpoints" / "best.ckpt") for run in (parts, whole)]
    assert best[0]["global_step"] == best[1]["global_step"]


def _whole(self, batch, size=None):
    self.parts = micro_batches(batch, len(batch.x1))


def test_parts_of_a_batch_are_all_of_its_rows_in_order():
    batch = Batch(torch.arange(10.0)[:, None], torch.arange(10))
    parts = micro_batches(batch, 4)
    assert [part.part for part in parts] == [
        BatchSlice(0, 4, 10),
        BatchSlice(4, 4, 10),
        BatchSlice(8, 2, 10),
    ]
    for part in parts:
        assert part.part.of(batch.label).equal(part.batch.label)
    assert [p.part for p in micro_batches(batch, 5, 20, 40)] == [
        BatchSlice(20, 5, 40),
        BatchSlice(25, 5, 40),
    ]


@pytest.mark.slow
def test_a_compiled_network_trains_the_same_and_validates_at_any_size(tmp_path, trainer):
    more = ["validation_size=50", "max_steps=10", trainer]
    runs = [
        _train(tmp_path, f"compile_{chosen}", *more, f"compile={chosen}")
        for chosen in ("true", "false")
    ]
    for name in ("train/loss", "val/loss"):
        torch.testing.assert_close(_column(runs[0], name), _column(runs[1], name))
    mine, other = map(_weights, runs)
    assert list(mine) == list(other)
    for name, weight in mine.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-4, atol=1e-5)


class _Net(nn.Module):
    def forward(self, x):
        return 2 * x


def test_a_compiled_network_is_left_in_validation():
    """Nothing is compiled for the sizes there, and the next size of training is."""
    seen = []
    net = _Net()
    net.compile(backend=lambda module, inputs: seen.append(1) or module.forward, dynamic=False)
    callback, x = EagerValidation(), torch.zeros(1, 1)
    net(x)
    callback.on_validation_start(None, None)
    net(torch.zeros(3, 1))
    assert len(seen) == 1
    callback.on_exception(None, None, KeyError())
    net(torch.zeros(1, 1))
    net(torch.zeros(5, 1))
    assert len(seen) == 2


@pytest.mark.parametrize(("steps", "fits"), [(10, True), (7, False)])
def test_power_averages_are_written_at_ends_of_chunks(steps, fits, tmp_path):
    if not fits:
        with pytest.raises(ValueError, match=r"power_ema: expected a multiple of steps_per_batch"):
            _train(tmp_path, "run", f"power_ema={steps}")
        return
    run = _train(tmp_path, "run", f"power_ema={steps}")
    assert [file.name for file in sorted((run / "ema").iterdir())] == [
        "step_000000010.pt",
        "step_000000020.pt",
    ]


def test_a_task_that_draws_no_shares_takes_a_batch_at_once(tmp_path):
    series = ["task=neural_sde", "data=bridge", "accumulate=2"]
    with pytest.raises(ValueError, match=r"accumulate: expected 1 for this task, got 2"):
        train_with(tmp_path, *series, sizes=TINY_SERIES)
