"""The words in which the loop decides about a daemon: what it may look at, and what it may write down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecs_emulator.records.daemons import Daemon, DaemonDeployment, DaemonRevision
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.tasks import Task


@dataclass(frozen=True, slots=True)
class DaemonSlice:
    """All that a decision about one daemon may look at."""

    daemon: Daemon
    revisions: Mapping[str, DaemonRevision]
    """Those that are to run, that run, and that a rollback would go to."""
    deployments: tuple[DaemonDeployment, ...] = ()
    """Those that something still works on, oldest first; else the newest one."""
    instances: tuple[ContainerInstance, ...] = ()
    """The cluster's machines, ACTIVE and DRAINING, by ARN."""
    tasks: tuple[Task, ...] = ()
    """Those that the daemon has not let go of yet, by ARN."""
    checked: frozenset[str] = frozenset()
    """The revisions whose tasks have a container health check."""
    busy: frozenset[str] = frozenset()
    """The DRAINING machines that other tasks are still on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Start the revision's task on one machine."""

    daemon: Daemon
    revision: DaemonRevision
    instance_arn: str
    because: str

    def __str__(self) -> str:
        return f"start {_id(self.revision.arn)} on {_id(self.instance_arn)}"


@dataclass(frozen=True, slots=True)
class Halt:
    """Ask tasks of the daemon to stop."""

    daemon: Daemon
    tasks: tuple[Task, ...]
    because: str
    reason: str | None = None
    """The `stoppedReason`; None: the scheduler's, for a task that is not needed any more."""

    def __str__(self) -> str:
        return f"stop {' '.join(task.id[:8] for task in self.tasks)}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A task of the daemon ends though nobody asked for it: it counts, unless it had run well."""

    daemon: Daemon
    task: Task
    because: str

    def __str__(self) -> str:
        return f"count {self.task.id[:8]}"


@dataclass(frozen=True, slots=True)
class LetGo:
    """The daemon lets go of a task that STOPPED."""

    daemon: Daemon
    task: Task
    because: str

    def __str__(self) -> str:
        return f"let go of {self.task.id[:8]}"


@dataclass(frozen=True, slots=True)
class Begin:
    """The deployment is IN_PROGRESS."""

    daemon: Daemon
    deployment: DaemonDeployment
    because: str

    def __str__(self) -> str:
        return "begin"


@dataclass(frozen=True, slots=True)
class Step:
    """Take on the next machines."""

    daemon: Daemon
    deployment: DaemonDeployment
    instance_arns: tuple[str, ...]
    because: str

    def __str__(self) -> str:
        return f"take on {' '.join(_id(arn) for arn in self.instance_arns)}"


@dataclass(frozen=True, slots=True)
class Bake:
    """All machines of the step have the target: from now on its bake time counts."""

    daemon: Daemon
    deployment: DaemonDeployment
    because: str

    def __str__(self) -> str:
        return "bake"


@dataclass(frozen=True, slots=True)
class Finish:
    """The deployment has done what it was to do, be it its target or the rollback."""

    daemon: Daemon
    deployment: DaemonDeployment
    because: str

    def __str__(self) -> str:
        return "finish"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Too much has failed: go back to the revision that had worked; None: there is none."""

    daemon: Daemon
    deployment: DaemonDeployment
    back_to: DaemonRevision | None
    because: str

    def __str__(self) -> str:
        return "give up" if self.back_to is None else f"roll back to {_id(self.back_to.arn)}"


@dataclass(frozen=True, slots=True)
class Cease:
    """The deployment is STOPPED, a newer one has taken over."""

    daemon: Daemon
    deployment: DaemonDeployment
    because: str

    def __str__(self) -> str:
        return "cease"


@dataclass(frozen=True, slots=True)
class Forget:
    """A deleted daemon without tasks is not found any more."""

    daemon: Daemon
    because: str

    def __str__(self) -> str:
        return "forget"


DaemonDecision = Place | Halt | Fault | LetGo | Begin | Step | Bake | Finish | GiveUp | Cease | Forget


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]
