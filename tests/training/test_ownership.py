"""A run has one owner, and its folder stays whole."""

import os
import shutil
import threading

import lightning.pytorch as pl
import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.scripts import files_in

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST, RunLocation
from interpolants.report.writer import sole_writer
from interpolants.training import run
from interpolants.utils.locks import SoleUser


class _At(pl.Callback):
    """Calls a function once at a step."""

    def __init__(self, step, call):
        self.step, self.call = step, call

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            self.call()


def _call_at(monkeypatch, step, call):
    callbacks = run._callbacks
    monkeypatch.setattr(run, "_callbacks", lambda *args: [_At(step, call), *callbacks(*args)])


@pytest.mark.parametrize("resume", ["never", "auto"])
def test_second_start_in_a_folder_is_refused_and_changes_nothing(resume, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    folder, refused = tmp_path / "run", []

    def start_another():
        before = files_in(folder)
        with pytest.raises(BlockingIOError) as error:
            with monkeypatch.context() as patch:
                patch.setattr(run, "_callbacks", callbacks)
                train_with(tmp_path, f"run_dir={folder}", "seed=1", f"resume={resume}")
        refused.append(str(error.value))
        assert files_in(folder) == before

    callbacks = run._callbacks
    _call_at(monkeypatch, 2, start_another)
    threads = torch.get_num_threads()
    train_with(tmp_path, f"run_dir={folder}", "checkpoint_every=100")
    torch.set_num_threads(threads)
    rule = f"run_dir: expected a folder that no other process trains in, got {folder}, which "
    assert refused[0].startswith(f"{rule}process {os.getpid()} on ")
    assert read_checkpoint(folder / LAST)["hyper_parameters"]["config"]["seed"] == 0
    assert "seed: 0" in (folder / "config.yaml").read_text()
    assert not (folder / ".lock").exists()


def test_run_folder_that_is_deleted_is_whole_again_with_the_next_checkpoint(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    whole = run_folder(train_with(tmp_path, f"run_dir={tmp_path / 'whole'}"))
    folder = tmp_path / "run"
    _call_at(monkeypatch, 2, lambda: shutil.rmtree(folder))
    train_with(tmp_path, f"run_dir={folder}", "checkpoint_every=1")
    assert (folder / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    assert (folder / "config.yaml").is_file() and (folder / LAST).is_file()


def test_run_folder_that_is_deleted_after_the_last_step_is_whole_again(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    folder = tmp_path / "run"

    class Deleting(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.global_step == 4:
                shutil.rmtree(folder)

    callbacks = run._callbacks
    monkeypatch.setattr(run, "_callbacks", lambda *args: [Deleting(), *callbacks(*args)])
    train_with(tmp_path, f"run_dir={folder}", "checkpoint_every=1")
    assert read_checkpoint(folder / LAST)["global_step"] == 4
    assert (folder / "config.yaml").is_file() and (folder / "metrics.csv").is_file()


_SIZES = ["steps_per_batch=25", "validate_every=50", "sample_every=100000", "log_every=5"]
_SIZES += ["checkpoint_every=25", "scheduler=constant", "power_ema=50", "metric=[]"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        return run_folder(train_with(folder, *_SIZES, "max_steps=60"))


@pytest.mark.parametrize("first", [20, 45])
def test_run_made_longer_equals_one_of_that_length_wherever_it_ended(
    first, whole, tmp_path, monkeypatch
):
    """Weights, both averages, and what was logged when; the shorter run's own end is left out."""
    leave_out_figures(monkeypatch)
    parts = tmp_path / "parts"
    for steps in (first, 60):
        train_with(tmp_path, *_SIZES, f"run_dir={parts}", f"max_steps={steps}", "resume=auto")
    one, other = (read_checkpoint(folder / LAST) for folder in (whole, parts))
    sets = [one["state_dict"], one["ema"]["weights"], *one["power_ema"]["weights"]]
    others = [other["state_dict"], other["ema"]["weights"], *other["power_ema"]["weights"]]
    for mine, theirs in zip(sets, others, strict=True):
        assert all(torch.equal(theirs[name], weight) for name, weight in mine.items())
    assert set(_rows(whole)) - set(_rows(parts)) == set()
    assert {step for step, _ in set(_rows(parts)) - set(_rows(whole))} <= {str(first)}


def _rows(folder):
    """Rows of the metrics, whatever the order of the columns."""
    names, *lines = (line.split(",") for line in (folder / "metrics.csv").read_text().split())
    for line in lines:
        cells = zip(names[1:], line[1:], strict=True)
        yield line[0], frozenset(cell for cell in cells if cell[1])


def test_files_of_a_stem_have_one_writer_and_leftovers_are_swept(tmp_path):
    left = f"{'0' * 31}1"
    for name in (f".ode.npz.{left}", f"ode/.0000001.png.{left}", f"sde/.0000001.png.{left}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with sole_writer(tmp_path, "sde"), sole_writer(tmp_path, "ode"):
        # Another stem is being written, to which the first may belong.
        assert not (tmp_path / f"ode/.0000001.png.{left}").exists()
        with pytest.raises(BlockingIOError, match=r"^stem: expected one that no other process"):
            with sole_writer(tmp_path, "ode"):
                pass
    assert not (tmp_path / f".ode.npz.{left}").exists()
    assert files_in(tmp_path) == ["ode", "sde"]
    (tmp_path / f".ode.npz.{left}").touch()
    with SoleUser(tmp_path / ".sde.lock", ""), sole_writer(tmp_path, "ode"):
        assert (tmp_path / f".ode.npz.{left}").exists()


def test_owners_of_one_folder_take_turns(tmp_path):
    """Twenty at once: one at a time, and each either works alone or is refused."""
    location, inside, most, refused = RunLocation(tmp_path / "run", None), [], [], []
    barrier = threading.Barrier(20)

    def work():
        barrier.wait()
        try:
            with location.owner():
                inside.append(1)
                most.append(len(inside))
                inside.pop()
        except BlockingIOError:
            refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(most) + len(refused) == 20
