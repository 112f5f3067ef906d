"""One container, one step at a time, each of which may be asked for twice: what was done before is found done.

What the engine refuses is an observation with ECS's words for it. What it does not know: why a step is due.
Source: the transitions of docker_task_engine.go in amazon-ecs-agent.
"""

from __future__ import annotations

from collections.abc import Callable

from ecs_emulator.agent import ports, translate, unbuilt, volumes
from ecs_emulator.agent.docker.awslogs import AwsLogs, NoStream
from ecs_emulator.agent.docker.engine import Engine, EngineJson, Refused
from ecs_emulator.agent.docker.free_ports import FreePorts, NoFreePorts
from ecs_emulator.agent.docker.images import CannotPull, Images, pull_reason
from ecs_emulator.agent.docker.watch import as_seen
from ecs_emulator.agent.names import LABEL_EMULATOR, LABEL_TASK, Identity, container_name
from ecs_emulator.arns import World
from ecs_emulator.clock import Clock
from ecs_emulator.control.plan import (
    Created,
    Failed,
    Observation,
    Postponed,
    Pulled,
    Removed,
    Seen,
    Signalled,
    TaskSlice,
)
from ecs_emulator.records.tasks import Container, Stage
from ecs_emulator.rules.dependencies import definition_of

LOOK_AGAIN = 1.0
"""Seconds until a container is looked at again that should be dead by now."""


class VolumeMissing(Exception):
    """A shared volume that nobody may provision is not there; the text is its name."""


class Containers:
    """Lives as long as the server; safe from any thread."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        identity: Identity,
        images: Images,
        logs: AwsLogs | None,
        endpoint: Callable[[], str] | None,
    ) -> None:
        """`endpoint`: where the AWS API answers a process of this machine."""
        self._engine = engine
        self._clock = clock
        self._identity = identity
        self._images = images
        self._logs = logs
        self._endpoint = endpoint
        self._ports = FreePorts()

    # --- its beginning ------------------------------------------------------------------------------------------------

    def pull(self, slice: TaskSlice, name: str) -> Observation:
        """The image under its id, whatever becomes of its tag."""
        task, image = slice.task, _record(slice, name).image
        if (refusal := unbuilt.refusal(definition_of(slice.definition, name))) is not None:
            return Failed(task.arn, name, refusal, self._clock.now())
        try:
            found = self._images.resolve(image, World(task.account, task.region))
        except CannotPull as trouble:
            return Failed(task.arn, name, pull_reason(str(trouble), image, task.launch_type), self._clock.now())
        return Pulled(task.arn, name, found.id, found.digest, found.began_at, found.ended_at)

    def create(self, slice: TaskSlice, name: str, *, raises_files: bool) -> Observation:
        """`raises_files`: whether the engine can give Fargate's limit of open files."""
        try:
            engine_id = self._created(slice, name, raises_files)
        except (VolumeMissing, CannotPull, NoFreePorts, Refused) as trouble:
            return Failed(slice.task.arn, name, _not_created(trouble, slice, name), self._clock.now())
        return Created(slice.task.arn, name, engine_id)

    def _created(self, slice: TaskSlice, name: str, raises_files: bool) -> str:
        """The created container's id; an image that was removed since it was resolved is fetched anew, once."""
        missing = next((one for one in volumes.required_volumes(slice, name) if not self._engine.has_volume(one)), None)
        if missing is not None:
            raise VolumeMissing(missing)
        record = _record(slice, name)
        body = self._body(slice, name, raises_files)
        try:
            return self._engine.create_once(self._name(slice, name), body)
        except Refused as refused:
            if not refused.missing or self._images.is_here(record.image_id or record.image):
                raise
        found = self._images.resolve(record.image, World(slice.task.account, slice.task.region))
        return self._engine.create_once(self._name(slice, name), {**body, "Image": found.id})

    def _body(self, slice: TaskSlice, name: str, raises_files: bool) -> EngineJson:
        record = _record(slice, name)
        container = translate.overridden(slice, name)
        blocks = ports.blocks_needed(container) if slice.task.network_mode == "bridge" else {}
        image = self._images.environment(record.image_id or record.image)
        facts = translate.Facts(
            self._identity,
            cpus=self._engine.machine().cpus,
            endpoint=self._endpoint() if self._endpoint is not None and slice.task.network_mode == "host" else None,
            image_environment=image,
            port_blocks={key: self._ports.block(count, key.rpartition("/")[2]) for key, count in blocks.items()},
            raises_files=raises_files,
        )
        return translate.container_body(slice, name, facts)

    def start(self, slice: TaskSlice, name: str) -> Observation:
        """The engine is asked what it bound only where the host ports were its choice."""
        task, engine_id = slice.task, self._engine_id(slice, name)
        container = translate.overridden(slice, name)
        options = translate.log_options(container)
        try:
            if self._logs is not None and options is not None:
                self._logs.open(slice, name, options, engine_id)
            self._engine.start(engine_id)
        except NoStream as trouble:
            return Failed(task.arn, name, str(trouble), self._clock.now())
        except Refused as refused:
            return self._not_started(slice, name, refused)
        started_at = self._clock.now()
        if self._logs is not None and options is not None:
            self._logs.follow(slice, name, options, engine_id, tty=bool(container.get("pseudoTerminal")))
        if task.network_mode == "bridge" and ports.is_dynamic(container):
            return self.look(slice, name)
        bindings = tuple(ports.known_bindings(task.network_mode, container, {}))
        return Seen(task.arn, name, Stage.RUNNING, engine_id, started_at=started_at, network_bindings=bindings)

    def _not_started(self, slice: TaskSlice, name: str, refused: Refused) -> Observation:
        now = self._clock.now()
        reason = f"CannotStartContainerError: {refused}"
        if refused.missing and "No such container" in refused.text:
            engine_id = self._engine_id(slice, name)
            return Seen(slice.task.arn, name, Stage.STOPPED, engine_id, reason=reason, finished_at=now)
        return Failed(slice.task.arn, name, reason, now)

    # --- the end of a container ---------------------------------------------------------------------------------------

    def signal(self, slice: TaskSlice, name: str) -> Observation:
        """Its STOPSIGNAL, else SIGTERM. Nothing waits here: SIGKILL is a step of its own."""
        engine_id = self._engine_id(slice, name)
        inspected = self._engine.inspect(engine_id)
        if inspected is None or not inspected["State"]["Running"]:
            return self.look(slice, name)
        try:
            self._engine.kill(engine_id, inspected["Config"].get("StopSignal") or "SIGTERM")
        except Refused as refused:
            if not (refused.conflict or refused.missing):
                raise
            return self.look(slice, name)
        return Signalled(slice.task.arn, name, self._clock.now())

    def kill(self, slice: TaskSlice, name: str) -> Observation:
        """The engine answers a SIGKILL once the container is dead, and refuses one for a container that never ran."""
        engine_id = self._engine_id(slice, name)
        try:
            if _record(slice, name).stage is not Stage.CREATED:
                self._engine.kill(engine_id)
        except Refused as refused:
            if not (refused.conflict or refused.missing):
                raise
        seen = self.look(slice, name)
        now = self._clock.now()
        if seen.stage is Stage.RUNNING:
            return Postponed(slice.task.arn, now + LOOK_AGAIN, because=f"{name} still runs after SIGKILL")
        if seen.stage is Stage.CREATED:
            return Seen(slice.task.arn, name, Stage.STOPPED, engine_id, finished_at=now)
        return seen

    def remove(self, slice: TaskSlice) -> Observation:
        """Everything that carries the task's label, whether it was ever recorded or not, then its volumes."""
        of_task = {LABEL_TASK: slice.task.arn, LABEL_EMULATOR: self._identity.emulator_id}
        for container in self._engine.containers(of_task):
            if self._logs is not None:
                self._logs.finish(container["Id"])
            self._engine.remove(container["Id"])
        for volume in volumes.task_volumes(slice, self._identity):
            self._engine.remove_volume(volume)
        return Removed(slice.task.arn)

    # --- small facts --------------------------------------------------------------------------------------------------

    def look(self, slice: TaskSlice, name: str) -> Seen:
        """What the container is now; one that is not there any more has stopped."""
        engine_id = self._engine_id(slice, name)
        inspected = self._engine.inspect(engine_id)
        if inspected is not None:
            return as_seen(inspected)
        reason = f"NoSuchContainerError: Container not found: {engine_id}"
        return Seen(slice.task.arn, name, Stage.STOPPED, engine_id, reason=reason, finished_at=self._clock.now())

    def _engine_id(self, slice: TaskSlice, name: str) -> str:
        return _record(slice, name).engine_id or self._name(slice, name)

    def _name(self, slice: TaskSlice, name: str) -> str:
        return container_name(slice, name, self._identity)


def _record(slice: TaskSlice, name: str) -> Container:
    return next(one for one in slice.task.containers if one.name == name)


def _not_created(trouble: VolumeMissing | CannotPull | NoFreePorts | Refused, slice: TaskSlice, name: str) -> str:
    match trouble:
        case VolumeMissing():
            return (
                f"ResourceInitializationError: resource cannot be initialized for task {slice.task.arn}: "
                f"initialize volume: volume detection failed, volume '{trouble}' does not exist and autoprovision is set "
                f"to false: Error response from daemon: get {trouble}: no such volume"
            )
        case CannotPull():
            return pull_reason(str(trouble), _record(slice, name).image, slice.task.launch_type)
        case NoFreePorts():
            return f"HostConfigError: error retrieving docker port map: {trouble}"
        case Refused():
            return f"CannotCreateContainerError: {trouble}"
