"""The emulator's own routes under `/_emulator/`: how it is, and the few things that AWS's API has no word for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from ecs_emulator.wire.errors import AwsError

Document = dict[str, Any]


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
        return jsonify(emulator.decisions(subject, request.args.get("limit", 100, type=int)))

    @routes.post("/instances")
    def instances() -> tuple[Response, int]:
        return _answered(lambda: emulator.add_instances(request.get_json()))

    return routes


def _answered(answer: Callable[[], Document]) -> tuple[Response, int]:
    try:
        return jsonify(answer()), 200
    except AwsError as refusal:
        return jsonify(refusal.to_document()), refusal.status
