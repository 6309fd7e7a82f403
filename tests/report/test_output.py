"""Samples in one file, or as images."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from interpolants.data.pixels import to_uint8
from interpolants.report.output.base import table_output
from interpolants.report.output.csv import CsvOutput
from interpolants.report.output.jsonl import JsonlOutput
from interpolants.report.output.npz import NpzOutput
from interpolants.report.output.png import PngOutput


def _images(folder):
    return {int(path.stem): np.asarray(Image.open(path)) for path in folder.glob("*.png")}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_output_is_the_rounded_samples_by_number(channels, tmp_path):
    x = 300 * torch.rand(5, channels, 4, 6) - 20
    x[0, 0, 0, :3] = torch.tensor([0.5, 1.5, 254.5])
    assert PngOutput().write(x, None, tmp_path, "ode") == [tmp_path / "ode" / "*.png"]
    found = _images(tmp_path / "ode")
    assert sorted(found) == [0, 1, 2, 3, 4]
    for number, image in found.items():
        expected = to_uint8(x[number]).movedim(0, -1).numpy()
        assert np.array_equal(image.reshape(4, 6, channels), expected)
    assert found[0].reshape(4, 6, channels)[0, :3, 0].tolist() == [0, 2, 254]


def test_png_output_takes_the_range_of_the_data(tmp_path):
    x = torch.tensor([-1.0, -0.5, 0.0, 1.0, 2.0, torch.nan]).reshape(1, 1, 1, 6)
    PngOutput(low=-1.0, high=1.0).write(x, None, tmp_path, "a")
    assert _images(tmp_path / "a")[0].tolist() == [[0, 64, 128, 255, 255, 0]]


def test_png_output_leaves_no_images_of_earlier_samples_but_other_files(tmp_path):
    output, x = PngOutput(), torch.zeros(12, 1, 2, 2)
    output.write(x, torch.arange(12), tmp_path, "ode")
    (tmp_path / "ode" / "mine.png").write_bytes(b"")
    files = output.write(x[:9] + 7, torch.arange(9), tmp_path, "ode")
    assert files == [tmp_path / "ode" / "*.png", tmp_path / "ode.npz"]
    (tmp_path / "ode" / "mine.png").unlink()
    found = _images(tmp_path / "ode")
    assert sorted(found) == list(range(9)) and all((p == 7).all() for p in found.values())
    with np.load(tmp_path / "ode.npz") as content:
        assert list(content) == ["label"] and content["label"].tolist() == list(range(9))


def test_npz_output_has_samples_and_labels(tmp_path):
    x = torch.randn(4, 3)
    (path,) = NpzOutput().write(x, torch.tensor([1, 0, 2, 1]), tmp_path, "ode")
    content = np.load(io.BytesIO(path.read_bytes()))
    assert np.array_equal(content["x"], x.numpy()) and content["label"].tolist() == [1, 0, 2, 1]
    NpzOutput().write(x, None, tmp_path, "ode")
    assert list(np.load(path)) == ["x"]


def test_png_output_refuses_what_is_no_image_and_an_empty_range():
    got = r"'samples of shape \(2,\)'"
    rule = rf"^PngOutput: expected images \(C, H, W\) with C = 1, 2, 3 or 4, got {got}"
    with pytest.raises(ValueError, match=f"{rule}; use output=npz$"):
        PngOutput().check((2,))
    with pytest.raises(ValueError, match=r"^PngOutput.high: expected a number above low = 1"):
        PngOutput(low=1.0, high=1.0)


_TABLE = {
    "a": np.array([0.1, np.nan, -3e-7], dtype=np.float32),
    "b": np.array([0.1, np.inf, 1 / 3]),
    "n": np.array([3, 2**53 + 1, -1]),
    'of "it", all': np.array(["x", 'y, "z"', "1"]),
}


def test_csv_output_has_exact_numbers_of_few_digits_and_quoted_text(tmp_path):
    assert CsvOutput().write_table(_TABLE, tmp_path, "t") == [tmp_path / "t.csv"]
    with open(tmp_path / "t.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == list(_TABLE)
    columns = dict(zip(head, zip(*rows, strict=True), strict=True))
    assert np.array_equal(np.array(columns["a"], np.float32), _TABLE["a"], equal_nan=True)
    assert columns["a"][0] == "0.1" and np.array_equal(np.array(columns["b"], float), _TABLE["b"])
    assert columns["n"] == ("3", str(2**53 + 1), "-1")
    assert columns[head[3]] == tuple(_TABLE[head[3]])


def test_jsonl_output_has_an_object_for_each_row(tmp_path):
    assert JsonlOutput().write_table(_TABLE, tmp_path, "t") == [tmp_path / "t.jsonl"]
    rows = list(map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines()))
    assert [list(row) for row in rows] == [list(_TABLE)] * 3
    assert [row["a"] for row in rows] == [0.1, None, -3e-7]
    assert [row["b"] for row in rows] == [0.1, None, 1 / 3]
    assert [row["n"] for row in rows] == [3, 2**53 + 1, -1]
    assert [row['of "it", all'] for row in rows] == ["x", 'y, "z"', "1"]


@pytest.mark.parametrize("output", [CsvOutput(), JsonlOutput()])
def test_table_outputs_refuse_what_is_no_row(output, tmp_path):
    rule = f"^{type(output).__name__}: expected samples that are rows of numbers, got 'samples of "
    with pytest.raises(ValueError, match=rule):
        output.write(torch.zeros(2, 1, 4, 4), None, tmp_path, "t", dict)
    assert table_output(output) is output
    with pytest.raises(ValueError, match=r"^output: expected a format of tables, got 'NpzOutput'"):
        table_output(NpzOutput())
