"""Data sets of Hugging Face Datasets in folders."""

import pickle
import sys

import numpy as np
import pytest
import torch
from helpers.large_data import rows
from PIL import Image

from interpolants.data.huggingface import HuggingFace
from interpolants.testing import check_data

_N = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders `rows`, `splits` and `images` of `save_to_disk`."""
    datasets = pytest.importorskip("datasets")
    path = tmp_path_factory.mktemp("saved")
    x, label = rows(_N)
    names = ["cat", "dog", "owl"]
    kinds = {
        "x": datasets.Sequence(datasets.Value("float32"), length=3),
        "label": datasets.ClassLabel(names=names),
        "a": datasets.Value("float64"),
        "b": datasets.Value("int64"),
        "text": datasets.Value("string"),
    }
    columns = {"x": x.tolist(), "label": label.tolist(), "a": x[:, 0].tolist()}
    columns |= {"b": list(range(_N)), "text": [names[k] for k in label]}
    table = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
    table.save_to_disk(str(path / "rows"))
    splits = {"train": table.select(range(100)), "test": table.select(range(100, 200))}
    datasets.DatasetDict(splits).save_to_disk(str(path / "splits"))
    pixels = np.random.default_rng(0).integers(0, 256, (_N, 6, 8, 4), dtype=np.uint8)
    images = {"image": [Image.fromarray(k) for k in pixels], "label": label.tolist()}
    datasets.Dataset.from_dict(images).save_to_disk(str(path / "images"))
    return path


def test_saved_rows_have_the_values_and_names_of_their_columns(folder):
    data = HuggingFace(path=str(folder / "rows"), x="x", label="label")
    x, label = map(torch.from_numpy, rows(_N))
    for side in (False, True):
        numbers = torch.arange(data.count(held_out=side))
        batch, places = data.rows(numbers, held_out=side), data._split.places(numbers, side)
        assert torch.equal(batch.x1, x[places]) and torch.equal(batch.label, label[places])
    assert data.classes == ("cat", "dog", "owl") and data.num_classes == 3
    check_data(data)
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again.train_batch(1, 8, 0).x1, data.train_batch(1, 8, 0).x1)


def test_several_columns_are_the_numbers_of_a_row(folder):
    data = HuggingFace(path=str(folder / "splits"), split="test", x=["b", "a"])
    assert data.columns == ("b", "a") and data.event_shape == (2,)
    batch = data.train_batch(0, 16, 0)
    assert ((batch.x1[:, 0] >= 100) & (batch.x1[:, 0] < 200)).all()


def test_saved_images_are_pixels_of_the_shape(folder):
    data = HuggingFace(path=str(folder / "images"), label="label", size=[3, 4], channels=4)
    assert data.event_shape == (4, 3, 4) and (data.scale == 127.5).all()
    check_data(data)
    whole = HuggingFace(path=str(folder / "images"), label="label")
    assert whole.event_shape == (4, 6, 8)


@pytest.mark.parametrize(
    ("name", "given", "rule"),
    [
        (
            "rows",
            {},
            "x: expected one of the columns x, label, a, b, text, or a list of them, got",
        ),
        ("rows", {"x": "y"}, "x: expected one of the columns x, label, a, b, text, got 'y'"),
        ("rows", {"x": "x", "label": "text"}, "label: expected a column of classes or vectors, g"),
        ("rows", {"x": "text"}, "x: expected numbers in item "),
        ("rows", {"x": "x", "size": 4}, "size: expected null, without images, got "),
        ("splits", {"x": "x", "split": "val"}, "split: expected one of train, test, got 'val'"),
        ("rows", {"x": "x", "split": "test"}, "split: expected train, as there is one split in "),
        ("images", {"x": "image", "fit": "pad"}, "size: expected a size, for channels, fit or gr"),
        ("none", {}, "path: expected an existing folder of save_to_disk, got "),
        ("", {}, "path: expected a folder of save_to_disk in "),
    ],
)
def test_huggingface_refuses_by_name(name, given, rule, folder):
    with pytest.raises(ValueError) as error:
        HuggingFace(path=str(folder / name), **given)
    assert str(error.value).startswith(f"HuggingFace.{rule}")


def test_name_is_downloaded_only_on_request():
    rule = r"HuggingFace\.name: expected null without download=true, got 'mnist'; set download"
    with pytest.raises(ValueError, match=rule):
        HuggingFace(name="mnist")
    with pytest.raises(ValueError, match=r"HuggingFace\.path: expected a folder of save_to_disk"):
        HuggingFace()


def test_missing_package_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    rule = r"expected the package datasets, .*; run pip install 'interpolants\[huggingface\]'"
    with pytest.raises(ValueError, match=rule):
        HuggingFace(path=str(tmp_path))
