"""Each way of bringing a new version out, on real containers: to its end, back again, and through the loss of the server in the middle."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.scenarios.cluster import Cluster, Document
from tests.scenarios.conftest import ON_DOCKER, Servers
from tests.scenarios.engine import Witness
from tests.scenarios.server import OPENER, command, free_port
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
CANARY = {
    "strategy": "CANARY",
    "bakeTimeInMinutes": 0,
    "canaryConfiguration": {"canaryPercent": 25.0, "canaryBakeTimeInMinutes": 0},
}
LIFE = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


def deployment(cluster: Cluster, name: str = "web") -> Document:
    """The newest of the service, in full."""
    listed = cluster.ecs.list_service_deployments(cluster=cluster.name, service=name)["serviceDeployments"]
    asked = [listed[0]["serviceDeploymentArn"]]
    (found,) = cluster.ecs.describe_service_deployments(serviceDeploymentArns=asked)["serviceDeployments"]
    newest: Document = found
    return newest


def ended(cluster: Cluster, status: str, name: str = "web") -> Document:
    """The newest deployment, once it has come to that."""

    def look() -> Document | None:
        found = deployment(cluster, name)
        return found if found["status"] == status else None

    return eventually(f"{status} of {name}", look)


def update(cluster: Cluster, definition: str, name: str = "web", **asked: object) -> Document:
    answer = cluster.ecs.update_service(cluster=cluster.name, service=name, taskDefinition=definition, **asked)
    service: Document = answer["service"]
    return service


def served(cluster: Cluster, engine: Witness) -> list[str]:
    return engine.served(cluster.server.id, cluster.name)


def only(cluster: Cluster, engine: Witness, *tasks: str) -> None:
    """In the end these run and no others."""
    eventually("only these", lambda: served(cluster, engine) == sorted(tasks) or None)


def begin(cluster: Cluster, desired: int = 1) -> tuple[Document, list[str]]:
    """A service of one version, complete; its deployment and its tasks."""
    definition = cluster.register(cluster.container(), networkMode="bridge")
    asked = {"cluster": cluster.name, "serviceName": "web", "taskDefinition": definition, "desiredCount": desired}
    cluster.ecs.create_service(**asked, launchType="EC2")
    ended(cluster, "SUCCESSFUL")
    return cluster.stable(), cluster.tasks(serviceName="web")


# --- rolling -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["exits at once", "has no image"])
def test_the_circuit_breaker_goes_back_to_what_worked(cluster: Cluster, engine: Witness, trouble: str) -> None:
    before, tasks = begin(cluster)
    bad = cluster.container("exit 7")
    if trouble == "has no image":
        bad["image"] = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{cluster.name}:gone"
    update(cluster, cluster.register(bad, networkMode="bridge"), deploymentConfiguration=BREAKER)
    rolled = ended(cluster, "ROLLBACK_SUCCESSFUL")
    assert (
        rolled["statusReason"] == "Service deployment rolled back because the circuit breaker threshold was exceeded."
    )
    assert rolled["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3}
    after = cluster.stable()
    assert [one["id"] for one in after["deployments"]] == [before["deployments"][0]["id"]]
    assert after["taskDefinition"] == before["taskDefinition"]
    kept = cluster.tasks(serviceName="web")
    assert kept == tasks or trouble == "exits at once"  # then the new one RAN for a moment, and the old one made room
    only(cluster, engine, *kept)
    assert cluster.task(kept[0])["taskDefinitionArn"] == before["taskDefinition"]


def test_a_deployment_that_its_user_stops_goes_back(cluster: Cluster, engine: Witness) -> None:
    before, tasks = begin(cluster, 2)
    never = cluster.container(healthCheck={"command": ["CMD-SHELL", "exit 1"], "retries": 10})
    update(cluster, cluster.register(never, networkMode="bridge"))
    eventually("new ones beside the old", lambda: len(served(cluster, engine)) == 4)
    arn = deployment(cluster)["serviceDeploymentArn"]
    assert cluster.ecs.stop_service_deployment(serviceDeploymentArn=arn)["serviceDeploymentArn"] == arn
    ended(cluster, "ROLLBACK_SUCCESSFUL")
    assert [one["id"] for one in cluster.stable()["deployments"]] == [before["deployments"][0]["id"]]
    only(cluster, engine, *tasks)
    with pytest.raises(ClientError):
        cluster.ecs.stop_service_deployment(serviceDeploymentArn=arn)


# --- traffic that shifts -------------------------------------------------------------------------------------------------


def held(cluster: Cluster) -> Document | None:
    """The hook that waits for its user."""
    hooks = deployment(cluster).get("lifecycleHookDetails", ())
    return next((one for one in hooks if one["status"] == "AWAITING_ACTION"), None)


@pytest.mark.parametrize(
    ("action", "status"), [("CONTINUE", "SUCCESSFUL"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL")], ids=str
)
def test_blue_and_green_wait_side_by_side_for_a_word(
    cluster: Cluster, engine: Witness, action: str, status: str
) -> None:
    _, blue = begin(cluster)
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}
    new = cluster.register(cluster.container(), networkMode="bridge")
    update(cluster, new, deploymentConfiguration={**BLUE_GREEN, "lifecycleHooks": [hook]})
    waiting = eventually("the pause", lambda: held(cluster))
    both = cluster.tasks(serviceName="web")
    (green,) = set(both) - set(blue)
    assert served(cluster, engine) == sorted(both)
    paused = deployment(cluster)
    assert (paused["lifecycleStage"], paused["status"]) == ("POST_SCALE_UP", "IN_PROGRESS")

    arn = paused["serviceDeploymentArn"]
    cluster.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waiting["hookId"], action=action)
    ended(cluster, status)
    kept = [green] if action == "CONTINUE" else blue
    only(cluster, engine, *kept)
    assert cluster.stable()["runningCount"] == 1
    assert cluster.tasks(serviceName="web") == kept


def test_a_canary_goes_from_stage_to_stage_to_its_end(cluster: Cluster, engine: Witness) -> None:
    _, old = begin(cluster)
    update(cluster, cluster.register(cluster.container(), networkMode="bridge"), deploymentConfiguration=CANARY)
    done = ended(cluster, "SUCCESSFUL")
    assert done["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100.0
    stages = [text.split()[2].rstrip(":") for text in why(cluster, "web") if " enters " in text]
    shift = ["PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"]
    first = ["PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT"]
    assert stages == [*first, *shift, *shift, "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"]
    cluster.stable()
    (new,) = cluster.tasks(serviceName="web")
    assert new not in old
    only(cluster, engine, new)


def why(cluster: Cluster, name: str) -> list[str]:
    """What `ecs-emulator why` says of the service, without the times."""
    asked = command("why", cluster.service(name)["serviceArn"], "--endpoint", cluster.server.endpoint)
    assert asked.returncode == 0, asked.stderr
    return [line.split(maxsplit=1)[1] for line in asked.stdout.splitlines()]


# --- task sets -----------------------------------------------------------------------------------------------------------


def a_task_set(cluster: Cluster, percent: float, name: str = "web") -> Document:
    definition = cluster.register(cluster.container(), networkMode="bridge")
    answer = cluster.ecs.create_task_set(
        cluster=cluster.name,
        service=name,
        taskDefinition=definition,
        launchType="EC2",
        scale={"value": percent, "unit": "PERCENT"},
    )
    made: Document = answer["taskSet"]
    return made


def steady(cluster: Cluster, task_set: Document, running: int, name: str = "web") -> Document:
    asked = {"cluster": cluster.name, "service": name, "taskSets": [task_set["id"]]}

    def look() -> Document | None:
        (found,) = cluster.ecs.describe_task_sets(**asked)["taskSets"]
        reached = found["stabilityStatus"] == "STEADY_STATE" and found["runningCount"] == running
        return found if reached else None

    return eventually(f"{running} tasks of {task_set['id']}", look)


def external(cluster: Cluster, desired: int, name: str = "web") -> None:
    cluster.ecs.create_service(
        cluster=cluster.name, serviceName=name, desiredCount=desired, deploymentController={"type": "EXTERNAL"}
    )


def test_traffic_of_an_external_deployment_is_its_users_business(cluster: Cluster, engine: Witness) -> None:
    external(cluster, 2)
    blue = a_task_set(cluster, 100)
    asked = {"cluster": cluster.name, "service": "web"}
    steady(cluster, blue, 2)
    cluster.ecs.update_service_primary_task_set(**asked, primaryTaskSet=blue["id"])
    green = a_task_set(cluster, 50)
    assert steady(cluster, green, 1)["status"] == "ACTIVE"
    assert len(served(cluster, engine)) == 3
    assert green["computedDesiredCount"] <= 1

    cluster.ecs.update_task_set(**asked, taskSet=green["id"], scale={"value": 100, "unit": "PERCENT"})
    steady(cluster, green, 2)
    cluster.ecs.update_service_primary_task_set(**asked, primaryTaskSet=green["id"])
    status = {one["id"]: one["status"] for one in cluster.service()["taskSets"]}
    assert status == {blue["id"]: "ACTIVE", green["id"]: "PRIMARY"}
    cluster.ecs.delete_task_set(**asked, taskSet=blue["id"], force=True)
    eventually("one set", lambda: [one["id"] for one in cluster.service()["taskSets"]] == [green["id"]])
    only(cluster, engine, *cluster.tasks(startedBy=green["id"]))
    assert cluster.service()["runningCount"] == 2


# --- what is told of it --------------------------------------------------------------------------------------------------


def stream(cluster: Cluster) -> Iterator[Document]:
    """The documents of the cluster as server-sent events, from the first on."""
    address = f"{cluster.server.endpoint}/_emulator/events?cluster={cluster.name}&limit=1000"
    request = urllib.request.Request(address, headers={"Accept": "text/event-stream"})
    with OPENER.open(request, timeout=20) as answer:
        for line in answer:
            if line.startswith(b"data:"):
                yield json.loads(line.removeprefix(b"data:"))


def test_a_rollout_is_told_in_order_and_each_state_once(cluster: Cluster) -> None:
    _, old = begin(cluster, 2)
    update(cluster, cluster.register(cluster.container(), networkMode="bridge"))
    versions: dict[str, list[int]] = {}
    states: dict[str, list[str]] = {}
    rollouts: list[str] = []
    for document in stream(cluster):
        detail = document["detail"]
        if document["detail-type"] == "ECS Task State Change":
            versions.setdefault(detail["taskArn"], []).append(detail["version"])
            states.setdefault(detail["taskArn"], []).append(detail["lastStatus"])
        if document["detail-type"] == "ECS Deployment State Change":
            rollouts.append(detail["eventName"])
        if len(rollouts) >= 4 and all(states.get(arn, [""])[-1] == "STOPPED" for arn in old):
            break
    assert rollouts == ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"] * 2
    assert len(states) == 4
    for arn, seen in states.items():
        assert versions[arn] == list(range(1, len(seen) + 1))
        assert [LIFE.index(one) for one in seen] == sorted(LIFE.index(one) for one in seen)
        assert {"PENDING", "RUNNING"} <= set(seen)
        assert (seen[-1] == "STOPPED") == (arn in old)


# --- a server that is shot -----------------------------------------------------------------------------------------------

STRATEGIES: dict[str, Document] = {
    "rolling": {"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100}},
    "narrow": {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 50}},
    "green": {"deploymentConfiguration": BLUE_GREEN},
    "canary": {"deploymentConfiguration": CANARY},
    "daemon": {"schedulingStrategy": "DAEMON"},
}
DESIRED = 2


def generations(cluster: Cluster) -> dict[str, Counter[str]]:
    """How many tasks each service ever had of each definition."""
    arns = [*cluster.tasks(), *cluster.tasks(desiredStatus="STOPPED")]
    found: dict[str, Counter[str]] = {}
    for task in cluster.ecs.describe_tasks(cluster=cluster.name, tasks=arns)["tasks"]:
        found.setdefault(task["group"].removeprefix("service:"), Counter())[task["taskDefinitionArn"]] += 1
    return found


def begun(cluster: Cluster, definition: str) -> Document:
    """One service of each strategy at its first version; the task set of the external one."""
    machines = ("--cluster", cluster.name, "--count", str(DESIRED), "--endpoint", cluster.server.endpoint)
    assert command("instances", "add", *machines).returncode == 0
    for name, asked in STRATEGIES.items():
        count = {} if name == "daemon" else {"desiredCount": DESIRED}
        cluster.ecs.create_service(
            cluster=cluster.name, serviceName=name, taskDefinition=definition, launchType="EC2", **count, **asked
        )
    external(cluster, DESIRED, "external")
    blue = a_task_set(cluster, 100, "external")
    steady(cluster, blue, DESIRED, "external")
    for name in STRATEGIES:
        ended(cluster, "SUCCESSFUL", name)
    return blue


def test_kill_9_in_the_middle_of_every_rollout_resumes_it(
    servers: Servers, engine: Witness, image: str, tmp_path: Path
) -> None:
    words = ("--data-dir", tmp_path / "data", "--port", str(free_port()), *ON_DOCKER)
    server = servers.start(*words)
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    old = cluster.register(cluster.container(), networkMode="bridge")
    blue = begun(cluster, old)
    known = set(cluster.tasks())
    new = cluster.register(cluster.container(), networkMode="bridge")
    for name in STRATEGIES:
        update(cluster, new, name)
    green = a_task_set(cluster, 100, "external")
    cluster.ecs.delete_task_set(cluster=cluster.name, service="external", taskSet=blue["id"], force=True)

    moments: list[Callable[[], bool]] = [
        lambda: True,
        lambda: bool(set(served(cluster, engine)) - known),
        lambda: len(known - set(served(cluster, engine))) > DESIRED,
    ]
    for moment in moments:
        eventually("the moment", moment)
        server.shoot()
        server.start()
        cluster = Cluster(server, cluster.name, image)

    for name in STRATEGIES:
        ended(cluster, "SUCCESSFUL", name)
        assert cluster.stable(name)["runningCount"] == DESIRED
    steady(cluster, green, DESIRED, "external")
    only(cluster, engine, *cluster.tasks())
    expected = {name: Counter({old: DESIRED, new: DESIRED}) for name in STRATEGIES}
    found = generations(cluster)
    sets = found.pop("external")
    assert found == expected
    assert sets == Counter({blue["taskDefinition"]: DESIRED, green["taskDefinition"]: DESIRED})
    assert server.end() == 0
