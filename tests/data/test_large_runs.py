"""Arrays, data sets and folders of any size train, resume and sample by overrides alone."""

import json

import pytest
import torch
from helpers.compose import TINY, leave_out_figures, run_folder, sample_with, train_with
from helpers.large_data import MODULE, WRITERS

from interpolants.checkpoint.reading import read_checkpoint

_OPTIONAL = ("zarr", "h5py", "datasets")
_SIZES = (*TINY, "checkpoint_every=1", "steps_per_batch=1", "metric=[nearest_neighbour]")
_SIZES += ("scheduler=constant",)


def _kinds():
    return [pytest.param(k, marks=pytest.mark.slow) if k in _OPTIONAL else k for k in WRITERS]


@pytest.mark.parametrize("kind", _kinds())
def test_large_data_train_resume_and_sample(kind, tmp_path, monkeypatch):
    if kind in _OPTIONAL:
        pytest.importorskip(kind)
    monkeypatch.chdir(tmp_path)
    leave_out_figures(monkeypatch)
    data = WRITERS[kind](tmp_path)
    if kind != "rgba":
        data.append("label_dropout=0.1")
    last = "checkpoints/last.ckpt"
    whole = run_folder(train_with(tmp_path, *data, "run_dir=whole", sizes=_SIZES))
    train_with(tmp_path, *data, "run_dir=parts", "max_steps=2", sizes=_SIZES)
    train_with(tmp_path, *data, "run_dir=parts", "resume=auto", sizes=_SIZES)
    one, other = (read_checkpoint(folder / last) for folder in (whole, tmp_path / "parts"))
    assert one["global_step"] == other["global_step"] == 4
    for name, weight in one["state_dict"].items():
        assert torch.equal(weight, other["state_dict"][name]), name
    trust = [f"trust=[{MODULE}]"] if kind == "items" else []
    sample_with(f"ckpt={whole / last}", "n=16", "metric=[nearest_neighbour]", *trust)
    (written,) = set((whole / "samples").glob("*.json")) - {whole / "samples/samples.json"}
    content = json.loads(written.read_text())
    assert content["metrics"] and not any("not those" in note for note in content["notes"])
