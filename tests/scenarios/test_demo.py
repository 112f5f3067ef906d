"""The demo is a promise: it ends well, or at least cleanly, and never leaves anything behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.environment import ROOT

pytestmark = pytest.mark.engine

PATIENCE = 120.0
NOTHING_LEFT = "Nothing is left: no container, network, volume, image, process or file."


@contextmanager
def demo() -> Iterator[subprocess.Popen[str]]:
    """In a session of its own, so that a signal to its group is what Ctrl-C in its terminal would be."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)


def test_the_demo_tells_its_story_and_leaves_nothing() -> None:
    with demo() as process:
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert NOTHING_LEFT in said


@pytest.mark.parametrize("moment", ["docker push", "services_stable"])
def test_ctrl_c_takes_away_what_was_made(moment: str) -> None:
    with demo() as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if moment in line:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said + rest
    assert NOTHING_LEFT in rest
