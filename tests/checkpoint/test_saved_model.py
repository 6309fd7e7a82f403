"""Saved models are read as data: what is damaged, mixed or hostile is refused in a sentence."""

import json
import shutil
import struct

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.malformed import acts
from safetensors.torch import load_file, save_file

import interpolants
from interpolants.checkpoint.saved_model import read_saved_model
from interpolants.model.saving import RECORD, WEIGHTS
from interpolants.utils.describe import digest
from interpolants.utils.format import FORMAT


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        run = run_folder(train_with(folder, "metric=[]", "max_steps=2"))
    return interpolants.load(run).save(folder / "model")


def _record(change):
    def write(folder):
        content = json.loads((folder / RECORD).read_text())
        change(content)
        (folder / RECORD).write_text(json.dumps(content))

    return write


def _tensors(change, honest=True):
    """Change of the weights, with their hash in the record unless it is dishonest."""

    def write(folder):
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)
        if honest:
            _record(lambda content: content.update(digest=digest(tensors)))(folder)

    return write


def _bytes(name, change):
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def _header(content, change):
    """A safetensors file with another header over the same data."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def _large(header):
    name = next(key for key in header if key != "__metadata__")
    header[name]["shape"] = [10**12]


_CONFIG = "config"
_SPACE = {"_target_": "pathlib.Path"}
_CASES = {
    "no text": (_bytes(RECORD, lambda _: b"\xff\x00"), "expected a record of a saved model"),
    "half a record": (_bytes(RECORD, lambda c: c[:100]), "expected a record of a saved model"),
    "deep": (_bytes(RECORD, lambda _: b"[" * 10**6), "expected a record of a saved model"),
    "long": (_bytes(RECORD, lambda c: c + b" " * 2**24), "size: expected at most"),
    "list": (_bytes(RECORD, lambda _: b"[1]"), "record: expected a dict, got 'list'"),
    "format": (_record(lambda c: c["interpolants"].update(format=99)), "got format 99"),
    "no config": (_record(lambda c: c.pop(_CONFIG)), "config: expected a dict, got nothing"),
    "no task": (_record(lambda c: c[_CONFIG].pop("task")), "config: expected an entry task"),
    "no net": (_record(lambda c: c[_CONFIG].pop("net")), "no net in its config"),
    "code": (
        _record(lambda c: c[_CONFIG].update(space=_SPACE)),
        r"space\._target_: expected a cl",
    ),
    "wide": (_record(lambda c: c[_CONFIG]["net"].update(hidden=10**6)), "config, got others"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "expected the weights of a saved"),
    "half of them": (_bytes(WEIGHTS, lambda c: c[: len(c) // 2]), "a damaged or another file"),
    "pickle": (lambda folder: torch.save({}, folder / WEIGHTS), "a damaged or another file"),
    "sizes": (_bytes(WEIGHTS, lambda c: _header(c, _large)), "a damaged or another file"),
    "one bit": (_bytes(WEIGHTS, lambda c: c[:-1] + bytes([c[-1] ^ 1])), "the weights of this rec"),
    "others": (_tensors(lambda t: t["scaling.shift"].add_(1), honest=False), "weights of this"),
    "nan": (_tensors(lambda t: t["scaling.shift"].fill_(torch.nan)), "shift: expected finite num"),
    "one less": (_tensors(lambda t: t.pop("model.net.layers.0.bias")), "config, got others"),
    "one more": (_tensors(lambda t: t.update({"model.x": torch.ones(1)})), "config, got others"),
    "shape": (_tensors(lambda t: t.update({"scaling.shift": torch.ones(3)})), "got others"),
}


@pytest.mark.parametrize("name", _CASES)
def test_saved_model_that_is_not_as_it_was_written_is_refused(name, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "model")
    change, sentence = _CASES[name]
    change(folder)
    with (
        acts(tmp_path) as found,
        pytest.raises((ValueError, FileNotFoundError), match=sentence) as e,
    ):
        interpolants.load(folder)
    # A part that is refused is named by its key, as in a checkpoint.
    assert (name == "code" or str(folder) in str(e.value)) and found == []


def test_saved_model_reads_as_configuration_and_weights(saved):
    config, state = read_saved_model(saved)
    assert config["net"]["hidden"] == 16 and "model.net.layers.0.weight" in state
    assert json.loads((saved / RECORD).read_text())["interpolants"]["format"] == FORMAT


def test_saved_model_has_one_set_of_weights(saved):
    with pytest.raises(ValueError, match=r"^load\.weights: expected 'ema' for a saved model"):
        interpolants.load(saved, weights="raw")
