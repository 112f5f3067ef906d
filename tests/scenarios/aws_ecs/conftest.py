"""One server for all of these scenarios: simulated, so that what costs time is the AWS CLI itself; for each test an account of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.aws_ecs.prompt import Prompt, why_no
from tests.scenarios.server import Server

REQUIRED = "ECS_EMULATOR_TEST_ENGINE"
ACCOUNTS = itertools.count(200_000_000_000)
both = pytest.mark.parametrize("aws", [1, 2], ids=["v1", "v2"], indirect=True)
"""A scenario that version 2 of the distribution knows all the commands of, too."""


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("aws-ecs"), ("--ephemeral", "--port", "0", "--engine", "simulated")).start()
    yield server
    assert server.end() == 0, server.log
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def aws(request: pytest.FixtureRequest, simulated: Server, tmp_path: Path) -> Prompt:
    """Version 1, which the set-up always has and which is the newer model of ECS, unless the test is for `both`."""
    version = getattr(request, "param", 1)
    if (reason := why_no(version)) is not None:
        if version == 1 and os.environ.get(REQUIRED) == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return Prompt(version, simulated, str(next(ACCOUNTS)), tmp_path)
