"""Every test runs in a calm environment; those marked `engine` have one that answers, or say why they are skipped.

A session that leaves something of an emulator's on the engine fails, whatever its tests say.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing
from functools import cache
from typing import Any

import docker
import pytest
from docker.errors import DockerException

from ecs_emulator.agent.docker import owner
from ecs_emulator.agent.names import LABEL_OWNER
from tests.environment import calm

REQUIRED = "ECS_EMULATOR_TEST_ENGINE"
"""Set to `required` by `make test`: without an engine the suite fails instead of skipping."""

OLDEST_API = (1, 41)
USES_ENGINE = pytest.StashKey[bool]()
STARTED = {str(os.getpid())}
"""Every process that this session started, itself included: what others leave on the same engine is not its fault."""

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # a shell's background job: what it starts would never hear Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(calmed := calm(os.environ))
for foreign in set(os.environ) - set(calmed):
    del os.environ[foreign]


@cache
def why_no_engine() -> str | None:
    """None where an engine of API 1.41 or later answers."""
    try:
        with closing(docker.from_env(timeout=10)) as client:
            version = str(client.version()["ApiVersion"])
    except DockerException as error:
        return f"no Docker engine answers: {error}"
    if tuple(map(int, version.split("."))) < OLDEST_API:
        return f"the Docker engine's API is {version}, older than 1.41"
    return None


def left_on_the_engine() -> set[str]:
    """What emulators of this process, or of its children that ended, have on the engine."""
    labelled = {"label": LABEL_OWNER}
    with closing(docker.from_env(timeout=60)) as client:
        volumes = client.api.volumes(filters=labelled)["Volumes"] or ()
        found = [
            *(("container", each["Id"], each["Labels"]) for each in client.api.containers(all=True, filters=labelled)),
            *(("network", each["Id"], each["Labels"]) for each in client.api.networks(filters=labelled)),
            *(("volume", each["Name"], each["Labels"]) for each in volumes),
        ]
    owned = [(f"{kind} {name}", labels[LABEL_OWNER]) for kind, name, labels in found]
    return {what for what, whose in owned if started_here(whose)}


def started_here(whose: str) -> bool:
    """Whether the owner, as the label tells it, is this process, or a child of it that is dead."""
    process = whose.rpartition("/")[0].rpartition("/")[2]
    return whose == owner.this_process() or (process in STARTED and owner.is_dead(whose))


def pytest_sessionstart() -> None:
    """From here on the children are counted."""
    start = subprocess.Popen.__init__

    def counted(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        STARTED.add(str(self.pid))

    subprocess.Popen.__init__ = counted  # type: ignore[method-assign]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    waiting = [item for item in items if item.get_closest_marker("engine")]
    if not waiting:
        return
    if (reason := why_no_engine()) is None:
        config.stash[USES_ENGINE] = True
        return
    if os.environ.get(REQUIRED) == "required":
        raise pytest.UsageError(reason)
    for item in waiting:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.stash.get(USES_ENGINE, False) or session.config.option.collectonly:
        return
    if left := sorted(left_on_the_engine()):
        print(f"\nThe tests left behind on the engine: {', '.join(left)}")
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
