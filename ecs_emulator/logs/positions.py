"""Where an event stands: one integer that sorts as CloudWatch Logs sorts, and that its tokens spell out.

`timestamp << 144 | ingestion << 80 | batch << 16 | index`: equal moments keep the order in which they came in.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DIGITS = 56
BEYOND_ALL = 1 << 256
"""Behind every event there can be."""

_LATEST_OF_A_MOMENT = 0x7FFF_FFFF_FFFF_FFFF_7FFF_FFFF_FFFF_FFFF_7FFF
_TOKEN = re.compile(rf"([fb])/(\d{{{DIGITS},72}})/s", re.ASCII)


class Token(NamedTuple):
    """What a token of GetLogEvents says: read on behind this position, or before it."""

    forward: bool
    position: int


def of(timestamp: int, ingested: int, batch: int, index: int) -> int:
    """The position of one event; the times are milliseconds."""
    return timestamp << 144 | ingested << 80 | batch << 16 | index


def first_of(timestamp: int) -> int:
    """Not behind any event of this millisecond."""
    return timestamp << 144


def last_of(timestamp: int) -> int:
    """The position that reading past the end of a range is answered with."""
    return timestamp << 144 | _LATEST_OF_A_MOMENT


def text(position: int) -> str:
    """The 56 digits of an `eventId`."""
    return f"{position:0{DIGITS}d}"


def forward_token(position: int) -> str:
    return f"f/{text(position)}/s"


def backward_token(position: int) -> str:
    return f"b/{text(position)}/s"


def parse(token: str) -> Token | None:
    """The meaning of a token, or None where it is none of ours."""
    found = _TOKEN.fullmatch(token)
    return Token(found[1] == "f", int(found[2])) if found else None
