"""The emulator's own routes under `/_emulator/`: how it is, and the few things that AWS's API has no word for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from ecs_emulator.wire.errors import AwsError, SerializationException

Document = dict[str, Any]

MOST_DECISIONS = 1000
LARGEST = 2**31 - 1
INSTANCES: dict[str, type] = {
    "cluster": str,
    "count": int,
    "cpu": int,
    "memory": int,
    "account": str,
    "region": str,
    "attributes": dict,
}
KINDS: dict[type, str] = {str: "a string", int: f"a whole number of at most {LARGEST}", dict: "an object"}


class Emulator(Protocol):
    """What these routes ask of the emulator."""

    def health(self) -> Document: ...

    def decisions(self, subject: str, limit: int) -> list[Document]: ...

    def add_instances(self, asked: Document) -> Document: ...


def create_routes(emulator: Emulator) -> Blueprint:
    """The routes, to be registered on the application of the AWS door."""
    routes = Blueprint("emulator", __name__, url_prefix="/_emulator")

    @routes.get("/health")
    def health() -> Response:
        return jsonify(emulator.health())

    @routes.get("/decisions")
    def decisions() -> Response:
        subject = request.args.get("subject", "")
        limit = request.args.get("limit", 100, type=int)
        return jsonify(emulator.decisions(subject, max(1, min(limit, MOST_DECISIONS))))

    @routes.post("/instances")
    def instances() -> tuple[Response, int]:
        return _answered(lambda: emulator.add_instances(_asked(request.get_json(force=True, silent=True))))

    return routes


def _asked(body: Any) -> Document:
    """What a body asks for; a member that is null is not there. Raises SerializationException where it is of the wrong kind."""
    if not isinstance(body, dict):
        raise SerializationException("the body should be a JSON object")
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        kind = INSTANCES.get(name)
        if kind is None:
            raise SerializationException(f"{name} is none of {', '.join(INSTANCES)}")
        if type(value) is not kind or (isinstance(value, int) and abs(value) > LARGEST):
            raise SerializationException(f"{name} should be {KINDS[kind]}")
    for name, value in given.get("attributes", {}).items():
        if not isinstance(value, str | None):
            raise SerializationException(f"the attribute {name} should have a string as its value")
    return given


def _answered(answer: Callable[[], Document]) -> tuple[Response, int]:
    try:
        return jsonify(answer()), 200
    except AwsError as refusal:
        return jsonify(refusal.to_document()), refusal.status
