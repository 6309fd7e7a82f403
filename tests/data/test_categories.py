"""Names of categories: order, equal numbers, missing cells, and the nearest names."""

import numpy as np
import pytest

from interpolants.data.categories import as_number, categories_of, nearest, number_name


@pytest.mark.parametrize(
    ("values", "names", "numeric"),
    [
        (["10", "9", "9.0", " 9"], ("9", "10"), True),
        ([0.5, 1e300, -2], ("-2", "0.5", str(int(1e300))), True),
        (["12345678901234567890", "12345678901234567891"], None, True),
        (["b", "a ", "B"], ("B", "a", "b"), False),
        (["1", "x"], ("1", "x"), False),
        ([True, False], ("False", "True"), False),
        ([b"cat", b"dog"], ("cat", "dog"), False),
        (["1_0", "inf"], ("1_0", "inf"), False),
    ],
)
def test_categories_are_sorted_and_named_alike(values, names, numeric):
    found = categories_of(np.arange(len(values)), values)
    assert found.names == (tuple(values) if names is None else names)
    assert found.numeric == numeric
    for value, code in zip(values, found.codes, strict=True):
        text = value.decode() if isinstance(value, bytes) else value
        assert found.names[code] == (number_name(text) if numeric else str(text).strip())


@pytest.mark.parametrize("value", ["", " ", "nan", "NA", "N/A", "NULL", "None", None, np.nan])
def test_missing_cells_are_no_category(value):
    found = categories_of(np.array([0, 1, -1, 0]), ["cat", value])
    assert found.codes.tolist() == [0, -1, -1, 0] and found.names == ("cat",)


def test_numbers_of_text():
    assert [as_number(text) for text in ("3", "3.0", "0.5", "1e2")] == [3, 3, 0.5, 100]
    assert [as_number(text) for text in ("nan", "inf", "1_0", "x", "")] == [None] * 5
    assert number_name(3.0) == number_name(np.int64(3)) == number_name(" 3.00") == "3"
    assert number_name(True) == "True"


def test_nearest_names_are_at_most_five():
    names = [f"column{k}" for k in range(100)]
    assert nearest("colum7", names).count("'column") == 5
    assert "'column7'" in nearest("colum7", names) and nearest("zzz", names) == ""
