"""BLUE_GREEN, LINEAR and CANARY: the new revision comes up whole beside the old one, and the traffic goes over stage by stage.

Green is the PRIMARY that comes, blue the deployment that serves. Both keep all that is desired until the new one has baked; then blue goes.
What fails on the way gives the traffic back before it gives up its tasks. Without a load balancer the stages are the same, and the
weights are records that nobody reads yet.
Source: "Amazon ECS blue/green deployments", "linear deployments" and "canary deployments" in the developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import giving_up, hooks, keeping, rolling
from ecs_emulator.control.plan import Complete, Decision, Fail, Resize, ServiceSlice, Supersede, Wait
from ecs_emulator.control.shift_plan import CallHook, Enter, Share
from ecs_emulator.records.services import LifecycleStage, RolloutState, ServiceDeployment, ServiceDeploymentStatus
from ecs_emulator.rules import deployment_strategies as strategies
from ecs_emulator.rules import failures

LONGEST_STAGE = 86_400.0
LONGEST_DEPLOYMENT = 30 * 86_400.0
WHOLE = 100.0
ORDER = {stage: place for place, stage in enumerate(LifecycleStage)}
TIMED = (LifecycleStage.RECONCILE_SERVICE, LifecycleStage.SCALE_UP)
"""Stages that wait for tasks: all others last as long as the user said, or a hook, which has a time of its own."""

Said = Iterator[Decision | Wait | CallHook]


def applies(slice: ServiceSlice) -> bool:
    """Whether the service's deployment goes by stages: one under way, one given up where it stood, or one whose traffic goes back."""
    if not slice.deployments:
        return False
    return failed_of(slice) is not None or _comes(slice.deployments[0])


def subject_of(slice: ServiceSlice) -> ServiceDeployment | None:
    """The deployment whose stage it is about, if there is one."""
    if not applies(slice):
        return None
    return failed_of(slice) or slice.deployments[0]


def failed_of(slice: ServiceSlice) -> ServiceDeployment | None:
    """The one that is rolled back."""
    rolling_back = ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS
    for one in slice.deployments[1:]:
        if one.deployment_status is rolling_back and one.strategy != strategies.ROLLING:
            return one
    return None


def _comes(primary: ServiceDeployment) -> bool:
    return primary.strategy != strategies.ROLLING and primary.finished_at is None


@dataclass(frozen=True, slots=True)
class View:
    """Green, blue, and what is left of others. Lives for one decision."""

    slice: ServiceSlice
    now: Instant
    green: ServiceDeployment
    blue: ServiceDeployment | None
    """None where nothing serves yet."""
    others: tuple[ServiceDeployment, ...]
    coming: keeping.View
    """Green's tasks."""

    @property
    def desired(self) -> int:
        return self.slice.service.desired_count

    @property
    def stage(self) -> LifecycleStage | None:
        return self.green.stage

    @property
    def since(self) -> Instant:
        return self.green.stage_at or self.now

    @property
    def shares(self) -> tuple[float, ...]:
        """Green's percentages, step by step; where nothing serves there is nothing to go over from."""
        return strategies.shares(self.green.configuration) if self.blue else (WHOLE,)

    def shared(self, production: float, test: float) -> tuple[Share, ...]:
        """So much of the traffic for green, and for blue what is left of production; test traffic it gets only on the way back."""
        given = [Share(self.green, production, test)]
        if self.blue is not None:
            given.append(Share(self.blue, WHOLE - production, 0.0))
        given.extend(Share(one, 0.0, 0.0) for one in self.others if one.production_weight or one.test_weight)
        return tuple(given)

    def percent(self, step: int) -> float:
        """Green's share of the production traffic at this step."""
        return self.shares[min(step, len(self.shares) - 1)]


def view_of(slice: ServiceSlice, now: Instant) -> View:
    green, *sources = slice.deployments
    # From PRE_SCALE_UP on there is one at most, which serves until the traffic has gone over.
    chosen = sources if _reached(green, LifecycleStage.PRE_SCALE_UP) else [one for one in sources if _serves(one)[0]]
    blue = max(chosen, key=_serves, default=None)
    wanted = slice.service.desired_count if _reached(green, LifecycleStage.SCALE_UP) else 0
    return View(
        slice,
        now,
        green=green,
        blue=blue,
        others=tuple(one for one in sources if one is not blue),
        coming=keeping.view_of(slice, green, wanted, now),
    )


def _serves(deployment: ServiceDeployment) -> tuple[float, float]:
    """What most of the traffic goes to. To a rolling deployment it goes as soon as that has a task."""
    weight = deployment.production_weight
    if weight is None and deployment.finished_at is not None:
        weight = WHOLE
    elif weight is None:
        weight = 1.0 if deployment.strategy == strategies.ROLLING else 0.0
    return weight, deployment.created_at


def _reached(deployment: ServiceDeployment, stage: LifecycleStage) -> bool:
    return deployment.stage is not None and ORDER[deployment.stage] >= ORDER[stage]


# --- forward --------------------------------------------------------------------------------------------------------


def decide(slice: ServiceSlice, now: Instant, timings: Timings) -> Said:
    """One pass over the service: keep both revisions, pursue the hooks, go on to the next stage, give up, or wait."""
    if (failed := failed_of(slice)) is not None:
        yield from _back(slice, failed, now, timings)
        return
    view = view_of(slice, now)
    if view.green.rollout_state is RolloutState.FAILED:
        yield from _stalled(view)
        return
    if (given_up := giving_up.given_up(slice) or _refused(view)) is not None:
        yield given_up
        return
    yield from _kept(view)
    yield from hooks.pursued(slice.hooks, view.green, slice.deployments, now)
    yield from _gone_on(view, timings)


def _refused(view: View) -> Fail | None:
    """A hook said no, or time is over."""
    service, green = view.slice.service, view.green
    cause = hooks.refusal(view.slice.hooks)
    if cause is not None:
        return Fail(service, green, cause, rollback=True, because=f"a hook of {view.stage} refused")
    if view.now >= green.created_at + LONGEST_DEPLOYMENT:
        cause = failures.took_too_long("the deployment")
        return Fail(service, green, cause, rollback=True, because="a deployment may take 30 days")
    if view.stage in TIMED and _through(view) is None and view.now >= view.since + LONGEST_STAGE:
        cause = failures.took_too_long(f"the {view.stage} lifecycle stage")
        return Fail(service, green, cause, rollback=True, because="a stage may take 24 hours")
    return None


def _kept(view: View) -> Said:
    """Green has all that is desired from SCALE_UP on, blue until CLEAN_UP; nothing else is kept once the first stage has begun."""
    green, cleans = view.green, view.stage is LifecycleStage.CLEAN_UP
    if _reached(green, LifecycleStage.SCALE_UP) and green.desired_count != view.desired:
        yield Resize(green, view.desired, because=f"{view.desired} are desired")
    yield from keeping.kept(view.coming)
    if view.blue is not None:
        why = f"{green.id} serves in its place" if cleans else f"it serves beside {green.id}"
        yield from _source(view, view.blue, 0 if cleans else view.desired, why)
    if view.stage is not None:
        for other in view.others:
            yield from _source(view, other, 0, f"{green.id} replaces it")


def _source(view: View, source: ServiceDeployment, target: int, because: str) -> Said:
    if source.desired_count != target:
        yield Resize(source, target, because)
    tasks = keeping.view_of(view.slice, source, target, view.now)
    yield from keeping.kept(tasks)
    if target == 0 and source.desired_count == 0 and tasks.empty and _over(view, source):
        yield Supersede(source, because=f"none of its tasks is left; {view.green.id} goes on")


def _over(view: View, source: ServiceDeployment) -> bool:
    """Blue with nothing desired is blue still, until it is its turn to go."""
    return source is not view.blue or view.stage is LifecycleStage.CLEAN_UP


def _gone_on(view: View, timings: Timings) -> Said:
    """To the next stage when this one is through, at its own pace and at its hooks'."""
    if view.stage is None:
        yield _next(view, because=f"{view.green.id} is to come")
        return
    due = _due(view)
    if view.now < due:
        yield Wait(due, because=f"{view.stage} lasts {(due - view.since) / 60:g} min")
        return
    proven = _proven_at(view, timings)
    if view.now < proven:
        yield Wait(proven, because="a task that ends at once has failed")
        return
    through = _through(view)
    if through is None and view.stage in TIMED:
        yield Wait(view.since + LONGEST_STAGE, because=f"{view.stage} may last 24 hours")
    if through is None or not hooks.all_done(view.slice.hooks):
        return
    if view.stage is LifecycleStage.CLEAN_UP:
        yield Complete(view.slice.service, view.green, because=through)
    else:
        yield _next(view, because=through)


def _due(view: View) -> Instant:
    """Until when the user has the stage last."""
    if view.blue is None:
        return view.since
    if view.stage is LifecycleStage.BAKE_TIME:
        return view.since + strategies.bake(view.green.configuration)
    if view.stage is LifecycleStage.PRODUCTION_TRAFFIC_SHIFT and view.percent(view.green.step) < WHOLE:
        return view.since + strategies.step_bake(view.green.configuration)
    return view.since


def _proven_at(view: View, timings: Timings) -> Instant:
    """When the tasks that have come up have run long enough to be judged, where a circuit breaker judges them."""
    breaker = view.slice.service.spec["deploymentConfiguration"]["deploymentCircuitBreaker"]
    if view.stage is not LifecycleStage.SCALE_UP or not breaker["enable"] or not view.coming.complete:
        return view.since
    started = [task.started_at for task in view.coming.good if task.started_at is not None]
    return max([view.since, *(at + max(timings.steady_after, timings.proven_after) for at in started)])


def _through(view: View) -> str | None:
    """Why the stage is over, apart from its time and its hooks; None as long as it is not."""
    match view.stage:
        case LifecycleStage.RECONCILE_SERVICE:
            return None if view.others else "one revision is left to replace"
        case LifecycleStage.SCALE_UP:
            return f"all {view.desired} of {view.green.id} are healthy" if view.coming.complete else None
        case LifecycleStage.BAKE_TIME:
            return "it has baked" if view.blue else "there was nothing to bake beside"
        case LifecycleStage.CLEAN_UP:
            left = view.blue is not None or view.others or not view.coming.complete
            return None if left else f"all {view.desired} are healthy and no other is left"
        case _:
            return f"{view.stage} is through"


def _next(view: View, because: str) -> Enter:
    """What follows the stage; of the steps each has both stages of the production traffic."""
    stage, step = _following(view)
    production, test = view.green.production_weight or 0.0, view.green.test_weight or 0.0
    shares: tuple[Share, ...] = ()
    match stage:
        case LifecycleStage.RECONCILE_SERVICE | LifecycleStage.PRE_SCALE_UP:
            shares = view.shared(0.0, 0.0)
        case LifecycleStage.TEST_TRAFFIC_SHIFT:
            shares = view.shared(production, WHOLE)
        case LifecycleStage.PRODUCTION_TRAFFIC_SHIFT:
            shares = view.shared(view.percent(step), test)
    return Enter(view.green, stage, because, step=step, shares=shares)


def _following(view: View) -> tuple[LifecycleStage, int]:
    stage, step = view.stage, view.green.step
    if stage is None:
        return (LifecycleStage.RECONCILE_SERVICE if view.others else LifecycleStage.PRE_SCALE_UP), 0
    if stage is LifecycleStage.PRODUCTION_TRAFFIC_SHIFT and step + 1 < len(view.shares):
        return LifecycleStage.PRE_PRODUCTION_TRAFFIC_SHIFT, step + 1
    return tuple(LifecycleStage)[ORDER[stage] + 1], step


# --- where it ends otherwise ----------------------------------------------------------------------------------------


def _stalled(view: View) -> Said:
    """Given up, and not rolled back: green gets no more tasks, and what else there is runs on."""
    for source in (*([view.blue] if view.blue else ()), *view.others):
        target = min(source.desired_count, view.desired)
        yield from keeping.kept(keeping.view_of(view.slice, source, target, view.now))
    number = min(len(view.coming.good), view.desired)
    yield from keeping.scaled_in(keeping.view_of(view.slice, view.green, number, view.now))


def _back(slice: ServiceSlice, failed: ServiceDeployment, now: Instant, timings: Timings) -> Said:
    """Blue is made whole where something of it has gone, the traffic goes back to it, the hooks hear of it; then green goes.

    A hook that says no on the way back changes nothing.
    """
    blue, desired = slice.deployments[0], slice.service.desired_count
    serving = keeping.view_of(slice, blue, desired, now)
    told = [hook for hook in slice.hooks if hook.step == hooks.BACK]
    if not (failed.production_weight or failed.test_weight) and hooks.all_done(told):
        yield from rolling.decide(slice, now, timings)
        return
    if blue.desired_count != desired:
        yield Resize(blue, desired, because=f"{failed.id} is rolled back")
    yield from keeping.kept(serving)
    yield from hooks.pursued(told, failed, slice.deployments, now)
    if not hooks.all_done(told):
        return
    if failed.production_weight:
        if serving.complete:
            shares = Share(failed, 0.0, failed.test_weight or 0.0), Share(blue, WHOLE, 0.0)
            yield _returned(failed, LifecycleStage.PRODUCTION_TRAFFIC_SHIFT, shares)
    elif failed.test_weight:
        shares = Share(failed, 0.0, 0.0), Share(blue, WHOLE, WHOLE)
        yield _returned(failed, LifecycleStage.TEST_TRAFFIC_SHIFT, shares)


def _returned(failed: ServiceDeployment, stage: LifecycleStage, shares: tuple[Share, ...]) -> Enter:
    return Enter(failed, stage, because="it is rolled back", step=hooks.BACK, shares=shares)
