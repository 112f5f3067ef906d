"""The door of the AWS API: a POST names its operation in `X-Amz-Target`, its account and region in the credential scope.

It is a Flask application, and the emulator's own server asks it before WSGI, where a connection is kept for the next request:
an SDK asks often, and little at a time.
What lives only here: headers and status codes. What it does not know: any operation.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.message import Message
from pathlib import Path

from flask import Flask, Response, request

from ecs_emulator.arns import World
from ecs_emulator.clock import Clock
from ecs_emulator.config import Config
from ecs_emulator.http import hosts, sigv4
from ecs_emulator.http.exchange import Body, Exchange, MalformedRequest
from ecs_emulator.http.faulty import Faults
from ecs_emulator.ids import Ids
from ecs_emulator.store import Store, StoreUnusable
from ecs_emulator.wire import encoding
from ecs_emulator.wire.call import Context
from ecs_emulator.wire.dispatch import Service
from ecs_emulator.wire.errors import AwsError, SerializationException, ServerException, UnknownOperationException
from ecs_emulator.wire.tokens import Tokens

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/x-amz-json-1.1"
LONGEST_BODY = 16 * 1024 * 1024
_PIECE = 64 * 1024

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, content."""


class RequestEntityTooLargeException(AwsError):
    STATUS = 413
    message = f"The request is larger than {LONGEST_BODY} bytes."


class Door:
    """What every request of the AWS API shares. Lives as long as the server; holds no state of its own."""

    def __init__(
        self,
        services: tuple[Service, ...],
        store: Store,
        clock: Clock,
        ids: Ids,
        config: Config,
        tokens: Tokens,
        endpoint: Callable[[], str],
        faults: Faults | None = None,
        real_clock: Clock | None = None,
    ) -> None:
        """`faults`: what shall go wrong before an operation is reached. `real_clock`: the machine's, where `clock` is another."""
        self._services = {service.model.target_prefix: service for service in services}
        self._guard = hosts.Guard(config.allowed_hosts)
        self._store = store
        self._clock = clock
        self._ids = ids
        self._config = config
        self._tokens = tokens
        self._endpoint = endpoint
        self._faults = faults
        self._real_clock = real_clock or clock
        self._data_dir: Path = config.data_dir

    def takes(self, path: str, headers: Message) -> bool:
        """Whether this is a request to one of these services."""
        if path != "/" and not path.startswith("/?"):
            return False
        return headers.get("X-Amz-Target", "").rpartition(".")[0] in self._services

    def serve(self, exchange: Exchange) -> None:
        """One request of the AWS JSON protocol, answered whatever happens; only a client that left is left alone."""
        if not self._guard.admits(exchange.headers.get("Host", "")):
            exchange.answer(403, [("Content-Type", CONTENT_TYPE)], hosts.REFUSAL)
            return
        if exchange.method != "POST":
            exchange.answer(*_refused(UnknownOperationException(), str(uuid.uuid4())))
            return
        headers = exchange.headers
        target, authorization = headers.get("X-Amz-Target", ""), headers.get("Authorization")
        exchange.answer(*self.answer(target, authorization, exchange.query, lambda: _whole(exchange.body)))

    def answer(
        self, target: str, authorization: str | None, query: Mapping[str, str], body: Callable[[], bytes]
    ) -> Answer:
        """Status, headers and content for one request; `body` reads what the client sends."""
        request_id = str(uuid.uuid4())
        try:
            prefix, _, operation = target.rpartition(".")
            service = self._services.get(prefix)
            if service is None:
                raise UnknownOperationException
            content = body()
            context = self._context(authorization, query, request_id)
            if self._faults is not None and operation in service.model.operations:
                self._faults.befall(context.world, service.name, operation)
                context = replace(context, now=self._clock.now())
            status, document = service.answer(operation, content, context)
        except AwsError as refusal:
            return _refused(refusal, request_id)
        except (ConnectionError, TimeoutError):
            raise  # nobody is there to answer
        except StoreUnusable as trouble:
            log.error("%s failed: %s", target, trouble)
            return _refused(ServerException(str(trouble)), request_id)
        except Exception:
            log.exception("%s failed", target)
            return _refused(ServerException(), request_id)
        return status, [("Content-Type", CONTENT_TYPE), ("x-amzn-RequestId", request_id)], document

    def _context(self, authorization: str | None, query: Mapping[str, str], request_id: str) -> Context:
        scope = sigv4.scope_of(authorization, query)
        world = World(sigv4.account_of(scope.access_key, self._config.account), scope.region)
        return Context(
            store=self._store,
            world=world,
            now=self._clock.now(),
            ids=self._ids,
            config=self._config,
            principal_arn=world.root_arn,
            request_id=request_id,
            data_dir=self._data_dir,
            endpoint=self._endpoint(),
            tokens=self._tokens,
            real_now=self._real_clock.now(),
        )


def _whole(body: Body) -> bytes:
    """All that the client sends; a stream that breaks off raises BodyCut."""
    content = bytearray()
    try:
        while (body.length or len(content)) <= LONGEST_BODY:
            if body.finished or not (piece := body.read(body.length or _PIECE)):
                return bytes(content)
            content += piece
    except MalformedRequest as error:
        raise SerializationException(str(error)) from None
    raise RequestEntityTooLargeException


def _refused(refusal: AwsError, request_id: str) -> Answer:
    headers = [("Content-Type", CONTENT_TYPE), ("x-amzn-RequestId", request_id)]
    return refusal.status, headers, encoding.encode(refusal.to_document())


def create_app(door: Door) -> Flask:
    """The application at `/`, for whoever serves it by WSGI; the emulator's own server asks the door first."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY

    @app.post("/")
    def answer() -> Response:
        target, authorization = request.headers.get("X-Amz-Target", ""), request.headers.get("Authorization")
        status, headers, content = door.answer(target, authorization, request.args, request.get_data)
        return Response(content, status, headers)

    return app
