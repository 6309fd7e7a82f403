"""Search for the data of a checkpoint."""

import numpy as np
import pytest

from interpolants.checkpoint.data_of import data_of


def _config(name, path):
    module = {"TimeSeries": "time_series", "File": "file"}[name]
    return {"data": {"_target_": f"interpolants.data.{module}.{name}", "path": path}}


def test_data_of_the_package_are_not_a_folder_above_of_the_same_name(tmp_path, monkeypatch):
    """A run of the Nile may lie in a folder called nile."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs/nile/checkpoints").mkdir(parents=True)
    checkpoint = tmp_path / "outputs/nile/checkpoints/last.ckpt"
    config = _config("TimeSeries", "nile")
    config["data"]["columns"] = ["minimum"]
    assert data_of(config, checkpoint, {}).columns == ("minimum",)


def test_data_at_a_relative_place_are_found_above_the_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.save(tmp_path / "rows.npy", np.arange(8.0))
    checkpoint, config = tmp_path / "run/checkpoints/last.ckpt", _config("File", "rows.npy")
    assert data_of(config, checkpoint, {}).event_shape == (1,)
    np.save(tmp_path / "moved.npy", np.arange(10.0).reshape(5, 2))
    moved = {"path": str(tmp_path / "moved.npy")}
    assert data_of(config, checkpoint, moved).event_shape == (2,)
    with pytest.raises(
        ValueError, match=r"File\.path: expected an existing file, got 'none\.npy'"
    ):
        data_of(_config("File", "none.npy"), checkpoint, {})
