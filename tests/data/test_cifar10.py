"""CIFAR-10 in both versions, and files that only resemble it."""

import pickle

import numpy as np
import pytest
import torch
from helpers.image_files import (
    BATCHES,
    blocks,
    cifar_batches,
    pickled_batch,
    write_archive,
    write_files,
)

from interpolants.data.cifar10 import CIFAR10
from interpolants.testing import check_data

_ROOTS = ["", "cifar10"]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("place", ["", "folder", "archive"])
@pytest.mark.parametrize("root", _ROOTS)
def test_cifar10_has_the_images_of_its_batches(binary, place, root, tmp_path):
    contents, arrays = cifar_batches(binary=binary)
    folder = "cifar-10-batches-bin" if binary else "cifar-10-batches-py"
    if place == "archive":
        name = f"cifar-10-{'binary' if binary else 'python'}.tar.gz"
        write_archive(tmp_path / root / name, contents, folder)
    else:
        write_files(tmp_path / root / (folder if place else ""), contents)
    data = CIFAR10(root=str(tmp_path))
    for held_out, parts in ((False, arrays[:5]), (True, arrays[5:])):
        x, label = (np.concatenate(part) for part in zip(*parts, strict=True))
        batch = data.rows(torch.arange(len(x)), held_out=held_out)
        assert torch.equal(batch.x1, torch.from_numpy(x).float())
        assert torch.equal(batch.label, torch.from_numpy(label))
        assert data.count(held_out=held_out) == len(x)
    assert data.event_shape == (3, 32, 32) and data.num_classes == 10


def test_cifar10_keeps_the_contract_of_data_and_flips(tmp_path):
    write_files(tmp_path, cifar_batches()[0])
    check_data(CIFAR10(root=str(tmp_path)))
    assert CIFAR10(root=str(tmp_path), flip=True).flip


def test_cifar10_reads_arrays_stored_by_columns(tmp_path):
    contents, arrays = cifar_batches()
    x, label = blocks(20, 3, 4, 8), arrays[5][1]
    columns = np.asfortranarray(x.reshape(20, -1))
    assert columns.flags.f_contiguous and not columns.flags.c_contiguous

    class _Columns:
        """Reshaped to what it is already, so that its order is kept."""

        def __len__(self):
            return 20

        def reshape(self, *_):
            return columns

    contents["test_batch"] = pickled_batch(_Columns(), label)
    write_files(tmp_path, contents)
    batch = CIFAR10(root=str(tmp_path)).rows(torch.arange(20), held_out=True)
    assert torch.equal(batch.x1, torch.from_numpy(x).float())


class _Run:
    """Runs a function when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_cifar10_runs_nothing_that_a_batch_names(protocol, tmp_path):
    contents, _ = cifar_batches()
    trap = tmp_path / "trap"
    contents["data_batch_3"] = pickle.dumps({"data": _Run(trap)}, protocol)
    write_files(tmp_path, contents)
    with pytest.raises(ValueError, match=r"it names \w+\.open, which no batch does"):
        CIFAR10(root=str(tmp_path))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "pickle exhausted"),
        (b"\x80\x02}q", "a pickled batch of CIFAR-10 in {path}, got"),
        (pickle.dumps([1, 2], 2), "TypeError"),
        (pickle.dumps({1: 2}, 2), "KeyError: b'data'"),
        (pickled_batch(np.zeros((2, 3, 32, 31), np.uint8), [0, 1]), "cannot reshape"),
        (pickled_batch(np.zeros((2, 3, 32, 32), np.float32), [0, 1]), "an array of b'f4'"),
        (pickled_batch(np.zeros((2, 3, 32, 32), np.uint8), [0, 10]), "a label from 0 to 9"),
        (pickled_batch(np.zeros((2, 3, 32, 32), np.uint8), [0]), "a label from 0 to 9"),
    ],
)
def test_cifar10_names_a_damaged_batch(content, message, tmp_path):
    contents, _ = cifar_batches()
    write_files(tmp_path, contents | {"data_batch_2": content})
    with pytest.raises(ValueError) as error:
        CIFAR10(root=str(tmp_path))
    assert str(error.value).startswith("CIFAR10.root: expected ")
    assert f"{tmp_path}/data_batch_2" in str(error.value)
    assert message.format(path=f"{tmp_path}/data_batch_2") in str(error.value)


def test_cifar10_names_what_is_short_or_missing(tmp_path):
    contents, _ = cifar_batches(binary=True)
    write_files(tmp_path, contents | {"test_batch.bin": contents["test_batch.bin"][:-1]})
    with pytest.raises(ValueError, match=r"expected records of 3073 bytes in .*test_batch\.bin"):
        CIFAR10(root=str(tmp_path))
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(ValueError, match=r"expected all batches in .*got \"no \['test_batch\.bin"):
        CIFAR10(root=str(tmp_path))


def test_cifar10_names_a_damaged_archive(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    write_archive(path, cifar_batches()[0], "cifar-10-batches-py")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive"):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=f"CIFAR10.root: expected a complete archive in {path}"
        ):
            CIFAR10(root=str(tmp_path))


def test_cifar10_that_is_nowhere_names_every_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INTERPOLANTS_DATA", str(tmp_path / "data"))
    assert len(BATCHES) == 6
    with pytest.raises(ValueError) as error:
        CIFAR10()
    places = (
        f"{tmp_path}/{name}" for name in ("data", "data/cifar10", ".cache/interpolants/cifar10")
    )
    assert f"in one of {', '.join(places)}, got None; set download=true" in str(error.value)
