"""Loggers beside the CSV file: what they wrote reads back, also over a restart."""

import csv
import sys

import mlflow
import pytest
from helpers.compose import TINY
from helpers.scripts import run_here
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from interpolants.cli.errors import sentence
from interpolants.training.logger.mlflow import MLFlowLogger
from interpolants.training.logger.tensorboard import TensorBoardLogger

_RUN = ["train", *TINY, "logger=[csv,tensorboard,mlflow]", "run_dir=run", "scheduler=constant"]
_SETTINGS = "settings/text_summary"
_NAMES = ("train/loss", "train/gradient_norm", "val/loss", "val/energy_distance")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with several loggers, made longer."""
    folder = tmp_path_factory.mktemp("loggers")
    first, second = run_here(folder, [_RUN, [*_RUN, "max_steps=6", "resume=auto"]])
    assert (first.status, second.status) == (0, 0), first.err + second.err
    return folder / "run"


def _logged(run, name):
    """Values by step, which the CSV file has."""
    with open(run / "metrics.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[name]]
    return {int(row["step"]): float(row[name]) for row in rows}


def test_tensorboard_has_what_the_csv_file_has(run):
    found = EventAccumulator(str(run / "tensorboard")).Reload()
    for name in _NAMES:
        events = [(event.step, event.value) for event in found.Scalars(name)]
        assert dict(events) == pytest.approx(_logged(run, name), rel=1e-6)
        assert [step for step, _ in events] == sorted(dict(events))
    assert [event.step for event in found.Scalars("machine/samples_per_second")] == [2, 4, 6]
    assert {"val/samples", "test/samples"} <= set(found.Tags()["images"])
    texts = [event.tensor_proto.string_val[0] for event in found.Tensors(_SETTINGS)]
    assert len(texts) == 2 and all(b"hidden: 16" in text for text in texts)


def test_mlflow_has_what_the_csv_file_has_in_one_run(run):
    client = mlflow.MlflowClient(f"sqlite:///{run}/mlflow.db")
    (experiment,) = (e for e in client.search_experiments() if e.name == "checkerboard")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.data.params["net/hidden"] == "16"
    for name in _NAMES:
        history = [(m.step, m.value) for m in client.get_metric_history(found.info.run_id, name)]
        assert dict(history) == pytest.approx(_logged(run, name), rel=1e-12)
    files = [file.path for file in client.list_artifacts(found.info.run_id, "val/samples")]
    assert "val/samples/step_0000006.png" in files
    assert not (run.parent / "mlruns").exists()


def test_runs_in_one_process_have_a_database_each(tmp_path):
    words = [*_RUN[:-2], "metric=[]", "max_steps=2", "logger=mlflow"]
    done = run_here(tmp_path, [[*words, f"run_dir={name}"] for name in "ab"])
    assert [each.status for each in done] == [0, 0]
    for name in "ab":
        client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/{name}/mlflow.db")
        experiments = [found.experiment_id for found in client.search_experiments()]
        (found,) = client.search_runs(experiments)
        assert found.info.run_name.startswith(f"{name}-")


def test_csv_file_has_no_values_of_the_machine(run):
    assert "machine/" not in (run / "metrics.csv").read_text()


@pytest.mark.parametrize(
    ("package", "make"),
    [
        ("tensorboard", lambda: TensorBoardLogger(save_dir="a")),
        ("mlflow", lambda: MLFlowLogger(experiment="a", run_id="b", uri="sqlite:///c.db")),
    ],
)
def test_logger_names_the_command_that_installs_its_package(package, make, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        make()
    said = sentence(caught.value)
    assert said.endswith(f"; pip install 'interpolants[{package}]'") and "unexpected" not in said
