"""What no client would send, sent to a whole emulator: it answers in words, and the next request finds everything as it was."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import botocore.loaders
import botocore.model
import botocore.parsers
import pytest

import ecs_emulator
from ecs_emulator.app import Emulator

TARGET = "AmazonEC2ContainerServiceV20141113"
SIGNED = "AWS4-HMAC-SHA256 Credential=123456789012/20240101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0"
MODEL: Any = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("ecs", "service-2"), "ecs")
TEN_MEGABYTES = b"x" * 10_000_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with ecs_emulator.start(engine="simulated") as started:
        client: Any = started.client("ecs")
        client.create_cluster()
        client.register_task_definition(
            family="web", containerDefinitions=[{"name": "app", "image": "app", "memory": 64}]
        )
        yield started


def ask(emulator: Emulator, operation: str, body: bytes, *, chunked: bool = False) -> tuple[int, dict[str, Any]]:
    """Status and document, as botocore reads them; the body in one piece, or in chunks of a megabyte."""
    connection = http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=20)
    headers = {"Authorization": SIGNED, "X-Amz-Target": f"{TARGET}.{operation}"}
    pieces = (body[start : start + 1_000_000] for start in range(0, len(body), 1_000_000))
    try:
        connection.request("POST", "/", pieces if chunked else body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        response = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.read()}
    finally:
        connection.close()
    return answer.status, botocore.parsers.create_parser("json").parse(
        response, MODEL.operation_model(operation).output_shape
    )


def state(emulator: Emulator) -> str:
    ecs: Any = emulator.client("ecs")
    documents = [ecs.list_clusters(), ecs.list_task_definitions(), ecs.list_tasks(), ecs.list_services()]
    return json.dumps(
        [{name: value for name, value in each.items() if name != "ResponseMetadata"} for each in documents]
    )


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("CreateCluster", b'{"clusterName": "' + TEN_MEGABYTES + b'"}', "InvalidParameterException"),
        ("RunTask", b'{"taskDefinition": "' + TEN_MEGABYTES + b'"}', "ClientException"),
        ("CreateCluster", b'{"clusterName": ' + b"[" * 5_000_000 + b"]" * 5_000_000 + b"}", "SerializationException"),
        ("CreateCluster", b'{"clusterName": "\xff\xfe"}', "SerializationException"),
        ("CreateCluster", b'{"clusterName": "\\ud800"}', "SerializationException"),
        ("CreateCluster", b'{"clusterName": "a\\u0000b"}', "InvalidParameterException"),
        ("CreateCluster", b'{"clusterName": "a\0b"}', "SerializationException"),
        ("CreateCluster", b'{"clusterName": "cut', "SerializationException"),
        ("CreateCluster", b"[]", "SerializationException"),
        ("RunTask", b"", "ClientException"),
    ],
    ids=["10 MB", "10 MB name", "deep", "no UTF-8", "surrogate", "escaped NUL", "NUL", "cut", "list", "nothing"],
)
def test_a_bad_body_is_refused_and_changes_nothing(
    emulator: Emulator, operation: str, body: bytes, code: str, chunked: bool
) -> None:
    before = state(emulator)
    status, answer = ask(emulator, operation, body, chunked=chunked)
    assert (status, answer["Error"]["Code"]) == (400, code)
    assert state(emulator) == before
