"""Plain data, as in files, checked against the annotations of Python types."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from interpolants.utils.checks import check, is_number, is_whole

OUTSIDE = "outside"
"""Mark of an argument that comes from outside of a checkpoint: `Annotated[..., OUTSIDE]`."""

_LONGEST = 60


class Rule(NamedTuple):
    """Rule that a value of an annotated type follows: `Annotated[int, Rule(...)]`.

    Attributes:
        text: what is expected, as it reads after the word "expected".
        holds: whether a value of the type follows the rule.
    """

    text: str
    holds: Callable[[Any], bool]


Count = Annotated[int, Rule("a whole number >= 0", lambda n: n >= 0)]
"""Type of whole numbers from zero."""

_Test = Callable[[object], bool]
# Types of single values, what they are called, and their values.
_SINGLE: Mapping[Any, tuple[str, _Test]] = {
    bool: ("true or false", lambda value: type(value) is bool),
    int: ("a whole number", is_whole),
    float: ("a finite number", is_number),
    str: ("a string", lambda value: type(value) is str),
    types.NoneType: ("null", lambda value: value is None),
}


def check_plain(where: str, value: object, kind: Any) -> None:
    """Require plain data of a type.

    Args:
        where: place of the value, for error messages; entries of dicts and lists are appended.
        value: any value.
        kind: its type: bool, int, float, str, None, Literal, a class, a `TypedDict`, which allows
            further keys, a union, `Sequence[...]`, `tuple[..., ...]` or `Mapping[str, ...]` of
            such types, or `Annotated` by a `Rule`. Any is any value, and a sequence or a mapping
            without arguments has any entries.

    Raises:
        ValueError: that names the first entry of another type.
    """
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        check_plain(where, value, arguments[0])
        for rule in arguments[1:]:
            if isinstance(rule, Rule):
                check(rule.holds(value), where, rule.text, brief(value))
    elif origin in (Union, types.UnionType):
        _check_union(where, value, arguments)
    elif is_typeddict(origin):
        _check_entries(where, value, origin)
    elif kind is Any or (origin is Literal and value in arguments):
        return
    elif origin in _SINGLE:
        text, holds = _SINGLE[origin]
        check(holds(value), where, text, brief(value))
    else:
        check(_is_instance(value, origin), where, described(kind), brief(value))
        _check_items(where, value, arguments)


def described(kind: Any) -> str:
    """Name of a type, as it reads after the word "expected"."""
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(described(each) for each in arguments)
    if origin is Annotated:
        return described(arguments[0])
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin in _SINGLE:
        return _SINGLE[origin][0]
    if is_typeddict(origin) or _is_below(origin, Mapping):
        return "a dict"
    if _is_below(origin, Sequence):
        return "a list"
    return _with_article(str(getattr(origin, "__name__", origin)))


def brief(value: object) -> object:
    """The value of a number or a short string, and the type of others, for error messages."""
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}..."
    large = isinstance(value, int) and abs(value) >= 10**_LONGEST
    single = value is None or isinstance(value, (bool, int, float, str))
    return value if single and not large else _Words(_with_article(type(value).__name__))


def entry(where: str, key: object) -> str:
    """Place of an entry of a dict."""
    name = str(brief(key))
    name = name if name.isprintable() else repr(name)
    return f"{where}.{name}" if where else name


class _Words(str):
    """Text whose representation has no quotes."""

    __repr__ = str.__str__


def _with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}"


def _is_below(origin: Any, kind: type) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)


def _is_instance(value: object, origin: Any) -> bool:
    if _is_below(origin, Sequence):
        return isinstance(value, (list, tuple))
    return isinstance(origin, type) and isinstance(value, origin)


def _check_union(where: str, value: object, kinds: tuple[Any, ...]) -> None:
    """Require one of several types; of a container, only entries are at fault."""
    errors = []
    for kind in kinds:
        try:
            return check_plain(where, value, kind)
        except ValueError as error:
            errors.append(error)
    deeper = [error for error in errors if not str(error).startswith(f"{where}: ")]
    if deeper:
        raise deeper[0]
    text = " or ".join(described(kind) for kind in kinds)
    check(False, where, text, brief(value))


def _check_entries(where: str, value: object, kind: Any) -> None:
    check(isinstance(value, dict), where, "a dict", brief(value))
    assert isinstance(value, dict)
    for name, part in get_type_hints(kind, include_extras=True).items():
        optional, place = get_origin(part) is NotRequired, entry(where, name)
        part = get_args(part)[0] if optional else part
        check(name in value or optional, place, described(part), _Words("nothing"))
        if name in value:
            check_plain(place, value[name], part)


def _check_items(where: str, value: object, arguments: tuple[Any, ...]) -> None:
    """Check the entries of a container by the arguments of its type."""
    if isinstance(value, Mapping) and arguments:
        for key, part in value.items():
            check_plain(f"a key of {where}", key, arguments[0])
            check_plain(entry(where, key), part, arguments[1])
    elif isinstance(value, (list, tuple)) and arguments:
        fixed = len(arguments) > 1 and arguments[1] is not Ellipsis
        kinds = arguments if fixed else arguments[:1] * len(value)
        for i, (part, kind) in enumerate(zip(value, kinds, strict=False)):
            check_plain(f"{where}[{i}]", part, kind)
