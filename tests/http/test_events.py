"""State change documents over HTTP: a list, or a stream that goes on where its listener stopped and ends with the server."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import ecs_emulator
from ecs_emulator.cli import main
from ecs_emulator.http import events, hosts
from ecs_emulator.http.server import Server
from ecs_emulator.records.events import StateEvent
from ecs_emulator.rules import event_documents
from ecs_emulator.store import Store

ACCOUNT = "123456789012"
DEADLINE = 10.0


class World:
    """A store, and a server that shows its events. Lives for one test."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory, durable=False)
        self.ending = threading.Event()
        self.server = Server("127.0.0.1", 0)
        app = Flask("events", static_folder=None)
        app.register_blueprint(events.create_routes(self.store, self.ending))
        self.server.mount(hosts.guarded(app, ()))
        self.server.start()

    def close(self) -> None:
        self.ending.set()
        self.server.stop()
        self.store.close()

    def tell(self, *names: str, **columns: Any) -> None:
        """One document for each of these names, about a task of this id."""
        told = {"detail_type": event_documents.TASK, "cluster": "default", "service": None, "detail": {}, **columns}
        account, region = told.pop("account", ACCOUNT), told.pop("region", "us-east-1")
        with self.store.transaction() as tx:
            for name in names:
                arn = f"arn:aws:ecs:{region}:{account}:task/default/{name}"
                tx.put(StateEvent(account, region, name, 0.0, resource=arn, resource_id=name, **told))

    def ask(self, query: str = "", **headers: str) -> tuple[int, Any, Any]:
        connection = self.connect(query, **headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer.status, body, answer.headers

    def connect(self, query: str = "", **headers: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE)
        connection.request("GET", f"/_emulator/events?{query}", headers=headers)
        return connection

    def names(self, query: str = "", **headers: str) -> list[str]:
        status, body, _ = self.ask(query, **headers)
        assert status == 200, body
        return [one["id"] for one in body]


class Listener:
    """A stream that is read frame by frame. Lives as long as its `with`."""

    def __init__(self, world: World, query: str = "", **headers: str) -> None:
        self._connection = world.connect(query, Accept="text/event-stream", **headers)
        self.answer = self._connection.getresponse()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None:
        self.answer.close()
        self._connection.close()

    def next(self, count: int) -> list[tuple[int, str]]:
        """The number and the id of the next documents."""
        found: list[tuple[int, str]] = []
        number = 0
        while len(found) < count:
            line = self.answer.readline()
            assert line, "the stream has ended"
            name, _, value = line.decode().strip().partition(": ")
            if name == "id":
                number = int(value)
            elif name == "data":
                found.append((number, json.loads(value)["id"]))
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_newest_come_oldest_first(world: World) -> None:
    world.tell("a", "b", "c")
    assert world.names("limit=2") == ["b", "c"]
    assert world.names() == ["a", "b", "c"]


def test_a_list_goes_on_behind_the_number_that_the_one_before_ended_with(world: World) -> None:
    world.tell("a", "b", "c")
    _, body, headers = world.ask("after=0&limit=2")
    assert ([one["id"] for one in body], headers["Last-Event-ID"]) == (["a", "b"], "2")
    assert world.names(f"after={headers['Last-Event-ID']}") == ["c"]
    assert world.names(**{"Last-Event-ID": "1"}) == ["b", "c"]
    assert world.names("after=9") == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("cluster=other", ["b"]),
        ("cluster=arn:aws:ecs:us-east-1:123456789012:cluster/other", ["b"]),
        ("service=web", ["c", "e"]),
        ("service=arn:aws:ecs:us-east-1:123456789012:service/default/web", ["c", "e"]),
        ("service=web&limit=1", ["e"]),
        ("task=d", ["d"]),
        ("task=arn:aws:ecs:us-east-1:123456789012:task/default/d", ["d"]),
        ("account=210987654321", ["d"]),
        ("region=eu-west-1", ["d"]),
        ("account=123456789012&region=us-east-1", ["a", "b", "c", "e"]),
        ("detail-type=service", ["e"]),
        ("detail-type=ECS+Service+Action&detail-type=hook", ["e"]),
        ("detail-type=instance", []),
        ("service=nobody", []),
    ],
)
def test_what_is_asked_for_is_shown(world: World, query: str, names: list[str]) -> None:
    world.tell("a")
    world.tell("b", cluster="other")
    world.tell("c", service="web")
    world.tell("d", account="210987654321", region="eu-west-1")
    world.tell("e", service="web", detail_type=event_documents.SERVICE)
    assert world.names(query) == names


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("services=web", "services is none of cluster, service, task"),
        ("after=x", "after should be a whole number of at most"),
        ("after=-1", "after should be a whole number of at most"),
        (f"after={2**63}", "after should be a whole number of at most"),
        (f"limit={'9' * 5000}", "limit should be a whole number of at most"),
        ("detail-type=tasks", "tasks is none of ECS Task State Change, "),
    ],
)
def test_what_nobody_could_mean_is_refused(world: World, query: str, message: str) -> None:
    status, body, _ = world.ask(query)
    assert (status, body["__type"]) == (400, "SerializationException")
    assert body["message"].startswith(message)


def test_a_host_that_is_not_allowed_hears_nothing(world: World) -> None:
    assert world.ask(Host="evil.example")[0] == 403


# --- the stream -------------------------------------------------------------------------------------------------------


def test_a_stream_gives_what_there_is_and_then_what_comes(world: World) -> None:
    world.tell("a", "b", "c")
    with Listener(world, "limit=2") as listener:
        assert listener.answer.headers["Content-Type"].startswith("text/event-stream")
        assert listener.next(2) == [(2, "b"), (3, "c")]
        world.tell("d")
        assert listener.next(1) == [(4, "d")]
        world.tell("e", "f")
        assert listener.next(2) == [(5, "e"), (6, "f")]


def test_follow_asks_for_a_stream_too(world: World) -> None:
    connection = world.connect("follow=1")
    assert connection.getresponse().headers["Content-Type"].startswith("text/event-stream")
    connection.close()


def test_a_listener_that_comes_back_misses_nothing_and_hears_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_AT_ONCE", 3)
    world.tell("a", "b")
    with Listener(world) as listener:
        (_, (last, _)) = listener.next(2)
    world.tell(*"cdefghij")
    with Listener(world, "limit=1", **{"Last-Event-ID": str(last)}) as listener:
        assert [name for _, name in listener.next(8)] == [*"cdefghij"]


def test_a_number_from_another_data_directory_begins_with_what_there_is(world: World) -> None:
    world.tell("a")
    with Listener(world, **{"Last-Event-ID": "1000"}) as listener:
        world.tell("b")
        assert [name for _, name in listener.next(2)] == ["a", "b"]


def test_a_stream_of_one_service_is_silent_about_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_AT_ONCE", 2)
    with Listener(world, "service=web") as listener:
        world.tell(*"abcdefg")
        world.tell("mine", service="web")
        assert listener.next(1) == [(8, "mine")]


def test_a_silent_stream_says_that_it_lives(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOKS_EVERY", 0.001)
    with Listener(world) as listener:
        assert listener.answer.readline().startswith(b"retry: ")
        assert listener.answer.readline() == b"\n"
        assert listener.answer.readline() == b": nothing new\n"


def test_streams_end_cleanly_and_at_once_with_the_server(world: World) -> None:
    world.tell("a")
    with Listener(world) as listener:
        listener.next(1)
        began = time.monotonic()
        world.ending.set()
        world.server.stop()
        assert listener.answer.read() == b"\n"
        assert time.monotonic() - began < 2.0


def test_a_listener_that_does_not_read_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOKS_EVERY", 0.01)
    slow = socket.create_connection(("127.0.0.1", world.server.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(b"GET /_emulator/events?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with Listener(world) as listener:
        for number in range(20):  # far more than what the connection holds
            began = time.monotonic()
            world.tell(f"event-{number}", detail={"long": "x" * 1_000_000})
            assert listener.next(1) == [(number + 1, f"event-{number}")]
            assert time.monotonic() - began < 5.0
    slow.close()


# --- the command ------------------------------------------------------------------------------------------------------


def command(world: World, *words: str) -> int:
    return main(["events", "--endpoint", f"http://127.0.0.1:{world.server.port}", *words])


TASK = {"lastStatus": "RUNNING", "desiredStatus": "STOPPED", "version": 4, "stoppedReason": "enough"}
MACHINE = {"status": "DRAINING", "agentConnected": False, "version": 7}
ACTION = {"eventName": "SERVICE_TASK_PLACEMENT_FAILURE", "reason": "RESOURCE:CPU"}


def test_the_command_prints_a_document_a_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.tell("a", "b", detail=TASK)
    world.tell("c", account="210987654321")
    assert command(world) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]
    assert command(world, "--account", "210987654321", "--detail-type", "task") == 0
    assert json.loads(capsys.readouterr().out)["id"] == "c"


def test_the_command_prints_a_line_for_people(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.tell("a", detail=TASK)
    world.tell("b", detail=MACHINE, detail_type=event_documents.INSTANCE)
    world.tell("c", detail=ACTION, detail_type=event_documents.SERVICE)
    assert command(world, "--short") == 0
    assert capsys.readouterr().out.splitlines() == [
        "1970-01-01T00:00:00Z  task                default/a  RUNNING (desired STOPPED), version 4  enough",
        "1970-01-01T00:00:00Z  container instance  default/b  DRAINING, agent disconnected, version 7",
        "1970-01-01T00:00:00Z  service action      default/c  SERVICE_TASK_PLACEMENT_FAILURE  RESOURCE:CPU",
    ]


def test_the_command_follows_until_the_server_ends(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.tell("a", detail=TASK)
    ended: list[int] = []
    following = threading.Thread(target=lambda: ended.append(command(world, "--follow", "--service", "web")))
    following.start()
    world.tell("b", detail=TASK, service="web")
    printed = ""
    deadline = time.monotonic() + DEADLINE
    while not printed and time.monotonic() < deadline:
        printed += capsys.readouterr().out
        time.sleep(0.01)
    world.ending.set()
    world.server.stop()
    following.join(DEADLINE)
    assert ended == [0]
    assert json.loads(printed)["id"] == "b"


def test_the_command_says_what_is_refused_and_that_nobody_answers(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(world, "--detail-type", "tasks") == 1
    assert "SerializationException: tasks is none of" in capsys.readouterr().err
    world.ending.set()
    world.server.stop()
    assert command(world) == 1
    assert "no emulator answers at http://127.0.0.1:" in capsys.readouterr().err


# --- the whole emulator -----------------------------------------------------------------------------------------------


def test_an_emulator_tells_of_its_tasks_and_its_end_is_the_end_of_the_stream() -> None:
    emulator = ecs_emulator.start(engine="simulated")
    try:
        ecs: Any = emulator.client("ecs")
        ecs.create_cluster()
        app = {"name": "app", "image": "app", "memory": 64}
        ecs.register_task_definition(family="web", containerDefinitions=[app])
        port = int(emulator.endpoint.rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        connection.request("GET", "/_emulator/events?detail-type=task", headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        (task,) = ecs.run_task(taskDefinition="web")["tasks"]
        told: list[Any] = []
        while len(told) < 2:
            line = answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                told.append(json.loads(line.removeprefix(b"data: ")))
        assert [one["resources"] for one in told] == [[task["taskArn"]]] * 2
        assert [one["detail"]["lastStatus"] for one in told] == ["PENDING", "RUNNING"]
        began = time.monotonic()
    finally:
        emulator.stop()
    assert answer.read() in (b"", b"\n")
    assert time.monotonic() - began < 4.0  # a stream that went on would be given five seconds to end
    connection.close()
