"""Starting stays fast because what is heavy is imported by those who need it, when they need it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.environment import ROOT, calm

HEAVY = ("boto3", "botocore", "docker", "moto", "requests", "urllib3", "websocket")
WEB = ("flask", "jinja2", "werkzeug")

HELP = """
import contextlib, sys
from ecs_emulator.cli import main
with contextlib.suppress(SystemExit):
    main(["--help"])
"""
SERVED = """
import sys
from ecs_emulator import start
from ecs_emulator.config import EngineChoice
with start(engine=EngineChoice.SIMULATED):
    pass
"""
SAID = "\nprint('imported:', *{name.partition('.')[0] for name in sys.modules})"


def imported_by(program: str) -> set[str]:
    """The top-level packages that a Python of its own has imported after the program."""
    done = subprocess.run(
        [sys.executable, "-c", program + SAID],
        cwd=ROOT,
        env=calm(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("program", "absent"), [(HELP, HEAVY + WEB), (SERVED, HEAVY)], ids=["help", "a server of simulated tasks"]
)
def test_what_is_heavy_is_not_imported(program: str, absent: tuple[str, ...]) -> None:
    assert not imported_by(program).intersection(absent)
