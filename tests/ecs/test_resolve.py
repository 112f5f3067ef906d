"""References: every way to name a thing, and every way to name it wrongly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import clusters, resolve
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.wire.call import Call
from ecs_emulator.wire.errors import AwsError
from tests.ecs.calls import Ecs

ID = "0123456789abcdef0123456789abcdef"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
P = "arn:aws:ecs:us-east-1:123456789012"
INVALID = "InvalidParameterException"
CLUSTER_NOT_FOUND = ("ClusterNotFoundException", "Cluster not found.")
NOT_A_CLUSTER = (INVALID, "Unsupported resource type: cluster")


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    found = Ecs(tmp_path, clusters)
    for name in ("web", "gone"):
        found.ask("CreateCluster", clusterName=name)
    found.ask("DeleteCluster", cluster="gone")
    return found


def outcome(ecs: Ecs, act: Callable[[Call], Any]) -> Any:
    try:
        return ecs.doing(act)
    except AwsError as error:
        return (error.code, error.message)


CLUSTERS = [
    ({"cluster": "web"}, f"{P}:cluster/web"),
    ({"cluster": f"{P}:cluster/web"}, f"{P}:cluster/web"),
    ({}, CLUSTER_NOT_FOUND),
    ({"cluster": ""}, CLUSTER_NOT_FOUND),
    ({"cluster": "nope"}, CLUSTER_NOT_FOUND),
    ({"cluster": "Web"}, CLUSTER_NOT_FOUND),
    ({"cluster": f"{P}:cluster/nope"}, CLUSTER_NOT_FOUND),
    ({"cluster": "gone"}, ("ClusterNotFoundException", "The referenced cluster was inactive.")),
    ({"cluster": "we b"}, (INVALID, r"Cluster must match ^[a-zA-Z0-9\-_]{1,255}$, but was we b")),
    ({"cluster": "web\r"}, (INVALID, "Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was web\r")),
    ({"cluster": '"web"'}, NOT_A_CLUSTER),
    ({"cluster": f"{P}:service/web/api"}, NOT_A_CLUSTER),
    ({"cluster": "arn:aws:rds:us-east-1:123456789012:cluster/web"}, NOT_A_CLUSTER),
    ({"cluster": "arn:web"}, NOT_A_CLUSTER),
    ({"cluster": "arn:aws:ecs:us-east-1:210987654321:cluster/web"}, (INVALID, "AccountIDs mismatch")),
    ({"cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/web"}, (INVALID, "Region mismatch")),
]


@pytest.mark.parametrize(("params", "expected"), CLUSTERS)
def test_a_cluster_argument_means(ecs: Ecs, params: dict[str, str], expected: object) -> None:
    found = outcome(ecs, lambda call: resolve.active_cluster(call, params))
    assert (found.arn if isinstance(found, Cluster) else found) == expected


def elsewhere(cluster: str, asked: str) -> tuple[str, str]:
    return (INVALID, f"Invalid identifier: Identifier is for cluster {cluster}. Your cluster is {asked}")


TASKS = [
    (ID, f"{P}:task/web/{ID}"),
    (UUID, f"{P}:task/web/{UUID}"),
    (f"{P}:task/web/{ID}", f"{P}:task/web/{ID}"),
    (f"{P}:task/{UUID}", f"{P}:task/web/{UUID}"),
    ("abc", (INVALID, "taskId length should be one of [32,36]")),
    (f"{P}:task/web/abc", (INVALID, "taskId length should be one of [32,36]")),
    (f"{P}:task/other/{ID}", elsewhere("other", "web")),
    (f"{P}:service/web/{ID}", (INVALID, "Unsupported resource type: service")),
    ("arn:aws:s3:::bucket", (INVALID, "Unsupported resource type: task")),
    (f"arn:aws:ecs:us-east-1:210987654321:task/web/{ID}", (INVALID, "AccountIDs mismatch")),
]


@pytest.mark.parametrize(("reference", "expected"), TASKS)
def test_a_task_reference_means(ecs: Ecs, reference: str, expected: object) -> None:
    def act(call: Call) -> str:
        return resolve.task_arn(call, resolve.cluster_named(call, "web"), reference)

    assert outcome(ecs, act) == expected


SERVICES = [
    ("api", f"{P}:service/web/api"),
    (f"{P}:service/web/api", f"{P}:service/web/api"),
    (f"{P}:service/api", f"{P}:service/web/api"),
    (f"{P}:service/other/api", elsewhere("other", "web")),
    (f"{P}:task/web/{ID}", (INVALID, "Unsupported resource type: task")),
]


@pytest.mark.parametrize(("reference", "expected"), SERVICES)
def test_a_service_reference_means(ecs: Ecs, reference: str, expected: object) -> None:
    def act(call: Call) -> str:
        return resolve.service_arn(call, resolve.cluster_named(call, "web"), reference)

    assert outcome(ecs, act) == expected


def test_an_instance_id_has_32_or_36_characters(ecs: Ecs) -> None:
    def act(call: Call) -> str:
        return resolve.instance_arn(call, resolve.cluster_named(call, "web"), "i-1")

    assert outcome(ecs, act) == (INVALID, "containerInstanceId length should be one of [32,36]")


def test_a_long_arn_does_not_choose_the_cluster_and_is_refused_before_it_is_looked_for(ecs: Ecs) -> None:
    def act(call: Call) -> Cluster:
        return resolve.active_cluster(call, {}, [f"{P}:task/web/{ID}"])

    assert outcome(ecs, act) == elsewhere("web", "default")


def test_what_is_not_there_is_none(ecs: Ecs) -> None:
    def act(call: Call) -> list[object]:
        cluster = resolve.cluster_named(call, "web")
        return [
            resolve.task_named(call, cluster, ID),
            resolve.service_named(call, cluster, "api"),
            resolve.instance_named(call, cluster, ID),
        ]

    assert ecs.doing(act) == [None, None, None]
