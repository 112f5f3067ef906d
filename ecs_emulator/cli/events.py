"""What a running emulator would tell EventBridge, as it is told: a JSON document a line, or a line for people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from ecs_emulator.cli import fail
from ecs_emulator.cli.asking import endpoint_of

SILENCE = 60.0
"""Seconds: a stream says more often than that that it lives."""
STREAM = "text/event-stream"
INTERRUPTED = 130


def events(options: argparse.Namespace) -> int:
    """Print the newest documents, oldest first; with `--follow` also each that comes, until the server ends."""
    form = _short if options.short else json.dumps
    try:
        with build_opener(ProxyHandler({})).open(_request(options), timeout=SILENCE) as answer:
            for document in _streamed(answer) if options.follow else json.load(answer):
                print(form(document), flush=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    except HTTPError as error:
        refusal = json.loads(error.read())
        return fail(f"{refusal.get('__type')}: {refusal.get('message', '')}")
    except (OSError, HTTPException) as error:
        return fail(f"no emulator answers at {endpoint_of(options)}: {getattr(error, 'reason', error)}.")
    return 0


def _request(options: argparse.Namespace) -> Request:
    asked = {name: getattr(options, name) for name in ("cluster", "service", "task", "limit", "account", "region")}
    named = [(name, value) for name, value in asked.items() if value is not None]
    kinds = [("detail-type", each) for each in options.detail_type or ()]
    headers = {"Accept": STREAM if options.follow else "application/json"}
    return Request(f"{endpoint_of(options)}/_emulator/events?{urlencode(named + kinds)}", headers=headers)


def _streamed(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


# --- for people -------------------------------------------------------------------------------------------------------


def _short(document: Any) -> str:
    kind = document["detail-type"].removeprefix("ECS ").removesuffix(" State Change").lower()
    (resource,) = document["resources"] or [""]
    named = resource.rpartition(":")[2].partition("/")[2]
    return f"{document['time']}  {kind:<18}  {named}  {_change(document['detail'])}"


def _change(detail: Any) -> str:
    """What is new: of a task and a machine where they stand, of all else the name and the reason."""
    if "eventName" in detail:
        return "  ".join(str(detail[name]) for name in ("eventName", "reason") if name in detail)
    if "lastStatus" not in detail:
        connected = "connected" if detail["agentConnected"] else "disconnected"
        return f"{detail['status']}, agent {connected}, version {detail['version']}"
    wanted = detail["desiredStatus"]
    why = f"  {detail['stoppedReason']}" if "stoppedReason" in detail else ""
    standing = detail["lastStatus"] if wanted == "RUNNING" else f"{detail['lastStatus']} (desired {wanted})"
    return f"{standing}, version {detail['version']}{why}"
