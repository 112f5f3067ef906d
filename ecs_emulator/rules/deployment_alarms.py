"""The alarms that a service's deployments heed: which of them are raised, and whom it concerns when one is.

Source: DeploymentAlarms in the ECS API reference; "How CloudWatch alarms detect Amazon ECS deployment failures" in the developer guide.
"""

from __future__ import annotations

from ecs_emulator.clock import Instant
from ecs_emulator.records.alarms import Alarm, AlarmState
from ecs_emulator.records.services import Service, ServiceDeployment, ServiceDeploymentStatus
from ecs_emulator.store import Transaction


def raised(tx: Transaction, service: Service) -> tuple[str, ...]:
    """The names of those in ALARM, in the order in which the service names them."""
    alarms = service.spec["deploymentConfiguration"].get("alarms") or {}
    names = alarms.get("alarmNames") or []
    if not alarms.get("enable") or not names:
        return ()
    known = tx.find(Alarm, account=service.account, region=service.region, name=sorted(set(names)))
    loud = {one.name for one in known if one.state is AlarmState.ALARM}
    return tuple(name for name in names if name in loud)


def set_state(tx: Transaction, account: str, region: str, name: str, state: AlarmState, now: Instant) -> None:
    """Write down what an alarm says, and have every service looked at that is being deployed."""
    tx.put(Alarm(account, region, name, state, now))
    ongoing = ServiceDeploymentStatus.IN_PROGRESS
    found = tx.columns(ServiceDeployment, ("service_arn",), account=account, region=region, deployment_status=ongoing)
    tx.mark(*(("service", arn) for (arn,) in found))
