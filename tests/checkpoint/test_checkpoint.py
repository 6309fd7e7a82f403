"""Checkpoint files: atomic writes, and reading without running code in them."""

import errno
import pickle
from typing import Any

import pytest
import torch
from helpers.hostile import Payload

import interpolants
from interpolants.checkpoint.reading import KEYS, read_checkpoint
from interpolants.training.checkpoint_io import AtomicCheckpointIO
from interpolants.utils.format import format_record

_CONFIG = dict.fromkeys(KEYS) | {"fingerprint": {"data": {}}}
OURS: dict[str, Any] = {
    "hyper_parameters": {"config": _CONFIG},
    "state_dict": {"w": torch.arange(1000.0)},
    **dict.fromkeys(("global_step", "epoch"), 0),
    **dict.fromkeys(("optimizer_states", "lr_schedulers"), ()),
    "loops": {},
    "callbacks": {},
    **format_record(),
}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError(5)])
def test_checkpoint_write_that_fails_leaves_the_old_file_and_no_temporary(
    tmp_path, monkeypatch, error
):
    writer, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint(OURS, path)

    def fail(content, file):
        file.write(b"half")
        try:
            raise error
        except OSError:
            # As torch does: its own error, with the system's behind it.
            raise RuntimeError("unexpected pos 768 vs 662")  # noqa: B904

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(
        OSError, match=r"last\.ckpt: the checkpoint could not be written"
    ) as caught:
        writer.save_checkpoint({"hyper_parameters": {}, "w": torch.zeros(10**6)}, path)
    assert caught.value.errno == error.errno
    assert ("needs 4.0 MB" in str(caught.value)) == (error.errno == errno.ENOSPC)
    monkeypatch.undo()
    assert torch.equal(writer.load_checkpoint(path)["state_dict"]["w"], OURS["state_dict"]["w"])
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_checkpoint_write_stopped_by_ctrl_c_leaves_the_old_file(tmp_path, monkeypatch):
    writer, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint(OURS, path)

    def interrupted(content, file):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.save_checkpoint({}, path)
    monkeypatch.undo()
    assert torch.equal(writer.load_checkpoint(path)["state_dict"]["w"], OURS["state_dict"]["w"])
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("plain_pickle", [True, False])
def test_checkpoint_payload_is_refused_without_effect(tmp_path, plain_pickle):
    path, target = tmp_path / "evil.ckpt", tmp_path / "owned"
    content = {"hyper_parameters": {"config": Payload(target)}}
    if plain_pickle:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=r"evil\.ckpt: expected a checkpoint written by interpol"):
        read_checkpoint(path)
    assert not target.exists()
    torch.load(path, weights_only=False) if not plain_pickle else pickle.loads(path.read_bytes())
    assert target.exists(), "the payload is live, so the refusal is what kept it from running"


@pytest.mark.parametrize("kept", [0, 1, 100, -1, -400])
def test_checkpoint_cut_short_is_named(tmp_path, kept):
    path = tmp_path / "cut.ckpt"
    AtomicCheckpointIO().save_checkpoint(OURS, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        ValueError, match=r"cut\.ckpt: expected a checkpoint .* got (an empty|a tr)"
    ):
        AtomicCheckpointIO().load_checkpoint(path)


def test_checkpoint_that_is_absent_a_folder_or_foreign_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt: .* got no such file"):
        read_checkpoint(tmp_path / "none.ckpt")
    with pytest.raises(ValueError, match="got a folder"):
        read_checkpoint(tmp_path)
    for content, lacking in (
        ([1, 2], "state_dict"),
        ({"hyper_parameters": {"config": _CONFIG}}, "state_dict"),
        ({"state_dict": {}}, "config"),
        ({"state_dict": {}, "hyper_parameters": {"lr": 1}}, "config"),
        (
            {"state_dict": {}, "hyper_parameters": {"config": {"lr": 1}}},
            "event_shape in its config",
        ),
    ):
        torch.save(content, tmp_path / "other.ckpt")
        with pytest.raises(ValueError, match=rf"other\.ckpt: .* another program \(no {lacking}\)"):
            read_checkpoint(tmp_path / "other.ckpt")


def test_load_names_a_device_that_is_there():
    with pytest.raises(ValueError, match=r"^load\.device: .* got 'foo'; .*; use device=cpu$"):
        interpolants.load("none.ckpt", device="foo")
