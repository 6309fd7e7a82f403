"""One form for every user error: `Class.argument: expected <rule>, got <value>[; <what to do>]`.

Values are checked where objects are built, never inside a loop: a check on a tensor's content
would synchronise the device.
"""

from __future__ import annotations

import math


def check(ok: bool, where: str, rule: str, value: object, fix: str = "") -> None:
    """Raise the one error form unless `ok`.

    Args:
        ok: whether the rule holds.
        where: `Class.argument`, the setting at fault.
        rule: what was expected, as it reads after the word "expected".
        value: what was given instead.
        fix: what the user can do about it; may be empty.

    Raises:
        ValueError: if `ok` is false.
    """
    if not ok:
        raise ValueError(f"{where}: expected {rule}, got {value!r}" + (f"; {fix}" if fix else ""))


def check_count(where: str, value: int) -> None:
    """Require a whole number above zero."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    check(whole and value > 0, where, "a whole number > 0", value)


def check_positive(where: str, value: float) -> None:
    """Require a finite number above zero."""
    check(_is_number(value) and value > 0, where, "a number > 0", value)


def check_unit_interval(where: str, value: float) -> None:
    """Require a number in [0, 1]."""
    check(_is_number(value) and 0 <= value <= 1, where, "a number in [0, 1]", value)


def _is_number(value: object) -> bool:
    is_real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_real and math.isfinite(value)  # type: ignore[arg-type]
