"""Atomic file writes."""

from uuid import uuid4

import pytest
import torch
from PIL import Image

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.net.mlp import MLP
from interpolants.plot.animation import animate
from interpolants.report.report import write_report
from interpolants.report.settings import ReportSettings
from interpolants.utils.files import remove_leftovers, replace


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("sync", [False, True])
def test_files_hold_what_was_written_last(sync, tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"first", b"second"):
        replace(path, lambda file, content=content: file.write(content), sync=sync)
        assert path.read_bytes() == content
    assert _names(path.parent) == ["file"]


@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt(), ValueError("content")])
def test_files_are_unchanged_where_writing_fails(error, tmp_path):
    def half(file):
        file.write(b"half")
        raise error

    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        with pytest.raises(type(error)):
            replace(tmp_path / name, half)
    assert _names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_files_of_an_animation_that_fails_are_not_there(tmp_path, monkeypatch):
    def fail(self, file, **options):
        file.write(b"half")
        raise OSError("disk")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk"):
        animate(torch.randn(3, 4, 2), torch.linspace(0, 1, 3), tmp_path / "flow.gif")
    assert _names(tmp_path) == []


def test_files_of_a_report_that_fails_are_whole_or_not_there(tmp_path, monkeypatch):
    import numpy as np

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk")

    monkeypatch.setattr(np, "savez_compressed", fail)
    net = MLP(event_shape=(1,), heads=1, hidden=4, depth=1)
    path = OneSidedLinearInterpolant()
    fields = Fields(net=net, interpolant=path, predicts=["velocity"])
    data = GaussianMixture(means=[[0.0]], std=1.0)
    with pytest.raises(OSError, match="disk"):
        model, settings = (
            Model(fields=fields, event_shape=(1,)),
            ReportSettings(folder=tmp_path / "new"),
        )
        write_report(model, data, (), SampleRequest(n=8), settings)
    assert _names(tmp_path / "new") == []


def test_leftovers_of_killed_processes_are_deleted_and_nothing_else(tmp_path):
    kept = ["last.ckpt", ".hidden", ".last.ckpt.old", f"last.ckpt.{uuid4().hex}"]
    for name in (*kept, f".last.ckpt.{uuid4().hex}", f".config.yaml.{uuid4().hex}"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "absent")
