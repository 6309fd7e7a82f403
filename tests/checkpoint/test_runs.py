"""Folders of runs: which is continued, which is new, and which is the newest."""

import itertools
import os

import pytest
import torch
from helpers.compose import config_of
from omegaconf import OmegaConf

from interpolants.checkpoint import runs
from interpolants.checkpoint.runs import LAST, RunLocation, locate_run, newest_checkpoint
from interpolants.utils.format import format_record


def _config(*overrides):
    return OmegaConf.to_container(config_of(*overrides), resolve=True)


def _save(folder, config, *, step=10, at=0.0):
    """A run folder whose last checkpoint has only what its finding needs."""
    path = folder / LAST
    path.parent.mkdir(parents=True)
    content = {"state_dict": {}, "hyper_parameters": {"config": config}, "global_step": step}
    config.update(event_shape=[2], fingerprint={"data": {}})
    content |= {"epoch": 0, "optimizer_states": [], "lr_schedulers": [], "loops": {}}
    content |= {"callbacks": {}, "trained_at": at} | format_record()
    torch.save(content, path)
    return folder


@pytest.fixture(autouse=True)
def _no_slurm(monkeypatch):
    for name in ("JOB_ID", "STEP_ID", "RESTART_COUNT", "STEP_NUM_TASKS"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)


def test_newest_run_is_the_one_that_trained_last_whatever_the_times_of_files(tmp_path):
    config = _config()
    times = {"old": 5.0, "new": 9.0, "middle": 7.0}
    for number, (name, at) in enumerate(times.items()):
        folder = _save(tmp_path / name, config, step=1000 - number, at=at)
        os.utime(folder / LAST, (1e9 - 1e6 * at, 1e9 - 1e6 * at))
    assert newest_checkpoint(tmp_path) == tmp_path / "new" / LAST


@pytest.mark.parametrize("content", [b"", b"text", "half"])
def test_run_with_a_damaged_checkpoint_is_left_out_with_a_line(content, tmp_path):
    config = _config()
    good = _save(tmp_path / "outputs" / "checkerboard" / "good", config, at=1.0)
    bad = _save(tmp_path / "outputs" / "checkerboard" / "bad", config, at=2.0) / LAST
    bad.write_bytes(bad.read_bytes()[:500] if content == "half" else content)
    with pytest.warns(UserWarning, match=r"bad/checkpoints/last\.ckpt: .*; this run is left out"):
        assert newest_checkpoint(tmp_path) == good / LAST
    with pytest.warns(UserWarning, match="left out"):
        found = locate_run(_config("resume=auto"), tmp_path, ())
    assert found[:2] == (good, good / LAST)


@pytest.mark.parametrize("resume", ["never", "auto"])
def test_run_of_the_same_time_stamp_is_not_continued(resume, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "run_stamp", lambda: "now")
    place, config = tmp_path / "outputs" / "checkerboard", _config("seed=1", f"resume={resume}")
    other = _config()
    for count in itertools.count(1):
        found = locate_run(config, tmp_path, ())
        assert found[:2] == (place / ("now" if count == 1 else f"now-{count}"), None)
        if count == 11:
            break
        _save(found.folder, other)
    said = capsys.readouterr().err
    assert said.count("resume: no run below") == (11 if resume == "auto" else 0)


def test_run_of_a_slurm_step_is_continued_only_if_the_job_was_requeued(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    place = tmp_path / "outputs" / "checkerboard"
    first = _save(place / "slurm-71-0", _config())
    assert locate_run(_config(), tmp_path, ())[:2] == (place / "slurm-71-0-2", None)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(ValueError, match=r"^run_dir: expected a folder without a run in it, got"):
        locate_run(_config(), tmp_path, ())
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    for tasks in ("1", "2"):
        monkeypatch.setenv("SLURM_STEP_NUM_TASKS", tasks)
        assert locate_run(_config(), tmp_path, ())[:2] == (first, first / LAST)


def test_requeued_job_continues_in_the_folder_that_was_chosen(tmp_path, monkeypatch):
    chosen = _config(f"run_dir={tmp_path / 'run'}")
    folder = _save(tmp_path / "run", _config())
    with pytest.raises(ValueError, match=r"^run_dir: expected a folder without a run in it"):
        locate_run(chosen, tmp_path, ())
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert locate_run(chosen, tmp_path, ())[:2] == (folder, folder / LAST)


def test_runs_in_folders_of_one_name_have_ids_of_their_own(tmp_path):
    """Loggers know a run by its id; one that is continued in its folder keeps it."""
    chosen = _config(f"run_dir={tmp_path / 'run'}", "resume=auto")
    first, second = (locate_run(chosen, tmp_path, ()).run_id for _ in range(2))
    assert first != second and first.startswith("run-") and second.startswith("run-")
    _save(tmp_path / "run", _config("run_id=run-5"))
    assert locate_run(chosen, tmp_path, ()).run_id == "run-5"
    elsewhere = _config(f"run_dir={tmp_path / 'other'}", f"ckpt={tmp_path / 'run' / LAST}")
    assert locate_run(elsewhere, tmp_path, ()).run_id.startswith("other-")
    new = locate_run(_config(), tmp_path, ())
    assert new.run_id == new.folder.name  # the time, which is another for each


def test_run_is_made_longer_but_not_shorter(tmp_path):
    folder = _save(tmp_path / "run", _config(), step=10_000)
    location = RunLocation(folder, folder / LAST)
    assert location.first_step(10_000) == location.first_step(20_000) == 10_000
    with pytest.raises(ValueError, match=r"^max_steps: expected at least 10000, .*, got 500; "):
        location.first_step(500)


def test_new_run_refuses_a_folder_in_which_another_has_trained_since(tmp_path):
    location = RunLocation(tmp_path / "run", None)
    assert location.first_step(10) == 0
    _save(location.folder, _config())
    with pytest.raises(ValueError, match=r"^run_dir: expected a folder without .* just trained"):
        location.first_step(10)
