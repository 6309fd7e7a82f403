"""Construction of objects from plain data, as in checkpoints.

A spec is a dict with `_target_: "package.module.Class"` whose other entries are the arguments:
numbers, strings, booleans, None, lists and further specs. A spec from a file is data, never code.
What it may name follows from where it stands: the outermost class is of the family that the
reader asks for, and a class in an argument of the family that the constructor declares for it. So
a file can name parts of models, none of which opens files; what would, is built only if the
reader asks for it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from interpolants.utils.checks import check
from interpolants.utils.extras import missing
from interpolants.utils.plain import OUTSIDE, brief, check_plain, described, entry

_PACKAGE = "interpolants"
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_TARGET, _PARTIAL = "_target_", "_partial_"
# A file decides no more than this: depth of specs, their entries, and a whole number.
_DEEPEST, _MOST_ENTRIES, _LARGEST = 20, 100_000, 10**7
_NO_FAMILIES = (bool, int, float, str, NoneType, Any)
# Arguments that no file decides.
_FIXED = {"download": False}


def build(
    spec: Any,
    kind: Any,
    *,
    trust: Sequence[str] = (),
    where: str = "",
    outside: Sequence[type] = (),
) -> Any:
    """Build the object that `spec` describes.

    Args:
        spec: nested plain data with a `_target_`; with `_partial_: true` the result is a
            `functools.partial` of the class instead of an object. Or what `kind` allows besides.
        kind: a class, of which or of a subclass the result is; `Callable[..., Class]` if it is a
            partial; or another type, as in annotations. Arguments must have the types that
            constructors are annotated with.
        trust: modules outside this package whose classes, and those of their submodules, the
            spec may name as well. They are imported, so name only code that you trust.
        where: key of the spec, which is prefixed to error messages.
        outside: families of which arguments marked as `OUTSIDE` are built; others are None.

    Raises:
        ValueError: with the path of the key, if a target is not a class of the family, defined in
            exactly the module that it names, a value is of another type, the spec is too deep or
            large, or a constructor raises.
    """
    return _Builder(_modules(trust), tuple(outside), True).value(spec, kind, where)


def check_spec(spec: Any, kind: Any, *, trust: Sequence[str] = (), where: str = "") -> None:
    """Check that `build` takes a spec, up to what constructors refuse; arguments as there.

    Raises:
        ValueError: as `build`.
    """
    _Builder(_modules(trust), (), False).value(spec, kind, where)


def _modules(trust: Sequence[str]) -> tuple[str, ...]:
    check(not isinstance(trust, str), "build.trust", "a list of module names", trust)
    return tuple(trust)


@dataclass
class _Builder:
    """Builder of one spec.

    Attributes:
        trust, outside: as of `build`.
        call: whether classes are called.
        count: entries so far.
    """

    trust: tuple[str, ...]
    outside: tuple[type, ...]
    call: bool
    count: int = 0

    def value(self, value: Any, kind: Any, path: str, depth: int = 0) -> Any:
        """Value of an argument of some type."""
        self.count += 1
        small = depth <= _DEEPEST and self.count <= _MOST_ENTRIES
        rule = f"specs at most {_DEEPEST} deep, of at most {_MOST_ENTRIES} entries"
        check(small, path, rule, brief(value))
        if OUTSIDE in getattr(kind, "__metadata__", ()):
            wanted = any(issubclass(family, self.outside) for family, _ in _families(kind))
            return self.value(value, get_args(kind)[0], path, depth) if wanted else None
        if isinstance(value, dict):
            return self.part(value, kind, path, depth)
        if type(value) in (list, tuple):
            inner = _entries(kind)
            check(inner is not None, path, described(kind), brief(value))
            parts = [
                self.value(part, inner, f"{path}[{i}]", depth + 1) for i, part in enumerate(value)
            ]
            return type(value)(parts)
        check_plain(path, value, kind)
        small = type(value) is not int or abs(value) <= _LARGEST or path.endswith("seed")
        check(small, path, f"a whole number of at most {_LARGEST}", brief(value))
        fix = "resolve interpolations before saving"
        check("${" not in str(value), path, "a plain value", brief(value), fix)
        return value

    def part(self, spec: Mapping[Any, Any], kind: Any, path: str, depth: int) -> Any:
        """Object, or partial call, of a nested spec."""
        if _TARGET in spec:
            cls, partial = self.target(spec[_TARGET], kind, entry(path, _TARGET))
        else:
            # A family of one class needs no name.
            only = [each for each in _families(kind) if getattr(each[0], "__final__", False)]
            rule, got = f"a dict with {_TARGET}", [brief(key) for key in spec][:9]
            check(len(only) == 1, path or "build.spec", rule, got)
            ((cls, partial),) = only
        given = spec.get(_PARTIAL, False)
        check(given is partial, entry(path, _PARTIAL), str(partial).lower(), brief(given))
        (kinds, is_open), arguments = _kinds(cls), dict[str, Any]()
        for key, value in spec.items():
            if key not in (_TARGET, _PARTIAL):
                place = entry(path, key)
                known = key in kinds or (is_open and type(key) is str and key.isidentifier())
                check(known, place, f"an argument of {cls.__name__}", brief(key))
                arguments[key] = self.value(value, kinds.get(key, Any), place, depth + 1)
        arguments |= {key: value for key, value in _FIXED.items() if key in arguments}
        if not self.call:
            return spec
        if partial:
            return functools.partial(cls, **arguments)
        try:
            return cls(**arguments)
        # Values from a file may make a constructor raise anything.
        except Exception as error:
            raise ValueError(f"{path}: {error}" if path else str(error)) from error

    def target(self, target: object, kind: Any, path: str) -> tuple[type, bool]:
        """Import a class, after a check of its module; and whether a partial call is meant."""
        families = list(_families(kind))
        fix = "annotate the constructor's argument with its class"
        check(bool(families), path, "no class, since none is declared here", brief(target), fix)
        rooms = {family.__module__.rpartition(".")[0]: None for family, _ in families}
        own = [room for room in rooms if _is_below(room, (_PACKAGE,))]
        rule = f"a class defined in {' or '.join(own) or 'a trusted module'}"
        dotted = isinstance(target, str) and _DOTTED_NAME.fullmatch(target) is not None
        check(dotted, path, rule, brief(target), "write package.module.Class")
        module, _, name = str(target).rpartition(".")
        trusted = _is_below(module, self.trust)
        known = _is_below(module, (_PACKAGE,)) or trusted
        fix = "" if known else f"pass trust=[{module!r}] only if you trust the file's author"
        check(trusted or _is_below(module, own), path, rule, brief(target), fix)
        found = _class(module, name, path, target)
        fits = [partial for family, partial in families if issubclass(found, family)]
        rule = " or ".join(dict.fromkeys(family.__name__ for family, _ in families))
        check(bool(fits), path, f"a class of the family {rule}", brief(target))
        return found, fits[0]


def _class(module: str, name: str, path: str, target: object) -> type:
    """Class that is defined in a module, which is imported."""
    found, reason = None, ""
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError as error:
        reason = missing(error)
    # Names that a module merely imports, and attributes of its classes, are not allowed.
    there = isinstance(found, type) and (found.__module__, found.__qualname__) == (module, name)
    if isinstance(found, type) and not there:
        reason = f"write {found.__module__}.{found.__qualname__}"
    check(there, path, f"a class defined in {module}", brief(target), reason)
    assert isinstance(found, type)
    return found


def _families(kind: Any, partial: bool = False) -> Iterator[tuple[type, bool]]:
    """Classes in a type, and whether a partial call of each is meant."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _families(arguments[0], partial)
    elif origin in (Union, UnionType):
        for each in arguments:
            yield from _families(each, partial)
    elif origin is Callable:
        yield from _families(arguments[-1], True)
    elif isinstance(kind, type) and kind not in _NO_FAMILIES:
        yield kind, partial


def _entries(kind: Any) -> Any:
    """Type of the entries of a list of some type; None if there are no lists of it."""
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Any:
        return Any
    if origin in (Union, UnionType):
        inner = [found for each in arguments if (found := _entries(each)) is not None]
        return functools.reduce(operator.or_, inner) if inner else None
    if origin is Annotated:
        return _entries(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not str:
        parts = [each for each in arguments if each is not Ellipsis]
        return functools.reduce(operator.or_, parts) if parts else Any
    return None


def _kinds(cls: type) -> tuple[Mapping[str, Any], bool]:
    """Types of a constructor's arguments, Any without an annotation; whether it takes others."""
    owner = next(each for each in cls.__mro__ if "__init__" in vars(each))
    constructor = vars(owner)["__init__"]
    # The annotations of a dataclass are those of each class that it inherits from.
    generated = is_dataclass(owner) and "__dataclass_fields__" in vars(owner)
    hints = get_type_hints(owner if generated else constructor, include_extras=True)
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    named = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return {name: hints.get(name, Any) for name in named}, is_open


def _is_below(module: str, roots: Sequence[str]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)
