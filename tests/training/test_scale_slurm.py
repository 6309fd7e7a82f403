"""A local Slurm: jobs of two processes, requeued, and a sweep of them."""

import os
import subprocess
import sys

import pytest
from helpers.compose import ROOT, TINY
from helpers.same_run import assert_same_run
from helpers.scripts import environment, run_script
from helpers.slurm_cluster import cluster, lacking
from helpers.waiting import wait_until

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(lacking()), reason=lacking() or "there is a Slurm"),
]
_RUN = [*TINY, "data=moons", "steps_per_batch=5", "scheduler=constant", "checkpoint_every=10000"]
_RUN += ["validate_every=500", "sample_every=500", "log_every=5", "trainer.accelerator=cpu"]
_DONE, _GONE = "COMPLETED", ("FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("slurm") / "cluster") as variables:
        yield environment(**variables)


def _run(slurm, *command, cwd=None):
    done = subprocess.run(command, env=slurm, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _state(slurm, job):
    return _run(slurm, "scontrol", "show", "job", job).partition("JobState=")[2].split()[0]


def _submit(slurm, folder, *overrides):
    programs = {"PYTHON": sys.executable, "TRAIN": str(ROOT / "train.py")}
    script = str(ROOT / "slurm" / "train.sbatch")
    line = ["sbatch", "--parsable", "--ntasks-per-node=2", script, *overrides]
    return _run(slurm | programs, *line, cwd=folder).strip()


def _wait_until_done(slurm, job, log):
    def done():
        state = _state(slurm, job)
        assert state not in _GONE, log.read_text()
        return state == _DONE

    wait_until(done, what=log.read_text)


def test_a_job_of_slurm_trains_is_queued_anew_and_ends_as_one_that_was_not(slurm, tmp_path):
    more = [*_RUN, "max_steps=4000"]
    (tmp_path / "job").mkdir()
    job = _submit(slurm, tmp_path / "job", *more)
    run, log = tmp_path / "job" / "outputs" / "slurm" / job, tmp_path / "job" / f"slurm-{job}.log"
    metrics = run / "metrics.csv"
    wait_until(
        lambda: metrics.is_file() and metrics.read_text().count("\n") > 5, what=log.read_text
    )
    _run(slurm, "scancel", "--signal=USR1", job)
    wait_until(lambda: _state(slurm, job) == "PENDING", what=log.read_text)
    assert 0 < read_checkpoint(run / LAST)["global_step"] < 4000
    # Slurm waits two minutes before it starts a job anew; in the second in which one was queued
    # anew, the node takes it for the one that it has just ended.
    _run(slurm, "scontrol", "update", f"JobId={job}", "StartTime=now+3")
    _wait_until_done(slurm, job, log)
    assert "Restarts=1" in _run(slurm, "scontrol", "show", "job", job)
    two = ["trainer=ddp", "trainer.devices=2", "run_dir=whole"]
    done = run_script("train", tmp_path, *more, *two)
    assert done.returncode == 0, done.stderr
    assert_same_run(run, tmp_path / "whole")
    assert log.read_text().count("energy_distance ") == 1


def test_a_job_of_slurm_that_is_cancelled_leaves_a_run_to_continue(slurm, tmp_path):
    job = _submit(slurm, tmp_path, *_RUN, "max_steps=10000000")
    run, log = tmp_path / "outputs" / "slurm" / job, tmp_path / f"slurm-{job}.log"
    metrics = run / "metrics.csv"
    wait_until(
        lambda: metrics.is_file() and metrics.read_text().count("\n") > 5, what=log.read_text
    )
    _run(slurm, "scancel", job)
    wait_until(lambda: _state(slurm, job) == "CANCELLED", what=log.read_text)
    wait_until((run / LAST).is_file, what=log.read_text)
    assert read_checkpoint(run / LAST)["global_step"] % 5 == 0


def test_a_sweep_of_jobs_of_slurm_trains_two_processes_in_each(slurm, tmp_path):
    launcher = ["hydra/launcher=submitit_slurm", "hydra.launcher.tasks_per_node=2"]
    more = [*_RUN, "max_steps=20", "validate_every=10", "sample_every=10", "trainer=ddp"]
    line = [*launcher, *more, "trainer.devices=2", "seed=0,1"]
    command = [sys.executable, str(ROOT / "train.py"), "-m", *line]
    done = subprocess.run(command, env=slurm, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    for seed in (0, 1):
        run = sweep / f"{seed}_seed_{seed}"
        assert os.path.isfile(run / "samples" / "samples.json")
        content = read_checkpoint(run / LAST)
        assert content["global_step"] == 20
        assert content["hyper_parameters"]["config"]["seed"] == seed
