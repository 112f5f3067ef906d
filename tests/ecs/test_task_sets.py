"""Task sets as asked for, named, scaled, tagged and let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecs.running import ARN, CLIENT, INVALID, refusal
from tests.ecs.task_set_world import (
    NETWORK,
    SETS_ONLY,
    TAGS,
    TARGET,
    Document,
    a_set,
    begun,
    create,
    let_go,
    promoted,
    sets,
    shown,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


# --- CreateTaskSet ----------------------------------------------------------------------------------------------------

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
    ({"platformVersion": "1.4.0"}, (INVALID, "The platform version must be null when specifying an EC2 launch type.")),
    (
        {
            "taskDefinition": "far",
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
            "loadBalancers": [{"loadBalancerName": "elb", "containerName": "app", "containerPort": 80}],
        },
        (INVALID, "Classic Load Balancers are not supported with Fargate."),
    ),
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


def test_a_task_set_of_windows_has_a_platform_of_its_own_and_gives_it_to_its_service(sim: Simulation) -> None:
    sizes = {"cpu": "1024", "memory": "2048", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    windows = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}
    container = {"name": "app", "image": "web:1"}
    sim.call("RegisterTaskDefinition", family="win", containerDefinitions=[container], runtimePlatform=windows, **sizes)
    create(sim)
    made = a_set(sim, taskDefinition="win", launchType="FARGATE", networkConfiguration=NETWORK)
    assert (made["platformVersion"], made["platformFamily"]) == ("1.0.0", "WINDOWS_SERVER_2022_CORE")
    promoted(sim, made)
    assert (shown(sim)["platformVersion"], shown(sim)["platformFamily"]) == ("LATEST", "WINDOWS_SERVER_2022_CORE")


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
