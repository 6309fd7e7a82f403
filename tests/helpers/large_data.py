"""Arrays, data sets and folders of a user, and the overrides that name them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch.utils import data as torch_data

MODULE = __name__


class Items(torch_data.Dataset):
    """Map-style data set of (x, label)."""

    def __init__(self, n=80):
        self.x = torch.randn(n, 3, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, place):
        return self.x[place], place % 3


class Named(Items):
    """Items that are dicts, with names of classes."""

    classes = ("cat", "dog", "owl")

    def __getitem__(self, place):
        return {"x": self.x[place].numpy(), "label": place % 3}


class Plain(Items):
    """Items without labels."""

    def __getitem__(self, place):
        return self.x[place].tolist()


class Noisy(Items):
    """Items that are others whenever they are read."""

    def __getitem__(self, place):
        return torch.randn(3)


class Stream(torch_data.IterableDataset):
    """Stream of (x, label)."""

    def __init__(self, n=80):
        self.n = n

    def __iter__(self):
        return iter(Items(self.n)[k] for k in range(self.n))


def rows(n=80):
    """Rows of three numbers and their classes, below 3."""
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    return x, np.arange(n) % 3


def write_npy(folder, n=80):
    """Write `rows.npy` and `label.npy`."""
    for name, part in zip(("rows", "label"), rows(n), strict=True):
        np.save(folder / f"{name}.npy", part)
    return ["data=array", "data.path=rows.npy", "data.label=label.npy"]


def write_zarr(folder, n=80):
    """Write the group `rows.zarr`."""
    import zarr

    group = zarr.open_group(str(folder / "rows.zarr"), mode="w")
    group["x"], group["label"] = rows(n)
    return ["data=array", "data.path=rows.zarr", "data.label=label"]


def write_h5(folder, n=80):
    """Write the file `rows.h5`."""
    import h5py

    with h5py.File(folder / "rows.h5", "w") as file:
        file["parts/x"], file["label"] = rows(n)
    return ["data=array", "data.path=rows.h5", "data.key=parts/x", "data.label=label"]


def write_huggingface(folder, n=80):
    """Write the folder `saved` of `save_to_disk`."""
    import datasets

    x, label = rows(n)
    kinds = {
        "x": datasets.Sequence(datasets.Value("float32"), length=3),
        "label": datasets.ClassLabel(names=["cat", "dog", "owl"]),
    }
    columns = {"x": x.tolist(), "label": label.tolist()}
    saved = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
    saved.save_to_disk(str(folder / "saved"))
    return ["data=huggingface", "data.path=saved", "data.label=label"]


def write_items(folder, n=80):
    """Name a data set by its class."""
    return ["data=dataset", f"data.dataset={{_target_:{MODULE}.Items,n:{n}}}"]


def write_rgba(folder, n=80):
    """Write the folder `images` of images of 48 x 64 with opacity."""
    (folder / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (n, 48, 64, 4), dtype=np.uint8)
    for k, x in enumerate(pixels):
        Image.fromarray(x).save(folder / "images" / f"{k}.png")
    return ["data=image_folder", "data.path=images", "data.size=[6,8]", "data.channels=4"]


WRITERS = {
    "npy": write_npy,
    "zarr": write_zarr,
    "h5py": write_h5,
    "datasets": write_huggingface,
    "items": write_items,
    "rgba": write_rgba,
}
