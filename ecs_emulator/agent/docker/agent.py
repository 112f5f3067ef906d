"""The ECS agent on a Docker engine: does one step at a time, each of which may be asked for twice.

A step that was done before is found done: a name that is taken is the container itself, a container that runs was started.
What the engine refuses is an observation with ECS's words for it; while it does not answer, a step is postponed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator

from ecs_emulator.agent.docker.awslogs import AwsLogs
from ecs_emulator.agent.docker.containers import Containers
from ecs_emulator.agent.docker.engine import Engine, EngineJson, Refused, TimedOut, Unreachable
from ecs_emulator.agent.docker.images import Images, OwnRegistry
from ecs_emulator.agent.docker.interfaces import Interfaces
from ecs_emulator.agent.docker.logs import Collector
from ecs_emulator.agent.docker.networks import VpcNetwork
from ecs_emulator.agent.docker.owner import this_process
from ecs_emulator.agent.docker.reach import Reached
from ecs_emulator.agent.docker.sweep import sweep, sweep_orphans
from ecs_emulator.agent.docker.watch import Watch
from ecs_emulator.agent.names import Identity
from ecs_emulator.agent.rooted import Rooted
from ecs_emulator.agent.steps import next_steps
from ecs_emulator.arns import World
from ecs_emulator.clock import Clock, Instant
from ecs_emulator.config import Config
from ecs_emulator.control.plan import (
    Connect,
    Create,
    Disconnect,
    Effect,
    Failed,
    Kill,
    Lane,
    Look,
    Observation,
    Postponed,
    Pull,
    Remove,
    Signal,
    Start,
    TaskSlice,
    Wait,
)
from ecs_emulator.records.ecr import ImageTag
from ecs_emulator.registry.tokens import pull_login
from ecs_emulator.store import Store

log = logging.getLogger(__name__)

RETRY_AFTER = 1.0
"""Seconds until a step is tried again that the engine did not answer."""
TRANSITIONS = {Create: "created", Start: "started", Pull: "pulled", Connect: "started"}


class DockerAgent:
    """Lives as long as the server; `perform` is called by many threads, `watch` by one."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        identity: Identity,
        images: Images,
        network: VpcNetwork,
        *,
        containers_kept: float,
        logs: AwsLogs | None = None,
        endpoint: Callable[[], str] | None = None,
    ) -> None:
        """`endpoint`: where the AWS API answers a process of this machine."""
        self._engine = engine
        self._clock = clock
        self._identity = identity
        self._images = images
        self._containers_kept = containers_kept
        self._logs = logs
        self._interfaces = Interfaces(engine, clock, identity, network)
        self._containers = Containers(engine, clock, identity, images, logs, endpoint)
        self._watch = Watch(engine, clock, identity.emulator_id, logs.sighted if logs is not None else _unconcerned)

    # --- the protocol -------------------------------------------------------------------------------------------------

    def decide(self, task: TaskSlice, now: Instant) -> Iterator[Effect | Wait]:
        yield from next_steps(task, now, containers_kept=self._containers_kept)

    def perform(self, effect: Effect) -> Iterable[Observation]:
        """What came of it. Nothing that the engine does or says is raised."""
        try:
            return (self._performed(effect),)
        except Unreachable as gone:
            until = self._clock.now() + RETRY_AFTER
            return (Postponed(effect.slice.task.arn, until, because=f"the engine is gone: {gone}"),)
        except (TimedOut, Refused) as trouble:
            return (self._given_up(effect, trouble),)

    def watch(self, tell: Callable[[Observation], None]) -> None:
        """Tell what happens until `close`; beside it, collect logs, and once sweep up after the dead.

        What ends the collecting of logs before its time ends this too, and is raised.
        """
        threading.Thread(target=self._sweep_orphans, name="orphans", daemon=True).start()
        if self._logs is None:
            self._watch.run(tell)
            return
        collector = self._logs.collector
        failed: list[BaseException] = []

        def collect() -> None:
            with Rooted(failed.append):
                collector.run()
            if failed:
                self._watch.close()

        collecting = threading.Thread(target=collect, name="logs", daemon=True)
        collecting.start()
        self._watch.run(tell)
        collector.stop()
        collecting.join()
        if failed:
            raise RuntimeError(f"no logs are collected any more: {failed[0]}") from failed[0]

    def forget(self, keep_running: bool) -> None:
        """Remove all of ours, unless tasks keep running; what outlives tasks goes only where nobody comes back for it."""
        if keep_running:
            return
        ephemeral = self._identity.ephemeral
        if ephemeral and self._logs is not None:
            self._logs.collector.stop()
        try:
            sweep(self._engine, self._identity.emulator_id, keep_shared=not ephemeral)
            if ephemeral:
                self._images.forget()
        except (Unreachable, TimedOut, Refused) as trouble:
            log.warning("not everything was removed from the engine: %s", trouble)

    def close(self) -> None:
        self._watch.close()
        self._engine.close()

    def _sweep_orphans(self) -> None:
        with Rooted(lambda error: log.warning("what dead servers left was not removed", exc_info=error)):
            try:
                swept = sweep_orphans(self._engine)
            except (Unreachable, TimedOut, Refused) as trouble:
                log.debug("what dead servers left was not removed: %s", trouble)
            else:
                if any((swept.containers, swept.networks, swept.volumes)):
                    log.info("removed what dead ephemeral servers had left: %s", swept)

    # --- effects ------------------------------------------------------------------------------------------------------

    def _performed(self, effect: Effect) -> Observation:
        match effect:
            case Connect(slice=slice):
                return self._after_snapshot(self._interfaces.connect(slice))
            case Pull(slice=slice, container=name):
                return self._containers.pull(slice, name)
            case Create(slice=slice, container=name):
                raises_files = self._interfaces.raises_files is True
                return self._after_snapshot(self._containers.create(slice, name, raises_files=raises_files))
            case Start(slice=slice, container=name):
                return self._containers.start(slice, name)
            case Signal(slice=slice, container=name):
                return self._containers.signal(slice, name)
            case Kill(slice=slice, container=name):
                return self._containers.kill(slice, name)
            case Look(slice=slice, container=name):
                return self._containers.look(slice, name)
            case Disconnect(slice=slice):
                return self._interfaces.disconnect(slice)
            case Remove(slice=slice):
                return self._containers.remove(slice)

    def _after_snapshot(self, observation: Observation) -> Observation:
        self._watch.after_snapshot()
        return observation

    def _given_up(self, effect: Effect, trouble: Refused | TimedOut) -> Observation:
        """What no step has words for. An end is tried again, for ever; a beginning fails."""
        task_arn, now = effect.slice.task.arn, self._clock.now()
        if effect.LANE is Lane.STOP:
            log.warning("%s %s of %s: %s", type(effect).__name__, effect.container, task_arn, trouble)
            return Postponed(task_arn, now + RETRY_AFTER, because=str(trouble))
        done = TRANSITIONS.get(type(effect), "inspecting")
        reason = f"UnknownError: {trouble}"
        if isinstance(trouble, TimedOut):
            reason = f"DockerTimeoutError: Could not transition to {done}; {trouble}"
        return Failed(task_arn, effect.container, reason, now)


def docker_agent(
    reached: Reached, store: Store, clock: Clock, config: Config, emulator_id: str, endpoint: Callable[[], str]
) -> DockerAgent:
    """The agent of one server on the engine that answered. Nothing is asked of the engine yet."""
    engine = Engine(reached)
    identity = Identity(emulator_id, this_process(), config.ephemeral)
    local = reached.socket_path
    logs = None
    if local:
        collector = Collector(local, config.data_dir, clock, api_version=reached.version)
        logs = AwsLogs(store, config.data_dir, clock, collector)
    else:
        log.warning(
            "the engine at %s is not on this machine: logs of awslogs containers are not collected", reached.url
        )
    return DockerAgent(
        engine,
        clock,
        identity,
        Images(engine, clock, config.pull, _own_registry(store, clock, config)),
        VpcNetwork(engine, identity, config.vpc_cidr),
        containers_kept=config.timings.containers_kept,
        logs=logs,
        endpoint=endpoint if local else None,
    )


def _own_registry(store: Store, clock: Clock, config: Config) -> OwnRegistry:
    """What the engine is told about the emulator's registry: `localhost` is the one name it speaks plain HTTP to."""
    address = f"localhost:{config.port}"
    names = {address, f"127.0.0.1:{config.port}", config.registry_host or address}

    def credentials(world: World) -> dict[str, str]:
        with store.snapshot() as tx:
            username, password = pull_login(tx, world, clock.now())
        return {"username": username, "password": password, "serveraddress": address}

    def digest(world: World, repository: str, tag: str) -> str | None:
        with store.snapshot() as tx:
            found = tx.get(ImageTag, world.account, world.region, repository, tag)
        return None if found is None else found.digest

    return OwnRegistry(address, frozenset(names), credentials, digest)


def _unconcerned(inspected: EngineJson) -> None:
    """Nobody follows logs."""
