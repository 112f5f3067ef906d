"""The words that the loop and its agents exchange: decisions, effects, observations, and the protocol of an agent.

A decision is what the loop writes down, an effect is what an agent is asked to do, an observation is what it saw. Each decision and each
effect carries its cause, which is at once the log line, the line of the golden test and, where ECS shows causes, the answer to the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from ecs_emulator.clock import Instant
from ecs_emulator.control.shift_plan import CallHook, Enter, Expire, HookAnswered
from ecs_emulator.records import Mark
from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.services import Service, ServiceDeployment
from ecs_emulator.records.task_sets import Stability, TaskSet
from ecs_emulator.records.tasks import Health, Member, Stage, Task
from ecs_emulator.rules.failures import Cause
from ecs_emulator.rules.resources import Candidate

PAUSE = "~internal~ecs~pause"
"""The container that holds the network of an awsvpc task; never in a task document."""


@dataclass(frozen=True, slots=True)
class TaskSlice:
    """All that a decision about one task may look at."""

    task: Task
    definition: dict[str, Any]
    """The task definition's validated `spec`."""
    revision: int
    cluster_name: str


@dataclass(frozen=True, slots=True)
class ServiceSlice:
    """All that a decision about one service may look at."""

    service: Service
    deployments: tuple[ServiceDeployment, ...]
    """Those that are listed: the PRIMARY, then the others, newest first."""
    tasks: tuple[Member, ...]
    """Those that the service has not let go of yet, by ARN."""
    checked: frozenset[str] = frozenset()
    """The deployments and task sets whose tasks have a container health check."""
    leaving: frozenset[str] = frozenset()
    """The instances that are DRAINING: tasks on them are to be replaced elsewhere."""
    free: Mapping[str, Candidate] = field(default_factory=dict)
    """The cluster's instances, where the service's placement strategy asks what they have left."""
    task_sets: tuple[TaskSet, ...] = ()
    """The oldest first; a service has these or deployments."""
    machines: tuple[str, ...] = ()
    """The ACTIVE instances that a DAEMON service is to be on; of such a service `leaving` are all others that it is on."""
    busy: frozenset[str] = frozenset()
    """Those of `leaving` that drain and still have tasks of other services: a DAEMON service's go last."""
    violating: frozenset[str] = frozenset()
    """Those of `leaving` that do not drain: they no longer satisfy what the DAEMON service asks of a machine."""
    zones: tuple[str, ...] = ()
    """Those that a steady service's tasks are balanced over; none where they are not."""
    raised: tuple[str, ...] = ()
    """The alarms that its PRIMARY heeds and that are in ALARM."""
    hooks: tuple[LifecycleHook, ...] = ()
    """Those of the deployment that shifts traffic, at the stage and step that it is at."""


# --- effects: what an agent is asked to do --------------------------------------------------------------------------


class Lane(StrEnum):
    """Each lane has workers of its own: a stop never waits behind a pull."""

    PULL = "pull"
    START = "start"
    STOP = "stop"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Connect:
    """Give the awsvpc task its network: a pause container on the VPC network. Answers `Connected` or `Failed`."""

    slice: TaskSlice
    because: str
    container: str = PAUSE
    LANE: ClassVar = Lane.START


@dataclass(frozen=True, slots=True)
class Pull:
    """Have the container's image on the engine, and know it by its id. Answers `Pulled` or `Failed`."""

    slice: TaskSlice
    container: str
    because: str
    LANE: ClassVar = Lane.PULL


@dataclass(frozen=True, slots=True)
class Create:
    """Make the container, not running; a repeated create adopts the one that is there. Answers `Created` or `Failed`."""

    slice: TaskSlice
    container: str
    because: str
    LANE: ClassVar = Lane.START


@dataclass(frozen=True, slots=True)
class Start:
    """Run the container that was created. Answers `Seen` or `Failed`."""

    slice: TaskSlice
    container: str
    because: str
    LANE: ClassVar = Lane.START


@dataclass(frozen=True, slots=True)
class Signal:
    """Ask the container to stop: STOPSIGNAL of its image, else SIGTERM. Answers `Signalled`; its death is seen later."""

    slice: TaskSlice
    container: str
    because: str
    LANE: ClassVar = Lane.STOP


@dataclass(frozen=True, slots=True)
class Kill:
    """End the container, running or only created. Answers `Seen` as STOPPED."""

    slice: TaskSlice
    container: str
    because: str
    exit_code: int = 137
    """What a simulated container that ran ends with; a real one is killed, and that is 137."""
    LANE: ClassVar = Lane.STOP


@dataclass(frozen=True, slots=True)
class Look:
    """See what the container is now, where no event would tell. Answers `Seen`."""

    slice: TaskSlice
    container: str
    because: str
    LANE: ClassVar = Lane.START


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Take the awsvpc task's network away, pause container and all. Answers `Disconnected`."""

    slice: TaskSlice
    because: str
    container: str = PAUSE
    LANE: ClassVar = Lane.STOP


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove whatever of the task is still on the engine: containers, task volumes. Answers `Removed`."""

    slice: TaskSlice
    because: str
    container: str = "*"
    LANE: ClassVar = Lane.STOP


Effect = Connect | Pull | Create | Start | Signal | Kill | Look | Disconnect | Remove


Errand = Effect | CallHook
"""All that workers do: what an agent is asked, and what a lifecycle hook is."""


def effect_key(errand: Errand) -> tuple[str, str]:
    """Task and container, or service and hook: of the errands with one key, one at a time is under way."""
    if isinstance(errand, CallHook):
        return errand.hook.service_arn, errand.hook.id
    return errand.slice.task.arn, errand.container


def mark_of(errand: Errand) -> Mark:
    """Whom it concerns when the errand is done."""
    return ("service" if isinstance(errand, CallHook) else "task"), effect_key(errand)[0]


def lane_of(errand: Errand) -> Lane:
    return Lane.HOOK if isinstance(errand, CallHook) else errand.LANE


# --- observations: what an agent saw --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The task's network is there."""

    task_arn: str
    engine_id: str
    address: str
    mac_address: str
    at: Instant
    network_bindings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """The image is on the engine. The two instants are None where the cache served."""

    task_arn: str
    container: str
    image_id: str
    image_digest: str | None
    began_at: Instant | None = None
    ended_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Created:
    task_arn: str
    container: str
    engine_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a container is now, as the engine tells it: the answer to a start, an event, a line of a snapshot."""

    task_arn: str
    container: str
    stage: Stage
    engine_id: str
    exit_code: int | None = None
    reason: str | None = None
    """`OutOfMemoryError: …`, `DockerStateError: …`, or None where it simply ended."""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    health: Health | None = None
    network_bindings: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Signalled:
    task_arn: str
    container: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Failed:
    """A step could not be done, and trying again would not help. `reason` is `<ErrorName>: <text>` as ECS shows it."""

    task_arn: str
    container: str
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Disconnected:
    task_arn: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Removed:
    task_arn: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """A step could not be done now: ask again at `until`."""

    task_arn: str
    """Or that of the service, of a hook."""
    until: Instant
    because: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All containers of ours that the engine has, taken when the event stream began: what is not among them is not there."""

    seen: tuple[Seen, ...]
    at: Instant

    containers: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    """The names of those that are there, by the ARN of their task."""

    def __post_init__(self) -> None:
        found: dict[str, set[str]] = {}
        for one in self.seen:
            found.setdefault(one.task_arn, set()).add(one.container)
        object.__setattr__(self, "containers", {arn: frozenset(names) for arn, names in found.items()})


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine does not answer any more; nothing is concluded from its silence but that."""

    because: str


TaskObservation = Connected | Pulled | Created | Seen | Signalled | Failed | Disconnected | Removed
"""What was seen of one task."""
Observation = TaskObservation | Postponed | Snapshot | EngineLost | HookAnswered


# --- decisions: what the loop writes down ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; the subject is looked at again then."""

    until: Instant
    because: str

    def __str__(self) -> str:
        return "wait"


Keeper = ServiceDeployment | TaskSet
"""What a service's tasks are started for: they carry its id in `startedBy`."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start tasks of a deployment or a task set; where each goes is placement's choice, made when this is recorded."""

    deployment: Keeper
    count: int
    because: str
    replaced_unhealthy: int = 0
    machines: tuple[str, ...] = ()
    """One task on each of these instances: there is nothing left to choose. Empty where placement chooses."""
    zone: str | None = None
    """Only there, to balance the zones."""

    def __str__(self) -> str:
        return f"launch ×{self.count} of {self.deployment.id}"


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask tasks of a service to stop."""

    service: Service
    tasks: tuple[Member, ...]
    because: str
    reason: str | None = None
    """The `stoppedReason`; None: the scheduler's, for a task that is not needed any more."""
    task_set: TaskSet | None = None
    """Whose tasks they are, where the service's events say so."""
    zone: str | None = None
    """Where they are, when they go to balance the zones."""

    def __str__(self) -> str:
        return f"stop {' '.join(task.id[:8] for task in self.tasks)}"


@dataclass(frozen=True, slots=True)
class Judge:
    """A task of the service ends though nobody asked for it: it counts as a failure, unless it had run well."""

    task: Member
    because: str

    def __str__(self) -> str:
        return f"judge {self.task.id[:8]}"


@dataclass(frozen=True, slots=True)
class Release:
    """The service lets go of a task that STOPPED."""

    service: Service
    task: Member
    because: str

    def __str__(self) -> str:
        return f"release {self.task.id[:8]}"


@dataclass(frozen=True, slots=True)
class Announce:
    """A line of the service's `events[]`. A `problem` is said once until it is solved."""

    service: Service
    message: str
    because: str
    problem: bool = False

    def __str__(self) -> str:
        return f"announce {self.message!r}"


@dataclass(frozen=True, slots=True)
class Resize:
    """The scheduler's current target of one deployment."""

    deployment: ServiceDeployment
    desired_count: int
    because: str

    def __str__(self) -> str:
        return f"resize {self.deployment.id} to {self.desired_count}"


@dataclass(frozen=True, slots=True)
class Cover:
    """So many machines are there now for a DAEMON service: that many tasks are desired."""

    service: Service
    count: int
    because: str

    def __str__(self) -> str:
        return f"cover {self.count}"


@dataclass(frozen=True, slots=True)
class Balance:
    """The balancing of the zones begins, or is over; the service says how its tasks stand."""

    service: Service
    message: str
    under_way: bool
    because: str

    def __str__(self) -> str:
        return f"{'begin' if self.under_way else 'end'} balancing"


@dataclass(frozen=True, slots=True)
class Complete:
    """The deployment has replaced all others."""

    service: Service
    deployment: ServiceDeployment
    because: str

    def __str__(self) -> str:
        return f"complete {self.deployment.id}"


@dataclass(frozen=True, slots=True)
class Fail:
    """The deployment is given up: the last one that had completed takes over, or with `rollback` off nothing does."""

    service: Service
    deployment: ServiceDeployment
    cause: Cause
    rollback: bool
    because: str
    alarms: tuple[str, ...] = ()
    """Those in ALARM, where that is the cause."""

    def __str__(self) -> str:
        return f"fail {self.deployment.id}{', roll back' if self.rollback else ''}"


@dataclass(frozen=True, slots=True)
class Supersede:
    """A deployment that has no task left leaves `deployments[]`."""

    deployment: ServiceDeployment
    because: str

    def __str__(self) -> str:
        return f"supersede {self.deployment.id}"


@dataclass(frozen=True, slots=True)
class Forgive:
    """A task of the deployment or the task set runs well: the failures before it no longer count."""

    deployment: Keeper
    because: str

    def __str__(self) -> str:
        return f"forgive {self.deployment.id}"


@dataclass(frozen=True, slots=True)
class Recompute:
    """A task set's share of what is desired is another number now."""

    task_set: TaskSet
    count: int
    because: str

    def __str__(self) -> str:
        return f"recompute {self.task_set.id} to {self.count}"


@dataclass(frozen=True, slots=True)
class Stabilize:
    """A task set has all its tasks healthy, or no longer has."""

    task_set: TaskSet
    stability: Stability
    because: str

    def __str__(self) -> str:
        return f"{self.task_set.id} is {self.stability}"


@dataclass(frozen=True, slots=True)
class Drop:
    """A task set that was let go is forgotten with its last task."""

    task_set: TaskSet
    because: str

    def __str__(self) -> str:
        return f"drop {self.task_set.id}"


@dataclass(frozen=True, slots=True)
class Settle:
    """Desired = running, one deployment, all healthy: a steady state, and it is said."""

    service: Service
    because: str

    def __str__(self) -> str:
        return "settle"


@dataclass(frozen=True, slots=True)
class Retire:
    """A DRAINING service without tasks becomes INACTIVE."""

    service: Service
    because: str

    def __str__(self) -> str:
        return "retire"


Decision = (
    Launch
    | Stop
    | Judge
    | Release
    | Announce
    | Resize
    | Cover
    | Balance
    | Enter
    | Expire
    | Complete
    | Fail
    | Supersede
    | Forgive
    | Recompute
    | Stabilize
    | Drop
    | Settle
    | Retire
)


# --- the seam -------------------------------------------------------------------------------------------------------


class Agent(Protocol):
    """The ECS agent of the container instances here: it knows containers, and nothing of services.

    `decide` is pure. `perform` is slow, runs on a worker and never raises for what the engine refuses: that is a `Failed`. `watch` runs on
    a thread of its own until `close`: it tells a `Snapshot` whenever its event stream begins, and every change after that.
    """

    def decide(self, task: TaskSlice, now: Instant) -> Iterator[Effect | Wait]: ...

    def perform(self, effect: Effect) -> Iterable[Observation]: ...

    def watch(self, tell: Callable[[Observation], None]) -> None: ...

    def forget(self, keep_running: bool) -> None:
        """The emulator ends: remove everything of ours from the engine, unless tasks are to keep running."""

    def close(self) -> None: ...
