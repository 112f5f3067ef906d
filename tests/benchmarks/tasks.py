"""Tasks of a real engine, asked for as a user does, and the moments at which they run.

The moments are read afterwards, from the emulator's own log of decisions: to look every few milliseconds would take a share of the
processors that everything here runs on. A client's next look shows what was decided a millisecond or two before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.benchmarks.clients import NETWORK, Plain
from tests.benchmarks.processes import emulator
from tests.benchmarks.raw import COMMAND, MEMORY_MIB, Raw, imported_image

LOOK_EVERY = 0.25
PATIENCE = 60.0


@contextmanager
def tasks_and_raw(mode: str) -> Iterator[tuple[Tasks, Raw]]:
    """An emulator on the engine and the engine by hand, both warm: nothing is done for the first time any more."""
    with (
        imported_image() as image,
        emulator("docker") as server,
        Raw(image) as raw,
        Plain(server.endpoint) as asking,
    ):
        tasks = Tasks(asking, mode)
        tasks.prepare(raw)
        raw.start(mode)
        yield tasks, raw


@dataclass(frozen=True, slots=True)
class Tasks:
    """Runs tasks of one network mode. Lives inside the `with` of its emulator."""

    asking: Plain
    mode: str

    def prepare(self, raw: Raw) -> None:
        """A definition, and one task of it, whose network the other side then uses too."""
        self.asking.ask("CreateCluster", clusterName="benchmark")
        container = {"name": "main", "image": raw.image, "command": COMMAND, "memory": MEMORY_MIB, "stopTimeout": 2}
        definition = {"networkMode": self.mode, "containerDefinitions": [container]}
        self.asking.ask("RegisterTaskDefinition", family=self.mode, **definition)
        arn = self.run()
        self.ran_at(arn)
        if self.mode == "awsvpc":
            raw.use_network_of(arn)

    def how(self) -> dict[str, Any]:
        """What RunTask and CreateService are told alike."""
        how: dict[str, Any] = {"cluster": "benchmark", "taskDefinition": self.mode, "launchType": "EC2"}
        return how | {"networkConfiguration": NETWORK} if self.mode == "awsvpc" else how

    def run(self) -> str:
        """The ARN of a task that was asked for: the answer does not wait for the engine."""
        (task,) = self.asking.ask("RunTask", **self.how())["tasks"]
        if task["lastStatus"] not in ("PROVISIONING", "PENDING"):
            raise RuntimeError(f"RunTask answered {task['lastStatus']}")
        return str(task["taskArn"])

    def ran_at(self, arn: str) -> float:
        """The instant of its RUNNING, once it runs."""
        self.until(lambda: self._runs(arn), f"{arn} to run")
        return self.decided(arn, "RUNNING ")

    def _runs(self, arn: str) -> bool:
        task = self.asking.ask("DescribeTasks", cluster="benchmark", tasks=[arn])["tasks"][0]
        if task["lastStatus"] in ("DEPROVISIONING", "STOPPED"):
            raise RuntimeError(f"the task stopped: {task.get('stoppedReason')}")
        return bool(task["lastStatus"] == "RUNNING")

    def decided(self, arn: str, beginning: str) -> float:
        """The instant of the newest decision about this thing whose text begins so."""
        decisions = self.asking.get(f"/_emulator/decisions?limit=1000&subject={quote(arn)}")
        return max(float(one["at"]) for one in decisions if one["text"].startswith(beginning))

    def create_service(self, name: str, count: int) -> float:
        """The instant before it was asked for."""
        began = time.time()
        self.asking.ask("CreateService", serviceName=name, desiredCount=count, **self.how())
        return began

    def service(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.asking.ask("DescribeServices", cluster="benchmark", services=[name])[
            "services"
        ]
        return found[0]

    def tasks_of(self, name: str) -> list[str]:
        """The ARNs of a service's tasks that are to run."""
        arns: list[str] = self.asking.ask("ListTasks", cluster="benchmark", serviceName=name)["taskArns"]
        return arns

    def steady_at(self, name: str) -> float:
        """The instant of the service's event `has reached a steady state.`, once it was said."""

        def said() -> list[float]:
            events = self.service(name)["events"]
            return [one["createdAt"] for one in events if one["message"].endswith("has reached a steady state.")]

        self.until(lambda: bool(said()), f"service {name} to be steady")
        return max(said())

    def rolled_out_at(self, name: str) -> float:
        """The instant at which the service's newest deployment was completed, once it is the only one."""
        self.until(lambda: self._rolled_out(name), f"service {name} to be rolled out")
        return float(self.service(name)["deployments"][0]["updatedAt"])

    def stopped_at(self, arns: list[str]) -> list[float]:
        """The instants at which these tasks STOPPED, once all have."""
        self.until(lambda: self._have_stopped(arns), f"{len(arns)} tasks to stop")
        return [self.decided(arn, "STOPPED ") for arn in arns]

    def _have_stopped(self, arns: list[str]) -> bool:
        found = self.asking.ask("DescribeTasks", cluster="benchmark", tasks=arns)["tasks"]
        return all(task["lastStatus"] == "STOPPED" for task in found)

    def _rolled_out(self, name: str) -> bool:
        deployments = self.service(name)["deployments"]
        return len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED"

    def until(self, look: Callable[[], bool], what: str, every: float = LOOK_EVERY) -> None:
        """Look again until it is so. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE
        while not look():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")
            time.sleep(every)
