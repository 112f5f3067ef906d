"""`ecs_emulator.start()` in a program of somebody else's: it comes with a `with`, and is gone after it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ecs_emulator
from ecs_emulator.app import CannotStart
from tests.scenarios.server import page

CONTAINER = {"name": "main", "image": "web", "memory": 8}


def test_words_mean_what_the_flags_of_that_name_mean(tmp_path: Path) -> None:
    told = {"engine": "simulated", "instances": "none", "timings": "aws", "pull": "always", "data_dir": str(tmp_path)}
    with ecs_emulator.start(**told, account="210987654321", region="eu-west-1") as emulator:
        assert emulator.health()["engine"]["kind"] == "simulated"
        ecs: Any = emulator.client("ecs")
        assert ecs.create_cluster()["cluster"]["clusterArn"] == "arn:aws:ecs:eu-west-1:210987654321:cluster/default"
        ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        with pytest.raises(ecs.exceptions.InvalidParameterException, match="No Container Instances were found"):
            ecs.run_task(taskDefinition="web")
    assert (tmp_path / "state.sqlite3").exists()


def test_a_setting_or_a_word_that_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match="unknown settings: colour"):
        ecs_emulator.start(colour="blue")
    with pytest.raises(ValueError, match="podman"):
        ecs_emulator.start(engine="podman")


def test_nothing_of_it_outlives_its_block() -> None:
    before = set(threading.enumerate())
    with ecs_emulator.start(engine="simulated") as emulator:
        directory = Path(emulator.health()["dataDir"])
        ecs: Any = emulator.client("ecs")
        ecs.create_cluster()
        ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=3)
        waiter = {"Delay": 0.05, "MaxAttempts": 200}
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=waiter)
    assert not directory.exists()
    assert page(f"{emulator.endpoint}/_emulator/health") is None
    assert set(threading.enumerate()) <= before
    emulator.stop()


def test_two_in_one_program_know_nothing_of_each_other(tmp_path: Path) -> None:
    with ecs_emulator.start(engine="simulated") as one, ecs_emulator.start(engine="simulated") as other:
        clients: list[Any] = [one.client("ecs"), other.client("ecs")]
        clients[0].create_cluster(clusterName="mine")
        assert [len(client.list_clusters()["clusterArns"]) for client in clients] == [1, 0]
    with ecs_emulator.start(engine="simulated", data_dir=tmp_path), pytest.raises(CannotStart, match="already runs on"):
        ecs_emulator.start(engine="simulated", data_dir=tmp_path)


def test_many_clients_at_once_are_each_served_once() -> None:
    """32 requests from 8 clients: each task is one that nobody else was given, and all of them run."""
    with ecs_emulator.start(engine="simulated") as emulator:
        first: Any = emulator.client("ecs")
        first.create_cluster()
        first.register_task_definition(family="web", containerDefinitions=[CONTAINER])

        def run(client: Any) -> list[str]:
            answers = [client.run_task(taskDefinition="web", count=2) for _ in range(4)]
            assert all(answer["failures"] == [] for answer in answers)
            return [task["taskArn"] for answer in answers for task in answer["tasks"]]

        with ThreadPoolExecutor(8) as pool:
            arns = [arn for mine in pool.map(run, [emulator.client("ecs") for _ in range(8)]) for arn in mine]
        assert len(arns) == len(set(arns)) == 64
        waiter = {"Delay": 0.05, "MaxAttempts": 400}
        first.get_waiter("tasks_running").wait(tasks=arns, WaiterConfig=waiter)
        pages = first.get_paginator("list_tasks").paginate(PaginationConfig={"PageSize": 7})
        assert sorted(arn for answer in pages for arn in answer["taskArns"]) == sorted(arns)
