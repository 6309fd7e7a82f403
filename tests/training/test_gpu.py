"""Training of images on a GPU."""

import csv

import pytest
from helpers.compose import leave_out_figures, run_folder, train_with

import interpolants
from interpolants.checkpoint.runs import LAST

pytestmark = pytest.mark.gpu

_LENGTHS = ["max_steps=300", "validate_every=100", "sample_every=300", "report_size=100"]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_digits_are_learned_and_drawn_on_a_gpu(precision, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    gpu = ["trainer=gpu", f"trainer.precision={precision}", "metric=[]"]
    run = run_folder(train_with(tmp_path, "experiment=digits", *gpu, *_LENGTHS, sizes=()))
    with open(run / "metrics.csv") as file:
        losses = [float(row["val/loss"]) for row in csv.DictReader(file) if row["val/loss"]]
    # Losses of zero fields are 0; the held-out digits show that the network has learned.
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0
    model = interpolants.load(run / LAST, device="cuda")
    drawn = model.sample(64, label=3)
    assert drawn.x.is_cuda and drawn.x.shape == (64, 1, 8, 8)
    three = model.sample(64, seed=1, label=3).x.mean(dim=0)
    other = model.sample(64, seed=1, label=8).x.mean(dim=0)
    assert (drawn.x.mean(dim=0) - three).norm() < (drawn.x.mean(dim=0) - other).norm()
