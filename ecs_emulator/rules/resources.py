"""What a task takes of a machine, and what is left of it: always counted from the task rows, never written down.

A task holds its resources from its placement until it is STOPPED. Groups, which spreading and distinctInstance look
at, count a task only as long as it is wanted to run: one that is being stopped is not in the way of its successor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.tasks import DesiredStatus, Occupant, Task, TaskStatus
from ecs_emulator.rules import query
from ecs_emulator.store import Transaction

AVAILABILITY_ZONE = "ecs.availability-zone"
HOLDING = tuple(status for status in TaskStatus if status is not TaskStatus.STOPPED)
"""The statuses in which a task holds resources."""
Held = Occupant | Task
"""Who holds resources; a whole task will do as well."""
ZEROS: Mapping[str, float] = {"doubleValue": 0.0, "longValue": 0, "integerValue": 0}
"""AWS shows every number of a resource, whatever its type."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one task takes: CPU units, MiB, static host ports, GPUs, network interfaces, and abilities of the agent."""

    cpu: int = 0
    memory: int = 0
    ports: tuple[int, ...] = ()
    ports_udp: tuple[int, ...] = ()
    gpus: int = 0
    enis: int = 0
    attributes: tuple[tuple[str, str | None], ...] = ()
    """The definition's requiresAttributes: name, and value or None."""
    zones: frozenset[str] | None = None
    """Availability zones of the task's subnets; None where they are not known."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One ACTIVE instance as placement sees it: what is free, and who is on it."""

    arn: str
    cpu: int
    """CPU units free."""
    memory: int
    """MiB free."""
    ports: frozenset[int] = frozenset()
    """TCP host ports taken."""
    ports_udp: frozenset[int] = frozenset()
    gpus: int = 0
    """GPUs free."""
    enis: int | None = None
    """Network interfaces free; None: not counted, as on machines of no known type."""
    attributes: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    agent_connected: bool = True
    agent_version: str = ""
    ec2_instance_id: str = ""
    registered_at: float = 0.0
    running: int = 0
    """Tasks in RUNNING that are wanted to run."""
    groups: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """How many tasks of each group are wanted to run here, pending ones included."""

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def zone(self) -> str | None:
        return self.attributes.get(AVAILABILITY_ZONE)

    @property
    def subject(self) -> query.Subject:
        """The instance as the cluster query language asks about it."""
        return query.Subject(
            attributes=self.attributes,
            agent_connected=self.agent_connected,
            agent_version=self.agent_version,
            ec2_instance_id=self.ec2_instance_id,
            registered_at=self.registered_at,
            running_tasks_count=self.running,
            groups=self.groups,
        )

    def with_task(self, need: Need, group: str) -> Candidate:
        """The same instance once a task of `group` is booked on it."""
        return replace(self.less(need), groups={**self.groups, group: self.groups.get(group, 0) + 1})

    def less(self, need: Need) -> Candidate:
        """The same instance without what a task takes."""
        return replace(
            self,
            cpu=self.cpu - need.cpu,
            memory=self.memory - need.memory,
            ports=self.ports.union(need.ports),
            ports_udp=self.ports_udp.union(need.ports_udp),
            gpus=self.gpus - need.gpus,
            enis=None if self.enis is None else self.enis - need.enis,
        )


def needed(definition: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Need:
    """What a task of this definition (as described by the API) takes, with RunTask's `overrides` applied.

    CPU: the task's, else the sum over its containers. Memory: the task's, else per container the reservation, else the
    limit. Static host ports count in bridge and host mode; in host mode a port without a host port is its own.
    Source: "Amazon ECS task definition parameters", containerDefinitions and task size.
    """
    overrides = overrides or {}
    of_container = {each.get("name"): each for each in overrides.get("containerOverrides") or ()}
    defined = definition.get("containerDefinitions") or ()
    containers = [{**each, **of_container.get(each["name"], {})} for each in defined]
    cpu = overrides.get("cpu") or definition.get("cpu")
    memory = overrides.get("memory") or definition.get("memory")
    mode = definition.get("networkMode") or "bridge"
    return Need(
        cpu=int(cpu) if cpu else sum(int(each.get("cpu") or 0) for each in containers),
        memory=int(memory) if memory else sum(_reserved(each) for each in containers),
        ports=_host_ports(containers, mode, "tcp"),
        ports_udp=_host_ports(containers, mode, "udp"),
        gpus=sum(_gpus(each) for each in containers),
        enis=1 if mode == "awsvpc" else 0,
        attributes=tuple((each["name"], each.get("value")) for each in definition.get("requiresAttributes") or ()),
    )


def _reserved(container: Mapping[str, Any]) -> int:
    return int(container.get("memoryReservation") or container.get("memory") or 0)


def _gpus(container: Mapping[str, Any]) -> int:
    return sum(int(each["value"]) for each in container.get("resourceRequirements") or () if each.get("type") == "GPU")


def _host_ports(containers: Iterable[Mapping[str, Any]], mode: str, protocol: str) -> tuple[int, ...]:
    if mode not in ("bridge", "host"):
        return ()
    mappings = [each for container in containers for each in container.get("portMappings") or ()]
    ports = (
        each.get("hostPort") or (each.get("containerPort") if mode == "host" else 0)
        for each in mappings
        if (each.get("protocol") or "tcp") == protocol
    )
    return tuple(sorted({port for port in ports if port}))


def candidate(instance: ContainerInstance, tasks: Iterable[Held]) -> Candidate:
    """The instance less what its tasks (those that are not STOPPED) hold."""
    tasks = [task for task in tasks if task.last_status is not TaskStatus.STOPPED]
    groups: dict[str, int] = defaultdict(int)
    for task in tasks:
        if task.desired_status is DesiredStatus.RUNNING:
            groups[task.group] += 1
    return Candidate(
        arn=instance.arn,
        cpu=instance.cpu - sum(task.cpu for task in tasks),
        memory=instance.memory - sum(task.memory for task in tasks),
        ports=frozenset(map(int, instance.ports)).union(*(task.ports for task in tasks), _bound(tasks, "tcp")),
        ports_udp=frozenset(map(int, instance.ports_udp)).union(
            *(task.ports_udp for task in tasks), _bound(tasks, "udp")
        ),
        gpus=len(instance.gpus) - sum(task.gpus for task in tasks),
        enis=None if instance.interfaces is None else instance.interfaces - _interfaces(tasks),
        attributes=instance.attributes,
        agent_connected=instance.agent_connected,
        agent_version=str(instance.version_info.get("agentVersion") or ""),
        ec2_instance_id=instance.ec2_instance_id,
        registered_at=instance.registered_at,
        running=running(tasks),
        groups=dict(groups),
    )


def _interfaces(tasks: Iterable[Held]) -> int:
    """Network interfaces that tasks have: one each in awsvpc mode."""
    return sum(task.network_mode == "awsvpc" for task in tasks)


def _bound(tasks: Iterable[Held], protocol: str) -> set[int]:
    """The host ports that containers were given by the engine: dynamic ones are taken once they are known."""
    bindings = (each for task in tasks for container in task.containers for each in container.network_bindings)
    return {each["hostPort"] for each in bindings if each.get("protocol", "tcp") == protocol and each.get("hostPort")}


def running(tasks: Iterable[Held]) -> int:
    """Tasks that run and are wanted to: a task that is being stopped leaves the count at once."""
    return sum(
        task.last_status is TaskStatus.RUNNING and task.desired_status is DesiredStatus.RUNNING for task in tasks
    )


def pending(tasks: Iterable[Held]) -> int:
    """Tasks that are wanted to run and do not yet; one in PROVISIONING is counted too."""
    return sum(
        task.desired_status is DesiredStatus.RUNNING and not task.last_status.reached(TaskStatus.RUNNING)
        for task in tasks
    )


def tasks_by_instance(tx: Transaction, instance_arns: Sequence[str]) -> dict[str, list[Occupant]]:
    """The tasks that hold resources of each of these instances: one query."""
    found: dict[str, list[Occupant]] = {arn: [] for arn in instance_arns}
    if found:
        for task in tx.find(Occupant, container_instance_arn=list(instance_arns), last_status=HOLDING):
            found[task.container_instance_arn or ""].append(task)
    return found


def candidates(tx: Transaction, cluster_arn: str, capacity_provider: str | None = None) -> tuple[Candidate, ...]:
    """The cluster's ACTIVE instances, of one capacity provider if named, as placement sees them: two queries."""
    instances = tx.find(ContainerInstance, cluster_arn=cluster_arn, status=InstanceStatus.ACTIVE, order="arn")
    if capacity_provider is not None:
        instances = [each for each in instances if each.capacity_provider_name == capacity_provider]
    held = tasks_by_instance(tx, [each.arn for each in instances])
    return tuple(candidate(each, held[each.arn]) for each in instances)


def registered_resources(instance: ContainerInstance) -> list[dict[str, Any]]:
    """CPU, MEMORY, PORTS and PORTS_UDP (then GPU and others where there are any), with every numeric member as AWS echoes them."""
    return _resources(instance, instance.cpu, instance.memory, instance.ports, instance.ports_udp, instance.gpus)


def remaining_resources(instance: ContainerInstance, tasks: Iterable[Held]) -> list[dict[str, Any]]:
    """What is left: CPU, memory and GPUs shrink, while the sets of ports grow by those that tasks took."""
    left = candidate(instance, tasks)
    return _resources(
        instance,
        left.cpu,
        left.memory,
        _grown(instance.ports, left.ports),
        _grown(instance.ports_udp, left.ports_udp),
        instance.gpus[len(instance.gpus) - max(left.gpus, 0) :],
    )


def _grown(reserved: Sequence[str], taken: Iterable[int]) -> tuple[str, ...]:
    return (*reserved, *(str(port) for port in sorted(taken) if str(port) not in reserved))


def _resources(
    instance: ContainerInstance,
    cpu: int,
    memory: int,
    ports: Sequence[str],
    ports_udp: Sequence[str],
    gpus: Sequence[str],
) -> list[dict[str, Any]]:
    found = [
        _resource("CPU", cpu),
        _resource("MEMORY", memory),
        _resource("PORTS", ports),
        _resource("PORTS_UDP", ports_udp),
    ]
    if instance.gpus:
        found.append(_resource("GPU", gpus))
    return [*found, *({**ZEROS, **each} for each in instance.other_resources)]


def _resource(name: str, value: int | Sequence[str]) -> dict[str, Any]:
    if isinstance(value, int):
        return {"name": name, "type": "INTEGER", **ZEROS, "integerValue": value}
    return {"name": name, "type": "STRINGSET", **ZEROS, "stringSetValue": list(value)}
