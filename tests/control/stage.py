"""Where golden plans are played: the real operations, decisions and records, and a world that moves only when it is told.

Tasks are called by the order in which they were started (`task 01`), deployments by their task definition (`web:2`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecs_emulator.control import record, services
from ecs_emulator.control.plan import Announce, Decision, Launch, Stop, Wait
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceDeployment
from ecs_emulator.records.tasks import DesiredStatus, Health, Task, TaskStatus
from ecs_emulator.store import Transaction
from tests.simulation import Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
MOST_PASSES = 60


class Stage:
    """One service in one cluster. Lives as long as one plan is played."""

    def __init__(self, directory: Path, *, launch_type: str = "FARGATE", **settings: Any) -> None:
        self.sim = Simulation(directory, **settings)
        self.launch_type = launch_type
        self.lines: list[str] = []
        self._names: dict[str, str] = {}
        self._began = self.sim.clock.now()
        self.sim.call("CreateCluster", clusterName="default")

    # --- what is asked for --------------------------------------------------------------------------------------------

    def given(self, desired: int, minimum: int, maximum: int, *, healthy: bool = True, **more: Any) -> None:
        """A service `web` that runs its first revision, with nothing left to do."""
        self.define(**more.pop("container", {}))
        if self.launch_type == "FARGATE":
            more = {"networkConfiguration": NETWORK, **more}
        self.sim.call(
            "CreateService",
            serviceName="web",
            taskDefinition="web",
            launchType=self.launch_type,
            desiredCount=desired,
            deploymentConfiguration={"minimumHealthyPercent": minimum, "maximumPercent": maximum},
            **more,
        )
        running = ""
        if healthy:
            self._play(silently=True)
            if desired:
                self.move(TaskStatus.RUNNING, health=Health.HEALTHY, silently=True)
                self._play(silently=True)
            running = f", running web:1 ×{desired}"
        self.lines.append(f"given  web desired {desired}, {minimum}–{maximum} %{running}")
        if not healthy:
            self._play()

    def define(self, **container: Any) -> None:
        """The next revision of `web`."""
        definition = {"name": "app", "image": "app", "memory": 64, **container}
        sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
        needs = sizes if self.launch_type == "FARGATE" else {}
        self.sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[definition], **needs)

    def update(self, what: str, **params: Any) -> None:
        self.lines.append(f"when   {what}")
        self.sim.call("UpdateService", service="web", **params)
        self._play()

    def new_revision(self) -> None:
        self.define()
        number = 1 + sum(line.endswith("is asked for") for line in self.lines) + 1
        self.update(f"web:{number} is asked for", taskDefinition="web")

    def delete(self) -> None:
        self.lines.append("when   web is deleted")
        self.sim.call("DeleteService", service="web", force=True)
        self._play()

    def wait(self, seconds: float) -> None:
        self.sim.clock.advance(seconds)
        self.lines.append(f"when   {seconds:g} s have passed")
        self._play()

    # --- what happens to tasks ----------------------------------------------------------------------------------------

    def move(self, status: TaskStatus, *names: str, silently: bool = False, **facts: Any) -> None:
        """These tasks, or all that are wanted and not there yet, come to this status."""
        now = self.sim.clock.now()
        if status is TaskStatus.RUNNING:
            facts = {"started_at": now, **facts}
        if status is TaskStatus.STOPPED:
            facts = {"desired_status": DesiredStatus.STOPPED, "stopped_at": now, "execution_stopped_at": now, **facts}
        self._change(f"{status}", names, silently, last_status=status, **facts)

    def health(self, health: Health, *names: str) -> None:
        self._change(f"{health}", names, False, health=health)

    def stopped(self) -> None:
        """Everything that was asked to stop has."""
        names = [self._name(task) for task in self.tasks() if task.desired_status is DesiredStatus.STOPPED]
        now = self.sim.clock.now()
        facts = {"last_status": TaskStatus.STOPPED, "stopped_at": now, "execution_stopped_at": now}
        self._change("STOPPED", tuple(names), False, **facts)

    def _change(self, what: str, names: tuple[str, ...], silently: bool, **facts: Any) -> None:
        wanted = [task for task in self.tasks() if task.desired_status is DesiredStatus.RUNNING]
        pending = [task for task in wanted if task.last_status is not TaskStatus.RUNNING]
        chosen = [task for task in self.tasks() if self._name(task) in names] if names else pending
        assert chosen, f"there is nothing to be {what}"
        with self.sim.store.transaction() as tx:
            tx.put(*(replace(task, **facts) for task in chosen))
        if not silently:
            listed = ", ".join(sorted(self._name(task) for task in chosen))
            verb = "is" if len(chosen) == 1 else "are"
            self.lines.append(f"when   {listed} {verb} {what}")
            self._play()

    def tasks(self) -> list[Task]:
        """Those that the service has not let go of."""
        with self.sim.store.snapshot() as tx:
            found = tx.find(Task, released=False)
        for task in sorted(found, key=lambda task: (task.created_at, task.arn)):
            if task.id not in self._names:
                self._names[task.id] = f"task {1 + sum(one.startswith('task') for one in self._names.values()):02d}"
        return found

    # --- decisions ----------------------------------------------------------------------------------------------------

    def _play(self, *, silently: bool = False) -> None:
        """Pass after pass until nothing more is decided."""
        for _ in range(MOST_PASSES):
            with self.sim.store.transaction() as tx:
                (service,) = tx.find(Service)
                slice = services.read(tx, service.arn)
                assert slice is not None
                now = self.sim.clock.now()
                decided = list(services.decide(slice, now, self.sim.config.timings))
                told = [one for one in decided if isinstance(one, Wait) or self._record(tx, one, now)]
                changed = tx.take_marks()
            self.tasks()
            if not silently:
                self._print(told)
            if not changed:
                return
        raise AssertionError("the plan does not come to an end:\n" + "\n".join(self.lines))

    def _record(self, tx: Transaction, decision: Decision, now: float) -> bool:
        """Whether anything came of it that the decision log tells."""
        before = tx.count(Decided)
        record.record(tx, decision, now, self.sim.ids, self.sim.config)
        return tx.count(Decided) > before

    def _print(self, decided: list[Decision | Wait]) -> None:
        lead = "then   "
        for one in decided:
            self.lines.append(f"{lead}{self._text(one)}".rstrip())
            lead = "       "

    def _text(self, decision: Decision | Wait) -> str:
        match decision:
            case Wait(until=until):
                text = f"wait until {until - self._began:+g} s"
            case Launch(count=count, deployment=deployment):
                text = f"launch {deployment.id} ×{count}"
            case Stop(tasks=tasks, reason=reason):
                text = f"stop {', '.join(sorted(self._name(task) for task in tasks))}" + (
                    f": {reason}" if reason else ""
                )
            case Announce(message=message):
                text = f'say "{message}"'
            case _:
                text = str(decision)
        return f"{self._named(text):<30} because {self._named(decision.because)}"

    def _name(self, task: Task) -> str:
        self.tasks()
        return self._names[task.id]

    def _named(self, text: str) -> str:
        with self.sim.store.snapshot() as tx:
            deployments = tx.find(ServiceDeployment)
        for one in deployments:
            text = text.replace(one.id, one.task_definition_arn.rpartition("/")[2])
        for task_id, name in self._names.items():
            text = text.replace(f"task {task_id}", name)
        return re.sub(r"(judge|release) ([0-9a-f]{8})", lambda found: f"{found[1]} {self._by_start(found[2])}", text)

    def _by_start(self, start: str) -> str:
        return next(name for task_id, name in self._names.items() if task_id.startswith(start))

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


Plan = Callable[[Stage], None]


@functools.cache
def registry() -> dict[str, tuple[Plan, dict[str, Any]]]:
    """Every plan by the name of its file."""
    return {}


def plan(**settings: Any) -> Callable[[Plan], Plan]:
    """Register a plan under its function's name."""

    def registered(function: Plan) -> Plan:
        registry()[function.__name__] = (function, settings)
        return function

    return registered


def played(name: str, directory: Path) -> str:
    """The text of one plan, played now."""
    function, settings = registry()[name]
    stage = Stage(directory, **settings)
    try:
        function(stage)
    finally:
        stage.sim.close()
    title = (function.__doc__ or "").strip()
    return f"{title}\n\n{stage.text()}"
