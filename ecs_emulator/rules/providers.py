"""A capacity provider of the user's own: what its request may say, and what a cluster gets attached through it.

Source: CreateCapacityProvider, AutoScalingGroupProvider and ManagedInstancesProvider in the ECS API reference; "Configuring
Amazon ECS capacity providers to safely shut down instances" in the developer guide; recorded refusals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecs_emulator.config import Instances
from ecs_emulator.ids import Ids
from ecs_emulator.records.capacity_providers import CapacityProvider, CapacityProviderStatus
from ecs_emulator.rules import tags
from ecs_emulator.rules.errors import ClientException, InvalidParameterException

Params = Mapping[str, Any]
Document = dict[str, Any]

NAME = re.compile(r"(?!aws|ecs|fargate)[a-z0-9\-_]{1,255}", re.IGNORECASE | re.ASCII)
MANAGED_SCALING = {
    "status": "DISABLED",
    "targetCapacity": 100,
    "minimumScalingStepSize": 1,
    "maximumScalingStepSize": 10000,
    "instanceWarmupPeriod": 300,
}
GROUP = {
    "managedScaling": MANAGED_SCALING,
    "managedTerminationProtection": "DISABLED",
    "managedDraining": "ENABLED",
}
LONGEST_IDLE = 3600
SCALING = "ecs-emulator.scaling"
"""The tag by which a provider says whether its Auto Scaling group is simulated."""
SWITCH = ("ENABLED", "DISABLED")
DRAINING_HOOK = "ecs-managed-draining-termination-hook"

BAD_NAME = (
    "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and "
    'lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "aws", "ecs", or "fargate". '
    "Specify a valid name and try again."
)
BAD_STEPS = (
    "The minimum or maximum scaling step size value is invalid. Specify a minimum scaling step size value that is less "
    "than or equal to the maximum scaling step size value and try again."
)
UNSCALED = (
    "The managed termination protection setting for the capacity provider is invalid. To enable managed termination "
    "protection for a capacity provider, managed scaling must be enabled."
)

GROUP_ENUMS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("managedScaling", "status"), SWITCH),
    (("managedTerminationProtection",), SWITCH),
    (("managedDraining",), SWITCH),
)
MANAGED_ENUMS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("instanceLaunchTemplate", "monitoring"), ("BASIC", "DETAILED")),
    (("instanceLaunchTemplate", "capacityOptionType"), ("ON_DEMAND", "SPOT", "RESERVED")),
    (("propagateTags",), ("CAPACITY_PROVIDER", "NONE")),
    (("autoRepairConfiguration", "actionsStatus"), SWITCH),
)


# --- what is asked for ----------------------------------------------------------------------------


def refuse_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ClientException(BAD_NAME)


def auto_scaling_group(asked: Params, present: Params = GROUP) -> Document:
    """`autoScalingGroupProvider` as echoed: what is given over what is there, inside `managedScaling` as well; checked.

    The Auto Scaling group itself is not known here: that its instances are protected from scale-in is taken on trust.
    """
    _refuse_enums(asked, GROUP_ENUMS)
    scaling = {**present["managedScaling"], **(asked.get("managedScaling") or {})}
    merged = {**present, **asked, "managedScaling": scaling}
    if scaling["minimumScalingStepSize"] > scaling["maximumScalingStepSize"]:
        raise ClientException(BAD_STEPS)
    if merged["managedTerminationProtection"] == "ENABLED" and scaling["status"] != "ENABLED":
        raise ClientException(UNSCALED)
    return merged


def group_name(reference: str) -> str:
    """The name of an Auto Scaling group, of a name or an ARN."""
    return reference.rpartition("autoScalingGroupName/")[2]


def managed_instances(asked: Params, present: Params | None = None) -> Document:
    """`managedInstancesProvider` as echoed: the launch template's members that are not given stay."""
    _refuse_enums(asked, MANAGED_ENUMS)
    idle = (asked.get("infrastructureOptimization") or {}).get("scaleInAfter")
    if idle is not None and not -1 <= idle <= LONGEST_IDLE:
        raise InvalidParameterException(f"scaleInAfter must be between -1 and {LONGEST_IDLE}")
    known = present or {}
    template = {**known.get("instanceLaunchTemplate", {}), **asked["instanceLaunchTemplate"]}
    return {**known, **asked, "instanceLaunchTemplate": template}


def brings_machines(provider: CapacityProvider) -> bool:
    """Whether a task that finds no room waits for a machine that the provider is to bring."""
    group = provider.spec.get("autoScalingGroupProvider")
    return group is None or group["managedScaling"]["status"] == "ENABLED"


def is_simulated(provider: CapacityProvider, instances: Instances) -> bool:
    """Whether its Auto Scaling group is simulated: it scales, and machines come of themselves here, or its own tag says so.

    The tag `ecs-emulator.scaling` says `simulated` or `none`, whatever `--instances` is.
    """
    group = provider.spec.get("autoScalingGroupProvider")
    if group is None or group["managedScaling"]["status"] != "ENABLED":
        return False
    if provider.status is not CapacityProviderStatus.ACTIVE:
        return False
    said = provider.tags.get(SCALING)
    return said == "simulated" if said is not None else instances is Instances.ON_DEMAND


def _refuse_enums(asked: Params, enums: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
    for path, allowed in enums:
        value: Any = asked
        for member in path:
            value = (value or {}).get(member)
        if value is not None and value not in allowed:
            raise InvalidParameterException(f"{path[-1]} should be one of [{','.join(allowed)}]")


# --- what is shown --------------------------------------------------------------------------------


def document(provider: CapacityProvider, *, shown_tags: bool) -> Document:
    found: Document = {
        "capacityProviderArn": provider.arn,
        "name": provider.name,
        "status": provider.status,
        "type": provider.type,
        "updateStatus": provider.update_status,
        "tags": tags.document(provider.tags) if shown_tags else [],
        **provider.spec,
    }
    if provider.cluster_arn is not None:
        found["cluster"] = provider.cluster_arn.rpartition("/")[2]
    return found


# --- what a cluster gets --------------------------------------------------------------------------


def attachments(providers: Iterable[CapacityProvider], present: Sequence[Document], ids: Ids) -> list[Document]:
    """The cluster's attachments through these providers; those that are `present` stay what they are.

    Managed scaling is attached as a scaling policy, managed draining as a lifecycle hook of the group.
    """
    known = {(each["type"], each["details"][0]["value"]): each for each in present}
    found = []
    for provider in providers:
        for kind in _attached(provider):
            found.append(known.get((kind, provider.name)) or _attachment(kind, provider.name, ids))
    return found


def _attached(provider: CapacityProvider) -> list[str]:
    group = provider.spec.get("autoScalingGroupProvider")
    if group is None:
        return []
    switches = (("as_policy", group["managedScaling"]["status"]), ("managed_draining", group["managedDraining"]))
    return [kind for kind, switch in switches if switch == "ENABLED"]


def _attachment(kind: str, name: str, ids: Ids) -> Document:
    policy = f"ECSManagedAutoScalingPolicy-{ids.uuid('scaling-policy')}"
    scaled = kind == "as_policy"
    return {
        "id": ids.uuid("cluster-attachment"),
        "type": kind,
        "status": "CREATED",
        "details": [
            {"name": "capacityProviderName", "value": name},
            {"name": "scalingPolicyName", "value": policy}
            if scaled
            else {"name": "autoScalingLifecycleHookName", "value": DRAINING_HOOK},
        ],
    }


def as_changed(now: Sequence[Document], before: Sequence[Document]) -> list[Document]:
    """The attachments as the change that makes them answers: a new one is only about to be."""
    known = {each["id"] for each in before}
    return [each if each["id"] in known else {**each, "status": "PRECREATED"} for each in now]
