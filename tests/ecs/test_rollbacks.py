"""Deployments that are given up: by the circuit breaker or by their user, with something to go back to and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import Refused, Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
SIZES = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
NO_ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
BREAKER_TEXT = "Service deployment rolled back because the circuit breaker threshold was exceeded."
NO_CANDIDATE = "No rollback candidate was found to run the rollback."
Document = dict[str, Any]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path)
    found.call("CreateCluster")
    yield found
    found.close()


def define(sim: Simulation, words: str = "") -> None:
    labels = {"dockerLabels": {"ecs-emulator.simulate": words}} if words else {}
    sim.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[
            {"name": "app", "image": "app", "portMappings": [{"containerPort": 80, "name": "http"}], **labels}
        ],
        **SIZES,
    )


def create(sim: Simulation, words: str = "", configuration: Document = ROLLBACK) -> None:
    define(sim, words)
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        deploymentConfiguration=configuration,
    )
    sim.advance(60)


def update(sim: Simulation, words: str = "", *, settled: bool = True) -> None:
    define(sim, words)
    sim.call("UpdateService", service="web", taskDefinition="web")
    if settled:
        sim.advance(60)


def service(sim: Simulation) -> Document:
    return dict(sim.call("DescribeServices", services=["web"])["services"][0])


def history(sim: Simulation) -> list[Document]:
    """The service deployments in full, newest first."""
    listed = sim.call("ListServiceDeployments", service="web")["serviceDeployments"]
    arns = [each["serviceDeploymentArn"] for each in listed]
    return list(sim.call("DescribeServiceDeployments", serviceDeploymentArns=arns)["serviceDeployments"])


def until(sim: Simulation, holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        sim.step()
    raise AssertionError("it never came to that:\n" + sim.journal())


def stop(sim: Simulation, arn: str, **more: Any) -> Document:
    return dict(sim.call("StopServiceDeployment", serviceDeploymentArn=arn, **more))


# --- the circuit breaker --------------------------------------------------------------------------------------------


def test_an_update_whose_tasks_do_not_start_is_rolled_back(sim: Simulation) -> None:
    create(sim)
    (kept,) = service(sim)["deployments"]
    update(sim, "pull=fail")
    found = service(sim)
    assert found["taskDefinition"].endswith("web:1")
    assert (found["runningCount"], found["pendingCount"]) == (2, 0)
    (primary,) = found["deployments"]
    assert (primary["id"], primary["status"], primary["rolloutState"]) == (kept["id"], "PRIMARY", "COMPLETED")
    failed, first = history(sim)
    number = failed["targetServiceRevision"]["arn"].rpartition("/")[2]
    assert sim.events()[-4:] == [
        f"(deployment ecs-svc/{number}) deployment failed: tasks failed to start.",
        f"rolling back to deployment {kept['id']}.",
        f"(deployment {kept['id']}) deployment completed.",
        "has reached a steady state.",
    ]
    assert (failed["status"], failed["statusReason"]) == ("ROLLBACK_SUCCESSFUL", BREAKER_TEXT)
    assert failed["rollback"]["serviceRevisionArn"] == first["targetServiceRevision"]["arn"]
    assert failed["rollback"]["startedAt"] <= failed["finishedAt"]
    assert failed["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert failed["deploymentCircuitBreaker"]["failureCount"] in (3, 4)
    assert first["status"] == "SUCCESSFUL"
    assert "rollback" not in first


def test_while_it_rolls_back_both_deployments_say_so(sim: Simulation) -> None:
    create(sim, configuration={**ROLLBACK, "minimumHealthyPercent": 0, "maximumPercent": 100})
    (kept,) = service(sim)["deployments"]
    update(sim, "pull=fail", settled=False)
    until(sim, lambda: service(sim)["deployments"][0]["id"] == kept["id"])
    primary, *failed = service(sim)["deployments"]
    assert primary["rolloutState"] == "IN_PROGRESS"
    assert (
        primary["rolloutStateReason"] == f"ECS deployment circuit breaker: rolling back to deploymentId {kept['id']}."
    )
    for each in failed:
        assert (each["status"], each["desiredCount"], each["rolloutState"]) == ("ACTIVE", 0, "FAILED")
        assert each["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert history(sim)[0]["status"] == "ROLLBACK_IN_PROGRESS"


def test_a_first_deployment_has_nothing_to_go_back_to(sim: Simulation) -> None:
    create(sim, "pull=fail")
    (only,) = service(sim)["deployments"]
    assert (only["status"], only["rolloutState"]) == ("PRIMARY", "FAILED")
    assert only["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert sim.events()[-1] == f"(deployment {only['id']}) deployment failed: tasks failed to start."
    (known,) = history(sim)
    assert (known["status"], known["statusReason"]) == ("ROLLBACK_FAILED", NO_CANDIDATE)
    tasks = len(sim.tasks())
    sim.advance(3600)
    assert len(sim.tasks(released=False)) == 0
    assert tasks >= 3


def test_without_rollback_the_failed_deployment_stays_and_the_old_tasks_run_on(sim: Simulation) -> None:
    create(sim, configuration=NO_ROLLBACK)
    update(sim, "pull=fail")
    failed, kept = service(sim)["deployments"]
    assert (failed["status"], failed["rolloutState"], failed["runningCount"]) == ("PRIMARY", "FAILED", 0)
    assert (kept["status"], kept["rolloutState"], kept["runningCount"]) == ("ACTIVE", "COMPLETED", 2)
    assert (history(sim)[0]["status"], "stoppedAt" in history(sim)[0]) == ("STOPPED", True)
    update(sim)
    (mended,) = service(sim)["deployments"]
    assert (mended["rolloutState"], mended["runningCount"]) == ("COMPLETED", 2)


def test_what_completed_once_is_not_judged_any_more(sim: Simulation) -> None:
    create(sim, "exit=1 after=10s")
    sim.advance(3600)
    (only,) = service(sim)["deployments"]
    assert only["rolloutState"] == "COMPLETED"
    assert not any("deployment failed" in event for event in sim.events())


def test_an_update_during_a_rollback_ends_it(sim: Simulation) -> None:
    create(sim, configuration={**ROLLBACK, "minimumHealthyPercent": 0, "maximumPercent": 100})
    update(sim, "pull=fail", settled=False)
    until(sim, lambda: history(sim)[0]["status"] == "ROLLBACK_IN_PROGRESS")
    update(sim)
    statuses = [each["status"] for each in history(sim)]
    assert sorted(statuses) == ["ROLLBACK_FAILED", "SUCCESSFUL", "SUCCESSFUL"]
    assert service(sim)["taskDefinition"].endswith("web:3")
    assert service(sim)["runningCount"] == 2


def test_a_rollback_goes_on_after_a_crash(sim: Simulation) -> None:
    create(sim, configuration={**ROLLBACK, "minimumHealthyPercent": 0, "maximumPercent": 100})
    update(sim, "pull=fail", settled=False)
    until(sim, lambda: history(sim)[0]["status"] == "ROLLBACK_IN_PROGRESS")
    sim.crash()
    sim.advance(60)
    assert history(sim)[0]["status"] == "ROLLBACK_SUCCESSFUL"
    assert service(sim)["runningCount"] == 2
    assert len([event for event in sim.events() if event.startswith("rolling back")]) == 1


def test_with_the_revision_its_namespace_and_its_routes_come_back(sim: Simulation) -> None:
    def shared(namespace: str) -> Document:
        return {"serviceConnectConfiguration": {"enabled": True, "namespace": namespace}}

    def seen() -> tuple[int, list[int]]:
        by_name = [len(sim.call("ListServicesByNamespace", namespace=name)["serviceArns"]) for name in ("old", "new")]
        return len(sim.call("ListGatewayRoutes", service="web")["gatewayRoutes"]), by_name

    role = "arn:aws:iam::123456789012:role/edge"
    sim.call("CreateGateway", name="edge", infrastructureRoleArn=role, configuration={"hostSharedAlb": {}})
    sim.call("AssociateGatewayWithCluster", gateway="edge", cluster="default")
    create(sim)
    sim.call("UpdateService", service="web", gatewayConnectors=[{"portName": "http"}], **shared("old"))
    sim.advance(60)
    define(sim, "pull=fail")
    sim.call("UpdateService", service="web", taskDefinition="web", gatewayConnectors=[], **shared("new"))
    assert seen() == (0, [0, 1])
    sim.advance(60)
    assert history(sim)[0]["status"] == "ROLLBACK_SUCCESSFUL"
    assert seen() == (1, [1, 0])


# --- StopServiceDeployment ------------------------------------------------------------------------------------------


def test_its_user_stops_a_deployment(sim: Simulation) -> None:
    create(sim, configuration={})
    update(sim, "start=slow", settled=False)
    ongoing = history(sim)[0]
    assert ongoing["status"] == "IN_PROGRESS"
    arn = ongoing["serviceDeploymentArn"]
    assert stop(sim, arn) == {"serviceDeploymentArn": arn}
    assert history(sim)[0]["status"] == "ROLLBACK_REQUESTED"
    assert service(sim)["currentServiceDeployment"] == arn
    assert stop(sim, arn, stopType="ROLLBACK") == {"serviceDeploymentArn": arn}
    sim.advance(60)
    assert service(sim)["taskDefinition"].endswith("web:1")
    assert service(sim)["runningCount"] == 2
    stopped = history(sim)[0]
    reason = "Service deployment rolled back because of a user request."
    assert (stopped["status"], stopped["statusReason"]) == ("ROLLBACK_SUCCESSFUL", reason)
    assert stopped["deploymentCircuitBreaker"]["status"] == "DISABLED"


def test_a_first_deployment_that_its_user_stops_has_nothing_to_go_back_to_either(sim: Simulation) -> None:
    create(sim, "pull=fail", configuration={})
    assert history(sim)[0]["status"] == "IN_PROGRESS"
    stop(sim, history(sim)[0]["serviceDeploymentArn"])
    sim.advance(60)
    (known,) = history(sim)
    assert (known["status"], known["statusReason"]) == ("ROLLBACK_FAILED", NO_CANDIDATE)


def test_what_is_to_stop_anyway_may_be_stopped_again(sim: Simulation) -> None:
    create(sim, configuration={})
    update(sim, "start=slow", settled=False)
    sim.clock.advance(1)
    update(sim, settled=False)
    overtaken = history(sim)[1]
    assert overtaken["status"] == "STOP_REQUESTED"
    arn = overtaken["serviceDeploymentArn"]
    assert stop(sim, arn) == {"serviceDeploymentArn": arn}
    assert history(sim)[1]["status"] == "STOP_REQUESTED"


def test_a_deployment_that_is_over_cannot_be_stopped(sim: Simulation) -> None:
    create(sim)
    with pytest.raises(Refused, match="terminal state") as refused:
        stop(sim, history(sim)[0]["serviceDeploymentArn"])
    assert refused.value.code == "ConflictException"


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        ("StopServiceDeployment", {}, "ServiceDeploymentNotFoundException", "not found"),
        (
            "StopServiceDeployment",
            {"serviceDeploymentArn": "web"},
            "InvalidParameterException",
            "ARN provided is invalid",
        ),
        ("StopServiceDeployment", {"stopType": "NOW"}, "ServiceDeploymentNotFoundException", "not found"),
        ("ContinueServiceDeployment", {"hookId": "ecs-pause-1"}, "ServiceDeploymentNotFoundException", "not found"),
    ],
)
def test_what_is_not_there_is_neither_stopped_nor_continued(
    sim: Simulation, operation: str, params: Document, code: str, message: str
) -> None:
    unknown = "arn:aws:ecs:us-east-1:123456789012:service-deployment/default/web/AAAAAAAAAAAAAAAAAAAAA"
    with pytest.raises(Refused, match=message) as refused:
        sim.call(operation, **{"serviceDeploymentArn": unknown, **params})
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("StopServiceDeployment", {"stopType": "NOW"}, "InvalidParameterException"),
        ("StopServiceDeployment", {"stopType": "ABORT"}, "UnsupportedFeatureException"),
        ("ContinueServiceDeployment", {"hookId": "ecs-pause-1"}, "InvalidParameterException"),
        ("ContinueServiceDeployment", {"hookId": "ecs-pause-1", "action": "STOP"}, "InvalidParameterException"),
    ],
)
def test_a_deployment_refuses_what_it_cannot_do(sim: Simulation, operation: str, params: Document, code: str) -> None:
    create(sim)
    update(sim, "start=slow", settled=False)
    with pytest.raises(Refused) as refused:
        sim.call(operation, serviceDeploymentArn=history(sim)[0]["serviceDeploymentArn"], **params)
    assert refused.value.code == code
    assert history(sim)[0]["status"] == "IN_PROGRESS"


# --- what is over stands still --------------------------------------------------------------------------------------


def test_the_counts_of_a_deployment_that_is_over_stand_still(sim: Simulation) -> None:
    create(sim)
    update(sim)
    before = history(sim)
    sim.call("UpdateService", service="web", desiredCount=5)
    sim.advance(60)
    assert service(sim)["runningCount"] == 5
    after = history(sim)
    for then, now in zip(before, after, strict=True):
        assert now["targetServiceRevision"] == then["targetServiceRevision"]
        assert now["targetServiceRevision"]["runningTaskCount"] == 2


@pytest.mark.parametrize("strategy", ["ROLLING", "BLUE_GREEN"])
def test_containers_that_run_for_a_moment_and_end_trip_the_breaker(sim: Simulation, strategy: str) -> None:
    create(sim, configuration={**ROLLBACK, "strategy": strategy, "bakeTimeInMinutes": 0})
    (kept,) = service(sim)["deployments"]
    update(sim, "exit=1 after=0.2s")
    (primary,) = service(sim)["deployments"]
    assert (primary["id"], primary["rolloutState"], primary["runningCount"]) == (kept["id"], "COMPLETED", 2)
    assert (history(sim)[0]["status"], history(sim)[0]["statusReason"]) == ("ROLLBACK_SUCCESSFUL", BREAKER_TEXT)
