"""A service keeps what it promised while containers are killed under it, and says in its events what it did."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.scenarios.cluster import ON_FARGATE, WAITER, Cluster, Document, address_of, checked, container_of
from tests.scenarios.engine import Witness, with_pause
from tests.scenarios.server import page
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

WEB = "exec /bin/sh /bin/web"


def on_engine(cluster: Cluster, engine: Witness, *tasks: str) -> bool:
    """Whether exactly these tasks run for the cluster, each of one container named main and its pause."""
    mine = [one for one in engine.running(cluster.server.id) if f"/{cluster.name}/" in one[0]]
    return mine == sorted(row for arn in tasks for row in with_pause(arn, "main"))


def test_a_killed_container_is_replaced_and_the_service_says_so(cluster: Cluster, engine: Witness) -> None:
    created = cluster.create_service(cluster.register(cluster.container()), 2)
    assert (created["status"], created["runningCount"], len(created["deployments"])) == ("ACTIVE", 0, 1)
    service = cluster.stable()
    assert (service["runningCount"], service["pendingCount"]) == (2, 0)
    first, second = sorted(cluster.tasks(serviceName="web"))
    assert on_engine(cluster, engine, first, second)
    eventually("the steady state", lambda: cluster.events()[0] == "has reached a steady state.")
    deployment = created["deployments"][0]["id"]
    assert cluster.events() == [
        "has reached a steady state.",
        f"(deployment {deployment}) deployment completed.",
        f"has started 2 tasks: (task {short(first)}) (task {short(second)}).",
    ]

    engine.kill(first, "main")
    replacement = eventually("the replacement", lambda: next(iter(running_but(cluster, first, second)), None))
    killed = cluster.stopped(first)
    assert (killed["stopCode"], killed["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert container_of(killed)["exitCode"] == 137
    assert cluster.stable()["runningCount"] == 2
    eventually("the steady state", lambda: cluster.events()[0] == "has reached a steady state.")
    assert cluster.events()[1] == f"has started 1 tasks: (task {short(replacement)})."
    eventually("nothing else", lambda: on_engine(cluster, engine, second, replacement))
    assert cluster.task(replacement)["startedBy"] == deployment


def running_but(cluster: Cluster, *known: str) -> list[str]:
    arns = [arn for arn in cluster.tasks(serviceName="web") if arn not in known]
    return [arn for arn in arns if cluster.task(arn)["lastStatus"] == "RUNNING"]


def short(arn: str) -> str:
    return arn.rpartition("/")[2]


def test_a_rolling_update_never_serves_less_than_it_should(
    cluster: Cluster, engine: Witness, images: Callable[[int], str]
) -> None:
    old = cluster.register(cluster.container(WEB))
    new = cluster.register({**cluster.container(WEB), "image": images(2)})
    cluster.create_service(old, 2)
    before = cluster.stable()
    old_tasks = cluster.tasks(serviceName="web")

    answer = cluster.ecs.update_service(cluster=cluster.name, service="web", taskDefinition=new)["service"]
    primary, superseded = answer["deployments"]
    assert (primary["status"], primary["taskDefinition"], primary["rolloutState"]) == ("PRIMARY", new, "IN_PROGRESS")
    assert (superseded["status"], superseded["id"]) == ("ACTIVE", before["deployments"][0]["id"])
    seen: list[int] = []
    eventually("the end of the rollout", lambda: rolled(cluster, seen), 60.0)
    assert min(seen) >= 2
    assert max(seen) <= 4

    after = cluster.stable()
    assert [one["id"] for one in after["deployments"]] == [primary["id"]]
    assert after["deployments"][0]["rolloutState"] == "COMPLETED"
    tasks = cluster.tasks(serviceName="web")
    assert len(tasks) == 2 and not set(tasks) & set(old_tasks)
    for arn in tasks:
        url = f"http://{address_of(cluster.task(arn))}:8080/"
        assert eventually("the page", lambda url=url: page(url)) == "web 2"  # type: ignore[misc]
    for arn in old_tasks:
        ended = cluster.stopped(arn)
        assert ended["stopCode"] == "ServiceSchedulerInitiated"
        assert ended["stoppedReason"] == f"Scaling activity initiated by (deployment {superseded['id']})"
    eventually("only new containers", lambda: on_engine(cluster, engine, *tasks))


def rolled(cluster: Cluster, seen: list[int]) -> bool:
    service = cluster.service()
    seen.append(service["runningCount"])
    return len(service["deployments"]) == 1


def test_a_service_scales_to_nothing_and_goes(cluster: Cluster, engine: Witness) -> None:
    cluster.create_service(cluster.register(cluster.container()), 2)
    cluster.stable()
    with pytest.raises(ClientError, match="The service cannot be stopped while it is scaled above 0"):
        cluster.ecs.delete_service(cluster=cluster.name, service="web")

    cluster.ecs.update_service(cluster=cluster.name, service="web", desiredCount=0)
    assert cluster.stable()["runningCount"] == 0
    assert re.fullmatch(r"has stopped 2 running tasks: \(task \w+\) \(task \w+\)\.", cluster.event("has stopped"))
    eventually("no container", lambda: on_engine(cluster, engine))

    deleted = cluster.ecs.delete_service(cluster=cluster.name, service="web")["service"]
    assert deleted["status"] == "DRAINING"
    gone = cluster.inactive()
    assert (gone["status"], gone["events"], gone["runningCount"]) == ("INACTIVE", [], 0)
    assert cluster.ecs.list_services(cluster=cluster.name)["serviceArns"] == []
    with pytest.raises(ClientError) as refused:
        cluster.ecs.update_service(cluster=cluster.name, service="web", desiredCount=1)
    assert refused.value.response["Error"] == {
        "Code": "ServiceNotActiveException",
        "Message": "Service was not ACTIVE.",
    }


def test_a_service_deleted_by_force_takes_its_tasks_with_it(cluster: Cluster, engine: Witness) -> None:
    definition = cluster.register(cluster.container())
    cluster.create_service(definition, 2)
    cluster.stable()
    tasks = cluster.tasks(serviceName="web")
    cluster.ecs.delete_service(cluster=cluster.name, service="web", force=True)
    cluster.inactive()
    assert all(cluster.task(arn)["lastStatus"] == "STOPPED" for arn in tasks)
    assert on_engine(cluster, engine)

    again = cluster.create_service(definition, 1)
    assert (again["status"], again["events"], len(again["deployments"])) == ("ACTIVE", [], 1)
    assert cluster.stable()["runningCount"] == 1
    cluster.ecs.delete_service(cluster=cluster.name, service="web", force=True)
    cluster.inactive()
    cluster.ecs.delete_cluster(cluster=cluster.name)
    cluster.ecs.create_cluster(clusterName=cluster.name)


def test_a_stopped_task_is_replaced(cluster: Cluster) -> None:
    cluster.create_service(cluster.register(cluster.container()), 1)
    cluster.stable()
    (first,) = cluster.tasks(serviceName="web")
    assert cluster.stop(first, reason="a whim")["stoppedReason"] == "a whim"
    eventually("the replacement", lambda: running_but(cluster, first))
    assert cluster.service()["deployments"][0]["failedTasks"] == 0


def test_an_unhealthy_task_goes_when_its_replacement_is_healthy(cluster: Cluster, engine: Witness) -> None:
    cluster.create_service(cluster.register(cluster.container(WEB, **checked("/bin/cat /www/health"))), 1)
    cluster.stable()
    (first,) = cluster.tasks(serviceName="web")
    eventually("its health", lambda: cluster.task(first)["healthStatus"] == "HEALTHY")

    engine.execute(first, "main", "/bin/busybox", "rm", "/www/health")
    (second,) = eventually("the replacement", lambda: running_but(cluster, first))
    assert cluster.task(first)["desiredStatus"] == "RUNNING"
    ended = eventually("the end of the sick one", lambda: stopped_task(cluster, first))
    assert (ended["stopCode"], ended["stoppedReason"], ended["healthStatus"]) == (
        "ServiceSchedulerInitiated",
        "Task failed container health checks",
        "UNHEALTHY",
    )
    assert cluster.task(second)["healthStatus"] == "HEALTHY"
    assert f"(task {short(first)}) failed container health checks." in cluster.events()
    assert cluster.event("has started 1 tasks").endswith("replaced 1 tasks due to an unhealthy status.")


def test_when_the_replacement_is_unhealthy_too_one_of_both_goes(cluster: Cluster) -> None:
    cluster.create_service(cluster.register(cluster.container(**checked("/bin/false"))), 1)
    ended = eventually("the end of one", lambda: cluster.tasks(serviceName="web", desiredStatus="STOPPED"))
    assert cluster.task(ended[0])["stoppedReason"] == "Task failed container health checks"


def stopped_task(cluster: Cluster, arn: str) -> Document | None:
    task = cluster.task(arn)
    return task if task["lastStatus"] == "STOPPED" else None


def test_a_rollout_waits_until_the_new_task_is_healthy(cluster: Cluster) -> None:
    cluster.create_service(cluster.register(cluster.container()), 1)
    cluster.stable()
    (first,) = cluster.tasks(serviceName="web")
    new = cluster.register(cluster.container(**checked("/bin/true")))
    cluster.ecs.update_service(cluster=cluster.name, service="web", taskDefinition=new)
    (second,) = eventually("the new task", lambda: running_but(cluster, first))
    assert cluster.task(first)["desiredStatus"] == "RUNNING"
    assert cluster.task(second)["healthStatus"] == "UNKNOWN"
    cluster.stable()
    assert cluster.task(second)["healthStatus"] == "HEALTHY"
    assert cluster.task(first)["desiredStatus"] == "STOPPED"


def test_a_service_that_cannot_start_says_so_and_slows_down(cluster: Cluster) -> None:
    missing = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{cluster.name}:gone"
    cluster.create_service(cluster.register({**cluster.container(), "image": missing}), 1)
    impaired = cluster.event("is unable to consistently start tasks successfully")
    assert impaired.endswith("see the Troubleshooting section of the Amazon ECS Developer Guide.")
    assert cluster.event("was unable to place a task. Reason: CannotPullContainerError: ").endswith(": not found.")
    begun = sum(text.startswith("has started 1 tasks") for text in cluster.events())
    assert 3 <= begun <= 8
    assert cluster.service()["deployments"][0]["failedTasks"] >= 3
    assert len(cluster.tasks(serviceName="web", desiredStatus="STOPPED")) >= 3

    new = cluster.register(cluster.container())
    cluster.ecs.update_service(cluster=cluster.name, service="web", taskDefinition=new)
    assert cluster.stable()["runningCount"] == 1


def test_an_ec2_service_takes_the_place_of_the_static_port_it_had(cluster: Cluster) -> None:
    """With one instance and a static port only `minimumHealthyPercent` 0 can roll: the old task makes room first."""
    definition = cluster.register(cluster.container(WEB), networkMode="bridge")
    rolling = {"maximumPercent": 100, "minimumHealthyPercent": 0}
    cluster.ecs.create_service(
        cluster=cluster.name,
        serviceName="web",
        taskDefinition=definition,
        desiredCount=1,
        launchType="EC2",
        deploymentConfiguration=rolling,
    )
    assert cluster.stable()["runningCount"] == 1
    (first,) = cluster.tasks(serviceName="web")
    cluster.ecs.update_service(cluster=cluster.name, service="web", forceNewDeployment=True)
    (second,) = eventually("the successor", lambda: running_but(cluster, first))
    assert cluster.task(first)["stoppedAt"] <= cluster.task(second)["createdAt"]


def test_a_service_is_named_by_its_arn_too(cluster: Cluster) -> None:
    arn = cluster.create_service(cluster.register(cluster.container()), 0)["serviceArn"]
    assert arn.endswith(f":service/{cluster.name}/web")
    cluster.ecs.get_waiter("services_stable").wait(cluster=cluster.name, services=[arn], WaiterConfig=WAITER)
    cluster.ecs.update_service(cluster=cluster.name, service=arn, desiredCount=1)
    assert cluster.stable()["runningCount"] == 1
    unknown = cluster.ecs.describe_services(cluster=cluster.name, services=[arn, "nothing"])
    assert [one["serviceName"] for one in unknown["services"]] == ["web"]
    assert unknown["failures"] == [{"arn": arn.replace("/web", "/nothing"), "reason": "MISSING"}]
    with pytest.raises(ClientError, match="Creation of service was not idempotent"):
        cluster.ecs.create_service(
            cluster=cluster.name, serviceName="web", taskDefinition=cluster.name, desiredCount=5, **ON_FARGATE
        )


def test_a_rollout_can_be_followed_as_terraform_follows_it(cluster: Cluster) -> None:
    """By the number that the PRIMARY deployment shares with its service revision, among those begun since the call."""
    called = datetime.now(UTC)
    cluster.create_service(cluster.register(cluster.container()), 1)
    followed(cluster, called)
    called = datetime.now(UTC)
    cluster.ecs.update_service(
        cluster=cluster.name, service="web", taskDefinition=cluster.register(cluster.container())
    )
    followed(cluster, called)
    assert cluster.service()["runningCount"] == 1


def followed(cluster: Cluster, since: datetime) -> None:
    primary = next(one for one in cluster.service()["deployments"] if one["status"] == "PRIMARY")
    assert primary["createdAt"] >= since
    number = primary["id"].removeprefix("ecs-svc/")
    listed = cluster.ecs.list_service_deployments(cluster=cluster.name, service="web", createdAt={"after": since})
    (arn,) = [
        one["serviceDeploymentArn"] for one in listed["serviceDeployments"] if number in one["targetServiceRevisionArn"]
    ]
    seen: list[str] = []

    def succeeded() -> bool:
        (deployment,) = cluster.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        seen.append(deployment["status"])
        return seen[-1] == "SUCCESSFUL"

    eventually("success", succeeded)
    assert set(seen) <= {"PENDING", "IN_PROGRESS", "SUCCESSFUL"}
