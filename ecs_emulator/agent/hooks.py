"""What stands in the place of a Lambda function: a URL of the user's, which is sent the hook's document and answers how it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from ecs_emulator.clock import Clock
from ecs_emulator.control import hooks
from ecs_emulator.control.shift_plan import CallHook, HookAnswered

LARGEST_ANSWER = 262_144
PIECE = 65_536


class HookCaller:
    """Asks the URLs that the user gave, of nobody else, and through no proxy. Lives as long as the server; any thread may call."""

    def __init__(
        self, targets: Iterable[tuple[str, str]], clock: Clock, *, longest: float = hooks.LONGEST_CALL
    ) -> None:
        self._urls = dict(targets)
        self._clock = clock
        self._longest = longest
        self._opener = build_opener(ProxyHandler({}))

    def __call__(self, asked: CallHook) -> HookAnswered:
        """The answer, whatever it is worth: this raises nothing."""
        hook, url = asked.hook, self._urls.get(asked.hook.target_arn or "")
        if url is None:
            why = f"nothing being configured for it; start the emulator with --hook {hook.target_arn}=<http URL>"
            return hooks.unreached(hook, self._clock.now(), why)
        body = json.dumps(asked.payload).encode()
        request = Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")
        deadline = time.monotonic() + self._longest
        try:
            with self._opener.open(request, timeout=self._longest) as answer:
                read = _read(answer, deadline)
        except TimeoutError:
            return hooks.unparsed(hook, self._clock.now())
        except HTTPError as error:
            return hooks.unreached(hook, self._clock.now(), f"{url} answering HTTP {error.code}")
        except (OSError, HTTPException, ValueError) as error:
            return hooks.unreached(hook, self._clock.now(), f"{url}: {getattr(error, 'reason', None) or error}")
        return hooks.answered(hook, read, self._clock.now())


def _read(answer: IO[bytes], deadline: float) -> bytes:
    """All of a body, as long as it is no longer and takes no longer than it may."""
    found = bytearray()
    while piece := answer.read1(PIECE) if hasattr(answer, "read1") else answer.read(PIECE):
        found += piece
        if len(found) > LARGEST_ANSWER or time.monotonic() > deadline:
            return b""
    return bytes(found)
