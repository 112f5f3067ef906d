"""Port mappings there and network bindings back."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any

import pytest

from ecs_emulator.agent import ports
from ecs_emulator.agent.docker.free_ports import FIRST, LAST, FreePorts, NoFreePorts


def mapped(*mappings: dict[str, Any]) -> dict[str, Any]:
    return {"name": "app", "portMappings": list(mappings)}


STATIC = {"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}
DYNAMIC = {"containerPort": 9000, "hostPort": 0, "protocol": "tcp"}
RANGE = {"containerPortRange": "7000-7001", "protocol": "udp"}


@pytest.mark.parametrize(
    ("mapping", "dynamic"), [(STATIC, False), (DYNAMIC, True), ({"containerPort": 5}, True), (RANGE, True)]
)
def test_what_the_engine_picks_has_to_be_asked_for(mapping: dict[str, Any], dynamic: bool) -> None:
    assert ports.is_dynamic(mapped(mapping)) is dynamic


def test_the_known_and_the_picked_ports_make_the_bindings() -> None:
    """As the engine reports them: IPv6 twins beside, in the order of nothing."""
    known = json.dumps(ports.known_bindings("bridge", mapped(STATIC, DYNAMIC, RANGE), {"7000-7001/udp": 50000}))
    engine = {
        "9000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32770"}],
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "7001/udp": [{"HostIp": "0.0.0.0", "HostPort": "50001"}, {"HostIp": "::", "HostPort": "50001"}],
        "7000/udp": [{"HostIp": "0.0.0.0", "HostPort": "50000"}, {"HostIp": "::", "HostPort": "50000"}],
        "443/tcp": None,
    }
    assert ports.observed_bindings(known, engine) == (
        {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8080, "protocol": "tcp"},
        {"bindIP": "0.0.0.0", "containerPortRange": "7000-7001", "hostPortRange": "50000-50001", "protocol": "udp"},
        {"bindIP": "0.0.0.0", "containerPort": 9000, "hostPort": 32770, "protocol": "tcp"},
    )


def test_nothing_is_published_in_a_tasks_own_network() -> None:
    assert ports.known_bindings("awsvpc", mapped(STATIC), {}) == []
    assert ports.known_bindings("none", mapped(STATIC), {}) == []
    assert ports.observed_bindings(None, {}) == ()


def test_blocks_do_not_overlap_and_leave_out_what_is_taken() -> None:
    free = FreePorts()
    first = free.block(3, "tcp")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", first + 3))
        second = free.block(2, "tcp")
        assert second >= first + 4
    assert free.block(1, "udp") >= second + 2


def test_a_block_larger_than_all_ports_is_refused_in_the_agents_words() -> None:
    too_many = LAST - FIRST + 2
    with pytest.raises(NoFreePorts, match=f"^{too_many} contiguous host ports are unavailable$"):
        FreePorts().block(too_many, "tcp")
