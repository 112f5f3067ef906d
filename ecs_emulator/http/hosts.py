"""Which Host a request may name: an address, localhost, or what the user allows; a page in a browser gets no further.

A web page that lures a browser to this server comes with a name of its own (DNS rebinding): such a name is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ecs_emulator.registry.names import ecr_host

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REFUSAL = b'{"__type":"AccessDeniedException","Message":"This Host is not allowed; see --allowed-hosts."}'

_MOST_REMEMBERED = 1000


def allowed(host: str, names: Iterable[str]) -> bool:
    """Whether it is an address, localhost, a registry's name in ECR's form, or one of `names` (or a name under `.example`).

    A name of ECR's form is Amazon's to resolve: no page can lead a browser here by it.
    """
    bare = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.rpartition(":")[0] or host
    bare = bare.rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost") or ecr_host(bare) is not None:
        return True
    if any(bare == name.lower() or (name.startswith(".") and bare.endswith(name.lower())) for name in names):
        return True
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True


class Guard:
    """Lets in whom it may, and remembers the hosts that it let in. Lives as long as the server."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._everybody = "*" in self._names
        self._known: set[str] = set()

    def admits(self, host: str) -> bool:
        """Whether a request with this Host header is answered."""
        if host in self._known or self._everybody:
            return True
        if not allowed(host, self._names):
            return False
        if len(self._known) < _MOST_REMEMBERED:
            self._known.add(host)
        return True


def guarded(app: WSGIApplication, names: Iterable[str]) -> WSGIApplication:
    """The application behind a guard."""
    guard = Guard(names)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if guard.admits(environ.get("HTTP_HOST", "")):
            return app(environ, start_response)
        start_response(
            "403 Forbidden", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(REFUSAL)))]
        )
        return [REFUSAL]

    return answer
