"""Rows of a user's file, and error messages for bad files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.distributions import (
    NAN_ROWS,
    labels_of,
)
from torch import Tensor

from interpolants.data.file import File
from interpolants.data.finite import FiniteData
from interpolants.utils.seeds import keyed_generator


def all_rows(data: FiniteData) -> tuple[Tensor, Tensor | None]:
    """Every row and label, sorted by the first column."""
    train, held = data.train_batch(0, data.num_train, seed=0), data.held_out(10**6, seed=0)
    x = torch.cat((train.x1, held.x1))
    order = x.flatten(1)[:, 0].argsort()
    if train.label is None:
        return x[order], None
    return x[order], torch.cat((train.label, labels_of(held)))[order]


@pytest.mark.parametrize("header", [None, ["a", "b", "c"]])
def test_file_csv_round_trips_with_and_without_a_header(
    tmp_path: Path, header: list[str] | None
) -> None:
    x = torch.randn(20, 3, generator=keyed_generator(0)).sort(dim=0).values
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(([header] if header else []) + x.tolist())
    rows, label = all_rows(File(path=str(path)))
    assert torch.equal(rows, x) and label is None
    names = ["c", "a"] if header else ["2", "0"]
    rows, _ = all_rows(File(path=str(path), columns=names))
    assert torch.equal(rows, x[:, [2, 0]])


def test_file_csv_labels_are_classes_in_sorted_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\ufeffx, kind ,y\n1,red,5\n2,blue,6\n\n3,red,7\n")
    rows, label = all_rows(File(path=str(path), label="kind"))
    assert rows.tolist() == [[1, 5], [2, 6], [3, 7]]
    assert label is not None and label.tolist() == [1, 0, 1]
    path.write_text("1,10\n2,9\n3,10\n")
    _, label = all_rows(File(path=str(path), label="1"))
    assert label is not None and label.tolist() == [1, 0, 1]


def test_file_labels_of_several_numbers_are_vectors(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,dose,kind,age\n1,0.5,red,40\n2,1.5,blue,30\n3,2.5,red,20\n")
    data = File(path=str(path), columns=["x"], label=["age", "dose"])
    rows, label = all_rows(data)
    assert rows.tolist() == [[1], [2], [3]]
    assert label is not None and label.dtype == torch.float32 and data.num_classes == 0
    assert label.tolist() == [[40, 0.5], [30, 1.5], [20, 2.5]]
    with pytest.raises(ValueError, match="a number in line 2, column 'kind'"):
        File(path=str(path), columns=["x"], label=["age", "kind"])
    np.savez(tmp_path / "x.npz", x=np.arange(3), target=np.arange(6).reshape(3, 2))
    _, label = all_rows(File(path=str(tmp_path / "x.npz"), label="target"))
    assert label is not None and label.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_file_npy_and_npz_round_trip(tmp_path: Path) -> None:
    images = torch.randn(9, 2, 3, 3, generator=keyed_generator(0)).sort(dim=0).values
    np.save(tmp_path / "x.npy", images.double().numpy())
    rows, _ = all_rows(File(path=str(tmp_path / "x.npy")))
    assert torch.equal(rows, images)
    kinds = np.array(["b", "a", "b"] * 3)
    np.savez(tmp_path / "x.npz", x=images.numpy(), kind=kinds)
    rows, label = all_rows(File(path=str(tmp_path / "x.npz"), label="kind"))
    assert torch.equal(rows, images)
    assert label is not None and label.tolist() == [1, 0, 1] * 3
    rows, label = all_rows(File(path=str(tmp_path / "x.npz"), key="x"))
    assert torch.equal(rows, images) and label is None


def test_file_of_a_flat_array_has_rows_of_one_number(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(5))
    data = File(path=str(tmp_path / "x.npy"))
    assert data.event_shape == (1,)
    assert all_rows(data)[0].flatten().tolist() == [0, 1, 2, 3, 4]


def write(path: Path, content: object) -> None:
    """Text, one array, or several."""
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, np.asarray(content))


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        (
            "x.doc",
            "1,2",
            {},
            "File.path: expected a .csv, .tsv, .txt, .parquet, .feather, .npy or ",
        ),
        ("x.csv", "", {}, "File.path: expected at least one line in {path}, got 0"),
        ("x.csv", "a,b\n", {}, "File.path: expected rows below the header of {path}, got 0"),
        ("x.csv", "1,2\n", {}, "File.path: expected at least 2 rows in {path}, got 1"),
        (
            "x.csv",
            "a,b\n1,2\n3,oops\n",
            {},
            "File.path: expected a number in line 3, column 'b' of {path}, got 'oops'; name a ",
        ),
        ("x.csv", "1,2\n1,2,3\n", {}, "File.path: expected 2 cells in line 2 of {path}, got 3"),
        (
            "x.csv",
            "1,2\n3,4\n-inf,inf\n",
            {},
            "File.path: expected no NaN and no infinite values "
            "(the first is in row 2, counted from 0), got 2; drop or fill these rows",
        ),
        (
            "x.csv",
            "width,height\n1,2\n3,4\n",
            {"columns": ["witdh"]},
            "File.columns: expected one of the columns width, height, got 'witdh'; "
            "did you mean 'width'?",
        ),
        (
            "x.csv",
            "width,height\n1,2\n3,4\n",
            {"label": "hight"},
            "File.label: expected one of the columns width, height, got 'hight'; "
            "did you mean 'height'?",
        ),
        ("x.csv", "1\n2\n", {"label": "0"}, "File.columns: expected at least one column of num"),
        ("x.csv", "1\n2\n", {"key": "a"}, "File.key: expected null for a table, got 'a'"),
        ("x.npy", np.ones((1, 2)), {}, "File.path: expected at least 2 rows in {path}, got 1"),
        ("x.npy", np.ones(()), {}, "File.path: expected rows in {path}, got 'a single number'"),
        (
            "x.npy",
            np.array(["a", "b"]),
            {},
            "File.path: expected real numbers in {path}, got '<U1'",
        ),
        ("x.npy", np.ones(3) * 1j, {}, "File.path: expected real numbers in {path}, got 'complex"),
        (
            "x.npy",
            np.array([{}, {}]),
            {},
            "File.path: expected arrays of numbers in {path}, got \"Array can't be memory-map",
        ),
        (
            "x.npz",
            {"x": np.array([{}, {}])},
            {},
            "File.path: expected arrays of numbers in {path}, got 'Object arrays cannot be",
        ),
        (
            "x.npy",
            NAN_ROWS,
            {},
            "File.path: expected no NaN and no infinite values "
            "(the first is in row 1, counted from 0), got 3",
        ),
        (
            "x.npy",
            np.array([1.0, 1e300]),
            {},
            "File.path: expected no NaN and no infinite values, nor",
        ),
        ("x.npy", np.ones(3), {"columns": ["a"]}, "File.columns: expected null for an array file"),
        ("x.npy", np.ones(3), {"key": "a"}, "File.key: expected null for a .npy file, got 'a'"),
        ("x.npy", np.ones(3), {"label": "a"}, "File.label: expected null for a .npy file, got"),
        (
            "x.npz",
            {"x": np.ones(3), "y": np.ones(3)},
            {},
            "File.key: expected one of x, y, the arrays in {path}, got None",
        ),
        (
            "x.npz",
            {"x": np.ones(3)},
            {"key": "z"},
            "File.key: expected one of the arrays x, got 'z'",
        ),
        (
            "x.npz",
            {"x": np.ones(3), "y": np.ones(4)},
            {"label": "y"},
            "File.label: expected shape (3,), or (3, C) of numbers, got (4,)",
        ),
        (
            "x.npy",
            np.ones(3),
            {"held_out_fraction": 1.0},
            "File.held_out_fraction: expected a number in (0, 1), got 1.0",
        ),
    ],
)
def test_file_errors_name_the_argument_and_the_place(
    tmp_path: Path, name: str, content: object, arguments: dict[str, object], message: str
) -> None:
    path = tmp_path / name
    write(path, content)
    with pytest.raises(ValueError) as error:
        File(path=str(path), **arguments)  # type: ignore[arg-type]
    assert str(error.value).startswith(message.format(path=path))


def test_file_that_is_missing_is_named_with_the_folder_it_was_sought_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        File(path="no.csv")
    assert str(error.value) == (
        f"File.path: expected an existing file, got 'no.csv'; relative paths start at {tmp_path}"
    )
    (tmp_path / "rows.csv").write_text("1\n2\n")
    assert File(path="rows.csv").num_train == 1


@pytest.mark.parametrize("name", ["x.csv", "x.npy", "x.npz"])
def test_file_that_is_damaged_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xff\xfe\x00PK")
    with pytest.raises(ValueError, match=r"^File\.path: expected "):
        File(path=str(path))
