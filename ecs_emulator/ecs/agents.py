"""What an agent asks its control plane, and what the control plane asks of an agent.

The agent of a simulated machine is this emulator itself, always of the newest version it knows. State changes are seen
by it and are never submitted: the operations for that are not here.
"""

from __future__ import annotations

import re

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    ClientException,
    InvalidParameterException,
    MissingVersionException,
    NoUpdateAvailableException,
)
from ecs_emulator.records.instances import InstanceStatus
from ecs_emulator.wire.call import Call, Document, Params

VERSION = re.compile(r"\d+\.\d+\.\d+")


def discover_poll_endpoint(call: Call, params: Params) -> Document:
    """Where an agent polls, reports and discovers: at this emulator, so that nothing leaves the machine.

    Source: DiscoverPollEndpoint in the ECS API reference.
    """
    own = f"{call.endpoint}/"
    return {"endpoint": own, "telemetryEndpoint": own, "serviceConnectEndpoint": own}


def update_container_agent(call: Call, params: Params) -> Document:
    """Every agent is as new as it can become: the refusal is the answer, once the instance is known to have one.

    Source: UpdateContainerAgent in the ECS API reference, NoUpdateAvailableException: "already running the latest version,
    or so old that there's no update path". Errors: ClusterNotFoundException, ClientException, InvalidParameterException,
    MissingVersionException, NoUpdateAvailableException.
    """
    reference = params["containerInstance"]
    cluster = resolve.active_cluster(call, params, [reference])
    instance = resolve.instance_named(call, cluster, reference)
    if instance is None:
        raise InvalidParameterException("Referenced container instance not found.")
    if instance.status is InstanceStatus.INACTIVE:
        raise ClientException(f"Container instance {instance.arn.rpartition('/')[2]} is inactive.")
    if not VERSION.match(str(instance.version_info.get("agentVersion") or "")):
        raise MissingVersionException()
    raise NoUpdateAvailableException()
