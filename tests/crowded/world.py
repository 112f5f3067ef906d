"""A hundred thousand tasks at rest, put straight into a store: records that a small emulator made, copied many times.

Half of all stands in one cluster, and one service has a thousand tasks: what is spread evenly hides a walk through too much.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.ids import Ids
from ecs_emulator.records.capacity_providers import CapacityProvider
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, Origin
from ecs_emulator.records.services import Service, ServiceDeployment, ServiceEvent, ServiceRevision
from ecs_emulator.records.settings import AccountSetting
from ecs_emulator.records.task_definitions import TaskDefinition, TaskDefinitionFamily, TaskDefinitionStatus
from ecs_emulator.records.tasks import Task
from ecs_emulator.store import Store, Transaction
from tests.simulation import Simulation

CLUSTERS, SERVICES, TASKS, FAMILIES, INSTANCES = 100, 10_000, 100_000, 1_000, 1_000
IN_A_SERVICE, IN_THE_LARGE_SERVICE = 9, 1_000
SPARE = 150
"""Empty clusters, services of no task, idle machines and providers that no cluster has: for operations that use one up."""
PRINCIPALS = 200
STOPPED_AGO = (60.0, 600.0)
"""Seconds since the STOPPED tasks stopped: none is forgotten while it is looked at."""
FOREVER = 10.0 * 365 * 86_400
"""Seconds: a protection that lasts."""

CROWD = "crowd"
"""The cluster in which half of all stands."""
QUIET = f"cluster-{CLUSTERS - 1:03}"
"""Where the idle machines are."""
HOME = World("123456789012", "us-east-1")
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
TAGS = [{"key": "team", "value": "blue"}, {"key": "stage", "value": "test"}]


@dataclass(slots=True)
class Crowded:
    """What was made, by ARN, each in the order in which it was made. Lives as long as its store."""

    running: list[str] = field(default_factory=list)
    """Tasks of services in the crowd, those of the large service first."""
    stopped: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    """In the crowd, the large one first; all else is spread over the other clusters."""
    deployments: list[str] = field(default_factory=list)
    revisions: list[str] = field(default_factory=list)
    """Of the same services."""
    instances: list[str] = field(default_factory=list)
    """In the crowd."""
    idle_instances: list[str] = field(default_factory=list)
    """In the cluster QUIET, and nothing runs on them."""
    routes: list[str] = field(default_factory=list)
    daemons: list[str] = field(default_factory=list)
    daemon_deployments: list[str] = field(default_factory=list)
    daemon_revisions: list[str] = field(default_factory=list)
    task_sets: list[str] = field(default_factory=list)
    """Their ids, each of a service of its own."""
    express: list[str] = field(default_factory=list)
    machines: str = ""
    """The provider of the daemons' machines."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A service at rest, and all that belongs to it."""

    service: Service
    deployment: ServiceDeployment
    revision: ServiceRevision
    events: tuple[ServiceEvent, ...]
    task: Task


@dataclass(frozen=True, slots=True)
class Originals:
    """One record of each kind, as the emulator itself made it."""

    cluster: Cluster
    definitions: tuple[TaskDefinition, ...]
    fargate: Kept
    ec2: Kept
    stopped: Task
    instance: ContainerInstance
    provider: CapacityProvider


def cluster_name(number: int) -> str:
    return CROWD if number == 0 else f"cluster-{number:03}"


def family(number: int) -> str:
    return f"family-{number:04}"


def spare(number: int) -> str:
    """The name of a thing that an operation may use up."""
    return f"spare-{number:03}"


def fill(store: Store, now: float) -> Crowded:
    """All of it in one transaction, the loop not told."""
    originals = _originals(now)
    made = Crowded()
    with store.transaction(quietly=True) as tx, _indexed_at_the_end(tx):
        _put_clusters(tx, originals)
        _put_definitions(tx, originals)
        instances = _put_instances(tx, originals, made)
        _put_settings(tx)
        for batch in _services(originals, instances, made, now):
            tx.put(*batch)
    return made


@contextmanager
def _indexed_at_the_end(tx: Transaction) -> Iterator[None]:
    """An index made of what is there takes a tenth of the time of one that grows row by row."""
    connection = tx._connection
    kinds = [kind.__name__ for kind in (Task, Service, ServiceDeployment, ServiceRevision, ServiceEvent)]
    asked = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> '' AND tbl_name IN {tuple(kinds)}"
    indexes = connection.execute(asked).fetchall()
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    yield
    for _, sql in indexes:
        connection.execute(sql)


# --- one of each ----------------------------------------------------------------------------------------------------


def _originals(now: float) -> Originals:
    simulation = Simulation()
    try:
        simulation.clock.move_to(now)
        return _made_by(simulation)
    finally:
        simulation.close()


def _made_by(simulation: Simulation) -> Originals:
    call = simulation.call
    call("CreateCluster", clusterName=CROWD, tags=TAGS)
    container = {"name": "app", "image": "web:1", "cpu": 16, "memory": 32}
    for role in ("web", "far"):
        fargate = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
        asked: dict[str, Any] = {"family": role, "containerDefinitions": [container], "tags": TAGS}
        call("RegisterTaskDefinition", **asked, **(fargate if role == "far" else {}))
    group = {
        "autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/g"
    }
    call("CreateCapacityProvider", name="provider", autoScalingGroupProvider=group, tags=TAGS)
    call("RegisterContainerInstance", cluster=CROWD)
    service = {"cluster": CROWD, "desiredCount": 1, "tags": TAGS, "propagateTags": "SERVICE"}
    call("CreateService", serviceName="ec2", taskDefinition="web", **service)
    on_fargate = {"launchType": "FARGATE", "networkConfiguration": NETWORK}
    call("CreateService", serviceName="fargate", taskDefinition="far", **on_fargate, **service)
    simulation.settle()
    (ended,) = call("ListTasks", cluster=CROWD, serviceName="fargate")["taskArns"]
    call("StopTask", cluster=CROWD, task=ended)
    simulation.advance(simulation.config.timings.containers_kept + 1.0)
    with simulation.store.snapshot() as tx:
        (cluster,), (instance,), (provider,) = tx.find(Cluster), tx.find(ContainerInstance), tx.find(CapacityProvider)
        return Originals(
            cluster,
            tuple(tx.find(TaskDefinition, order="family")),
            _kept(tx, "fargate"),
            _kept(tx, "ec2"),
            next(task for task in tx.find(Task) if task.arn == ended),
            instance,
            provider,
        )


def _kept(tx: Transaction, name: str) -> Kept:
    (service,) = tx.find(Service, name=name)
    (deployment,) = tx.find(ServiceDeployment, service_arn=service.arn)
    (revision,) = tx.find(ServiceRevision, service_arn=service.arn)
    (task,) = tx.find(Task, service_arn=service.arn, released=False)
    return Kept(service, deployment, revision, tuple(tx.find(ServiceEvent, service_arn=service.arn)), task)


# --- what services stand on -----------------------------------------------------------------------------------------


def _put_clusters(tx: Transaction, originals: Originals) -> None:
    names = [*map(cluster_name, range(CLUSTERS)), *map(spare, range(SPARE))]
    tx.put(*(replace(originals.cluster, arn=_cluster_arn(name), name=name) for name in names))
    for number in range(SPARE):
        name = spare(number)
        tx.put(
            replace(
                originals.provider,
                arn=HOME.arn("ecs", f"capacity-provider/{name}"),
                name=name,
                spec=_spec(originals, name),
            )
        )


def _cluster_arn(name: str) -> str:
    return HOME.arn("ecs", f"cluster/{name}")


def _spec(originals: Originals, name: str) -> dict[str, Any]:
    """The provider's own, over a group of its own."""
    arn = HOME.arn("autoscaling", f"autoScalingGroup:1:autoScalingGroupName/{name}")
    return {
        "autoScalingGroupProvider": {**originals.provider.spec["autoScalingGroupProvider"], "autoScalingGroupArn": arn}
    }


def _put_definitions(tx: Transaction, originals: Originals) -> None:
    """Each family has an INACTIVE revision and two ACTIVE ones; every tenth is of EC2."""
    for number in range(FAMILIES):
        original = originals.definitions[number % 10 == 5]
        counted = TaskDefinitionFamily(HOME.account, HOME.region, family(number))
        for revision in (1, 2, 3):
            counted = counted.registered()
            made = replace(
                original,
                arn=_definition_arn(number, revision),
                family=family(number),
                revision=revision,
                spec={**original.spec, "family": family(number)},
            )
            tx.put(made if revision > 1 else replace(made, status=TaskDefinitionStatus.INACTIVE, deregistered_at=0.0))
        tx.put(counted.deregistered())


def _definition_arn(number: int, revision: int) -> str:
    return HOME.arn("ecs", f"task-definition/{family(number)}:{revision}")


def _put_instances(tx: Transaction, originals: Originals, made: Crowded) -> dict[int, list[str]]:
    """Machines that stay, those of each cluster in a list; the idle ones are in none."""
    ids = Ids(1)
    found: dict[int, list[str]] = {number: [] for number in range(CLUSTERS)}
    for number in range(INSTANCES + SPARE):
        idle = number >= INSTANCES
        home = CLUSTERS - 1 if idle else _home(number)
        arn = HOME.arn("ecs", f"container-instance/{cluster_name(home)}/{ids.hex32('instance')}")
        (made.idle_instances if idle else found[home]).append(arn)
        tx.put(
            replace(
                originals.instance,
                arn=arn,
                cluster_arn=_cluster_arn(cluster_name(home)),
                ec2_instance_id=f"i-{number:017x}",
                origin=Origin.COMMAND,
                cpu=16_384,
                memory=65_536,
            )
        )
    made.instances = found[0]
    return found


def _put_settings(tx: Transaction) -> None:
    for number in range(PRINCIPALS):
        principal = f"arn:aws:iam::{HOME.account}:user/user-{number}"
        for name in ("containerInsights", "awsvpcTrunking", "tagResourceAuthorization"):
            tx.put(AccountSetting(HOME.account, HOME.region, principal, name, "on"))


# --- services and their tasks ---------------------------------------------------------------------------------------


def _home(number: int) -> int:
    """The cluster of a thing with this number: every second one is of the crowd."""
    return 0 if number % 2 == 0 else 1 + (number // 2) % (CLUSTERS - 1)


def _services(
    originals: Originals, instances: dict[int, list[str]], made: Crowded, now: float
) -> Iterator[list[object]]:
    """The records of one service after the other, its tasks with it; a tenth of them on EC2."""
    ids, chance = Ids(2), random.Random(3)
    stopped = TASKS - IN_THE_LARGE_SERVICE - (SERVICES - 1) * IN_A_SERVICE
    for number in range(SERVICES + SPARE):
        on_ec2 = number // 2 % 10 == 5
        spared = number >= SERVICES
        home = 1 if spared else _home(number)
        kept = _copied(originals.ec2 if on_ec2 else originals.fargate, number, home, ids)
        count = 0 if spared else IN_THE_LARGE_SERVICE if number == 0 else IN_A_SERVICE
        machines = instances[home] if on_ec2 else [None]
        first = number // 20 * IN_A_SERVICE
        tasks = [_task(kept, kept.task, home, ids, machines[(first + each) % len(machines)]) for each in range(count)]
        ended: list[Task] = []
        if number < stopped:
            at = now - chance.uniform(*STOPPED_AGO)
            over = replace(originals.stopped, stopped_at=at, stopping_at=at, execution_stopped_at=at)
            ended = [_task(kept, over, home, ids, None)]
        if home == 0:
            made.running += [task.arn for task in tasks]
            made.stopped += [task.arn for task in ended]
            made.services.append(kept.service.arn)
            made.deployments.append(kept.deployment.arn)
            made.revisions.append(kept.revision.arn)
        if number == 0:
            tasks = [
                replace(task, protected_until=now + FOREVER) if not turn % 100 else task
                for turn, task in enumerate(tasks)
            ]
        service = replace(kept.service, desired_count=count, steady_said_at=now)
        deployment = replace(kept.deployment, desired_count=count)
        yield [service, deployment, kept.revision, *kept.events, *tasks, *ended]


def _copied(original: Kept, number: int, home: int, ids: Ids) -> Kept:
    """The service under another name in another cluster, at rest as the original is."""
    cluster_name_, cluster_arn = cluster_name(home), _cluster_arn(cluster_name(home))
    name = spare(number - SERVICES) if number >= SERVICES else f"service-{number:05}"
    path, digits = f"{cluster_name_}/{name}", ids.digits("deployment")
    arn = HOME.arn("ecs", f"service/{path}")
    definition_arn = _definition_arn(number // 2 % FAMILIES, 3)
    revision = replace(
        original.revision,
        arn=HOME.arn("ecs", f"service-revision/{path}/{digits}"),
        service_arn=arn,
        cluster_arn=cluster_arn,
        number=digits,
        task_definition_arn=definition_arn,
    )
    deployment = replace(
        original.deployment,
        id=f"ecs-svc/{digits}",
        arn=HOME.arn("ecs", f"service-deployment/{path}/{ids.nano('deployment')}"),
        service_arn=arn,
        cluster_arn=cluster_arn,
        revision_arn=revision.arn,
        task_definition_arn=definition_arn,
    )
    service = replace(
        original.service,
        arn=arn,
        cluster_arn=cluster_arn,
        name=name,
        task_definition_arn=definition_arn,
        listing_id=ids.uuid("listing"),
    )
    events = tuple(replace(event, service_arn=arn, seq=None) for event in original.events)
    return Kept(service, deployment, revision, events, original.task)


def _task(kept: Kept, original: Task, home: int, ids: Ids, instance_arn: str | None) -> Task:
    return replace(
        original,
        arn=HOME.arn("ecs", f"task/{cluster_name(home)}/{ids.hex32('task')}"),
        cluster_arn=kept.service.cluster_arn,
        task_definition_arn=kept.revision.task_definition_arn,
        family=kept.revision.task_definition_arn.rpartition("/")[2].partition(":")[0],
        group=f"service:{kept.service.name}",
        started_by=kept.deployment.id,
        service_arn=kept.service.arn,
        deployment_id=kept.deployment.id,
        container_instance_arn=instance_arn,
    )
