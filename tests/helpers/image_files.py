"""Small image files in the formats of public data sets, and folders of images."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

# Options of the data sets for the files of `write_image_data`.
OPTIONS = {
    "cifar10": ("root", "cifar"),
    "fashion_mnist": ("root", "idx"),
    "image_file": ("path", "images.npz"),
    "image_folder": ("path", "images"),
    "kmnist": ("root", "idx"),
    "mnist": ("root", "idx"),
}
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
NAMES += tuple(name.replace("train", "t10k") for name in NAMES)
BATCHES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")


def blocks(n, channels, cells, width, seed=0):
    """Images of equal squares of random colours, uint8, (n, channels, cells * width, likewise)."""
    shape = (n, channels, cells, cells)
    small = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return small.repeat(width, axis=2).repeat(width, axis=3)


def idx_bytes(array):
    """Content of an IDX file with an array of bytes."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx_set(folder, counts=(80, 40), compressed=False, seed=0):
    """Write the four files of MNIST with images of 8 x 8; returns their arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = []
    for k, n in enumerate(counts):
        arrays += [blocks(n, 1, 4, 2, 10 * seed + k)[:, 0], np.arange(n) % 10]
    for name, array in zip(NAMES, arrays, strict=True):
        content = idx_bytes(array)
        path = folder / (f"{name}.gz" if compressed else name)
        path.write_bytes(gzip.compress(content) if compressed else content)
    return arrays


class _Python2Pickler(pickle._Pickler):
    """Pickler that writes text and bytes as strings of Python 2, as in the published batches."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        raw = value.encode() if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


def pickled_batch(x, label):
    """A batch of CIFAR-10 in the Python version, with images (n, 3, 32, 32)."""
    batch = {
        "batch_label": "training batch 1 of 5",
        "labels": [int(k) for k in label],
        "data": x.reshape(len(x), -1),
        "filenames": [f"{k}.png" for k in range(len(x))],
    }
    file = io.BytesIO()
    _Python2Pickler(file, 2).dump(batch)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def binary_batch(x, label):
    """A batch of CIFAR-10 in the binary version."""
    rows = np.concatenate([np.reshape(label, (-1, 1)), x.reshape(len(x), -1)], axis=1)
    return rows.astype(np.uint8).tobytes()


def cifar_batches(n=20, binary=False):
    """Five training batches and one for tests: contents by name, and the images and labels."""
    contents, arrays = {}, []
    for k, name in enumerate(BATCHES):
        x, label = blocks(n, 3, 4, 8, seed=k), np.arange(n) % 10
        contents[f"{name}.bin" if binary else name] = (
            binary_batch(x, label) if binary else pickled_batch(x, label)
        )
        arrays.append((x, label))
    return contents, arrays


def write_files(folder, contents):
    """Write files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def write_archive(path, contents, folder):
    """Write files by name into a folder of a compressed archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_image_folder(folder, n=40, classes=("cat", "dog")):
    """Write images of 12 x 16, in a subfolder for each class if there are classes."""
    for k, x in enumerate(blocks(n, 3, 4, 4)):
        parent = Path(folder) / (classes[k % len(classes)] if classes else "")
        parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x.transpose(1, 2, 0)[2:14]).save(parent / f"{k:03d}.png")


def write_image_data(folder, images=40):
    """Write the files of each of `OPTIONS`."""
    write_idx_set(folder / "idx")
    write_files(folder / "cifar", cifar_batches()[0])
    write_image_folder(folder / "images", images)
    np.savez(folder / "images.npz", x_train=blocks(80, 1, 4, 2)[:, 0])


class _MeansAndContrasts(nn.Module):
    """Network of each channel's mean and standard deviation, with Inception's signature."""

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        assert img.dtype == torch.uint8 and return_features
        flat = img.to(torch.float64).flatten(2)
        return torch.cat([flat.mean(2), flat.std(2)], dim=1)


def write_image_network(path):
    """Write a TorchScript archive with Inception's signature; returns its path as text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(_MeansAndContrasts()).save(path)
    return str(path)
