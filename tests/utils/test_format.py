"""The format number of checkpoints: written, required, and raised with every change."""

import hashlib
from importlib.metadata import version

import pytest
import torch
from helpers.compose import TINY, TINY_SERIES, leave_out_figures, run_folder, train_with

import interpolants
from interpolants.checkpoint.loading import task_of
from interpolants.checkpoint.reading import KEYS, read_checkpoint
from interpolants.utils.format import FORMAT

_KINDS = {"interpolant": TINY, "neural_sde": (*TINY_SERIES, "task=neural_sde")}
# Digests of what is read from a file. A new one needs a new format, in the next line.
_DIGESTS = {2: "f51bd54a7f0f304b", 3: "45592a95204eb119", 4: "83b3b8bbf198c8c3"}


@pytest.fixture(scope="module", params=_KINDS)
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        report = train_with(folder, "max_steps=2", sizes=_KINDS[request.param])
    return run_folder(report) / "checkpoints" / "last.ckpt"


def test_checkpoint_says_its_format_and_version(path):
    expected = {"format": FORMAT, "version": version("interpolants")}
    assert torch.load(path, weights_only=True)["interpolants"] == expected


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (None, "1 .interpolants 0.1.0, from before"),
        ({"format": FORMAT + 1, "version": "9.9"}, f"{FORMAT + 1} .interpolants 9.9"),
        ("not a record", "None .interpolants None"),
    ],
    ids=str,
)
def test_checkpoint_of_another_format_is_refused_in_a_sentence_that_names_both(
    record, found, path, tmp_path
):
    content = torch.load(path, weights_only=True)
    content.pop("interpolants")
    content |= {} if record is None else {"interpolants": record}
    torch.save(content, tmp_path / "other.ckpt")
    rule = rf"other\.ckpt: expected a checkpoint of format {FORMAT} .interpolants .*, got format "
    for read in (interpolants.load, read_checkpoint):
        with pytest.raises(ValueError, match=f"{rule}{found}.*; load it with that version"):
            read(tmp_path / "other.ckpt")


def _names(node, where):
    """Keys and classes of nested configuration, by their paths; values are left out."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{where}.{key}={value}" if key == "_target_" else f"{where}.{key}"
            yield from _names(value, f"{where}.{key}")


def _structure(path):
    """The names in a file that loading depends on: keys, classes and tensors."""
    content = torch.load(path, weights_only=True)
    config = content["hyper_parameters"]["config"]
    saved = {key: config[key] for key in (*KEYS, "fingerprint", *task_of(config).saved)}
    return sorted([*_names(saved, "config"), *content["state_dict"], *content["ema"]])


def test_change_of_the_format_changes_its_number(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    digest = hashlib.sha256()
    for kind, sizes in _KINDS.items():
        report = train_with(tmp_path / kind, "max_steps=2", sizes=sizes)
        last = run_folder(report) / "checkpoints" / "last.ckpt"
        digest.update(repr(_structure(last)).encode())
    found = digest.hexdigest()[:16]
    assert _DIGESTS[FORMAT] == found, "raise FORMAT by one and list its digest"
