"""A run continues with its own data only, and looks at other samples every time."""

import csv
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers.compose import leave_out_figures, run_folder, sample_with, train_with
from helpers.scripts import files_in
from helpers.waiting import LONGEST

from interpolants.checkpoint import same_data
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training.same_data import SameData

_RUN = ["data=file", "data.path=rows.csv", "metric=energy_distance"]


def _write(path, scale=1.0, shift=0.0, n=80):
    rows = shift + scale * np.random.default_rng(0).normal(size=(n, 2))
    np.savetxt(path, rows, delimiter=",", header="a,b", comments="")


@pytest.fixture
def trained(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "rows.csv")
    return run_folder(train_with(tmp_path, *_RUN))


def test_resume_with_other_data_is_refused_and_changes_nothing(trained, tmp_path):
    before = {name: (trained / name).stat().st_mtime_ns for name in files_in(trained)}
    _write(tmp_path / "rows.csv", scale=50, shift=100)
    rule = r"data: expected the data that .*last\.ckpt was trained on, got 'another content of "
    with pytest.raises(ValueError, match=f"{rule}.*; restore those data, or start a new run"):
        train_with(tmp_path, *_RUN, "resume=auto", "max_steps=8")
    _write(tmp_path / "rows.csv", n=79)
    with pytest.raises(ValueError, match=r"training rows 63 for 64|held-out rows 15 for 16"):
        train_with(tmp_path, *_RUN, "resume=auto", "max_steps=8")
    assert {name: (trained / name).stat().st_mtime_ns for name in files_in(trained)} == before


def test_resume_compares_the_data_of_the_base_too(trained, tmp_path):
    base = ["data=moons", "base=dataset", "data@base.data=file", "base.data.path=rows.csv"]
    train_with(tmp_path, *base)
    _write(tmp_path / "rows.csv", scale=2)
    with pytest.raises(ValueError, match=r"another content of training rows of base\.data"):
        train_with(tmp_path, *base, "resume=auto", "max_steps=8")


def test_resume_says_that_another_version_wrote_the_run(trained, tmp_path, monkeypatch):
    content = read_checkpoint(trained / "checkpoints" / "last.ckpt")
    assert content["interpolants"]["version"]
    monkeypatch.setattr(same_data, "version", lambda _: "9.9")
    with pytest.warns(UserWarning, match=r"written by interpolants .*, and is continued by 9\.9"):
        train_with(tmp_path, *_RUN, "resume=auto", "max_steps=6")


def test_sampling_says_that_the_data_are_others(trained, tmp_path, capsys):
    sample_with("n=16")
    assert "not those of training" not in capsys.readouterr().out
    _write(tmp_path / "rows.csv", scale=50)
    sample_with("n=16")
    said = capsys.readouterr().out
    assert "the data are not those of training: another content of training rows" in said


def test_sampling_needs_no_data_where_none_are_asked_for(trained, tmp_path, capsys, monkeypatch):
    shutil.move(tmp_path / "rows.csv", tmp_path / "moved.csv")
    ckpt = f"ckpt={trained / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises(ValueError, match=r"an existing file.*; data\.path=\.\.\. says where they"):
        sample_with(ckpt, "n=16")
    sample_with(ckpt, "n=16", "metric=[]")
    assert "without the data of training: data: File.path: expected an" in capsys.readouterr().out
    assert np.load(trained / "samples" / "ode.npz")["x"].shape == (16, 2)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    sample_with(ckpt, "n=16", f"data.path={tmp_path / 'moved.csv'}")
    assert "energy_distance" in capsys.readouterr().out
    shutil.move(tmp_path / "moved.csv", tmp_path / "rows.csv")
    sample_with(ckpt, "n=16")  # the path of training starts above the checkpoint
    assert "energy_distance" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"data\.root: expected no such setting for File"):
        sample_with(ckpt, "n=16", "data.root=here")


def test_every_look_draws_other_samples_beside_the_same_floor(trained):
    with open(trained / "metrics.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["val/energy_distance"]]
    assert len(rows) == 2
    assert len({row["val/energy_distance_floor"] for row in rows}) == 1
    assert all(float(row["val/energy_distance_sd"]) > 0 for row in rows)
    assert all(float(row["val/energy_distance_floor_sd"]) > 0 for row in rows)


class _Processes:
    """A trainer of two processes."""

    def __init__(self, rank):
        self.world_size, self.global_rank = 2, rank


@pytest.mark.parametrize("rank", [0, 1])
def test_processes_with_other_data_end_with_one_error(rank, monkeypatch):
    records = [{"data": {"training rows": n}} for n in (64, 63)]

    def gather(into, own):
        into[:] = records

    monkeypatch.setattr("torch.distributed.all_gather_object", gather)
    callback = SameData(records[rank])
    rule = "data: expected the same data in every process, got 'training rows 63 for 64 in 1'"
    with pytest.raises((ValueError, SystemExit)) as stop:
        callback.on_fit_start(_Processes(rank), None)
    assert str(stop.value).startswith(rule) if rank == 0 else stop.value.code == 0
    records[1] = records[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        callback.on_fit_start(_Processes(rank), None)


_JOIN = """
import sys
from types import SimpleNamespace
import torch.distributed
from interpolants.training.same_data import SameData

rank, rows, store = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
trainer = SimpleNamespace(world_size=2, global_rank=rank)
SameData({"data": {"training rows": rows}}).on_fit_start(trainer, None)
"""


@pytest.mark.slow
@pytest.mark.parametrize("rows", [64, 63])
def test_processes_compare_their_data_with_each_other(rows, tmp_path):
    """Two real processes; of those with other data, one says so, and both end."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _JOIN, str(rank), str(count), str(tmp_path / "store")],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, count in enumerate((64, rows))
    ]
    said = [process.communicate(timeout=LONGEST)[1] for process in started]
    assert [process.returncode for process in started] == [int(rows != 64), 0], said
    rule = "data: expected the same data in every process, got 'training rows 63 for 64 in 1'"
    assert (rule in said[0]) == (rows != 64)
    assert rule not in said[1]
