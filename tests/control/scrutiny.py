"""Each decision of the scheduler, held against what the service asks for at the moment it is recorded.

What lives only here: the bounds, said once more in the plainest words and not in the scheduler's own. What it does not know: why a
decision was made.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.config import Config
from ecs_emulator.control import record as recorder
from ecs_emulator.control.plan import Decision, Launch, Stop
from ecs_emulator.ids import Ids
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import Service, ServiceDeployment, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.task_sets import TaskSet, TaskSetStatus
from ecs_emulator.records.tasks import DesiredStatus, Health, Task, TaskStatus
from ecs_emulator.store import Transaction


@dataclass(frozen=True)
class Sight:
    """A service and its tasks that are not over."""

    service: Service
    tasks: tuple[Task, ...]
    healthy: frozenset[str]
    draining: frozenset[str]
    floor: int
    ceiling: int
    strict: bool
    """100 % is the most: a task that stops keeps its place until it has."""

    @property
    def alive(self) -> list[Task]:
        return [task for task in self.tasks if task.desired_status is DesiredStatus.RUNNING]

    def of(self, keeper_id: str) -> list[Task]:
        """Its tasks that are wanted, not unhealthy and on machines that stay."""
        return [
            task
            for task in self.alive
            if task.deployment_id == keeper_id
            and task.health is not Health.UNHEALTHY
            and task.container_instance_arn not in self.draining
        ]

    def healthy_of(self, keeper_id: str) -> int:
        return sum(task.arn in self.healthy for task in self.alive if task.deployment_id == keeper_id)


class Scrutiny:
    """Stands where the loop expects `control.record`. Lives for one history."""

    def __init__(self) -> None:
        self.launched = 0
        self.launched_at: Instant = 0.0
        """When something was started last."""

    def record(self, tx: Transaction, decision: Decision, now: Instant, ids: Ids, config: Config) -> None:
        """Record the decision, and hold what it did against the service's bounds."""
        match decision:
            case Launch(deployment=keeper):
                before = seen(tx, keeper.service_arn)
                recorder.record(tx, decision, now, ids, config)
                after = seen(tx, keeper.service_arn)
                self._launched(tx, decision, before, after, now)
            case Stop(service=service):
                before = seen(tx, service.arn)
                recorder.record(tx, decision, now, ids, config)
                _stopped(tx, decision, before, seen(tx, service.arn))
            case _:
                recorder.record(tx, decision, now, ids, config)

    def _launched(self, tx: Transaction, decision: Launch, before: Sight, after: Sight, now: Instant) -> None:
        number = len(after.tasks) - len(before.tasks)
        assert decision.because, f"{decision} has no cause"
        assert 0 <= number <= decision.count, f"{decision} started {number}"
        if not number:
            return
        self.launched, self.launched_at = self.launched + number, now
        strategy = _strategy(tx, after.service)
        if strategy == "DAEMON":
            _one_a_machine(decision, after)
        elif strategy == "ROLLING":
            alive = len(after.tasks if after.strict else after.alive)
            assert alive <= after.ceiling, f"{alive} are alive after {decision}, at most {after.ceiling} may be"
        if decision.zone is None:
            target = _target(tx, decision, after.service)
            mine = len(after.of(decision.deployment.id))
            assert mine <= target, f"{mine} are of {decision.deployment.id} after {decision}, {target} are to be"


def seen(tx: Transaction, service_arn: str) -> Sight:
    service = tx.get(Service, service_arn)
    assert service is not None
    tasks = tx.find(Task, service_arn=service_arn, released=False)
    configuration = service.spec["deploymentConfiguration"]
    floor = -(-service.desired_count * configuration["minimumHealthyPercent"] // 100)
    ceiling = service.desired_count * configuration["maximumPercent"] // 100
    return Sight(
        service,
        tuple(tasks),
        frozenset(task.arn for task in tasks if _is_healthy(tx, task)),
        frozenset(one.arn for one in tx.find(ContainerInstance) if one.status is not InstanceStatus.ACTIVE),
        floor,
        ceiling,
        strict=configuration["maximumPercent"] <= 100,
    )


def _is_healthy(tx: Transaction, task: Task) -> bool:
    if task.desired_status is not DesiredStatus.RUNNING or task.last_status is not TaskStatus.RUNNING:
        return False
    definition = tx.get(TaskDefinition, task.task_definition_arn)
    assert definition is not None
    checked = any("healthCheck" in one for one in definition.spec["containerDefinitions"])
    return task.health is Health.HEALTHY if checked else True


def _strategy(tx: Transaction, service: Service) -> str:
    """DAEMON, EXTERNAL, ROLLING, or SHIFTING as soon as one of its deployments does."""
    if service.is_daemon:
        return "DAEMON"
    if service.controller != "ECS":
        return "EXTERNAL"
    deployments = tx.find(ServiceDeployment, service_arn=service.arn)
    return "ROLLING" if all(one.strategy == "ROLLING" for one in deployments) else "SHIFTING"


def _target(tx: Transaction, decision: Launch, service: Service) -> int:
    """How many tasks its deployment or its task set may have at most."""
    if isinstance(decision.deployment, ServiceDeployment):
        return service.desired_count
    task_set = tx.get(TaskSet, decision.deployment.arn)
    assert task_set is not None
    return -int(-service.desired_count * task_set.scale // 100)


def _one_a_machine(decision: Launch, after: Sight) -> None:
    machines = Counter(task.container_instance_arn for task in after.tasks)
    assert max(machines.values()) == 1, f"a machine has two tasks after {decision}: {machines}"


def _stopped(tx: Transaction, decision: Stop, before: Sight, after: Sight) -> None:
    """What is healthy goes only above the floor; a service that was deleted, and a machine that is gone, ask for nothing."""
    if after.service.status is not ServiceStatus.ACTIVE:
        return
    stopped = {task.arn for task in decision.tasks}
    lost = before.healthy - after.healthy
    assert lost <= stopped, f"{decision} stopped {lost - stopped} besides"
    if not lost:
        return
    strategy = _strategy(tx, after.service)
    if strategy == "EXTERNAL":
        _stopped_of_set(tx, decision, before, after)
    elif strategy == "DAEMON":
        staying = [
            task for task in before.alive if task.arn in lost and task.container_instance_arn not in before.draining
        ]
        left = len(after.healthy)
        assert not staying or left >= after.floor, (
            f"{left} are healthy after {decision}, at least {after.floor} must be"
        )
    elif strategy == "ROLLING":
        left = len(after.healthy)
        assert left >= after.floor, f"{left} are healthy after {decision}, at least {after.floor} must be"
    else:
        _stopped_of_shift(tx, decision, lost, before, after)


def _stopped_of_set(tx: Transaction, decision: Stop, before: Sight, after: Sight) -> None:
    for task_set in tx.find(TaskSet, service_arn=after.service.arn):
        if task_set.status is TaskSetStatus.DRAINING:
            continue
        left, target = after.healthy_of(task_set.id), -int(-after.service.desired_count * task_set.scale // 100)
        fewer = left < before.healthy_of(task_set.id)
        assert not fewer or left >= target, f"{left} of {task_set.id} are healthy after {decision}, {target} are to be"


def _stopped_of_shift(tx: Transaction, decision: Stop, lost: frozenset[str], before: Sight, after: Sight) -> None:
    """Whatever gets production traffic keeps what is desired."""
    for one in tx.find(ServiceDeployment, service_arn=after.service.arn):
        serves = one.production_weight or (one.production_weight is None and one.finished_at is not None)
        left = after.healthy_of(one.id)
        fewer = left < before.healthy_of(one.id)
        everything = len(after.healthy)
        if serves and fewer:
            assert max(left, everything) >= after.floor, (
                f"{left} of {one.id} are healthy after {decision}, at least {after.floor} must be"
            )
