"""Runs on data in a space: what their files keep, and how they continue."""

import csv

import numpy as np
import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with

import interpolants
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.data.file import File
from interpolants.training.guard import NonFiniteLossError

_SIGNS = torch.tensor([1.0, -1.0, -1.0])
_SIGNED = ["data=file", "data.path=rows.csv", "space=signed_log", "base=fitted"]
_SIGNED += ["interpolant=variance_exploding", "objective=denoiser", "scheduler=constant"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with rows in it whose coordinates keep their signs."""
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    rows = np.exp(np.random.default_rng(0).normal(size=(80, 3))) * _SIGNS.numpy()
    np.savetxt("rows.csv", rows, delimiter=",", header="a,b,c", comments="")
    return tmp_path


def _last(report):
    return run_folder(report) / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_run_in_a_space_is_rebuilt_with_what_space_and_base_were_fitted_to(weights, folder):
    last = _last(train_with(folder, *_SIGNED))
    state = read_checkpoint(last)["state_dict"]
    assert torch.equal(state["trainable.scaling.space.signs"], _SIGNS)
    (folder / "rows.csv").unlink()
    model = interpolants.load(last, weights=weights)
    assert torch.equal(model.scaling.space.signs, _SIGNS)
    fitted = {k: v for k, v in model.fields.state_dict().items() if k.startswith("base.")}
    assert fitted and all(torch.equal(v, state[f"trainable.model.{k}"]) for k, v in fitted.items())
    samples = model.sample(50, times=[0, 0.5], num_steps=4)
    assert torch.equal(samples.x.sign(), _SIGNS.expand(50, 3))
    assert torch.equal(samples.path.sign(), _SIGNS.expand(2, 50, 3))


def test_run_in_a_space_standardizes_in_its_chart(folder):
    scaling = interpolants.load(_last(train_with(folder, *_SIGNED))).scaling
    y = File(path="rows.csv").fitting_batch().x1.abs().log()
    torch.testing.assert_close(scaling.shift, y.mean(0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(scaling.scale, y.std(0, correction=0), rtol=1e-5, atol=0)


def test_run_in_a_space_continues_as_if_it_had_not_stopped(folder):
    train_with(folder, *_SIGNED, "max_steps=4", "run_dir=parts")
    longer = [*_SIGNED, "max_steps=8", "run_dir=parts", "resume=auto"]
    parts, whole = (
        read_checkpoint(_last(train_with(folder, *options)))
        for options in (longer, [*_SIGNED, "max_steps=8"])
    )
    assert parts["global_step"] == whole["global_step"] == 8
    for got, expected in (
        (parts["state_dict"], whole["state_dict"]),
        (parts["ema"]["weights"], whole["ema"]["weights"]),
    ):
        assert got.keys() == expected.keys()
        assert all(torch.equal(got[name], expected[name]) for name in got)
    with pytest.raises(ValueError, match=r"^space\._target_: expected '.*SignedLogSpace' as in"):
        train_with(folder, *longer, "space=euclidean")


def test_run_on_data_outside_the_space_is_refused_before_anything_is_written(folder):
    before = list(folder.iterdir())
    with pytest.raises(
        ValueError, match=r"LogSpace\.map: expected finite values above 0 \(160 of"
    ):
        train_with(folder, *_SIGNED, "space=log")
    with pytest.raises(Exception, match=r"(?s)LogSpace\.map: expected .*full_key: base$"):
        train_with(folder, "data=table", "base=dataset", "data@base.data=moons", "space=log")
    assert list(folder.iterdir()) == before


def test_run_of_an_ambient_sampler_is_refused_without_a_logarithm_and_logs_what_left(folder):
    options = ["data=log_normal_mixture", "interpolant=geometric_brownian"]
    options += ["sampler=ambient_euler", "metric=energy_distance"]
    before = list(folder.iterdir())
    text = r"^Model\.sampler: expected .* AmbientSDE, got 'EuclideanSpace'; use space=log"
    with pytest.raises(ValueError, match=text):
        train_with(folder, *options)
    assert list(folder.iterdir()) == before
    report = train_with(folder, *options, "space=log")
    with open(run_folder(report) / "metrics.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val/outside"]]
    assert len(rows) == 2 and all(0 <= float(row["val/outside"]) <= 32 for row in rows)


def test_run_that_meets_data_outside_its_space_says_so(folder, monkeypatch):
    whole = File.train_batch

    def late(self, step, *args, **options):
        batch = whole(self, step, *args, **options)
        return batch._replace(x1=-batch.x1) if step == 3 else batch

    monkeypatch.setattr(File, "train_batch", late)
    text = r"at step 3, .*; its batch has data outside of their space: SignedLogSpace\.signs: "
    with pytest.raises(NonFiniteLossError, match=text) as caught:
        train_with(folder, *_SIGNED)
    assert "learning rate" not in str(caught.value)
