"""BLUE_GREEN, LINEAR and CANARY: what may be asked of a deployment that shifts traffic, and in which shares it does.

Source: DeploymentConfiguration, DeploymentLifecycleHook, LinearConfiguration and CanaryConfiguration in the ECS API reference;
"Amazon ECS blue/green deployments" and its "Troubleshooting" in the developer guide.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ecs_emulator.records.services import LifecycleStage
from ecs_emulator.rules.errors import InvalidParameterException, UnsupportedFeatureException

Params = Mapping[str, Any]
Document = dict[str, Any]

ROLLING, BLUE_GREEN, LINEAR, CANARY = "ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"
STRATEGIES = (ROLLING, BLUE_GREEN, LINEAR, CANARY)
STEPPED = {
    LINEAR: ("linearConfiguration", {"stepPercent": 10.0, "stepBakeTimeInMinutes": 6}),
    CANARY: ("canaryConfiguration", {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}),
}
"""The strategies with steps: where their settings are, and what these are unless given."""
LEAST_PERCENT = {LINEAR: 3.0, CANARY: 0.1}
PAUSE, LAMBDA = "PAUSE", "AWS_LAMBDA"
MOST_HOOKS = 10
"""Of each kind, in one service."""
HOOK_MINUTES = {PAUSE: 20_160, LAMBDA: 1_440}
"""The longest time that a hook may take."""
USUAL_HOOK_MINUTES = 1_440
UNPAUSED = (LifecycleStage.TEST_TRAFFIC_SHIFT, LifecycleStage.PRODUCTION_TRAFFIC_SHIFT)
"""Stages at which no PAUSE hook may be."""
HOOKED = tuple(
    one
    for one in LifecycleStage
    if one not in (LifecycleStage.SCALE_UP, LifecycleStage.BAKE_TIME, LifecycleStage.CLEAN_UP)
)
"""Stages at which a hook may be."""
RULE = re.compile(r"arn:[^:]+:elasticloadbalancing:[^:]*:[^:]*:(listener-rule/app/.+|listener/net/.+)")
"""What shifts traffic: a rule of an Application Load Balancer, a listener of a Network Load Balancer."""


# --- what follows from a configuration ------------------------------------------------------------------------------


def shares(configuration: Params) -> tuple[float, ...]:
    """The percentages of production traffic that the new revision is given, one after another.

    BLUE_GREEN goes to 100 at once; CANARY at 5 % to 5 and 100; LINEAR at 30 % to 30, 60, 90 and 100.
    """
    match configuration.get("strategy"):
        case "CANARY":
            first = float(configuration["canaryConfiguration"]["canaryPercent"])
            return (first, 100.0) if first < 100 else (100.0,)
        case "LINEAR":
            tenths = round(configuration["linearConfiguration"]["stepPercent"] * 10)
            return (*(at / 10 for at in range(tenths, 1000, tenths)), 100.0)
        case _:
            return (100.0,)


def step_bake(configuration: Params) -> float:
    """Seconds between two steps."""
    match configuration.get("strategy"):
        case "CANARY":
            return 60.0 * float(configuration["canaryConfiguration"]["canaryBakeTimeInMinutes"])
        case "LINEAR":
            return 60.0 * float(configuration["linearConfiguration"]["stepBakeTimeInMinutes"])
        case _:
            return 0.0


def bake(configuration: Params) -> float:
    """Seconds that old and new run side by side when all traffic has shifted."""
    return 60.0 * float(configuration.get("bakeTimeInMinutes") or 0)


def hooks_at(configuration: Params, stage: LifecycleStage) -> list[Document]:
    return [one for one in configuration.get("lifecycleHooks") or () if stage in (one.get("lifecycleStages") or ())]


def hook_seconds(hook: Params) -> float:
    """How long a hook may take."""
    minutes = (hook.get("timeoutConfiguration") or {}).get("timeoutInMinutes") or USUAL_HOOK_MINUTES
    return 60.0 * float(minutes)


def timeout_action(hook: Params) -> str:
    return str((hook.get("timeoutConfiguration") or {}).get("action") or "ROLLBACK")


def target_groups(spec: Params, serving: Collection[str]) -> tuple[str, ...]:
    """Of load balancers with two target groups each those that a new revision is to have: where traffic shifts, the ones not in use.

    The first revision has blue, the second green, the third blue again; a rolling update stays where it is.
    """
    shifts = spec["deploymentConfiguration"]["strategy"] != ROLLING
    found: list[str] = []
    for balancer in spec.get("loadBalancers") or ():
        if not (advanced := balancer.get("advancedConfiguration")):
            return ()
        groups = (balancer["targetGroupArn"], advanced["alternateTargetGroupArn"])
        used = next((one for one in groups if one in serving), None)
        found.append(next(one for one in groups if used is None or (one != used if shifts else one == used)))
    return tuple(found)


# --- what is asked for ----------------------------------------------------------------------------------------------


def completed(merged: Params, asked: Params) -> Document:
    """A configuration with the defaults of its strategy, and without what is left of another one."""
    strategy = merged.get("strategy") or ROLLING
    found = {**merged, "strategy": strategy}
    for name, (member, defaults) in STEPPED.items():
        if name == strategy:
            found[member] = {**defaults, **_given(merged.get(member))}
        elif not asked.get(member):
            found.pop(member, None)
    if strategy == ROLLING and not asked.get("lifecycleHooks"):
        found.pop("lifecycleHooks", None)
    if strategy != ROLLING and not asked.get("earlySuccessCriteria"):
        found.pop("earlySuccessCriteria", None)
    if found.get("lifecycleHooks"):
        found["lifecycleHooks"] = [{"targetType": LAMBDA, **_given(one)} for one in found["lifecycleHooks"]]
    return found


def _given(value: Params | None) -> Document:
    return {name: each for name, each in (value or {}).items() if each is not None}


def refuse(configuration: Params, asked: Params, present: Params | None) -> None:
    """`configuration`: as it would be; `asked`: the words of the request; `present`: as it is, None for a new service."""
    strategy = configuration["strategy"]
    if strategy not in STRATEGIES:
        raise InvalidParameterException(f"deployment strategy should be one of [{','.join(STRATEGIES)}]")
    for name, (member, _) in STEPPED.items():
        if asked.get(member) and strategy != name:
            raise InvalidParameterException(f"{member} is only valid when the deployment strategy is {name}.")
    unsaid = present is None or present.get("strategy") != BLUE_GREEN
    if strategy == BLUE_GREEN and unsaid and asked.get("bakeTimeInMinutes") is None:
        raise InvalidParameterException("bakeTimeInMinutes is required when the deployment strategy is BLUE_GREEN.")
    _refuse_minutes("bakeTimeInMinutes", configuration.get("bakeTimeInMinutes") or 0)
    _refuse_steps(configuration)
    _refuse_early_success(configuration)
    _refuse_alarms(configuration.get("alarms") or {})
    _refuse_hooks(configuration)


def refuse_daemon(scheduling_strategy: str | None, configuration: Params) -> None:
    if scheduling_strategy == "DAEMON" and configuration["strategy"] != ROLLING:
        raise InvalidParameterException(
            f"The daemon scheduling strategy does not support the {configuration['strategy']} deployment strategy. "
            "Change the deployment strategy and try again"
        )


def _refuse_minutes(name: str, minutes: int) -> None:
    if not 0 <= minutes <= 1_440:
        raise InvalidParameterException(f"{name} must be between 0 and 1440.")


def _refuse_steps(configuration: Params) -> None:
    strategy = configuration["strategy"]
    if strategy not in STEPPED:
        return
    member, _ = STEPPED[strategy]
    for name, value in configuration[member].items():
        if name.endswith("InMinutes"):
            _refuse_minutes(name, value)
            continue
        least = LEAST_PERCENT[strategy]
        if not least <= value <= 100 or abs(value * 10 - round(value * 10)) > 1e-6:
            raise InvalidParameterException(f"{name} must be a multiple of 0.1 between {least} and 100.0.")


def _refuse_early_success(configuration: Params) -> None:
    criteria = configuration.get("earlySuccessCriteria") or {}
    if not criteria.get("enable"):
        return
    if configuration["strategy"] != ROLLING:
        raise InvalidParameterException("earlySuccessCriteria is only valid when the deployment strategy is ROLLING.")
    healthy, cleanup = criteria.get("healthyPercent"), criteria.get("sourceServiceRevisionCleanup")
    if healthy is None or cleanup is None:
        raise InvalidParameterException(
            "healthyPercent and sourceServiceRevisionCleanup are required when earlySuccessCriteria is enabled."
        )
    if cleanup not in ("BLOCKING", "DEFERRED"):
        raise InvalidParameterException("sourceServiceRevisionCleanup should be one of [BLOCKING,DEFERRED]")
    if not configuration["minimumHealthyPercent"] <= healthy <= 100:
        raise InvalidParameterException("healthyPercent must be between minimumHealthyPercent and 100.")


def _refuse_alarms(alarms: Params) -> None:
    if alarms.get("enable") and not alarms.get("alarmNames"):
        raise InvalidParameterException("alarmNames can not be empty when deployment alarms are enabled.")


# --- hooks ----------------------------------------------------------------------------------------------------------

HOOK_REFUSALS: tuple[tuple[Callable[[Params], bool], str], ...] = (
    (lambda hook: hook["targetType"] not in (PAUSE, LAMBDA), "targetType should be one of [AWS_LAMBDA,PAUSE]"),
    (lambda hook: not hook.get("lifecycleStages"), "lifecycleStages can not be empty."),
    (
        lambda hook: any(one not in HOOKED for one in hook["lifecycleStages"]),
        f"lifecycleStages should be one of [{','.join(HOOKED)}]",
    ),
    (
        lambda hook: hook["targetType"] == LAMBDA and not hook.get("hookTargetArn"),
        "hookTargetArn is required for lifecycle hooks of type AWS_LAMBDA.",
    ),
    (
        lambda hook: hook["targetType"] == LAMBDA and not hook.get("roleArn"),
        "roleArn is required for lifecycle hooks of type AWS_LAMBDA.",
    ),
    (
        lambda hook: hook["targetType"] == PAUSE and bool(hook.get("hookTargetArn") or hook.get("roleArn")),
        "hookTargetArn and roleArn are not allowed for lifecycle hooks of type PAUSE.",
    ),
    (
        lambda hook: hook["targetType"] == PAUSE and any(one in UNPAUSED for one in hook["lifecycleStages"]),
        "PAUSE hooks cannot be configured at TEST_TRAFFIC_SHIFT or PRODUCTION_TRAFFIC_SHIFT stages.",
    ),
    (lambda hook: not isinstance(hook.get("hookDetails") or {}, dict), "hookDetails must be a JSON object."),
    (
        lambda hook: timeout_action(hook) not in ("CONTINUE", "ROLLBACK"),
        "timeoutConfiguration action should be one of [ROLLBACK,CONTINUE]",
    ),
    (
        lambda hook: not 60 <= hook_seconds(hook) <= 60 * HOOK_MINUTES[hook["targetType"]],
        "timeoutInMinutes must be between 1 and 20160 for PAUSE hooks, and between 1 and 1440 for AWS_LAMBDA hooks.",
    ),
)
"""What is wrong with one hook; the first that is so is said."""


def _refuse_hooks(configuration: Params) -> None:
    hooks = configuration.get("lifecycleHooks") or ()
    if hooks and configuration["strategy"] == ROLLING:
        raise InvalidParameterException("lifecycleHooks are not supported when the deployment strategy is ROLLING.")
    for hook in hooks:
        for applies, text in HOOK_REFUSALS:
            if applies(hook):
                raise InvalidParameterException(text)
    for kind, number in Counter(hook["targetType"] for hook in hooks).items():
        if number > MOST_HOOKS:
            raise InvalidParameterException(f"lifecycleHooks can have at most {MOST_HOOKS} hooks of type {kind}.")


def refuse_uncallable(configuration: Params, callable_arns: Collection[str]) -> None:
    """There is no Lambda here: a hook of that kind needs a URL of the user's that answers in its place."""
    for hook in configuration.get("lifecycleHooks") or ():
        arn = hook.get("hookTargetArn")
        if hook["targetType"] == LAMBDA and arn not in callable_arns:
            raise UnsupportedFeatureException(
                f"There is no Lambda in this emulator. Start it with --hook {arn}=<http URL> to have the lifecycle hook answered there."
            )


# --- load balancers -------------------------------------------------------------------------------------------------


def refuse_load_balancers(spec: Params) -> None:
    """`spec`: a service's, with its deploymentConfiguration whole."""
    balancers: Sequence[Params] = spec.get("loadBalancers") or ()
    if not balancers:
        return
    classic = [bool(one.get("loadBalancerName")) for one in balancers]
    advanced = [bool(one.get("advancedConfiguration")) for one in balancers]
    if any(one != other for one, other in pairwise(classic)):
        raise InvalidParameterException(
            "All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)"
        )
    if classic[0] and any(advanced):
        raise InvalidParameterException("advancedConfiguration field is not allowed with ELBv1 loadBalancers")
    if any(one != other for one, other in pairwise(advanced)):
        raise InvalidParameterException(
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined"
        )
    if advanced[0]:
        _refuse_advanced(balancers)
    elif spec["deploymentConfiguration"]["strategy"] != ROLLING:
        raise InvalidParameterException(
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy"
        )


def _refuse_advanced(balancers: Sequence[Params]) -> None:
    if not all(one.get("targetGroupArn") for one in balancers):
        raise InvalidParameterException("targetGroupArn is required for loadBalancers with advancedConfiguration.")
    settings = [one["advancedConfiguration"] for one in balancers]
    for each in settings:
        for member in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
            if not each.get(member):
                raise InvalidParameterException(f"advancedConfiguration {member} can not be blank.")
        for member in ("productionListenerRule", "testListenerRule"):
            arn = each.get(member)
            if arn and not RULE.fullmatch(arn):
                raise InvalidParameterException(
                    f"{member} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {arn}"
                )
    both = {each["productionListenerRule"] for each in settings} & {each.get("testListenerRule") for each in settings}
    if both:
        raise InvalidParameterException(
            f"The following rules cannot be used as both production and test listener rules: {', '.join(sorted(both))}"
        )
    groups = Counter(
        [one["targetGroupArn"] for one in balancers] + [each["alternateTargetGroupArn"] for each in settings]
    )
    for arn, number in groups.items():
        if number > 1:
            raise InvalidParameterException(f"Duplicate targetGroupArn found: {arn}")
