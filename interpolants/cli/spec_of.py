"""Specs of parts that are given as objects: what a yaml of the same part would say."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from interpolants.utils.checks import check

_PLAIN = (bool, int, float, str, type(None))


def spec_of(where: str, value: Any) -> Any:
    """Plain data from which an object is built again, as in a checkpoint.

    Args:
        where: setting that has the object, for error messages.
        value: a frozen dataclass of such values, as paths and objectives are; a class, or a
            `functools.partial` of one with keyword arguments, as networks are given; plain data.

    Raises:
        ValueError: for any other object, since nothing says how it was made.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [spec_of(where, part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): spec_of(where, part) for key, part in value.items()}
    if isinstance(value, type):
        return _target(value) | {"_partial_": True}
    if isinstance(value, functools.partial) and isinstance(value.func, type) and not value.args:
        return spec_of(where, value.func) | spec_of(where, value.keywords)
    rule = "an option's name, a frozen dataclass, a class, or a partial of one with keywords"
    check(is_dataclass(value), where, rule, type(value).__name__, "pass the class, not an object")
    arguments = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
    return _target(type(value)) | spec_of(where, arguments)


def _target(cls: type) -> dict[str, Any]:
    return {"_target_": f"{cls.__module__}.{cls.__qualname__}"}
