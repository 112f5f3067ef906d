"""`GET /_emulator/events`: what EventBridge would be sent, as a list, or as server-sent events for as long as one listens.

A listener has its own thread and its own snapshots: however slowly it reads, nothing waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from ecs_emulator.records.events import StateEvent
from ecs_emulator.rules import event_documents
from ecs_emulator.store import Store, Transaction
from ecs_emulator.wire import encoding
from ecs_emulator.wire.errors import AwsError, SerializationException

MOST_AT_ONCE = 1000
USUAL = 100
LARGEST = 2**63 - 1
STREAM = "text/event-stream"
LOOKS_EVERY = 0.1
"""Seconds."""
SILENT_LOOKS = 100
"""After so many looks that found nothing a line says that the stream lives, and finds out whether its listener does."""
SHORT = {
    "task": event_documents.TASK,
    "instance": event_documents.INSTANCE,
    "service": event_documents.SERVICE,
    "deployment": event_documents.DEPLOYMENT,
    "hook": event_documents.HOOK,
    "daemon": event_documents.DAEMON,
    "daemon-deployment": event_documents.DAEMON_DEPLOYMENT,
}
NAMED = ("cluster", "service", "task", "detail-type", "account", "region", "after", "limit", "follow")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which documents, behind which number (None: the newest), and how many at most."""

    after: int | None = None
    limit: int = USUAL
    columns: Mapping[str, Any] = field(default_factory=dict)


def create_routes(store: Store, ending: threading.Event) -> Blueprint:
    """The route, to be registered beside the emulator's own; its streams end when `ending` is set."""
    routes = Blueprint("events", __name__, url_prefix="/_emulator")

    @routes.get("/events")
    def events() -> Response:
        try:
            asked = _asked(request.args, request.headers.get("Last-Event-ID"))
        except AwsError as refusal:
            return Response(encoding.encode(refusal.to_document()), refusal.status, mimetype="application/json")
        if _wants_stream():
            return _streamed(store, asked, ending)
        with store.snapshot() as tx:
            found = _first(tx, asked)
        answer = Response(
            encoding.encode([event_documents.envelope(one) for one in found]), mimetype="application/json"
        )
        if found:
            answer.headers["Last-Event-ID"] = str(found[-1].seq)
        return answer

    return routes


def _wants_stream() -> bool:
    """Said in words: to accept anything at all is to want a list."""
    return STREAM in request.headers.get("Accept", "") or request.args.get("follow", "") in ("1", "true")


# --- what is asked ----------------------------------------------------------------------------------------------------


def _asked(args: MultiDict[str, str], last_seen: str | None) -> Asked:
    """Raises SerializationException where a word or a number is none that could be meant."""
    for name in args:
        if name not in NAMED:
            raise SerializationException(f"{name} is none of {', '.join(NAMED)}")
    after = args.get("after", last_seen)
    limit = max(1, min(_number("limit", args.get("limit", str(USUAL))), MOST_AT_ONCE))
    return Asked(None if after is None else _number("after", after), limit, _columns(args))


def _columns(args: MultiDict[str, str]) -> dict[str, Any]:
    """What the documents' columns equal. Who names a task needs no account: there is no other of that id."""
    found: dict[str, Any] = {name: args[name] for name in ("account", "region") if name in args}
    for name in ("cluster", "service"):
        if name in args:
            found[name] = _last(args[name])
    if "task" in args:
        found = {"resource_id": _last(args["task"])}
    if kinds := args.getlist("detail-type"):
        found["detail_type"] = [_detail_type(each) for each in kinds]
    return found


def _detail_type(named: str) -> str:
    found = SHORT.get(named, named)
    if found not in event_documents.DETAIL_TYPES:
        raise SerializationException(f"{named} is none of {', '.join((*event_documents.DETAIL_TYPES, *SHORT))}")
    return found


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST):
        raise SerializationException(f"{name} should be a whole number of at most {LARGEST}")
    return int(text)


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


# --- what is answered -------------------------------------------------------------------------------------------------


def _first(tx: Transaction, asked: Asked) -> list[StateEvent]:
    """The documents behind the number that was named; without one the newest, oldest first."""
    if asked.after is not None:
        return tx.find(StateEvent, order="seq", after=[asked.after], limit=asked.limit, **asked.columns)
    newest = tx.find(StateEvent, order="seq", descending=True, limit=asked.limit, **asked.columns)
    return newest[::-1]


def _streamed(store: Store, asked: Asked, ending: threading.Event) -> Response:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Response(_frames(store, asked, ending), mimetype=STREAM, headers=headers)


def _frames(store: Store, asked: Asked, ending: threading.Event) -> Iterator[bytes]:
    """What there is, then what comes, each with its number; a listener that comes back names the last that it saw."""
    with store.snapshot() as tx:
        reached = _newest(tx)
        if asked.after is not None and asked.after <= reached:  # a larger one is another data directory's
            reached, found = asked.after, []
        else:
            found = _first(tx, Asked(None, asked.limit, asked.columns))
    yield b"retry: 1000\n\n" + b"".join(map(_frame, found))
    silent = 0
    while not ending.is_set():
        with store.snapshot() as tx:
            found = tx.find(StateEvent, order="seq", after=[reached], limit=MOST_AT_ONCE, **asked.columns)
            whole = len(found) < MOST_AT_ONCE
            reached = max(reached, _newest(tx)) if whole else found[-1].seq or reached
        silent = 0 if found else silent + 1
        if found or silent % SILENT_LOOKS == 0:
            yield b"".join(map(_frame, found)) or b": nothing new\n\n"
        if whole:
            ending.wait(LOOKS_EVERY)


def _newest(tx: Transaction) -> int:
    found = tx.columns(StateEvent, ("seq",), order="seq", descending=True, limit=1)
    return int(found[0][0]) if found else 0


def _frame(event: StateEvent) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (event.seq or 0, encoding.encode(event_documents.envelope(event)))
