"""Requests that shall go wrong: refused, failed or late as somebody ordered it, before any operation is reached.

The faults are the store's; what lives only here is a copy of those that concern requests, so that a door without faults costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ecs_emulator.arns import World
from ecs_emulator.records.faults import OF_REQUESTS, Fault, FaultKind
from ecs_emulator.records.journal import Decided
from ecs_emulator.rules import faults as rules
from ecs_emulator.store import Store
from ecs_emulator.wire.errors import AwsError, ServerException

log = logging.getLogger(__name__)


class ThrottlingException(AwsError):
    message = "Rate exceeded"


class Faults:
    """Lives as long as the server. `wait` sleeps so many real seconds, or less where the server ends."""

    def __init__(self, store: Store, now: Callable[[], float], wait: Callable[[float], object]) -> None:
        self._store = store
        self._now = now
        self._wait = wait
        self._known: tuple[str, ...] = ()
        self._reading = threading.Lock()
        """So that of two readers the later one's copy stays."""
        self.read_again()

    def read_again(self) -> None:
        """After one was ordered or cancelled."""
        with self._reading, self._store.snapshot() as tx:
            found = sorted(tx.find(Fault, trouble=OF_REQUESTS), key=lambda one: (one.created_at, one.id))
            self._known = tuple(one.id for one in found)

    def befall(self, world: World, service: str, operation: str) -> None:
        """Wait as long as was ordered for this request; raises what it is to be refused with."""
        if not self._known:
            return
        struck = self._struck(world, service, operation)
        for fault in struck:
            if fault.trouble is FaultKind.LATENCY:
                self._wait(fault.spec["seconds"])
        for fault in struck:
            if fault.trouble is FaultKind.THROTTLE:
                raise ThrottlingException
            if fault.trouble is FaultKind.ERROR:
                raise ServerException

    def _struck(self, world: World, service: str, operation: str) -> list[Fault]:
        """Those that befall it. Counted under the write lock, so that a share and a count are kept to the request."""
        struck, used_up = [], False
        with self._store.transaction() as tx:
            for fault in (tx.get(Fault, each) for each in self._known):
                if fault is None or not rules.concerns_request(fault, world.account, world.region, service, operation):
                    continue
                hit = rules.strikes(fault)
                after = rules.counted(fault, hit)
                if after is None:
                    tx.delete(fault)
                    used_up = True
                else:
                    tx.put(after)
                if hit:
                    struck.append(fault)
                    tx.put(
                        Decided(self._now(), fault.id, f"{fault.trouble} {service}:{operation} because it was ordered")
                    )
        if used_up:
            self.read_again()
        return struck
