"""Runs of a neural SDE: logs, exact resumption, checkpoints, reports and errors."""

import csv
import json

import numpy as np
import pytest
import torch
from helpers.compose import TINY_SERIES, leave_out_figures, run_folder, sample_with, train_with
from helpers.same_run import assert_same_run
from helpers.scripts import files_in, runs_in

from interpolants import load
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.neural_sde.model import TimeSeriesModel
from interpolants.training import run

_SERIES = ["task=neural_sde", "data=fractional_ou", "data.length=6", "data.paths=80"]
_LENGTHS = [
    *("max_steps=12", "steps_per_batch=2", "log_every=1"),
    *("validate_every=4", "sample_every=8", "checkpoint_every=4"),
]


def _train(folder, *overrides):
    return train_with(folder, *_SERIES, *overrides, sizes=TINY_SERIES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The report of an undisturbed run."""
    return _train(tmp_path_factory.mktemp("whole"), *_LENGTHS)


class _Stop:
    """Raises at a step, as Ctrl-C or an error would."""

    def __init__(self, monkeypatch, step, where):
        import lightning.pytorch as pl

        class Stopper(pl.Callback):
            def on_train_batch_end(self, trainer, *_):
                if where == "after" and trainer.global_step == step:
                    raise KeyboardInterrupt

            def on_validation_epoch_end(self, trainer, *_):
                if where == "validation" and trainer.global_step == step:
                    raise KeyboardInterrupt

        callbacks = run._callbacks
        monkeypatch.setattr(run, "_callbacks", lambda *args: [*callbacks(*args), Stopper()])


@pytest.mark.parametrize(("step", "where"), [(6, "after"), (8, "validation")])
def test_neural_sde_run_stopped_and_resumed_is_the_undisturbed_one(
    step, where, whole, tmp_path, monkeypatch
):
    leave_out_figures(monkeypatch)
    with monkeypatch.context() as stopping:
        _Stop(stopping, step, where)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            _train(tmp_path, *_LENGTHS)
    (stopped,) = runs_in(tmp_path)
    assert read_checkpoint(stopped / "checkpoints" / "last.ckpt")["global_step"] == step
    report = _train(tmp_path, *_LENGTHS, "resume=auto")
    assert run_folder(report) == stopped
    assert_same_run(stopped, run_folder(whole))


def test_neural_sde_run_logs_the_parts_of_its_loss_and_the_hurst_index(whole):
    with open(run_folder(whole) / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    for stage in ("train", "val"):
        logged = [row for row in rows if row[f"{stage}/loss"]]
        assert logged
        for row in logged:
            names = ("reconstruction", "kl_start", "kl_path")
            parts = [float(row[f"{stage}/loss_{name}"]) for name in names]
            assert float(row[f"{stage}/loss"]) == pytest.approx(sum(parts), rel=1e-6)
    hurst = [float(row["val/hurst"]) for row in rows if row["val/hurst"]]
    assert len(hurst) == 3 and len(set(hurst)) == 3 and all(0 < h < 1 for h in hurst)


def test_neural_sde_run_reports_and_writes_what_it_says(whole):
    folder = run_folder(whole) / "samples"
    arrays = np.load(folder / "samples.npz")
    written = json.loads((folder / "samples.json").read_text())
    assert arrays["x"].shape == (32, 6, 1)
    assert written["times"] == arrays["times"].tolist()
    assert written["request"]["context_length"] == 3
    assert written["numbers"] == whole.numbers
    assert {"elbo", "log_likelihood", "hurst", "mse_prediction"} <= set(whole.numbers)
    errors = written["squared_errors"]
    for name, values in errors.items():
        # Nothing is missing: the mean over times is the mean over all.
        assert whole.numbers[f"mse_{name}"] == pytest.approx(np.mean(values), rel=1e-5)
        assert len(values) == 3
    for file in whole.files:
        assert list(file.parent.glob(file.name)), file


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_neural_sde_checkpoint_rebuilds_the_model(weights, whole):
    path = run_folder(whole) / "checkpoints" / "last.ckpt"
    model = load(path, weights=weights)
    assert isinstance(model, TimeSeriesModel)
    content = read_checkpoint(path)
    saved = {
        "raw": {
            k: v for k, v in content["state_dict"].items() if k.startswith("trainable.model.")
        },
        "ema": {f"trainable.model.{k}": v for k, v in content["ema"]["weights"].items()},
    }[weights]
    state = {f"trainable.model.{k}": v for k, v in model.model.state_dict().items()}
    assert saved and all(torch.equal(state[k], v) for k, v in saved.items())
    assert model.event_shape == (6, 1)
    assert list(model.times) == content["hyper_parameters"]["config"]["times"]
    if weights == "ema":
        assert float(model.hurst) == whole.numbers["hurst"]
        assert torch.equal(model.sample(32, seed=0).x, load(path).sample(32, seed=0).x)
        samples = np.load(run_folder(whole) / "samples" / "samples.npz")["x"]
        np.testing.assert_array_equal(model.sample(32, seed=0).x.numpy(), samples)


def test_neural_sde_script_samples_a_checkpoint(whole, tmp_path, monkeypatch, capsys):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    ckpt = f"ckpt={run_folder(whole) / 'checkpoints' / 'last.ckpt'}"
    first = sample_with(ckpt, "n=32", f"out={tmp_path}")
    # The same model and seed as the report of training.
    assert first == whole.metrics[0].value
    assert f"elbo{'':18}{whole.numbers['elbo']:>12.5g}" in capsys.readouterr().out
    assert {"time_series.npz", "time_series.json"} <= set(files_in(tmp_path))
    sample_with(ckpt, "n=8", f"out={tmp_path}", "context_length=5", "stem=five", "seed=1")
    assert json.loads((tmp_path / "five.json").read_text())["request"]["context_length"] == 5


@pytest.mark.parametrize(
    "word", ["sampler=sde", "num_steps=3", "sampler.num_steps=3", "likelihood=flow"]
)
def test_neural_sde_script_refuses_settings_of_samplers(word, whole, tmp_path):
    ckpt = f"ckpt={run_folder(whole) / 'checkpoints' / 'last.ckpt'}"
    key = word.lstrip("+").partition("=")[0]
    with pytest.raises(ValueError, match=rf"^{key}: expected no such setting for a neural SDE"):
        sample_with(ckpt, word, f"out={tmp_path}")
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["data=moons"], r"^data: expected time series, for a neural SDE, got 'Moons'; "),
        (["context_length=7"], r"^context_length: expected a whole number in \[1, 6\], got 7"),
        (
            ["neural_sde.num_steps=0"],
            r"^neural_sde: NeuralSDE\.num_steps: expected a whole number > 0",
        ),
        (
            ["neural_sde/diffusion=coordinate"],
            r"^neural_sde: NeuralSDE\.guide: expected .* and Coord",
        ),
        (["batch_size=65"], r"batch_size: expected at most the 64 training rows"),
        (["optimizer.lr=-1.0"], r"^optimizer: "),
    ],
)
def test_neural_sde_run_refuses_before_anything_is_written(overrides, sentence, tmp_path):
    kept = [word for word in _SERIES if not (overrides == ["data=moons"] and "data" in word)]
    with pytest.raises(ValueError, match=sentence):
        train_with(tmp_path, *kept, *overrides, sizes=TINY_SERIES)
    assert files_in(tmp_path) == []


def test_neural_sde_run_is_not_continued_by_other_settings_or_another_task(whole, tmp_path):
    last = f"ckpt={run_folder(whole) / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises(
        ValueError, match=r"^neural_sde\.control\.hidden: expected 128 as in .*got 7"
    ):
        _train(tmp_path, *_LENGTHS, last, "neural_sde.control.hidden=7")
    with pytest.raises(ValueError, match=r"^task\._target_: expected '.*NeuralSDETask' as in"):
        train_with(tmp_path, last)
    assert files_in(tmp_path) == []


def test_interpolant_run_refuses_data_with_observations_missing(tmp_path, monkeypatch):
    from interpolants.data.bridge import Bridge

    sample = Bridge.sample

    def masked(self, n, generator):
        return sample(self, n, generator)._replace(mask=torch.ones(n, 1, dtype=torch.bool))

    monkeypatch.setattr(Bridge, "sample", masked)
    with pytest.raises(ValueError, match=r"^data: expected data with no observations missing"):
        train_with(tmp_path, "data=bridge")
    assert files_in(tmp_path) == []


def test_run_of_a_neural_sde_has_no_animation(tmp_path):
    with pytest.raises(ValueError, match=r"^animation: expected false for a neural SDE, got True"):
        train_with(tmp_path, "task=neural_sde", "animation=true", sizes=TINY_SERIES)
    assert list(tmp_path.iterdir()) == []
