"""Data sets of PyTorch by their class, and streams that are written to files first."""

import pickle

import numpy as np
import pytest
import torch
from helpers.compose import config_of
from helpers.large_data import MODULE, Items, Named, Noisy, Plain, Stream
from PIL import Image

from interpolants.checkpoint import spec
from interpolants.data.array import Array
from interpolants.data.base import Data
from interpolants.data.dataset import Dataset
from interpolants.data.to_npy import main, write_npy
from interpolants.testing import check_data


class _Of(Items):
    """Data set of a list of items."""

    def __init__(self, *items):
        self.x = items

    def __getitem__(self, place):
        return self.x[place]


@pytest.mark.parametrize(("kind", "classes"), [(Items, 3), (Named, 3), (Plain, 0)])
def test_dataset_of_tuples_dicts_and_rows_keeps_the_contract(kind, classes):
    data = Dataset(dataset=kind(300))
    assert data.num_classes == classes and data.event_shape == (3,)
    assert data.classes == (("cat", "dog", "owl") if kind is Named else ())
    check_data(data)
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again.train_batch(2, 8, 0).x1, data.train_batch(2, 8, 0).x1)


def test_parts_of_items_are_chosen_by_name_or_number():
    x = torch.arange(60).float()
    items = _Of(*({"a": x[k], "b": -x[k], "c": k % 2} for k in range(60)))
    data = Dataset(dataset=items, x="b", label="c")
    batch = data.train_batch(0, 8, 0)
    assert torch.equal(batch.x1[:, 0].long().neg() % 2, batch.label)
    triples = _Of(*((x[k], -x[k], k % 2) for k in range(60)))
    data = Dataset(dataset=triples, x=1, label=None)
    assert data.labels() is None and (data.train_batch(0, 8, 0).x1 <= 0).all()
    rule = r"Dataset\.x: expected one of a, b, c, the parts of an item, got 'x'"
    with pytest.raises(ValueError, match=rule):
        Dataset(dataset=items)
    with pytest.raises(ValueError, match=r"Dataset\.label: expected one of 0, 1, 2, the parts"):
        Dataset(dataset=triples, label=3)


def test_images_of_a_dataset_have_the_units_of_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 4, 3, 3), dtype=np.uint8)
    images = _Of(*((Image.fromarray(x), k % 2) for k, x in enumerate(pixels)))
    reals = _Of(
        *((torch.from_numpy(x).permute(2, 0, 1) / 255, k % 2) for k, x in enumerate(pixels))
    )
    one, other = (Dataset(dataset=each, pixels=True) for each in (images, reals))
    assert one.event_shape == (3, 4, 3)
    x = one.train_batch(0, 8, 0).x1
    assert torch.equal(x, other.train_batch(0, 8, 0).x1) and x.max() > 200
    assert (one.shift == 127.5).all()


@pytest.mark.parametrize(
    ("dataset", "rule"),
    [
        (
            Stream(),
            rf"the stream Stream'; .* interpolants\.data\.to_npy {MODULE}:Stream rows\.npy",
        ),
        (Noisy(), r"the same item 0 whenever it is read, got 'others'; leave random transforms"),
        (
            _Of(*[torch.ones(2)] * 9, torch.ones(3)),
            r"shape \(2,\), as of item 0, got '\(3,\) in i",
        ),
        (_Of("a", "b"), r"numbers in item 0, got 'str'; return tensors, arrays or numbers"),
        (_Of(torch.ones(2)), r"at least 2 rows in _Of, got 1"),
        (_Of(*[(torch.ones(2), -1)] * 9), "a class 0, 1, .* or a vector of finite"),
    ],
    ids=["stream", "random", "shapes", "text", "one", "negative"],
)
def test_dataset_that_cannot_be_read_by_number_is_refused_with_the_way(dataset, rule):
    with pytest.raises(ValueError, match=rf"Dataset\.dataset: expected .*{rule}"):
        Dataset(dataset=dataset)


def test_error_of_an_item_names_it():
    rule = r"Dataset\.dataset: expected item 0, got RuntimeError: no file"

    class Broken(Items):
        def __getitem__(self, place):
            raise RuntimeError("no file")

    with pytest.raises(ValueError, match=rule):
        Dataset(dataset=Broken())


def test_class_of_a_dataset_is_built_from_a_checkpoint_only_if_trusted():
    node = dict(config_of("data=dataset", f"data.dataset={{_target_:{MODULE}.Items,n:40}}").data)
    node["dataset"] = dict(node["dataset"])
    with pytest.raises(ValueError, match=rf"data\.dataset\._target_.*pass trust=\['{MODULE}'\]"):
        spec.build(node, Data, where="data")
    assert spec.build(node, Data, where="data", trust=[MODULE]).num_train > 20
    node["dataset"]["_target_"] = "torch.utils.data.DataLoader"
    with pytest.raises(ValueError, match=r"data\.dataset\._target_: expected a class"):
        spec.build(node, Data, where="data", trust=[MODULE])


def test_stream_written_to_a_file_is_read_back(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main([f"{MODULE}:Stream", "rows.npy", "--arguments", '{"n": 50}', "--rows", "40"])
    expected = "interpolants train data=array data.path=rows.npy data.label=rows_label.npy\n"
    assert capsys.readouterr().out == expected
    items = Items(50)
    np.testing.assert_array_equal(np.load("rows.npy"), items.x[:40].numpy())
    np.testing.assert_array_equal(np.load("rows_label.npy"), np.arange(40) % 3)
    assert Array(path="rows.npy", label="rows_label.npy").num_classes == 3
    with pytest.raises(SystemExit, match=r"error: to_npy\.path: expected a new file, got 'rows"):
        main([f"{MODULE}:Stream", "rows.npy"])
    with pytest.raises(SystemExit, match=r"error: No module named 'nowhere'"):
        main(["nowhere:Stream", "more.npy"])


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([], "at least one row, got 0"),
        ([np.ones(2), np.ones(3)], r"rows of shape \(2,\) and of float64, as the first, got"),
        (
            [np.ones(2, int), np.ones(2) / 2],
            r"rows of shape \(2,\) and of int64, as the first, got",
        ),
        ([(np.ones(2), 1), {"x": np.ones(2)}], "a label for each of 2 rows, or none, got 1"),
    ],
)
def test_stream_that_is_refused_leaves_no_file(rows, rule, tmp_path):
    with pytest.raises(ValueError, match=rf"to_npy\.rows: expected {rule}"):
        write_npy(iter(rows), tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_rows_without_labels_have_one_file(tmp_path):
    assert write_npy(iter([[1.0, 2.0], [3.0, 4.0]]), tmp_path / "a.npy") == [tmp_path / "a.npy"]
    assert np.load(tmp_path / "a.npy").tolist() == [[1, 2], [3, 4]]
