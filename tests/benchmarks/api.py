"""The API against an endpoint that does nothing, on the same server class: processor time, throughput, a large answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

from tests.benchmarks.clients import DEFINITION, NETWORK, Crowd, Plain, boto3_client
from tests.benchmarks.processes import Served, emulator, null
from tests.benchmarks.table import Row, at_least, at_most, compared, in_turns

TITLE = "api: DescribeClusters and RegisterTaskDefinition against a Flask endpoint that does nothing"
SECONDS = 240

ROUNDS = 5
REQUESTS = 400
"""Of one client in one round, while processor time is measured."""
WINDOW = 1.5
"""Seconds of one round, while throughput is measured."""
CLIENTS = 8
TASKS = 1_000
DESCRIBED = 100
CLUSTER = {"clusters": ["benchmark"]}


def measure() -> Iterator[Row]:
    with emulator("simulated") as ours, Plain(ours.endpoint) as asking:
        asking.ask("CreateCluster", clusterName="benchmark")
        described = asking.post("DescribeClusters", json.dumps(CLUSTER).encode())
        registered = asking.post("RegisterTaskDefinition", json.dumps({"family": "shape", **DEFINITION}).encode())
        with null(described) as nothing:
            yield from _cpu(ours, nothing)
            with null(registered) as nothing_registered, Crowd(CLIENTS) as crowd:
                crowd.warm(nothing.endpoint, "describe_clusters", CLUSTER)
                yield from _throughput(crowd, ours, nothing, nothing_registered)
        yield from _large_answer(ours, asking)


def _cpu(ours: Served, nothing: Served) -> Iterator[Row]:
    """Server CPU of one DescribeClusters: asked by boto3, which keeps a connection where it may, and by a client that never does."""
    clients = {server: boto3_client(server.endpoint) for server in (ours, nothing)}

    def by_boto3(server: Served) -> None:
        clients[server].describe_clusters(**CLUSTER)

    def anew(server: Served) -> None:
        with Plain(server.endpoint) as asking:
            asking.ask("DescribeClusters", **CLUSTER)

    for what, ask in (("by boto3", by_boto3), ("a connection for each", anew)):
        mine, least = in_turns(ROUNDS, partial(_spent, ours, ask), partial(_spent, nothing, ask))
        yield compared(f"server CPU of a DescribeClusters, {what}", mine, least, "ms", "null endpoint", at_most(1.3))


def _spent(server: Served, ask: Callable[[Served], None], number: int) -> float:
    """Milliseconds of the server's processor time for one request."""
    ask(server)
    before = server.cpu()
    for _ in range(REQUESTS):
        ask(server)
    return (server.cpu() - before) / REQUESTS * 1000


def _throughput(crowd: Crowd, ours: Served, nothing: Served, nothing_registered: Served) -> Iterator[Row]:
    definitions = [{"family": f"benchmark-{number}", **DEFINITION} for number in range(CLIENTS)]
    for operation, name, each, base, least in (
        ("describe_clusters", "DescribeClusters", [CLUSTER] * CLIENTS, nothing, 0.8),
        ("register_task_definition", "RegisterTaskDefinition", definitions, nothing_registered, 0.5),
    ):
        for clients in (1, CLIENTS):
            rate = partial(_rate, crowd, operation, each[:clients])
            mine, of_null = in_turns(ROUNDS, partial(rate, ours), partial(rate, base))
            what = f"{name}, {clients} boto3 client{'s' * (clients > 1)}"
            yield compared(what, mine, of_null, "/s", "null endpoint", at_least(least))


def _rate(crowd: Crowd, operation: str, each: list[dict[str, Any]], server: Served, number: int) -> float:
    return crowd.rate(server.endpoint, operation, each, WINDOW)


def _large_answer(ours: Served, asking: Plain) -> Iterator[Row]:
    """DescribeTasks of 100 among 1,000."""
    arns = run_tasks(asking, TASKS)
    body = json.dumps({"cluster": "benchmark", "tasks": arns[:: TASKS // DESCRIBED]}).encode()
    assert len(json.loads(asking.post("DescribeTasks", body))["tasks"]) == DESCRIBED
    spent, took = [], []
    for _ in range(40):
        before, began = ours.cpu(), time.monotonic()
        asking.post("DescribeTasks", body)
        took.append((time.monotonic() - began) * 1000)
        spent.append((ours.cpu() - before) * 1000)
    yield Row(f"DescribeTasks of {DESCRIBED} among {TASKS:,} tasks", median(took), "ms", at_most(15))
    yield Row("    its server CPU", median(spent), "ms")


def run_tasks(asking: Plain, count: int) -> list[str]:
    """So many tasks that run, on the cluster `benchmark`."""
    family = asking.ask("RegisterTaskDefinition", family="idle", **DEFINITION)["taskDefinition"]["family"]
    wanted = {"cluster": "benchmark", "taskDefinition": family, "count": 10, "launchType": "FARGATE"}
    wanted |= {"networkConfiguration": NETWORK}
    arns = [task["taskArn"] for _ in range(count // 10) for task in asking.ask("RunTask", **wanted)["tasks"]]
    until(lambda: running(asking) == count, f"{count} tasks to run", 120)
    return arns


def running(asking: Plain) -> int:
    clusters: list[dict[str, Any]] = asking.ask("DescribeClusters", **CLUSTER)["clusters"]
    return int(clusters[0]["runningTasksCount"])


def until(look: Callable[[], bool], what: str, seconds: float, every: float = 0.2) -> None:
    """Look again until it is so. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)
