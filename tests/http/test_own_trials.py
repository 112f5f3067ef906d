"""The routes of time and trouble: what nobody understands is refused in words, and asks for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ecs_emulator.http import own_trials


class Emulator:
    """Remembers what it was asked. Lives as long as a test."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def _answer(self, *asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {"ok": True}

    def time(self) -> dict[str, Any]:
        return self._answer("time")

    def advance(self, duration: object) -> dict[str, Any]:
        return self._answer("advance", duration)

    def faults(self, world: Mapping[str, str]) -> list[dict[str, Any]]:
        return [self._answer("faults", world)]

    def order_fault(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._answer("order", asked)

    def cancel_fault(self, fault_id: str, world: Mapping[str, str]) -> dict[str, Any]:
        return self._answer("cancel", fault_id, world)

    def interrupt(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._answer("interrupt", asked)

    def alarms(self, world: Mapping[str, str]) -> list[dict[str, Any]]:
        return [self._answer("alarms", world)]

    def set_alarm(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._answer("alarm", asked)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
def client(emulator: Emulator) -> FlaskClient:
    app = Flask("own", static_folder=None)
    app.register_blueprint(own_trials.create_routes(emulator))
    return app.test_client()


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("GET", "clock", None, ("time",)),
        ("POST", "clock", '{"advance": "30m"}', ("advance", "30m")),
        ("POST", "clock", '{"advance": 0}', ("advance", 0)),
        ("GET", "alarms?account=1", None, ("alarms", {"account": "1"})),
        ("POST", "alarms", '{"name": "a", "state": "OK"}', ("alarm", {"name": "a", "state": "OK"})),
        ("GET", "faults?region=eu-west-1", None, ("faults", {"region": "eu-west-1"})),
        ("POST", "faults", '{"kind": "error", "count": null}', ("order", {"kind": "error"})),
        ("DELETE", "faults/fault-1?account=1", None, ("cancel", "fault-1", {"account": "1"})),
        (
            "POST",
            "interruptions",
            '{"subject": "i-1", "drain": false}',
            ("interrupt", {"subject": "i-1", "drain": False}),
        ),
    ],
)
def test_what_is_asked_is_handed_on(
    client: FlaskClient, emulator: Emulator, method: str, path: str, body: str | None, asked: Any
) -> None:
    assert client.open(f"/_emulator/{path}", method=method, data=body).status_code == 200
    assert emulator.asked == [asked]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("clock", "", "the body should be a JSON object"),
        ("clock", "[1]", "the body should be a JSON object"),
        ("clock", "{}", "the body should say advance"),
        ("clock", '{"advance": null}', "the body should say advance"),
        ("clock", '{"to": 1}', "to is none of advance"),
        ("alarms", '{"name": "a"}', "the body should say state"),
        ("alarms", '{"name": 1, "state": "OK"}', "name should be a string"),
        ("faults", "nonsense", "the body should be a JSON object"),
        ("faults", '{"account": 1}', "account should be a string"),
        ("interruptions", "{}", "the body should say subject"),
        ("interruptions", '{"subject": 1}', "subject should be a string"),
        ("interruptions", '{"subject": "x", "drain": "no"}', "drain should be true or false"),
        (
            "interruptions",
            '{"subject": "x", "colour": 1}',
            "colour is none of subject, cluster, drain, account, region",
        ),
    ],
)
def test_what_nobody_understands_is_refused_in_words(
    client: FlaskClient, emulator: Emulator, path: str, body: str, message: str
) -> None:
    answer = client.post(f"/_emulator/{path}", data=body)
    assert (answer.status_code, answer.get_json()) == (400, {"__type": "SerializationException", "message": message})
    assert emulator.asked == []
