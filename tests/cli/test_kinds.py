"""Values fit annotations, or are refused in one sentence."""

import ast
import re

import pytest

from interpolants.cli.kinds import default_kind, kind_of


def _kind(text, module=""):
    return kind_of(ast.parse(text, mode="eval").body, module)


def _fits(kind, value):
    try:
        kind.check("key", value)
    except ValueError:
        return False
    return True


_VALUES = [True, 1, 0.5, "word", None, [1, 2], [0.5], ["a"], {"_target_": "a.B"}]


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("bool", [True]),
        ("int", [1]),
        ("float", [1, 0.5]),
        ("str", ["word"]),
        ("Path | None", ["word", None]),
        ("'int | None'", [1, None]),
        ("Optional[float]", [1, 0.5, None]),
        ("Union[int, str]", [1, "word"]),
        ("float | Tensor", [1, 0.5]),
        ("Literal['word', 1]", [1, "word"]),
        ("Optional[Literal['other']]", [None]),
        ("Sequence[int]", [[1, 2]]),
        ("tuple[float, ...]", [[1, 2], [0.5]]),
        ("list[float] | Sequence[str]", [[1, 2], [0.5], ["a"]]),
        ("list", [[1, 2], [0.5], ["a"]]),
        ("Callable[[int], str]", [{"_target_": "a.B"}]),
        ("Any", _VALUES),
        ("Unknown", _VALUES),
    ],
)
def test_kinds_take_the_values_of_their_annotation_and_no_other(text, fitting):
    # Equal values of other types are other values.
    written = [repr(value) for value in _VALUES if _fits(_kind(text), value)]
    assert written == [repr(value) for value in _VALUES if repr(value) in map(repr, fitting)]


def test_kinds_of_names_are_looked_up_where_they_stand():
    module = "interpolants.interpolant.linear"
    assert _kind("Gamma", module).names == {"part"}
    assert _kind("Gamma | float", module).names == {"part", "float"}
    # An alias of other annotations.
    assert _kind("Label", "interpolants.model.request").names == {"int", "list", "str"}


@pytest.mark.parametrize(
    ("text", "value", "sentence"),
    [
        ("int", "ten", "key: expected a whole number, got 'ten'"),
        ("int", True, "key: expected a whole number, got True"),
        ("int", 1e2, "key: expected a whole number, got 100.0; write 100"),
        ("int | None", 0.5, "key: expected a whole number or null, got 0.5"),
        ("float", None, "key: expected a number, got None"),
        ("bool", 1, "key: expected true or false, got 1"),
        ("str", 12, "key: expected a string, got 12; quote it: 'key=\"12\"'"),
        ("int | str", 1.5, "key: expected a whole number or a string, got 1.5"),
        ("Sequence[int]", [1, "x"], "key[1]: expected a whole number, got 'x'"),
        ("Sequence[int]", 3, "key: expected a list, got 3"),
        ("Callable", 3, "key: expected a part with _target_, got 3"),
        ("bool | Literal['warn']", "maybe", "key: expected true or false or 'warn', got 'maybe'"),
    ],
)
def test_kinds_refuse_in_one_sentence(text, value, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        _kind(text).check("key", value)


def test_kinds_of_defaults_are_theirs():
    for default, fitting in ((1, [1]), (0.5, [1, 0.5]), ("a", ["word"]), (False, [True])):
        assert [v for v in _VALUES if _fits(default_kind(default), v)] == fitting
    assert all(_fits(default_kind(None), value) for value in _VALUES)
