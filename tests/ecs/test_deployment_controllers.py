"""Services whose deployments are another's business: what they may ask for, and what of them is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.records.task_sets import TaskSet
from tests.ecs.running import INVALID, refusal
from tests.ecs.task_set_world import (
    CODE_DEPLOY,
    EXTERNAL,
    GREEN,
    NETWORK,
    SETS_ONLY,
    TARGET,
    Document,
    a_set,
    begun,
    counts,
    create,
    let_go,
    promoted,
    running,
    shown,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


def test_an_external_service_is_nothing_but_a_number(sim: Simulation) -> None:
    service = create(sim)
    assert (service["taskSets"], service["deployments"], service["launchType"]) == ([], [], "EC2")
    assert (service["desiredCount"], service["deploymentController"]) == (2, {"type": "EXTERNAL"})
    assert not {"taskDefinition", "currentServiceRevisions", "networkConfiguration", "roleArn"} & set(service)
    sim.advance(60)
    assert (sim.tasks(), sim.events()) == ([], [])
    assert shown(sim)["status"] == "ACTIVE"


def test_nothing_is_desired_of_an_external_service_that_does_not_say_how_many(sim: Simulation) -> None:
    assert sim.call("CreateService", serviceName="web", **EXTERNAL)["service"]["desiredCount"] == 0


BREAKER = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}
NO_BREAKER = "Deployment circuit breaker feature can only be used with ECS deployment controller"
NO_BALANCER = (
    "When specifying the CODE_DEPLOY deployment controller type, the service requires an Application Load Balancer or "
    "Network Load Balancer."
)
LINKED_ROLE = "You cannot specify an IAM role for services that require a service linked role."
CREATE_REFUSALS: list[tuple[Document, str]] = [
    (
        {"deploymentController": {"type": "MINE"}},
        "deployment controller type should be one of [ECS,CODE_DEPLOY,EXTERNAL]",
    ),
    ({**EXTERNAL, "taskDefinition": "web"}, "TaskDefinition must be blank."),
    ({**EXTERNAL, "taskDefinition": ""}, "Family should not be null or empty."),
    ({**EXTERNAL, "loadBalancers": [TARGET]}, "LoadBalancers must be empty or null."),
    ({**EXTERNAL, "networkConfiguration": NETWORK}, "NetworkConfiguration must be null."),
    ({**EXTERNAL, "launchType": "FARGATE"}, "LaunchType must be null."),
    ({**EXTERNAL, "platformVersion": "LATEST"}, "PlatformVersion must be null."),
    ({**EXTERNAL, "role": "ecsServiceRole"}, LINKED_ROLE),
    ({**EXTERNAL, "desiredCount": -1}, "DesiredCount can not be lesser than 0"),
    ({**EXTERNAL, **BREAKER}, NO_BREAKER),
    (
        {**EXTERNAL, "schedulingStrategy": "DAEMON"},
        "The daemon scheduling strategy does not support the EXTERNAL deployment controller. "
        "Change the deployment controller and try again",
    ),
    ({**EXTERNAL, "placementStrategy": [{"type": "random", "field": "cpu"}]}, "random field should not be specified."),
    ({**CODE_DEPLOY}, "TaskDefinition can not be blank."),
    ({**CODE_DEPLOY, "taskDefinition": "web", **BREAKER}, NO_BALANCER),
    ({**GREEN, **BREAKER}, NO_BREAKER),
    (
        {**GREEN, "loadBalancers": [{**TARGET, "containerPort": 81}]},
        "The container app did not have a container port 81 defined.",
    ),
]


@pytest.mark.parametrize(("params", "message"), CREATE_REFUSALS, ids=lambda each: str(each)[:60])
def test_create_service_refuses(sim: Simulation, params: Document, message: str) -> None:
    asked = {"serviceName": "web", "desiredCount": 1, **params}
    assert refusal(sim, "CreateService", **asked) == (INVALID, message)
    assert sim.call("ListServices")["serviceArns"] == []


DEPLOY_INSTEAD = "on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment."
SET_INSTEAD = "on services with an EXTERNAL deployment controller. Create a new task set to trigger a new deployment."


@pytest.mark.parametrize(
    ("made", "params", "message"),
    [
        (GREEN, {"taskDefinition": "web"}, f"Unable to update task definition {DEPLOY_INSTEAD}"),
        (GREEN, {"networkConfiguration": NETWORK}, f"Unable to update network parameters {DEPLOY_INSTEAD}"),
        (GREEN, {"loadBalancers": [TARGET]}, f"Unable to update load balancers {DEPLOY_INSTEAD}"),
        (GREEN, {"platformVersion": "1.4.0"}, f"Unable to update platform version {DEPLOY_INSTEAD}"),
        (GREEN, {"forceNewDeployment": True}, f"Cannot force a new deployment {DEPLOY_INSTEAD}"),
        (GREEN, BREAKER, NO_BREAKER),
        (GREEN, {"serviceRegistries": [{}]}, f"Unable to update service registries {DEPLOY_INSTEAD}"),
        (EXTERNAL, {"networkConfiguration": NETWORK}, f"Unable to update network parameters {SET_INSTEAD}"),
        (EXTERNAL, {"taskDefinition": "web"}, f"Unable to update task definition {SET_INSTEAD}"),
        (EXTERNAL, {"forceNewDeployment": True}, f"Cannot force a new deployment {SET_INSTEAD}"),
        (EXTERNAL, {"desiredCount": -1}, "Task count can not be lesser than 0"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_update_service_refuses(sim: Simulation, made: Document, params: Document, message: str) -> None:
    before = create(sim, **made)
    assert refusal(sim, "UpdateService", service="web", **params) == (INVALID, message)
    assert shown(sim) == before


def test_what_makes_no_task_is_updated_in_place(sim: Simulation) -> None:
    create(sim, **GREEN)
    updated = sim.call(
        "UpdateService",
        service="web",
        desiredCount=3,
        healthCheckGracePeriodSeconds=30,
        propagateTags="SERVICE",
        forceNewDeployment=False,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 100},
        availabilityZoneRebalancing="DISABLED",
    )["service"]
    assert (updated["desiredCount"], updated["healthCheckGracePeriodSeconds"], updated["propagateTags"]) == (
        3,
        30,
        "SERVICE",
    )
    assert (updated["deployments"], len(updated["taskSets"])) == ([], 1)


# --- CODE_DEPLOY ------------------------------------------------------------------------------------------------------


def test_the_first_set_of_code_deploy_is_made_with_its_service(sim: Simulation) -> None:
    service = create(sim, **GREEN)
    (first,) = service["taskSets"]
    assert (first["status"], first["scale"]["value"], first["computedDesiredCount"]) == ("PRIMARY", 100.0, 2)
    assert "startedBy" not in first and first["loadBalancers"] == [TARGET]
    assert (service["deployments"], service["taskDefinition"][-5:]) == ([], "web:2")
    sim.settle()
    assert counts(sim) == [("PRIMARY", 2, 2, 0, "STEADY_STATE")]
    assert sim.events()[-1] == "has reached a steady state."


def test_a_blue_green_deployment_as_code_deploy_does_it(sim: Simulation) -> None:
    blue = create(sim, **{**GREEN, "taskDefinition": "web:1"})["taskSets"][0]
    sim.settle()
    green = a_set(sim, 100, externalId="d-ABCDEFGHI", loadBalancers=[{**TARGET, "targetGroupArn": "arn:tg2"}])
    assert (green["startedBy"], green["externalId"]) == ("CODE_DEPLOY", "d-ABCDEFGHI")
    sim.settle()
    assert [len(running(sim, each)) for each in (blue, green)] == [2, 2]
    promoted(sim, green)
    let_go(sim, blue, force=True)
    sim.advance(60)
    assert counts(sim) == [("PRIMARY", 2, 2, 0, "STEADY_STATE")]
    assert shown(sim)["taskDefinition"].endswith("web:2")


def test_the_same_words_make_one_code_deploy_service(sim: Simulation) -> None:
    first = create(sim, **GREEN, clientToken="once")
    assert create(sim, **GREEN, clientToken="once") == first


# --- who deploys, changed ---------------------------------------------------------------------------------------------


def test_ecs_takes_over_what_code_deploy_kept_as_a_rolling_update(sim: Simulation) -> None:
    first = create(sim, **{**GREEN, "taskDefinition": "web:1"})["taskSets"][0]
    sim.settle()
    asked = {"service": "web", "deploymentController": {"type": "ECS"}, "taskDefinition": "web:2"}
    updated = sim.call("UpdateService", **asked)["service"]
    assert "taskSets" not in updated and len(updated["deployments"]) == 1
    with sim.store.snapshot() as tx:
        assert tx.find(TaskSet) == []
    sim.advance(60)
    service = shown(sim)
    assert (service["deploymentController"], service["runningCount"]) == ({"type": "ECS"}, 2)
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert running(sim, first) == []
    answer = refusal(sim, "DescribeTaskSets", cluster="default", service="web")
    assert answer == (INVALID, SETS_ONLY)


def test_a_change_to_another_controller_is_said_not_to_be_built(sim: Simulation) -> None:
    create(sim, deploymentController={"type": "ECS"}, taskDefinition="web")
    assert refusal(sim, "UpdateService", service="web", **EXTERNAL)[0] == "UnsupportedFeatureException"
