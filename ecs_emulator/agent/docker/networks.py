"""The VPC of one emulator is one bridge on its engine; the addresses that the engine gives there are those of the ENIs.

It is made when the first awsvpc task comes, found again by its label, and removed with its emulator.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ecs_emulator.agent.docker.engine import Engine, Refused
from ecs_emulator.agent.names import LABEL_EMULATOR, Identity

Range = ipaddress.IPv4Network

DEFAULT = ipaddress.IPv4Network("172.31.0.0/16")
"""AWS's own default VPC."""
FALL_BACKS = (DEFAULT, *(ipaddress.IPv4Network(f"10.{second}.0.0/16") for second in range(77, 141)))
SIZES = range(16, 29)
"""Prefix lengths that AWS allows a VPC."""
ROUTES = Path("/proc/net/route")


class NoNetwork(Exception):
    """The VPC network cannot be made; the text says why."""


class VpcNetwork:
    """The network of one emulator, made when it is first needed. Lives as long as the server; safe from any thread."""

    def __init__(self, engine: Engine, identity: Identity, cidr: str | None) -> None:
        """`cidr`: the one range that it may have; None: the first that nobody has. Raises ValueError."""
        self._engine = engine
        self._identity = identity
        self._wished = _vpc_range(cidr) if cidr else None
        self._lock = threading.Lock()
        self._id: str | None = None

    def id(self) -> str:
        """The engine's id of the network. Raises NoNetwork."""
        with self._lock:
            if self._id is None:
                self._id = self._found() or self._made()
            return self._id

    def forget(self) -> None:
        """Somebody removed it behind our back: make it anew when it is next needed."""
        with self._lock:
            self._id = None

    def _found(self) -> str | None:
        mine = self._engine.networks({LABEL_EMULATOR: self._identity.emulator_id})
        return str(mine[0]["Id"]) if mine else None

    def _made(self) -> str:
        name = f"ecs-emulator-{self._identity.emulator_id}"
        taken = [*_subnets(self._engine.networks()), *_routed()]
        refusal = "every range is taken"
        for subnet in self._ranges(taken):
            try:
                return self._engine.create_network(name, _ipam(subnet), self._identity.labels)
            except Refused as refused:
                if refused.conflict and (found := self._found()) is not None:
                    return found
                refusal = refused.text
        raise NoNetwork(f"the VPC network cannot be made: {refusal}; choose a range with --vpc-cidr")

    def _ranges(self, taken: list[Range]) -> Iterator[Range]:
        """What to try: the wished range whatever stands against it, else those that nobody has."""
        if self._wished is not None:
            yield self._wished
            return
        yield from (one for one in FALL_BACKS if not any(one.overlaps(other) for other in taken))


def _vpc_range(cidr: str) -> Range:
    found = ipaddress.IPv4Network(cidr)
    if found.prefixlen not in SIZES:
        raise ValueError(f"{cidr} is no range of a VPC: those are between /16 and /28")
    return found


def _ipam(subnet: Range) -> dict[str, Any]:
    """The engine hands out the lower half; the upper half stays free for addresses that somebody chooses."""
    lower, _ = subnet.subnets(prefixlen_diff=1)
    return {
        "Driver": "default",
        "Config": [{"Subnet": str(subnet), "IPRange": str(lower), "Gateway": str(subnet[1])}],
    }


def _subnets(networks: Iterable[dict[str, Any]]) -> Iterator[Range]:
    for network in networks:
        for config in (network.get("IPAM") or {}).get("Config") or ():
            subnet = ipaddress.ip_network(config.get("Subnet") or "0.0.0.0/32", strict=False)
            if isinstance(subnet, ipaddress.IPv4Network):
                yield subnet


def _routed() -> Iterator[Range]:
    """Where this machine already sends packets, the default route apart: the engine would not look, and cut us off.

    Of another machine's engine this says nothing, and costs nothing but a range.
    """
    if not ROUTES.exists():
        return
    for line in ROUTES.read_text().splitlines()[1:]:
        columns = line.split()
        destination, mask = (int(columns[place], 16).to_bytes(4, "little") for place in (1, 7))
        if any(mask):
            yield ipaddress.IPv4Network((destination, str(ipaddress.IPv4Address(mask))), strict=False)
