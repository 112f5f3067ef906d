"""Everything that is put on the engine says whose it is: names that repeat themselves, and labels that find it again.

Source: dockerContainerName and the labels of createContainer in amazon-ecs-agent.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ecs_emulator.control.plan import TaskSlice

LABEL_TASK = "com.amazonaws.ecs.task-arn"
LABEL_CONTAINER = "com.amazonaws.ecs.container-name"
OWN = "io.ecs-emulator."
"""Labels that begin so are the emulator's own, and are hidden from the container's metadata."""
LABEL_EMULATOR = OWN + "id"
LABEL_OWNER = OWN + "owner"
LABEL_EPHEMERAL = OWN + "ephemeral"
LABEL_BINDINGS = OWN + "bindings"
"""The network bindings that were known before the start, as JSON."""
LABEL_LOGS = OWN + "awslogs"
"""The options of the awslogs driver, as JSON: who finds the container knows where its lines go."""
LABEL_SHARED = OWN + "shared"
"""On what outlives a task."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose containers these are. Lives as long as the server."""

    emulator_id: str
    """Stays the same for one data directory."""
    owner: str
    """The process, as `agent/docker/owner.py` writes it: tells the living from the dead."""
    ephemeral: bool

    @property
    def labels(self) -> dict[str, str]:
        ephemeral = "true" if self.ephemeral else "false"
        return {LABEL_EMULATOR: self.emulator_id, LABEL_OWNER: self.owner, LABEL_EPHEMERAL: ephemeral}


def container_name(slice: TaskSlice, name: str, identity: Identity, attempt: int = 1) -> str:
    """`ecs-<family>-<revision>-<container>-<hex>`, the same for the same attempt: a repeated create meets itself."""
    kept = re.sub(r"[^A-Za-z0-9-]", "", name)
    return f"ecs-{slice.task.family}-{slice.revision}-{kept}-{digits(identity, slice.task.arn, name, str(attempt))}"


def labels(slice: TaskSlice, name: str, identity: Identity) -> dict[str, str]:
    """The agent's five labels and the emulator's own; both win over `dockerLabels`."""
    fargate = slice.task.launch_type == "FARGATE"
    return {
        "com.amazonaws.ecs.cluster": slice.task.cluster_arn if fargate else slice.cluster_name,
        LABEL_CONTAINER: name,
        LABEL_TASK: slice.task.arn,
        "com.amazonaws.ecs.task-definition-family": slice.task.family,
        "com.amazonaws.ecs.task-definition-version": str(slice.revision),
        **identity.labels,
    }


def digits(identity: Identity, *parts: str) -> str:
    """20 hexadecimal digits that two emulators never share; the same parts give the same ones."""
    return hashlib.sha256("/".join((identity.emulator_id, *parts)).encode()).hexdigest()[:20]
