"""Sweeps whose jobs train by several processes."""

import pytest
from helpers.compose import TINY
from helpers.scripts import run_many, runs_in

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

_TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


@pytest.mark.slow
def test_a_sweep_forks_its_processes_and_refuses_to_start_them_anew(tmp_path):
    sweep = ["train", "-m", *TINY, *_TWO, "seed=0,1"]
    forked, refused = run_many(tmp_path, [[*sweep, "trainer.strategy=ddp_fork"], sweep])
    assert (forked.status, refused.status) == (0, 1)
    assert forked.out.count("\nenergy_distance ") == 2
    assert "error: job 0 (" in refused.err and "use trainer.strategy=ddp_fork, or" in refused.err
    runs = runs_in(tmp_path)
    assert len(runs) == 2
    for seed, run in enumerate(runs):
        content = read_checkpoint(run / LAST)
        assert content["global_step"] == 4 and content["ema"]["last_step"] == 4
        assert content["hyper_parameters"]["config"]["seed"] == seed


@pytest.mark.slow
def test_a_finished_run_that_is_continued_by_forks_keeps_its_averages(tmp_path):
    run = ["train", *TINY, *_TWO, "trainer.strategy=ddp_fork", "run_dir=run", "resume=auto"]
    first, second = run_many(tmp_path, [run, run])
    assert (first.status, second.status) == (0, 0), second.err
    assert first.out.count("energy_distance ") == 1
    assert second.out == "" and "has finished its 4 steps" in second.err
    assert read_checkpoint(tmp_path / "run" / LAST)["ema"]["last_step"] == 4
