"""A cluster with a managed instances capacity provider, machines of it, and a daemon: what the tests of daemons begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.session
import botocore.waiter

from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.daemons import Daemon
from ecs_emulator.records.instances import ContainerInstance, Origin
from ecs_emulator.records.tasks import DesiredStatus, Task
from ecs_emulator.rules import machines
from tests.simulation import Simulation

ARN = "arn:aws:ecs:us-east-1:123456789012:"
PROVIDER = f"{ARN}capacity-provider/mi"
DAEMON = f"{ARN}daemon/default/logs"
SHAPE = machines.Shape(2048, 1024)
TEMPLATE = {
    "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/p",
    "networkConfiguration": {"subnets": ["subnet-1"]},
}
MANAGED = {"infrastructureRoleArn": "arn:aws:iam::123456789012:role/r", "instanceLaunchTemplate": TEMPLATE}


class World:
    """Lives for one test."""

    def __init__(self, directory: Path, *, machines: int = 0, **settings: Any) -> None:
        self.sim = Simulation(directory, **settings)
        self.call = self.sim.call
        self.settle = self.sim.settle
        self.advance = self.sim.advance
        self.call("CreateCluster", clusterName="default")
        self.provider("mi")
        for _ in range(machines):
            self.machine()
        self.define()

    def provider(self, name: str) -> str:
        answer = self.call("CreateCapacityProvider", name=name, cluster="default", managedInstancesProvider=MANAGED)
        return str(answer["capacityProvider"]["capacityProviderArn"])

    def machine(self, provider: str = "mi") -> ContainerInstance:
        """A machine of the provider, as it would have brought it."""
        sim = self.sim
        with sim.store.transaction() as tx:
            cluster = tx.get(Cluster, f"{ARN}cluster/default")
            assert cluster is not None
            made = machines.new(
                sim.world, cluster, sim.ids, sim.clock.now(),
                origin=Origin.API, zone="us-east-1a", shape=SHAPE, capacity_provider=provider,
            )  # fmt: skip
            tx.put(made)
        return made

    def define(self, family: str = "agent", **more: Any) -> str:
        params = {"family": family, "containerDefinitions": [{"name": "app", "image": "agent"}], "memory": "64", **more}
        return str(self.call("RegisterDaemonTaskDefinition", **params)["daemonTaskDefinitionArn"])

    def create(self, name: str = "logs", definition: str = "agent", **more: Any) -> dict[str, Any]:
        providers = more.pop("capacityProviderArns", [PROVIDER])
        return self.call(
            "CreateDaemon",
            daemonName=name,
            daemonTaskDefinitionArn=definition,
            capacityProviderArns=providers,
            **more,
        )

    def update(self, definition: str = "agent", **more: Any) -> str:
        providers = more.pop("capacityProviderArns", [PROVIDER])
        answer = self.call(
            "UpdateDaemon",
            daemonArn=DAEMON,
            daemonTaskDefinitionArn=definition,
            capacityProviderArns=providers,
            **more,
        )
        return str(answer["deploymentArn"])

    def described(self) -> dict[str, Any]:
        return dict(self.call("DescribeDaemon", daemonArn=DAEMON)["daemon"])

    def deployment(self, arn: str) -> dict[str, Any]:
        (found,) = self.call("DescribeDaemonDeployments", daemonDeploymentArns=[arn])["daemonDeployments"]
        return dict(found)

    def record(self) -> Daemon:
        with self.sim.store.snapshot() as tx:
            found = tx.get(Daemon, DAEMON)
        assert found is not None
        return found

    def running(self) -> list[Task]:
        """The tasks of daemons that are wanted to run."""
        tasks = self.sim.tasks(desired_status=DesiredStatus.RUNNING)
        return [task for task in tasks if task.daemon_arn is not None]

    def definitions(self) -> list[str]:
        return sorted(task.task_definition_arn.rpartition("/")[2] for task in self.running())


def verdict(waiter: str, answer: dict[str, Any]) -> str:
    """What botocore's waiter makes of an answer: `success`, `failure`, or `retry`."""
    model = botocore.waiter.WaiterModel(
        botocore.session.get_session().get_component("data_loader").load_service_model("ecs", "waiters-2")
    )
    for acceptor in model.get_waiter(waiter).acceptors:
        if acceptor.matcher_func(answer):
            return str(acceptor.state)
    return "retry"
