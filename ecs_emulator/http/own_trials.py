"""The emulator's own routes for tests: what time it is and how to make it later, faults to order, Spot capacity to take away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from ecs_emulator.wire.errors import AwsError, SerializationException

Document = dict[str, Any]
WORLD = {"account": str, "region": str}
INTERRUPTION: Mapping[str, type] = {"subject": str, "cluster": str, "drain": bool, **WORLD}
ALARM: Mapping[str, type] = {"name": str, "state": str, **WORLD}
CLOCK: Mapping[str, type] = {"advance": object}
KINDS: Mapping[type, str] = {str: "a string", bool: "true or false"}


class Emulator(Protocol):
    """What these routes ask of the emulator."""

    def time(self) -> Document: ...

    def advance(self, duration: object) -> Document: ...

    def faults(self, world: Mapping[str, str]) -> list[Document]: ...

    def order_fault(self, asked: Document) -> Document: ...

    def cancel_fault(self, fault_id: str, world: Mapping[str, str]) -> Document: ...

    def interrupt(self, asked: Document) -> Document: ...

    def alarms(self, world: Mapping[str, str]) -> list[Document]: ...

    def set_alarm(self, asked: Document) -> Document: ...


def create_routes(emulator: Emulator) -> Blueprint:
    """The routes, to be registered on the application of the AWS door."""
    routes = Blueprint("trials", __name__, url_prefix="/_emulator")

    @routes.get("/clock")
    def time() -> tuple[Response, int]:
        return _answered(emulator.time)

    @routes.post("/clock")
    def advance() -> tuple[Response, int]:
        return _answered(lambda: emulator.advance(_needed(_asked(CLOCK), "advance")))

    @routes.get("/faults")
    def faults() -> tuple[Response, int]:
        return _answered(lambda: {"faults": emulator.faults(_world())})

    @routes.post("/faults")
    def order() -> tuple[Response, int]:
        return _answered(lambda: emulator.order_fault(_body()))

    @routes.delete("/faults/<fault_id>")
    def cancel(fault_id: str) -> tuple[Response, int]:
        return _answered(lambda: emulator.cancel_fault(fault_id, _world()))

    @routes.post("/interruptions")
    def interrupt() -> tuple[Response, int]:
        def answer() -> Document:
            asked = _asked(INTERRUPTION)
            _needed(asked, "subject")
            return emulator.interrupt(asked)

        return _answered(answer)

    @routes.get("/alarms")
    def alarms() -> tuple[Response, int]:
        return _answered(lambda: {"alarms": emulator.alarms(_world())})

    @routes.post("/alarms")
    def alarm() -> tuple[Response, int]:
        def answer() -> Document:
            asked = _asked(ALARM)
            for name in ("name", "state"):
                _needed(asked, name)
            return emulator.set_alarm(asked)

        return _answered(answer)

    return routes


def _body() -> Document:
    """The members of the body that are not null. Raises SerializationException."""
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise SerializationException("the body should be a JSON object")
    given = {name: value for name, value in body.items() if value is not None}
    for name in WORLD:
        if not isinstance(given.get(name, ""), str):
            raise SerializationException(f"{name} should be a string")
    return given


def _asked(members: Mapping[str, type]) -> Document:
    given = _body()
    for name, value in given.items():
        if name not in members:
            raise SerializationException(f"{name} is none of {', '.join(members)}")
        if not isinstance(value, members[name]):
            raise SerializationException(f"{name} should be {KINDS[members[name]]}")
    return given


def _needed(asked: Document, name: str) -> Any:
    if asked.get(name) in (None, ""):
        raise SerializationException(f"the body should say {name}")
    return asked[name]


def _world() -> dict[str, str]:
    return {name: request.args[name] for name in WORLD if name in request.args}


def _answered(answer: Callable[[], Document]) -> tuple[Response, int]:
    try:
        return jsonify(answer()), 200
    except AwsError as refusal:
        return jsonify(refusal.to_document()), refusal.status
