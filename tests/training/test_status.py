"""Lines on the state of training, speed, and one scale of the loss in all of them."""

import csv
import re

import lightning.pytorch as pl
import pytest
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.own_callbacks import Counter

from interpolants.plot.loss import plot_loss
from interpolants.training import progress, speed


class Watch(pl.Callback):
    """Keeps the losses that callbacks get, such as that of the progress bar."""

    seen = ([], [])

    def on_train_batch_end(self, trainer, pl_module, outputs, *_):
        self.seen[0].append(float(outputs["loss"]))

    def on_validation_end(self, trainer, pl_module):
        self.seen[1].append(float(trainer.callback_metrics["val/loss"]))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three steps, one in a Lightning batch, and what it says."""
    folder, lines = tmp_path_factory.mktemp("status"), []
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        patch.setattr(Counter, "on_train_batch_end", Watch.on_train_batch_end)
        patch.setattr(Counter, "on_validation_end", Watch.on_validation_end)
        patch.setattr(Counter, "seen", ([], []), raising=False)
        patch.setattr("interpolants.training.status.to_stderr", lines.append)
        patch.setattr("interpolants.training.record.to_stderr", lines.append)
        sizes = ("max_steps=3", "steps_per_batch=1", "validate_every=1", "sample_every=1")
        own = "+callbacks.a._target_=helpers.own_callbacks.Counter"
        report = train_with(folder, *sizes, "clip_norm=1", own, "metric=[energy_distance]")
        return run_folder(report), lines, Counter.seen


def _column(run, name):
    with open(run / "metrics.csv", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


@pytest.mark.parametrize(("stage", "name"), [(0, "train/loss"), (1, "val/loss")])
def test_loss_has_one_scale_in_logs_callbacks_lines_and_the_figure(stage, name, run):
    """Data have two coordinates, over which the loss is a sum everywhere, not a mean."""
    folder, lines, seen = run
    logged = _column(folder, name)
    assert len(logged) == 3 and seen[stage] == pytest.approx(logged, abs=1e-6)
    said = [float(re.search(rf"{name} (\S+),", line)[1]) for line in lines if "step" in line]
    assert said == pytest.approx(logged, rel=1e-3)
    drawn = [list(line.get_ydata()) for line in plot_loss(folder / "metrics.csv").axes[0].lines]
    assert any(values == pytest.approx(logged) for values in drawn)
    parts = (_column(folder, f"{name}_{part}") for part in ("velocity", "denoiser"))
    assert [sum(pair) for pair in zip(*parts, strict=True)] == pytest.approx(logged)


def test_status_names_the_folder_and_has_one_line_for_each_validation(run):
    folder, lines, _ = run
    first, *rest = lines
    assert first == f"run: {folder}"
    names = r"train/loss \S+, val/loss \S+, val/energy_distance \S+"
    for step, line in enumerate(rest, 1):
        machine = r"samples_per_second \S+, peak_memory_gb \S+"
        assert re.fullmatch(rf"step {step} of 3: {names}, {machine}", line)


def test_status_is_silent_where_the_bar_is_watched(tmp_path, monkeypatch, capsys):
    leave_out_figures(monkeypatch)
    monkeypatch.setattr("interpolants.training.status.is_watched", lambda: True)
    monkeypatch.setattr(progress, "is_watched", lambda: False)
    train_with(tmp_path, "metric=[]", "max_steps=2")
    assert "step 2 of 2" not in capsys.readouterr().err


def test_speed_counts_samples_and_leaves_out_validation(monkeypatch):
    """Ten steps of eight samples in 4 s of training, with 100 s of validation between."""

    class Log:
        def log_metrics(self, values, step):
            rows.append((step, values["machine/samples_per_second"]))

    class Trainer:
        loggers, global_step = [Log()], 0
        strategy = type("Strategy", (), {"root_device": speed.torch.device("cpu")})

    rows, clock = [], [50.0]
    monkeypatch.setattr(speed.time, "perf_counter", lambda: clock[0])
    meter, trainer = speed.Speed(batch_size=8, log_every=10), Trainer()
    meter.on_train_start(trainer, None)
    for step, seconds in ((5, 2.0), (10, 2.0), (15, 1.0), (20, 1.0)):
        clock[0] += seconds
        trainer.global_step = step
        meter.on_train_batch_end(trainer, None)
        meter.on_validation_start(trainer, None)
        clock[0] += 100
        meter.on_validation_end(trainer, None)
    assert rows == [(10, 20.0), (20, 40.0)]
