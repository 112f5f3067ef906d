"""Where golden plans are played: the real operations, decisions and records, and a world that moves only when it is told.

Tasks are called by the order in which they were started (`task 01`), deployments by their task definition (`web:2`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecs_emulator.control import hooks, record, services
from ecs_emulator.control.plan import Announce, Decision, Launch, Stop, Wait
from ecs_emulator.control.shift_plan import CallHook
from ecs_emulator.records.alarms import AlarmState
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceDeployment
from ecs_emulator.records.tasks import DesiredStatus, Health, Member, StopCode, Task, TaskStatus
from ecs_emulator.rules import deployment_alarms
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
        self._sets: dict[str, str] = {}
        self._machines: list[str] = []
        self._began = self.sim.clock.now()
        self.sim.call("CreateCluster", clusterName="default")

    # --- what is asked for --------------------------------------------------------------------------------------------

    def given(self, desired: int, minimum: int, maximum: int, *, healthy: bool = True, **more: Any) -> None:
        """A service `web` that runs its first revision, with nothing left to do."""
        self.define(**more.pop("container", {}))
        breaker = more.pop("breaker", None)
        configuration = more.pop("configuration", {})
        if self.launch_type == "FARGATE":
            more = {"networkConfiguration": NETWORK, **more}
        self.sim.call(
            "CreateService",
            serviceName="web",
            taskDefinition="web",
            launchType=self.launch_type,
            desiredCount=desired,
            deploymentConfiguration={
                "minimumHealthyPercent": minimum,
                "maximumPercent": maximum,
                **({"deploymentCircuitBreaker": breaker} if breaker else {}),
                **configuration,
            },
            **more,
        )
        running = ""
        if healthy:
            self._play(silently=True)
            if desired:
                self._complete(proven=breaker is not None)
            running = f", running web:1 ×{desired}"
        strategy = f" {configuration['strategy']}" if "strategy" in configuration else ""
        self.lines.append(f"given  web{strategy} desired {desired}, {minimum}–{maximum} %{running}")
        if not healthy:
            self._play()

    def given_daemon(
        self, machines: int, minimum: int = 0, *, container: dict[str, Any] | None = None, breaker: Any = None
    ) -> None:
        """A DAEMON service `web` that runs its first revision on so many machines, with nothing left to do."""
        self.define(**(container or {}))
        for _ in range(machines):
            self.machine()
        configuration = {"minimumHealthyPercent": minimum, **({"deploymentCircuitBreaker": breaker} if breaker else {})}
        self.sim.call(
            "CreateService",
            serviceName="web",
            taskDefinition="web",
            schedulingStrategy="DAEMON",
            deploymentConfiguration=configuration,
        )
        self._play(silently=True)
        self._complete(proven=breaker is not None)
        self.lines.append(f"given  web on each of {machines} machines, {minimum}–100 %, running web:1 ×{machines}")

    def _complete(self, *, proven: bool) -> None:
        """Its first deployment has completed: with a circuit breaker when its tasks have run for a while."""
        self.move(TaskStatus.RUNNING, health=Health.HEALTHY, silently=True)
        self._play(silently=True)
        if proven:
            self.sim.clock.advance(self.sim.config.timings.proven_after)
            self._began = self.sim.clock.now()
            self._play(silently=True)

    def machine(self, what: str = "", *, memory: int = 1024) -> None:
        """A machine registers."""
        total = [
            {"name": "CPU", "type": "INTEGER", "integerValue": 4096},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
        ]
        made = self.sim.call("RegisterContainerInstance", totalResources=total)["containerInstance"]
        self._machines.append(made["containerInstanceArn"])
        if what:
            self.lines.append(f"when   {what}")
            self._play()

    def on_machine(self, number: int, what: str, *, status: str) -> None:
        """The machine with this number, from 0 on, becomes ACTIVE or DRAINING."""
        self.lines.append(f"when   machine {number + 1} {what}")
        machine = self._machines[number]
        self.sim.call("UpdateContainerInstancesState", containerInstances=[machine], status=status)
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

    def fail(self, *names: str) -> None:
        """These tasks never came to run."""
        for name in names:
            why = "CannotPullContainerError: not found"
            self.move(TaskStatus.STOPPED, name, stop_code=StopCode.TASK_FAILED_TO_START, stopped_reason=why)

    def stop_deployment(self) -> None:
        self.lines.append("when   its deployment is stopped")
        listed = self.sim.call("ListServiceDeployments", service="web", status=["IN_PROGRESS"])
        (ongoing,) = listed["serviceDeployments"]
        self.sim.call("StopServiceDeployment", serviceDeploymentArn=ongoing["serviceDeploymentArn"])
        self._play()

    def hook(self, answer: str, **more: Any) -> None:
        """Every hook that is being asked answers this."""
        body = json.dumps({"hookStatus": answer, **more}).encode()
        self._hooks(
            f"its hook answers {answer}", lambda one: hooks.heard(one, hooks.answered(one, body, self.sim.clock.now()))
        )

    def _hooks(self, what: str, change: Callable[[LifecycleHook], LifecycleHook]) -> None:
        self.lines.append(f"when   {what}")
        with self.sim.store.transaction() as tx:
            open_ones = [one for one in tx.find(LifecycleHook) if one.status is HookStatus.IN_PROGRESS]
            assert open_ones
            tx.put(*map(change, open_ones))
        self._play()

    def go_on(self, action: str) -> None:
        """Its user answers the pause."""
        self.lines.append(f"when   its user says {action}")
        with self.sim.store.snapshot() as tx:
            (held,) = [one for one in tx.find(LifecycleHook) if one.status is HookStatus.AWAITING_ACTION]
            deployment = tx.get(ServiceDeployment, held.deployment_id)
        assert deployment is not None
        asked = {"serviceDeploymentArn": deployment.arn, "hookId": held.id, "action": action}
        self.sim.call("ContinueServiceDeployment", **asked)
        self._play()

    def alarm(self, name: str, state: str) -> None:
        self.lines.append(f"when   the alarm {name} is {state}")
        with self.sim.store.transaction() as tx:
            world = self.sim.world
            deployment_alarms.set_state(tx, world.account, world.region, name, AlarmState(state), self.sim.clock.now())
        self._play()

    def protect(self, *names: str, minutes: int) -> None:
        self.lines.append(
            f"when   {', '.join(names)} {'is' if len(names) == 1 else 'are'} protected for {minutes} minutes"
        )
        ids = [task.id for task in self.tasks() if self._name(task) in names]
        self.sim.call(
            "UpdateTaskProtection", cluster="default", tasks=ids, protectionEnabled=True, expiresInMinutes=minutes
        )
        self._play()

    def given_sets(self, desired: int, *scales: float, container: dict[str, Any] | None = None) -> None:
        """A service `web` of task sets with these scales; the tasks of all of them run."""
        self.define(**(container or {}))
        self.sim.call(
            "CreateService", serviceName="web", desiredCount=desired, deploymentController={"type": "EXTERNAL"}
        )
        for scale in scales:
            self.task_set(scale, silently=True)
        if self.tasks():
            self.move(TaskStatus.RUNNING, health=Health.HEALTHY, silently=True)
            self._play(silently=True)
        listed = ", ".join(f"{name} at {scale:g} %" for name, scale in zip(self._sets.values(), scales, strict=True))
        self.lines.append(f"given  web desired {desired}, in task sets: {listed or 'none'}")

    def task_set(self, scale: float, *, silently: bool = False) -> None:
        """The next task set, of the newest revision."""
        where = {"launchType": self.launch_type}
        more = {"networkConfiguration": NETWORK} if self.launch_type == "FARGATE" else {}
        asked = {"cluster": "default", "service": "web", "taskDefinition": "web", "scale": {"value": scale}}
        self.sim.clock.advance(0.001)  # so that the sets are in an order
        made = self.sim.call("CreateTaskSet", **asked, **where, **more)["taskSet"]
        self._sets[made["id"]] = f"set {len(self._sets) + 1}"
        if not silently:
            self.lines.append(f"when   {self._sets[made['id']]} at {scale:g} % is asked for")
        self._play(silently=silently)

    def of_set(self, name: str, what: str, operation: str, **params: Any) -> None:
        """One of the operations on a task set."""
        self.lines.append(f"when   {name} {what}")
        found = next(one for one, given in self._sets.items() if given == name)
        self.sim.call(operation, cluster="default", service="web", taskSet=found, **params)
        self._play()

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
                told = [one for one in decided if isinstance(one, Wait | CallHook) or self._record(tx, one, now)]
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

    def _print(self, decided: list[Decision | Wait | CallHook]) -> None:
        lead = "then   "
        for one in decided:
            self.lines.append(f"{lead}{self._text(one)}".rstrip())
            lead = "       "

    def _text(self, decision: Decision | Wait | CallHook) -> str:
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

    def _name(self, task: Task | Member) -> str:
        self.tasks()
        return self._names[task.id]

    def _named(self, text: str) -> str:
        with self.sim.store.snapshot() as tx:
            deployments = tx.find(ServiceDeployment)
        for one in deployments:
            text = text.replace(one.id, one.task_definition_arn.rpartition("/")[2])
        for number, arn in enumerate(self._machines, 1):
            text = text.replace(f"container-instance {arn.rpartition('/')[2]}", f"machine {number}")
        for set_id, name in self._sets.items():
            text = text.replace(set_id, name)
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
