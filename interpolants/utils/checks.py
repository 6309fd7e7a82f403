"""One form for every user error: `Class.argument: expected <rule>, got <value>[; <what to do>]`.

Values are checked where objects are built, never inside a loop: a check on a tensor's content
would synchronise the device.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TypeGuard


def check(ok: bool, where: str, rule: str, value: object, fix: str = "") -> None:
    """Raise the one error form unless `ok`.

    Args:
        ok: whether the rule holds.
        where: `Class.argument`, the setting at fault.
        rule: what was expected, as it reads after the word "expected".
        value: what was passed instead.
        fix: what the user can do about it; may be empty.

    Raises:
        ValueError: if `ok` is false.
    """
    if not ok:
        raise ValueError(f"{where}: expected {rule}, got {value!r}" + (f"; {fix}" if fix else ""))


def check_count(where: str, value: int) -> None:
    """Require a whole number above zero."""
    check(is_whole(value) and value > 0, where, "a whole number > 0", value)


def check_seed(where: str, value: int) -> None:
    """Require a signed 64-bit whole number, as seeds of random streams are."""
    fits = is_whole(value) and -(2**63) <= value < 2**63
    check(fits, where, "a whole number of at most 63 bits", value)


def check_finite(where: str, value: float) -> None:
    """Require a finite number."""
    check(is_number(value), where, "a finite number", value)


def check_positive(where: str, value: float) -> None:
    """Require a finite number above zero."""
    check(is_number(value) and value > 0, where, "a number > 0", value)


def check_not_negative(where: str, value: float) -> None:
    """Require a finite number, zero or above."""
    check(is_number(value) and value >= 0, where, "a number >= 0", value)


def check_unit_interval(where: str, value: float) -> None:
    """Require a number in [0, 1]."""
    check(is_number(value) and 0 <= value <= 1, where, "a number in [0, 1]", value)


def check_open_interval(where: str, value: float, low: float, high: float) -> None:
    """Require a number strictly between two others."""
    within = is_number(value) and low < value < high
    check(within, where, f"a number in ({low}, {high})", value)


def is_number(value: object) -> TypeGuard[float]:
    """True if a value is a finite number, numpy's included; booleans are not numbers."""
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and math.isfinite(value)  # type: ignore[arg-type]


def is_whole(value: object) -> TypeGuard[int]:
    """True for ints, numpy's included; booleans and floats without a fraction are not whole."""
    return isinstance(value, Integral) and not isinstance(value, bool)
