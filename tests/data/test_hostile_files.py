"""Data files that say that they hold more than they do, and files of programs."""

import gzip
import io
import os
import struct
import tarfile
import zlib

import numpy as np
import pytest
import torch
from helpers.image_files import cifar_batches, idx_bytes, write_files
from helpers.malformed import repacked
from PIL import Image

from interpolants.data.cifar10 import CIFAR10
from interpolants.data.file import File
from interpolants.data.idx import read_idx
from interpolants.data.image_file import ImageFile
from interpolants.data.image_folder import ImageFolder

_HUGE = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)}


def test_idx_of_a_header_of_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "x-ubyte.gz"
    header = struct.pack(">4B3I", 0, 0, 8, 3, 70_000, 1_000, 1_000)
    path.write_bytes(gzip.compress(header + bytes(10**6)))
    with pytest.raises(ValueError, match=r"A\.root: expected at most 67108864 bytes in .*unpack"):
        read_idx("A", path, 3)


def test_idx_is_unpacked_up_to_the_size_in_its_header(tmp_path, monkeypatch):
    path, read = tmp_path / "x-ubyte.gz", []
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((3, 2, 2))) + bytes(10**7)))
    whole = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda f, n=-1: read.append(n) or whole(f, n))
    with pytest.raises(ValueError, match=r"A\.root: expected 12 bytes in .*, got 13"):
        read_idx("A", path, 3)
    assert read == [16, 13]


def _npy(header, content=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


@pytest.mark.parametrize("of", [File, ImageFile])
def test_arrays_of_a_header_of_terabytes_are_refused_unread(of, tmp_path):
    (tmp_path / "x.npy").write_bytes(_npy(_HUGE, bytes(64)))
    np.savez(tmp_path / "good.npz", x=np.zeros((4, 2)))
    repacked(tmp_path / "good.npz", tmp_path / "x.npz", lambda *_: _npy(_HUGE, bytes(64)))
    for name in ("x.npy", "x.npz"):
        rule = rf"{of.__name__}\.path: expected arrays of numbers in .*{name}, got"
        with pytest.raises(ValueError, match=rule):
            of(path=str(tmp_path / name))


def test_arrays_that_unpack_to_far_more_than_their_file_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros((9 * 10**6, 1)))
    rule = (
        r"File\.path: expected at most 67108864 bytes in .*x\.npz, got 72000128; if that is right"
    )
    with pytest.raises(ValueError, match=rule):
        File(path=str(path))
    np.savez_compressed(path, x=np.arange(2000.0).reshape(1000, 2))
    assert File(path=str(path)).event_shape == (2,)


def test_encrypted_arrays_are_refused_by_name(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((4, 2)))
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + place] |= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"File\.path: .*the array x\.npy is encrypted"):
        File(path=str(path))


def _folder(tmp_path, content):
    for k in range(3):
        Image.new("RGB", (8, 8), (k, 0, 0)).save(tmp_path / f"{k}.png")
    (tmp_path / "0.png").write_bytes(content)
    return ImageFolder(path=str(tmp_path), size=8)


def _decode(data):
    for held_out in (False, True):
        data.rows(torch.arange(data.count(held_out=held_out)), held_out=held_out)


_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"


def _chunk(name, content):
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


_WIDE = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">2I5B", 12_000, 12_000, 8, 2, 0, 0, 0))
_WIDE += _chunk(b"IDAT", zlib.compress(bytes(10)))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("content", "reason"), [(_EPS, "cannot identify"), (_WIDE, "more than 100000000 pixels")]
)
def test_image_of_a_program_or_too_many_pixels_is_refused_by_its_file(content, reason, tmp_path):
    rule = rf"ImageFolder\.path: expected an image in .*0\.png, got .*{reason}"
    with pytest.raises(ValueError, match=rule):
        _folder(tmp_path, content)


def test_image_formats_that_are_opened_have_no_interpreter(tmp_path, monkeypatch):
    opened, plain = [], Image.open

    def spy(path, formats=None):
        opened.append(formats)
        return plain(path, formats=formats)

    monkeypatch.setattr(Image, "open", spy)
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    _decode(_folder(tmp_path, content.getvalue()))
    assert {*opened} == {("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")}


def test_image_folders_that_are_linked_in_a_loop_are_visited_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(2):
            Image.new("RGB", (8, 8), (k, 0, 0)).save(tmp_path / name / f"{k}.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "aside").symlink_to(tmp_path / "a")
    (tmp_path / "more").symlink_to(tmp_path / "b")
    data = ImageFolder(path=str(tmp_path), size=8)
    assert data.count() + data.count(held_out=True) == 4
    assert data.classes == ("a", "b")


def test_image_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"ImageFolder\.path: expected a file, .*1\.png"):
        ImageFolder(path=str(tmp_path), size=8)


def test_cifar10_archive_of_a_large_file_is_refused_unread(tmp_path):
    member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    member.size = 2**27
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(gzip.compress(member.tobuf()))
    with pytest.raises(
        ValueError, match=r"CIFAR10\.root: expected files of at most 67108864 bytes"
    ):
        CIFAR10(root=str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [b"\x80\x04}r\xff\xff\xff\x0f.", b"\x80\x05\x96\x00\x00\x00\x40\x01\x00\x00\x00."],
    ids=["memo", "bytes"],
)
def test_cifar10_pickle_that_takes_memory_is_refused_unread(content, tmp_path):
    contents, _ = cifar_batches()
    write_files(tmp_path, contents | {"data_batch_2": content})
    with pytest.raises(
        ValueError, match=r"CIFAR10\.root: expected a pickled batch .*batch_2, got"
    ):
        CIFAR10(root=str(tmp_path))
