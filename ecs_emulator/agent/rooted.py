"""Nothing escapes the root of a thread unheard: whoever started the thread is told what ended its work."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


class Rooted:
    """For a `with` around all that a thread does, or around each of its pieces of work: what would escape goes to `tell`."""

    def __init__(self, tell: Callable[[BaseException], None]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self._tell(error)
        return True
