"""What is really on the engine, seen past the emulator: the witness of every scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import docker

from ecs_emulator.agent.names import LABEL_CONTAINER, LABEL_EMULATOR, LABEL_TASK
from ecs_emulator.control.plan import PAUSE

EngineJson = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Witness:
    """Lives as long as the session."""

    api: docker.APIClient

    def containers(self, *, running: bool = False, **labels: str) -> list[EngineJson]:
        """Those that carry the labels: `emulator`, `task`, `name`."""
        keys = {"emulator": LABEL_EMULATOR, "task": LABEL_TASK, "name": LABEL_CONTAINER}
        wanted = [f"{keys[key]}={value}" for key, value in labels.items()]
        return list(self.api.containers(all=not running, filters={"label": wanted}))

    def container(self, task_arn: str, name: str) -> EngineJson:
        """The one container of that name in the task, inspected."""
        (found,) = self.containers(task=task_arn, name=name)
        inspected: EngineJson = self.api.inspect_container(found["Id"])
        return inspected

    def running(self, emulator_id: str) -> list[tuple[str, str]]:
        """(task ARN, container name) of each that runs, sorted; a doubled container is there twice."""
        found = self.containers(running=True, emulator=emulator_id)
        return sorted((one["Labels"][LABEL_TASK], one["Labels"][LABEL_CONTAINER]) for one in found)

    def served(self, emulator_id: str, cluster: str) -> list[str]:
        """The tasks of the cluster whose container `main` runs; one that ran twice would be there twice."""
        return [arn for arn, name in self.running(emulator_id) if name == "main" and f"/{cluster}/" in arn]

    def kill(self, task_arn: str, name: str) -> None:
        """What an impatient user does: `docker kill`."""
        self.api.kill(self.container(task_arn, name)["Id"])

    def execute(self, task_arn: str, name: str, *words: str) -> str:
        """What `docker exec` would print."""
        command = self.api.exec_create(self.container(task_arn, name)["Id"], list(words))["Id"]
        said: bytes = self.api.exec_start(command)
        status = self.api.exec_inspect(command)["ExitCode"]
        assert status == 0, said
        return said.decode()

    def remains(self, emulator_id: str) -> list[str]:
        """Every container, network and volume of that emulator."""
        labelled = {"label": f"{LABEL_EMULATOR}={emulator_id}"}
        return [
            *(f"container {one['Names']}" for one in self.api.containers(all=True, filters=labelled)),
            *(f"network {one['Name']}" for one in self.api.networks(filters=labelled)),
            *(f"volume {one['Name']}" for one in self.api.volumes(filters=labelled)["Volumes"] or ()),
        ]


def with_pause(task_arn: str, *names: str) -> list[tuple[str, str]]:
    """What has to run for an awsvpc task with these containers."""
    return sorted((task_arn, name) for name in (*names, PAUSE))
