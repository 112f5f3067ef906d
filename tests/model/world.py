"""A world with something of everything in it, made once and copied for each test: requests get past "Cluster not found."."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from ecs_emulator.clock import Instant
from tests.simulation import ECS, Refused, Simulation

P = "arn:aws:ecs:us-east-1:123456789012"
STATE = "state.sqlite3"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
ROLE = "arn:aws:iam::123456789012:role/ecs"
TARGET_GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
NAMESPACE = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-0123456789abcdef"
GROUP = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:0f0f:autoScalingGroupName/mine"
TEMPLATE = {
    "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/p",
    "networkConfiguration": {"subnets": ["subnet-1"]},
}
MANAGED = {"infrastructureRoleArn": ROLE, "instanceLaunchTemplate": TEMPLATE}
MACHINE = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 4096},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 8192},
    {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2376", "2375", "51678", "51679"]},
    {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
]
VERSION = {"agentVersion": "1.14.3", "agentHash": "abcdef12", "dockerVersion": "DockerVersion: 25.0.8"}
APP = {
    "name": "app",
    "image": "app:1",
    "cpu": 10,
    "memory": 64,
    "portMappings": [{"containerPort": 80, "name": "http"}],
}
SLOW = {**APP, "dockerLabels": {"ecs-emulator.simulate": "start=slow"}}
TAGS = [{"key": "team", "value": "blue"}]


@contextmanager
def copied() -> Iterator[Simulation]:
    """The world again, for a test to do with as it likes."""
    moment, made = _template()
    with tempfile.TemporaryDirectory(prefix="ecs-emulator-world-") as scratch:
        shutil.copyfile(made / STATE, Path(scratch, STATE))
        sim = Simulation(Path(scratch), seed=2)
        sim.clock.move_to(moment)
        sim.settle()
        try:
            yield sim
        finally:
            sim.close()


@functools.cache
def _template() -> tuple[Instant, Path]:
    """The moment at which the world was left, and where it lies: one file, since a closed store leaves no log beside it."""
    kept = _kept()
    sim = Simulation(Path(kept.name))
    _fill(sim)
    sim.close()
    return sim.clock.now(), sim.directory


@functools.cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ecs-emulator-world-")


def _fill(sim: Simulation) -> None:
    _places(sim)
    _definitions(sim)
    instance = sim.call("RegisterContainerInstance", totalResources=MACHINE, versionInfo=VERSION, tags=TAGS)
    instance_arn = instance["containerInstance"]["containerInstanceArn"]
    attribute = {"name": "stack", "value": "prod", "targetType": "container-instance", "targetId": instance_arn}
    sim.call("PutAttributes", attributes=[attribute])
    sim.call("PutAccountSetting", name="containerInsights", value="enabled")
    _services(sim)
    sim.call("RunTask", taskDefinition="web", count=2, startedBy="world", tags=TAGS, enableExecuteCommand=True)
    stopped = sim.call("RunTask", taskDefinition="web")["tasks"][0]["taskArn"]
    sim.advance(60)
    sim.call("StopTask", task=stopped)
    sim.advance(60)
    _newer(sim)
    sim.settle()
    sim.call("UpdateService", service="rolling", taskDefinition="slow")
    sim.settle()


def _places(sim: Simulation) -> None:
    insights = [{"name": "containerInsights", "value": "enabled"}]
    sim.call("CreateCluster", tags=TAGS, settings=insights)
    for name in ("other", "spare", "gone"):
        sim.call("CreateCluster", clusterName=name)
    sim.call("DeleteCluster", cluster="gone")
    for name in ("mine", "unused"):
        group = {"autoScalingGroupArn": GROUP.replace("mine", name)}
        sim.call("CreateCapacityProvider", name=name, autoScalingGroupProvider=group, tags=TAGS)
    sim.call("CreateCapacityProvider", name="managed", cluster="default", managedInstancesProvider=MANAGED)
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    sim.call(
        "PutClusterCapacityProviders",
        cluster="other",
        capacityProviders=["FARGATE", "FARGATE_SPOT", "mine"],
        defaultCapacityProviderStrategy=strategy,
    )


def _definitions(sim: Simulation) -> None:
    sizes: dict[str, Any] = {
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
    }
    for family in ("web", "web", "old", "older"):
        sim.call("RegisterTaskDefinition", family=family, containerDefinitions=[APP], tags=TAGS, taskRoleArn=ROLE)
    sim.call("RegisterTaskDefinition", family="slow", containerDefinitions=[SLOW])
    sim.call("RegisterTaskDefinition", family="far", containerDefinitions=[APP], **sizes)
    sim.call("DeregisterTaskDefinition", taskDefinition="old:1")


def _services(sim: Simulation) -> None:
    asked: dict[str, Any] = {"taskDefinition": "web", "desiredCount": 1}
    sim.call("CreateService", serviceName="web", tags=TAGS, enableExecuteCommand=True, **asked)
    sim.call("CreateService", serviceName="rolling", **asked)
    sim.call("CreateService", serviceName="idle", taskDefinition="web", desiredCount=0)
    sim.call("CreateService", serviceName="gone", **asked)
    sim.call(
        "CreateService",
        serviceName="far",
        taskDefinition="far",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
    )
    sim.call("DeleteService", service="gone", force=True)


def _newer(sim: Simulation) -> None:
    """What comes of the operations that not every release has."""
    attempt(sim, "CreateService", serviceName="sets", desiredCount=2, deploymentController={"type": "EXTERNAL"})
    attempt(sim, "CreateTaskSet", service="sets", cluster="default", taskDefinition="web", scale={"value": 50})
    for family in ("log", "trace"):
        attempt(
            sim,
            "RegisterDaemonTaskDefinition",
            family=family,
            containerDefinitions=[{"name": "d", "image": "d", "memory": 64}],
        )
    provider = [f"{P}:capacity-provider/managed"]
    attempt(
        sim,
        "CreateDaemon",
        daemonName="log",
        clusterArn=f"{P}:cluster/default",
        daemonTaskDefinitionArn=f"{P}:daemon-task-definition/log:1",
        capacityProviderArns=provider,
    )
    alb = {"hostSharedAlb": {"networkConfiguration": {"subnets": ["subnet-1", "subnet-2"]}}}
    for name in ("door", "gate"):
        attempt(
            sim,
            "CreateGateway",
            name=name,
            infrastructureRoleArn=ROLE,
            configuration=alb,
            deletionProtection=False,
            tags=TAGS,
        )
    attempt(sim, "AssociateGatewayWithCluster", gateway="door", cluster="default")
    connected = {"enabled": True, "namespace": NAMESPACE}
    attempt(
        sim,
        "CreateService",
        serviceName="connected",
        taskDefinition="web",
        desiredCount=1,
        serviceConnectConfiguration=connected,
    )
    attempt(
        sim,
        "CreateService",
        serviceName="routed",
        taskDefinition="web",
        desiredCount=1,
        gatewayConnectors=[{"portName": "http"}],
    )
    attempt(
        sim,
        "CreateExpressGatewayService",
        serviceName="express",
        infrastructureRoleArn=ROLE,
        executionRoleArn=ROLE,
        primaryContainer={"image": "app:1"},
    )


def attempt(sim: Simulation, operation: str, /, **params: Any) -> None:
    """A wish, where a refusal only makes the world smaller: that the request is right is `test_requests`' matter."""
    if operation in ECS.functions():
        with suppress(Refused):
            sim.call(operation, **params)


# --- what is in it --------------------------------------------------------------------------------------------------


def arns(sim: Simulation) -> dict[str, list[str]]:
    """What exists, by the kind that its ARN names (`service`, `task-definition`), in the order of the ARNs."""
    with closing(_opened(sim)) as connection:
        found: dict[str, set[str]] = {}
        for table in _tables(connection):
            columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
            if "arn" in columns:
                for (arn,) in connection.execute(f'SELECT arn FROM "{table}"'):
                    found.setdefault(arn.split(":")[5].partition("/")[0], set()).add(arn)
    return {kind: sorted(every) for kind, every in sorted(found.items())}


class Watched:
    """Tells whether anything at all was stored since it was last asked. Lives as long as its test's world."""

    def __init__(self, sim: Simulation) -> None:
        self._connection = _opened(sim)
        self._version = self._data_version()
        self._state = fingerprint(self._connection)

    def changed(self) -> bool:
        """SQLite counts the commits of others that changed a page; only then is it worth reading everything."""
        version = self._data_version()
        if version == self._version:
            return False
        self._version, before = version, self._state
        self._state = fingerprint(self._connection)
        return self._state != before

    def close(self) -> None:
        self._connection.close()

    def _data_version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version


def fingerprint(connection: sqlite3.Connection) -> str:
    """One text for every row of every table."""
    digest = hashlib.sha256()
    for table in _tables(connection):
        digest.update(
            json.dumps([table, connection.execute(f'SELECT * FROM "{table}"').fetchall()], default=repr).encode()
        )
    return digest.hexdigest()


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def _opened(sim: Simulation) -> sqlite3.Connection:
    return sqlite3.connect(sim.directory / STATE, isolation_level=None)
