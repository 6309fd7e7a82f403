"""What training arrives at, at full length: minutes on one core."""

import json

import pytest
from helpers.compose import ROOT
from helpers.scripts import Done, run_script, runs_in


@pytest.mark.slow
def test_quality_of_the_default_run_is_near_the_floor(tmp_path):
    """`python train.py` ends within twice the distance between two sets of 10,000 real samples."""
    done = run_script("train", tmp_path)
    said = Done(done.returncode, done.stdout, done.stderr)
    assert (said.status, said.complaints) == (0, "")
    (run,) = runs_in(tmp_path)
    content = json.loads((run / "samples" / "samples.json").read_text())
    assert content["n"] == content["compared"] == 10_000
    assert set(content["metrics"]) == {"energy_distance", "sliced_wasserstein"}
    for name, metric in content["metrics"].items():
        assert metric["value"] <= 2 * metric["floor"], name


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_quality_of_transport_in_the_plane_reaches_the_goals(number, monkeypatch):
    """One seed of `python -m benchmarks.transport_2d`."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.transport_2d import TASKS, train_and_measure

    task = list(TASKS.values())[number]
    result = train_and_measure(task.overrides, seed=0, steps=5000)
    assert min(result.raw, result.ema) <= task.best_goal
    assert result.ema < task.ema_goal
