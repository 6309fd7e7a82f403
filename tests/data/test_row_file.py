"""Rows of a file for a model: columns and labels by name, or by position without names."""

import gzip

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import feather, parquet

from interpolants.data.columns import Columns
from interpolants.data.labels import Labels
from interpolants.data.row_file import RowFile

_COLUMNS = Columns(names=("b", "a"), integer=("a",))
_NAMED = Labels(frequencies=(0.5, 0.5), names=("x", "y"), columns=("kind",))
_NUMBERED = Labels(frequencies=(0.5, 0.25, 0.25))
_VECTORS = Labels(size=2, shift=(0.0, 0.0), scale=(1.0, 1.0), columns=("s", "t"))
_TEXT = "t,a,kind,b,s,label\n1,2,y,0.5,3,0\n4,5,x,0.25,6,2\n"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "rows.csv").write_text(_TEXT)
    return tmp_path / "rows.csv"


@pytest.mark.parametrize("kind", ["csv", "gz", "feather"])
def test_rows_of_a_table_are_found_by_name(kind, path):
    file = path
    if kind == "gz":
        file = path.with_suffix(".csv.gz")
        file.write_bytes(gzip.compress(_TEXT.encode()))
    elif kind == "feather":
        file = path.with_suffix(".feather")
        table = {"a": [2, 5], "kind": ["y", "x"], "b": [0.5, 0.25], "t": [1, 4]}
        feather.write_feather(pa.table(table), file)
    rows = RowFile(path=str(file)).read((2,), _COLUMNS, _NAMED)
    assert rows.x.tolist() == [[0.5, 2], [0.25, 5]] and rows.x.dtype == torch.float64
    assert rows.label == ["y", "x"] and rows.places.tolist() == [0, 1]
    assert rows.whole.tolist() == [False, True]
    left = "t" if kind == "feather" else "t, s, label"
    assert rows.notes == [f"columns of {file} that the model does not read: {left}"]


def test_labels_are_vectors_by_name_or_numbers_of_classes(path):
    vectors = RowFile(path=str(path)).read((2,), _COLUMNS, _VECTORS).label
    assert vectors.tolist() == [[3, 1], [6, 4]]
    assert _VECTORS.expanded(vectors, 2).dtype == torch.float32
    numbers = RowFile(path=str(path)).read((2,), _COLUMNS, _NUMBERED).label
    assert numbers.tolist() == [0, 2] and _NUMBERED.expanded(numbers, 2).tolist() == [0, 2]
    assert RowFile(path=str(path)).read((2,), _COLUMNS).label is None
    path.write_text("a,b,s\n1,2,3\n")
    rule = r"^data\.path: expected all columns of labels, s, t, in .*, or none, got 's'$"
    with pytest.raises(ValueError, match=rule):
        RowFile(path=str(path)).read((2,), _COLUMNS, _VECTORS)
    path.write_text("a,b,label\n1,2,few\n")
    with pytest.raises(ValueError, match=r"labels that are numbers of classes, got 'few'$"):
        RowFile(path=str(path)).read((2,), _COLUMNS, _NUMBERED)


def test_rows_of_a_model_without_names_are_found_by_position(path):
    path.write_text("u,label,v\n1,2,3\n")
    rows = RowFile(path=str(path)).read((2,), None, _NUMBERED)
    assert rows.x.tolist() == [[1, 3]] and rows.label.tolist() == [2] and not rows.whole.any()
    with pytest.raises(
        ValueError, match=r"expected 2 columns of numbers in .* got 'u, label, v'$"
    ):
        RowFile(path=str(path)).read((2,))


def test_labels_that_are_not_read_are_no_coordinates(path, tmp_path):
    path.write_text("u,label,v\n1,no number,3\n")
    rows = RowFile(path=str(path)).read((2,), None, _NUMBERED, labelled=False)
    assert rows.x.tolist() == [[1, 3]] and rows.label is None
    assert rows.notes == [f"columns of {path} that the model does not read: label"]
    x = np.array([[1.0, 3]])
    np.savez(tmp_path / "rows.npz", x=x, label=np.array(["no number"]))
    rows = RowFile(path=str(tmp_path / "rows.npz")).read((2,), None, _NUMBERED, labelled=False)
    assert rows.x.tolist() == x.tolist() and rows.label is None


@pytest.mark.parametrize("number", ["inf", "1e300"])
def test_numbers_that_overflow_are_refused_by_their_row_in_the_file(number, path):
    path.write_text(f"a,b\n1,\n2,3\n4,{number}\n")
    rule = r"^data\.path: expected no NaN and no infinite values.* \(the first is in row 2, "
    with pytest.warns(UserWarning, match="dropped 1"), pytest.raises(ValueError, match=rule):
        RowFile(path=str(path), missing="drop").read((2,), _COLUMNS)


@pytest.mark.parametrize("columns", [_COLUMNS, Columns(names=("a",))])
def test_a_file_without_rows_is_refused(columns, path):
    file = path.with_suffix(".parquet")
    parquet.write_table(pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], "f8")}), file)
    with pytest.raises(ValueError, match=rf"^data\.path: expected rows in {file}, got 0$"):
        RowFile(path=str(file)).read((len(columns.names),), columns)


def test_rows_of_an_array_keep_their_precision_and_labels(tmp_path):
    x = np.array([[1.7e9, 1], [1.7e9 + 1, 2]])
    np.savez(tmp_path / "rows.npz", x=x, kind=np.array(["y", "x"]))
    rows = RowFile(path=str(tmp_path / "rows.npz")).read((2,), _COLUMNS, _NAMED)
    assert np.array_equal(rows.x.numpy(), x) and rows.label == ["y", "x"]
    assert rows.whole.tolist() == [False, True]
    np.savez(tmp_path / "rows.npz", x=x, y=x + 1, label=np.array([[1.0, 2], [3, 4]]))
    rows = RowFile(path=str(tmp_path / "rows.npz"), key="y").read((2,), None, _VECTORS)
    assert np.array_equal(rows.x.numpy(), x + 1) and rows.label.tolist() == [[1, 2], [3, 4]]
    for setting, value in {"missing": "drop", "sep": "tab", "header": True}.items():
        with pytest.raises(ValueError, match=rf"^data\.{setting}: expected .* for an array file"):
            RowFile(path=str(tmp_path / "rows.npz"), **{setting: value}).read((2,))


def test_one_row_is_enough_and_none_are_not(tmp_path):
    np.save(tmp_path / "one.npy", np.ones((1, 3)))
    assert RowFile(path=str(tmp_path / "one.npy")).read((3,)).x.tolist() == [[1, 1, 1]]
    np.save(tmp_path / "none.npy", np.ones((0, 3)))
    with pytest.raises(ValueError, match=r"^data\.path: expected rows in .*none\.npy, got 0$"):
        RowFile(path=str(tmp_path / "none.npy")).read((3,))
