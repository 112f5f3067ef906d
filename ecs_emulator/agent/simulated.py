"""An agent without an engine: every image is there, containers run until they are stopped, and labels script what goes wrong.

A container's `dockerLabels` may say `ecs-emulator.simulate: "exit=3 after=2s health=unhealthy pull=fail start=fail"`:
`exit=N` with `after=Ns` ends it by itself, `health=` reports healthy or unhealthy after the start (`after-health=Ns` later),
`pull=fail`, `create=fail` and `start=fail` break that step, `=slow` delays it, `stop=ignore` makes SIGTERM go unheard.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ecs_emulator.agent.steps import next_steps
from ecs_emulator.clock import Clock, Instant
from ecs_emulator.control.plan import (
    Connect,
    Connected,
    Create,
    Created,
    Disconnect,
    Disconnected,
    Effect,
    Failed,
    Kill,
    Look,
    Observation,
    Postponed,
    Pull,
    Pulled,
    Remove,
    Removed,
    Seen,
    Signal,
    Signalled,
    Start,
    TaskSlice,
    Wait,
)
from ecs_emulator.records.tasks import Container, Health, Stage
from ecs_emulator.rules.dependencies import definition_of

LABEL = "ecs-emulator.simulate"
SLOW = 5.0
"""Seconds from the task's creation before which a slow step is not done."""
STEPS = ("pull", "create", "start")
WORDS = (
    re.compile(r"exit=[0-9]{1,3}"),
    re.compile(r"(after|after-health)=[0-9]{1,9}(\.[0-9]{1,9})?s?"),
    re.compile(r"health=(healthy|unhealthy|unknown)", re.IGNORECASE),
    re.compile(rf"({'|'.join(STEPS)})=(fail|slow)"),
    re.compile(r"stop=ignore"),
)
"""All that a script may say."""
NETWORK = ipaddress.IPv4Network("172.31.0.0/16")


@dataclass(frozen=True, slots=True)
class Script:
    """What one container was told to do. Durations in seconds."""

    exit: int | None = None
    after: float = 0.0
    health: Health | None = None
    health_after: float = 0.0
    fails: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    ignores_stop: bool = False
    problem: str | None = None
    """What the label says that nobody understands: then it says nothing else, and the container cannot start."""


def script_of(definition: dict[str, Any]) -> Script:
    """The script in a container definition's label; no label, no trouble."""
    text = definition.get("dockerLabels", {}).get(LABEL, "")
    for word in text.split():
        if not any(form.fullmatch(word) for form in WORDS):
            return Script(problem=f"the label {LABEL} says '{word}', which means nothing here")
    words = dict(word.partition("=")[::2] for word in text.split())
    return Script(
        exit=int(words["exit"]) if "exit" in words else None,
        after=_seconds(words.get("after", "0s")),
        health=Health(words["health"].upper()) if "health" in words else None,
        health_after=_seconds(words.get("after-health", "0s")),
        fails=frozenset(step for step in STEPS if words.get(step) == "fail"),
        slow=frozenset(step for step in STEPS if words.get(step) == "slow"),
        ignores_stop=words.get("stop") == "ignore",
    )


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


class SimulatedAgent:
    """Keeps nothing: what a container would be doing follows from its record and the time. Lives as long as the server."""

    def __init__(self, clock: Clock, *, containers_kept: float) -> None:
        self._clock = clock
        self._containers_kept = containers_kept

    def decide(self, task: TaskSlice, now: Instant) -> Iterator[Effect | Wait]:
        """The real agent's steps, and then what the scripts of running containers say happens by itself."""
        yield from next_steps(task, now, containers_kept=self._containers_kept)
        for container in task.task.containers:
            if container.stage is Stage.RUNNING:
                yield from self._scripted(task, container, now)

    def _scripted(self, task: TaskSlice, container: Container, now: Instant) -> Iterator[Effect | Wait]:
        """What the container does by itself, its end and its first health check: looked at when it is due."""
        definition = definition_of(task.definition, container.name)
        script = script_of(definition)
        started_at = container.started_at or now
        due = []
        if script.exit is not None:
            due.append(started_at + script.after)
        checked_at = started_at + script.health_after
        first = _health_at(definition, script, started_at, checked_at)
        if container.health is Health.UNKNOWN and first is not Health.UNKNOWN:
            due.append(checked_at)
        if due and min(due) <= now:
            yield Look(task, container.name, because="its script says that something happened")
        elif due:
            yield Wait(min(due), because="its script says that something happens then")

    def perform(self, effect: Effect) -> Iterable[Observation]:
        now = self._clock.now()
        task = effect.slice.task
        match effect:
            case Connect():
                yield Connected(task.arn, f"pause-{task.id}", _address(task.id), _mac(_address(task.id)), now)
            case Disconnect():
                yield Disconnected(task.arn, now)
            case Remove():
                yield Removed(task.arn)
            case Pull() | Create() | Start() | Signal() | Kill() | Look():
                yield from _performed(effect, now)

    def watch(self, tell: Callable[[Observation], None]) -> None:
        """Nothing happens here that was not asked for."""

    def forget(self, keep_running: bool) -> None:
        """There is nothing to remove."""

    def close(self) -> None:
        """There is nothing to close."""


def _performed(effect: Pull | Create | Start | Signal | Kill | Look, now: Instant) -> Iterator[Observation]:
    task, name = effect.slice.task, effect.container
    definition = definition_of(effect.slice.definition, name)
    script = script_of(definition)
    engine_id = hashlib.sha256(f"{task.arn}/{name}".encode()).hexdigest()
    if type(effect).__name__.lower() in script.slow and now < task.created_at + SLOW:
        yield Postponed(task.arn, task.created_at + SLOW, because="its script says that it takes its time")
        return
    match effect:
        case Pull() if "pull" in script.fails:
            yield Failed(task.arn, name, _cannot_pull(definition["image"]), now)
        case Pull():
            digest = "sha256:" + hashlib.sha256(definition["image"].encode()).hexdigest()
            yield Pulled(task.arn, name, digest, digest, now, now)
        case Create() if "create" in script.fails:
            yield Failed(task.arn, name, "CannotCreateContainerError: Error response from daemon: simulated", now)
        case Create():
            yield Created(task.arn, name, engine_id)
        case Start() if script.problem is not None:
            yield Failed(task.arn, name, f"CannotStartContainerError: {script.problem}", now)
        case Start() if "start" in script.fails:
            yield Failed(task.arn, name, "CannotStartContainerError: Error response from daemon: simulated", now)
        case Start():
            health = _health_at(definition, script, now, now)
            bindings = _bindings(effect.slice, name)
            yield Seen(
                task.arn, name, Stage.RUNNING, engine_id, started_at=now, health=health, network_bindings=bindings
            )
        case Signal():
            yield Signalled(task.arn, name, now)
            if not script.ignores_stop:
                yield Seen(task.arn, name, Stage.STOPPED, engine_id, exit_code=143, finished_at=now)
        case Kill(exit_code=killed):
            ran = _container(effect).stage is Stage.RUNNING
            yield Seen(task.arn, name, Stage.STOPPED, engine_id, exit_code=killed if ran else None, finished_at=now)
        case Look():
            yield _as_scripted(effect, script, engine_id, now)


def _as_scripted(effect: Look, script: Script, engine_id: str, now: Instant) -> Seen:
    task, name = effect.slice.task, effect.container
    started_at = _container(effect).started_at or now
    if script.exit is not None and now >= started_at + script.after:
        return Seen(
            task.arn, name, Stage.STOPPED, engine_id, exit_code=script.exit, finished_at=started_at + script.after
        )
    health = _health_at(definition_of(effect.slice.definition, name), script, started_at, now)
    return Seen(task.arn, name, Stage.RUNNING, engine_id, health=health)


def _container(effect: Effect) -> Container:
    return next(one for one in effect.slice.task.containers if one.name == effect.container)


def _health_at(definition: dict[str, Any], script: Script, started_at: Instant, now: Instant) -> Health:
    """A container with a health check is healthy unless its script says otherwise; one without is UNKNOWN for ever."""
    if "healthCheck" not in definition or now < started_at + script.health_after:
        return Health.UNKNOWN
    return script.health or Health.HEALTHY


def _cannot_pull(image: str) -> str:
    return f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"


def _address(task_id: str) -> str:
    return str(NETWORK[int(task_id[:8], 16) % (NETWORK.num_addresses - 256) + 128])


def _mac(address: str) -> str:
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def _bindings(slice: TaskSlice, name: str) -> tuple[dict[str, Any], ...]:
    """What the engine would have bound: a dynamic host port is one of the ephemeral range, the same for the same container."""
    if slice.task.network_mode not in ("bridge", "host"):
        return ()
    mappings = [one for one in definition_of(slice.definition, name).get("portMappings", ()) if "containerPort" in one]
    return tuple(
        {
            "bindIP": "0.0.0.0",
            "containerPort": one["containerPort"],
            "hostPort": one.get("hostPort") or _dynamic_port(slice, one["containerPort"]),
            "protocol": one.get("protocol", "tcp"),
        }
        for one in mappings
    )


def _dynamic_port(slice: TaskSlice, container_port: int) -> int:
    if slice.task.network_mode == "host":
        return container_port
    return 49153 + int(hashlib.sha256(f"{slice.task.id}/{container_port}".encode()).hexdigest()[:8], 16) % 16000
