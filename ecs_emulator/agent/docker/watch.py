"""What the engine shows becomes what was seen: one stream of events, and a snapshot whenever it begins.

The end of the stream, a clean one too, is the only sign of an engine that went away. After its restart the events of its
end are gone, so what happened meanwhile is read from the snapshot alone.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from ecs_emulator.agent import ports
from ecs_emulator.agent.docker.engine import Engine, Events, Refused, TimedOut, Unreachable
from ecs_emulator.agent.names import LABEL_BINDINGS, LABEL_CONTAINER, LABEL_EMULATOR, LABEL_TASK
from ecs_emulator.clock import Clock, Instant
from ecs_emulator.control.plan import EngineLost, Observation, Seen, Snapshot
from ecs_emulator.records.tasks import Health, Stage

log = logging.getLogger(__name__)

EngineJson = dict[str, Any]
Tell = Callable[[Observation], None]

ACTIONS = ("start", "die", "destroy", "health_status")
"""Of a `start` nothing is told: the answer to ours says more. It shows who was started again after its end."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
NEVER = "0001-01-01T00:00:00Z"
VANISHED = "ContainerVanishedError: No container matching saved ID found"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


class Watch:
    """The one stream of events of one emulator's containers. Lives as long as the server; `run` has its own thread."""

    def __init__(self, engine: Engine, clock: Clock, emulator_id: str, on_sight: Callable[[EngineJson], None]) -> None:
        """`on_sight` is given each container that a snapshot inspects, and each that died."""
        self._engine = engine
        self._clock = clock
        self._labels = {LABEL_EMULATOR: emulator_id}
        self._on_sight = on_sight
        self._snapshot = threading.Lock()
        self._closing = threading.Event()
        self._events: Events | None = None
        self._ended: set[str] = set()
        """Containers whose end was told, until they are removed: none of them runs again."""

    def run(self, tell: Tell) -> None:
        """Watch until closed, over any number of engine restarts."""
        pause = FIRST_PAUSE
        lost = False
        while not self._closing.is_set():
            try:
                self._connect()
                self._tell_all(tell)
                pause, lost = FIRST_PAUSE, False
                self._tell_each(tell)
                because = "the engine ended its stream of events"
            except (Unreachable, Refused, TimedOut) as error:
                because = str(error)
            if not self._closing.is_set() and not lost:
                lost = True
                tell(EngineLost(because))
            self._closing.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def close(self) -> None:
        """End `run`, from any thread."""
        self._closing.set()
        if (events := self._events) is not None:
            events.close()

    def after_snapshot(self) -> None:
        """Return when no snapshot is being taken.

        Whoever made a container passes here before saying so. Otherwise a snapshot from before could be told after, and
        its silence about the container would mean that it vanished.
        """
        with self._snapshot:
            pass

    def _connect(self) -> None:
        self._events = self._engine.events(self._labels, ACTIONS)
        if self._closing.is_set():
            self._events.close()

    def _tell_all(self, tell: Tell) -> None:
        with self._snapshot:
            at = self._clock.now()
            found = []
            for listed in self._engine.containers(self._labels):
                inspected = self._engine.inspect(listed["Id"])
                if inspected is not None and LABEL_TASK in inspected["Config"]["Labels"]:
                    found.append(as_seen(inspected))
                    self._on_sight(inspected)
            self._remember_ended(found)
            tell(Snapshot(tuple(found), at))

    def _tell_each(self, tell: Tell) -> None:
        assert self._events is not None
        for event in self._events:
            if (seen := self._seen(event)) is not None:
                tell(seen)

    def _remember_ended(self, found: list[Seen]) -> None:
        """Who ended while nobody watched; one that was started again meanwhile ends once more."""
        revived = [one.engine_id for one in found if one.stage is Stage.RUNNING and one.engine_id in self._ended]
        self._ended = {one.engine_id for one in found if one.stage is Stage.STOPPED and one.engine_id}.union(revived)
        for container in revived:
            self._end_again(container)

    def _end_again(self, container: str) -> None:
        """Its task has stopped, so it must not run. Source: handleStoppedToRunningContainerTransition of amazon-ecs-agent."""
        log.warning("container %s was started again after its end: it is stopped", container[:12])
        with suppress(Refused):  # it has ended by itself
            self._engine.kill(container)

    def _seen(self, event: EngineJson) -> Seen | None:
        action, _, health = str(event["Action"]).partition(": ")
        container, attributes = event["Actor"]["ID"], event["Actor"]["Attributes"]
        if LABEL_TASK not in attributes:
            return None
        task_arn, name = attributes[LABEL_TASK], attributes[LABEL_CONTAINER]
        at = event["timeNano"] / 1e9
        if action == "start":
            if container in self._ended:
                self._end_again(container)
            return None
        if action == "health_status":
            return Seen(task_arn, name, Stage.RUNNING, container, health=_health(health))
        if action == "destroy":
            self._ended.discard(container)
            return Seen(task_arn, name, Stage.STOPPED, container, reason=VANISHED, finished_at=at)
        self._ended.add(container)
        inspected = self._engine.inspect(container)
        if inspected is not None:
            self._on_sight(inspected)
            return as_seen(inspected)
        exit_code = int(attributes["exitCode"]) if attributes.get("exitCode") else None
        return Seen(task_arn, name, Stage.STOPPED, container, exit_code=exit_code, finished_at=at)


# --- from the engine's words to the loop's ----------------------------------------------------------------------------


def as_seen(inspected: EngineJson) -> Seen:
    """What an inspected container is now. One that ended keeps the health it had: the engine calls them all unhealthy.

    Source: MetadataFromContainer and dockerStateToState of amazon-ecs-agent.
    """
    state, labels = inspected["State"], inspected["Config"]["Labels"]
    stage = stage_of(state)
    started_at = instant(state.get("StartedAt"))
    finished_at = instant(state.get("FinishedAt"))
    if started_at is not None and finished_at is not None:
        finished_at = max(started_at, finished_at)  # the engine writes the start of a quick end a little late
    ended = stage is Stage.STOPPED
    bound = inspected["NetworkSettings"].get("Ports") or {}
    bindings = ports.observed_bindings(labels.get(LABEL_BINDINGS), bound)
    return Seen(
        labels[LABEL_TASK],
        labels[LABEL_CONTAINER],
        stage,
        inspected["Id"],
        exit_code=int(state["ExitCode"]) if ended and finished_at is not None and started_at is not None else None,
        reason=_reason(state) if ended else None,
        started_at=started_at,
        finished_at=finished_at if ended else None,
        health=_health(state["Health"]["Status"]) if state.get("Health") and stage is Stage.RUNNING else None,
        network_bindings=bindings if stage is Stage.RUNNING else None,
    )


def stage_of(state: EngineJson) -> Stage:
    """Never started and no error: CREATED. A start that failed leaves the engine's `created` behind, with its error."""
    if state["Running"]:
        return Stage.RUNNING
    never_started = instant(state.get("StartedAt")) is None
    return Stage.CREATED if never_started and not state.get("Error") and not state.get("Dead") else Stage.STOPPED


def _reason(state: EngineJson) -> str | None:
    if state.get("OOMKilled"):
        return OUT_OF_MEMORY
    if state.get("Error") and instant(state.get("StartedAt")) is None:
        return f"CannotStartContainerError: Error response from daemon: {state['Error']}"
    return f"DockerStateError: {state['Error']}" if state.get("Error") else None


def _health(status: str) -> Health:
    return {"healthy": Health.HEALTHY, "unhealthy": Health.UNHEALTHY}.get(status, Health.UNKNOWN)


def instant(text: str | None) -> Instant | None:
    """Seconds since the epoch; None for the engine's zero time."""
    if not text or text == NEVER:
        return None
    return datetime.fromisoformat(text).timestamp()


def label_json(inspected: EngineJson, name: str) -> Any:
    """The JSON that a label of ours holds; None where it is not there."""
    found = inspected["Config"]["Labels"].get(name)
    return None if found is None else json.loads(found)
