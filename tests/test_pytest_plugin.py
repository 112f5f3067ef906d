"""Somebody else's test suite uses the fixture `ecs_emulator`: an account of its own for each test, and nothing left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

import docker
import pytest

from tests.environment import ROOT, calm
from tests.images import build_context

CONFTEST = """
import itertools
import pytest

SEEN = []


@pytest.fixture
def ecs(ecs_emulator):
    SEEN.append(ecs_emulator)
    return ecs_emulator.client("ecs")


@pytest.fixture
def seen():
    return SEEN
"""
SUITE = """
import os
import subprocess
import sys

WAITER = {"Delay": 0.1, "MaxAttempts": 300}


def furnish(ecs):
    ecs.create_cluster(clusterName="shop")
    container = {"name": "main", "image": "IMAGE", "entryPoint": ["/bin/sleep", "1000"], "memory": 32, "stopTimeout": 2}
    ecs.register_task_definition(family="web", containerDefinitions=[container])
    ecs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=2)
    ecs.get_waiter("services_stable").wait(cluster="shop", services=["web"], WaiterConfig=WAITER)


def test_first(ecs):
    furnish(ecs)
    assert len(ecs.list_tasks(cluster="shop")["taskArns"]) == 2


def test_second_sees_an_empty_account_although_the_first_left_all_as_it_was(ecs, seen):
    assert seen[0].account != seen[1].account
    assert seen[0].endpoint == seen[1].endpoint
    assert ecs.list_clusters()["clusterArns"] == []
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    furnish(ecs)


def test_third_finds_nothing_in_the_accounts_of_the_others(ecs, seen):
    for before in seen[:2]:
        for service, operation, member in (
            ("ecs", "list_clusters", "clusterArns"),
            ("ecs", "list_task_definitions", "taskDefinitionArns"),
            ("ecr", "describe_repositories", "repositories"),
            ("logs", "describe_log_groups", "logGroups"),
        ):
            assert getattr(before.client(service), operation)()[member] == []


def test_the_environment_points_any_client_at_the_account(ecs_emulator, ecs):
    ecs.create_cluster(clusterName="mine")
    code = "import boto3; print(*boto3.client('ecs').list_clusters()['clusterArns'])"
    env = {**os.environ, **ecs_emulator.environment}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"arn:aws:ecs:us-east-1:{ecs_emulator.account}:cluster/mine"


def test_a_failing_test_leaves_nothing_either(ecs):
    furnish(ecs)
    raise ValueError("on purpose")
"""
ON_THE_ENGINE = """
from contextlib import closing

import docker


def test_the_containers_of_earlier_tests_are_gone(ecs, seen):
    with closing(docker.from_env()) as client:
        found = client.containers.list(all=True, filters={"label": "com.amazonaws.ecs.task-arn"})
        owned = [one.labels["com.amazonaws.ecs.task-arn"].split(":")[4] for one in found]
    assert not {account.account for account in seen[:-1]} & set(owned)
"""


def run_suite(directory: Path, image: str, environment: dict[str, str], *more: str) -> str:
    """pytest, as somebody with this package installed starts it."""
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_shop.py").write_text(SUITE.replace("IMAGE", image) + "".join(more))
    known = [] if entry_points(group="pytest11", name="ecs_emulator") else ["-p", "ecs_emulator.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *known, str(directory)],
        cwd=directory,
        env={**calm(os.environ), "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_each_test_has_an_account_of_its_own_and_leaves_it_empty(tmp_path: Path) -> None:
    said = run_suite(tmp_path, "web", {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "TMPDIR": str(tmp_path)})
    assert "4 passed" in said and "1 failed" in said, said
    assert "ValueError: on purpose" in said
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ecs-emulator")] == []


@pytest.mark.engine
def test_on_an_engine_no_container_outlives_its_test(tmp_path: Path) -> None:
    tag = f"ecs-emulator-plugin-{uuid.uuid4().hex}:1"
    suite = tmp_path / "suite"
    suite.mkdir()
    with closing(docker.from_env(timeout=60)) as client:
        client.images.build(path=str(build_context("web", tmp_path)), tag=tag, rm=True, forcerm=True)
        try:
            said = run_suite(suite, tag, {}, ON_THE_ENGINE)
        finally:
            client.images.remove(tag, force=True)
    assert "5 passed" in said and "1 failed" in said, said
