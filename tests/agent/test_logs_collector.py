"""One thread brings what all containers write into their streams: each line once, whatever breaks off."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.types import LogConfig

from ecs_emulator.agent.docker.logs import Collector
from ecs_emulator.arns import World
from ecs_emulator.clock import SystemClock
from ecs_emulator.logs import driver, files, positions
from ecs_emulator.logs.driver import Destination
from ecs_emulator.logs.files import Entry
from tests.agent.log_engine import STDERR, Container, Engine
from tests.images import static_busybox

WORLD = World("123456789012", "us-east-1")
A, B = "a" * 64, "b" * 64
SOON = 10.0


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        threading.Event().wait(0.005)


class Bench:
    """A data directory, an engine and a collector that a test starts and stops."""

    def __init__(self, directory: Path, engine_socket: str) -> None:
        self.data_dir = directory / "data"
        self.engine_socket = engine_socket
        self.api_version = "1.44"

    def target(self, stream: str, **options: str) -> Destination:
        named = {"awslogs-" + name.replace("_", "-"): value for name, value in options.items()}
        given = {"awslogs-group": "g", "awslogs-stream": stream} | named
        target = driver.destination(WORLD, given, container="c", task_id="t", runtime_id="r")
        place = files.stream_directory(self.data_dir, WORLD, "g", stream)
        if not place.exists():
            files.create(place)
        return target

    def lines(self, stream: str) -> list[str]:
        place = files.stream_directory(self.data_dir, WORLD, "g", stream)
        return [event.message for event in files.scan(place, 0, positions.BEYOND_ALL)]

    @contextmanager
    def collector(self) -> Iterator[Collector]:
        clock = SystemClock()
        collector = Collector(self.engine_socket, self.data_dir, clock, api_version=self.api_version, settle_after=0.05)
        thread = threading.Thread(target=collector.run)
        thread.start()
        try:
            yield collector
        finally:
            collector.stop()
            thread.join(SOON)
            assert not thread.is_alive()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "engine.sock")
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def bench(tmp_path: Path, engine: Engine) -> Bench:
    return Bench(tmp_path, engine.path)


def test_what_was_written_and_what_is_written_later_is_stored_at_once(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container(), B: Container(tty=True)}
    engine.write(A, b"before\n")
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        collector.follow(B, bench.target("b"), tty=True)
        eventually(lambda: bench.lines("a") == ["before"])
        engine.write(A, b"complaint\n", STDERR)
        engine.write(B, b"terminal\r\n")
        eventually(lambda: bench.lines("a") == ["before", "complaint"] and bench.lines("b") == ["terminal\r"])
        assert len(engine.requests) == 2


def test_the_engine_is_asked_in_the_version_that_it_speaks(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    engine.write(A, b"line\n")
    engine.version = bench.api_version = "1.41"
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        eventually(lambda: bench.lines("a") == ["line"])
    engine.version = "1.44"
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        eventually(lambda: len(engine.requests) > 2)
        assert not collector.finish(A, patience=0.05), "an engine that refuses is asked again"


@pytest.mark.parametrize("name", ["files.bookmark", "socket.socket"])
def test_a_container_that_cannot_be_followed_yet_is_followed_later_and_the_others_at_once(
    bench: Bench, engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.containers = {A: Container(), B: Container()}
    engine.write(A, b"a\n")
    engine.write(B, b"b\n")
    failing = threading.Event()

    def refused(*arguments: Any, **more: Any) -> None:
        failing.set()
        raise OSError(24, "Too many open files")

    with bench.collector() as collector:
        with monkeypatch.context() as broken:
            broken.setattr(f"ecs_emulator.agent.docker.logs.{name}", refused)
            collector.follow(A, bench.target("a"))
            assert failing.wait(SOON)
        collector.follow(B, bench.target("b"))
        eventually(lambda: bench.lines("b") == ["b"])
        eventually(lambda: bench.lines("a") == ["a"])
    assert "Too many open files" in caplog.text


def test_following_once_more_is_no_harm(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        for _ in range(3):
            collector.follow(A, bench.target("a"))
        engine.write(A, b"x\n")
        eventually(lambda: bench.lines("a"))
        assert len(engine.requests) == 1


def test_a_finished_container_is_stored_to_its_last_byte(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"line\n")
        engine.write(A, b"no end")
        engine.die(A)
        assert collector.finish(A)
        assert bench.lines("a") == ["line", "no end"]
        assert collector.finish(A), "what is not followed is finished"
        assert engine.requests[-1][2] is False, "the last look does not follow"


def test_a_container_that_lives_on_is_not_finished(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"here\n")
        eventually(lambda: bench.lines("a"))
        assert not collector.finish(A, patience=0.05)
        collector.follow(A, bench.target("a"))
        engine.write(A, b"still here\n")
        eventually(lambda: bench.lines("a") == ["here", "still here"])


def test_a_container_that_is_gone_is_finished(bench: Bench, engine: Engine) -> None:
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        assert collector.finish(A)


def test_an_unfollowed_container_is_left_alone(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"x\n")
        eventually(lambda: bench.lines("a"))
        collector.unfollow(A)
        assert collector.finish(A), "it is not followed any more"
        engine.write(A, b"y\n")
        assert collector.finish(A)
        assert bench.lines("a") == ["x"]


def test_a_container_started_again_goes_on_in_its_stream(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"first run\n")
        engine.die(A)
        eventually(lambda: bench.lines("a"))
        engine.containers[A].alive = True
        engine.write(A, b"second run\n")
        eventually(lambda: bench.lines("a") == ["first run", "second run"])


@pytest.mark.parametrize("break_after", [0, 1, 3])
def test_a_broken_connection_loses_and_repeats_nothing(bench: Bench, engine: Engine, break_after: int) -> None:
    engine.containers = {A: Container()}
    engine.break_after = break_after
    same = time.time_ns()
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        for number in range(6):
            engine.write(A, b"%d\n" % number, ns=same + number // 2)
        engine.die(A)
        assert collector.finish(A)
    assert bench.lines("a") == list("012345")
    assert len(engine.requests) >= 2


def test_an_engine_that_restarts_is_waited_for(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"one\n")
        eventually(lambda: bench.lines("a"))
        engine.stop()
        engine.write(A, b"two\n")
        engine.start()
        eventually(lambda: bench.lines("a") == ["one", "two"])


def test_a_collector_that_restarts_goes_on_behind_what_is_stored(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    same = time.time_ns()
    for start in range(0, 12, 3):
        with bench.collector() as collector:
            collector.follow(A, bench.target("a"), since=same / 1e9)
            for number in range(start, start + 3):
                engine.write(A, b"%02d\n" % number, ns=same + number // 5)
            eventually(lambda end=start + 3: len(bench.lines("a")) == end)  # type: ignore[misc]
    assert bench.lines("a") == [f"{number:02d}" for number in range(12)]


def test_lines_for_a_deleted_stream_are_dropped_until_there_is_one_again(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    place = files.stream_directory(bench.data_dir, WORLD, "g", "a")
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"one\n")
        eventually(lambda: bench.lines("a"))
        files.discard(place)
        engine.write(A, b"into the void\n")
        engine.die(A)
        assert collector.finish(A)
        assert not place.exists()


def test_a_disk_that_refuses_is_tried_again(bench: Bench, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    append = files.append
    refusals = [OSError(28, "No space left on device")] * 2

    def full(directory: Path, entries: Sequence[Entry], ingested: int) -> int:
        if refusals:
            raise refusals.pop()
        return append(directory, entries, ingested)

    monkeypatch.setattr(files, "append", full)
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"))
        engine.write(A, b"one\n")
        engine.write(A, b"two\n")
        eventually(lambda: bench.lines("a") == ["one", "two"])


def test_lines_of_one_event_are_joined_and_the_last_event_is_not_kept_waiting(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container()}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a", multiline_pattern="^[A-Z]"))
        for line in (b"Error\n", b"  at x\n", b"Next\n"):
            engine.write(A, line)
        eventually(lambda: bench.lines("a") == ["Error\n  at x", "Next"])


def test_what_is_no_log_stream_is_given_up(bench: Bench, engine: Engine) -> None:
    engine.containers = {A: Container(tty=True)}
    with bench.collector() as collector:
        collector.follow(A, bench.target("a"), tty=False)
        engine.write(A, b"x\n")
        eventually(lambda: collector.finish(A))
        assert bench.lines("a") == []


def test_many_containers_share_the_thread(bench: Bench, engine: Engine) -> None:
    ids = [f"{number:064x}" for number in range(1, 31)]
    engine.containers = {each: Container() for each in ids}
    with bench.collector() as collector:
        for each in ids:
            collector.follow(each, bench.target(each))
        for number in range(20):
            for each in ids:
                engine.write(each, b"%d\n" % number)
        for each in ids:
            engine.die(each)
        for each in ids:
            assert collector.finish(each)
    assert all(bench.lines(each) == [str(number) for number in range(20)] for each in ids)


def test_a_stopped_collector_answers_at_once(bench: Bench, engine: Engine) -> None:
    with bench.collector() as collector:
        pass
    begun = time.monotonic()
    collector.follow(A, bench.target("a"))
    assert not collector.finish(A)
    assert time.monotonic() - begun < 1


# --- the real engine ----------------------------------------------------------------------------------------------------

SCRIPT = """
i=0
while [ $i -lt 300 ]; do
  i=$((i+1)); echo "out $i"; echo "err $i" >&2
  [ $((i % 30)) -eq 0 ] && /bin/busybox usleep 100000
done
/bin/busybox yes x | /bin/busybox tr -d '\\n' | /bin/busybox head -c 50000; echo
printf 'no end'
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(static_busybox(), "bin/busybox")
    client = docker.APIClient(version="1.41")
    answer = client.import_image_from_data(content.getvalue(), repository="ecs-emulator-test-collector", tag="1")
    assert "error" not in answer
    yield "ecs-emulator-test-collector:1"
    client.remove_image("ecs-emulator-test-collector:1", force=True)
    client.close()


@contextmanager
def running(image: str, **settings: Any) -> Iterator[str]:
    client = docker.APIClient(version="1.41")
    host = client.create_host_config(network_mode="none", log_config=LogConfig(type="json-file"))
    made = client.create_container(image, ["/bin/busybox", "sh", "-c", SCRIPT], host_config=host, **settings)
    try:
        client.start(made["Id"])
        yield str(made["Id"])
    finally:
        client.remove_container(made["Id"], v=True, force=True)
        client.close()


def engine_path() -> str:
    client = docker.APIClient(version="1.41")
    try:
        adapter = client.get_adapter("http+docker://localhost")
        return str(getattr(adapter, "socket_path", ""))
    finally:
        client.close()


@pytest.mark.engine
@pytest.mark.parametrize("tty", [False, True])
def test_every_line_of_a_real_container_is_stored_once_over_restarts_of_the_collector(
    tmp_path: Path, image: str, tty: bool
) -> None:
    bench = Bench(tmp_path, engine_path())
    bench.api_version = "1.41"
    with running(image, tty=tty) as container_id:
        for seen in (40, 200, 420):
            with bench.collector() as collector:
                collector.follow(container_id, bench.target("a"), tty=tty)
                eventually(lambda seen=seen: len(bench.lines("a")) >= seen)  # type: ignore[misc]
        with bench.collector() as collector:
            collector.follow(container_id, bench.target("a"), tty=tty)
            waiting = docker.APIClient(version="1.41")
            assert waiting.wait(container_id)["StatusCode"] == 0
            waiting.close()
            assert collector.finish(container_id)
    lines = [line.removesuffix("\r") for line in bench.lines("a")]
    assert [line for line in lines if line.startswith("out ")] == [f"out {number}" for number in range(1, 301)]
    assert [line for line in lines if line.startswith("err ")] == [f"err {number}" for number in range(1, 301)]
    assert [len(line) for line in lines if line.startswith("x")] == [50_000]
    assert lines[-1] == "no end"
    assert len(lines) == 602
