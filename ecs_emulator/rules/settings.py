"""Account settings: their names, what they may be, and what they are where nobody set them.

A principal's own setting wins over the account's default (which is the root user's own), and that over ECS's.
Source: "Access Amazon ECS features with account settings" in the developer guide; PutAccountSetting in the API
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ENABLED = ("enabled", "disabled")
ON = ("on", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """One name: the values it takes, and the one it has until somebody says otherwise."""

    name: str
    values: tuple[str, ...]
    default: str
    managed: bool = False
    """AWS alone changes it (`type` aws_managed)."""
    root_only: bool = False

    @property
    def type(self) -> str:
        return "aws_managed" if self.managed else "user"


LONG_ARN_FORMATS = ("serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat")
"""Since April 2021 nobody can opt out of these."""

SETTINGS: Mapping[str, Setting] = {
    each.name: each
    for each in (
        *(Setting(name, ENABLED, "enabled") for name in LONG_ARN_FORMATS),
        Setting("awsvpcTrunking", ENABLED, "disabled"),
        Setting("containerInsights", (*ENABLED, "enhanced"), "disabled"),
        Setting("dualStackIPv6", ENABLED, "enabled"),
        Setting("fargateFIPSMode", (*ENABLED, *ON), "disabled"),
        Setting("tagResourceAuthorization", ON, "on"),
        Setting("fargateTaskRetirementWaitPeriod", ("0", "7", "14"), "7", root_only=True),
        Setting("guardDutyActivate", ON, "off", managed=True),
        Setting("defaultLogDriverMode", ("blocking", "non-blocking"), "non-blocking"),
        Setting("fargateEventWindows", ENABLED, "disabled"),
    )
}


@dataclass(frozen=True, slots=True)
class Effective:
    """A value, and whose it is."""

    name: str
    value: str
    principal_arn: str


def effective(name: str, principal_arn: str, root_arn: str, explicit: Mapping[tuple[str, str], str]) -> Effective:
    """What the setting is for a principal; `explicit` maps (principal ARN, name) to what was set."""
    for whose in (principal_arn, root_arn):
        if (value := explicit.get((whose, name))) is not None:
            return Effective(name, value, whose)
    return Effective(name, SETTINGS[name].default, root_arn)
