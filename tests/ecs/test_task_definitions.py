"""Task definitions through their operations: revisions, retirement, deletion, lists and references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import task_definitions
from ecs_emulator.ecs.task_definitions import definition_named, refuse_unusable, resolve_definition
from ecs_emulator.records.task_definitions import FamilyStatus, TaskDefinition, TaskDefinitionFamily
from ecs_emulator.rules.errors import ClientException, InvalidParameterException, LimitExceededException
from ecs_emulator.wire.call import Call
from ecs_emulator.wire.errors import AwsError
from ecs_emulator.wire.paging import BadPageSize
from ecs_emulator.wire.tokens import BadToken
from tests.ecs.calls import NOW, Ecs

ACTIVE_STILL = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
NOWHERE = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
NO_IDENTIFIER = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    return Ecs(tmp_path, task_definitions)


def register(ecs: Ecs, family: str, **members: Any) -> str:
    """Register a small definition; its ARN."""
    container = {"name": "app", "image": "busybox", "memory": 64}
    answer = ecs.ask("RegisterTaskDefinition", family=family, containerDefinitions=[container], **members)
    arn: str = answer["taskDefinition"]["taskDefinitionArn"]
    return arn


def retire(ecs: Ecs, *names: str) -> None:
    for name in names:
        ecs.ask("DeregisterTaskDefinition", taskDefinition=name)


def delete(ecs: Ecs, *names: str) -> dict[str, Any]:
    return ecs.ask("DeleteTaskDefinitions", taskDefinitions=list(names))


def described(ecs: Ecs, name: str) -> dict[str, Any]:
    found: dict[str, Any] = ecs.ask("DescribeTaskDefinition", taskDefinition=name)["taskDefinition"]
    return found


def listed(ecs: Ecs, **filters: Any) -> list[str]:
    """The names `web:1` of what is listed."""
    return [arn.rpartition("/")[2] for arn in ecs.ask("ListTaskDefinitions", **filters)["taskDefinitionArns"]]


def families(ecs: Ecs, **filters: Any) -> list[str]:
    found: list[str] = ecs.ask("ListTaskDefinitionFamilies", **filters)["families"]
    return found


# --- register and describe --------------------------------------------------------------------------------------------


def test_registering_answers_the_document_that_describing_answers(ecs: Ecs) -> None:
    tags = [{"key": "owner", "value": "x"}]
    registered = ecs.ask(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[{"name": "app", "image": "busybox", "memory": 64}],
        tags=tags,
    )
    assert registered == {
        "tags": tags,
        "taskDefinition": {
            "taskDefinitionArn": ecs.arn("task-definition/web:1"),
            "containerDefinitions": [
                {
                    "name": "app",
                    "image": "busybox",
                    "cpu": 0,
                    "memory": 64,
                    "portMappings": [],
                    "essential": True,
                    "environment": [],
                    "mountPoints": [],
                    "volumesFrom": [],
                    "systemControls": [],
                }
            ],
            "family": "web",
            "revision": 1,
            "volumes": [],
            "status": "ACTIVE",
            "placementConstraints": [],
            "compatibilities": ["EXTERNAL", "EC2"],
            "registeredAt": NOW,
            "registeredBy": ecs.principal_arn,
        },
    }
    assert described(ecs, "web:1") == registered["taskDefinition"]


def test_the_same_words_again_are_the_next_revision(ecs: Ecs) -> None:
    assert [register(ecs, "web").rpartition(":")[2] for _ in range(3)] == ["1", "2", "3"]


def test_a_refused_registration_takes_no_number(ecs: Ecs) -> None:
    register(ecs, "web")
    with pytest.raises(ClientException):
        ecs.ask("RegisterTaskDefinition", family="web", containerDefinitions=[])
    assert register(ecs, "web").endswith("/web:2")


def test_tags_are_shown_where_they_are_asked_for_and_stay_with_their_revision(ecs: Ecs) -> None:
    tags = [{"key": "owner", "value": "x"}]
    register(ecs, "web", tags=tags)
    register(ecs, "web")
    assert ecs.ask("DescribeTaskDefinition", taskDefinition="web:1", include=["TAGS"])["tags"] == tags
    assert ecs.ask("DescribeTaskDefinition", taskDefinition="web:1")["tags"] == []
    assert ecs.ask("DescribeTaskDefinition", taskDefinition="web:2", include=["TAGS"])["tags"] == []
    assert "tags" not in ecs.ask("DeregisterTaskDefinition", taskDefinition="web:1")


def test_a_family_means_its_newest_active_revision(ecs: Ecs) -> None:
    for _ in range(3):
        register(ecs, "web")
    retire(ecs, "web:3")
    assert described(ecs, "web")["revision"] == 2
    assert described(ecs, ecs.arn("task-definition/web"))["revision"] == 2
    assert described(ecs, "web:3")["status"] == "INACTIVE"


@pytest.mark.parametrize("name", ["never", "web:7", "web"])
def test_what_is_not_there_cannot_be_described(ecs: Ecs, name: str) -> None:
    register(ecs, "web")
    retire(ecs, "web:1")
    with pytest.raises(ClientException, match=r"^Unable to describe task definition\.$"):
        ecs.ask("DescribeTaskDefinition", taskDefinition=name, include=["BOGUS"])


# --- deregister and delete --------------------------------------------------------------------------------------------


def test_deregistering_twice_is_once_and_keeps_the_first_time(ecs: Ecs) -> None:
    register(ecs, "web")
    ecs.now = NOW + 1
    first = ecs.ask("DeregisterTaskDefinition", taskDefinition="web:1")["taskDefinition"]
    ecs.now = NOW + 2
    second = ecs.ask("DeregisterTaskDefinition", taskDefinition="web:1")["taskDefinition"]
    assert first["status"] == second["status"] == "INACTIVE"
    assert "deregisteredAt" not in first
    assert second["deregisteredAt"] == described(ecs, "web:1")["deregisteredAt"] == NOW + 1


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("web", InvalidParameterException, "Revision is missing"),
        ("web:7", ClientException, "Unable to deregister task definition."),
        ("web:bad", InvalidParameterException, "Invalid task definition: Invalid revision number."),
        (
            "gone:1",
            ClientException,
            "The task definition could not be deregistered because it is in the process of being deleted.",
        ),
    ],
)
def test_what_cannot_be_deregistered_is_refused(ecs: Ecs, name: str, error: type[AwsError], message: str) -> None:
    register(ecs, "gone")
    retire(ecs, "gone:1")
    delete(ecs, "gone:1")
    with pytest.raises(error) as refused:
        ecs.ask("DeregisterTaskDefinition", taskDefinition=name)
    assert refused.value.message == message


def test_deleting_answers_for_each_name_as_it_was_given(ecs: Ecs) -> None:
    register(ecs, "web")
    register(ecs, "web")
    retire(ecs, "web:1")
    other = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:9"
    answer = delete(ecs, "web:1", "web:2", other, "web")
    assert [each["taskDefinitionArn"] for each in answer["taskDefinitions"]] == [ecs.arn("task-definition/web:1")]
    assert answer["failures"] == [
        {"arn": "web:2", "reason": ACTIVE_STILL},
        {"arn": other, "reason": NOWHERE},
        {"arn": "web", "reason": NO_IDENTIFIER},
    ]


def test_a_deleted_revision_stays_described_with_its_tags_and_may_be_deleted_again(ecs: Ecs) -> None:
    register(ecs, "web", tags=[{"key": "owner", "value": "x"}])
    retire(ecs, "web:1")
    ecs.now = NOW + 5
    (deleted,) = delete(ecs, "web:1")["taskDefinitions"]
    assert (deleted["status"], deleted["deregisteredAt"]) == ("DELETE_IN_PROGRESS", NOW)
    assert "deleteRequestedAt" not in deleted
    found = ecs.ask("DescribeTaskDefinition", taskDefinition="web:1", include=["TAGS"])
    assert found["taskDefinition"]["deleteRequestedAt"] == NOW + 5
    assert found["tags"] == [{"key": "owner", "value": "x"}]
    assert delete(ecs, "web:1")["failures"] == []


@pytest.mark.parametrize("names", [[], [f"web:{n}" for n in range(1, 12)]])
def test_between_one_and_ten_are_deleted_at_once(ecs: Ecs, names: list[str]) -> None:
    with pytest.raises(InvalidParameterException):
        delete(ecs, *names)


def test_a_number_is_never_used_twice(ecs: Ecs) -> None:
    register(ecs, "web")
    retire(ecs, "web:1")
    delete(ecs, "web:1")
    forget(ecs, "web:1")
    assert families(ecs) == []
    assert register(ecs, "web").endswith("/web:2")
    assert families(ecs, status="ACTIVE") == ["web"]


def test_a_family_ends_with_its_millionth_revision(ecs: Ecs) -> None:
    ecs.put(TaskDefinitionFamily(ecs.world.account, ecs.world.region, "web", latest_revision=1_000_000))
    with pytest.raises(LimitExceededException):
        register(ecs, "web")


def forget(ecs: Ecs, name: str) -> None:
    """What the loop does with a deleted revision that nothing uses."""
    family = name.partition(":")[0]
    with ecs.store.transaction() as tx:
        definition = tx.get(TaskDefinition, ecs.arn(f"task-definition/{name}"))
        counted = tx.get(TaskDefinitionFamily, ecs.world.account, ecs.world.region, family)
        assert definition is not None and counted is not None
        tx.delete(definition)
        tx.put(counted.forgotten())


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_is_sorted_by_family_and_then_by_number(ecs: Ecs) -> None:
    for _ in range(11):
        register(ecs, "web")
    register(ecs, "api")
    ascending = ["api:1", *(f"web:{n}" for n in range(1, 12))]
    assert listed(ecs) == ascending
    assert listed(ecs, sort="DESC") == ascending[::-1]


def test_a_list_has_one_status_and_perhaps_one_whole_family(ecs: Ecs) -> None:
    for family in ("web", "web", "website", "web"):
        register(ecs, family)
    retire(ecs, "web:1", "web:2")
    delete(ecs, "web:2")
    assert listed(ecs) == ["web:3", "website:1"]
    assert listed(ecs, familyPrefix="web") == ["web:3"]
    assert listed(ecs, familyPrefix="we") == []
    assert listed(ecs, status="INACTIVE") == ["web:1"]
    assert listed(ecs, status="DELETE_IN_PROGRESS") == ["web:2"]


@pytest.mark.parametrize("sort", ["ASC", "DESC"])
def test_the_token_of_a_list_is_its_last_item(ecs: Ecs, sort: str) -> None:
    for family in ("web", "web", "api"):
        register(ecs, family)
    first = ecs.ask("ListTaskDefinitions", maxResults=2, sort=sort)
    assert first["nextToken"] == ("web::0000000001")
    rest = ecs.ask("ListTaskDefinitions", maxResults=2, sort=sort, nextToken=first["nextToken"])
    assert len(rest["taskDefinitionArns"]) == 1
    assert "nextToken" not in rest


def test_a_list_that_cannot_be_given_is_refused(ecs: Ecs) -> None:
    with pytest.raises(BadToken):
        ecs.ask("ListTaskDefinitions", nextToken="web")
    for size in (0, 101):
        with pytest.raises(BadPageSize):
            ecs.ask("ListTaskDefinitions", maxResults=size)
    for filters in ({"status": "GONE"}, {"sort": "UP"}):
        with pytest.raises(InvalidParameterException, match="should be one of"):
            ecs.ask("ListTaskDefinitions", **filters)


def test_families_are_active_inactive_or_gone(ecs: Ecs) -> None:
    for family in ("web", "website", "api", "we"):
        register(ecs, family)
    retire(ecs, "website:1", "we:1")
    delete(ecs, "website:1")
    assert families(ecs) == families(ecs, status="ALL") == ["api", "we", "web", "website"]
    assert families(ecs, status="ACTIVE") == ["api", "web"]
    assert families(ecs, status="INACTIVE") == ["we", "website"]
    assert families(ecs, familyPrefix="web") == ["web", "website"]
    assert families(ecs, familyPrefix="we", status="INACTIVE") == ["we", "website"]
    with pytest.raises(InvalidParameterException, match=r"status should be one of \[ACTIVE,INACTIVE,ALL\]"):
        families(ecs, status="GONE")


def test_families_come_in_pages(ecs: Ecs) -> None:
    names = [f"f{n}" for n in range(5)]
    for name in names:
        register(ecs, name)
    retire(ecs, "f1:1", "f3:1")
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = ecs.ask("ListTaskDefinitionFamilies", familyPrefix="f", maxResults=2, **token)
        found += answer["families"]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert found == names


def test_worlds_do_not_see_each_other(ecs: Ecs) -> None:
    register(ecs, "web")
    other = ecs.elsewhere("210987654321", "us-east-1")
    assert listed(other) == families(other) == []
    with pytest.raises(ClientException):
        described(other, "web")
    assert register(other, "web").endswith(":210987654321:task-definition/web:1")


def test_a_family_counts_what_it_has() -> None:
    family = TaskDefinitionFamily("123456789012", "us-east-1", "web").registered().registered().deregistered()
    assert (family.latest_revision, family.active, family.retired, family.status) == (2, 1, 1, FamilyStatus.ACTIVE)
    assert family.deregistered().status is FamilyStatus.INACTIVE
    assert family.deregistered().forgotten().forgotten().status is FamilyStatus.GONE


# --- references -------------------------------------------------------------------------------------------------------


def test_a_reference_finds_retired_revisions_by_number_only(ecs: Ecs) -> None:
    register(ecs, "web")
    retire(ecs, "web:1")
    by_arn = ecs.doing(lambda call: resolve_definition(call, ecs.arn("task-definition/web:1")))
    assert ecs.doing(lambda call: definition_named(call, "web:1")) == by_arn
    assert ecs.doing(lambda call: definition_named(call, "web")) is None
    with pytest.raises(ClientException, match=r"^TaskDefinition not found\.$"):
        ecs.doing(lambda call: resolve_definition(call, "web"))


def test_nothing_new_is_run_from_a_retired_revision(ecs: Ecs) -> None:
    register(ecs, "web")
    retire(ecs, "web:1")

    def use(call: Call) -> None:
        refuse_unusable(resolve_definition(call, "web:1"))

    with pytest.raises(InvalidParameterException, match=r"^TaskDefinition is inactive$"):
        ecs.doing(use)
    delete(ecs, "web:1")
    with pytest.raises(InvalidParameterException, match=r"^TaskDefinition is being deleted$"):
        ecs.doing(use)
