"""JSON in and out as bytes: orjson where it is installed, else the standard library, and no other difference."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

try:
    import orjson
except ImportError:  # orjson is an extra
    orjson = None  # type: ignore[assignment]


def standard_decode(text: bytes) -> Any:
    """Read JSON as strictly as orjson does: UTF-8 only, no NaN, no half of a surrogate pair; else ValueError."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def standard_encode(document: object) -> bytes:
    """Write JSON without a blank, non-ASCII characters as they are."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is beyond what a double holds")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


decode: Callable[[bytes], Any] = standard_decode if orjson is None else orjson.loads
encode: Callable[[object], bytes] = standard_encode if orjson is None else orjson.dumps
