"""Where histories are played: each from a world that stands right, and to the world that must follow when nothing fails any more.

A world is made once for each setting and rewound; nothing is written to a disk.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

from ecs_emulator.clock import Instant
from ecs_emulator.config import FAST, Instances
from ecs_emulator.control import loop
from ecs_emulator.control.plan import Seen
from ecs_emulator.records.alarms import AlarmState
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import ServiceDeployment
from ecs_emulator.records.tasks import Health, Stage, Task, TaskStatus
from ecs_emulator.rules import deployment_alarms
from ecs_emulator.store import Store
from tests.control.histories import FARGATE, MADE, Act, History, Setting
from tests.control.memory import MemoryStore
from tests.control.scrutiny import Scrutiny
from tests.simulation import Refused, Simulation

LONG, LONGER = 240.0, 600.0
"""Seconds in which everything comes to rest with these timings; the second where traffic shifts."""
TIMINGS = replace(FAST, retry_most=15.0)
NETWORK = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}
SHIFTS: dict[str, dict[str, Any]] = {
    "BLUE_GREEN": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1},
    "CANARY": {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1},
        "bakeTimeInMinutes": 1,
    },
    "LINEAR": {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}},
}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
HOOKS = ((FUNCTION, "http://127.0.0.1:1/"),)
"""Nobody is called: the world itself answers."""
_STAGES = ["PRE_SCALE_UP", "POST_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"]
HEEDED: dict[str, dict[str, Any]] = {
    "": {},
    "stop": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}},
    "roll back": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    "alarms": {"alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True}},
    "function": {
        "lifecycleHooks": [
            {"hookTargetArn": FUNCTION, "roleArn": "arn:aws:iam::123456789012:role/hooks", "lifecycleStages": _STAGES}
        ]
    },
    "pause": {
        "lifecycleHooks": [
            {
                "targetType": "PAUSE",
                "lifecycleStages": ["POST_SCALE_UP"],
                "timeoutConfiguration": {"timeoutInMinutes": 2, "action": "CONTINUE"},
            }
        ]
    },
}
"""What a deployment may be given up for, or held by."""
MACHINE = {"CPU": 2048, "MEMORY": 1000}
TASK_MEMORY = 250
"""Of 1000 MiB that a machine has."""
MOST_STEPS = 3_000
"""Of one history: what needs more goes round in a circle."""
MOST_SETTINGS = 400

Rest = dict[str, Any]


class World:
    """One history under way."""

    def __init__(self, setting: Setting, store: MemoryStore, begins: Instant | None, seed: int) -> None:
        self.setting = setting
        self.scrutiny = Scrutiny()
        self.deleted = False
        self.steps = 0
        self.crash_at: int | None = None
        """Before this step, counted from 1, the emulator is killed."""
        self._news: list[Seen] = []
        """What happened on the engine since the last step: a crash does not undo it."""
        instances = Instances.ON_DEMAND if setting.where == MADE else Instances.NONE
        self.sim = Simulation(
            Path("nowhere"), seed=seed, store=cast(Store, store), timings=TIMINGS, instances=instances, hooks=HOOKS
        )
        self.answer = "SUCCEEDED"
        """What the function of a lifecycle hook says."""
        self.sim.function = lambda told: {"hookStatus": self.answer}
        if begins is not None:
            self.sim.clock.move_to(begins)
        self._step = self.sim.step
        self.sim.step = self._counted  # type: ignore[method-assign]

    def _counted(self) -> None:
        self.steps += 1
        assert self.steps < MOST_STEPS, "it does not come to rest"
        if self.steps == self.crash_at:
            self.crash()
        self._step()
        self._news.clear()

    def crash(self) -> None:
        self.sim.crash()
        for news in self._news:
            self.sim.loop.tell(news)

    # --- as it is before anything happens ---------------------------------------------------------------------------

    def build(self) -> None:
        sim, setting = self.sim, self.setting
        sim.call("CreateCluster", clusterName="default")
        self.define("")
        if setting.where not in (FARGATE, MADE):
            for number in range(max(2, setting.zones, setting.desired if setting.strategy == "DAEMON" else 0)):
                self.join(number)
        self.create()
        sim.settle()
        if setting.strategy == "EXTERNAL":
            self.new_set(100)
            sim.settle()

    def create(self) -> None:
        setting = self.setting
        minimum, maximum = setting.percents
        configuration: dict[str, Any] = {"minimumHealthyPercent": minimum, "maximumPercent": maximum}
        configuration.update(SHIFTS.get(setting.strategy, {}))
        configuration.update(HEEDED[setting.heeds])
        asked: dict[str, Any] = {"deploymentConfiguration": configuration, "taskDefinition": "web"}
        asked["launchType"] = "FARGATE" if setting.where == FARGATE else "EC2"
        if setting.where == FARGATE:
            asked.update(NETWORK)
        match setting.strategy:
            case "DAEMON":
                asked["schedulingStrategy"] = "DAEMON"
            case "EXTERNAL":
                asked = {"deploymentController": {"type": "EXTERNAL"}, "desiredCount": setting.desired}
            case _:
                asked["desiredCount"] = setting.desired
        self.sim.call("CreateService", serviceName="web", **asked)

    def define(self, script: str) -> None:
        words = script.removeprefix("checked").strip()
        container: dict[str, Any] = {"name": "app", "image": "app", "memory": TASK_MEMORY, "stopTimeout": 5}
        if script.startswith("checked"):
            container["healthCheck"] = {"command": ["CMD", "true"]}
        if words:
            container["dockerLabels"] = {"ecs-emulator.simulate": words}
        sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
        more = sizes if self.setting.where == FARGATE else {}
        self.sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **more)

    def join(self, number: int) -> None:
        """A machine; where zones count, of the one with this number."""
        resources = [{"name": name, "type": "INTEGER", "integerValue": value} for name, value in MACHINE.items()]
        asked: dict[str, Any] = {"totalResources": resources}
        if self.setting.zones:
            zone = f"us-east-1{'abc'[number % self.setting.zones]}"
            asked["attributes"] = [{"name": "ecs.availability-zone", "value": zone}]
        self.sim.call("RegisterContainerInstance", **asked)

    def new_set(self, scale: float) -> None:
        more = {"launchType": "FARGATE", **NETWORK} if self.setting.where == FARGATE else {"launchType": "EC2"}
        self.sim.clock.advance(0.001)  # so that the sets are in an order
        own = {"cluster": "default", "service": "web", "taskDefinition": "web"}
        self.sim.call("CreateTaskSet", scale={"value": scale}, **own, **more)

    # --- what happens -----------------------------------------------------------------------------------------------

    def play(self, act: Act) -> None:
        """One act; what the service's state does not allow is refused, and nothing else is."""
        try:
            self._play(act)
        except Refused as refused:
            assert refused.code != "ServerException", refused

    def _play(self, act: Act) -> None:
        sim = self.sim
        match act:
            case ("step", times):
                for _ in range(times):
                    sim.step()
            case ("advance", seconds):
                sim.advance(seconds)
            case ("crash",):
                self.crash()
            case ("kill" | "sicken" | "heal" | "stop" | "protect", which):
                for task in self._nth(which):
                    self._befall(act[0], task)
            case ("drain" | "undrain" | "lose" | "disconnect" | "join", which):
                self._machine(act[0], which)
            case ("new set" | "rescale" | "drop" | "primary" | "define", *_):
                self._of_sets(act)
            case _:
                self._desire(act)

    def _desire(self, act: Act) -> None:
        sim = self.sim
        match act:
            case ("scale", count):
                self._update(desiredCount=count)
            case ("deploy", script):
                self.define(script)
                self._update(taskDefinition="web")
            case ("force",):
                self._update(forceNewDeployment=True)
            case ("revert", back):
                listed = sim.call("ListTaskDefinitions", familyPrefix="web")["taskDefinitionArns"]
                self._update(taskDefinition=listed[max(0, len(listed) - 1 - back)])
            case ("configure", (minimum, maximum)):
                self._update(deploymentConfiguration={"minimumHealthyPercent": minimum, "maximumPercent": maximum})
            case ("roll back",):
                for one in sim.call("ListServiceDeployments", service="web")["serviceDeployments"][:1]:
                    sim.call("StopServiceDeployment", serviceDeploymentArn=one["serviceDeploymentArn"])
            case ("alarm", state):
                self._alarm(state)
            case ("answer", answer):
                self.answer = answer
            case ("continue", action):
                self._continue(action)
            case ("delete",):
                sim.call("DeleteService", service="web", force=True)
                self.deleted = True
            case _:
                raise AssertionError(f"nothing is known of {act}")

    def _alarm(self, state: str) -> None:
        world, now = self.sim.world, self.sim.clock.now()
        with self.sim.store.transaction() as tx:
            deployment_alarms.set_state(tx, world.account, world.region, "errors", AlarmState(state), now)

    def _continue(self, action: str) -> None:
        """The user answers the pause, where there is one."""
        with self.sim.store.snapshot() as tx:
            held = [one for one in tx.find(LifecycleHook) if one.status is HookStatus.AWAITING_ACTION]
            of = [tx.get(ServiceDeployment, one.deployment_id) for one in held]
        for hook, deployment in zip(held, of, strict=True):
            assert deployment is not None
            arn = deployment.arn
            self.sim.call("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=hook.id, action=action)

    def _update(self, **asked: Any) -> None:
        self.sim.call("UpdateService", service="web", **asked)

    def _nth(self, which: int) -> list[Task]:
        running = self.sim.tasks(last_status=TaskStatus.RUNNING)
        return [running[which % len(running)]] if running else []

    def _befall(self, what: str, task: Task) -> None:
        sim, now = self.sim, self.sim.clock.now()
        match what:
            case "kill":
                self._tell(Seen(task.arn, "app", Stage.STOPPED, "", 137, finished_at=now))
            case "sicken":
                self._tell(Seen(task.arn, "app", Stage.RUNNING, "", health=Health.UNHEALTHY))
            case "heal":
                self._tell(Seen(task.arn, "app", Stage.RUNNING, "", health=Health.HEALTHY))
            case "stop":
                sim.call("StopTask", task=task.id)
            case _:
                sim.call(
                    "UpdateTaskProtection",
                    cluster="default",
                    tasks=[task.id],
                    protectionEnabled=True,
                    expiresInMinutes=1,
                )

    def _tell(self, news: Seen) -> None:
        self._news.append(news)
        self.sim.loop.tell(news)

    def _machine(self, what: str, which: int) -> None:
        if what == "join":
            self.join(which)
            return
        found = self.machines(InstanceStatus.DRAINING if what == "undrain" else InstanceStatus.ACTIVE)
        if not found:
            return
        arn = found[which % len(found)].arn
        match what:
            case "drain" | "undrain":
                status = "DRAINING" if what == "drain" else "ACTIVE"
                self.sim.call("UpdateContainerInstancesState", containerInstances=[arn], status=status)
            case "lose":
                self.sim.call("DeregisterContainerInstance", containerInstance=arn, force=True)
            case _:
                self._connected(arn, False)

    def _connected(self, arn: str, connected: bool) -> None:
        with self.sim.store.transaction() as tx:
            machine = tx.get(ContainerInstance, arn)
            assert machine is not None
            tx.put(replace(machine, agent_connected=connected))

    def machines(self, *status: InstanceStatus) -> list[ContainerInstance]:
        with self.sim.store.snapshot() as tx:
            found = tx.find(ContainerInstance, status=status)
        return sorted(found, key=lambda one: (one.registered_at, one.arn))

    def _of_sets(self, act: Act) -> None:
        (service,) = self.sim.call("DescribeServices", services=["web"])["services"]
        sets = service["taskSets"]
        own = {"cluster": "default", "service": "web"}
        match act:
            case ("define", script):
                self.define(script)
            case ("new set", scale):
                self.new_set(scale)
            case _ if not sets:
                return
            case ("rescale", which, scale):
                chosen = sets[which % len(sets)]["id"]
                self.sim.call("UpdateTaskSet", taskSet=chosen, scale={"value": scale}, **own)
            case ("drop", which):
                self.sim.call("DeleteTaskSet", taskSet=sets[which % len(sets)]["id"], force=True, **own)
            case (_, which):
                chosen = sets[which % len(sets)]["id"]
                self.sim.call("UpdateServicePrimaryTaskSet", primaryTaskSet=chosen, **own)

    # --- where it comes to rest -------------------------------------------------------------------------------------

    def faults_end(self) -> None:
        """Alarms and hooks that are content, a revision that runs well, bounds that let it be reached; then machines enough."""
        self._alarm("OK")
        self.answer = "SUCCEEDED"
        if not self.deleted:
            self._asks_for_good()
        if self.setting.where not in (FARGATE, MADE):
            self.sim.settle()
            self._machines_return()

    def _asks_for_good(self) -> None:
        self.define("")
        if self.setting.strategy == "EXTERNAL":
            self._update(desiredCount=2)
            for one in self._described()["taskSets"]:
                self.sim.call("DeleteTaskSet", cluster="default", service="web", taskSet=one["id"], force=True)
            self.sim.settle()
            self.new_set(100)
            return
        asked: dict[str, Any] = {"taskDefinition": "web"}
        if self.setting.strategy != "DAEMON":
            asked["desiredCount"] = self.setting.desired
        if self._is_deadlocked():
            asked["deploymentConfiguration"] = {"minimumHealthyPercent": 0}
        self._update(**asked)

    def _machines_return(self) -> None:
        """Agents connect again, and there are new machines; one that drains goes on draining."""
        for one in self.machines(InstanceStatus.DRAINING, InstanceStatus.ACTIVE):
            if not one.agent_connected:
                self._connected(one.arn, True)
        for number in range(0 if self.setting.strategy == "DAEMON" else 3):
            self.join(number)

    def _is_deadlocked(self) -> bool:
        """Whether nothing may stop before something starts, and the other way round: 1 desired at 50–100 %."""
        configuration = self._described()["deploymentConfiguration"]
        desired = self._desired()
        floor = -(-desired * configuration["minimumHealthyPercent"] // 100)
        return desired > 0 and floor >= desired * configuration["maximumPercent"] // 100

    def _desired(self) -> int:
        """What must be there in the end."""
        match self.setting.strategy:
            case "DAEMON":
                return len(self.machines(InstanceStatus.ACTIVE))
            case "EXTERNAL":
                return 2
            case _:
                return self.setting.desired

    def _described(self) -> dict[str, Any]:
        (service,) = self.sim.call("DescribeServices", services=["web"])["services"]
        found: dict[str, Any] = service
        return found

    def at_rest(self) -> Rest:
        """What is there when nothing fails and time has passed."""
        service, tasks = self._described(), self.sim.tasks()
        alive = [task for task in tasks if task.last_status is not TaskStatus.STOPPED]
        leaving = {one.arn for one in self.machines(InstanceStatus.DRAINING)}
        found: Rest = {
            "status": service["status"],
            "deployments": [
                (one["status"], one["rolloutState"], one["desiredCount"]) for one in service["deployments"]
            ],
            "sets": [(one["stabilityStatus"], one["computedDesiredCount"]) for one in service.get("taskSets", ())],
            "counts": (service["desiredCount"], service["runningCount"], service["pendingCount"]),
            "last said": [event["message"].partition(") ")[2] for event in service["events"][:1]],
            "alive": sorted(task.last_status for task in alive),
            "on machines that drain": sum(task.container_instance_arn in leaving for task in alive),
            "newest": all(task.task_definition_arn == self._newest() for task in alive),
            "unclean": sum(task.last_status is TaskStatus.STOPPED and not task.cleaned for task in tasks),
            "uncaused": len(tasks) - self.begun - self.scrutiny.launched,
            "restless": self.scrutiny.launched_at > self.sim.clock.now() - self.long / 4,
        }
        return found

    @property
    def long(self) -> float:
        return LONGER if self.setting.strategy in SHIFTS else LONG

    begun = 0
    """Tasks that were there when the history began."""

    def _newest(self) -> str:
        found: str = self.sim.call("ListTaskDefinitions", familyPrefix="web")["taskDefinitionArns"][-1]
        return found

    def expected(self) -> Rest:
        desired = 0 if self.deleted else self._desired()
        external = self.setting.strategy == "EXTERNAL"
        return {
            "status": "INACTIVE" if self.deleted else "ACTIVE",
            "deployments": [] if external else [("PRIMARY", "COMPLETED", desired)],
            "sets": [("STEADY_STATE", desired)] if external else [],
            "counts": (desired, desired, 0),
            "last said": [] if self.deleted else ["has reached a steady state."],
            "alive": ["RUNNING"] * desired,
            "on machines that drain": 0,
            "newest": True,
            "unclean": 0,
            "uncaused": 0,
            "restless": False,
        }

    def shape(self) -> Rest:
        """The world without its identifiers and times."""
        service = self._described()
        with self.sim.store.snapshot() as tx:
            deployments = tx.find(ServiceDeployment, order="created_at,id")
        members = (
            "status",
            "rolloutState",
            "rolloutStateReason",
            "desiredCount",
            "runningCount",
            "pendingCount",
            "failedTasks",
        )
        return {
            "status": service["status"],
            "deployments": [
                (_number(one["taskDefinition"]), *(_unnamed(one.get(name)) for name in members))
                for one in service["deployments"]
            ],
            "service deployments": [
                (one.deployment_status, one.stage, one.production_weight, _unnamed(one.status_reason))
                for one in deployments
            ],
            "sets": [
                (one["status"], one["stabilityStatus"], one["runningCount"], one["pendingCount"], one["scale"]["value"])
                for one in service.get("taskSets", ())
            ],
            "counts": (service["desiredCount"], service["runningCount"], service["pendingCount"]),
            "tasks": Counter(
                (_number(one.task_definition_arn), one.last_status, one.desired_status, one.stop_code)
                for one in self.sim.tasks()
            ),
        }


def _number(definition_arn: str) -> str:
    return definition_arn.rpartition(":")[2]


def _unnamed(value: object) -> object:
    """Without the numbers of deployments, which are drawn."""
    return " ".join("…" if "ecs-svc/" in word else word for word in value.split()) if isinstance(value, str) else value


# --- one history ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=MOST_SETTINGS)
def _built(setting: Setting) -> tuple[MemoryStore, Instant, int]:
    store = MemoryStore()
    world = World(setting, store, None, seed=1)
    world.build()
    store.keep()
    return store, world.sim.clock.now(), len(world.sim.tasks())


@contextlib.contextmanager
def world_of(setting: Setting) -> Iterator[World]:
    store, begins, begun = _built(setting)
    world = World(setting, store, begins, seed=2)
    world.begun = begun
    with mock.patch.object(loop, "record", world.scrutiny):
        try:
            yield world
        finally:
            world.sim.store.close()
            store.rewind()


def play(history: History) -> None:
    """Play it, and see that it keeps within its bounds, starts nothing without a cause, and comes to the world that was asked for."""
    with world_of(history.setting) as world:
        for act in history.acts:
            world.play(act)
        world.faults_end()
        if history.killed_after is not None:
            for _ in range(history.killed_after):
                world.sim.step()
            world.crash()
        world.sim.advance(world.long)
        found, expected = world.at_rest(), world.expected()
        assert found == expected, f"{_differences(found, expected)}\n{world.sim.journal()}"


def _differences(found: Rest, expected: Rest) -> str:
    return "\n".join(f"{name}: {found[name]}, not {expected[name]}" for name in found if found[name] != expected[name])


def play_twice(history: History, crash_at: int) -> None:
    """Play it to its end with a crash before one step and without: both worlds are the same, wherever they come to rest."""
    untouched, steps = _rests(history, None)
    assert steps
    crashed, _ = _rests(history, 1 + crash_at % steps)
    for act, expected, found in zip((*history.acts, "all"), untouched, crashed, strict=True):
        assert found == expected, (
            f"after {act}, killed before step {1 + crash_at % steps}: {_differences(found, expected)}"
        )


def _rests(history: History, crash_at: int | None) -> tuple[list[Rest], int]:
    """The world after each act, when only time could change it any more; and in how many steps it came there."""
    with world_of(history.setting) as world:
        world.crash_at = crash_at
        rests = []
        for act in (("advance", 0.0), *history.acts):
            world.play(act)
            world.sim.settle()
            rests.append(world.shape())
        world.faults_end()
        world.sim.advance(world.long)
        return [*rests[1:], world.shape()], world.steps
