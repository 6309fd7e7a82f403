"""Columns of a table: one-hot categories, whole numbers with a density, and the way back."""

import math

import numpy as np
import pytest
import torch

from interpolants.data.categories import categories_of
from interpolants.data.columns import Columns
from interpolants.data.file import File
from interpolants.testing.data import check_data
from interpolants.utils.seeds import keyed_generator

_COLUMNS = Columns(
    names=("age", "kind", "x"),
    integer=("age",),
    categorical=("kind",),
    categories=(("cat", "dog", "eel"),),
)


def _lines(n=60, kinds=("cat", "dog", "eel")):
    return [f"{k % 7},{kinds[k % len(kinds)]},{math.sin(k):.4f}" for k in range(n)]


def _file(folder, lines, name="x.csv", **settings):
    (folder / name).write_text("\n".join(["age,kind,x", *lines]))
    parts = {"categorical": ["kind"], "integer": ["age"]} | settings
    return File(path=str(folder / name), **parts)


def _all(data, held_out=False):
    return data.rows(torch.arange(data.count(held_out=held_out)), held_out=held_out).x1


def test_coordinates_and_the_table_of_samples():
    assert _COLUMNS.coordinates == ("age", "kind=cat", "kind=dog", "kind=eel", "x")
    assert Columns(**_COLUMNS.plain()) == _COLUMNS and _COLUMNS.integer_coordinates == [0]
    x = torch.tensor([[2.6, 0.2, 0.3, 0.1, 0.5], [-0.4, -1.0, -3.0, -2.0, 7.0]])
    assert _COLUMNS.rounded(x).tolist() == [[3, 0, 1, 0, 0.5], [0, 1, 0, 0, 7]]
    table = _COLUMNS.table(x)
    assert list(table) == ["age", "kind", "x"] and table["age"].dtype == np.int64
    assert [table[name].tolist() for name in table] == [[3, 0], ["dog", "cat"], [0.5, 7.0]]
    plain = Columns(names=("a", "b"))
    assert plain.rounded(x) is x
    x[1, 2] = math.nan
    assert _COLUMNS.rounded(x)[1, 1:4].isnan().any()
    with pytest.raises(ValueError, match="finite numbers for column 'kind'"):
        _COLUMNS.table(x)
    with pytest.raises(ValueError, match=r"Columns\.table\.x: expected shape \(rows, 5\)"):
        _COLUMNS.table(x[:, :3])


def test_rows_are_encoded_by_the_names_of_categories():
    numbers = {"age": np.array([1.0, 2.0]), "x": np.array([0.5, 0.25])}
    kinds = categories_of(np.array([0, 1]), ["eel", "cat"])
    rows = _COLUMNS.encoded(numbers, {"kind": kinds})
    assert rows.tolist() == [[1, 0, 0, 1, 0.5], [2, 1, 0, 0, 0.25]]
    other = categories_of(np.array([0, 1]), ["eels", "cat"])
    with pytest.raises(
        ValueError, match=r"one of the 3 categories of column 'kind', got 'eels'; d"
    ):
        _COLUMNS.encoded(numbers, {"kind": other})


@pytest.mark.parametrize(
    "parts",
    [
        {"names": ("a", "a")},
        {"names": ("a",), "integer": ("b",)},
        {"names": ("a",), "categorical": ("a",)},
        {"names": ("a",), "categorical": ("a",), "categories": ((),)},
        {"names": ("a",), "categorical": ("a",), "categories": (("x", "x"),)},
        {"names": ("a",), "integer": ("a",), "categorical": ("a",), "categories": (("x",),)},
    ],
)
def test_columns_that_do_not_fit_together_are_refused(parts):
    with pytest.raises(ValueError, match=r"^Columns\."):
        Columns(**parts)


def test_table_with_categories_keeps_the_contract_of_data(tmp_path):
    data = _file(tmp_path, _lines())
    check_data(data)
    assert data.columns == _COLUMNS.coordinates and data.table == _COLUMNS


def test_whole_numbers_get_noise_in_their_cell_in_each_batch_and_nowhere_else(tmp_path):
    data = _file(tmp_path, _lines(300))
    batches = [data.train_batch(step, 200, 1).x1 for step in range(30)]
    x = torch.stack(batches)
    u = x[..., 0] - x[..., 0].round()
    assert torch.equal(x[..., 1:4], x[..., 1:4].round())
    assert u.abs().max() < 0.5 and (u[0] != u[1]).all()
    # The mean and the variance of u, uniform on (-1/2, 1/2), within four standard errors.
    assert abs(float(u.mean())) < 4 * math.sqrt(1 / 12 / u.numel())
    assert abs(float(u.square().mean()) - 1 / 12) < 4 * math.sqrt(1 / 180 / u.numel())
    # Under the noise lie the rows of the batch.
    known = {tuple(row) for row in _all(data).tolist()}
    clean = _COLUMNS.rounded(x[0])
    assert {tuple(row) for row in clean.tolist()} <= known
    parts = [data.train_batch(3, 100, 1, rank, 2).x1 for rank in range(2)]
    assert torch.equal(torch.cat(parts), batches[3])
    for raw in (data.sample(9, keyed_generator(0)).x1, data.held_out(9, 0).x1, _all(data)):
        assert torch.equal(raw, _COLUMNS.rounded(raw))
    noisy = data.dequantised(_all(data), keyed_generator(0))
    assert torch.equal(_COLUMNS.rounded(noisy), _all(data)) and not torch.equal(noisy, _all(data))


def test_units_and_fingerprint_are_those_of_the_rows_without_noise(tmp_path):
    data = _file(tmp_path, _lines())
    rows = _all(data).double()
    assert torch.allclose(data.shift.double(), rows.mean(dim=0))
    assert torch.allclose(data.scale.double(), rows.std(dim=0, correction=0))
    other = _file(tmp_path, _lines(), integer=[])
    assert data.fingerprint() == other.fingerprint()
    assert data.fingerprint() != _file(tmp_path, _lines(kinds=("cat", "dog", "fox"))).fingerprint()


def test_split_depends_on_the_values_of_a_row_alone(tmp_path):
    """Another category elsewhere changes the coordinates of all rows, and the side of none."""

    def sides(data):
        tables = [data.table.table(_all(data, held)) for held in (False, True)]
        return [set(zip(*(t[c].tolist() for c in t), strict=True)) for t in tables]

    lines = _lines(40)
    train, held = sides(_file(tmp_path, lines))
    more_train, more_held = sides(_file(tmp_path, [*lines, "3,ape,0.5"]))
    assert len(held & more_train) + len(train & more_held) <= 1
    twice_train, twice_held = sides(_file(tmp_path, [*lines, *lines]))
    assert not twice_train & twice_held
    assert (twice_train, twice_held) == (train, held)


def test_missing_cells_are_dropped_with_their_number(tmp_path):
    lines = _lines(20)
    with pytest.warns(UserWarning, match=r"dropped 3 of 23 rows .* \(1 by 'age', 1 by 'x', 2 by "):
        data = _file(tmp_path, [*lines, "1,,0.5", ",cat,1", "1,NA,"], missing="drop")
    assert data.fingerprint() == _file(tmp_path, lines).fingerprint()


def test_whole_numbers_must_lie_in_the_space_with_their_noise(tmp_path):
    from interpolants.space.log import LogSpace

    lines = [f"{k % 3 + 1},cat,{k + 0.5}" for k in range(20)]
    good = _file(tmp_path, lines, columns=["age", "x"], categorical=[])
    shift, _ = good.chart_units(LogSpace())
    assert shift.isfinite().all()
    bad = _file(
        tmp_path,
        [line.replace("3,", "0,", 1) for line in lines],
        **{"columns": ["age", "x"], "categorical": []},
    )
    with pytest.raises(ValueError, match="space"):
        bad.chart_units(LogSpace())
