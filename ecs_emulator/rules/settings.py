"""Account settings: their names, what they may be, and what they are where nobody set them.

A principal's own setting wins over the account's default (which is the root user's own), and that over ECS's.
Source: "Access Amazon ECS features with account settings" in the developer guide; PutAccountSetting in the API
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecs_emulator import arns
from ecs_emulator.arns import World
from ecs_emulator.records.settings import AccountSetting
from ecs_emulator.store import Transaction

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


def principal_of(caller_arn: str) -> str:
    """Whose settings hold for a caller: the session of a role counts as the role, anybody else as himself."""
    arn = arns.parse(caller_arn)
    kind, _, name = ("", "", "") if arn is None else arn.resource.partition("/")
    if arn is None or kind != "assumed-role":
        return caller_arn
    return f"arn:{arn.partition}:iam::{arn.account}:role/{name.partition('/')[0]}"


def value_for(tx: Transaction, world: World, name: str, caller_arn: str) -> str:
    """What the setting is for this caller in this account and region."""
    principal_arn = principal_of(caller_arn)
    whose = {principal_arn, world.root_arn}
    found = tx.find(AccountSetting, account=world.account, region=world.region, principal_arn=whose, name=name)
    explicit = {(each.principal_arn, each.name): each.value for each in found}
    return effective(name, principal_arn, world.root_arn, explicit).value
