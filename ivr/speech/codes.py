"""Codes of a database column, such as 账户状态: the same code however a driver writes it; pure."""

from __future__ import annotations


def code(value: object) -> str:
    """A code to compare by: 02, "02 ", 2 and 2.0 are one (a text here, a number there)."""
    written = str(value).strip()
    digits = written.removesuffix(".0")
    if digits.isascii() and digits.isdigit():
        return digits.lstrip("0") or "0"
    return written.upper()
