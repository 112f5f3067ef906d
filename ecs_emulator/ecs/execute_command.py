"""A command inside a running container: everything about the request is checked, and nobody is there yet to run it."""

from __future__ import annotations

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import InvalidParameterException, TargetNotConnectedException
from ecs_emulator.records.tasks import Container, DesiredStatus, Stage, Task, TaskStatus
from ecs_emulator.wire.call import Call, Document, Params

NO_TASK = "The task provided in the request was not found."
ONE_MODE = "Interactive is the only mode supported currently."
UNNAMED = "Container name is required when the task has more than one container."
NO_CONTAINER = "The container name specified is not valid. Specify the name of a container of the task and try again."
NO_AGENT = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
)


def execute_command(call: Call, params: Params) -> Document:
    """Open a session for one command in a container of a running task.

    No session can be opened yet: no agent for it runs in any container, `managedAgents` stay PENDING, and a request that
    passes all checks gets the answer that ECS has where it does not reach the agent. The checks are in ECS's order: what is
    named is found first (cluster, task), then the mode, then the container, then whether a command may run in it.
    Source: ExecuteCommand in the ECS API reference, recorded refusals. Errors: ClusterNotFoundException,
    InvalidParameterException, TargetNotConnectedException.
    """
    reference = params["task"]
    cluster = resolve.active_cluster(call, params, [reference])
    task = resolve.task_named(call, cluster, reference, id_name="task")
    if task is None:
        raise InvalidParameterException(NO_TASK)
    if not params["interactive"]:
        raise InvalidParameterException(ONE_MODE)
    container = _container(task, params.get("container"))
    if not _takes_commands(task, container):
        raise InvalidParameterException(NO_AGENT)
    raise TargetNotConnectedException()


def _container(task: Task, name: str | None) -> Container:
    """The one that is named, or the only one that there is."""
    if not name:
        if len(task.containers) > 1:
            raise InvalidParameterException(UNNAMED)
        return task.containers[0]
    found = next((one for one in task.containers if one.name == name), None)
    if found is None:
        raise InvalidParameterException(NO_CONTAINER)
    return found


def _takes_commands(task: Task, container: Container) -> bool:
    """A task that was not run with `enableExecuteCommand`, or is no longer or not yet running, has no agent for it."""
    if not task.spec.get("enableExecuteCommand") or task.desired_status is DesiredStatus.STOPPED:
        return False
    return task.last_status is TaskStatus.RUNNING and container.stage is Stage.RUNNING
