"""The name of an operation is its address, its transaction, and what is said where it has no home."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ecs_emulator.ecs import constraints
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.store import Store
from ecs_emulator.wire import models
from ecs_emulator.wire.dispatch import Service, TwoHomes
from ecs_emulator.wire.render import Unrenderable
from tests.wire.calls import WORLD, context

Answer = Callable[..., tuple[int, Any]]

CLUSTERS = """
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.rules.errors import ClientException
from ecs_emulator.wire import paging


def create_cluster(call, params):
    name = params.get("clusterName", "default")
    cluster = Cluster(call.world.arn("ecs", f"cluster/{name}"), call.world.account, call.world.region, name,
                      ClusterStatus.ACTIVE, call.now, {})
    call.put(cluster)
    if name == "refused":
        raise ClientException("Refused after writing.")
    if name == "bug":
        raise ZeroDivisionError
    return _document(cluster, broken=name == "broken")


def describe_clusters(call, params):
    found = call.find(Cluster, order="arn")
    return {"clusters": [_document(each) for each in found], "failures": [], "nextToken": None}


def list_clusters(call, params):
    found, token = paging.page(
        call, params,
        fetch=lambda after, limit: call.find(Cluster, order="name", after=after, limit=limit, region=call.world.region),
        cursor=lambda cluster: cluster.name,
        default=2, maximum=100,
    )
    return {"clusterArns": [cluster.arn for cluster in found], "nextToken": token}


def describe_services(call, params):
    call.put(*call.find(Cluster))
    return {}


def list_tags_for_resource(call, params):
    call.delete(*call.find(Cluster))
    return {"tags": []}


def not_an_operation(call, params):
    raise AssertionError


def _document(cluster, broken=False):
    return {
        "clusterArn": cluster.arn,
        "clusterName": 1 if broken else cluster.name,
        "status": cluster.status,
        "attachments": None,
        "unknownMember": 1,
    }
"""

TAGS = """
from {package}.clusters import describe_clusters  # at home there, used here


def tag_resource(call, params):
    return {{}}
"""


def made(tmp_path: Path, name: str, **sources: str) -> ModuleType:
    folder = tmp_path / name
    folder.mkdir()
    for module, source in {"__init__": "", **sources}.items():
        (folder / f"{module}.py").write_text(source)
    return importlib.import_module(name)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    name = "toy_service"
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made(tmp_path, name, clusters=CLUSTERS, tags=TAGS.format(package=name))
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[module]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data", durable=False)
    yield opened
    opened.close()


@pytest.fixture
def service(package: ModuleType) -> Service:
    return Service("ecs", models.load("ecs"), package, constraints, writes={"ListTagsForResource"})


@pytest.fixture
def answer(service: Service, store: Store, tmp_path: Path) -> Answer:
    def ask(operation: str, **params: Any) -> tuple[int, Any]:
        status, body = service.answer(operation, json.dumps(params).encode(), context(store, tmp_path))
        return status, json.loads(body)

    return ask


def clusters(store: Store) -> list[str]:
    with store.snapshot() as tx:
        return [cluster.name for cluster in tx.find(Cluster, order="name")]


def test_an_operation_answers_with_its_rendered_document(answer: Answer, store: Store) -> None:
    status, document = answer("CreateCluster", clusterName="web", unknown=1)
    assert (status, document) == (200, {})  # the output shape has one member, `cluster`
    assert clusters(store) == ["web"]
    assert answer("DescribeClusters") == (
        200,
        {
            "clusters": [
                {"clusterArn": WORLD.arn("ecs", "cluster/web"), "clusterName": "web", "status": "ACTIVE"},
            ],
            "failures": [],
        },
    )


def test_an_empty_body_is_no_parameters(service: Service, store: Store, tmp_path: Path) -> None:
    assert service.answer("CreateCluster", b"", context(store, tmp_path))[0] == 200
    assert clusters(store) == ["default"]


def test_a_refusal_rolls_back_and_is_the_answer(answer: Answer, store: Store) -> None:
    assert answer("CreateCluster", clusterName="refused") == (
        400,
        {"__type": "ClientException", "message": "Refused after writing."},
    )
    assert clusters(store) == []


def test_a_bug_rolls_back_and_is_raised(answer: Answer, store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        answer("CreateCluster", clusterName="bug")
    assert clusters(store) == []


def test_a_document_of_the_wrong_type_rolls_back_and_is_raised(
    package: ModuleType, store: Store, tmp_path: Path
) -> None:
    toy = Service("ecs", models.load("ecs"), package, constraints)
    create = toy.functions()["CreateCluster"]
    toy.functions()["CreateCluster"] = lambda call, params: {"cluster": create(call, params)}
    with pytest.raises(Unrenderable, match=r"CreateClusterResponse\.cluster: Cluster\.clusterName: 1"):
        toy.answer("CreateCluster", b'{"clusterName":"broken"}', context(store, tmp_path))
    assert clusters(store) == []


def test_a_reading_name_cannot_write(answer: Answer) -> None:
    with pytest.raises(RuntimeError, match="snapshot"):
        answer("DescribeServices", services=["a"])


def test_a_reading_name_may_be_declared_to_write(answer: Answer, store: Store) -> None:
    answer("CreateCluster", clusterName="web")
    assert answer("ListTagsForResource", resourceArn="a") == (200, {"tags": []})
    assert clusters(store) == []


def test_an_unknown_operation_is_told_so_without_a_message(answer: Answer) -> None:
    assert answer("CreateClusters") == (400, {"__type": "UnknownOperationException"})
    assert answer("create_cluster") == (400, {"__type": "UnknownOperationException"})
    assert answer("") == (400, {"__type": "UnknownOperationException"})


def test_what_is_not_built_says_so_before_anything_else(answer: Answer) -> None:
    assert answer("CreateGateway", name=1) == (
        501,
        {
            "__type": "NotImplementedException",
            "message": "The operation ecs:CreateGateway is not built in this emulator yet.",
        },
    )


def test_a_wrong_type_or_a_missing_member_is_refused_before_the_operation_runs(answer: Answer) -> None:
    assert answer("CreateCluster", clusterName=1) == (
        400,
        {"__type": "SerializationException", "message": "NUMBER_VALUE can not be converted to a String"},
    )
    assert answer("TagResource") == (
        400,
        {"__type": "InvalidParameterException", "message": "ResourceArn can not be blank."},
    )


def test_pages_through_the_wire(answer: Answer) -> None:
    for name in ("a", "b", "c"):
        answer("CreateCluster", clusterName=name)
    _, first = answer("ListClusters")
    assert [arn[-1] for arn in first["clusterArns"]] == ["a", "b"]
    assert answer("ListClusters", nextToken=first["nextToken"]) == (
        200,
        {"clusterArns": [WORLD.arn("ecs", "cluster/c")]},
    )


def test_a_bad_token_and_a_bad_page_size_are_worded_by_the_service(answer: Answer) -> None:
    assert answer("ListClusters", nextToken="made up") == (
        400,
        {"__type": "InvalidParameterException", "message": "Invalid next token."},
    )
    assert answer("ListClusters", maxResults=101) == (
        400,
        {"__type": "InvalidParameterException", "message": "maxResults must be between 1 and 100"},
    )


def test_only_names_of_the_model_defined_in_the_module_are_operations(service: Service) -> None:
    assert sorted(service.functions()) == [
        "CreateCluster",
        "DescribeClusters",
        "DescribeServices",
        "ListClusters",
        "ListTagsForResource",
        "TagResource",
    ]


def test_an_operation_with_two_homes_is_a_bug_that_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def tag_resource(call, params):\n    return {}\n"
    monkeypatch.syspath_prepend(str(tmp_path))
    twice = made(tmp_path, "toy_with_two_homes", here=source, there=source)
    with pytest.raises(TwoHomes, match=r"TagResource is defined in toy_with_two_homes\.here and in .*\.there"):
        Service("ecs", models.load("ecs"), twice, constraints).functions()


@pytest.mark.parametrize("name", ["ecs", "ecr", "logs"])
def test_no_operation_of_the_services_has_two_homes(name: str) -> None:
    package = importlib.import_module(f"ecs_emulator.{name}")
    wording = importlib.import_module(f"ecs_emulator.{name}.constraints")
    built = Service(name, models.load(name), package, wording).functions()
    assert all(callable(function) for function in built.values())


def test_what_is_found_after_the_operation_undoes_it(answer: Answer, store: Store) -> None:
    status, document = answer("CreateCluster", clusterName="kept", tags=[{"key": "a", "value": "b\0"}])
    assert (status, document["__type"]) == (400, "InvalidParameterException")
    assert clusters(store) == []
