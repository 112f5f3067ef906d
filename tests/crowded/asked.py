"""What stands beside the hundred thousand tasks and is made quickest by asking for it: gateways, daemons, task sets, Express services."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_emulator.config import Config
from ecs_emulator.ids import Ids
from ecs_emulator.store import Store
from ecs_emulator.wire.call import Context
from ecs_emulator.wire.tokens import Tokens
from tests.crowded import world
from tests.crowded.world import HOME, NETWORK, SPARE, Crowded, cluster_name, spare
from tests.simulation import ECS

ASKED = "asked"
"""The cluster of all of it."""
NAMESPACE = "internal"
ROLE = HOME.root_arn.replace(":root", ":role/infrastructure")
AGENT = {"name": "agent", "image": "agent:1"}
MACHINES = {
    "infrastructureRoleArn": ROLE,
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": HOME.root_arn.replace(":root", ":instance-profile/machines"),
        "networkConfiguration": {"subnets": ["subnet-0123456789abcdef0"]},
    },
}
EXPRESS = {"infrastructureRoleArn": ROLE, "executionRoleArn": ROLE, "primaryContainer": {"image": "web:1"}}


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the operations of a store that no server has. Lives while the crowd is made."""

    store: Store
    now: float
    ids: Ids

    def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        context = Context(
            store=self.store,
            world=HOME,
            now=self.now,
            ids=self.ids,
            config=Config(data_dir=Path()),
            principal_arn=HOME.root_arn,
            request_id="request",
            data_dir=Path(),
            endpoint="http://127.0.0.1:4566",
            tokens=Tokens(b"0" * 32),
        )
        status, content = ECS.answer(operation, json.dumps(params).encode(), context)
        answer: dict[str, Any] = json.loads(content)
        assert status == 200, f"{operation}: {answer}"
        return answer


def fill(store: Store, now: float) -> Crowded:
    """The whole crowd."""
    made = world.fill(store, now)
    _ask_for_the_rest(Asking(store, now, Ids(4)), made)
    return made


def _ask_for_the_rest(ask: Asking, made: Crowded) -> None:
    ask("CreateCluster", clusterName=ASKED, serviceConnectDefaults={"namespace": NAMESPACE})
    container = {"name": "app", "image": "web:1", "portMappings": [{"containerPort": 80, "name": "http"}]}
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    ask("RegisterTaskDefinition", family="routed", containerDefinitions=[container], **sizes)
    _gateways(ask, made)
    _daemons(ask, made)
    for number in range(SPARE):
        service = {"cluster": ASKED, "service": f"sets-{number}", "taskDefinition": "routed"}
        kept_by = {"deploymentController": {"type": "EXTERNAL"}}
        ask("CreateService", cluster=ASKED, serviceName=f"sets-{number}", desiredCount=0, **kept_by)
        where = {"launchType": "FARGATE", "networkConfiguration": NETWORK, "scale": {"value": 0, "unit": "PERCENT"}}
        made.task_sets.append(ask("CreateTaskSet", **service, **where)["taskSet"]["id"])
        express = ask("CreateExpressGatewayService", cluster=ASKED, serviceName=f"express-{number}", **EXPRESS)
        made.express.append(express["service"]["serviceArn"])


def _gateways(ask: Asking, made: Crowded) -> None:
    """Three of each number: one that is lent to a cluster and has a route, one to be lent, one to be deleted."""
    for number in range(SPARE):
        for name in ("lent", "lone", "late"):
            asked = {"infrastructureRoleArn": ROLE, "configuration": {"hostSharedAlb": {}}, "deletionProtection": False}
            ask("CreateGateway", name=f"{name}-{number}", **asked)
        ask("AssociateGatewayWithCluster", gateway=f"lent-{number}", cluster=cluster_name(number % 90 + 1))
    ask("AssociateGatewayWithCluster", gateway="lent-0", cluster=ASKED)
    for number in range(20):
        where = {"cluster": ASKED, "launchType": "FARGATE", "networkConfiguration": NETWORK, "taskDefinition": "routed"}
        connectors = [{"portName": "http"}]
        connect = {"enabled": True, "services": []}
        ask(
            "CreateService", serviceName=f"routed-{number}", desiredCount=0, gatewayConnectors=connectors,
            serviceConnectConfiguration=connect, **where,
        )  # fmt: skip
    made.routes = [each["gatewayRouteArn"] for each in ask("ListGatewayRoutes", cluster=ASKED)["gatewayRoutes"]]


def _daemons(ask: Asking, made: Crowded) -> None:
    provider = ask("CreateCapacityProvider", name="machines", cluster=ASKED, managedInstancesProvider=MACHINES)
    made.machines = provider["capacityProvider"]["capacityProviderArn"]
    cluster_arn = HOME.arn("ecs", f"cluster/{ASKED}")
    for number in range(SPARE):
        family = {"family": spare(number), "containerDefinitions": [AGENT]}
        definition = ask("RegisterDaemonTaskDefinition", **family)["daemonTaskDefinitionArn"]
        late = {"family": f"late-{number}", "containerDefinitions": [AGENT]}
        ask("RegisterDaemonTaskDefinition", **late)
        wanted = {"daemonTaskDefinitionArn": definition, "capacityProviderArns": [made.machines]}
        for name in ("daemon", "late"):
            daemon = ask("CreateDaemon", clusterArn=cluster_arn, daemonName=f"{name}-{number}", **wanted)
            if name == "daemon":
                made.daemons.append(daemon["daemonArn"])
                made.daemon_deployments.append(daemon["deploymentArn"])
                (deployment,) = ask("DescribeDaemonDeployments", daemonDeploymentArns=made.daemon_deployments[-1:])[
                    "daemonDeployments"
                ]
                made.daemon_revisions.append(deployment["targetDaemonRevision"]["arn"])
