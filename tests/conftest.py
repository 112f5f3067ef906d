"""Every test runs in a calm environment; those marked `engine` have one that answers, or say why they are skipped.

A session that leaves something of an emulator's on the engine fails, whatever its tests say.
"""

from __future__ import annotations

import os
from contextlib import closing
from functools import cache

import docker
import pytest
from docker.errors import DockerException

from ecs_emulator.agent.docker import owner
from ecs_emulator.agent.names import LABEL_OWNER
from tests.environment import calm

REQUIRED = "ECS_EMULATOR_TEST_ENGINE"
"""Set to `required` by `make test`: without an engine the suite fails instead of skipping."""

OLDEST_API = (1, 41)
LEFT_BEFORE = pytest.StashKey[set[str]]()

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
    """What emulators of this process, or of processes that ended, have on the engine; the living keep theirs."""
    labelled = {"label": LABEL_OWNER}
    with closing(docker.from_env(timeout=60)) as client:
        volumes = client.api.volumes(filters=labelled)["Volumes"] or ()
        found = [
            *(("container", each["Id"], each["Labels"]) for each in client.api.containers(all=True, filters=labelled)),
            *(("network", each["Id"], each["Labels"]) for each in client.api.networks(filters=labelled)),
            *(("volume", each["Name"], each["Labels"]) for each in volumes),
        ]
    ours = owner.this_process()
    owned = [(f"{kind} {name}", labels[LABEL_OWNER]) for kind, name, labels in found]
    return {what for what, whose in owned if whose == ours or owner.is_dead(whose)}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    waiting = [item for item in items if item.get_closest_marker("engine")]
    if not waiting:
        return
    if (reason := why_no_engine()) is None:
        config.stash[LEFT_BEFORE] = left_on_the_engine()
        return
    if os.environ.get(REQUIRED) == "required":
        raise pytest.UsageError(reason)
    for item in waiting:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    before = session.config.stash.get(LEFT_BEFORE, None)
    if before is None or session.config.option.collectonly:
        return
    if left := sorted(left_on_the_engine() - before):
        print(f"\nThe tests left behind on the engine: {', '.join(left)}")
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
