"""Tables of every dialect and format that people have, and messages for those that are wrong."""

import bz2
import gzip
import lzma
import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import csv, feather, parquet

from interpolants.data import csv_table
from interpolants.data.file import File

_ROWS = [[0.5, 1.5], [1.0, 3.0], [-2.25, 1e-7]]
_CSV = "a,b\n0.5,1.5\n1,3\n-2.25,1e-7\n"


def _rows(data):
    """All rows, sorted."""
    return sorted(torch.cat(list(data.known_rows())).tolist())


def _read(folder, text, name="x.csv", **settings):
    (folder / name).write_bytes(text.encode())
    return File(path=str(folder / name), **settings)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (_CSV, {}),
        (_CSV.replace(",", ";"), {}),
        (_CSV.replace(",", "\t"), {}),
        (_CSV.replace(",", "|"), {"sep": "pipe"}),
        (_CSV.replace(",", " "), {"sep": "space"}),
        (_CSV.replace(",", ";").replace(".", ","), {"decimal": "comma"}),
        (_CSV.replace(",", "\t").replace(".", ","), {"decimal": ",", "sep": "\t"}),
        (_CSV.replace("\n", "\r\n"), {}),
        ("\ufeff" + _CSV.replace("\n", "\n\n"), {}),
        ('"a","b"\n"0.5","1.5"\n+1, 3 \n-2.25,1E-07\n', {}),
        (_CSV.replace("a,b", "0,1"), {}),
        (_CSV.replace("a,b", "2001,2002"), {"header": True}),
        (_CSV.removeprefix("a,b\n"), {"header": False}),
        (_CSV.removeprefix("a,b\n"), {}),
    ],
)
def test_text_of_every_dialect_is_read(text, settings, tmp_path):
    found = _rows(_read(tmp_path, text, **settings))
    assert found == sorted(torch.tensor(_ROWS).tolist())


@pytest.mark.parametrize("text", ["a\n0,5\n1,5\n", "0,5\n1,5\n", "a\n0,5\n1\n1,5\n0,5\n"])
def test_decimal_commas_of_one_column_separate_nothing(text, tmp_path):
    data = _read(tmp_path, text, decimal="comma")
    assert data.event_shape == (1,) and {0.5, 1.5} <= {row[0] for row in _rows(data)}


def test_cells_that_only_python_reads_are_read_by_python(tmp_path):
    assert _rows(_read(tmp_path, "a,b\n\u0663,1\n2,5\n")) == [[2, 5], [3, 1]]


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip", "zst"])
def test_compressed_text_is_read(suffix, tmp_path):
    path, content = tmp_path / f"x.tsv.{suffix}", _CSV.replace(",", "\t").encode()
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("__MACOSX/._x.tsv", "")
            archive.writestr("x.tsv", content)
    elif suffix == "zst":
        with pa.output_stream(path, compression="zstd") as file:
            file.write(content)
    else:
        module = {"gz": gzip, "bz2": bz2, "xz": lzma}[suffix]
        path.write_bytes(module.compress(content))
    assert File(path=str(path)).columns == ("a", "b")
    assert _rows(File(path=str(path))) == sorted(torch.tensor(_ROWS).tolist())


def test_compressed_text_that_is_damaged_or_far_larger_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(_CSV.encode() * 100)[:-9])
    with pytest.raises(
        ValueError, match=r"^File\.path: expected a table as text in .*, got 'Comp"
    ):
        File(path=str(path))
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10**6))
    monkeypatch.setattr("interpolants.data.file_sizes._ALWAYS", 2**20)
    with pytest.raises(ValueError, match=r"^File\.path: expected at most 1048576 bytes in"):
        File(path=str(path))
    with zipfile.ZipFile(tmp_path / "x.csv.zip", "w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, _CSV)
    with pytest.raises(ValueError, match=r"one file in .*, got \['a\.csv', 'b\.csv'\]; unpack it"):
        File(path=str(tmp_path / "x.csv.zip"))


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text(_CSV)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert File(path="~/x.csv").columns == ("a", "b")


def _arrow_table():
    return pa.table(
        {
            "a": pa.array([0.5, None, 2.5, 3.5]),
            "n": pa.array([1, 2, 3, 4], pa.int32()),
            "kind": pa.array(["cat", "dog", "cat", "dog"]).dictionary_encode(),
            "on": pa.array([True, False, True, True]),
            "__index_level_0__": pa.array([5, 3, 1, 0]),
        }
    )


@pytest.mark.parametrize(
    ("suffix", "write"), [("parquet", parquet.write_table), ("feather", None)]
)
def test_parquet_and_feather_are_read(suffix, write, tmp_path):
    path = str(tmp_path / f"x.{suffix}")
    (write or feather.write_feather)(_arrow_table(), path)
    with pytest.warns(UserWarning) as said:
        data = File(path=path, label="kind", missing="drop")
    texts = [str(line.message) for line in said]
    assert "File.columns: left out '__index_level_0__', a column without a name" in texts[0]
    assert texts[1] == "File.missing: dropped 1 of 4 rows with a missing cell (1 by 'a')"
    assert data.columns == ("a", "n", "on") and data.classes == ("cat", "dog")
    assert _rows(data) == [[0.5, 1, 1], [2.5, 3, 1], [3.5, 4, 1]]
    with pytest.raises(ValueError, match=r"a value in row 1, counted from 0, column 'a' of"):
        File(path=path, columns=["a"])
    with pytest.raises(
        ValueError, match=r"numbers in column 'kind' of .*, got 'dict.*categorical"
    ):
        File(path=path, columns=["n", "kind"])
    with pytest.raises(ValueError, match=rf"File\.sep: expected no setting for a \.{suffix} file"):
        File(path=path, sep=";")
    (tmp_path / f"x.{suffix}").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"^File\.path: expected a table in .*; write it again"):
        File(path=path)


def test_parquet_that_says_it_is_far_larger_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"a": np.zeros(10**6)}), path)
    monkeypatch.setattr("interpolants.data.file_sizes._ALWAYS", 2**20)
    with pytest.raises(ValueError, match=r"^File\.path: expected at most 1048576 bytes in"):
        File(path=str(path))


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            "0,1,2\n3,4,5\n6,7,8\n",
            {},
            "header: expected true or false, since line 1, with 0, 1, 2,",
        ),
        ("0\n1.5\n2.5\n", {}, "header: expected true or false"),
        ("2001,2002\n1.5,2\n2,3.5\n", {}, "header: expected true or false"),
        ("id,2001\n1,2\n3,4\n", {}, "header: expected true or false, since line 1, with id, 2001"),
        ("a,a\n1,2\n3,4\n", {}, r"path: expected different names .* line 1 of .*, got 'a'; it "),
        (
            "a;b\n1,5;2\n3;4\n",
            {},
            "path: .* line 2, column 'a' of .*, got '1,5'; set decimal=comma",
        ),
        ("a b\n1 2\n3 4\n", {}, "path: .* line 2, column 'a b' of .*, got '1 2'; set sep=space"),
        ('a,b\n1,2\n"3,000",4\n', {}, "path: .* line 3, .* or take the separators of thousands"),
        (
            "a,b\n1,2\n1_0,4\n",
            {},
            "path: expected a number in line 3, column 'a' of .*, got '1_0'",
        ),
        (
            "a,b\n1,2\nred,4\n",
            {},
            "path: .* line 3, column 'a' of .*, got 'red'; name a text colu",
        ),
        ('a,b\n1,2\n"3\n",4,5\n', {}, "path: expected 2 cells in line 4 of .*, got 3"),
        ("a,b\n1,2\n3\x00,4\n", {}, "path: expected a"),
        ("a,b\n1,2\n3,4\n", {"sep": ",,"}, "sep: expected null, one character, or tab, comma"),
        ("a,b\n1,2\n3,4\n", {"sep": ",", "decimal": "comma"}, "sep: expected another character"),
        ("a,b\n1,2\n3,4\n", {"decimal": ";"}, "decimal: expected point or comma, got ';'"),
        ("a,b\n1,2\n3,\n", {}, "missing: expected a value in line 3, column 'b' .* 1 of 2 rows"),
        ("a,b\n1,2\n3,NA\n", {"missing": "fill"}, "missing: expected refuse or drop, got 'fill'"),
        (
            "a,b\n1,2\n3,x\n\n5,\n",
            {"label": "b"},
            "missing: expected a value in line 5, column 'b'",
        ),
        (
            "a,b\n1,2\n3,4.5\n",
            {"integer": ["b"]},
            "integer: expected a whole number in line 3, col",
        ),
        (
            "a,b\n1,2\n3,4\n",
            {"integer": ["c"]},
            "integer: expected one of the columns a, b, got 'c'",
        ),
        ("a,b\n1,2\n3,4\n", {"columns": ["a", "a"]}, "names: expected different names"),
    ],
)
def test_errors_name_the_setting_and_the_place(text, settings, message, tmp_path):
    with pytest.raises(ValueError, match=rf"^(File|Columns)\.{message}"):
        _read(tmp_path, text, **settings)


@pytest.mark.parametrize("settings", [{"sep": ";"}, {"missing": "drop"}, {"integer": ["a"]}])
def test_settings_of_tables_are_refused_for_arrays(settings, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(3, 2))
    (name,) = settings
    with pytest.raises(ValueError, match=rf"^File\.{name}: expected .* for an array file"):
        File(path=str(tmp_path / "x.npy"), **settings)


def test_columns_without_a_name_are_left_out_with_a_line_unless_they_are_asked_for(tmp_path):
    text = ",a\n7,0.5\n3,1.5\n"
    with pytest.warns(UserWarning, match=r"left out 'Unnamed: 0', a column without a name; name"):
        data = _read(tmp_path, text)
    assert data.columns == ("a",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = File(path=str(tmp_path / "x.csv"), columns=["Unnamed: 0", "a"])
    assert _rows(data) == [[3, 1.5], [7, 0.5]]


def test_few_of_many_columns_are_converted_and_unknown_ones_name_the_nearest(
    tmp_path, monkeypatch
):
    names = [f"c{k}" for k in range(20_000)]
    lines = [",".join(names), *[",".join([str(k)] * 20_000) for k in range(3)]]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    read, whole = [], csv.read_csv
    monkeypatch.setattr(csv, "read_csv", lambda *a, **k: read.append(whole(*a, **k)) or read[-1])
    data = File(path=str(tmp_path / "x.csv"), columns=names[::500])
    assert data.columns == tuple(names[::500])
    assert read[0].column_names == names[::500]
    with pytest.raises(ValueError) as error:
        File(path=str(tmp_path / "x.csv"), columns=["c1234x"])
    text = str(error.value)
    assert text.startswith(
        "File.columns: expected one of the 20000 columns, got 'c1234x'; did you"
    )
    assert text.count("'c1") == 6 and "'c1234'" in text


def test_table_is_read_once_and_by_no_line_of_python(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("read by Python")

    monkeypatch.setattr(csv_table, "slow_columns", refuse)
    n = 10_000
    rows = np.random.default_rng(0).normal(size=(n, 10))
    csv.write_csv(pa.table({f"c{k}": rows[:, k] for k in range(10)}), tmp_path / "x.csv")
    found = _rows(File(path=str(tmp_path / "x.csv"), held_out_fraction=0.01))
    assert found == sorted(rows.astype(np.float32).tolist())


def test_missing_package_is_named_with_its_command(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text(_CSV)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"^File\.path: expected the package pyarrow.* `pip inst"):
        File(path=str(tmp_path / "x.csv"))
