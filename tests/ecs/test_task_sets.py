"""Task sets as asked for, scaled and let go, and the services whose deployments are another's business; tasks that follow, and crashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import AWS, Instances
from ecs_emulator.control import clearing, reaper
from ecs_emulator.records.services import Service
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import Health
from tests.ecs.running import ARN, CLIENT, INVALID, refusal
from tests.simulation import Simulation

Document = dict[str, Any]

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
TARGET = {"targetGroupArn": "arn:tg", "containerName": "app", "containerPort": 80}
EXTERNAL = {"deploymentController": {"type": "EXTERNAL"}}
CODE_DEPLOY = {"deploymentController": {"type": "CODE_DEPLOY"}}
GREEN = {"taskDefinition": "web", "loadBalancers": [TARGET], **CODE_DEPLOY}
MACHINE = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 1024},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024},
]
TAGS = [{"key": "colour", "value": "green"}]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = begun(tmp_path)
    yield sim
    sim.close()


def begun(directory: Path, **settings: Any) -> Simulation:
    sim = Simulation(directory, **settings)
    for name in ("default", "gone"):
        sim.call("CreateCluster", clusterName=name, capacityProviders=["FARGATE"])
    sim.call("DeleteCluster", cluster="gone")
    container = {"name": "app", "image": "web:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    for _ in range(2):
        sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    sim.call("RegisterTaskDefinition", family="far", containerDefinitions=[container], **sizes)
    sim.call("RegisterTaskDefinition", family="old", containerDefinitions=[container])
    sim.call("DeregisterTaskDefinition", taskDefinition="old:1")
    return sim


def create(sim: Simulation, **params: Any) -> Document:
    asked = {"serviceName": "web", "desiredCount": 2, **EXTERNAL, **params}
    return dict(sim.call("CreateService", **asked)["service"])


def a_set(sim: Simulation, scale: float | None = 100, **params: Any) -> Document:
    sim.clock.advance(1)  # so that the sets are in an order
    asked = {"cluster": "default", "service": "web", "taskDefinition": "web", **params}
    if scale is not None:
        asked["scale"] = {"value": scale, "unit": "PERCENT"}
    return dict(sim.call("CreateTaskSet", **asked)["taskSet"])


def scaled(sim: Simulation, task_set: Document, value: float) -> Document:
    asked = {"cluster": "default", "service": "web", "taskSet": task_set["id"], "scale": {"value": value}}
    return dict(sim.call("UpdateTaskSet", **asked)["taskSet"])


def let_go(sim: Simulation, task_set: Document, **params: Any) -> Document:
    asked = {"cluster": "default", "service": "web", "taskSet": task_set["id"], **params}
    return dict(sim.call("DeleteTaskSet", **asked)["taskSet"])


def promoted(sim: Simulation, task_set: Document) -> Document:
    asked = {"cluster": "default", "service": "web", "primaryTaskSet": task_set["id"]}
    return dict(sim.call("UpdateServicePrimaryTaskSet", **asked)["taskSet"])


def sets(sim: Simulation, **params: Any) -> list[Document]:
    return list(sim.call("DescribeTaskSets", cluster="default", service="web", **params)["taskSets"])


def counts(sim: Simulation) -> list[tuple[Any, ...]]:
    members = ("status", "computedDesiredCount", "runningCount", "pendingCount", "stabilityStatus")
    return [tuple(each[member] for member in members) for each in sets(sim)]


def shown(sim: Simulation) -> Document:
    (found,) = sim.call("DescribeServices", services=["web"])["services"]
    return dict(found)


def running(sim: Simulation, task_set: Document) -> list[str]:
    return list(sim.call("ListTasks", startedBy=task_set["id"])["taskArns"])


# --- the service whose deployments are another's business -------------------------------------------------------------


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


# --- CreateTaskSet ----------------------------------------------------------------------------------------------------

SETS_ONLY = (
    "Amazon ECS only supports task set management on services configured to use external deployment controllers."
)
BOTH = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
NEEDS_NETWORK = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
# In the order in which they are looked for: each row is refused for its own reason though later ones would be as well.
SET_REFUSALS: list[tuple[Document, tuple[str, str]]] = [
    ({"cluster": "nowhere"}, ("ClusterNotFoundException", "Cluster not found.")),
    ({"cluster": "gone"}, ("ClusterNotFoundException", "The referenced cluster was inactive.")),
    ({"service": "nothing"}, ("ServiceNotFoundException", "Service not found.")),
    ({"service": "going"}, ("ServiceNotActiveException", "Service was not ACTIVE.")),
    ({"service": "plain"}, (INVALID, SETS_ONLY)),
    ({"taskDefinition": "nothing"}, (CLIENT, "TaskDefinition not found.")),
    ({"taskDefinition": "old:1"}, (CLIENT, "TaskDefinition is inactive")),
    ({"clientToken": "x" * 37}, (INVALID, "idempotency token longer than 36.")),
    ({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, (INVALID, BOTH)),
    (
        {"capacityProviderStrategy": [{"capacityProvider": "mine"}]},
        (INVALID, "The specified capacity provider 'mine' was not found."),
    ),
    (
        {"launchType": "MOON"},
        (INVALID, "launch type should be one of [EC2,FARGATE,EXTERNAL,FMI,MANAGED_INSTANCES]"),
    ),
    ({"taskDefinition": "far", "launchType": "FARGATE"}, (INVALID, NEEDS_NETWORK)),
    (
        {"platformVersion": "1.4.0"},
        (INVALID, "The platform version must be null when specifying an EC2 launch type."),
    ),
    ({"scale": {"value": 50, "unit": "PIECES"}}, (INVALID, "unit should be one of [PERCENT]")),
    ({"scale": {"value": 100.1}}, (INVALID, "Scale value must be between 0 and 100.")),
    ({"scale": {"value": -1}}, (INVALID, "Scale value must be between 0 and 100.")),
    (
        {"loadBalancers": [{**TARGET, "containerName": "other"}]},
        (INVALID, "The container other does not exist in the task definition."),
    ),
    (
        {"loadBalancers": [{**TARGET, "containerPort": 81}]},
        (INVALID, "The container app did not have a container port 81 defined."),
    ),
    ({"tags": [{"key": "aws:x", "value": ""}]}, (INVALID, "Tag keys/values with prefix 'aws:' are reserved")),
]


@pytest.mark.parametrize(("params", "answer"), SET_REFUSALS, ids=lambda each: str(each)[:60])
def test_create_task_set_refuses(sim: Simulation, params: Document, answer: tuple[str, str]) -> None:
    create(sim)
    create(sim, serviceName="plain", deploymentController={"type": "ECS"}, taskDefinition="web", desiredCount=0)
    create(sim, serviceName="going")
    sim.call("DeleteService", service="going", force=True)
    asked = {"cluster": "default", "service": "web", "taskDefinition": "web", **params}
    assert refusal(sim, "CreateTaskSet", **asked) == answer
    assert sets(sim) == []


def test_a_task_set_is_described_as_recorded(sim: Simulation) -> None:
    service = create(sim)
    made = a_set(sim, None, externalId="deploy-7", tags=TAGS)
    number = made["id"].removeprefix("ecs-svc/")
    assert len(number) == 19 and number.isdecimal()
    now = sim.clock.now()
    assert made == {
        "id": made["id"],
        "taskSetArn": f"{ARN}task-set/default/web/{made['id']}",
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "externalId": "deploy-7",
        "status": "ACTIVE",
        "taskDefinition": f"{ARN}task-definition/web:2",
        "computedDesiredCount": 0,
        "pendingCount": 0,
        "runningCount": 0,
        "createdAt": now,
        "updatedAt": now,
        "launchType": "EC2",
        "loadBalancers": [],
        "serviceRegistries": [],
        "scale": {"value": 0.0, "unit": "PERCENT"},
        "stabilityStatus": "STABILIZING",
        "stabilityStatusAt": now,
        "tags": TAGS,
    }
    assert sets(sim) == [{name: value for name, value in made.items() if name != "tags"}]
    assert sets(sim, include=["TAGS"]) == [made]
    assert shown(sim)["taskSets"] == [{**made, "tags": []}]


def test_a_task_set_of_fargate_says_on_what_platform_it_runs(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim, taskDefinition="far", launchType="FARGATE", networkConfiguration=NETWORK, loadBalancers=[TARGET])
    assert (made["launchType"], made["platformVersion"], made["platformFamily"]) == ("FARGATE", "1.4.0", "Linux")
    assert made["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert made["loadBalancers"] == [TARGET]
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    other = a_set(sim, taskDefinition="far", capacityProviderStrategy=strategy, networkConfiguration=NETWORK)
    assert "launchType" not in other
    assert other["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]


def test_the_same_words_with_the_same_token_make_one_task_set(sim: Simulation) -> None:
    create(sim)
    first = a_set(sim, 50, clientToken="once")
    assert a_set(sim, 50, clientToken="once", tags=TAGS) == first
    asked = {"cluster": "default", "service": "web", "taskDefinition": "web:1", "clientToken": "once"}
    assert refusal(sim, "CreateTaskSet", **asked) == (INVALID, "Creation of task set was not idempotent.")
    assert len(sets(sim)) == 1
    assert a_set(sim, 50)["id"] != a_set(sim, 50)["id"]


def test_a_service_has_five_task_sets_at_most(sim: Simulation) -> None:
    create(sim)
    first, *_ = [a_set(sim, 0) for _ in range(5)]
    asked = {"cluster": "default", "service": "web", "taskDefinition": "web"}
    text = "5 deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit."
    assert refusal(sim, "CreateTaskSet", **asked) == (INVALID, text)
    let_go(sim, first)
    sim.settle()
    a_set(sim, 0)


# --- what is named ----------------------------------------------------------------------------------------------------

UNKNOWN = ("TaskSetNotFoundException", "The specified task set does not exist. Specify a valid taskset and try again.")
NO_SET = "ecs-svc/0000000000000000000"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("UpdateTaskSet", {"taskSet": NO_SET, "scale": {"value": 1}}),
        ("DeleteTaskSet", {"taskSet": NO_SET}),
        ("UpdateServicePrimaryTaskSet", {"primaryTaskSet": NO_SET}),
    ],
)
def test_what_is_asked_of_a_set_is_refused_in_the_same_order(sim: Simulation, operation: str, params: Document) -> None:
    create(sim, serviceName="plain", deploymentController={"type": "ECS"}, taskDefinition="web", desiredCount=0)
    assert refusal(sim, operation, cluster="nowhere", service="web", **params)[0] == "ClusterNotFoundException"
    asked = {"cluster": "default", "service": "web", **params}
    assert refusal(sim, operation, **asked) == ("ServiceNotFoundException", "Service not found.")
    assert refusal(sim, operation, **{**asked, "service": "plain"}) == (INVALID, SETS_ONLY)
    create(sim)
    assert refusal(sim, operation, **asked) == UNKNOWN
    sim.call("DeleteService", service="web", force=True)
    assert refusal(sim, operation, **asked) == ("ServiceNotActiveException", "Service was not ACTIVE.")


def test_task_sets_are_described_by_id_by_arn_or_all_and_unknown_ones_are_failures(sim: Simulation) -> None:
    create(sim)
    first, second = a_set(sim, 0), a_set(sim, 0)
    assert [each["id"] for each in sets(sim)] == [first["id"], second["id"]]
    wanted = [second["taskSetArn"], NO_SET, first["id"], first["id"]]
    answer = sim.call("DescribeTaskSets", cluster="default", service="web", taskSets=wanted)
    assert [each["id"] for each in answer["taskSets"]] == [second["id"], first["id"]]
    assert answer["failures"] == [{"arn": f"{ARN}task-set/default/web/{NO_SET}", "reason": "MISSING"}]
    assert refusal(sim, "DescribeTaskSets", cluster="default", service="web", include=["ALL"])[0] == INVALID


def test_a_set_of_another_service_is_not_found(sim: Simulation) -> None:
    create(sim)
    create(sim, serviceName="other")
    theirs = a_set(sim, 0, service="other")
    asked = {"cluster": "default", "service": "web", "taskSet": theirs["taskSetArn"]}
    assert refusal(sim, "DeleteTaskSet", **asked) == UNKNOWN


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"value": 101}, "Scale value must be between 0 and 100."),
        ({"unit": "PERCENT"}, "Scale value is missing"),
        ({"value": 1, "unit": "COUNT"}, "unit should be one of [PERCENT]"),
    ],
)
def test_a_set_is_scaled_in_percent(sim: Simulation, scale: Document, message: str) -> None:
    create(sim)
    asked = {"cluster": "default", "service": "web", "taskSet": a_set(sim, 50)["id"], "scale": scale}
    assert refusal(sim, "UpdateTaskSet", **asked) == (INVALID, message)
    assert sets(sim)[0]["scale"]["value"] == 50.0


def test_what_serves_or_has_tasks_is_deleted_by_force_only(sim: Simulation) -> None:
    create(sim)
    primary, other = a_set(sim, 100), a_set(sim, 50)
    promoted(sim, primary)
    asked = {"cluster": "default", "service": "web"}
    text = "Primary TaskSet cannot be deleted"
    assert refusal(sim, "DeleteTaskSet", **asked, taskSet=primary["id"]) == (INVALID, text)
    text = "The task set cannot be deleted while it is scaled above 0."
    assert refusal(sim, "DeleteTaskSet", **asked, taskSet=other["id"]) == (INVALID, text)
    gone = let_go(sim, primary, force=True)
    assert (gone["status"], gone["stabilityStatus"]) == ("DRAINING", "STABILIZING")
    assert let_go(sim, primary)["status"] == "DRAINING"
    text = "The specified task set is DRAINING."
    assert refusal(sim, "UpdateServicePrimaryTaskSet", **asked, primaryTaskSet=primary["id"]) == (INVALID, text)
    sim.settle()
    assert [each["id"] for each in sets(sim)] == [other["id"]]


# --- tags -------------------------------------------------------------------------------------------------------------


def test_task_sets_carry_tags(sim: Simulation) -> None:
    create(sim, tags=[{"key": "of", "value": "service"}])
    arn = a_set(sim, 0, tags=TAGS)["taskSetArn"]
    sim.call("TagResource", resourceArn=arn, tags=[{"key": "more", "value": "1"}])
    sim.call("UntagResource", resourceArn=arn, tagKeys=["colour"])
    assert sim.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "more", "value": "1"}]
    assert sets(sim, include=["TAGS"])[0]["tags"] == [{"key": "more", "value": "1"}]
    missing = arn.rpartition("/")[0] + "/0000000000000000000"
    text = "The specified task set does not exist."
    assert refusal(sim, "ListTagsForResource", resourceArn=missing) == (INVALID, text)


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_each_set_keeps_its_own_share_running(sim: Simulation) -> None:
    create(sim, desiredCount=3)
    blue, green = a_set(sim, 100, taskDefinition="web:1"), a_set(sim, 50)
    sim.settle()
    assert counts(sim) == [("ACTIVE", 3, 3, 0, "STEADY_STATE"), ("ACTIVE", 2, 2, 0, "STEADY_STATE")]
    assert (len(running(sim, blue)), len(running(sim, green))) == (3, 2)
    tasks = sim.call("DescribeTasks", tasks=running(sim, green))["tasks"]
    assert {(each["startedBy"], each["group"], each["taskDefinitionArn"][-5:]) for each in tasks} == {
        (green["id"], "service:web", "web:2")
    }
    assert (shown(sim)["runningCount"], shown(sim)["desiredCount"]) == (5, 3)


def test_the_events_name_the_set_that_they_are_about(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim, 100)
    sim.settle()
    tasks = " ".join(f"(task {task.id})" for task in sorted(sim.tasks(), key=lambda task: task.id))
    sim.call("UpdateService", service="web", desiredCount=0)
    sim.settle()
    own = f"(service web, taskSet {made['id']})"
    assert sim.events() == [
        f"updated computedDesiredCount for taskSet {made['id']} to 2.",
        f"{own} has started 2 tasks: {tasks}.",
        "has reached a steady state.",
        f"updated computedDesiredCount for taskSet {made['id']} to 0.",
        f"{own} has stopped 2 running tasks: {tasks}.",
        "has reached a steady state.",
    ]
    reasons = {(task.stop_code, task.stopped_reason) for task in sim.tasks()}
    assert reasons == {("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {made['id']})")}


def test_a_set_that_is_scaled_is_not_stable_until_its_tasks_run(sim: Simulation) -> None:
    create(sim, desiredCount=4)
    made = a_set(sim, 50)
    sim.settle()
    at = sets(sim)[0]["stabilityStatusAt"]
    sim.clock.advance(5)
    answer = scaled(sim, made, 100)
    assert (answer["scale"]["value"], answer["computedDesiredCount"], answer["stabilityStatus"]) == (
        100.0,
        2,
        "STABILIZING",
    )
    sim.settle()
    assert counts(sim) == [("ACTIVE", 4, 4, 0, "STEADY_STATE")]
    assert sets(sim)[0]["stabilityStatusAt"] > at
    scaled(sim, made, 25)
    sim.advance(60)
    assert counts(sim) == [("ACTIVE", 1, 1, 0, "STEADY_STATE")]
    assert len(running(sim, made)) == 1


def test_with_the_waits_of_aws_a_set_is_steady_after_a_while(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    create(sim)
    a_set(sim)
    sim.settle()
    assert counts(sim) == [("ACTIVE", 2, 2, 0, "STABILIZING")]
    sim.advance(AWS.steady_after)
    assert counts(sim) == [("ACTIVE", 2, 2, 0, "STEADY_STATE")]
    sim.close()


def test_the_primary_is_what_the_service_is_described_by(sim: Simulation) -> None:
    create(sim)
    blue = a_set(sim, taskDefinition="web:1")
    green = a_set(sim, taskDefinition="far", launchType="FARGATE", networkConfiguration=NETWORK, loadBalancers=[TARGET])
    sim.settle()
    assert promoted(sim, blue)["status"] == "PRIMARY"
    assert (shown(sim)["taskDefinition"][-5:], shown(sim)["launchType"]) == ("web:1", "EC2")
    promoted(sim, green)
    assert [each["status"] for each in sets(sim)] == ["ACTIVE", "PRIMARY"]
    service = shown(sim)
    assert (service["taskDefinition"][-5:], service["launchType"], service["platformVersion"]) == (
        "far:1",
        "FARGATE",
        "LATEST",
    )
    assert (service["loadBalancers"], service["networkConfiguration"]) == ([TARGET], green["networkConfiguration"])
    promoted(sim, blue)
    assert shown(sim)["loadBalancers"] == [] and "networkConfiguration" not in shown(sim)
    assert len(sim.tasks()) == 4


def test_a_set_that_is_let_go_vanishes_with_its_last_task(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    create(sim)
    made, kept = a_set(sim), a_set(sim)
    sim.advance(10)
    let_go(sim, made, force=True)
    sim.step()
    assert [each[:3] for each in counts(sim)] == [("DRAINING", 0, 0), ("ACTIVE", 2, 2)]
    sim.advance(120)
    assert [each["id"] for each in sets(sim)] == [kept["id"]]
    assert {task.last_status for task in sim.tasks(deployment_id=made["id"])} == {"STOPPED"}
    assert len(running(sim, kept)) == 2
    sim.close()


def test_a_task_that_ends_is_replaced_in_its_own_set(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    blue, green = a_set(sim), a_set(sim)
    sim.settle()
    (task,) = running(sim, green)
    sim.clock.advance(60)
    sim.kill(task)
    sim.advance(60)
    assert len(running(sim, green)) == 1 and running(sim, green) != [task]
    assert len(sim.tasks(deployment_id=blue["id"])) == 1


def test_tasks_that_cannot_start_are_tried_again_at_leisure(sim: Simulation) -> None:
    labels = {"ecs-emulator.simulate": "pull=fail"}
    container = {"name": "app", "image": "web:1", "memory": 64, "dockerLabels": labels}
    sim.call("RegisterTaskDefinition", family="bad", containerDefinitions=[container])
    create(sim, desiredCount=1)
    bad = a_set(sim, taskDefinition="bad")
    sim.settle()
    tried = len(sim.tasks())
    assert 4 <= tried <= 6
    sim.advance(300)
    assert tried < len(sim.tasks()) < 30
    assert any(event.startswith("is unable to consistently start tasks") for event in sim.events())
    assert counts(sim)[0][-1] == "STABILIZING"
    scaled(sim, bad, 0)
    sim.advance(60)
    assert counts(sim) == [("ACTIVE", 0, 0, 0, "STEADY_STATE")]


def test_an_unhealthy_task_goes_when_its_replacement_is_healthy(sim: Simulation) -> None:
    check = {"healthCheck": {"command": ["CMD", "true"]}}
    container = {"name": "app", "image": "web:1", "memory": 64, **check}
    sim.call("RegisterTaskDefinition", family="checked", containerDefinitions=[container])
    create(sim, desiredCount=1)
    a_set(sim, taskDefinition="checked")
    sim.settle()
    (first,) = sim.tasks()
    sim.health(first.id, Health.HEALTHY)
    sim.settle()
    assert counts(sim)[0][-1] == "STEADY_STATE"
    sim.health(first.id, Health.UNHEALTHY)
    sim.step()
    (second,) = (task for task in sim.tasks() if task.id != first.id)
    assert (sim.task(first.id).desired_status, counts(sim)[0][-1]) == ("RUNNING", "STABILIZING")
    sim.settle()
    sim.health(second.id, Health.HEALTHY)
    sim.settle()
    assert sim.task(first.id).stopped_reason == "Task failed container health checks"
    assert sim.task(second.id).desired_status == "RUNNING"


def test_a_protected_task_is_not_scaled_in_until_its_protection_ends(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    made = a_set(sim)
    sim.settle()
    (task,) = running(sim, made)
    protected = {"cluster": "default", "tasks": [task], "protectionEnabled": True, "expiresInMinutes": 10}
    assert sim.call("UpdateTaskProtection", **protected)["failures"] == []
    scaled(sim, made, 0)
    sim.advance(60)
    assert running(sim, made) == [task]
    assert f"because task set ({made['id']}) was unable to scale in" in sim.events()[-1]
    sim.advance(600)
    assert running(sim, made) == []


def test_tasks_move_off_a_machine_that_drains(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim)
    sim.settle()
    before = running(sim, made)
    (instance,) = sim.call("ListContainerInstances")["containerInstanceArns"]
    sim.call("UpdateContainerInstancesState", containerInstances=[instance], status="DRAINING")
    sim.advance(60)
    assert not set(before) & set(running(sim, made))
    assert counts(sim) == [("ACTIVE", 2, 2, 0, "STEADY_STATE")]


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


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_a_service_with_task_sets_is_deleted_by_force_only(sim: Simulation) -> None:
    create(sim, desiredCount=0)
    a_set(sim, 0)
    text = "The service cannot be stopped while deployments are active."
    assert refusal(sim, "DeleteService", service="web") == (INVALID, text)
    assert sim.call("DeleteService", service="web", force=True)["service"]["taskSets"][0]["status"] == "DRAINING"


def test_the_tasks_of_all_sets_end_with_the_service(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    create(sim)
    a_set(sim), a_set(sim)
    sim.advance(10)
    sim.call("DeleteService", service="web", force=True)
    sim.advance(10)
    assert shown(sim)["status"] == "DRAINING"
    sim.advance(300)
    assert {task.last_status for task in sim.tasks()} == {"STOPPED"}
    service = shown(sim)
    assert (service["status"], service["taskSets"], service["runningCount"]) == ("INACTIVE", [], 0)
    answer = refusal(sim, "DescribeTaskSets", cluster="default", service="web")
    assert answer == ("ServiceNotActiveException", "Service was not ACTIVE.")
    create(sim)
    assert shown(sim)["status"] == "ACTIVE"
    sim.close()


def test_task_sets_are_forgotten_with_their_service(sim: Simulation) -> None:
    create(sim)
    a_set(sim)
    with sim.store.transaction() as tx:
        (service,) = tx.find(Service)
        reaper.forget_service(tx, service)
        assert tx.find(TaskSet) == []


def test_a_crash_at_any_step_changes_nothing_of_it(tmp_path: Path) -> None:
    def played(directory: Path, crash_at: int | None) -> tuple[list[tuple[Any, ...]], int]:
        sim = begun(directory)
        create(sim, desiredCount=2)
        blue = a_set(sim, 100)
        steps = 0

        def rest() -> None:
            nonlocal steps
            sim.step()
            while not sim.loop.idle():
                steps += 1
                if steps == crash_at:
                    sim.crash()
                sim.step()

        rest()
        green = a_set(sim, 50)
        rest()
        promoted(sim, green)
        let_go(sim, blue, force=True)
        rest()
        sim.advance(120)
        found = counts(sim)
        alive = len([task for task in sim.tasks() if task.last_status != "STOPPED"])
        sim.close()
        return [*found, (alive,)], steps

    whole, steps = played(tmp_path / "whole", None)
    assert whole == [("PRIMARY", 1, 1, 0, "STEADY_STATE"), (1,)]
    assert steps > 3
    for at in range(1, steps + 1):
        assert played(tmp_path / str(at), at)[0] == whole, f"a crash at step {at}"


def test_the_sets_of_a_cleared_account_start_nothing_more(sim: Simulation) -> None:
    create(sim)
    a_set(sim)
    sim.settle()
    with sim.store.transaction() as tx:
        clearing.begin(tx, sim.world.account, sim.clock.now())
    sim.advance(120)
    assert len(sim.tasks()) <= 2
    with sim.store.transaction() as tx:
        assert clearing.finish(tx, sim.world.account)
        assert tx.find(TaskSet) == []


def test_a_definition_stays_as_long_as_a_task_set_goes_by_it(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim, 0, taskDefinition="web:1")
    sim.call("DeregisterTaskDefinition", taskDefinition="web:1")
    sim.call("DeleteTaskDefinitions", taskDefinitions=["web:1"])
    sim.advance(300)
    scaled(sim, made, 100)
    sim.settle()
    assert len(running(sim, made)) == 2


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


# --- without room -----------------------------------------------------------------------------------------------------


def test_sets_that_find_no_place_for_different_reasons_say_each_once(tmp_path: Path) -> None:
    sim = begun(tmp_path, instances=Instances.NONE)
    fussy = [{"type": "memberOf", "expression": "attribute:colour == red"}]
    for family, memory, where in (("big", 900_000, []), ("fussy", 64, fussy)):
        container = {"name": "app", "image": "web:1", "memory": memory}
        sim.call("RegisterTaskDefinition", family=family, containerDefinitions=[container], placementConstraints=where)
    sim.call("RegisterContainerInstance", totalResources=MACHINE)
    create(sim, desiredCount=1)
    a_set(sim, taskDefinition="big"), a_set(sim, taskDefinition="fussy")
    sim.advance(60)
    problems = [event for event in sim.events() if event.startswith("was unable to place a task")]
    assert len(problems) == len(set(problems)) == 2
    sim.close()


def test_two_sets_that_cannot_scale_in_come_to_rest(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    made = [a_set(sim), a_set(sim)]
    sim.settle()
    tasks = [task for each in made for task in running(sim, each)]
    sim.call("UpdateTaskProtection", cluster="default", tasks=tasks, protectionEnabled=True, expiresInMinutes=10)
    for each in made:
        scaled(sim, each, 0)
    sim.advance(60)
    assert sum("was unable to scale in" in event for event in sim.events()) == 1
    sim.advance(600)
    assert counts(sim) == [("ACTIVE", 0, 0, 0, "STEADY_STATE")] * 2
