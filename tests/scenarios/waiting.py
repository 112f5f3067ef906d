"""Nothing here sleeps and hopes: it looks again until it sees, or says what it saw last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL = 0.05
PATIENCE = 30.0


def eventually(what: str, look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """The first thing seen that is not nothing (None, False, empty)."""
    deadline = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what}: not within {patience:g} s, last seen: {seen!r}"
        time.sleep(POLL)
    return seen
