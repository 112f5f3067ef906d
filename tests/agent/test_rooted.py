"""What ends a thread of the agent is told to whoever can do something about it."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from ecs_emulator.agent.docker.agent import DockerAgent
from ecs_emulator.agent.docker.awslogs import AwsLogs
from ecs_emulator.agent.docker.engine import Engine
from ecs_emulator.agent.docker.images import Images
from ecs_emulator.agent.docker.networks import VpcNetwork
from ecs_emulator.agent.docker.reach import Reached
from ecs_emulator.agent.names import Identity
from ecs_emulator.agent.rooted import Rooted
from ecs_emulator.clock import SystemClock
from ecs_emulator.config import Pull
from tests.agent.wire_cutter import unclosed_sockets

PATIENCE = 10.0


def test_whatever_would_escape_is_told_and_goes_no_further() -> None:
    told: list[BaseException] = []
    for error in (ValueError("x"), SystemExit(1)):
        with Rooted(told.append):
            raise error
    assert [type(error) for error in told] == [ValueError, SystemExit]


def test_where_nothing_goes_wrong_nothing_is_told() -> None:
    told: list[BaseException] = []
    with Rooted(told.append):
        pass
    assert told == []


class Collector:
    """Fails once it is let. Lives as long as a test."""

    def __init__(self, error: BaseException | None) -> None:
        self._error = error
        self.stopped = threading.Event()

    def run(self) -> None:
        if self._error is not None:
            raise self._error
        assert self.stopped.wait(PATIENCE)

    def stop(self) -> None:
        self.stopped.set()


class Logs:
    """What the agent asks of its logs here: a collector, and to be told of containers."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def sighted(self, inspected: object) -> None: ...


def agent(collector: Collector) -> DockerAgent:
    """One whose engine does not answer."""
    clock, identity = SystemClock(), Identity("test", "1", ephemeral=True)
    engine = Engine(Reached("unix:///nowhere.sock", "1.44"))
    images, network = Images(engine, clock, Pull.PREFER_CACHED, None), VpcNetwork(engine, identity, None)
    logs = cast(AwsLogs, Logs(collector))
    return DockerAgent(engine, clock, identity, images, network, containers_kept=0.0, logs=logs)


def test_the_watch_ends_with_what_ended_the_collecting_of_logs() -> None:
    made = agent(Collector(MemoryError("no more")))
    with unclosed_sockets():
        with pytest.raises(RuntimeError, match="no logs are collected any more: no more"):
            made.watch(lambda observation: None)
        made.close()


def test_the_collecting_of_logs_ends_with_the_watch() -> None:
    collector = Collector(None)
    made = agent(collector)
    with unclosed_sockets():
        watching = threading.Thread(target=made.watch, args=(lambda observation: None,))
        watching.start()
        made.close()
        watching.join(PATIENCE)
        assert (watching.is_alive(), collector.stopped.is_set()) == (False, True)
