"""When a deployment is given up, whatever its strategy: at its user's word, for an alarm, or for too many tasks that failed."""

from __future__ import annotations

from ecs_emulator.control.plan import Fail, ServiceSlice
from ecs_emulator.records.services import RolloutState, ServiceDeploymentStatus
from ecs_emulator.rules import failures


def given_up(slice: ServiceSlice) -> Fail | None:
    """What follows is decided from what is recorded of it. The breaker and the alarms each say for themselves whether to roll back."""
    service, primary = slice.service, slice.deployments[0]
    if primary.deployment_status is ServiceDeploymentStatus.ROLLBACK_REQUESTED:
        return Fail(service, primary, failures.STOPPED_BY_USER, rollback=True, because="its user stopped it")
    configuration = service.spec["deploymentConfiguration"]
    breaker = configuration["deploymentCircuitBreaker"]
    if failures.is_tripped(primary, breaker, service.desired_count):
        most = failures.threshold(breaker, service.desired_count)
        because = f"{primary.failed_tasks} of its tasks have failed, {most} are too many"
        return Fail(service, primary, failures.BREAKER, rollback=breaker["rollback"], because=because)
    judged = primary.rollout_state is RolloutState.IN_PROGRESS and primary.finished_at is None
    if slice.raised and judged and not primary.alarms_ignored:
        because = f"in ALARM: {', '.join(slice.raised)}"
        rollback = configuration["alarms"]["rollback"]
        return Fail(service, primary, failures.ALARM, rollback=rollback, because=because, alarms=slice.raised)
    return None
