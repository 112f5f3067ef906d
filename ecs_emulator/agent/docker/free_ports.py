"""Blocks of contiguous host ports for container port ranges: the engine picks single ports, and never a row of them.

Source: `ECS_DYNAMIC_HOST_PORT_RANGE` and GetHostPortRange of amazon-ecs-agent.
"""

from __future__ import annotations

import socket
import threading
from contextlib import closing

FIRST, LAST = 49_153, 65_535


class NoFreePorts(Exception):
    """The text is the agent's."""


class FreePorts:
    """Walks up from the last port that it gave, so that two callers do not get the same. Lives as long as the server."""

    def __init__(self) -> None:
        self._next = FIRST
        self._lock = threading.Lock()

    def block(self, count: int, protocol: str) -> int:
        """The first of `count` ports in a row that nobody listens on now. Raises NoFreePorts."""
        with self._lock:
            begin = _row(self._next, count, protocol) or _row(FIRST, count, protocol)
            if begin is None:
                raise NoFreePorts(f"{count} contiguous host ports are unavailable")
            self._next = begin + count
            return begin


def _row(begin: int, count: int, protocol: str) -> int | None:
    """The first of `count` free ports in a row, from `begin` on; None where there is no such row."""
    while begin + count - 1 <= LAST:
        taken = next((port for port in reversed(range(begin, begin + count)) if not _is_free(port, protocol)), None)
        if taken is None:
            return begin
        begin = taken + 1
    return None


def _is_free(port: int, protocol: str) -> bool:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
