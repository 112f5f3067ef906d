"""`python -m tests.benchmarks [PART …] [--plot FILE]`: a table for each part, no verdict by exit status; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import importlib
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.benchmarks import table
from tests.environment import calm

PARTS = ("api", "operations", "registry", "start", "loop", "scale", "launch", "service", "rollout", "replace")
"""Each is a module beside this one, with a TITLE, the SECONDS that it may take, and `measure()`, which yields rows.

One that draws them has a `plot(rows)`.
"""
INTERRUPTED = 130


class TooLong(Exception):
    """A part took longer than it may."""


def main(arguments: list[str]) -> int:
    """0 where every part could be measured, whatever came of it."""
    asked, plot_to = _understood(arguments)
    if unknown := [name for name in asked if name not in PARTS]:
        print(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    _calm_down()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    print(_machine(), flush=True)
    try:
        failed = [name for name in PARTS if name in (asked or PARTS) and not _run(name, plot_to)]
    except KeyboardInterrupt:
        print("\nInterrupted: what was started has been ended.", file=sys.stderr)
        return INTERRUPTED
    return 1 if failed else 0


def _understood(arguments: list[str]) -> tuple[list[str], Path | None]:
    """The parts that were asked for, and where the plot goes."""
    if "--plot" not in arguments[:-1]:
        return arguments, None
    place = arguments.index("--plot")
    return [*arguments[:place], *arguments[place + 2 :]], Path(arguments[place + 1])


def _run(name: str, plot_to: Path | None) -> bool:
    part = importlib.import_module(f"tests.benchmarks.{name}")
    began = time.monotonic()
    rows: list[table.Row] = []
    trouble = None
    try:
        with _within(part.SECONDS):
            rows.extend(part.measure())
    except Exception as error:
        trouble = error
    print("\n" + table.show(part.TITLE, rows, time.monotonic() - began), flush=True)
    if trouble is not None:
        print(f"  {name} could not be measured to its end: {type(trouble).__name__}: {trouble}", flush=True)
    elif plot_to is not None and hasattr(part, "plot"):
        plot_to.write_text(part.plot(rows))
    return trouble is None


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> NoReturn:
        raise TooLong(f"it took more than {seconds} s")

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    """Once: whoever is impatient twice would stop the tidying up."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _calm_down() -> None:
    environment = calm(os.environ)
    os.environ.clear()
    os.environ.update(environment)


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, load {load:.1f} at the start, Python {platform.python_version()}, {platform.system()} "
        f"{platform.release()}. Read the ratios: seconds are this machine's, and what else it does is in them."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
