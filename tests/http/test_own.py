"""The emulator's own routes: what is asked in a form that nobody understands is refused in words, and asks for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ecs_emulator.ecs.errors import ClusterNotFoundException
from ecs_emulator.http import own


class Emulator:
    """Remembers what it was asked. Lives as long as a test."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def health(self) -> dict[str, Any]:
        return {"status": "ok"}

    def decisions(self, subject: str, limit: int) -> list[dict[str, Any]]:
        self.asked.append((subject, limit))
        return []

    def add_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked)
        if asked.get("cluster") == "ghost":
            raise ClusterNotFoundException
        return {"containerInstanceArns": []}


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
def client(emulator: Emulator) -> FlaskClient:
    app = Flask("own", static_folder=None)
    app.register_blueprint(own.create_routes(emulator))
    return app.test_client()


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("", 100),
        ("limit=7", 7),
        ("limit=-1", 1),
        ("limit=0", 1),
        ("limit=200000", 1000),
        ("limit=x", 100),
        (f"limit={'9' * 5000}", 100),
    ],
)
def test_the_journal_is_given_a_thousand_decisions_at_a_time(
    client: FlaskClient, emulator: Emulator, query: str, limit: int
) -> None:
    assert client.get(f"/_emulator/decisions?subject=arn&{query}").get_json() == []
    assert emulator.asked == [("arn", limit)]


def test_what_is_null_is_not_asked_for(client: FlaskClient, emulator: Emulator) -> None:
    asked = {"cluster": None, "count": 2, "attributes": {"stack": "blue", "flag": None}, "account": None}
    assert client.post("/_emulator/instances", json=asked).status_code == 200
    assert emulator.asked == [{"count": 2, "attributes": {"stack": "blue", "flag": None}}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "the body should be a JSON object"),
        ("", "the body should be a JSON object"),
        ("{", "the body should be a JSON object"),
        ('{"count": "x"}', "count should be a whole number of at most 2147483647"),
        ('{"count": true}', "count should be a whole number of at most 2147483647"),
        ('{"memory": 1.5}', "memory should be a whole number of at most 2147483647"),
        ('{"cpu": 99999999999999999999}', "cpu should be a whole number of at most 2147483647"),
        ('{"cluster": 1}', "cluster should be a string"),
        ('{"attributes": ["a=b"]}', "attributes should be an object"),
        ('{"attributes": {"a": 1}}', "the attribute a should have a string as its value"),
        ('{"cuont": 1}', "cuont is none of cluster, count, cpu, memory, account, region, attributes"),
    ],
)
def test_a_body_of_another_form_is_refused_and_says_why(
    client: FlaskClient, emulator: Emulator, body: str, message: str
) -> None:
    answer = client.post("/_emulator/instances", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json() == {"__type": "SerializationException", "message": message}
    assert emulator.asked == []


def test_what_the_emulator_refuses_is_a_document_too(client: FlaskClient) -> None:
    answer = client.post("/_emulator/instances", json={"cluster": "ghost"})
    assert (answer.status_code, answer.get_json()["__type"]) == (400, "ClusterNotFoundException")
