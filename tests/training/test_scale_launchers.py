"""Launchers of sweeps, and what Lightning would take for a checkpoint of Slurm's."""

import pytest
import torch
from helpers.compose import TINY, config_of, leave_out_figures, run_folder, train_with
from helpers.scripts import run_script, runs_in
from hydra.core.hydra_config import HydraConfig

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

_SLURM = {"NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_NAME": "train"}
_SLURM |= {"JOB_ID": "5", "STEP_ID": "0", "NODELIST": "localhost"}


def test_a_new_run_under_slurm_takes_no_checkpoint_that_lies_about(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    torch.save({"global_step": 3}, "hpc_ckpt_1.ckpt")
    for name, value in _SLURM.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    run = run_folder(train_with(tmp_path, "data=moons", "metric=[]"))
    assert run.name == "slurm-5-0"
    assert read_checkpoint(run / LAST)["global_step"] == 4


def test_jobs_of_a_sweep_are_queued_anew_at_their_time_limit():
    config_of("hydra/launcher=slurm", "data=moons")
    launcher = HydraConfig.get().launcher
    assert launcher._target_.endswith(".SlurmLauncher")
    assert launcher.max_num_timeout > 0 and launcher.signal_delay_s < 60 * launcher.timeout_min


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_a_sweep_of_jobs_at_one_time_trains_each_in_its_folder(launcher, tmp_path):
    two = ["trainer=ddp", "trainer.strategy=ddp_fork", "trainer.devices=2"]
    two += ["trainer.accelerator=cpu"]
    sweep = ["-m", f"hydra/launcher={launcher}", *TINY, "data=moons", "seed=0,1", *two]
    done = run_script("train", tmp_path, *sweep)
    assert done.returncode == 0, done.stderr
    runs = runs_in(tmp_path)
    assert len(runs) == 2
    for seed, run in enumerate(runs):
        content = read_checkpoint(run / LAST)
        assert content["global_step"] == 4
        assert content["hyper_parameters"]["config"]["seed"] == seed
