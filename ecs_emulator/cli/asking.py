"""What a running emulator is asked: how it is, why it did that, what a task wrote, for more machines."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from ecs_emulator.cli import fail

POLL_SECONDS = 0.5
PURCHASE = "ecs-emulator.purchase"


def endpoint_of(options: argparse.Namespace) -> str:
    endpoint = str(options.endpoint or f"127.0.0.1:{options.port}").rstrip("/")
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def _own(
    options: argparse.Namespace, path: str, asked: dict[str, Any] | None, method: str | None, patience: float
) -> Any:
    """One of the emulator's own routes. Raises OSError where none answers."""
    body = None if asked is None else json.dumps(asked).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{endpoint_of(options)}/_emulator/{path}", data=body, method=method, headers=headers)
    with build_opener(ProxyHandler({})).open(request, timeout=patience) as answer:
        return json.load(answer)


def asked_of(
    options: argparse.Namespace,
    path: str,
    asked: dict[str, Any] | None = None,
    *,
    method: str | None = None,
    patience: float = 30.0,
) -> Any:
    """What a running emulator answers; ends the command with a sentence where it refuses, or where none answers."""
    try:
        return _own(options, path, asked, method, patience)
    except HTTPError as error:
        refusal = json.loads(error.read())
        raise SystemExit(fail(f"{refusal.get('__type')}: {refusal.get('message', '')}")) from error
    except OSError as error:
        raise SystemExit(
            fail(f"no emulator answers at {endpoint_of(options)}: {getattr(error, 'reason', error)}.")
        ) from error


def status(options: argparse.Namespace) -> int:
    health = asked_of(options, "health")
    engine = health["engine"]
    print(
        f"ecs-emulator {health['version']} is {health['status']} at {endpoint_of(options)}, process {health['process']}"
    )
    print(f"engine   {engine['kind']}: {engine['problem'] or engine['because']}")
    if health["problem"]:
        print(f"trouble  {health['problem']}")
    print(f"data     {'ephemeral, ' if health['ephemeral'] else ''}{health['dataDir']}")
    for name, count in health["counts"].items():
        print(f"{name:<14}{count:>6}")
    return 0 if health["status"] == "ok" else 3


def why(options: argparse.Namespace) -> int:
    found = asked_of(options, f"decisions?subject={quote(options.subject)}&limit={options.limit}")
    for one in found:
        print(f"{datetime.fromtimestamp(one['at']).isoformat(timespec='milliseconds')}  {one['text']}")
    return 0 if found else fail(f"nothing was decided about {options.subject}.")


def add_instances(options: argparse.Namespace) -> int:
    attributes = dict(pair.partition("=")[::2] for pair in options.attribute)
    if options.purchase is not None:
        attributes[PURCHASE] = options.purchase
    asked = {name: getattr(options, name) for name in ("cluster", "count", "cpu", "memory", "account", "region")}
    for arn in asked_of(options, "instances", {**asked, "attributes": attributes})["containerInstanceArns"]:
        print(arn)
    return 0


def logs(options: argparse.Namespace) -> int:
    """Print what a task's containers, or the streams of a group, have written; with `--follow` go on."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    session: Any = boto3.session.Session()

    def client(service: str) -> Any:
        return session.client(
            service,
            endpoint_url=endpoint_of(options),
            region_name=options.region,
            aws_access_key_id=options.account,
            aws_secret_access_key="emulated",
        )

    try:
        streams = list(_streams(client("ecs"), options))
        if not streams:
            return fail(f"no container of {options.subject} logs with awslogs.")
        _print_events(client("logs"), streams, options.follow)
    except (BotoCoreError, ClientError) as error:
        return fail(f"{str(error).rstrip('.')}.")
    except KeyboardInterrupt:
        return 130
    return 0


def _streams(ecs: Any, options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Group and streams of a task; of a group all streams, as an empty list."""
    if options.subject.startswith("/") or not _is_task(options.subject):
        yield options.subject, []
        return
    named = options.subject.split(":task/")[-1].split("/")
    cluster = named[0] if len(named) == 2 else options.cluster
    found = ecs.describe_tasks(cluster=cluster, tasks=[options.subject])
    if not found["tasks"]:
        raise SystemExit(fail(f"there is no task {named[-1]} in cluster {cluster}; --cluster names another."))
    for task in found["tasks"]:
        definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
        for container in definition["containerDefinitions"]:
            configuration = container.get("logConfiguration") or {}
            if configuration.get("logDriver") == "awslogs":
                chosen = configuration.get("options", {})
                task_id = task["taskArn"].rpartition("/")[2]
                prefix = chosen.get("awslogs-stream-prefix")
                yield chosen["awslogs-group"], [f"{prefix}/{container['name']}/{task_id}" if prefix else task_id]


def _is_task(subject: str) -> bool:
    return ":task/" in subject or len(subject) in (32, 36)


def _print_events(logs: Any, streams: list[tuple[str, list[str]]], follow: bool) -> None:
    seen: set[str] = set()
    since = 0
    while True:
        for group, names in streams:
            asked = {"logGroupName": group, "startTime": since, **({"logStreamNames": names} if names else {})}
            for page in logs.get_paginator("filter_log_events").paginate(**asked):
                for event in page["events"]:
                    if event["eventId"] not in seen:
                        seen.add(event["eventId"])
                        since = max(since, event["timestamp"] - 60_000)
                        at = datetime.fromtimestamp(event["timestamp"] / 1000).isoformat(timespec="milliseconds")
                        print(f"{at} {event['logStreamName']} {event['message']}", flush=True)
        if not follow:
            return
        time.sleep(POLL_SECONDS)
