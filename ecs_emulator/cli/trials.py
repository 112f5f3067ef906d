"""What a tester asks of a running emulator: another time, trouble, Spot capacity taken away."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote, urlencode

from ecs_emulator.cli.asking import asked_of

MEMBERS = {
    "operation": "operations",
    "share": "share",
    "count": "count",
    "seed": "seed",
    "seconds": "seconds",
    "task": "task",
    "service": "service",
    "container": "container",
    "instance": "instance",
    "cluster": "cluster",
    "exit_code": "exitCode",
    "after": "after",
    "every": "every",
    "account": "account",
    "region": "region",
}
"""The flags of `fault add`, and what the route calls them."""


def clock(options: argparse.Namespace) -> int:
    """Print what time it is for the emulator, after an advance where one is asked for."""
    asked = None if options.advance is None else {"advance": options.advance}
    told = asked_of(options, "clock", asked, patience=3600.0)
    ahead = f", {told['ahead']:.0f} s ahead of this machine" if told["ahead"] >= 1 else ""
    print(f"{told['iso']} (scale {told['scale']:g}{ahead})")
    return 0


def add_fault(options: argparse.Namespace) -> int:
    given = {name: getattr(options, flag) for flag, name in MEMBERS.items()}
    asked = {name: value for name, value in given.items() if value not in (None, [])}
    _print_fault(asked_of(options, "faults", {"kind": options.kind, **asked}))
    return 0


def list_faults(options: argparse.Namespace) -> int:
    for fault in asked_of(options, f"faults?{_world(options)}")["faults"]:
        _print_fault(fault)
    return 0


def remove_fault(options: argparse.Namespace) -> int:
    _print_fault(asked_of(options, f"faults/{quote(options.id, safe='')}?{_world(options)}", method="DELETE"))
    return 0


def interrupt(options: argparse.Namespace) -> int:
    asked = {"subject": options.subject, "cluster": options.cluster, "drain": options.drain}
    told = asked_of(options, "interruptions", {**asked, "account": options.account, "region": options.region})
    if "taskArn" in told:
        print(f"{told['taskArn']} is told to stop: {told['stoppedReason']}")
    else:
        print(f"{told['containerInstanceArn']} is {told['status']} and goes when its warning is over")
    return 0


def alarm(options: argparse.Namespace) -> int:
    asked = {name: getattr(options, name) for name in ("name", "state", "account", "region")}
    told = asked_of(options, "alarms", asked)
    print(f"{told['name']} is {told['state']}")
    return 0


def _world(options: argparse.Namespace) -> str:
    return urlencode({"account": options.account, "region": options.region})


def _print_fault(fault: dict[str, Any]) -> None:
    told = {name: value for name, value in fault.items() if name not in ("id", "kind", "createdAt")}
    words = " ".join(f"{name}={','.join(value) if isinstance(value, list) else value}" for name, value in told.items())
    print(f"{fault['id']}  {fault['kind']}  {words}")
