"""Training with sharded weights equals training by one process."""

import csv

import pytest
import torch
from helpers.compose import TINY
from helpers.scripts import run_many, run_script

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

pytestmark = pytest.mark.slow
_RUN = [*TINY, "data=moons", "steps_per_batch=3", "log_every=1", "batch_size=24", "clip_norm=0.5"]
_RUN += ["validate_every=6", "sample_every=6", "scheduler=constant", "run_dir=run", "resume=auto"]
_SHARED = ["trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2"]


def _weights(folder):
    content = read_checkpoint(folder / "run" / LAST)
    averages = {f"ema.{k}": w for k, w in content["ema"]["weights"].items()}
    moments = content["optimizer_states"][0]["state"]
    return (
        content["state_dict"] | averages | {f"adam.{k}": s["exp_avg"] for k, s in moments.items()}
    )


def _norms(folder):
    with open(folder / "run" / "metrics.csv") as file:
        norms = [row["train/gradient_norm"] for row in csv.DictReader(file)]
    return [float(norm) for norm in norms if norm]


def _close(one, other):
    assert _norms(one) == pytest.approx(_norms(other), rel=1e-3)
    mine, theirs = _weights(one), _weights(other)
    assert list(mine) == list(theirs)
    for name, weight in mine.items():
        torch.testing.assert_close(weight, theirs[name], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    (done,) = run_many(folder, [["train", *_RUN, "max_steps=24"]])
    assert done.status == 0, done.err
    return folder


def test_two_processes_that_share_weights_train_as_one(one, tmp_path):
    done = run_script("train", tmp_path, *_RUN, *_SHARED, "max_steps=24")
    assert done.returncode == 0, done.stderr
    _close(tmp_path, one)
    assert (tmp_path / "run" / "figures" / "step_0000012.png").is_file()


def test_a_run_goes_on_with_weights_shared_and_with_them_whole(one, tmp_path):
    """Twelve steps shared, six by one process, and six shared."""
    for steps, more in ((12, _SHARED), (18, []), (24, _SHARED)):
        done = run_script("train", tmp_path, *_RUN, *more, f"max_steps={steps}")
        assert done.returncode == 0, done.stderr
    _close(tmp_path, one)


def test_shared_weights_have_no_power_averages(tmp_path):
    done = run_script("train", tmp_path, *_RUN, *_SHARED, "max_steps=24", "power_ema=6")
    assert done.returncode == 1
    assert "power_ema: expected null with sharded weights" in done.stderr
