"""The AWS door: what it takes, whom it lets in, how much it reads, and that a connection serves many calls."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from email.message import Message
from types import ModuleType
from typing import Any

import pytest

from ecs_emulator import ecs
from ecs_emulator.clock import ManualClock
from ecs_emulator.config import Config
from ecs_emulator.ecs import constraints
from ecs_emulator.http import aws, hosts
from ecs_emulator.http.server import Server
from ecs_emulator.ids import Ids
from ecs_emulator.store import Store
from ecs_emulator.wire.dispatch import Service
from ecs_emulator.wire.models import load
from ecs_emulator.wire.tokens import Tokens

TARGET = "AmazonEC2ContainerServiceV20141113"
SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20240101/{region}/ecs/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def door(tmp_path: Any) -> Iterator[aws.Door]:
    store = Store(tmp_path, durable=False)
    config = Config(data_dir=tmp_path, ephemeral=True, allowed_hosts=(".example",))
    services = (Service("ecs", load("ecs"), ecs, constraints),)
    yield aws.Door(services, store, ManualClock(), Ids(1), config, Tokens(b"0" * 32), lambda: "http://127.0.0.1:4566")
    store.close()


@pytest.fixture
def connection(door: aws.Door) -> Iterator[http.client.HTTPConnection]:
    server = Server("127.0.0.1", 0)
    server.mount(hosts.guarded(aws.create_app(door), ()), door)
    with server:
        made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        yield made
        made.close()


def ask(
    connection: http.client.HTTPConnection,
    operation: str,
    body: Any = b"{}",
    *,
    key: str = "123456789012",
    region: str = "us-east-1",
    method: str = "POST",
    path: str = "/",
    **headers: str,
) -> tuple[int, dict[str, Any]]:
    signed = {"Authorization": SIGNED.format(key=key, region=region), "X-Amz-Target": f"{TARGET}.{operation}"}
    chunked = not isinstance(body, bytes)
    connection.request(method, path, body, {**signed, **headers}, encode_chunked=chunked)
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == aws.CONTENT_TYPE
    return answer.status, json.loads(answer.read())


def test_one_connection_serves_many_calls_refused_ones_too(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "CreateCluster", b'{"clusterName":"kept"}')[0] == 200
    kept = connection.sock
    assert kept is not None
    assert ask(connection, "CreateCluster", b"not json")[1]["__type"] == "SerializationException"
    assert ask(connection, "Nonsense")[1]["__type"] == "UnknownOperationException"
    assert ask(connection, "ListClusters")[1]["clusterArns"] == ["arn:aws:ecs:us-east-1:123456789012:cluster/kept"]
    assert connection.sock is kept


def test_no_connection_is_kept_while_too_many_are_open(
    connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(connection, "ListClusters")[0] == 200
    monkeypatch.setattr("ecs_emulator.http.server._MOST_KEPT", 0)
    assert ask(connection, "ListClusters")[0] == 200
    assert connection.sock is None


def test_account_and_region_stand_in_the_credential_scope(connection: http.client.HTTPConnection) -> None:
    _, made = ask(connection, "CreateCluster", key="000000000001", region="eu-west-1")
    assert made["cluster"]["clusterArn"] == "arn:aws:ecs:eu-west-1:000000000001:cluster/default"
    assert ask(connection, "ListClusters")[1]["clusterArns"] == []


def test_the_scope_may_stand_in_the_address(connection: http.client.HTTPConnection) -> None:
    path = "/?X-Amz-Credential=123456789012%2F20240101%2Fus-east-1%2Fecs%2Faws4_request"
    assert ask(connection, "ListClusters", path=path, Authorization="")[0] == 200


def test_a_request_without_credentials_is_refused(connection: http.client.HTTPConnection) -> None:
    status, refusal = ask(connection, "ListClusters", Authorization="")
    assert (status, refusal["__type"]) == (400, "MissingAuthenticationTokenException")


def test_each_answer_has_a_request_id_of_its_own(connection: http.client.HTTPConnection) -> None:
    seen = set()
    for _ in range(3):
        connection.request("POST", "/", b"{}", {"X-Amz-Target": f"{TARGET}.ListClusters"})
        answer = connection.getresponse()
        answer.read()
        seen.add(answer.headers["x-amzn-RequestId"])
    assert len(seen) == 3


def test_a_body_may_come_in_chunks(connection: http.client.HTTPConnection) -> None:
    pieces = iter([b'{"clusterName":', b'"in-pieces"}'])
    assert ask(connection, "CreateCluster", pieces)[1]["cluster"]["clusterName"] == "in-pieces"


@pytest.mark.parametrize("chunked", [False, True], ids=["in one", "in chunks"])
def test_a_body_beyond_all_measure_is_refused(connection: http.client.HTTPConnection, chunked: bool) -> None:
    body = b" " * (aws.LONGEST_BODY + 1)
    status, refusal = ask(connection, "CreateCluster", iter([body]) if chunked else body)
    assert (status, refusal["__type"]) == (413, "RequestEntityTooLargeException")
    assert ask(connection, "ListClusters")[0] == 200


def test_a_page_of_another_name_gets_nothing(connection: http.client.HTTPConnection) -> None:
    status, refusal = ask(connection, "CreateCluster", Host="rebound.attacker.com")
    assert (status, refusal["__type"]) == (403, "AccessDeniedException")
    assert ask(connection, "CreateCluster", Host="ecs.example:4566")[0] == 200


def test_only_a_post_is_a_call(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "ListClusters", b"", method="GET")[1]["__type"] == "UnknownOperationException"


def test_what_names_no_operation_of_ours_goes_to_the_app(
    connection: http.client.HTTPConnection, door: aws.Door
) -> None:
    for target, taken in ((f"{TARGET}.ListClusters", True), ("DynamoDB_20120810.ListTables", False), ("", False)):
        headers = Message()
        headers["x-amz-target"] = target
        assert door.takes("/", headers) is taken
        assert not door.takes("/v2/", headers)
    assert ask(connection, "", **{"X-Amz-Target": "Nobody.Nothing"})[1] == {"__type": "UnknownOperationException"}


def test_a_bug_is_answered_and_said_and_harms_this_request_alone(
    connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: object) -> None:
        raise ZeroDivisionError

    module: ModuleType = aws
    monkeypatch.setattr(module.sigv4, "scope_of", fails)
    assert ask(connection, "ListClusters")[0] == 500
    monkeypatch.undo()
    assert "ListClusters failed" in caplog.text
    assert ask(connection, "ListClusters")[0] == 200


def test_the_flask_application_answers_what_the_door_answers(door: aws.Door) -> None:
    client = aws.create_app(door).test_client()
    signed = {"Authorization": SIGNED.format(key="123456789012", region="us-east-1")}
    listed = client.post("/", data=b"{}", headers={**signed, "X-Amz-Target": f"{TARGET}.ListClusters"})
    assert (listed.status_code, listed.get_json(force=True)) == (200, {"clusterArns": []})
    unknown = client.post("/", data=b"{}", headers={**signed, "X-Amz-Target": f"{TARGET}.Nonsense"})
    assert (unknown.status_code, unknown.get_json(force=True)) == (400, {"__type": "UnknownOperationException"})
    unsigned = client.post("/", data=b"{}", headers={"X-Amz-Target": f"{TARGET}.ListClusters"})
    assert unsigned.get_json(force=True)["__type"] == "MissingAuthenticationTokenException"
