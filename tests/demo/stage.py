"""What the audience sees: numbered steps, what each does, how long it took."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

WIDTH = 110
LAST_WORDS = 12


class DemoError(Exception):
    """The story can't go on; the text says why, and what the client printed."""


class Stage:
    """Lives as long as the demo; counts its steps."""

    def __init__(self) -> None:
        self._raised = time.monotonic()
        self._count = 0
        self._bold, self._dim, self._plain = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self._count += 1
        print(f"\n{self._bold}{self._count:2}  {title}{self._plain}", flush=True)
        began = time.monotonic()
        yield
        print(f"    {self._dim}… {time.monotonic() - began:.1f} s{self._plain}", flush=True)

    def command(self, words: Sequence[str | Path]) -> None:
        line = shlex.join(str(word) for word in words)
        line = line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
        print(f"    {self._dim}$ {line}{self._plain}", flush=True)

    def call(self, text: str) -> None:
        print(f"    {self._dim}boto3 {text}{self._plain}", flush=True)

    def tell(self, text: str) -> None:
        for line in text.splitlines():
            print(f"    {line}", flush=True)

    def say(self, text: str) -> None:
        print(f"\n{self._bold}{text}{self._plain}", flush=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._raised


def tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-LAST_WORDS:])
