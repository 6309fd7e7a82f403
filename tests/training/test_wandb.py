"""Records of `logger=wandb` without account and network, read from its offline file."""

import pytest
import wandb
from helpers.compose import TINY, first_infinite_weight
from helpers.scripts import run_here
from helpers.wandb_file import of_kind, read_records, values

from interpolants.checkpoint.stamp import is_stamp

_WANDB = [*TINY, "logger=wandb", "sample_every=4"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run, the same run resumed, and a sweep whose first job fails."""
    folder = tmp_path_factory.mktemp("wandb")
    run = ["train", *_WANDB, "run_dir=one", "scheduler=constant"]
    failing = ["weight=power", "weight.a=-12,1", "max_steps=20", "validate_every=20"]
    sweep = ["train", "-m", *_WANDB, *failing, "sample_every=20"]
    lines = [run, [*run, "max_steps=6", "resume=auto"], sweep]
    yield folder, run_here(folder, lines)
    wandb.teardown()


def _records(folder):
    """The records of each offline run below a folder, the oldest first."""
    files = sorted(folder.glob("**/offline-run-*/*.wandb"), key=lambda file: file.parent.name)
    return [(file.parent, read_records(file)) for file in files]


def _id(records):
    (run,) = of_kind(records, "run")
    return run.run_id


def _exit_code(records):
    (end,) = of_kind(records, "exit")
    return end.exit_code


@pytest.fixture(scope="module")
def first(recorded):
    folder, done = recorded
    assert done[0].status == 0, done[0].err
    return _records(folder / "one")[0]


def test_wandb_records_the_run_its_configuration_and_its_end(first):
    _, records = first
    (run,) = of_kind(records, "run")
    assert (run.project, run.display_name) == ("interpolants", run.run_id)
    assert run.run_id.startswith("one-") and is_stamp(run.run_id.removeprefix("one-"))
    config = {}
    for update in [run.config, *of_kind(records, "config")]:
        config |= values(update.update)
    assert config["net"]["hidden"] == 16
    assert config["interpolant"]["_target_"].endswith(".LinearInterpolant")
    assert _exit_code(records) == 0


def test_wandb_records_the_metrics_of_the_csv_file(first, recorded):
    _, records = first
    rows = [values(row.item) for row in of_kind(records, "history")]
    by_step = {row["trainer/global_step"]: row for row in rows if "train/loss" in row}
    assert sorted(by_step) == [1, 2, 3, 4]
    lines = (recorded[0] / "one" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("train/loss")
    logged = {int(c[0]): c[column] for c in (line.split(",") for line in lines[1:]) if c[column]}
    assert all(by_step[step]["train/loss"] == float(logged[step]) for step in by_step)
    keys = {key for row in rows for key in row}
    assert {"val/loss", "val/energy_distance", "test/sliced_wasserstein_floor"} <= keys


def test_wandb_keeps_the_best_values_beside_the_last_ones(first):
    _, records = first
    (asked,) = [each for each in of_kind(records, "metric") if each.glob_name == "val/*"]
    assert asked.summary.min and asked.summary.max and asked.summary.last


def test_wandb_records_speed_and_memory(first):
    rows = [values(row.item) for row in of_kind(first[1], "history")]
    found = [row for row in rows if "machine/samples_per_second" in row]
    assert all(row["machine/samples_per_second"] > 0 for row in found)
    assert [row["trainer/global_step"] for row in found] == [2, 4]


def test_wandb_records_images_and_keeps_their_files(first):
    folder, records = first
    rows = [values(row.item) for row in of_kind(records, "history")]
    for key in ("val/samples", "test/samples", "test/samples_snapshots"):
        (names,) = [row[f"{key}.filenames"] for row in rows if f"{key}.filenames" in row]
        assert all((folder / "files" / name).stat().st_size > 0 for name in names)


@pytest.mark.parametrize(
    ("alias", "name"), [("best", "model.ckpt"), ("last", "last.ckpt")], ids=["best", "last"]
)
def test_wandb_records_the_checkpoint_as_an_artifact(alias, name, first, recorded):
    _, records = first
    artifacts = of_kind(records, "artifact")
    assert [(a.type, a.name) for a in artifacts] == 2 * [("model", f"model-{_id(records)}")]
    (artifact,) = [a for a in artifacts if alias in a.aliases]
    (entry,) = artifact.manifest.contents
    # The resumed run has replaced the file since, by one of nearly the same size.
    size = (recorded[0] / "one" / "checkpoints" / f"{alias}.ckpt").stat().st_size
    assert entry.path == name and 0.9 * size < entry.size <= size


def test_wandb_run_keeps_its_id_when_it_is_resumed(recorded):
    folder, done = recorded
    assert done[1].status == 0, done[1].err
    (_, first), (_, second) = _records(folder / "one")
    assert _id(first) == _id(second)
    steps = [values(row.item)["trainer/global_step"] for row in of_kind(second, "history")]
    assert min(steps) == 5


def test_wandb_rows_of_a_resumed_run_follow_those_before(recorded):
    """`wandb sync` of both folders then gives all rows of one run."""
    (_, first), (_, second) = _records(recorded[0] / "one")
    rows = [
        [(values(row.item)["_step"], values(row.item)["trainer/global_step"]) for row in records]
        for records in (of_kind(first, "history"), of_kind(second, "history"))
    ]
    assert rows[0][-1][0] < rows[1][0][0]
    for numbers in rows:
        assert numbers == sorted(numbers) and len(dict(numbers)) == len(numbers)
        assert all(number // 2 == step for number, step in numbers)


def test_wandb_jobs_of_a_sweep_are_runs_of_their_own_even_after_a_failure(recorded):
    folder, done = recorded
    assert done[2].status == 1
    step, _ = first_infinite_weight(-12.0)
    assert "error: job 0 (" in done[2].err and f" at step {step}, with times" in done[2].err
    (_, failed), (_, passed) = _records(folder / "outputs")
    assert _id(failed) != _id(passed)
    assert (_exit_code(failed), _exit_code(passed)) == (1, 0)
