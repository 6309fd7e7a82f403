"""A checkpoint is data: nothing that it names acts, and what is wrong is said in a sentence."""

import os
import random
import subprocess
import sys
import zipfile

import pytest
import torch
from helpers.compose import ROOT, leave_out_figures, run_folder, train_with
from helpers.malformed import CASES, DOWNLOAD, MOONS, RESUMED, acts, repacked, write_case

import interpolants
from interpolants.checkpoint.reading import read_checkpoint


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The last checkpoint of a conditional model."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        options = ("data=moons", "label_dropout=0.1", "metric=[]", "max_steps=2")
        report = train_with(tmp_path_factory.mktemp("good"), *options)
    return run_folder(report) / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def content(good):
    return torch.load(good, weights_only=True)


def _check_sentence(text, says):
    assert any(part in text for part in says.split("|")), text
    assert "\n" not in text and len(text) < 600


@pytest.mark.parametrize("name", CASES)
def test_hostile_checkpoint_is_refused_in_a_sentence_and_nothing_is_opened(
    name, content, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "features.pt").touch()
    path = tmp_path / "bad.ckpt"
    write_case(CASES[name], content, path)
    with acts(path) as found, pytest.raises(ValueError) as caught:
        interpolants.load(path)
    _check_sentence(str(caught.value), CASES[name].says)
    assert found == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.ckpt", "features.pt"]


@pytest.mark.parametrize("name", RESUMED)
def test_hostile_checkpoint_is_not_continued(name, content, tmp_path):
    path = tmp_path / "bad.ckpt"
    write_case(RESUMED[name], content, path)
    with pytest.raises(ValueError) as caught:
        read_checkpoint(path, resume=True)
    _check_sentence(str(caught.value), RESUMED[name].says)
    interpolants.load(path)


def _same(tensor_or_value, other):
    if isinstance(tensor_or_value, torch.Tensor):
        return torch.equal(tensor_or_value, other)
    if isinstance(tensor_or_value, dict):
        return list(tensor_or_value) == list(other) and all(
            _same(value, other[key]) for key, value in tensor_or_value.items()
        )
    if isinstance(tensor_or_value, list):
        pairs = zip(tensor_or_value, other, strict=True)
        return all(_same(value, another) for value, another in pairs)
    return tensor_or_value == other


def _flip(good, path, places):
    """Places of a bit whose flip changes what is read, where the file is read at all."""
    whole = good.read_bytes()
    expected = read_checkpoint(good, resume=True)
    changed, refused = [], 0
    for place in places:
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = read_checkpoint(path, resume=True)
        except ValueError as error:
            _check_sentence(str(error), "bad.ckpt: expected a checkpoint written by interpolants")
            refused += 1
        else:
            changed += [] if _same(expected, found) else [place]
    return changed, refused


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))]
)
def test_hostile_flip_of_a_bit_changes_nothing_that_is_loaded(seed, good, tmp_path):
    bits = 8 * good.stat().st_size
    places = random.Random(seed).sample(range(bits), 40)
    changed, refused = _flip(good, tmp_path / "bad.ckpt", places)
    assert changed == []
    # What is not refused lies between the members, where nothing is read.
    assert refused >= 25


_BOMB = b"\x80\x02}X\x01\x00\x00\x00acbuiltins\nbytearray\n(J\x00\x00\x00\x70tRs."


def test_hostile_archive_is_refused_before_memory_is_taken(good, tmp_path):
    path = tmp_path / "bad.ckpt"
    rule = r"bad\.ckpt: expected a checkpoint written by interpolants, got"

    def bomb(name, content):
        return _BOMB if name.endswith("data.pkl") else content

    repacked(good, path, bomb)
    with pytest.raises(ValueError, match=f"{rule} one with more than tensors.*nothing was run"):
        interpolants.load(path)
    repacked(good, path, lambda _, content: content, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=rf"{rule} a damaged file .*\(a compressed or encrypted"):
        interpolants.load(path)
    repacked(good, path, lambda _, content: content)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(next(n for n in archive.namelist() if n.endswith("data.pkl")), b"")
    with pytest.raises(ValueError, match=rf"{rule} a damaged file .*\(members that overlap\)"):
        interpolants.load(path)
    path.write_bytes(b"#!/bin/sh\n" + good.read_bytes())
    with pytest.raises(ValueError, match=rf"{rule} a damaged file"):
        interpolants.load(path)


def test_hostile_data_below_a_base_are_neither_read_nor_asked_for(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.ckpt"
    write_case(DOWNLOAD, content, path)
    with acts(path) as found:
        model = interpolants.load(path)
    assert found == []
    with pytest.raises(
        ValueError, match=r"DatasetBase\.data: expected the data of x0, got None; pa"
    ):
        model.sample(2)
    with (
        acts(path) as found,
        pytest.raises(ValueError, match=r"^base\.data: MNIST\.root: expected"),
    ):
        interpolants.load(path, data=True)
    assert not [act for act in found if act.startswith(("socket", "os.mkdir", "urllib"))]
    assert [p.name for p in tmp_path.iterdir()] == ["bad.ckpt"]


def test_hostile_base_draws_from_its_data_where_they_are_asked_for(content, tmp_path):
    path = tmp_path / "moons.ckpt"
    write_case(MOONS, content, path)
    assert interpolants.load(path, data=True).sample(2).x.shape == (2, 2)


@pytest.mark.slow
def test_hostile_checkpoints_take_little_memory_and_time(good, content, tmp_path):
    for k, case in enumerate(CASES.values()):
        write_case(case, content, tmp_path / f"{k}.ckpt")

    def large(name, part):
        return bytes(2**30) if name.endswith("data/0") else part

    def bomb(name, part):
        return _BOMB if name.endswith("data.pkl") else part

    repacked(good, tmp_path / "bomb.ckpt", bomb)
    deflated = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 1}
    repacked(good, tmp_path / "large.ckpt", large, **deflated)
    command = [sys.executable, "-W", "ignore", "-m", "helpers.load_all", str(good), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 500
