"""What a container writes is in CloudWatch Logs: every line, once, in its order, whatever becomes of the container."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.environment import ROOT
from tests.scenarios.cluster import Cluster, Document, container_of
from tests.scenarios.engine import Witness
from tests.scenarios.server import COMMAND, command
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

MANY = 4000


def test_a_container_that_writes_in_haste_and_ends_loses_no_line(cluster: Cluster) -> None:
    script = f"n=0; while [ $n -lt {MANY} ]; do n=$((n+1)); echo line $n; done; /bin/busybox printf 'the end'"
    arn = cluster.run(cluster.logging(script))
    assert container_of(cluster.stopped(arn))["exitCode"] == 0
    assert cluster.said(arn, "the end") == [*(f"line {number}" for number in range(1, MANY + 1)), "the end"]


def test_a_line_is_one_event_however_long_and_in_whatever_script(cluster: Cluster) -> None:
    length = 100_000
    long = f"/bin/busybox head -c {length} /dev/zero | /bin/busybox tr '\\0' x; echo"
    script = f"echo 'Grüße, 你好, 🚀'; {long}; echo to stderr >&2; echo '  indented\tand tabbed'; sleep 0.3; echo done"
    arn = cluster.run(cluster.logging(script))
    cluster.stopped(arn)
    lines = cluster.said(arn, "done")
    assert sorted(lines) == sorted(["Grüße, 你好, 🚀", "x" * length, "to stderr", "  indented\tand tabbed", "done"])
    assert lines[0] == "Grüße, 你好, 🚀"


def test_each_container_has_a_stream_and_the_group_holds_them_all(cluster: Cluster) -> None:
    arn = cluster.run(cluster.logging("echo from main"), cluster.logging("echo from helper", "helper", essential=False))
    cluster.stopped(arn)
    cluster.said(arn, "from main")
    cluster.said(arn, "from helper", "helper")
    task_id = arn.rpartition("/")[2]
    streams = cluster.logs.describe_log_streams(logGroupName=cluster.log_group)["logStreams"]
    assert [one["logStreamName"] for one in streams] == [f"scenario/{name}/{task_id}" for name in ("helper", "main")]
    found = cluster.logs.filter_log_events(logGroupName=cluster.log_group, filterPattern="helper")["events"]
    assert [event["message"] for event in found] == ["from helper"]
    told = command("logs", arn, "--cluster", cluster.name, "--endpoint", cluster.server.endpoint)
    assert sorted(line.split(maxsplit=2)[2] for line in told.stdout.splitlines()) == ["from helper", "from main"]


def test_a_group_that_is_not_there_fails_the_task_unless_it_may_be_made(cluster: Cluster) -> None:
    container: Document = cluster.logging()
    del container["logConfiguration"]["options"]["awslogs-create-group"]
    ended = cluster.stopped(cluster.run(container))
    assert ended["stopCode"] == "TaskFailedToStart"
    assert ended["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args: ")
    assert "ResourceNotFoundException: The specified log group does not exist." in ended["stoppedReason"]

    cluster.logs.create_log_group(logGroupName=cluster.log_group)
    arn = cluster.run({**container, "command": ["echo made by hand"]})
    cluster.stopped(arn)
    assert cluster.said(arn, "made by hand") == ["made by hand"]


def test_a_stack_trace_is_one_event_where_a_pattern_says_so(cluster: Cluster) -> None:
    container: Document = cluster.logging("echo '[1] broken'; echo ' at here'; echo ' at there'; echo '[2] fine'")
    container["logConfiguration"]["options"]["awslogs-multiline-pattern"] = r"^\[\d+\]"
    arn = cluster.run(container)
    cluster.stopped(arn)
    lines = eventually("both events", lambda: found if len(found := cluster.lines(arn)) == 2 else None)
    assert [line.rstrip("\n") for line in lines] == ["[1] broken\n at here\n at there", "[2] fine"]


def test_the_command_follows_a_task_until_it_is_interrupted(cluster: Cluster, engine: Witness) -> None:
    arn = cluster.run(cluster.logging("echo first; until [ -e /more ]; do sleep 0.1; done; echo second"))
    cluster.said(arn, "first")
    words = [*COMMAND, "logs", arn, "--follow", "--cluster", cluster.name, "--endpoint", cluster.server.endpoint]
    file = cluster.server.scratch / f"{cluster.name}.follow"
    with file.open("w") as said:
        following = subprocess.Popen(words, stdout=said, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        eventually("the first line", lambda: file.read_text().endswith(" first\n"))
        engine.execute(arn, "main", "/bin/sh", "-c", "echo >/more")
        eventually("the second line", lambda: file.read_text().endswith(" second\n"))
    finally:
        following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    assert [line.split()[-1] for line in file.read_text().splitlines()] == ["first", "second"]
